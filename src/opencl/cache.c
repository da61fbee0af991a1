/* cache.c: one program from its source; a refusal leaves log and source in files. */
#include "opencl/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rb_status rb__cl_compile(rb_device *device, const char *source, const char *options, cl_program *out) {
    cl_int error;
    size_t length = strlen(source);
    *out = clCreateProgramWithSource(device->context, 1, &source, &length, &error);
    if (error != CL_SUCCESS) return rb__cl_status(device, error, "create a program");
    error = clBuildProgram(*out, 1, &device->id, options, NULL, NULL);
    if (error == CL_SUCCESS) return RB_OK;
    size_t size = 0;
    clGetProgramBuildInfo(*out, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = calloc(1, size + 1);
    if (log) clGetProgramBuildInfo(*out, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    fprintf(stderr, "%s\n", log ? log : "");
    free(log);
    FILE *f = fopen("/tmp/cl-source.cl", "w");
    if (f) fputs(source, f), fclose(f);
    return rb_fail_native(RB_UNSUPPORTED, error, "%s: kernels do not compile", device->key);
}
