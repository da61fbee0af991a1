/* items.c: one op made ready: its extents in this backend's layout, its kernel, the scratch it asks for. */
#include "cpu/cpu.h"
#include "cpu/kernels/batchnorm.h"
#include "cpu/kernels/conv.h"
#include "cpu/kernels/dropout.h"
#include "cpu/tuning.h"

static int round16(int64_t n) { return (int)((n + 15) / 16 * 16); }
static size_t floats(int64_t a, int64_t b, int64_t c) {
    return sizeof(float) * (size_t)(a * b * c) + 2 * RB__ALIGN; /* whole vectors may pass the end */
}

/* Extents from an input-side tensor x and an output-side tensor y (gradients: the tensors that they belong to). */
static rb__geometry measure(const rb_op *op, const rb_tensor *x, const rb_tensor *y) {
    rb__geometry g = {.N = (int)x->dims[0], .C = (int)x->dims[1], .H = (int)x->dims[2], .W = (int)x->dims[3]};
    g.K = (int)y->dims[1], g.P = (int)y->dims[2], g.Q = (int)y->dims[3];
    g.R = op->u.window.kernel, g.stride = op->u.window.stride, g.pad = op->u.window.pad;
    g.ldx = (int)x->stride[3], g.ldy = (int)y->stride[3], g.ldw = round16(y->dims[1]);
    return g;
}

/* Linear layers read whole rows. Behind the last channel of a flat row lie only zeros, which need not be multiplied. */
static void measure_linear(rb__geometry *g, const rb_tensor *x, const rb_tensor *y, bool all_rows) {
    g->ldx = (int)x->stride[0], g->ldy = (int)y->stride[0];
    g->D = g->H * g->W == 1 && !all_rows ? g->C : g->ldx;
}

/* The gradient of an input: its rows end with padding for which there are no weights. */
static void limit_rows(rb__geometry *g, const rb_tensor *w) {
    int rows = (int)(w->bytes / sizeof(float)) / g->ldw;
    if (g->D > rows) g->D = rows;
}

