/* test_steps.c: every shape of the op table as whole steps on every device, against the reference in double: what
 * merged neighbours compute.
 *
 * usage: test_steps [DEVICE [QUIRKS]]; default: reference, cpu and opencl. REGBENCH_DEVICE and REGBENCH_QUIRKS say the
 * same; REGBENCH_PROVIDER: whose kernels; REGBENCH_PRECISION and REGBENCH_FASTEST as on the command line.
 * REGBENCH_SHAPE: only shapes with this in their names (src/check/shapes.c). */
#include "golden_run.h"
#include "regbench/check.h"

static const char *quirks, *shape;

static void whole_steps(void **state) {
    const char *selector = *state;
    rb_device_id id = found_device(selector);
    rb_device *device = NULL;
    int checked = 0, failed = 0;
    double worst;
    rb_open_options options = {.quirks = quirks,
                               .provider = getenv("REGBENCH_PROVIDER"),
                               .precision = getenv("REGBENCH_PRECISION"),
                               .fastest = getenv("REGBENCH_FASTEST") != NULL};
    rb_status opened = id.backend->open(id.index, &options, &device);
    if (opened == RB_USAGE && options.provider) { /* a build without the library */
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    }
    assert_ok(opened);
    assert_ok(rb_check_steps(id.backend, device, shape, stdout, &checked, &failed, &worst));
    assert_true(checked >= (shape ? 2 : 100));
    assert_int_equal(failed, 0);
    id.backend->close(device);
}

int main(int argc, char **argv) {
    const char *defaults[] = {"reference", "cpu", "opencl"}, *named = argc > 1 ? argv[1] : getenv("REGBENCH_DEVICE");
    struct CMUnitTest tests[3];
    size_t n = 0;
    quirks = argc > 2 ? argv[2] : getenv("REGBENCH_QUIRKS");
    shape = getenv("REGBENCH_SHAPE");
    for (size_t i = 0; i < (named ? 1 : sizeof defaults / sizeof *defaults); i++) {
        const char *device = named ? named : defaults[i];
        tests[n++] =
            (struct CMUnitTest){.name = device, .test_func = whole_steps, .initial_state = (void *)(uintptr_t)device};
    }
    return _cmocka_run_group_tests("whole steps", tests, n, NULL, NULL);
}
