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

static const char *fact(const rb_csv *env, const char *name) {
    for (int i = 0; i < env->n_rows; i++)
        if (!strcmp(rb_csv_get(env, i, "name"), name)) return rb_csv_get(env, i, "value");
    return "";
}

/* What the drivers of the session's devices call themselves; devices that are not here are left out. */
static void drivers_are_recorded(void **state) {
    (void)state;
    rb_csv env, devices;
    assert_int_equal(shell("$R devices -o csv >devices.csv"), 0);
    read_csv("devices.csv", &devices);
    for (int i = 0; i < devices.n_rows; i++) {
        const char *key = rb_csv_get(&devices, i, "device_key");
        char name[64];
        if (!strchr(key, ':') && strcmp(key, "cpu") != 0) continue;
        /* Nothing need be run: a limit of a moment ends what would compile for long. */
        shell("rm -rf d; $R run size/mlp -d %s --max-steps 1 --no-eval --verify off --train-size 64 -B 64 --timeout 60 "
              "-q "
              "-O d -o csv",
              key);
        read_csv("d/env.csv", &env);
        snprintf(name, sizeof name, "%s.driver", key);
        if (!*fact(&env, name)) fail_msg("no fact %s", name);
        assert_string_equal(fact(&env, name), rb_csv_get(&devices, i, "driver"));
        rb_csv_free(&env);
    }
    rb_csv_free(&devices);
}

/* A speed of steps on NaN is told of; one that stays finite is not. */
static void divergence_is_told(void **state) {
    (void)state;
    assert_int_equal(shell(BENCH "-O finite 2>finite.err"), 0);
    assert_int_not_equal(shell("grep -q 'no longer finite' finite.err"), 0);
    assert_int_equal(shell(BENCH "--set lr=999999 --set weight-decay=1 -O nan 2>nan.err"), 0);
    assert_int_equal(shell("grep -q 'size/mlp: the parameters are no longer finite' nan.err"), 0);
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
                                       cmocka_unit_test(five_percent_is_drift), cmocka_unit_test(drivers_are_recorded),
                                       cmocka_unit_test(divergence_is_told)};
    return cmocka_run_group_tests(tests, begin, end);
}