void rb__item_prepare(rb__item *it, const rb__kernels *k, const rb_program *program, const rb_variant *v,
                      const rb_op *op) {
    const rb_tensor *in[2], *out = op->out[0] < 0 ? NULL : &v->tensors[op->out[0]];
    for (int i = 0; i < 2; i++) in[i] = op->in[i] < 0 ? NULL : &v->tensors[op->in[i]];
    it->op = op, it->variant = v, it->program = program, it->provider = "own", it->kernels = k;
    for (int i = 0; i < RB__MAX_IN; i++) it->in_id[i] = i < RB_OP_MAX_IN ? op->in[i] : -1;
    for (int i = 0; i < RB_OP_MAX_OUT; i++) it->out_id[i] = op->out[i];
    rb__geometry *g = &it->g;
    switch (op->kind) {
    case RB_OP_GATHER:
        *g = measure(op, out, out);
        g->D = g->C * g->H * g->W;
        if (rb_op_augments(op)) it->scratch_bytes = (size_t)g->D;
        it->rows = k->gather;
        break;
    case RB_OP_LINEAR:
        *g = measure(op, in[0], out);
        measure_linear(g, in[0], out, false);
        it->rows = k->linear;
        break;
    case RB_OP_LINEAR_DX:
        *g = measure(op, out, in[0]);
        measure_linear(g, out, in[0], false);
        limit_rows(g, in[1]);
        it->rows = k->linear_dx;
        it->pack = k->pack_linear;
        it->n_pack = (g->D + 15) / 16;
        it->packed_count = (size_t)g->K * (size_t)round16(g->D);
        break;
    case RB_OP_LINEAR_DW:
        *g = measure(op, in[0], in[1]);
        measure_linear(g, in[0], in[1], true);
        it->scratch_bytes = floats(RB__STRIP_ROWS, RB__STRIP_TILES, k->tile_rows);
        break;
    case RB_OP_CONV:
        *g = measure(op, in[0], out);
        it->scratch_bytes = floats(g->H + 2 * g->pad, g->W + 2 * g->pad, g->C);
        it->rows = k->conv;
        break;
    case RB_OP_CONV_DX:
        *g = measure(op, out, in[0]);
        it->scratch_bytes = floats(1, 1, (int64_t)rb_conv_dx_scratch(g));
        it->rows = k->conv_dx;
        it->pack = k->pack_conv;
        it->n_pack = g->R * g->R;
        it->packed_count = rb_conv_dx_packed(g);
        break;
    case RB_OP_CONV_DW:
        *g = measure(op, in[0], in[1]);
        it->scratch_bytes = floats(g->H + 2 * g->pad, g->W + 2 * g->pad, g->C);
        it->partial_count = ((size_t)g->R * (size_t)g->R * (size_t)g->C + 1) * (size_t)g->ldw;
        it->rows = k->conv_dw;
        it->reduce = k->sum_partials;
        it->n_reduce = (int)((it->partial_count + RB__FLAT_BLOCK - 1) / RB__FLAT_BLOCK);
        break;
    case RB_OP_MAXPOOL:
    case RB_OP_AVGPOOL:
        *g = measure(op, in[0], out);
        it->rows = op->kind == RB_OP_MAXPOOL ? k->max_pool : k->avg_pool;
        break;
    case RB_OP_MAXPOOL_DX:
    case RB_OP_AVGPOOL_DX:
        *g = measure(op, out, in[0]);
        it->rows = op->kind == RB_OP_MAXPOOL_DX ? k->max_pool_dx : k->avg_pool_dx;
        break;
    case RB_OP_ACT:
    case RB_OP_ACT_DX:
    case RB_OP_ADD:
        *g = measure(op, in[0], out);
        if (op->kind == RB_OP_ADD) g->ldw = (int)in[1]->stride[3];
        if (g->ldx != g->ldy || (op->kind == RB_OP_ADD && g->ldw != g->ldy))
            it->scratch_bytes = 2 * floats((int64_t)g->N * g->H, g->W, g->ldy);
        it->rows = op->kind == RB_OP_ACT ? k->act : op->kind == RB_OP_ADD ? k->add : k->act_dx;
        break;
    case RB_OP_BATCHNORM:
    case RB_OP_BATCHNORM_DX: {
        bool gradient = op->kind == RB_OP_BATCHNORM_DX;
        *g = measure(op, in[0], gradient ? in[1] : out);
        g->ldw = op->in[5] < 0 ? g->ldy : (int)v->tensors[op->in[5]].stride[3];
        if (g->ldx != g->ldy || g->ldw != g->ldy) it->scratch_bytes = 2 * floats((int64_t)g->N * g->H, g->W, g->ldy);
        it->packed_count = RB__BN_COEFFICIENTS * (size_t)g->ldy;
        it->n_pack = it->n_reduce = g->ldy / 16;
        it->partial_count = rb_batchnorm_partial(g) * sizeof(double) / sizeof(float);
        it->rows = gradient ? k->batchnorm_dx : k->batchnorm;
        if (gradient && !out) it->rows = NULL;
        if (!(op->flags & RB_OPF_TRAIN)) {
            it->pack = k->batchnorm_running;
            break;
        }
        it->survey = gradient ? k->batchnorm_dx_sums : k->batchnorm_moments;
        it->reduce = gradient ? k->batchnorm_dx_settle : k->batchnorm_settle;
        break;
    }
    case RB_OP_DROPOUT:
    case RB_OP_DROPOUT_DX:
        *g = measure(op, in[0], out);
        g->D = g->C * g->H * g->W;
        it->scratch_bytes = floats(1, 1, g->D + RB__PHILOX_MOST);
        it->rows = k->dropout;
        break;
    case RB_OP_COPY:
        *g = measure(op, in[0], out);
        if ((out->segment == RB_SEG_ACT || out->segment == RB_SEG_INPUT) && out->dims[0] == v->rows) it->rows = k->copy;
        break;
    case RB_OP_ATTACK:
        *g = measure(op, in[1], out);
        it->rows = k->attack;
        break;
    case RB_OP_LOSS_CE:
    case RB_OP_LOSS_MSE:
        *g = measure(op, in[0], in[0]);
        g->ldx = (int)in[0]->stride[0];
        it->scratch_bytes = floats(1, 1, round16(g->K));
        it->n_sums = g->N;
        it->rows = op->kind == RB_OP_LOSS_CE ? k->loss_ce : k->loss_mse;
        break;
    case RB_OP_UPDATE:
    case RB_OP_NORMS:
        it->n_sums = (int)((rb_tensor_count(in[0]) + RB__FLAT_BLOCK - 1) / RB__FLAT_BLOCK);
        break;
    default: /* supports() has refused it */
        break;
    }
}
