/* aborting_compiler.c: preloaded by test_opencl: an OpenCL driver's compiler as some are. TEST_COMPILER says how: "few"
 * makes kernels for groups of 24 items at most, a number is an error that it returns, nothing: it brings its process
 * down. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int clBuildProgram(void *program, unsigned n, void *const *devices, const char *options, void *notify, void *data);
int clBuildProgram(void *program, unsigned n, void *const *devices, const char *options, void *notify, void *data) {
    const char *how = getenv("TEST_COMPILER");
    if (!how) abort();
    if (strcmp(how, "few") != 0) return atoi(how);
    int (*real)(void *, unsigned, void *const *, const char *, void *, void *);
    *(void **)&real = dlsym(RTLD_NEXT, "clBuildProgram");
    return real(program, n, devices, options, notify, data);
}

/* Asked for CL_KERNEL_WORK_GROUP_SIZE only. */
int clGetKernelWorkGroupInfo(void *kernel, void *device, unsigned what, size_t size, void *value, size_t *given);
int clGetKernelWorkGroupInfo(void *kernel, void *device, unsigned what, size_t size, void *value, size_t *given) {
    (void)kernel, (void)device, (void)what, (void)given;
    if (size == sizeof size) *(size_t *)value = 24;
    return 0;
}
