/* test_ops.c: every op of every device against the reference in double, and the comparator's own tests.
 *
 * With REGBENCH_QUICK=1 (mutations, sanitizers) only one run per provider. REGBENCH_DEVICE: only tests whose names
 * begin so; without it OpenCL's are left out, which compile kernels for minutes (whole steps of the same shapes are in
 * test_steps; entries of label slow run them). REGBENCH_SHAPE: only shapes with this in their names
 * (src/check/shapes.c). */
#include "golden_run.h"
#include "regbench/check.h"

/* All ops of a device opened with these options. */
static void check_device(const char *selector, const rb_open_options *options) {
    rb_device_id id;
    rb_device *device = NULL;
    int checked = 0, failed = 0;
    const char *shape = getenv("REGBENCH_SHAPE");
    assert_ok(rb_device_select(selector, &id));
    assert_ok(id.backend->open(id.index, options, &device));
    assert_ok(rb_check_ops(id.backend, device, shape, stdout, &checked, &failed));
    assert_true(checked > (shape ? 5 : 300));
    assert_int_equal(failed, 0);
    id.backend->close(device);
}

static void reference(void **state) {
    (void)state;
    check_device("reference", NULL);
}

static void opencl(void **state) {
    rb_device_id id = found_device("opencl");
    const rb_open_options *options = *state;
    rb_device *device;
    if (options && id.backend->open(id.index, options, &device) == RB_USAGE) { /* a build without the library */
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    } else if (options) {
        id.backend->close(device);
    }
    check_device("opencl", options);
}

static void cuda(void **state) {
    (void)state;
    (void)found_device("cuda");
    rb_open_options options = {.provider = getenv("REGBENCH_PROVIDER"), .precision = getenv("REGBENCH_PRECISION")};
    check_device("cuda", &options);
}

static void cpu(void **state) { check_device("cpu", *state); }

/* Each instruction set of this machine, forced in turn. */
static void cpu_isa(void **state) {
    const char *isa = *state;
    rb_device_id id;
    rb_device *device = NULL;
    setenv("REGBENCH_ISA", isa, 1);
    assert_ok(rb_device_select("cpu", &id));
    rb_status status = id.backend->open(id.index, &(rb_open_options){.threads = 2, .provider = "own"}, &device);
    if (status != RB_OK) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        unsetenv("REGBENCH_ISA");
        skip();
    }
    rb_device_info info;
    id.backend->info(device, &info);
    assert_string_equal(info.isa, isa);
    id.backend->close(device);
    check_device("cpu", &(rb_open_options){.threads = 2, .provider = "own"});
    unsetenv("REGBENCH_ISA");
}

static void comparator(void **state) {
    (void)state;
    int64_t where;
    const float a[3] = {1, 2, 4}, b[3] = {1, 2, 4.4f}, c[3] = {1, NAN, 4}, d[3] = {1, INFINITY, 4},
                tiny[3] = {1e-38f, 0, 0};
    assert_true(rb_max_relative_error(a, a, 3, &where) == 0);
    double error = rb_max_relative_error(b, a, 3, &where);
    assert_true(fabs(error - 0.1) < 1e-6);
    assert_int_equal(where, 2);
    assert_true(isinf(rb_max_relative_error(c, a, 3, &where)));
    assert_int_equal(where, 1);
    assert_true(isinf(rb_max_relative_error(a, c, 3, &where)));
    assert_true(isinf(rb_max_relative_error(c, c, 3, &where)));
    assert_true(isinf(rb_max_relative_error(d, d, 3, &where)));
    assert_true(rb_max_relative_error(a, tiny, 3, &where) == 4);
    assert_true(rb_max_relative_error(a, a, 0, &where) == 0 && where == -1);
}

int main(void) {
    static rb_open_options own1 = {.threads = 1, .provider = "own"}, own2 = {.threads = 2, .provider = "own"},
                           own3 = {.threads = 3, .provider = "own"}, onednn = {.threads = 2, .provider = "onednn"},
                           automatic = {.threads = 2, .provider = "auto"}, clblast = {.provider = "clblast"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparator),
        cmocka_unit_test(reference),
        {.name = "cpu, own kernels, 1 thread", .test_func = cpu, .initial_state = &own1},
        {.name = "cpu, own kernels, 2 threads", .test_func = cpu, .initial_state = &own2},
        {.name = "cpu, own kernels, 3 threads", .test_func = cpu, .initial_state = &own3},
        {.name = "cpu, oneDNN", .test_func = cpu, .initial_state = &onednn},
        {.name = "cpu, automatic", .test_func = cpu, .initial_state = &automatic},
        {.name = "opencl", .test_func = opencl},
        {.name = "opencl, CLBlast", .test_func = opencl, .initial_state = &clblast},
        cmocka_unit_test(cuda),
        {.name = "cpu, baseline", .test_func = cpu_isa, .initial_state = (void *)(uintptr_t) "baseline"},
        {.name = "cpu, avx2", .test_func = cpu_isa, .initial_state = (void *)(uintptr_t) "avx2"},
        {.name = "cpu, avx512", .test_func = cpu_isa, .initial_state = (void *)(uintptr_t) "avx512"},
    };
    static const char *const quick[] = {"comparator", "reference", "cpu, own kernels, 1 thread", "cpu, oneDNN"};
    struct CMUnitTest chosen[sizeof tests / sizeof *tests];
    const char *flag = getenv("REGBENCH_QUICK"), *device = getenv("REGBENCH_DEVICE");
    size_t n = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        /* side by side with others, threads would only wait for each other */
        if (flag && *flag && strcmp(flag, "0")) onednn.threads = 1;
        bool take = !flag || !*flag || strcmp(flag, "0") == 0;
        for (size_t k = 0; k < sizeof quick / sizeof *quick; k++) take |= strcmp(tests[i].name, quick[k]) == 0;
        take |= device && strcmp(device, tests[i].name) == 0;
        if (device && strncmp(tests[i].name, device, strlen(device))) take = false;
        if (!device && strncmp(tests[i].name, "opencl", 6) == 0) take = false;
        if (take) chosen[n++] = tests[i];
    }
    if (n == 0) {
        fprintf(stderr, "REGBENCH_DEVICE \"%s\": no test has a name that begins so\n", device);
        return 2;
    }
    return _cmocka_run_group_tests("ops", chosen, n, NULL, NULL);
}
