/* test_cli_bench.c: what bench says of the machine beside the speed: throttled windows count and are flagged, a peak
 * that drifts is. */
#include "cli_util.h"

#include <math.h>

#include "measure/peak.h"
#include "report/csv_read.h"

#define BENCH "$R bench size/mlp -d cpu -t 1 -B 32 --train-size 320 --quick -r 1 -q -o csv "

static void read_csv(const char *name, rb_csv *csv) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(rb_csv_read(path, csv), RB_OK);
}

static void throttled_windows_count(void **state) {
    (void)state;
    rb_csv runs, windows;
    int measured = 0, throttled = 0;
    assert_int_equal(shell("LD_PRELOAD='%s' REGBENCH_TEST_THROTTLE=1 " BENCH "-O hot", SLOW_WAIT), 0);
    read_csv("hot/runs.csv", &runs);
    read_csv("hot/windows.csv", &windows);
    for (int i = 0; i < windows.n_rows; i++) {
        if (strcmp(rb_csv_get(&windows, i, "warmup"), "0") != 0) continue;
        measured++;
        throttled += !strcmp(rb_csv_get(&windows, i, "throttled"), "1");
    }
    assert_true(throttled >= 1 && throttled < measured);
    assert_int_equal(atoi(rb_csv_get(&runs, 0, "windows")), measured);
    double share = strtod(rb_csv_get(&runs, 0, "throttled_frac"), NULL);
    assert_true(share > (double)throttled / measured - 1e-6 && share < (double)throttled / measured + 1e-6);
    rb_csv_free(&runs);
    rb_csv_free(&windows);
}

/* A row of peaks at the begin and at the end, and how far apart they are. */
static void peaks_around_a_session(void **state) {
    (void)state;
    rb_csv peaks;
    double drift;
    assert_int_equal(shell(BENCH "-O peaks"), 0);
    read_csv("peaks/peaks.csv", &peaks);
    assert_int_equal(peaks.n_rows, 2);
    assert_string_equal(rb_csv_get(&peaks, 0, "moment"), "begin");
    assert_string_equal(rb_csv_get(&peaks, 1, "moment"), "end");
    double before = strtod(rb_csv_get(&peaks, 0, "fma_gflop_per_s"), NULL);
    double after = strtod(rb_csv_get(&peaks, 1, "fma_gflop_per_s"), NULL);
    bool drifted = rb_peak_drifted(before, after, &drift);
    double said = strtod(rb_csv_get(&peaks, 1, "drift_pct"), NULL);
    assert_true(said > drift - 1e-3 && said < drift + 1e-3);
    assert_int_equal(atoi(rb_csv_get(&peaks, 1, "drifted")), drifted);
    rb_csv_free(&peaks);
}

static void five_percent_is_drift(void **state) {
    (void)state;
    double pct;
    assert_false(rb_peak_drifted(100, 104.9, &pct));
    assert_true(pct > 4.89 && pct < 4.91);
    assert_true(rb_peak_drifted(100, 105.1, &pct));
    assert_true(rb_peak_drifted(100, 94.9, &pct));
    assert_true(pct < -5.09);
    assert_false(rb_peak_drifted(100, 95.1, &pct));
    assert_false(rb_peak_drifted((double)NAN, 100, &pct)); /* nothing is known */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(throttled_windows_count),
                                       cmocka_unit_test(peaks_around_a_session),
                                       cmocka_unit_test(five_percent_is_drift)};
    return cmocka_run_group_tests(tests, begin, end);
}
