/* lower.c: a variant's ops as items: their extents in this backend's layout; then each op family makes its parts. */
#include <stdlib.h>

#include "kernel/kernel.h"

/* Extents from an input-side tensor x and an output-side tensor y (gradients: the tensors that they belong to). */
static void measure(rb__kn_item *it, const rb_tensor *x, const rb_tensor *y) {
    it->N = (int)x->dims[0], it->C = (int)x->dims[1], it->H = (int)x->dims[2], it->W = (int)x->dims[3];
    it->K = (int)y->dims[1], it->P = (int)y->dims[2], it->Q = (int)y->dims[3];
    it->R = it->op->u.window.kernel, it->stride = it->op->u.window.stride, it->pad = it->op->u.window.pad;
    it->ldx = (int)x->stride[3], it->ldy = (int)y->stride[3], it->ldw = rb__kn_pad((int)y->dims[1]);
}

/* Linear layers read whole rows. Behind the last channel of a flat row lie only zeros, which need not be multiplied. */
static void measure_linear(rb__kn_item *it, const rb_tensor *x, const rb_tensor *y, bool all_rows) {
    measure(it, x, y);
    it->ldx = (int)x->stride[0], it->ldy = (int)y->stride[0];
    it->D = it->H * it->W == 1 && !all_rows ? it->C : it->ldx;
}

/* The gradient of an input: its rows end with padding for which there are no weights. */
static void limit_rows(rb__kn_item *it, const rb_tensor *w) {
    int rows = (int)(w->bytes / sizeof(float)) / it->ldw;
    if (it->D > rows) it->D = rows;
}

static void prepare(rb__kn_item *it, const rb_variant *v, const rb_op *op, int number) {
    const rb_tensor *in[2], *out = op->out[0] < 0 ? NULL : &v->tensors[op->out[0]];
    for (int i = 0; i < 2; i++) in[i] = op->in[i] < 0 ? NULL : &v->tensors[op->in[i]];
    it->op = op;
    it->number = number;
    for (int i = 0; i < RB_OP_MAX_IN; i++) it->in[i] = op->in[i];
    for (int i = 0; i < RB_OP_MAX_OUT; i++) it->out[i] = op->out[i];
    switch (op->kind) {
    case RB_OP_LINEAR:
        measure_linear(it, in[0], out, false);
        break;
    case RB_OP_LINEAR_DX:
        measure_linear(it, out, in[0], false);
        limit_rows(it, in[1]);
        break;
    case RB_OP_LINEAR_DW:
        measure_linear(it, in[0], in[1], true);
        break;
    case RB_OP_GATHER:
        measure(it, out, out);
        it->D = it->C * it->H * it->W;
        break;
    case RB_OP_CONV_DX:
    case RB_OP_MAXPOOL_DX:
    case RB_OP_AVGPOOL_DX:
        measure(it, out, in[0]);
        break;
    case RB_OP_CONV_DW:
        measure(it, in[0], in[1]);
        break;
    case RB_OP_BATCHNORM_DX:
        measure(it, in[0], in[1]);
        break;
    case RB_OP_ATTACK:
        measure(it, in[1], out);
        break;
    case RB_OP_LOSS_CE:
    case RB_OP_LOSS_MSE:
        measure(it, in[0], in[0]);
        it->ldx = (int)in[0]->stride[0];
        break;
    default:
        measure(it, in[0], out ? out : in[0]);
        break;
    }
}

/* The end of the step: sums of what loss and update left, and the cursor. */
static void finish(rb__kn_plan *plan) {
    const rb_variant *v = plan->variant;
    bool loss = plan->loss_rows >= 0, norm = plan->norm_blocks >= 0;
    const rb_op *update = norm ? &v->ops[plan->norm_op] : NULL;
    bool step = norm && update->kind == RB_OP_UPDATE;
    int metric = loss ? v->ops[plan->loss_op].out[0] : norm ? update->out[step ? 1 : 0] : -1;
    int sums = rb__kn_work_new(plan, 2 * sizeof(float) * (size_t)plan->device->local);
    rb__kn_part *part = rb__kn_part_new(plan, -1, "finish.cl", "finish");
    part->alone = true;
    rb__kn_define(part, "LOSS", loss);
    rb__kn_define(part, "NORM", norm + step);
    rb__kn_adds_items(plan, part);
    rb__kn_cursor(plan, part);
    part->args[0].type = "__global int *";
    rb__kn_inout(plan, part, metric);
    rb__kn_work_in(part, loss ? plan->loss_rows : sums, "__global const float2 *");
    rb__kn_work_in(part, norm ? plan->norm_blocks : sums, "__global const float2 *");
    rb__kn_work_out(part, sums, "__global float2 *");
    rb__kn_int(part, plan->n_loss_rows);
    rb__kn_int(part, plan->n_norm_blocks);
}

void rb__kn_lower(rb__kn_plan *plan) {
    const rb_variant *v = plan->variant;
    rb__kn_item *items = calloc((size_t)v->n_ops + 1, sizeof *items);
    if (!items) {
        rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
        return;
    }
    for (int i = 0; i < v->n_ops; i++) prepare(&items[i], v, &v->ops[i], i);
    if (!plan->strict) rb__kn_merge(plan, items);
    for (int i = 0; i < v->n_ops && plan->status == RB_OK; i++) {
        rb__kn_item *it = &items[i];
        if (it->idle) continue;
        switch (it->op->kind) {
        case RB_OP_GATHER:
        case RB_OP_ACT:
        case RB_OP_ACT_DX:
        case RB_OP_ADD:
        case RB_OP_COPY:
        case RB_OP_ATTACK:
            rb__kn_lower_pointwise(plan, it);
            break;
        case RB_OP_LINEAR:
        case RB_OP_LINEAR_DX:
        case RB_OP_LINEAR_DW:
            rb__kn_lower_linear(plan, it);
            break;
        case RB_OP_CONV:
        case RB_OP_CONV_DX:
        case RB_OP_CONV_DW:
            rb__kn_lower_conv(plan, it);
            break;
        case RB_OP_MAXPOOL:
        case RB_OP_MAXPOOL_DX:
        case RB_OP_AVGPOOL:
        case RB_OP_AVGPOOL_DX:
            rb__kn_lower_pool(plan, it);
            break;
        case RB_OP_BATCHNORM:
        case RB_OP_BATCHNORM_DX:
            rb__kn_lower_batchnorm(plan, it);
            break;
        case RB_OP_DROPOUT:
        case RB_OP_DROPOUT_DX:
            rb__kn_lower_dropout(plan, it);
            break;
        case RB_OP_LOSS_CE:
        case RB_OP_LOSS_MSE:
            rb__kn_lower_loss(plan, it);
            break;
        case RB_OP_UPDATE:
        case RB_OP_NORMS:
            rb__kn_lower_update(plan, it);
            break;
        default:
            rb__kn_plan_fail(plan,
                             rb_fail(RB_INTERNAL, "kernels: op %s reached the planner", rb_op_name(it->op->kind)));
        }
    }
    finish(plan);
    free(items);
}
