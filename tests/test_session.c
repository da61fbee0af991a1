/* test_session.c: session folders: fresh, occupied, resumed, killed, shared, unwritable, full. */
#include "report_util.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/log.h"
#include "regbench/report.h"
#include "report/csv_read.h"

static rb_status open_in(const char *folder, bool resume, rb_session **s) {
    rb_session_options options = {
        .out_dir = folder, .machine = "bench 1/\xc3\xbc", .command = "test", .resume = resume, .can_resume = true};
    return rb_session_open(&options, s);
}

static rb_status put_step(rb_session *s, const char *run_id, int step) {
    rb_row row;
    rb_row_begin(&row, RB_TABLE_steps);
    rb_row_text(&row, RB_COL(steps, run_id), run_id);
    rb_row_int(&row, RB_COL(steps, step), step);
    rb_row_real(&row, RB_COL(steps, train_loss), 2.3 / (step + 1));
    rb_status status = rb_session_row(s, &row);
    rb_row_end(&row);
    return status;
}

static void make_run(rb_row *row, const char *run_id, const char *status, int seed, const char *phase) {
    rb_row_begin(row, RB_TABLE_runs);
    rb_row_text(row, RB_COL(runs, run_id), run_id);
    rb_row_text(row, RB_COL(runs, status), status);
    rb_row_text(row, RB_COL(runs, status_reason), "a \"reason\",\nin two lines");
    rb_row_text(row, RB_COL(runs, case), "size/mlp");
    rb_row_text(row, RB_COL(runs, device_key), "cpu");
    rb_row_int(row, RB_COL(runs, seed), seed);
    rb_row_text(row, RB_COL(runs, phase), phase);
}

static rb_status put_run(rb_session *s, const char *run_id, const char *word, int seed) {
    rb_row row;
    make_run(&row, run_id, word, seed, "run");
    rb_status status = rb_session_row(s, &row);
    rb_row_end(&row);
    return status;
}

static bool has_run(rb_session *s, int seed, const char *phase) {
    rb_row row;
    make_run(&row, NULL, NULL, seed, phase);
    bool yes = rb_session_find_run(s, &row) != NULL;
    rb_row_end(&row);
    return yes;
}

/* Rows of a CSV, which is well-formed and ends in "\n"; -1 where there is no file. */
static int rows_of(const char *folder, const char *name) {
    char path[2048];
    rb_csv csv;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, F_OK) != 0) return -1;
    char *text = util_read(folder, name);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
    if (rb_csv_read(path, &csv) != RB_OK) fail_msg("%s", rb_error_last()->text);
    int n = csv.n_rows;
    rb_csv_free(&csv);
    return n;
}

static void fresh(void **state) {
    char *folder = util_folder(), deep[700], run_id[32], here[700];
    rb_session *s = NULL;
    (void)state;
    snprintf(deep, sizeof deep, "%s/a/b/", folder);
    assert_int_equal(open_in(deep, true, &s), RB_OK); /* absent: --resume starts from the beginning */
    assert_string_equal(rb_session_machine(s), "bench-1---");
    rb_session_run_id(s, run_id);
    assert_int_equal(put_step(s, run_id, 0), RB_OK);
    assert_int_equal(put_run(s, run_id, "ok", 1), RB_OK);
    char *text = util_read(rb_session_dir(s), "session.json");
    cJSON *json = cJSON_Parse(text);
    assert_string_equal(cJSON_GetObjectItem(json, "session_id")->valuestring, rb_session_id(s));
    cJSON_Delete(json);
    free(text);
    rb_session_close(s);
    assert_int_equal(rows_of(deep, "steps.csv"), 1);
    assert_int_equal(rows_of(deep, "runs.csv"), 1);
    text = util_read(deep, "lock");
    assert_string_equal(text, "");
    free(text);

    /* Without -O: results/<machine>/<UTC>-<commit>-<id>; two at once never share a folder. */
    rb_session *other = NULL;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(open_in(NULL, false, &s), RB_OK);
    assert_int_equal(open_in(NULL, false, &other), RB_OK);
    assert_int_equal(strncmp(rb_session_dir(s), "results/bench-1---/20", 21), 0);
    assert_string_not_equal(rb_session_dir(s), rb_session_dir(other));
    rb_session_close(s);
    rb_session_close(other);
    assert_int_equal(chdir(here), 0);
    util_remove(folder);
}

