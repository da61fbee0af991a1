/* test_cuda_bench.c: what a bench on a CUDA device tells of clock, power, energy, throttling and of how steps were
 * enqueued; where nothing tells, cells stay empty.
 *
 * The program runs over tests/cuda's stand-ins for NVIDIA's libraries. */
#include "cuda/cli.h"

#include <math.h>

#include "report/csv_read.h"

#ifdef REGBENCH_HAVE_CUDA

#define BENCH "$R bench size/mlp --dataset sample -B 8 --train-size 20 --verify off --quick -r 1 -d cuda --timeout 120 "

static void clock_power_and_energy(void **state) {
    (void)state;
    rb_csv csv;
    char path[256];
    assert_int_equal(shell(HOST NVML "TEST_NVML=reasons=4 " BENCH "-O nvml"), 0);
    snprintf(path, sizeof path, "%s/nvml/runs.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_string_equal(rb_csv_get(&csv, 0, "clock_mhz_median"), "1980");
    assert_string_equal(rb_csv_get(&csv, 0, "throttled_frac"), "1");
    assert_string_equal(rb_csv_get(&csv, 0, "submit"), "graph");
    assert_true(atof(rb_csv_get(&csv, 0, "peak_gflops")) > 0);
    double energy = atof(rb_csv_get(&csv, 0, "energy_j_per_sample")), windows = atof(rb_csv_get(&csv, 0, "windows"));
    double samples = atof(rb_csv_get(&csv, 0, "steps_timed")) * 20 / 3; /* two steps of 8, one of 4 */
    if (!(fabs(energy * samples - 5 * windows) < 0.3 * 5 * windows))
        fail_msg("%g J per sample, %g samples, %g windows of 5 J", energy, samples, windows);
    assert_true(atof(rb_csv_get(&csv, 0, "power_w_mean")) > 0);
    rb_csv_free(&csv);
    snprintf(path, sizeof path, "%s/nvml/windows.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_true(csv.n_rows >= 5);
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "clock_mhz"), "1980");
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "throttled"), "1");
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "throttle_reasons"), "power");
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "energy_j"), "5");
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "power_w"), "123.4");
    assert_string_equal(rb_csv_get(&csv, csv.n_rows - 1, "temperature_c"), "41");
    rb_csv_free(&csv);
    assert_int_equal(shell(HOST NVML "$R doctor -d cuda -o csv | grep 'energy of cuda:0'"), 0);
    assert_has(out, ",readable,");
}

#ifdef TEST_HOST_CUBLAS
#define TF32    "--precision tf32 --provider cublas "
#define LIBRARY " REGBENCH_CUBLAS_LIBRARY=" TEST_HOST_CUBLAS
#else
#define TF32
#define LIBRARY
#endif

/* A library that lacks the counter and reasons, and may not tell the power: empty cells, the clock beside them. Tensor
 * cores do more than fp32's peak: no share of it. */
static void what_nothing_tells_is_empty(void **state) {
    (void)state;
    static const char *const columns[] = {"throttled_frac", "power_w_mean",   "energy_j_per_sample",
                                          "peak_gflops",    "pct_peak_flops", "pct_roofline"};
    rb_csv csv;
    char path[256];
    assert_int_equal(shell(HOST "REGBENCH_NVML_LIBRARY=" TEST_HOST_NVML_OLD
                                " TEST_NVML=fail=nvmlDeviceGetPowerUsage:4" LIBRARY " " BENCH TF32 "-O empty"),
                     0);
    snprintf(path, sizeof path, "%s/empty/runs.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    for (size_t k = 0; k < (sizeof "" TF32 > 1 ? 6 : 3); k++) assert_string_equal(rb_csv_get(&csv, 0, columns[k]), "");
    assert_string_equal(rb_csv_get(&csv, 0, "clock_mhz_median"), "1980");
    rb_csv_free(&csv);
    snprintf(path, sizeof path, "%s/empty/peaks.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_string_equal(rb_csv_get(&csv, 0, "precision"), sizeof "" TF32 > 1 ? "tf32" : "fp32");
    rb_csv_free(&csv);
    assert_int_equal(shell("grep -c -e nan -e ',0,,*$' empty/windows.csv"), 1);
    assert_int_equal(shell(HOST NVML "TEST_NVML=fail=nvmlInit_v2:4 " LISTED), 0);
    assert_null(strstr(rb_text_string(&out), "power"));
}

/* Eager and graph are two things: compare does not take one for the other. */
static void ways_to_submit_are_kept_apart(void **state) {
    (void)state;
    assert_int_equal(shell("sed s/,graph,/,eager,/ nvml/runs.csv >eager.csv && $R compare nvml/runs.csv eager.csv"), 2);
    assert_has(out, "only in B; the other arm differs in submit");
    assert_int_equal(shell("$R compare eager.csv eager.csv"), 0);
    assert_has(out, ",unclear,too few values: 1 and 1,");
    assert_has(out, " --submit eager");
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef REGBENCH_HAVE_CUDA
        cmocka_unit_test(clock_power_and_energy),
        cmocka_unit_test(what_nothing_tells_is_empty),
        cmocka_unit_test(ways_to_submit_are_kept_apart),
#else
        cmocka_unit_test(no_backend),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
