/* test_machine.c: facts about machine and build, their id, and their way into a session. */
#include "report_util.h"

#include "measure/build.h"
#include "measure/machine.h"
#include "report/csv_read.h"

static void facts(void **state) {
    static const char *const always[] = {"regbench_version", "commit", "build_type", "compiler", "zlib",
                                         "libpng",           "cjson",  "openssl",    "kernel",   "memory_mib",
                                         "cpus_usable"};
    rb_env env;
    (void)state;
    setenv("OMP_REGBENCH_TEST", "a,\"b\"", 1);
    setenv("SLURM_JWT", "secret", 1);
    assert_int_equal(rb_env_collect(&env), RB_OK);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!*rb_env_get(&env, always[i])) fail_msg("no fact %s", always[i]);
    assert_string_equal(rb_env_get(&env, "OMP_REGBENCH_TEST"), "a,\"b\"");
    assert_string_equal(rb_env_get(&env, "SLURM_JWT"), ""); /* secrets stay out of published files */
    assert_string_equal(rb_env_get(&env, "commit"), rb_build_commit());
    assert_true(strlen(rb_build_commit()) == 12 || strcmp(rb_build_commit(), "unknown") == 0);
    rb_env_free(&env);
    unsetenv("SLURM_JWT");
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(facts), cmocka_unit_test(id), cmocka_unit_test(recorded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
