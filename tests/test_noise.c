/* test_noise.c: the machine's A/A noise: its value, its file; and what would disturb a measurement. */
#include "report_util.h"

#include <math.h>
#include <sys/stat.h>

#include "measure/disturb.h"
#include "measure/noise.h"

static void splits(void **state) {
    (void)state;
    double pct, same[8] = {5, 5, 5, 5, 5, 5, 5, 5}, four[4] = {100, 101, 102, 110};
    assert_int_equal(rb_noise_of(same, 8, &pct), RB_OK);
    assert_true(pct == 0);
    /* Medians of {100,101}|{102,110}, {100,102}|{101,110}, {100,110}|{101,102}, each twice: log ratios 0.0533, 0.0437,
     * 0.0343; the 95th percentile of six sorted values lies at position 4.75, between two equal ones. */
    assert_int_equal(rb_noise_of(four, 4, &pct), RB_OK);
    assert_true(fabs(pct - 100 * (106 / 100.5 - 1)) < 1e-9);
    double wide[20];
    for (int i = 0; i < 20; i++) wide[i] = 100 + i % 7;
    assert_int_equal(rb_noise_of(wide, 20, &pct), RB_OK);
    double narrow = pct;
    for (int i = 0; i < 20; i++) wide[i] = 100 + 3 * (i % 7);
    assert_int_equal(rb_noise_of(wide, 20, &pct), RB_OK);
    assert_true(pct > 2 * narrow && pct < 4 * narrow);
    assert_int_equal(rb_noise_of(four, 3, &pct), RB_INTERNAL);
    rb_error_clear();
}

static void remembered(void **state) {
    (void)state;
    char *folder = util_folder();
    setenv("XDG_CACHE_HOME", folder, 1);
    assert_true(isnan(rb_noise_find("cpu", "A, \"B\"")));
    assert_int_equal(rb_noise_remember("cpu", "A, \"B\"", "size/mlp", 14, 1.5), RB_OK);
    assert_int_equal(rb_noise_remember("opencl:0", "G", "size/mlp", 14, 0.25), RB_OK);
    assert_int_equal(rb_noise_remember("cpu", "A, \"B\"", "size/mlp", 14, 2.5), RB_OK);
    assert_true(rb_noise_find("cpu", "A, \"B\"") == 2.5);
    assert_true(rb_noise_find("opencl:0", "G") == 0.25);
    assert_true(isnan(rb_noise_find("cpu", "another processor"))); /* a copied folder */
    util_write(folder, "regbench/aa.csv", "w", "host,\"dev");
    assert_true(isnan(rb_noise_find("cpu", "A, \"B\"")));
    assert_int_equal(rb_noise_remember("cpu", "A, \"B\"", "size/mlp", 14, 3), RB_OK);
    assert_true(rb_noise_find("cpu", "A, \"B\"") == 3);
    util_remove(folder);
    unsetenv("XDG_CACHE_HOME");
}

static char said[4096];
static int wrong;

static void listen(void *context, const char *check, const char *found, const char *advice) {
    (void)context;
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s=%s%s\n", check, found, *advice ? "!" : "");
    wrong += *advice != '\0';
}

static void judge(const char *const (*facts)[2]) {
    rb_env env = {0};
    for (int i = 0; facts[i][0]; i++) assert_int_equal(rb_env_add(&env, facts[i][0], facts[i][1], true), RB_OK);
    said[0] = '\0';
    wrong = 0;
    rb_disturbances(&env, listen, NULL);
    rb_env_free(&env);
}

static void disturbances(void **state) {
    (void)state;
    judge((const char *const[][2]){{NULL, NULL}});
    assert_string_equal(said, ""); /* nothing is known, nothing is told */
    judge((const char *const[][2]){{"load", "0.02 0.10 0.20 1/300 77"},
                                   {"governor", "performance"},
                                   {"smt", "off"},
                                   {"cgroup_quota", "none"},
                                   {"cpus_usable", "8"},
                                   {"cpus_online", "8"},
                                   {"affinity", "0-7"},
                                   {"memory_mib", "1000"},
                                   {"memory_available_mib", "900"},
                                   {"cpu_features", "avx2"},
                                   {"clocksource", "tsc"},
                                   {"build_type", "Release"},
                                   {"dirty", "0"},
                                   {NULL, NULL}});
    if (wrong) fail_msg("%s", said);
    assert_non_null(strstr(said, "governor=performance\n"));
    judge((const char *const[][2]){{"load", "3.02 0.10 0.20 1/300 77"},
                                   {"governor", "powersave"},
                                   {"smt", "on"},
                                   {"cgroup_quota", "1.5 cpus"},
                                   {"cpus_usable", "2"},
                                   {"cpus_online", "8"},
                                   {"affinity", "0-1"},
                                   {"memory_mib", "1000"},
                                   {"memory_available_mib", "50"},
                                   {"cpu_features", "avx2 hypervisor"},
                                   {"clocksource", "hpet"},
                                   {"build_type", "Debug"},
                                   {"dirty", "1"},
                                   {NULL, NULL}});
    if (wrong != 10) fail_msg("%d:\n%s", wrong, said);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits), cmocka_unit_test(remembered),
                                       cmocka_unit_test(disturbances)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
