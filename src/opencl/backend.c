/* backend.c: the opencl backend's entries: which devices there are; none can be opened yet. */
#include "regbench/backend.h"

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    (void)options, (void)list;
    why[0] = '\0';
    *n = 0;
    return RB_OK;
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    (void)index, (void)options;
    *out = NULL;
    return rb_fail(RB_UNSUPPORTED, "opencl: no kernels are built yet");
}

const rb_backend rb_backend_opencl = {.name = "opencl", .abi = RB_BACKEND_ABI, .probe = probe, .open = open_device};
