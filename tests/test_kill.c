/* test_kill.c: kill -9 at random points of run, bench and sweep: nothing that was done is lost, every file is whole,
 * and --resume completes. Two processes that want one folder, and many that make their own. 20 points; with
 * REGBENCH_SLOW 200. */
#include "cli_util.h"

#include <fcntl.h>
#include <math.h>

#include <cjson/cJSON.h>

#include "core/clock.h"

static unsigned random_state = 2021;

static double uniform(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / (1 << 24);
}

static int points(int share) { return getenv("REGBENCH_SLOW") ? 10 * share : share; }

/* Runs of a session that ended well, as its CSV has it. */
static int rows_done(const char *session) {
    char path[128];
    int n = 0;
    snprintf(path, sizeof path, "%s/runs.csv", session);
    slurp(path, &out);
    for (char *line = out.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        n += strstr(line, ",ok,") != NULL;
    }
    return n;
}

/* Whatever lies there can be read as what it is. */
static void is_well_formed(const char *session) {
    char path[160];
    snprintf(path, sizeof path, "%s/session.json", session);
    slurp(path, &out);
    if (out.length) {
        cJSON *json = cJSON_Parse(rb_text_string(&out));
        assert_non_null(json);
        cJSON_Delete(json);
    }
    int code = shell("[ ! -e %s/events.jsonl ] || $R export -o csv %s/events.jsonl", session, session);
    if (code) fail_msg("%s", rb_text_string(&err));
    code = shell("ls %s/*.csv >/dev/null 2>&1 || exit 0; $R export -o csv %s", session, session);
    if (code) fail_msg("%s", rb_text_string(&err));
    /* Tables that no run asks for too. */
    code = shell(
        "for t in %s/*.csv; do [ ! -e \"$t\" ] || $R export -o csv --table $(basename $t .csv) $t || exit 1; done",
        session);
    if (code) fail_msg("%s", rb_text_string(&err));
}

/* Starts the program; its stderr goes to the end of `log`. */
static pid_t start(const char *arguments, const char *session) {
    char command[1024];
    snprintf(command, sizeof command, "cd %s && exec $R %s -O %s --resume -o csv >/dev/null 2>>%s.log", folder,
             arguments, session, session);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    return child;
}

static int finish(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* How often the log says that an item ended well. */
static int said_done(const char *session) {
    char path[128];
    int n = 0;
    snprintf(path, sizeof path, "%s.log", session);
    slurp(path, &out);
    for (const char *at = rb_text_string(&out); (at = strstr(at, ": ok (")); at++) n++;
    return n;
}

static void kill_often(const char *arguments, const char *name, int items, int kills) {
    char session[64];
    int lost = 0, number = 0;
    snprintf(session, sizeof session, "%s-whole", name);
    double began = rb_clock_s();
    assert_int_equal(finish(start(arguments, session)), 0);
    double lasts = rb_clock_s() - began;
    assert_int_equal(rows_done(session), items);
    for (int k = 0, killed = 0; killed < kills; k++) {
        snprintf(session, sizeof session, "%s-%d", name, number);
        pid_t child = start(arguments, session);
        began = rb_clock_s();
        usleep((useconds_t)(uniform() * lasts * 1e6));
        kill(child, SIGKILL);
        int status = finish(child), done;
        if (!WIFSIGNALED(status)) lasts = fmin(lasts, rb_clock_s() - began); /* the first was slowed down */
        is_well_formed(session);
        done = rows_done(session);
        /* An item is written before it is talked about. */
        if (said_done(session) > done) fail_msg("%s: %d items ended, %d rows", session, said_done(session), done);
        if (WIFSIGNALED(status)) {
            killed++;
            lost += done < items;
        }
        if (WIFSIGNALED(status) && uniform() < 0.5 && k < 10 * kills) continue; /* killed again, as it goes on */
        int code = finish(start(arguments, session));
        if (code != 0) {
            shell("cat %s.log", session);
            fail_msg("%s does not go on: %s", session, rb_text_string(&out));
        }
        is_well_formed(session);
        assert_int_equal(rows_done(session), items); /* each once */
        number++;
    }
    print_message("%s: killed %d times, %d of them before its last item's end; %d sessions went on to their end\n",
                  name, kills, lost, number);
}

static void run(void **state) {
    (void)state;
    kill_often("run size/mlp -d cpu -t 1 --train-size 512 --valid-size 256 -B 64 --epochs 2 -s 1-4 --no-plots "
               "--checkpoint-every 1 "
               "--trajectory",
               "run", 4, points(8));
}

static void sweep(void **state) {
    (void)state;
    assert_int_equal(shell("echo '{\"cases\": \"size/mlp\", \"flags\": {\"device\": \"cpu\", \"threads\": 1, "
                           "\"no-plots\": true, \"train-size\": 256, "
                           "\"valid-size\": 256, "
                           "\"batch\": 64, \"epochs\": 1, \"seed\": \"1-3\", \"lr\": [0.1, 0.5]}}' >six.json"),
                     0);
    kill_often("sweep --config six.json", "sweep", 6, points(8));
}

static void bench(void **state) {
    (void)state;
    kill_often("bench size/mlp -d reference --train-size 128 -B 16 --quick -r 3", "bench", 3, points(4));
}

static void two_want_one_folder(void **state) {
    (void)state;
    pid_t first = start("run size/mlp -d reference --train-size 512 -B 64 --epochs 2", "one");
    pid_t second = start("run size/mlp -d reference --train-size 512 -B 64 --epochs 2", "one");
    int a = finish(first), b = finish(second);
    /* The later one is turned away, or found all done if it was much later. */
    assert_true(WIFEXITED(a) && WIFEXITED(b));
    assert_true(WEXITSTATUS(a) == 0 || WEXITSTATUS(b) == 0);
    assert_true((WEXITSTATUS(a) == 0 || WEXITSTATUS(a) == 2) && (WEXITSTATUS(b) == 0 || WEXITSTATUS(b) == 2));
    is_well_formed("one");
    assert_int_equal(rows_done("one"), 1);
}

static void many_make_their_own(void **state) {
    (void)state;
    assert_int_equal(shell("for i in 1 2 3 4 5; do $R " SMALL " --machine many -o csv >/dev/null 2>&1 & done; wait\n"
                           "ls results/many | wc -l; $R export -o csv results/many | wc -l"),
                     0);
    assert_string_equal(rb_text_string(&out), "5\n6\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(run), cmocka_unit_test(sweep), cmocka_unit_test(bench),
                                       cmocka_unit_test(two_want_one_folder), cmocka_unit_test(many_make_their_own)};
    return cmocka_run_group_tests(tests, begin, end);
}
