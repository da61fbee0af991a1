/* test_cli_trouble.c: the program in trouble: impossible wishes, full disks, readers that leave, signals, deaths. */
#include "cli_util.h"

static void impossible_runs_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *says;
    } cases[] = {
        {"--train-size 1000000", "1000000"},   {"--valid-size 70000", "70000"},
        {"--dataset fashoin", "did you mean"}, {"--dataset cifar", "cifar"}, /* absent, see below */
        {"--provider onw -d cpu", "onw"},      {"--threads 100000000 -d cpu", "thread"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* before a folder is made */
        assert_int_equal(shell("XDG_CACHE_HOME=$PWD REGBENCH_DATA= $R run size/mlp %s --max-steps 1 -O many -o csv "
                               "%s",
                               cases[i].arguments, strstr(cases[i].arguments, "-d cpu") ? "" : "-d reference"),
                         2);
        assert_has(err, cases[i].says);
        assert_int_equal(lines(rb_text_string(&err)), 1);
        assert_int_equal(shell("[ -e many ]"), 1);
    }
    assert_int_equal(shell("touch plain; $R " SMALL " -O plain/below -o csv"), 2);
    assert_int_equal(lines(rb_text_string(&err)), 1);
    assert_string_equal(rb_text_string(&out), "");
    assert_int_equal(shell("$R " SMALL " -O plain -o csv"), 2);
    if (geteuid() != 0) assert_int_equal(shell("mkdir -m 555 closed; $R " SMALL " -O closed/x -o csv"), 2);
}

/* More threads than processors are allowed, and told once, whatever the number of items. */
static void too_many_threads_are_told(void **state) {
    static const char run[] = "$R run size/mlp -d cpu -s 1-2 --train-size 512 --valid-size 512 --max-steps 1 -o csv";
    (void)state;
    assert_int_equal(shell("%s -O many -t $(($(nproc) + 1))", run), 0);
    assert_has(err, "more than the");
    assert_has(err, "leave -t out");
    assert_null(strstr(strstr(rb_text_string(&err), "more than the") + 1, "more than the"));
    assert_int_equal(shell("%s -O few -t 1", run), 0);
    assert_null(strstr(rb_text_string(&err), "more than the"));
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
    assert_has(err, "--resume");
}

static void stdout_that_cannot_be_written(void **state) {
    static const char *const full[] = {"list",
                                       "plan size/mlp",
                                       "plan resnet/plain -B 2,4",
                                       "summary size/mlp",
                                       "devices -d reference",
                                       "data list",
                                       "run --help",
                                       "--version"};
    (void)state;
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        int code = shell("$R %s > /dev/full", full[i]);
        if (!strncmp(full[i], "plan resnet", 11) && code == 2) continue;
        assert_int_equal(code, 4);
        assert_has(err, "no room to write standard output");
        assert_null(strstr(rb_text_string(&err), "--resume")); /* there is nothing to go on with */
        assert_int_equal(shell("$R %s >&-", full[i]), 2);
        assert_has(err, "cannot write standard output");
    }
}

static void an_old_session_is_told_apart(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -O old -o csv"), 0);
    assert_int_equal(shell("$R " SMALL " -O old -o csv"), 2);
    assert_has(err, "--resume");
    assert_int_equal(shell("$R bench size/mlp -d reference --quick -r 1 -O old -o csv"), 2);
    assert_has(err, "already holds a session");
    assert_has(err, "--resume");
}