static void occupied(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL, *other = NULL;
    (void)state;
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    assert_fails(open_in(folder, true, &other), RB_USAGE, "is writing to"); /* even with --resume */
    assert_int_equal(put_run(s, "x-0001", "ok", 1), RB_OK);
    rb_session_close(s);
    assert_fails(open_in(folder, false, &other), RB_USAGE, "--resume");
    util_remove(folder);

    folder = util_folder();
    util_write(folder, "runs.csv", "w", "mine\n");
    assert_fails(open_in(folder, true, &other), RB_USAGE, "runs.csv");
    util_remove(folder);
}

static void resume(void **state) {
    char *folder = util_folder(), id[32], run_id[32];
    rb_session *s = NULL;
    (void)state;
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    strcpy(id, rb_session_id(s));
    for (int i = 0; i < 5; i++) assert_int_equal(put_step(s, "x-0001", i), RB_OK);
    assert_int_equal(put_run(s, "x-0001", "ok", 1), RB_OK);
    assert_int_equal(put_run(s, "x-0002", "crash", 2), RB_OK);
    assert_int_equal(put_run(s, "x-0003", "diverged", 3), RB_OK);
    assert_int_equal(put_run(s, "x-0004", "unexpected", 4), RB_OK);
    rb_session_close(s);
    char *runs = util_read(folder, "runs.csv"), *steps = util_read(folder, "steps.csv");

    /* A killed writer: an item without its end, half a line, half a row, its lock. */
    util_write(folder, "events.jsonl", "a",
               "{\"table\":\"steps\",\"row\":{\"run_id\":\"x-0005\",\"step\":0}}\nnot json\n");
    util_write(folder, "events.jsonl", "a", "{\"table\":\"steps\",\"row\":{\"run_id\":\"x-0001\",\"st");
    util_write(folder, "steps.csv", "a", "1,x-0005,0,,,\n1,x-00");
    util_write(folder, "lock", "w", "1\n");
    assert_int_equal(open_in(folder, true, &s), RB_OK);
    assert_string_equal(rb_session_id(s), id);
    assert_true(has_run(s, 1, "run"));
    assert_false(has_run(s, 1, "bench"));
    assert_false(has_run(s, 2, "run"));
    assert_true(has_run(s, 3, "run"));
    assert_true(has_run(s, 4, "run"));
    rb_session_run_id(s, run_id);
    assert_string_equal(strrchr(run_id, '-'), "-0006");
    char *again = util_read(folder, "runs.csv");
    assert_string_equal(again, runs); /* built anew from the events: the same bytes */
    free(again);
    again = util_read(folder, "steps.csv");
    assert_string_equal(again, steps);
    free(again);
    assert_int_equal(put_run(s, run_id, "ok", 5), RB_OK);
    rb_session_close(s);
    assert_int_equal(rows_of(folder, "runs.csv"), 5);
    char *json = util_read(folder, "session.json");
    assert_non_null(strstr(json, "resumed"));
    free(json);
    free(runs);
    free(steps);
    util_remove(folder);
}

/* Killed runs from whose checkpoints others go on: their rows up to there stay, however often the folder is opened. */
static void kept(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL;
    rb_kept_run kept[] = {{"x-0001", 1, 2}, {"x-0003", 2, 4}};
    rb_session_options options = {.out_dir = folder, .resume = true, .kept = kept, .n_kept = 2};
    (void)state;
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    for (int i = 0; i < 5; i++) assert_int_equal(put_step(s, "x-0001", i), RB_OK);
    for (int i = 3; i < 9; i++) assert_int_equal(put_step(s, "x-0002", i), RB_OK);
    for (int i = 3; i < 9; i++) assert_int_equal(put_step(s, "x-0003", i), RB_OK);
    rb_session_close(s);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(rb_session_open(&options, &s), RB_OK);
        rb_session_close(s);
        assert_int_equal(rows_of(folder, "steps.csv"), 3 + 2); /* 0, 1, 2 and 3, 4 */
    }
    assert_int_equal(open_in(folder, true, &s), RB_OK);
    rb_session_close(s);
    assert_int_equal(rows_of(folder, "steps.csv"), 0);
    util_remove(folder);
}

