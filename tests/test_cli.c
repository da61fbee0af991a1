/* test_cli.c: the program from outside: what it prints, writes and returns. Runs it on the reference backend. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/text.h"
#include "regbench/report.h"

static char folder[64];  /* of this test program, removed at the end */
static rb_text out, err; /* of the last command */

#define SMALL "run size/mlp -d reference --train-size 128 --epochs 1 -B 64"

static void slurp(const char *name, rb_text *text) {
    char path[512], bytes[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    rb_text_clear(text);
    FILE *f = fopen(path, "r");
    if (!f) return;
    while ((n = fread(bytes, 1, sizeof bytes - 1, f)) > 0) {
        bytes[n] = '\0';
        rb_text_append(text, bytes);
    }
    fclose(f);
}

/* Runs `shell` in the test's folder with $R as the program; stdout and stderr go to `out` and `err`. */
static int shell(const char *fmt, ...) RB_PRINTF(1, 2);
static int shell(const char *fmt, ...) {
    char command[4096];
    int n = snprintf(command, sizeof command, "cd %s && { ", folder);
    va_list args;
    va_start(args, fmt);
    n += vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    snprintf(command + n, sizeof command - (size_t)n, "\n} >out 2>err </dev/null");
    int status = system(command);
    slurp("out", &out);
    slurp("err", &err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        if (!strstr(rb_text_string(&(text)), (part))) {                                                                \
            print_message("expected \"%s\" in:\n%s\n", (part), rb_text_string(&(text)));                               \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* --- usage ----------------------------------------------------------------------------------------------------------
 */

static void usage_errors_name_what_and_suggest(void **state) {
    static const struct {
        const char *arguments;
        int code;
        const char *says; /* part of the one line on stderr */
    } cases[] = {
        {"rnu", 2, "did you mean \"run\"?"},
        {"frobnicate", 2, "unknown verb \"frobnicate\""},
        {"run", 2, "needs a case"},
        {"run size/mpl", 2, "did you mean \"size/mlp\"?"},
        {"run 'zzz/*'", 2, "matches no case"},
        {"run size/mlp -d cup", 2, "did you mean \"cpu\"?"},
        {"run size/mlp -d reference:", 2, "reference:"},
        {"run size/mlp -d reference:9", 77, "reference:9"},
        {"bench size/mlp -d reference:9", 77, "reference:9"},
        {"run size/mlp --bacth 3", 2, "did you mean --batch?"},
        {"run size/mlp -z", 2, "unknown flag -z"},
        {"run size/mlp --lr", 2, "--lr needs an argument"},
        {"run size/mlp --lr --seed 1", 2, "--lr needs an argument"},
        {"run size/mlp --batch 0", 2, "--batch \"0\""},
        {"run size/mlp --batch 1e3", 2, "--batch \"1e3\""},
        {"run size/mlp --batch 99999999999", 2, "--batch"},
        {"run size/mlp --batch 64-16", 2, "backwards"},
        {"run size/mlp --batch 1-600000000", 2, "more than"},
        {"run size/mlp --batch 1,,2", 2, "--batch \"\""},
        {"run size/mlp --batch '64-1024*1'", 2, "FACTOR"},
        {"run size/mlp --lr nan", 2, "--lr \"nan\""},
        {"run size/mlp --lr inf", 2, "--lr \"inf\""},
        {"run size/mlp --lr 0", 2, "above 0"},
        {"run size/mlp --lr 1e-60", 2, "--lr \"1e-60\""},
        {"run size/mlp --lr 0.1x", 2, "--lr \"0.1x\""},
        {"run size/mlp --epochs -1", 2, "--epochs \"-1\""},
        {"run size/mlp --momentum 1", 2, "without 1"},
        {"run size/mlp --dropout -0.1", 2, "--dropout"},
        {"run size/mlp --l1 -1", 2, "--l1"},
        {"run size/mlp --seed -1", 2, "--seed"},
        {"run size/mlp --optimizer sgb", 2, "did you mean \"sgd\"?"},
        {"run size/mlp -o cvs", 2, "did you mean \"csv\"?"},
        {"run size/mlp --set hidden1", 2, "NAME=VALUE"},
        {"run size/mlp -d reference --set hiden1.units=3", 2, "hiden1.units"},
        {"run size/mlp --resume", 2, "--out-dir"},
        {"run size/mlp --no-eval=1", 2, "takes no argument"},
        {"run size/mlp --machine ../up", 2, "--machine"},
        {"list --lr 3", 2, "takes no --lr"},
        {"bench size/mlp -r 0", 2, "--repetitions"},
        {"bench size/mlp --verify quik", 2, "did you mean \"quick\"?"},
        {"devices cpu", 2, "takes no \"cpu\""},
        {"summary", 2, "needs a case"},
        {"summary 'size/*'", 2, "takes one case"},
        {"data pth fashion", 2, "did you mean \"path\"?"},
        {"data path fashoin", 2, "did you mean \"fashion\"?"},
        {"data list -o x", 2, "md|csv|json"},
        {"--lr 3", 2, "the verb comes first"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = shell("$R %s", cases[i].arguments);
        if (code != cases[i].code) print_message("regbench %s: %s", cases[i].arguments, rb_text_string(&err));
        assert_int_equal(code, cases[i].code);
        assert_has(err, cases[i].says);
        assert_int_equal(lines(rb_text_string(&err)), 1);
        assert_string_equal(rb_text_string(&out), "");
    }
}

static void without_a_verb_the_help_goes_to_stderr(void **state) {
    (void)state;
    assert_int_equal(shell("$R"), 2);
    assert_has(err, "usage: regbench");
    assert_string_equal(rb_text_string(&out), "");
}

static void the_environment_speaks_and_the_command_line_wins(void **state) {
    (void)state;
    assert_int_equal(shell("REGBENCH_BATCH=0 $R run size/mlp"), 2);
    assert_has(err, "REGBENCH_BATCH \"0\"");
    assert_int_equal(shell("REGBENCH_BATCH=32 REGBENCH_DEVICE=reference $R run size/mlp -n -o csv"), 0);
    assert_has(out, ",32,");
    assert_int_equal(shell("REGBENCH_BATCH=32 $R run size/mlp -d reference -n -o csv -B 16"), 0);
    assert_has(out, ",16,");
    assert_null(strstr(rb_text_string(&out), ",32,"));
    assert_int_equal(shell("REGBENCH_NO_EVAL=maybe $R run size/mlp -d reference -n"), 2);
    assert_has(err, "REGBENCH_NO_EVAL");
}

static void lists_and_ranges_multiply(void **state) {
    (void)state;
    assert_int_equal(shell("$R run 'size/m*' -d reference -n -o csv -s 1-3,7 -B '64-256*2' --lr 0.1 --lr 1 "
                           "--set hidden1.units=8,16"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 4 * 3 * 2 * 2);
    assert_has(out, ",256,");
    assert_has(out, "hidden1.units=16");
    assert_int_equal(shell("$R run size/mlp,size/mlp 'size/ml?' -d reference,reference:0 -n -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2); /* each once */
}

static void help_names_every_flag_of_the_verb(void **state) {
    static const struct {
        const char *verb, *flags[24];
    } verbs[] = {
        {"devices", {"--device", "--output", "--timeout"}},
        {"list", {"--output", "--data"}},
        {"run", {"--device", "--seed",      "--batch",        "--epochs",     "--lr",        "--momentum",
                 "--l1",     "--l2",        "--weight-decay", "--dropout",    "--optimizer", "--train-size",
                 "--set",    "--max-steps", "--no-eval",      "--trajectory", "--threads",   "--provider",
                 "--data",   "--out-dir",   "--machine",      "--resume",     "--dry-run"}},
        {"bench",
         {"--repetitions", "--quick", "--verify", "--batch", "--device", "--out-dir", "--machine", "--output"}},
        {"summary", {"--set"}},
        {"plan", {"--device", "--batch"}},
        {"check", {"--device", "--data", "--timeout"}},
        {"data", {"--data", "--rows", "--columns", "--output"}},
    };
    (void)state;
    assert_int_equal(shell("$R --help"), 0);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) assert_has(out, verbs[v].verb);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        assert_int_equal(shell("$R %s --help", verbs[v].verb), 0);
        assert_has(out, "examples:");
        assert_has(out, "--help");
        for (int f = 0; verbs[v].flags[f]; f++) assert_has(out, verbs[v].flags[f]);
        assert_string_equal(rb_text_string(&err), "");
    }
    assert_int_equal(shell("$R --version"), 0);
    assert_int_equal(strncmp(rb_text_string(&out), "regbench ", 9), 0);
}

/* --- output ---------------------------------------------------------------------------------------------------------
 */

static void csv_is_exactly_header_and_rows(void **state) {
    static const struct {
        const char *arguments;
        rb_table table;
        int rows;
    } cases[] = {
        {SMALL " -s 1,2 -O csv-run -o csv", RB_TABLE_runs, 2},
        {"bench size/mlp -d reference -B 4,8 --train-size 64 --quick -r 2 -O csv-bench -o csv", RB_TABLE_runs, 2},
        {"devices -d reference -o csv", RB_TABLE_devices, 1},
        {"list size/mlp -o csv", RB_TABLE_cases, 1},
    };
    (void)state;
    rb_text header = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("$R %s", cases[i].arguments), 0);
        rb_text_clear(&header);
        rb_csv_header(cases[i].table, &header);
        assert_int_equal(strncmp(rb_text_string(&out), rb_text_string(&header), header.length), 0);
        assert_int_equal(lines(rb_text_string(&out)), 1 + cases[i].rows);
        assert_null(strstr(rb_text_string(&out), "nan"));
    }
    rb_text_free(&header);
}

static void a_run_writes_its_files(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " --trajectory -O files -o md"), 0);
    assert_has(out, "| size/mlp");
    assert_has(out, "precision");
    assert_has(err, "results in files");
    static const struct {
        const char *file;
        int rows;
    } files[] = {{"files/runs.csv", 1}, {"files/epochs.csv", 1}, {"files/steps.csv", 3}, {"files/classes.csv", 10}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        slurp(files[i].file, &out);
        assert_int_equal(lines(rb_text_string(&out)), 1 + files[i].rows);
    }
    slurp("files/env.csv", &out);
    assert_true(lines(rb_text_string(&out)) > 3);
    slurp("files/run.log", &out);
    assert_has(out, "size/mlp on reference");
}

static void max_steps_evaluates_once_after_the_last_step(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference -B 32 --max-steps 2 --trajectory -O steps -o csv"), 0);
    slurp("steps/epochs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    const char *row = strchr(rb_text_string(&out), '\n') + 1;
    assert_non_null(strstr(row, "-0001,1,2,")); /* run_id, epoch, step */
    slurp("steps/steps.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 4);
    row = strchr(rb_text_string(&out), '\n') + 1;
    assert_non_null(strstr(row, "-0001,0,,"));       /* no loss at step 0 ... */
    assert_int_equal(*(strchr(row, '\n') - 1), ','); /* ... and no gradient */
    slurp("steps/classes.csv", &out);
    assert_string_equal(rb_text_string(&out), "");
}

static void resume_skips_what_is_done(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -s 1 -O again -o csv"), 0);
    assert_int_equal(shell("$R " SMALL " -s 1 -O again -o csv"), 2); /* an old session is never overwritten */
    assert_int_equal(shell("$R " SMALL " -s 1,2 -O again -o csv --resume"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_has(err, "1 of 2 items were done before");
    slurp("again/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_int_equal(shell("$R " SMALL " -s 1,2 -O again -o csv --resume"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1);
}

static void summary_and_plan_need_no_device(void **state) {
    (void)state;
    assert_int_equal(shell("$R summary size/lenet"), 0);
    assert_has(out, "61706");
    assert_int_equal(shell("$R summary size/mlp --set hidden1.units=7"), 0);
    assert_has(out, "[-1, 7]");
    assert_int_equal(shell("$R plan size/mlp"), 0);
    assert_has(out, "variant train");
    assert_int_equal(shell("$R plan size/mlp -d reference -B 3"), 0);
    assert_has(out, "batch 3");
}

static void data_shows_a_picture(void **state) {
    (void)state;
    assert_int_equal(shell("$R data list -o csv"), 0);
    assert_has(out, "\nsample,1,28,28,10,");
    assert_int_equal(shell("$R data show sample -o grid.png --rows 2 --columns 3"), 0);
    assert_string_equal(rb_text_string(&out), "grid.png\n");
    assert_int_equal(shell("head -c 4 grid.png | tail -c 3"), 0);
    assert_string_equal(rb_text_string(&out), "PNG");
}

/* --- trouble --------------------------------------------------------------------------------------------------------
 */

static void impossible_runs_are_refused(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference --train-size 1000000 --max-steps 1 -O many -o csv"), 2);
    assert_has(err, "1000000");
    slurp("many/runs.csv", &out);
    assert_has(out, "mismatch"); /* the row says why */
    assert_int_equal(shell("touch plain; $R " SMALL " -O plain/below -o csv"), 2);
    assert_int_equal(lines(rb_text_string(&err)), 1);
    assert_string_equal(rb_text_string(&out), "");
    assert_int_equal(shell("$R " SMALL " -O plain -o csv"), 2);
    if (geteuid() != 0) assert_int_equal(shell("mkdir -m 555 closed; $R " SMALL " -O closed/x -o csv"), 2);
}

static void a_full_disk_is_one_line_and_loses_nothing(void **state) {
    (void)state;
    /* A limit of a few blocks on the size of a file: events.jsonl reaches it in mid-run. */
    assert_int_equal(shell("ulimit -f 48; $R " SMALL " -s 1-9 --trajectory -O full -o csv"), 4);
    assert_has(err, "full/events.jsonl");
    slurp("full/runs.csv", &out);
    const char *text = rb_text_string(&out);
    assert_true(lines(text) >= 2);                  /* the runs before are there */
    assert_int_equal(text[strlen(text) - 1], '\n'); /* and none is cut */
    assert_int_equal(shell("$R list > /dev/full"), 4);
    assert_has(err, "standard output");
}

static void readers_that_leave_early_are_no_error(void **state) {
    (void)state;
    assert_int_equal(shell("{ $R list -o csv; echo $? >code; } | head -n 1 >/dev/null; cat code"), 0);
    assert_string_equal(rb_text_string(&out), "0\n");
    assert_string_equal(rb_text_string(&err), "");
    /* Nobody reads the progress: the run goes on. */
    assert_int_equal(shell("{ $R " SMALL " -O unread -o csv; echo $? >code; } 2>&1 | true; cat code"), 0);
    assert_string_equal(rb_text_string(&out), "0\n");
    slurp("unread/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 2);
}

/* Starts a run that takes minutes, waits until its first step, sends `signals`, returns the exit code. */
static int interrupt(const char *session, const char *signals) {
    return shell("$R run size/mlp -d reference -B 16 --epochs 500 -s 1-2 --trajectory -O %s -o csv & p=$!\n"
                 "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do\n"
                 "  [ -s %s/env.csv ] && break; sleep 0.1; done; sleep 1\n"
                 "%s\nwait $p",
                 session, session, signals);
}

static void ctrl_c_keeps_what_is_done(void **state) {
    (void)state;
    assert_int_equal(interrupt("int", "kill -INT $p"), 130);
    assert_has(err, "--resume");
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_has(out, "interrupted");
    slurp("int/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 2); /* the second seed never began */
    slurp("int/steps.csv", &out);
    assert_int_equal(rb_text_string(&out)[out.length - 1], '\n');
    assert_int_equal(interrupt("term", "kill -TERM $p"), 130);
    assert_int_equal(interrupt("twice", "kill -INT $p; sleep 0.2; kill -INT $p"), 130);
}

static void a_dead_child_is_a_row(void **state) {
    (void)state;
    assert_int_equal(interrupt("crash", "kill -KILL $(ps -o pid= --ppid $p | head -n 1); sleep 0.3; kill -INT $p"),
                     130);
    slurp("crash/runs.csv", &out);
    assert_has(out, ",crash,died by signal 9");
    assert_int_equal(shell("$R run size/mlp -d reference -B 16 --epochs 500 --timeout 0.5 -O late -o csv"), 4);
    assert_has(out, ",timeout,");
}

static void a_dead_parent_takes_its_child_along(void **state) {
    (void)state;
    int code = interrupt("orphan", "c=$(ps -o pid= --ppid $p | head -n 1); kill -KILL $p; sleep 0.5\n"
                                   "case $(ps -o stat= -p $c) in ''|Z*) echo gone;; *) echo alive; kill $c;; esac");
    assert_int_equal(code, 137);
    assert_has(out, "gone");
    /* A dead process's lock does not keep anybody out. */
    assert_int_equal(shell("$R " SMALL " -O orphan -o csv --resume"), 0);
}

static int begin(void **state) {
    (void)state;
    /* What the user has set must not change what is tested. */
    static const char *const mine[] = {"REGBENCH_BATCH", "REGBENCH_DEVICE",  "REGBENCH_SEED",    "REGBENCH_OUTPUT",
                                       "REGBENCH_QUIET", "REGBENCH_VERBOSE", "REGBENCH_OUT_DIR", "REGBENCH_TIMEOUT"};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) unsetenv(mine[i]);
    snprintf(folder, sizeof folder, "/tmp/regbench-cli-XXXXXX");
    setenv("R", REGBENCH_PROGRAM, 1);
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    rb_text_free(&out);
    rb_text_free(&err);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_errors_name_what_and_suggest),
        cmocka_unit_test(without_a_verb_the_help_goes_to_stderr),
        cmocka_unit_test(the_environment_speaks_and_the_command_line_wins),
        cmocka_unit_test(lists_and_ranges_multiply),
        cmocka_unit_test(help_names_every_flag_of_the_verb),
        cmocka_unit_test(csv_is_exactly_header_and_rows),
        cmocka_unit_test(a_run_writes_its_files),
        cmocka_unit_test(max_steps_evaluates_once_after_the_last_step),
        cmocka_unit_test(resume_skips_what_is_done),
        cmocka_unit_test(summary_and_plan_need_no_device),
        cmocka_unit_test(data_shows_a_picture),
        cmocka_unit_test(impossible_runs_are_refused),
        cmocka_unit_test(a_full_disk_is_one_line_and_loses_nothing),
        cmocka_unit_test(readers_that_leave_early_are_no_error),
        cmocka_unit_test(ctrl_c_keeps_what_is_done),
        cmocka_unit_test(a_dead_child_is_a_row),
        cmocka_unit_test(a_dead_parent_takes_its_child_along),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
