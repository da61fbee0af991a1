/* test_gbench.c: the programs bench_<lab>: their list, a short case as JSON, failures and exit codes. */
#include "cli_util.h"

#include <cjson/cJSON.h>
#include <math.h>

#ifndef TEST_GBENCH
#define TEST_GBENCH ""
#endif
#define SHORT "REGBENCH_DEVICE=cpu REGBENCH_QUICK=1 REGBENCH_TRAIN_SIZE=2000 "
#define G     TEST_GBENCH " --benchmark_min_time=0.01 --benchmark_format=json "

static void need_the_programs(void) {
    if (!TEST_GBENCH[0]) skip(); /* built without Google Benchmark */
}

static void every_case_is_listed(void **state) {
    (void)state;
    need_the_programs();
    assert_int_equal(
        shell("REGBENCH_DEVICE=cpu,reference REGBENCH_BATCH=64,128 " TEST_GBENCH " --benchmark_list_tests"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 3 * 2 * 2);
    assert_has(out, "size/mlp/cpu/batch:128/manual_time\n");
    assert_has(out, "size/lenet/reference/batch:64/manual_time\n");
    assert_int_equal(shell("REGBENCH_DEVICE=cpu REGBENCH_L2=0,0.1 " TEST_GBENCH " --benchmark_list_tests"), 0);
    assert_has(out, "size/mlp/cpu/batch:512/l2=0.1/manual_time\n");
}

static double number(const cJSON *o, const char *name) {
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static void a_case_as_json(void **state) {
    (void)state;
    need_the_programs();
    assert_int_equal(shell(SHORT "REGBENCH_BATCH=64 " G "--benchmark_filter=size/mlp/ --benchmark_repetitions=2"), 0);
    cJSON *json = cJSON_Parse(rb_text_string(&out));
    const cJSON *context = cJSON_GetObjectItemCaseSensitive(json, "context");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "benchmarks"), *one = cJSON_GetArrayItem(list, 0);
    assert_non_null(one);
    assert_non_null(cJSON_GetObjectItemCaseSensitive(context, "regbench_commit"));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "run_name")),
                        "size/mlp/cpu/batch:64/train-size=2000/manual_time");
    /* Two repetitions, then their mean, median, deviation, variation. */
    assert_int_equal(cJSON_GetArraySize(list), 6);
    double rate = number(one, "samples/s"), flops = number(one, "FLOP/s"), ms = number(one, "real_time");
    assert_true(rate > 0 && ms > 0);
    /* A window is whole steps: about 64 samples each, fewer in an epoch's last; 0.02 s long at least. */
    assert_true(ms >= 19.9);
    /* The same count of FLOPs as everywhere. */
    assert_int_equal(shell("$R list size/mlp -o json"), 0);
    cJSON *cases = cJSON_Parse(rb_text_string(&out));
    double mflop = number(cJSON_GetArrayItem(cases, 0), "model_mflop_per_sample");
    assert_true(fabs(flops / rate / 1e6 - mflop) < 1e-6 * mflop);
    const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "label"));
    assert_true(label && strstr(label, "workload_hash=") && strstr(label, "verify=quick"));
    cJSON_Delete(cases);
    cJSON_Delete(json);
}

static void failures_have_exit_codes(void **state) {
    (void)state;
    need_the_programs();
    assert_int_equal(shell(SHORT TEST_GBENCH " --benchmark_filter=nothing"), 2);
    assert_int_equal(shell(SHORT TEST_GBENCH " --frobnicate"), 2);
    assert_int_equal(shell("REGBENCH_DEVICE=cpuu " TEST_GBENCH), 2);
    assert_has(err, "did you mean");
    assert_int_equal(shell("REGBENCH_DEVICE=cpu:7 " TEST_GBENCH), 77);
    /* A case that cannot run says why. */
    assert_int_equal(shell("REGBENCH_DEVICE=cpu REGBENCH_TRAIN_SIZE=1000000 " G "--benchmark_filter=size/mlp"), 4);
    assert_has(out, "\"error_occurred\": true");
    assert_has(out, "1000000");
}

/* A program per lab, beside bench_size; what one of them measures goes into compare. */
static void every_lab_has_one(void **state) {
    (void)state;
    need_the_programs();
    static const char *const labs[] = {"size", "cnn", "trajectory", "animals", "toy", "tricks"};
    const char *folder_end = strrchr(TEST_GBENCH, '/');
    int length = folder_end ? (int)(folder_end - TEST_GBENCH) : 0;
    for (size_t i = 0; i < sizeof labs / sizeof *labs; i++) {
        char first[32];
        int cases;
        assert_int_equal(shell("$R list '%s/*' -o csv | grep -c ',$'", labs[i]),
                         0); /* no studies: they have a strategy */
        cases = atoi(rb_text_string(&out));
        assert_true(cases > 0);
        assert_int_equal(
            shell("REGBENCH_DEVICE=cpu %.*s/bench_%s --benchmark_list_tests", length, TEST_GBENCH, labs[i]), 0);
        snprintf(first, sizeof first, "%s/", labs[i]);
        assert_int_equal(strncmp(rb_text_string(&out), first, strlen(first)), 0);
        assert_int_equal(lines(rb_text_string(&out)), cases);
        assert_int_equal(shell("%.*s/bench_%s --frobnicate", length, TEST_GBENCH, labs[i]), 2);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            shell("mkdir -p a b; for arm in a b; do REGBENCH_DEVICE=cpu REGBENCH_THREADS=1 REGBENCH_QUICK=1 "
                  "%.*s/bench_toy --benchmark_filter=regression --benchmark_min_time=0.01 "
                  "--benchmark_out=$arm/%d.json >/dev/null || exit 1; done",
                  length, TEST_GBENCH, i),
            0);
    assert_int_equal(shell("$R compare a b -o json"), 0);
    cJSON *rows = cJSON_Parse(rb_text_string(&out));
    const cJSON *one;
    assert_true(cJSON_GetArraySize(rows) > 0);
    cJSON_ArrayForEach(one, rows) { /* a process is one value */
        assert_true(number(one, "n_a") == 3 && number(one, "n_b") == 3 && number(one, "ratio") > 0);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "verdict")), "unclear");
    }
    cJSON_Delete(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_is_listed), cmocka_unit_test(every_lab_has_one),
                                       cmocka_unit_test(a_case_as_json), cmocka_unit_test(failures_have_exit_codes)};
    return cmocka_run_group_tests(tests, begin, end);
}
