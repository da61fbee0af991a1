/* test_opencl_family.c: every op of the opencl backend's gpu family, as devices of other limits would run it. */
#include <stdlib.h>
#include <string.h>

#include "golden_run.h"
#include "regbench/check.h"

static void check_ops(void **state) {
    rb_device_id id;
    rb_device *device = NULL;
    int checked = 0, failed = 0;
    if (rb_device_select("opencl", &id) != RB_OK) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    }
    assert_ok(id.backend->open(id.index, &(rb_open_options){.quirks = *state}, &device));
    assert_ok(rb_check_ops(id.backend, device, stdout, &checked, &failed));
    assert_true(checked > 300);
    assert_int_equal(failed, 0);
    id.backend->close(device);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_opencl_family QUIRKS\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {{.name = argv[1], .test_func = check_ops, .initial_state = argv[1]}};
    return _cmocka_run_group_tests("opencl, gpu family", tests, 1, NULL, NULL);
}
