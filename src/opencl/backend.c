/* backend.c: the opencl backend's entries: which devices there are; none can be opened yet. */
#include <stdlib.h>

#include "opencl/device.h"

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    rb_status status = RB_OK;
    rb__cl_limits *limits = NULL;
    RB_TRY(rb__cl_devices(&limits, n, why));
    for (int i = 0; i < *n; i++) RB_TRY(rb__cl_describe(&limits[i], i, options ? options->quirks : NULL, &list[i]));
cleanup:
    free(limits);
    return status;
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    (void)index, (void)options;
    *out = NULL;
    return rb_fail(RB_UNSUPPORTED, "opencl: no kernels are built yet");
}

const rb_backend rb_backend_opencl = {.name = "opencl", .abi = RB_BACKEND_ABI, .probe = probe, .open = open_device};