/* The key holds what was run on, and under which limits: the sample is not the data set, 20 steps are no run. */
static void keys(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL;
    rb_row row;
    (void)state;
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    make_run(&row, "x-0001", "ok", 1, "run");
    rb_row_text(&row, RB_COL(runs, dataset), "sample");
    rb_row_text(&row, RB_COL(runs, overrides), "max-steps=20");
    rb_row_int(&row, RB_COL(runs, batch_size), 7);
    assert_int_equal(rb_session_row(s, &row), RB_OK);
    rb_row_int(&row, RB_COL(runs, batch_size), 64); /* what is asked for, before the data set's size is known */
    const rb_row *found = rb_session_find_run(s, &row);
    assert_non_null(found);
    assert_string_equal(rb_row_get_text(found, RB_COL(runs, run_id)), "x-0001");
    rb_row_text(&row, RB_COL(runs, dataset), "fashion");
    assert_null(rb_session_find_run(s, &row));
    rb_row_text(&row, RB_COL(runs, dataset), "sample");
    rb_row_text(&row, RB_COL(runs, settings), "provider=onednn");
    assert_null(rb_session_find_run(s, &row));
    rb_row_text(&row, RB_COL(runs, settings), NULL);
    assert_non_null(rb_session_find_run(s, &row));
    rb_row_text(&row, RB_COL(runs, overrides), NULL);
    assert_null(rb_session_find_run(s, &row));
    rb_row_end(&row);
    rb_session_close(s);
    util_remove(folder);
}

/* A damaged line costs the run that it belongs to and no other; done again, the run is whole. */
static void damaged(void **state) {
    static const int lines[] = {1, 2, 3}; /* a step, the first line of the next run, a row of runs */
    (void)state;
    for (int k = 0; k < 3; k++) {
        char *folder = util_folder();
        rb_session *s = NULL;
        assert_int_equal(open_in(folder, false, &s), RB_OK);
        for (int seed = 1; seed <= 3; seed++) {
            char run_id[16];
            snprintf(run_id, sizeof run_id, "x-%04d", seed);
            for (int i = 0; i < 3; i++) assert_int_equal(put_step(s, run_id, i), RB_OK);
            assert_int_equal(put_run(s, run_id, "ok", seed), RB_OK);
        }
        rb_session_close(s);
        /* Lines of four: three steps and the row of runs. */
        int line = lines[k] == 1 ? 1 : lines[k] == 2 ? 4 : 3, run = line / 4 + 1;
        char *events = util_read(folder, "events.jsonl"), *at = events;
        for (int i = 0; i < line; i++) at = strchr(at, '\n') + 1;
        at[12] = '\x01';
        util_write(folder, "events.jsonl", "w", events);
        free(events);
        for (int again = 0; again < 2; again++) { /* nothing changes by looking twice */
            assert_int_equal(open_in(folder, true, &s), RB_OK);
            for (int seed = 1; seed <= 3; seed++) assert_int_equal(has_run(s, seed, "run"), seed != run);
            assert_int_equal(rows_of(folder, "runs.csv"), 2);
            assert_int_equal(rows_of(folder, "steps.csv"), 6);
            if (again) assert_int_equal(put_run(s, "x-0004", "ok", run), RB_OK);
            rb_session_close(s);
        }
        assert_int_equal(open_in(folder, true, &s), RB_OK);
        for (int seed = 1; seed <= 3; seed++) assert_true(has_run(s, seed, "run"));
        assert_int_equal(rows_of(folder, "runs.csv"), 3);
        rb_session_close(s);
        util_remove(folder);
    }
}

static void rotated(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL;
    (void)state;
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    assert_int_equal(put_run(s, "x-0001", "ok", 1), RB_OK);
    rb_session_close(s);
    util_write(folder, "runs.csv", "w", "schema_version,run_id\n0,x-0001\n");
    util_write(folder, "runs.1.csv", "w", "taken\n");
    assert_int_equal(open_in(folder, true, &s), RB_OK);
    rb_session_close(s);
    char *text = util_read(folder, "runs.2.csv");
    assert_string_equal(text, "schema_version,run_id\n0,x-0001\n");
    free(text);
    assert_int_equal(rows_of(folder, "runs.csv"), 1);
    util_remove(folder);
}

