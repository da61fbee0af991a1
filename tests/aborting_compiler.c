/* aborting_compiler.c: preloaded by test_opencl: an OpenCL compiler that brings its process down, as some drivers do.
 */
#include <stdlib.h>

int clBuildProgram(void *program, unsigned n, void *const *devices, const char *options, void *notify, void *data);
int clBuildProgram(void *program, unsigned n, void *const *devices, const char *options, void *notify, void *data) {
    (void)program, (void)n, (void)devices, (void)options, (void)notify, (void)data;
    abort();
}
