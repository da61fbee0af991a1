/* peak.c: the device's measured rate of multiply-adds, from cl/peak.cl. */
#include <stdlib.h>

#include "core/clock.h"
#include "opencl/cache.h"

enum { SUMS = 16, ROUNDS = 20000, GROUPS_PER_UNIT = 16 };

rb_status rb__cl_fma_peak(rb_device *device, double seconds, double *gflop_per_s) {
    rb_status status = RB_OK;
    rb_text source = {0}, options = {0};
    cl_program program = NULL;
    cl_kernel kernel = NULL;
    cl_mem out = NULL;
    cl_int error, rounds = ROUNDS;
    cl_float values[3] = {0.5f, 0.5f, 0.0f};
    int units = device->limits.compute_units > 0 ? device->limits.compute_units : 1;
    size_t local = (size_t)device->local, global = (size_t)units * GROUPS_PER_UNIT * local;
    double lanes = device->gpu ? 1 : RB__CL_LANES;
    double flops = 2.0 * SUMS * lanes * ROUNDS * (double)global, best = 0.0;
    RB_TRY(rb__cl_source_with_prelude(device, "peak.cl", &source, &options));
    RB_TRY(rb__cl_compile(device, source.data, options.data, &(const char *){"peak"}, 1, &program));
    kernel = clCreateKernel(program, "peak", &error);
    RB_TRY(rb__cl_status(device, error, "make kernel peak"));
    out = clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof values, values, &error);
    RB_TRY(rb__cl_memory_status(device, error, "allocate a buffer"));
    RB_TRY(rb__cl_status(device, clSetKernelArg(kernel, 0, sizeof out, &out), "set an argument"));
    RB_TRY(rb__cl_status(device, clSetKernelArg(kernel, 1, sizeof rounds, &rounds), "set an argument"));
    double end = rb_clock_s() + seconds;
    for (int round = 0; round < 2 || rb_clock_s() < end; round++) {
        double start = rb_clock_s();
        error = clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &global, &local, 0, NULL, NULL);
        RB_TRY(rb__cl_status(device, error, "run kernel peak"));
        RB_TRY(rb__cl_status(device, clFinish(device->queue), "run kernel peak"));
        double rate = flops / (rb_clock_s() - start) * 1e-9;
        if (round && rate > best) best = rate; /* the first run may compile */
    }
    *gflop_per_s = best;
cleanup:
    if (out) clReleaseMemObject(out);
    if (kernel) clReleaseKernel(kernel);
    if (program) clReleaseProgram(program);
    rb_text_free(&source);
    rb_text_free(&options);
    return status;
}
