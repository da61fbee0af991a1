/* cudnn_parts.c: convolutions by cuDNN 9: y = act(x * w + b), dx, dw, db.
 *
 * Tensors are NHWC as they lie, pad channels counted as channels: they are zero. Filters are (K,R,S,C) there and
 * (R,S,C,K) here: they are turned on every step. A layer of few channels (pictures) stays with own kernels, because the
 * library would multiply mostly padding.
 *
 * A first call, on scratch, says whether the library has the case and loads what it needs, so that a step may be
 * captured; a case that it has not is done by own kernels, as the provider column says. Bias and ReLU are taken along
 * where the library has them (algo: "+relu"): its ReLU may take a NaN for 0, as it has no other there; behind the last
 * layer, which has none, it shows. Pooling stays own: which of equal values CUDNN_POOLING_MAX_DETERMINISTIC takes is
 * not documented. So does batch norm, whose op here includes sums and activations that the library's has not. */
#include "cuda/cudnn_calls.h"

#ifdef REGBENCH_HAVE_CUDNN

#include <stdio.h>
#include <string.h>

enum { LEAST_CHANNELS = 4 };

/* On scratch. */
static rb_status try_out(rb_device *base, const rb__kn_item *it, const rb__cudnn_conv *c) {
    rb_status status = RB_OK;
    const size_t pixels[] = {(size_t)it->N * (size_t)it->H * (size_t)it->W, (size_t)(it->R * it->R) * (size_t)it->ldw,
                             (size_t)it->N * (size_t)it->P * (size_t)it->Q, 1};
    const int widths[] = {it->ldx, it->ldx, it->ldy, it->ldy};
    size_t starts[5] = {0};
    rb__kn_memory *scratch = NULL;
    for (int i = 0; i < 4; i++)
        starts[i + 1] = (starts[i] + sizeof(float) * pixels[i] * (size_t)widths[i] + 255) & ~(size_t)255;
    RB_TRY(base->runtime->allocate(base, starts[4] + c->workspace, "allocate what tries cuDNN out", &scratch));
    CUdeviceptr at = (CUdeviceptr)scratch;
    const rb__cudnn_places p = {at, at + starts[1], at + starts[2], at + starts[3], at + starts[4]};
    RB_TRY(rb__cudnn_convolve(rb__cuda_of(base), c, &p));
    RB_TRY(base->runtime->wait(base, "try cuDNN out"));
cleanup:
    if (scratch) base->runtime->release(scratch);
    return status;
}

/* Arguments: x, w, y in the order of the pass, then bias, then workspace. */
static rb_status convolve(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    const rb__cudnn_conv *c = part->state;
    CUdeviceptr at[5] = {0};
    for (int i = 0; i < part->n_args; i++) RB_TRY(rb__cuda_address(plan, part, i, &at[i]));
    const rb__cudnn_places p = {at[0], at[1], at[2], c->fused ? at[3] : 0, at[part->n_args - 1]};
    status = rb__cudnn_convolve(rb__cuda_of(plan->device), c, &p);
cleanup:
    return status;
}

static rb_status add_rows(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    CUdeviceptr dy, db;
    RB_TRY(rb__cuda_address(plan, part, 0, &dy));
    RB_TRY(rb__cuda_address(plan, part, 1, &db));
    status = rb__cudnn_sum_rows(rb__cuda_of(plan->device), part->state, dy, db);
cleanup:
    return status;
}

/* A first call of the sum loads its kernel, too: into scratch. */
static rb_status prepare_rows(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    rb_device *base = plan->device;
    rb__kn_memory *scratch = NULL;
    CUdeviceptr dy;
    RB_TRY(rb__cuda_address(plan, part, 0, &dy));
    RB_TRY(base->runtime->allocate(base, plan->variant->tensors[part->args[1].tensor].bytes,
                                   "allocate what tries cuDNN out", &scratch));
    RB_TRY(rb__cudnn_sum_rows(rb__cuda_of(base), part->state, dy, (CUdeviceptr)scratch));
    RB_TRY(base->runtime->wait(base, "try cuDNN out"));
cleanup:
    if (scratch) base->runtime->release(scratch);
    return status;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static const char any[] = "__global void *"; /* no kernel takes a call's arguments */

static rb__kn_part *call_new(rb__kn_plan *plan, const rb__kn_item *it, rb__cudnn_conv *state) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "convolution");
    part->call = convolve; /* tried out by lowering: nothing to prepare */
    part->alone = true;
    part->state = state;
    part->release = rb__cudnn_conv_free;
    return part;
}

static void add_workspace(rb__kn_plan *plan, rb__kn_part *part, const rb__cudnn_conv *c) {
    if (c->workspace) rb__kn_work_out(part, rb__kn_library_work(plan, c->workspace), any);
}

