/* test_overhead.c: what measuring costs, against what is measured: under 0.5 % of a step. In CPU time, which other
 * programs on the machine lengthen little; where even that scatters too much to tell, the test says so and skips. What
 * watching a whole run costs wants a quiet machine: REGBENCH_SLOW=1 build/release/tests/test_overhead */
#include "golden_run.h"

#include <time.h>

#include "core/clock.h"
#include "core/text.h"
#include "measure/meter.h"
#include "measure/statistics.h"
#include "measure/windows.h"
#include "regbench/report.h"

#define LIMIT 0.005

static double cpu_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* bench: a window is timed by two looks at the clock; after it the protocol, the meter and a row of progress have their
 * turn. The shortest window that counts is what they are held against. */
static void a_window(void **state) {
    (void)state;
    enum { WINDOWS = 300, LOOKS = 1000 };
    double clocks[WINDOWS], between[WINDOWS];
    rb_window_limits limits = rb_window_limits_default();
    rb_windows windows;
    rb_meter meter;
    rb_text line = {0};
    FILE *nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    rb_meter_open(&meter, "cpu", "");
    rb_windows_begin(&windows, &limits);
    volatile int64_t sink = 0;
    for (int i = 0; i < WINDOWS; i++) {
        rb_row row;
        double begin = cpu_s(CLOCK_THREAD_CPUTIME_ID);
        for (int k = 0; k < LOOKS; k++) sink = sink + rb_clock_ns();
        double middle = cpu_s(CLOCK_THREAD_CPUTIME_ID);
        assert_ok(rb_windows_add(&windows, 50000000 + i % 7 * 100000));
        rb_reading reading = rb_meter_read(&meter, 0.05);
        rb_row_begin(&row, RB_TABLE_windows);
        rb_row_int(&row, RB_COL(windows, window), i);
        rb_row_int(&row, RB_COL(windows, wall_ns), sink);
        rb_row_real(&row, RB_COL(windows, clock_mhz), reading.clock_mhz);
        rb_text_clear(&line);
        assert_ok(rb_json_row(&row, &line));
        assert_true(fputs(line.data, nowhere) >= 0 && fflush(nowhere) == 0);
        rb_row_end(&row);
        between[i] = cpu_s(CLOCK_THREAD_CPUTIME_ID) - middle;
        clocks[i] = 2 * (middle - begin) / LOOKS;
    }
    double inside = rb_median(clocks, WINDOWS), outside = rb_median(between, WINDOWS);
    print_message(
        "a window of %.0f ms: %.2g us of it are the clock's (%.2g %%), %.3g us pass until the next (%.2g %%)\n",
        1e3 * limits.window_min_s, 1e6 * inside, 100 * inside / limits.window_min_s, 1e6 * outside,
        100 * outside / limits.window_min_s);
    assert_true(inside < LIMIT / 100 * limits.window_min_s);
    assert_true(outside < LIMIT * limits.window_min_s);
    fclose(nowhere);
    rb_windows_free(&windows);
    rb_text_free(&line);
}

/* --- run ------------------------------------------------------------------------------------------------------------
 */

typedef struct watcher {
    FILE *to;
    rb_text line;
    double spoken;
    int rows;
} watcher;

static int tell(watcher *w, const rb_row *row) {
    rb_text_clear(&w->line);
    w->rows++;
    return rb_json_row(row, &w->line) != RB_OK || fputs(w->line.data, w->to) < 0 || fflush(w->to) != 0;
}

static int on_epoch(void *context, const rb_epoch_result *e) {
    rb_row row;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_int(&row, RB_COL(epochs, epoch), e->epoch);
    rb_row_real(&row, RB_COL(epochs, train_s_cum), e->train_s);
    rb_row_real(&row, RB_COL(epochs, train_loss), e->train_loss);
    rb_row_real(&row, RB_COL(epochs, val_loss), e->val_loss);
    rb_row_real(&row, RB_COL(epochs, param_l2), e->param_l2);
    return tell(context, &row);
}

