/* test_cli_compare.c: `compare` and `history` as a user meets them: exit codes, output, builds measured by turns. The
 * builds are scripts that answer `bench` with a row of a known speed, so that what is found is known too. */
#include "cli_util.h"

#include "made_session.h"

static rb_text csv;

/* Sessions a (1000 samples per second) and b (`percent` of it). */
static void make_pair(int percent) {
    made_begin(folder, "a", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, (made){.provider = "own onednn"}, 1000, 7);
    made_write(folder, "a", "runs.csv", csv.data);
    made_begin(folder, "b", &csv);
    made_arm(&csv, (made){.commit = "bbbbbbbbbbbb"}, 10.0 * percent, 7);
    made_arm(&csv, (made){.commit = "bbbbbbbbbbbb", .provider = "own onednn"}, 1000, 7);
    made_write(folder, "b", "runs.csv", csv.data);
}

/* A program `name` that answers `bench CASE ..` with one row at a time of speed around `level`, and notes its turn. */
static void make_build(const char *name, double level) {
    char path[256];
    rb_text script = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0777);
    made m = {.name = "CASE", .speed = 12345.5, .env_id = "e11111111111"};
    rb_row row;
    rb_text header = {0}, line = {0};
    made_row(&m, &row);
    rb_csv_header(RB_TABLE_runs, &header);
    rb_csv_row(&row, &line);
    rb_row_end(&row);
    line.data[strcspn(line.data, "\n")] = '\0';
    rb_text_printf(
        &script,
        "#!/bin/sh\n[ \"$1\" = bench ] || exit 2\necho %s >>%s/turns\necho \"$@\" >>%s/flags\n"
        "[ \"$2\" = size/nothing ] && { echo 'regbench: error: unknown case' >&2; exit 2; }\n"
        "while [ \"$1\" != -O ]; do case $1 in size*) case=$1;; esac; shift; done\nmkdir -p \"$2\"\n"
        "printf 'schema_version,env_id,name,value,stable\\n1,e11111111111,compiler,GNU 12,1\\n' >\"$2\"/env.csv\n"
        "n=$(wc -l <%s/turns)\n"
        "speed=$(awk -v n=$n 'BEGIN { printf \"%%.6g\", %.9g * (1 + 0.001 * ((n * 7) %% 19 - 9)) }')\n"
        "echo '%s'\necho '%s' | sed \"s#CASE#$case#; s#12345.5#$speed#\"\n",
        name, folder, folder, folder, level, strtok(header.data, "\n"), line.data);
    made_write(folder, name, "regbench", script.data);
    snprintf(path, sizeof path, "%s/%s/regbench", folder, name);
    assert_int_equal(chmod(path, 0755), 0);
    rb_text_free(&script);
    rb_text_free(&header);
    rb_text_free(&line);
}

static void wrong_words_are_told(void **state) {
    static const struct {
        const char *words, *part;
    } wrong[] = {
        {"", "takes two sessions A and B"},
        {"a", "takes two sessions A and B, or one with --across"},
        {"a b a", "takes two sessions A and B"},
        {"a nowhere", "cannot open nowhere"},
        {"a b --across town", "must be one of device|backend|machine|reg|commit"},
        {"a b --gate faster", "must be one of slower|unclear"},
        {"a b -d cpu", "--device says how to measure"},
        {"a --across machine", "all runs have the same, vm"},
        {"--build a size/mlp", "--build is given twice"},
        {"--build a --build a", "no case given"},
        {"--build a --build a size/mlp", "neither a program, nor a folder with `regbench` in it, nor a commit"},
        {"--build a --build a size/mlp --across device", "--across compares recorded sessions"},
        {"--build a --build a size/mlp --dry-run", "neither --dry-run nor --profile"}};
    (void)state;
    make_pair(100);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(shell("$R compare %s", wrong[i].words), 2);
        assert_has(err, wrong[i].part);
        assert_string_equal(rb_text_string(&out), "");
    }
    assert_int_equal(shell("REGBENCH_DEVICE=cpu $R compare a b -q"), 0); /* meant for other verbs */
}

static void gates_close(void **state) {
    (void)state;
    make_pair(90);
    assert_int_equal(shell("$R compare a b -o csv"), 0); /* no gate: what was found is only told */
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_int_equal(strncmp(rb_text_string(&out), "schema_version,case,kind,across,arm_a,arm_b,", 44), 0);
    assert_has(out, ",slower,");
    assert_int_equal(shell("$R compare a b --gate slower"), 1);
    assert_has(err, "gate: 1 slower");
    assert_int_equal(shell("$R compare b a --gate slower"), 0);
    assert_has(out, ",faster,");
    assert_int_equal(shell("$R compare a a --gate unclear"), 0);
    assert_int_equal(shell("head -n 4 a/runs.csv >few.csv; $R compare few.csv b --gate slower"), 0);
    assert_has(out, ",unclear,");
    assert_int_equal(shell("$R compare few.csv b --gate unclear"), 1);
    assert_int_equal(shell("$R compare a b -o json"), 0);
    assert_has(out, "\"verdict\":\"slower\"");
}