static void what_cannot_be_checked_is_told(void **state) {
    (void)state;
    assert_int_equal(shell("$R check size/mlp -d reference -s 1,2 -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 5); /* header, ops, shapes, a row for each seed */
    assert_has(out, ",size/mlp,1,20,0,");
    assert_has(out, ",size/mlp,2,20,0,");
    assert_has(err, "4 agreed, 0 skipped, 0 failed");
    /* A set that is not here: asked for by name it is an error, else it is skipped; told in both cases. */
    const char *alone = "XDG_CACHE_HOME=$PWD REGBENCH_DATA=";
    int code = shell("%s $R data path cifar", alone);
    if (code == 0) return; /* Debian's package is installed */
    assert_int_equal(shell("%s $R check cnn/cifar -d reference -o csv", alone), 2);
    assert_has(out, "1,reference,cnn/cifar,2021,,,,skipped,");
    assert_has(err, "2 agreed, 1 skipped, 0 failed");
    assert_has(err, "data fetch cifar");
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

/* More than one buffer of text: here the first write fails in the middle. */
static void long_output_is_no_exception(void **state) {
    (void)state;
    assert_int_equal(shell("$R run toy/regression -d reference --trajectory --max-steps 3000 --no-plots -O long"), 0);
    assert_int_equal(shell("$R export -o csv --table steps long"), 0);
    assert_true(out.length > 100000);
    assert_int_equal(shell("$R export -o csv --table steps long >/dev/full"), 4);
    assert_has(err, "no room to write standard output");
    assert_int_equal(shell("{ $R export -o csv --table steps long; echo $? >code; } | head -n 1; cat code"), 0);
    assert_has(out, "\n0\n");
    assert_string_equal(rb_text_string(&err), "");
}

/* A closed stream's number must not become that of a file of the session, or of a child's pipe. */
static void closed_streams_hurt_nobody(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -O no-out -o csv >&-"), 2);
    assert_has(err, "cannot write standard output");
    assert_int_equal(shell("$R " SMALL " -O nothing -o csv <&- >&- 2>&-"), 2);
    assert_int_equal(shell("$R " SMALL " -O no-err -o csv 2>&- <&-"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    for (int i = 0; i < 3; i++) {
        static const char *const folders[] = {"no-out", "nothing", "no-err"};
        assert_int_equal(shell("cd %s && grep -c . runs.csv && ! grep -v '^{' events.jsonl", folders[i]), 0);
        assert_string_equal(rb_text_string(&out), "2\n");
        assert_int_equal(shell("$R export -o csv %s | cut -d, -f4", folders[i]), 0);
        assert_string_equal(rb_text_string(&out), "status\nok\n");
    }
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
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_has(out, "interrupted");
    /* The line to go on with is one that a shell takes: here with a blank in the folder's name. */
    assert_int_equal(interrupt("'go on'", "kill -INT $p"), 130);
    assert_has(err, " run --resume size/mlp -d reference -B 16 --epochs 500 -s 1-2 --trajectory -O 'go on' -o csv\n");
    assert_has(err, REGBENCH_PROGRAM);
    slurp("int/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 2); /* the second seed never began */
    slurp("int/steps.csv", &out);
    assert_int_equal(rb_text_string(&out)[out.length - 1], '\n');
    assert_int_equal(interrupt("term", "kill -TERM $p"), 130);
    assert_int_equal(interrupt("hup", "kill -HUP $p"), 130); /* the terminal is gone */
    slurp("hup/runs.csv", &out);
    assert_has(out, ",interrupted,");
    assert_int_equal(shell("[ -e hup/lock ]"), 1);
    assert_int_equal(interrupt("twice", "kill -INT $p; sleep 0.2; kill -INT $p"), 130);
}

/* Verbs that look at no counter die as any program does: here one that waits for a file's other end. */
static void readers_can_be_interrupted(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir pipe && mkfifo pipe/runs.csv\n"
                           "timeout -k 5 -s TERM 1 $R effects pipe; echo $? >code; cat code"),
                     0);
    assert_string_equal(rb_text_string(&out), "124\n"); /* 137: it had to be killed */
}

static void nohup_is_obeyed(void **state) {
    (void)state;
    assert_int_equal(shell("trap '' HUP; $R " SMALL " --epochs 20 --train-size 2048 -O nohup -o csv & p=$!\n"
                           "sleep 0.5; kill -HUP $p; wait $p"),
                     0);
    assert_has(out, ",ok,");
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

/* Every verb that reads sessions, on one that it must not misread: exit code 2, what is wrong, and nothing changes. */
static void refused_everywhere(const char *what, const char *says) {
    static const char *const verbs[] = {
        "compare s good",  "compare good s",
        "history s",       "export -o csv s",
        "export -o sql s", "effects s -O s/e",
        "plot s",          "run size/mlp -d reference --train-size 128 --epochs 1 -B 64 -O s --resume"};
    assert_int_equal(shell("rm -rf s; cp -r good s; %s\nfind s -type f | sort | xargs cksum >before", what), 0);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        int code = shell("$R %s -q", verbs[i]);
        if (code != 2) fail_msg("%s; %s: exit code %d, %s", what, verbs[i], code, rb_text_string(&err));
        if (!strstr(rb_text_string(&err), says)) fail_msg("%s; %s: %s", what, verbs[i], rb_text_string(&err));
        code = shell("find s -type f | sort | xargs cksum >after; cmp before after");
        if (code) fail_msg("%s; %s changed the folder", what, verbs[i]);
    }
}

static void what_is_not_understood_is_left_alone(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -O good -q -o csv"), 0);
    refused_everywhere("sed -i 's/\"schema_version\":[^,]*1/\"schema_version\": 7/' s/session.json",
                       "s is the session of a newer regbench (schema_version 7");
    /* Without anything that says what it is. */
    refused_everywhere("rm s/*; echo hello >s/notes.txt; : >s/runs.csv", "runs.csv");
    refused_everywhere("rm s/*.json* s/env.csv; sed -i 's/^1,/7,/' s/*.csv", ".csv");
    refused_everywhere(
        "rm s/*.json* s/env.csv s/classes.csv s/confusion.csv s/epochs.csv; sed -i '1s/,case,/,experiment,/' "
        "s/runs.csv",
        "runs.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_runs_are_refused),
        cmocka_unit_test(too_many_threads_are_told),
        cmocka_unit_test(what_is_not_understood_is_left_alone),
        cmocka_unit_test(a_full_disk_is_one_line_and_loses_nothing),
        cmocka_unit_test(stdout_that_cannot_be_written),
        cmocka_unit_test(an_old_session_is_told_apart),
        cmocka_unit_test(what_cannot_be_checked_is_told),
        cmocka_unit_test(readers_that_leave_early_are_no_error),
        cmocka_unit_test(long_output_is_no_exception),
        cmocka_unit_test(closed_streams_hurt_nobody),
        cmocka_unit_test(ctrl_c_keeps_what_is_done),
        cmocka_unit_test(readers_can_be_interrupted),
        cmocka_unit_test(nohup_is_obeyed),
        cmocka_unit_test(a_dead_child_is_a_row),
        cmocka_unit_test(a_dead_parent_takes_its_child_along),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
