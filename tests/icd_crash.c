/* icd_crash.c: an OpenCL driver that dies as soon as the loader asks it anything, for test_opencl_devices. */
#include <stdlib.h>

void *clGetExtensionFunctionAddress(const char *name);

void *clGetExtensionFunctionAddress(const char *name) {
    (void)name;
    abort();
}