/* As `run` does: ten times a second at most. */
static int on_progress(void *context, int epoch, int step, int steps, double loss, double accuracy, double rate) {
    watcher *w = context;
    double now = rb_clock_s();
    (void)steps;
    if (now - w->spoken < 0.1) return 0;
    w->spoken = now;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_int(&row, RB_COL(epochs, epoch), epoch);
    rb_row_int(&row, RB_COL(epochs, step), step);
    rb_row_real(&row, RB_COL(epochs, train_loss), loss);
    rb_row_real(&row, RB_COL(epochs, train_acc), accuracy);
    rb_row_real(&row, RB_COL(epochs, val_loss), rate);
    return tell(w, &row);
}

/* CPU time of a whole run of the case, watched as `run` watches it or by nobody. */
static double trained(const rb_device_id *id, rb_device *device, const rb_case *c, rb_dataset *data, watcher *w) {
    rb_trainer *t;
    rb_run_result result = {0};
    rb_run_options options = {.seed = 1};
    if (w) {
        options.context = w;
        options.on_epoch = on_epoch;
        options.on_progress = on_progress;
    }
    assert_ok(rb_trainer_new(id->backend, device, c, data, 1, &t));
    double begin = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    assert_ok(rb_train(t, &options, &result));
    double seconds = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - begin;
    assert_int_equal(result.outcome, RB_OK);
    rb_trainer_free(t);
    return seconds;
}

/* The same run with and without, by turns, until the interval of the median ratio of a pair, which have the machine's
 * mood in common, says on which side of the limit it lies. */
static void a_step(void **state) {
    (void)state;
    enum { MOST = 2000, LEAST = 12 };
    static double ratios[MOST];
    rb_device_id id = found_device("cpu");
    rb_device *device;
    const rb_case *found;
    rb_case_edit edit;
    watcher w = {.to = fopen("/dev/null", "w")};
    rb_dataset *data = golden_data("sample");
    double low = 0, high = INFINITY, patience = 300;
    int n = 0;
    assert_non_null(data);
    assert_non_null(w.to);
    if (!getenv("REGBENCH_SLOW")) skip(); /* on a busy machine it takes minutes, and may not tell even then */
    assert_ok(id.backend->open(id.index, &(rb_open_options){.threads = 1, .provider = "own"}, &device));
    assert_ok(rb_case_find("size/mlp", &found));
    assert_ok(rb_case_edit_begin(&edit, found));
    assert_ok(rb_case_edit_set(&edit, "hidden1.units", "1024")); /* the sample is small: epochs as long as a lab's */
    edit.c.epochs = 3, edit.c.n_train = 800, edit.c.n_valid = 100, edit.c.batch = 100, edit.c.lr = 0.1f;
    edit.c.expect = RB_EXPECT_ANYTHING;
    trained(&id, device, &edit.c, data, &w); /* warm */
    for (double begin = rb_clock_s(); n < MOST && rb_clock_s() - begin < patience;) {
        double before = n % 2 ? trained(&id, device, &edit.c, data, &w) : 0;
        double plain = trained(&id, device, &edit.c, data, NULL);
        double watched = n % 2 ? before : trained(&id, device, &edit.c, data, &w);
        ratios[n++] = watched / plain;
        /* Looked at again and again an interval errs more often than once: 99.9 %. */
        if (n >= LEAST && rb_median_interval(ratios, n, 0.999, &low, &high) && (high < 1 + LIMIT || low > 1 + LIMIT))
            break;
    }
    print_message("%d pairs of runs of %d epochs: watching makes a step %+.2g %% longer (%+.2g to %+.2g %%), %d rows\n",
                  n, edit.c.epochs, 100 * (rb_median(ratios, n) - 1), 100 * (low - 1), 100 * (high - 1), w.rows);
    id.backend->close(device);
    fclose(w.to);
    rb_text_free(&w.line);
    assert_true(low <= 1 + LIMIT);
    if (high >= 1 + LIMIT) {
        print_message("too noisy to tell in five minutes\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_window), cmocka_unit_test(a_step)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_data(NULL);
    return failed;
}