static void tables_keep_kinds_apart(void **state) {
    (void)state;
    make_pair(90);
    assert_int_equal(shell("$R compare a b -o md"), 0);
    assert_has(out, "A: a\nB: b\n");
    const char *own = strstr(out.data, "Same algorithm (own kernels):"), *slower = strstr(out.data, "| slower");
    const char *vendor = strstr(out.data, "Vendor's best (a library's kernels):"), *same = strstr(out.data, "| same");
    assert_true(own && slower && vendor && same && own < slower && slower < vendor && vendor < same);
    assert_int_equal(shell("head -n 4 a/runs.csv >few.csv; $R compare few.csv b -o md --gate slower"), 0);
    assert_has(out, "More data for what is unclear:\n    regbench compare --build 0123456789ab --build bbbbbbbbbbbb");
}

static void damaged_sessions_are_refused(void **state) {
    (void)state;
    make_pair(90);
    made_write(folder, "b", "events.jsonl", "{\"table\":\"runs\",\"row\":{}}\n{\"tab");
    assert_int_equal(shell("ls -l b >before; $R compare a b; code=$?; ls -l b >after; cmp before after && exit $code"),
                     2);
    assert_has(err, "ends in half a line");
    assert_int_equal(shell("$R compare a b/runs.csv -q"), 0);
    assert_int_equal(shell("$R history b"), 2);
    assert_has(err, "ends in half a line");
    /* Another version, another workload, another table. */
    made_write(folder, "a", "session.json", "{\"schema_version\": 2}");
    assert_int_equal(shell("$R compare a b/runs.csv"), 2);
    assert_has(err, "a is the session of a newer regbench");
    assert_int_equal(shell("rm a/session.json"), 0);
    assert_int_equal(shell("sed s/aaaaaaaaaaaa/bbbbbbbbbbbb/ a/runs.csv >other.csv; $R compare a other.csv -o csv"), 2);
    assert_has(err, "none of 2 rows could be compared: another workload_hash");
    assert_int_equal(lines(rb_text_string(&out)), 3); /* row by row */
    assert_int_equal(shell("printf 'schema_version,run_id,epoch\\n1,x,1\\n' >epochs.csv; $R compare a epochs.csv"), 2);
    assert_has(err, "it is no runs.csv of regbench");
    /* Of many sessions one may be damaged, or be written right now: told, and left out. */
    assert_int_equal(shell("rm -rf all; mkdir all; cp -r a b all; $R history all"), 0);
    assert_has(err, "left out: all/b/events.jsonl");
}

static void builds_take_turns(void **state) {
    (void)state;
    make_build("fast", 1000);
    make_build("slow", 950);
    assert_int_equal(
        shell("rm -f turns flags; $R compare --build fast --build slow/regbench size/mlp -d cpu -B 64 -r 10 "
              "-O ab -o csv --gate slower --set x.units=3 --quick"),
        1);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_has(out, ",builds,A: fast,B: slow/regbench,");
    assert_has(out, ",10,10,");
    assert_has(out, ",slower,");
    slurp("turns", &out);
    assert_string_equal(out.data, "fast\nslow\nslow\nfast\nfast\nslow\nslow\nfast\nfast\nslow\nslow\nfast\n"
                                  "fast\nslow\nslow\nfast\nfast\nslow\nslow\nfast\n");
    slurp("flags", &out);
    assert_has(out, "bench size/mlp -r 1 -o csv -q -O ");
    assert_has(out, " --device=cpu --batch=64 ");
    assert_has(out, " --set=x.units=3 ");
    assert_has(out, " --quick");
    /* The session holds both arms, the facts of the builds, and can be compared again. */
    assert_int_equal(shell("$R compare ab -o csv"), 0);
    assert_has(out, ",slower,");
    assert_int_equal(shell("grep -c ',A: fast' ab/runs.csv; grep -c ',B: slow/regbench' ab/runs.csv; "
                           "grep -c '\"table\":\"runs\"' ab/events.jsonl; grep -c e11111111111,compiler ab/env.csv; "
                           "cut -d, -f2 ab/runs.csv | sort -u | wc -l"),
                     0);
    assert_string_equal(out.data, "10\n10\n20\n1\n21\n");
    assert_int_equal(
        shell("ls -d ${TMPDIR:-/tmp}/regbench-compare-* 2>/dev/null | wc -l; $R compare --build fast --build "
              "slow size/mlp -O ab -q"),
        2); /* nothing overwritten */
    assert_has(err, "already holds a session");
}