/* Kills a writer at any point: whatever is there is well-formed, and the session goes on. */
static void killed(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL;
    int done = 0;
    (void)state;
    srand(1);
    for (int round = 0; round < 50; round++) {
        pid_t child = fork();
        if (child == 0) {
            char run_id[32];
            if (open_in(folder, true, &s) != RB_OK) _exit(1);
            for (int seed = round * 1000;; seed++) {
                rb_session_run_id(s, run_id);
                for (int i = 0; i < 3; i++)
                    if (put_step(s, run_id, i) != RB_OK) _exit(1);
                if (put_run(s, run_id, "ok", seed) != RB_OK) _exit(1);
            }
        }
        usleep((useconds_t)(rand() % 12000));
        /* However slow the machine: the first writer gets to write something. */
        for (int i = 0; round == 0 && rows_of(folder, "runs.csv") < 1 && i < 1000; i++) usleep(10000);
        kill(child, SIGKILL);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how)); /* it did not fail by itself */
        rows_of(folder, "runs.csv");
        rows_of(folder, "steps.csv");
        if (round % 10 != 9) continue;
        assert_int_equal(open_in(folder, true, &s), RB_OK);
        rb_session_close(s);
        int runs = rows_of(folder, "runs.csv"), steps = rows_of(folder, "steps.csv");
        assert_true(runs >= done);
        if (runs > 0) assert_int_equal(steps, 3 * runs);
        done = runs;
    }
    assert_true(done > 0);
    util_remove(folder);
}

/* The writer is killed while a child that it forked lives on and holds what it inherited. */
static void orphan(void **state) {
    char *folder = util_folder();
    rb_session *s = NULL;
    int ready[2];
    pid_t grandchild = 0;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (open_in(folder, false, &s) != RB_OK) _exit(1);
        pid_t own = fork();
        if (own == 0) {
            close(ready[1]);
            pause();
            _exit(0);
        }
        if (write(ready[1], &own, sizeof own) != sizeof own) _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &grandchild, sizeof grandchild), sizeof grandchild);
    assert_fails(open_in(folder, true, &s), RB_USAGE, "is writing to");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(open_in(folder, true, &s), RB_OK);
    kill(grandchild, SIGKILL);
    rb_session_close(s);
    close(ready[0]);
    close(ready[1]);
    util_remove(folder);
}

static void unwritable(void **state) {
    char *folder = util_folder(), path[2048];
    rb_session *s = NULL;
    (void)state;
    util_write(folder, "file", "w", "");
    snprintf(path, sizeof path, "%s/file", folder);
    assert_fails(open_in(path, false, &s), RB_OUTPUT, "not a folder");
    snprintf(path, sizeof path, "%s/file/below", folder);
    assert_fails(open_in(path, false, &s), RB_OUTPUT, "file");
    assert_fails(open_in("/proc/regbench", false, &s), RB_OUTPUT, "/proc/regbench");
    assert_fails(open_in("/proc/self", false, &s), RB_OUTPUT, "lock");
    assert_fails(open_in("", false, &s), RB_USAGE, "-O");
    assert_null(s);
    util_remove(folder);
}

static void full_disk(void **state) {
    char *folder = util_folder(), path[2048];
    rb_session *s = NULL;
    struct rlimit old, limit;
    (void)state;
    /* ENOSPC: a CSV that leads to the device that is always full. */
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    snprintf(path, sizeof path, "%s/runs.csv", folder);
    if (access("/dev/full", W_OK) == 0 && symlink("/dev/full", path) == 0) {
        assert_fails(put_run(s, "x-0001", "ok", 1), RB_DISK, "no room to write");
        assert_int_equal(unlink(path), 0);
    }
    rb_session_close(s);
    util_remove(folder);

    /* A limit inside of a line: the half line is taken back. */
    folder = util_folder();
    assert_int_equal(open_in(folder, false, &s), RB_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int written = 0;
    rb_status status;
    while ((status = put_step(s, "x-0001", written)) == RB_OK) written++;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, RB_DISK);
    rb_error_clear();
    assert_true(written > 5);
    char *events = util_read(folder, "events.jsonl");
    assert_int_equal(events[strlen(events) - 1], '\n');
    free(events);
    assert_int_equal(rows_of(folder, "steps.csv"), written);
    assert_int_equal(put_run(s, "x-0001", "disk-full", 1), RB_OK); /* room again */
    rb_session_close(s);
    assert_int_equal(open_in(folder, true, &s), RB_OK);
    rb_session_close(s);
    assert_int_equal(rows_of(folder, "steps.csv"), written);
    util_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),   cmocka_unit_test(damaged),    cmocka_unit_test(fresh),     cmocka_unit_test(occupied),
        cmocka_unit_test(resume), cmocka_unit_test(kept),       cmocka_unit_test(rotated),   cmocka_unit_test(killed),
        cmocka_unit_test(orphan), cmocka_unit_test(unwritable), cmocka_unit_test(full_disk),
    };
    rb_log_threshold = RB_LOG_ERROR;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
