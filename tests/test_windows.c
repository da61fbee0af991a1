/* test_windows.c: the sampling protocol on simulated devices, whose clocks are sums. */
#include "report_util.h"

#include <math.h>

#include "measure/memory.h"
#include "measure/windows.h"

/* A device: window i of n steps lasts n * step_ns * factor(i). */
typedef struct device {
    double step_ns;
    double (*factor)(int i);
    int calls;
    int64_t steps;
} device;

static rb_status simulate(void *context, int n, int64_t *ns) {
    device *d = context;
    *ns = (int64_t)(n * d->step_ns * (d->factor ? d->factor(d->calls) : 1));
    d->calls++;
    d->steps += n;
    return RB_OK;
}

static rb_window_summary measure(rb_windows *w, device *d) {
    rb_window_summary sum;
    assert_int_equal(rb_windows_measure(w, NULL, simulate, d), RB_OK);
    assert_int_equal(rb_windows_next(w), 0);
    assert_int_equal(w->n, d->calls);
    assert_int_equal(rb_windows_summarize(w, &sum), RB_OK);
    assert_int_equal(sum.windows, w->n_measured);
    for (int i = 0; i < w->n; i++) assert_true(w->list[i].warmup || w->list[i].ns >= 50000000);
    return sum;
}

static void steady(void **state) {
    device d = {.step_ns = 1e6};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_int_equal(w.list[0].steps, 1); /* 1, 10, then 60 ms at a time */
    assert_int_equal(w.list[1].steps, 10);
    assert_int_equal(w.list[2].steps, 60);
    assert_int_equal(w.n - w.n_measured, 5); /* three of them agree */
    assert_true(w.warm_agreed);
    assert_int_equal(sum.windows, 34); /* the first that reaches 2 s */
    assert_int_equal(sum.steps, 34 * 60);
    assert_string_equal(rb_window_stop_word(w.stop), "precise");
    assert_true(sum.median == 1e6 && sum.mad == 0 && sum.p05 == 1e6 && sum.p95 == 1e6);
    assert_true(sum.interval_known && sum.half_width == 0);
    rb_windows_free(&w);

    d = (device){.step_ns = 3e8}; /* 0.3 s a step: at least 20 windows, although 2 s are over after 7 */
    sum = measure(&w, &d);
    assert_int_equal(sum.windows, 20);
    assert_int_equal(w.stop, RB_WINDOW_PRECISE);
    rb_windows_free(&w);
}

static double settling(int i) { return i < 30 ? 3 - i / 15.0 : 1; } /* a device whose clock rises */

static void drifting(void **state) {
    device d = {.step_ns = 1e6, .factor = settling};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_true(w.warm_agreed);
    assert_true(w.n - w.n_measured >= 30);
    assert_true(sum.median == 1e6); /* nothing of the drift is in the result */
    rb_windows_free(&w);
}

static double always_faster(int i) { return pow(0.97, i); }

static void never_even(void **state) {
    device d = {.step_ns = 1e9, .factor = always_faster};
    rb_windows w;
    (void)state;
    measure(&w, &d);
    assert_false(w.warm_agreed);
    assert_true(w.warm_s >= 10);
    rb_windows_free(&w);
}

static double noise(int i) {
    unsigned x = (unsigned)i * 2654435761u;
    x = (x ^ (x >> 15)) * 2246822519u;
    return 0.7 + 0.6 * ((x ^ (x >> 13)) / 4294967296.0);
}

static void noisy(void **state) {
    device d = {.step_ns = 1e8, .factor = noise};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_string_equal(rb_window_stop_word(w.stop), "time-cap");
    assert_true(w.measured_s >= 15 && w.measured_s < 15.2);
    assert_true(sum.half_width > 0.01);
    assert_true(sum.p05 < sum.median && sum.median < sum.p95 && sum.mad > 0);
    rb_windows_free(&w);
}

static double outliers(int i) { return i % 10 == 9 ? 3 : 1; } /* another process now and then */

static void spikes(void **state) {
    device d = {.step_ns = 1e6, .factor = outliers};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_int_equal(w.stop, RB_WINDOW_PRECISE);
    assert_true(sum.median == 1e6);
    rb_windows_free(&w);
}

static void slow_single_window(void **state) {
    device d = {.step_ns = 20e9};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_int_equal(w.n, 2); /* one to warm, one to measure: no more than the caps allow */
    assert_int_equal(sum.windows, 1);
    assert_int_equal(w.stop, RB_WINDOW_TIME_CAP);
    assert_false(sum.interval_known);
    assert_true(sum.median == 20e9);
    rb_windows_free(&w);
}

static double boost(int i) { return i < 10 ? 1 : 0.25; } /* faster after warming: windows become too short */

static void faster_later(void **state) {
    device d = {.step_ns = 1e6, .factor = boost};
    rb_windows w;
    (void)state;
    rb_window_summary sum = measure(&w, &d);
    assert_true(w.steps > 60);
    assert_true(sum.median == 0.25e6);
    rb_windows_free(&w);
}

static rb_status lying(void *context, int n, int64_t *ns) {
    (void)n;
    *ns = *(int64_t *)context;
    return RB_OK;
}

static rb_status sleeping(void *context, int n, int64_t *ns) {
    usleep(2000);
    return lying(context, n, ns);
}

static rb_status failing(void *context, int n, int64_t *ns) {
    (void)context, (void)n, (void)ns;
    return rb_fail(RB_DEVICE, "the device is lost");
}

static void bad_clocks(void **state) {
    rb_windows w;
    rb_window_summary sum;
    int64_t ns = 0;
    const volatile int stop = 1;
    (void)state;
    assert_fails(rb_windows_measure(&w, NULL, lying, &ns), RB_DEVICE, "does not move");
    assert_true(w.n <= 3);
    assert_fails(rb_windows_summarize(&w, &sum), RB_INTERNAL, "no window");
    rb_windows_free(&w);
    ns = -5;
    assert_fails(rb_windows_measure(&w, NULL, lying, &ns), RB_DEVICE, "backwards");
    rb_windows_free(&w);
    ns = 1;
    assert_fails(rb_windows_measure(&w, NULL, lying, &ns), RB_DEVICE, "does not move");
    rb_windows_free(&w);
    rb_window_limits limits = rb_window_limits_default();
    limits.real_cap_s = 0.001;
    assert_fails(rb_windows_measure(&w, &limits, sleeping, &ns), RB_TIMEOUT, "not to be trusted");
    rb_windows_free(&w);
    assert_fails(rb_windows_measure(&w, NULL, failing, NULL), RB_DEVICE, "lost");
    rb_windows_free(&w);
    limits = rb_window_limits_default();
    limits.stop = &stop;
    assert_fails(rb_windows_measure(&w, &limits, lying, &ns), RB_INTERRUPTED, "interrupted");
    rb_windows_free(&w);
}

static void peak_memory(void **state) {
    double before = rb_peak_rss_mib();
    size_t bytes = 64u << 20;
    (void)state;
    char *block = malloc(bytes);
    assert_non_null(block);
    for (size_t i = 0; i < bytes; i += 512) ((volatile char *)block)[i] = 1;
    free(block);
    assert_true(before > 0 && rb_peak_rss_mib() >= before + 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady),       cmocka_unit_test(drifting),   cmocka_unit_test(never_even),
        cmocka_unit_test(noisy),        cmocka_unit_test(spikes),     cmocka_unit_test(slow_single_window),
        cmocka_unit_test(faster_later), cmocka_unit_test(bad_clocks), cmocka_unit_test(peak_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