static void a_build_against_itself(void **state) {
    (void)state;
    make_build("fast", 1000);
    assert_int_equal(shell("$R compare --build fast --build fast size/mlp size/lenet -O self -o csv --gate unclear -q"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_has(out, "size/lenet");
    assert_true(strstr(strstr(out.data, ",same,") + 1, ",same,") != NULL);
}

static void builds_that_fail_are_told(void **state) {
    (void)state;
    make_build("fast", 1000);
    assert_int_equal(shell("$R compare --build fast --build fast size/nothing -O f1"), 2);
    assert_has(err, "build A (");
    assert_has(err, "ended with code 2: regbench: error: unknown case");
    assert_int_equal(shell("mkdir -p dead; printf '#!/bin/sh\\nkill -9 $$\\n' >dead/regbench; chmod +x dead/regbench; "
                           "$R compare --build fast --build dead size/mlp -O f2"),
                     2);
    assert_has(err, "build B (");
    assert_has(err, "ended with code 137");
    assert_int_equal(shell("mkdir -p odd; printf '#!/bin/sh\\necho hello\\n' >odd/regbench; chmod +x odd/regbench; "
                           "$R compare --build odd --build fast size/mlp -O f3"),
                     2);
    assert_has(err, "it is no runs.csv of regbench");
}

/* A repository whose "build" puts the script in place: the commit is built once, out of sight, and left clean. */
static void commits_are_built(void **state) {
    (void)state;
    if (shell("git --version && cmake --version") != 0) {
        print_message("git and cmake are not both here\n");
        skip();
    }
    make_build("fast", 1000);
    assert_int_equal(
        shell(
            "rm -rf repo cache && mkdir repo && cd repo && git init -q && cp ../fast/regbench . && cat >CMakeLists.txt "
            "<<'END'\ncmake_minimum_required(VERSION 3.22)\nproject(x NONE)\nfile(COPY regbench DESTINATION "
            "${CMAKE_BINARY_DIR})\nEND\ngit add . && git -c user.name=a -c user.email=a@b commit -qm one && "
            "sed -i 's/1000 \\*/900 */' regbench && git -c user.name=a -c user.email=a@b commit -qam two"),
        0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(shell("cd repo && XDG_CACHE_HOME=%s/cache $R compare --build HEAD~1 --build HEAD size/mlp -O "
                               "../c%d -o csv --gate slower",
                               folder, again),
                         1);
        assert_has(out, ",slower,");
        assert_int_equal(strstr(rb_text_string(&err), "building commit") != NULL, !again);
    }
    assert_int_equal(shell("ls cache/regbench/builds | grep -vc '\\.log$'; git -C repo worktree list | wc -l; "
                           "git -C repo status --porcelain | wc -l"),
                     0);
    assert_string_equal(out.data, "2\n1\n0\n");
    assert_int_equal(
        shell("cd repo && echo 'message(FATAL_ERROR no)' >>CMakeLists.txt && git -c user.name=a -c "
              "user.email=a@b commit -qam three && XDG_CACHE_HOME=%s/cache $R compare --build HEAD --build "
              "HEAD size/mlp -O ../c2; code=$?; git worktree list | wc -l; exit $code",
              folder),
        2);
    assert_has(err, "cmake ended with code 1; its output is in ");
    assert_string_equal(out.data, "1\n");
}

static void history_of_folders(void **state) {
    (void)state;
    char name[32], started[32];
    assert_int_equal(shell("rm -rf results; mkdir -p results/vm"), 0);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "results/vm/s%d", i);
        snprintf(started, sizeof started, "2026-02-0%dT00:00:00Z", i + 1);
        char commit[16], session[16];
        snprintf(commit, sizeof commit, "c0000000000%d", i);
        snprintf(session, sizeof session, "00000%d", i);
        made_begin(folder, name, &csv);
        made_arm(&csv, (made){.commit = commit, .started = started, .session = session}, i < 4 ? 1000 : 900, 7);
        made_write(folder, name, "runs.csv", csv.data);
    }
    assert_int_equal(shell("$R history -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 7);
    assert_has(out, "c00000000004,000004,7,0,");
    assert_has(out, "slower, confirmed");
    assert_int_equal(shell("$R history results/vm -o md"), 0);
    assert_has(out, "| slower, confirmed |");
    assert_int_equal(shell("$R history --bisect"), 0);
    assert_has(out, "git bisect start c00000000004 c00000000003 && ");
    assert_int_equal(shell("$R history results/vm/s0/runs.csv results/vm/s1 -o json"), 0);
    assert_int_equal(shell("$R history nowhere"), 2);
    assert_has(err, "nowhere");
    assert_int_equal(shell("mkdir -p none; $R history none"), 2);
    assert_has(err, "no sessions with a history in none");
}

static int finish(void **state) {
    rb_text_free(&csv);
    return end(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_words_are_told),      cmocka_unit_test(gates_close),
        cmocka_unit_test(tables_keep_kinds_apart),   cmocka_unit_test(damaged_sessions_are_refused),
        cmocka_unit_test(builds_take_turns),         cmocka_unit_test(a_build_against_itself),
        cmocka_unit_test(builds_that_fail_are_told), cmocka_unit_test(commits_are_built),
        cmocka_unit_test(history_of_folders),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
