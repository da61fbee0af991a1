/* test_compare_live.c: `compare --build` on this machine: a build with itself is no slower and no faster; one that
 * sleeps 5 % of its time is slower. Where the machine is too noisy to tell, both are unclear with that reason. */
#include "cli_util.h"

/* The verdict of ten processes per arm of the program against itself with these variables. */
static void compare(const char *name, const char *sleep_share) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *script = fopen(path, "w");
    assert_non_null(script);
    fprintf(script, "#!/bin/sh\nLD_PRELOAD='%s' REGBENCH_TEST_SLEEP=%s exec '%s' \"$@\"\n", SLOW_WAIT, sleep_share,
            REGBENCH_PROGRAM);
    assert_int_equal(fclose(script), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(
        shell("$R compare --build $R --build ./%s size/mlp -d cpu --quick -r 10 -O %s.d -o csv", name, name), 0);
    print_message("%s", strchr(out.data, '\n') + 1);
}

static bool verdict_is(const char *word) {
    char cell[32];
    snprintf(cell, sizeof cell, ",%s,", word);
    return strstr(out.data, cell) != NULL;
}

/* The only excuse: values that scatter by more than is asked for. */
static bool too_noisy(void) {
    return verdict_is("unclear") && (strstr(out.data, "may be chance") || strstr(out.data, "anything from"));
}

static void itself(void **state) {
    (void)state;
    compare("same", "0");
    assert_true(verdict_is("same") || too_noisy());
}

static void five_percent_of_sleep(void **state) {
    (void)state;
    compare("slow", "0.0527"); /* of what is worked: 5 % of all */
    assert_true(verdict_is("slower") || too_noisy());
}

/* Three quarters of the time are no matter of noise. */
static void mostly_asleep(void **state) {
    (void)state;
    compare("asleep", "3.0");
    assert_true(verdict_is("slower"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(itself), cmocka_unit_test(five_percent_of_sleep),
                                       cmocka_unit_test(mostly_asleep)};
    return cmocka_run_group_tests(tests, begin, end);
}
