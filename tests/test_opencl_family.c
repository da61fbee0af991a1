/* test_opencl_family.c: every op of the opencl backend in the gpu family, as devices of other limits would run it.
 *
 * usage: test_opencl_family [few|all QUIRKS]: a few shapes of each kind, or all. Without: a few, in groups of 64 with
 * local memory. */
#include <stdlib.h>
#include <string.h>

#include "golden_run.h"
#include "regbench/check.h"

/* Parts of names in src/check/shapes.c. LeNet's first weight gradient is long enough to be added in two rounds. */
static const char *const few[] = {"linear, batch 7", "linear, sigmoid", "LeNet", "with strides", "residual", NULL};
static const char *const all[] = {NULL};
static const char *quirks = "family=gpu,work_group=64,max_wg=64,local_mem=32768";

static void check_ops(void **state) {
    const char *const *shapes = *state;
    rb_device_id id;
    rb_device *device = NULL;
    if (rb_device_select("opencl", &id) != RB_OK) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    }
    assert_ok(id.backend->open(id.index, &(rb_open_options){.quirks = quirks}, &device));
    for (int i = 0; i == 0 || shapes[i]; i++) {
        int checked = 0, failed = 0;
        assert_ok(rb_check_ops(id.backend, device, shapes[i], stdout, &checked, &failed));
        assert_true(checked > (shapes[i] ? 20 : 300));
        assert_int_equal(failed, 0);
    }
    id.backend->close(device);
}

int main(int argc, char **argv) {
    bool every = argc > 1 && strcmp(argv[1], "all") == 0;
    if (argc > 1 && (argc != 3 || (!every && strcmp(argv[1], "few")))) {
        fprintf(stderr, "usage: test_opencl_family [few|all QUIRKS]\n");
        return 2;
    }
    if (argc > 1) quirks = argv[2];
    const struct CMUnitTest tests[] = {
        {.name = quirks, .test_func = check_ops, .initial_state = (void *)(uintptr_t)(every ? all : few)}};
    return cmocka_run_group_tests_name("opencl, gpu family", tests, NULL, NULL);
}