/* In bf16 a side of the call is a WORK instead of a tensor: the rounded copy, or what the library gives back. */
static void add_read(rb__kn_plan *plan, rb__kn_part *part, int tensor, int rounded) {
    if (rounded >= 0)
        rb__kn_work_in(part, rounded, any);
    else
        rb__kn_in(plan, part, tensor);
}

static void add_result(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it, int narrow) {
    if (narrow >= 0)
        rb__kn_work_out(part, narrow, any);
    else if (it->op->kind == RB_OP_CONV)
        rb__kn_out(plan, part, it->out[0]);
    else
        rb__kn_inout(plan, part, it->out[0]);
}

static void add_parts(rb__kn_plan *plan, const rb__kn_item *it, rb__cudnn_conv *c) {
    const bool forward = c->kind == RB_OP_CONV, dw = c->kind == RB_OP_CONV_DW, narrow = rb__cuda_narrow(plan);
    const size_t size = narrow ? sizeof(uint16_t) : sizeof(float);
    const int turned = rb__kn_work_new(plan, size * (size_t)(it->R * it->R) * (size_t)it->ldx * (size_t)it->ldw);
    const int x = narrow && (forward || dw) ? rb__cuda_rounded(plan, it, it->in[0]) : -1;
    const int dy = narrow && !forward ? rb__cuda_rounded(plan, it, it->in[dw ? 1 : 0]) : -1;
    const int result =
        narrow && !dw ? rb__kn_library_result(plan, plan->variant->tensors[it->out[0]].bytes * size / sizeof(float))
                      : -1;
    if (!dw) rb__cuda_add_turn(plan, it, turned, false);
    rb__kn_part *part = call_new(plan, it, c);
    plan->providers[it->number] = "cudnn";
    plan->algos[it->number] = c->text;
    if (forward || dw)
        add_read(plan, part, it->in[0], x);
    else
        add_result(plan, part, it, result);
    if (dw)
        rb__kn_work_out(part, turned, any);
    else
        rb__kn_work_in(part, turned, any);
    if (forward)
        add_result(plan, part, it, result);
    else
        add_read(plan, part, it->in[dw ? 1 : 0], dy);
    if (c->fused) rb__kn_in(plan, part, it->in[2]);
    add_workspace(plan, part, c);
    if (dw) rb__cuda_add_turn(plan, it, turned, true);
    if (forward && !c->fused) rb__cuda_add_bias_act(plan, it, it->N * it->P * it->Q, it->in[2] >= 0, result);
    if (!forward && !dw) rb__cuda_add_derive(plan, it, it->N * it->H * it->W, it->ldx, result);
}

/* db: its own descriptors, because a part frees what it has. */
static rb_status add_bias_gradient(rb__kn_plan *plan, const rb__kn_item *it) {
    rb_status status = RB_OK;
    rb__cudnn_conv *c;
    RB_TRY(rb__cudnn_rows_new(rb__cuda_of(plan->device), it, &c));
    rb__kn_part *part = call_new(plan, it, c);
    part->call = add_rows;
    part->prepare = prepare_rows;
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_out(plan, part, it->out[1]);
cleanup:
    return status;
}

bool rb__cudnn_takes(const rb__kn_item *it) {
    if (it->op->kind != RB_OP_CONV && it->op->kind != RB_OP_CONV_DX && it->op->kind != RB_OP_CONV_DW) return false;
    return it->C >= LEAST_CHANNELS && it->ldy == it->ldw && (it->H + 2 * it->pad - it->R) / it->stride + 1 == it->P &&
           (it->W + 2 * it->pad - it->R) / it->stride + 1 == it->Q;
}

void rb__cudnn_lower(rb__kn_plan *plan, rb__kn_item *it) {
    rb_status status = RB_OK;
    rb__cudnn_conv *c = NULL;
    RB_TRY(rb__cudnn_conv_new(rb__cuda_of(plan->device), it, &c));
    status = try_out(plan->device, it, c);
    const bool lost = rb__cuda_of(plan->device)->lost;
    if (c->fused && !lost && (status == RB_UNSUPPORTED || status == RB_DEVICE)) { /* without bias and ReLU */
        rb_error_clear();
        c->fused = false;
        status = try_out(plan->device, it, c);
    }
    RB_TRY(status);
    if (c->fused) snprintf(c->text + strlen(c->text), sizeof c->text - strlen(c->text), "+relu");
    add_parts(plan, it, c);
    c = NULL;
    if (it->op->kind == RB_OP_CONV_DW && it->out[1] >= 0) rb__kn_plan_fail(plan, add_bias_gradient(plan, it));
cleanup:
    rb__cudnn_conv_free(c);
    if (status == RB_UNSUPPORTED) { /* provider "own" says so */
        rb_error_clear();
        status = RB_OK;
        rb__kn_lower_gemm(plan, it);
    }
    rb__kn_plan_fail(plan, status);
}
#endif
