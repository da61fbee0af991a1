/* peak.c: the device's measured rate of multiply-adds, from cl/peak.cl. */
#include "core/clock.h"
#include "kernel/kernel.h"

enum { SUMS = 16, ROUNDS = 20000, GROUPS_PER_UNIT = 16 };

rb_status rb__kn_fma_peak(rb_device *device, double seconds, double *gflop_per_s) {
    const rb__kn_runtime *runtime = device->runtime;
    rb_status status = RB_OK;
    rb_text source = {0};
    rb__kn_program *program = NULL;
    rb__kn_kernel *kernel = NULL;
    rb__kn_memory *out = NULL;
    int units = device->info.threads > 0 ? device->info.threads : 1;
    size_t groups = (size_t)units * GROUPS_PER_UNIT;
    double lanes = device->gpu ? 1 : RB__KN_LANES;
    double flops = 2.0 * SUMS * lanes * ROUNDS * (double)groups * device->local, best = 0.0;
    RB_TRY(rb__kn_source_of(device, "peak.cl", &source));
    RB_TRY(runtime->build(device, source.data, &(const char *){"peak"}, 1, &program));
    RB_TRY(runtime->kernel_new(device, program, "peak", &kernel));
    RB_TRY(runtime->allocate(device, sizeof(float), "allocate a buffer", &out));
    RB_TRY(runtime->arguments(device, kernel, (rb__kn_value[]){{.memory = out}, {.number = ROUNDS}, {.number = 2}}, 3));
    double end = rb_clock_s() + seconds;
    for (int round = 0; round < 2 || rb_clock_s() < end; round++) {
        double start = rb_clock_s();
        RB_TRY(runtime->launch(device, kernel, groups, "run kernel peak"));
        RB_TRY(runtime->wait(device, "run kernel peak"));
        double rate = flops / (rb_clock_s() - start) * 1e-9;
        if (round && rate > best) best = rate; /* the first run may compile */
    }
    *gflop_per_s = best;
cleanup:
    if (out) runtime->release(out);
    if (kernel) runtime->kernel_free(kernel);
    if (program) runtime->program_free(program);
    rb_text_free(&source);
    return status;
}
