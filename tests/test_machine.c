/* test_machine.c: facts about machine and build, their id, and their way into a session. */
#include <sys/stat.h>

#include "report_util.h"

#include "measure/build.h"
#include "measure/machine.h"
#include "measure/system.h"
#include "report/csv_read.h"

static void facts(void **state) {
    static const char *const always[] = {
        "regbench_version", "commit", "build_type", "compiler",    "zlib",     "libpng", "cjson",
        "openssl",          "kernel", "memory_mib", "cpus_usable", "affinity", "dirty",  "compiler_flags",
        "architecture",     "load"};
    rb_env env;
    (void)state;
    setenv("OMP_REGBENCH_TEST", "a,\"b\"", 1);
    setenv("SLURM_JWT", "secret", 1);
    setenv("SLURM_JOB_ID", "4711", 1);
    assert_int_equal(rb_env_collect(&env), RB_OK);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!*rb_env_get(&env, always[i])) fail_msg("no fact %s", always[i]);
    if (*rb_env_get(&env, "hwloc_api")) { /* this build has hwloc */
        assert_true(atoi(rb_env_get(&env, "cores")) >= 1);
        assert_true(atoi(rb_env_get(&env, "hardware_threads")) >= atoi(rb_env_get(&env, "cpus_usable")));
    }
    assert_string_equal(rb_env_get(&env, "OMP_REGBENCH_TEST"), "a,\"b\"");
    assert_string_equal(rb_env_get(&env, "SLURM_JOB_ID"), "4711");
    assert_string_equal(rb_env_get(&env, "SLURM_JWT"), ""); /* secrets stay out of published files */
    assert_string_equal(rb_env_get(&env, "commit"), rb_build_commit());
    assert_true(strlen(rb_build_commit()) == 12 || strcmp(rb_build_commit(), "unknown") == 0);
    rb_env_free(&env);
    unsetenv("SLURM_JWT");
    unsetenv("SLURM_JOB_ID");
}

static void id(void **state) {
    rb_env a, b;
    char before[13];
    (void)state;
    assert_int_equal(rb_env_collect(&a), RB_OK);
    assert_int_equal(strspn(a.id, "0123456789abcdef"), 12);
    setenv("SLURM_JOB_ID", "42", 1); /* changes from job to job: not part of the id */
    assert_int_equal(rb_env_collect(&b), RB_OK);
    assert_string_equal(rb_env_get(&b, "SLURM_JOB_ID"), "42");
    assert_string_equal(a.id, b.id);
    unsetenv("SLURM_JOB_ID");
    strcpy(before, a.id);
    assert_int_equal(rb_env_add(&a, "load", "9.9", false), RB_OK);
    assert_string_equal(a.id, before);
    assert_int_equal(rb_env_add(&a, "onednn", "3.1", true), RB_OK);
    assert_string_not_equal(a.id, before);
    rb_env_free(&a);
    rb_env_free(&b);
}

static void recorded(void **state) {
    char *folder = util_folder(), path[700];
    rb_session *s;
    rb_env env;
    rb_csv csv;
    (void)state;
    assert_int_equal(rb_env_collect(&env), RB_OK);
    for (int again = 0; again < 2; again++) {
        rb_session_options options = {.out_dir = folder, .resume = again};
        assert_int_equal(rb_session_open(&options, &s), RB_OK);
        assert_int_equal(rb_env_record(&env, s), RB_OK);
        assert_int_equal(rb_env_record(&env, s), RB_OK); /* once per id, also after a resume */
        rb_session_close(s);
    }
    snprintf(path, sizeof path, "%s/env.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_int_equal(csv.n_rows, env.n);
    assert_string_equal(rb_csv_get(&csv, 0, "env_id"), env.id);
    rb_csv_free(&csv);
    rb_env_free(&env);
    util_remove(folder);
}

/* Another machine, played from a folder: facts come from its files, and what it does not tell is absent. */
static void played(void **state) {
    static const struct {
        const char *path, *text, *fact, *value;
    } files[] = {
        {"/etc/os-release", "NAME=\"X\"\nPRETTY_NAME=\"Debian 12\"\n", "os", "Debian 12"},
        {"/proc/cpuinfo", "model name\t: Ryzen\ncpu MHz\t\t: 2100.5\n", "cpu", "Ryzen"},
        {"/proc/driver/nvidia/version", "NVRM version: NVIDIA 550.1\nGCC\n", "nvidia_driver", "NVIDIA 550.1"},
        {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "governor", "powersave"},
        {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2100000\n", "cpu_khz", "2100000"},
        {"/sys/devices/system/cpu/smt/active", "1\n", "smt", "on"},
        {"/sys/devices/system/cpu/cpufreq/boost", "0\n", "turbo", "off"},
        {"/sys/fs/cgroup/cpu.max", "150000 100000\n", "cgroup_quota", "1.5 cpus"},
        {"/proc/1/cgroup", "0::/docker/abc\n", "container", "docker"},
        {"/proc/loadavg", "0.5 0.4 0.3 1/100 7\n", "load", "0.5 0.4 0.3 1/100 7"},
    };
    char *folder = util_folder(), path[900];
    rb_env env;
    (void)state;
    unsetenv("container");
    rb_system_root = folder;
    assert_int_equal(rb_env_collect(&env), RB_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) assert_string_equal(rb_env_get(&env, files[i].fact), "");
    rb_env_free(&env);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", folder, files[i].path);
        for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); *at++ = '/') {
            *at = '\0';
            mkdir(path, 0700);
        }
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(files[i].text, file);
        fclose(file);
    }
    assert_int_equal(rb_env_collect(&env), RB_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_string_equal(rb_env_get(&env, files[i].fact), files[i].value);
    assert_string_equal(rb_env_get(&env, "cpu_mhz"), "2100.5");
    assert_string_equal(rb_env_get(&env, "energy_preference"), "");
    rb_env_free(&env);
    rb_system_root = "";
    util_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts), cmocka_unit_test(id), cmocka_unit_test(recorded),
                                       cmocka_unit_test(played)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
