/* peak.c: measured peaks. GEMM and triad go through compiled programs, so that every backend has them. */
#include "measure/peak.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

/* 16 x 1024 x 32 x 32 floats = 64 MiB; many channels, since layouts may pad them */
enum { GEMM = 1024, CHANNELS = 1024, SIDE = 32, IMAGES = 16 };

/* Shortest time of one execution of the first op of this kind in the model's evaluation, in seconds. */
static rb_status best_time(const rb_backend *backend, rb_device *device, const rb_spec *spec, rb_op_kind kind,
                           double seconds, double *best, char provider[32]) {
    rb_status status = RB_OK;
    rb_layout layout;
    rb_program *program = NULL;
    rb_store *store = NULL;
    rb_bound *bound = NULL;
    backend->layout(device, &layout);
    layout.fuse = 0; /* the op alone */
    RB_TRY(rb_program_compile(spec, &layout, &program));
    rb_variant one = program->variant[RB_VARIANT_EVAL];
    int i = 0;
    while (i < one.n_ops && one.ops[i].kind != kind) i++;
    if (i == one.n_ops) {
        status = rb_fail(RB_INTERNAL, "the model for the peak of %s has no such op", rb_op_name(kind));
        goto cleanup;
    }
    one.ops += i;
    one.n_ops = 1;
    RB_TRY(backend->store_new(device, program->bytes, &store));
    rb_ctrl_head head = {.cursor = {{.wrap = 1}, {.wrap = 1}}};
    RB_TRY(backend->put(store, RB_SEG_CTRL, program->head.offset, sizeof head, &head));
    RB_TRY(backend->bind(store, program, &one, &bound));
    snprintf(provider, 32, "%s", backend->provider(bound, 0));
    double end = rb_clock_s() + seconds;
    *best = INFINITY;
    for (int round = 0; round < 3 || rb_clock_s() < end; round++) {
        double start = rb_clock_s();
        RB_TRY(backend->submit(bound, 1));
        RB_TRY(backend->wait(device));
        double took = rb_clock_s() - start;
        if (round > 0 && took < *best) *best = took; /* the first execution touches fresh memory */
    }
cleanup:
    if (bound) backend->unbind(bound);
    if (store) backend->store_free(store);
    rb_program_free(program);
    return status;
}

rb_status rb_peak_measure(const rb_backend *backend, rb_device *device, double seconds, rb_peak *out) {
    static const rb_layer product[] = {RB_LINEAR(GEMM), RB_END};
    static const rb_layer sum[] = {RB_RELU_TAG("a"), RB_RELU, RB_ADD("a"), RB_LINEAR(1, .no_bias = true), RB_END};
    rb_status status = RB_OK;
    char ignored[32];
    double best;
    rb_spec gemm = {.layers = product,
                    .C = GEMM,
                    .H = 1,
                    .W = 1,
                    .x_dtype = RB_U8,
                    .stddev = 1,
                    .classes = GEMM,
                    .batch = GEMM,
                    .n_rows = GEMM,
                    .n_train = GEMM,
                    .n_eval = GEMM,
                    .window = 1};
    rb_spec triad = {.layers = sum,
                     .C = CHANNELS,
                     .H = SIDE,
                     .W = SIDE,
                     .x_dtype = RB_U8,
                     .stddev = 1,
                     .classes = 1,
                     .batch = IMAGES,
                     .n_rows = IMAGES,
                     .n_train = IMAGES,
                     .n_eval = IMAGES,
                     .window = 1};
    memset(out, 0, sizeof *out);
    out->fma_gflop_per_s = NAN;
    if (backend->fma_peak) RB_TRY(backend->fma_peak(device, seconds, &out->fma_gflop_per_s));
    RB_TRY(best_time(backend, device, &gemm, RB_OP_LINEAR, seconds, &best, out->gemm_provider));
    out->gemm_gflop_per_s = 2.0 * GEMM * GEMM * GEMM / best * 1e-9;
    RB_TRY(best_time(backend, device, &triad, RB_OP_ADD, seconds, &best, ignored));
    out->triad_gbyte_per_s = 3.0 * 4.0 * IMAGES * CHANNELS * SIDE * SIDE / best * 1e-9;
cleanup:
    return status;
}

bool rb_peak_drifted(double before, double after, double *pct) {
    *pct = 100 * (after / before - 1);
    return fabs(*pct) > 5;
}
