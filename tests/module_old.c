/* module_old.c: a backend's module as an older build would have left it, for test_opencl_devices. */
#include "regbench/backend.h"

const rb_backend rb_backend_opencl = {.name = "opencl", .abi = RB_BACKEND_ABI - 1};
