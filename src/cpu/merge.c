/* merge.c: neighbouring ops of a variant that one kernel does better together, found by who reads and writes what.
 *
 * The program stays as it is: an item takes over the operands of its neighbour, which falls idle. Only done where the
 * tensors in between are of no use to anybody else. */
#include "cpu/cpu.h"
#include "cpu/kernels/conv.h"

typedef struct view {
    rb__plan *plan;
    const rb_variant *variant;
} view;

/* The one item that writes tensor t, NULL if there are none or several. */
static rb__item *writer(const view *v, int t) {
    rb__item *found = NULL;
    for (int i = 0; t >= 0 && i < v->plan->n_items; i++)
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (v->plan->items[i].out_id[k] == t) {
                if (found) return NULL;
                found = &v->plan->items[i];
            }
    return found;
}

/* The item of this kind that reads tensor t; *n: how many read it. */
static rb__item *reader(const view *v, int t, rb_op_kind kind, int *n) {
    rb__item *found = NULL;
    *n = 0;
    for (int i = 0; t >= 0 && i < v->plan->n_items; i++)
        for (int k = 0; k < RB__MAX_IN; k++)
            if (v->plan->items[i].in_id[k] == t) {
                ++*n;
                if (v->plan->items[i].op->kind == kind) found = &v->plan->items[i];
            }
    return found;
}

static void retire(rb__item *it) {
    for (int i = 0; i < RB__MAX_IN; i++) it->in_id[i] = -1;
    for (int i = 0; i < RB_OP_MAX_OUT; i++) it->out_id[i] = -1;
    it->idle = true;
    it->rows = NULL;
}

/* The item that does the gradient of a forward item: the same layer, on the same input (adversarial training goes
 * through a layer more than once). */
static rb__item *gradient(const view *v, const rb__item *it, rb_op_kind kind) {
    for (int i = 0; i < v->plan->n_items; i++)
        if (v->plan->items[i].op->kind == kind && v->plan->items[i].op->layer == it->op->layer &&
            v->plan->items[i].op->in[0] == it->op->in[0])
            return &v->plan->items[i];
    return NULL;
}

/* First convolution on one channel with few filters + activation + average pooling: planar.c. */
static void merge_planar(const view *v, rb__item *conv, const rb__kernels *k) {
    const rb__geometry *g = &conv->g;
    int n, m, y = conv->out_id[0], most = k->tile_rows < 8 ? k->tile_rows : 8;
    if (conv->op->kind != RB_OP_CONV || conv->library || g->C != 1 || g->ldx != 1 || g->stride != 1 || g->K > most ||
        (g->R != 3 && g->R != 5))
        return;
    rb__item *pool = reader(v, y, RB_OP_AVGPOOL, &n), *dw = gradient(v, conv, RB_OP_CONV_DW), *dx = NULL;
    if (!pool || pool->g.stride != pool->g.R) return;
    if (dw) { /* training: the pool's gradient leads to the filters' and nowhere else */
        int dy = dw->in_id[1];
        dx = writer(v, dy);
        if (dw->library || !dx || dx->op->kind != RB_OP_AVGPOOL_DX || dx->op->act != conv->op->act ||
            (dx->op->flags & RB_OPF_ACCUMULATE) || reader(v, dy, RB_OP_CONV_DW, &m) != dw || m != 1)
            return;
        n -= dx->op->act != RB_ACT_NONE && dx->in_id[1] == y;
    }
    if (n != 1) return; /* somebody else wants y */
    size_t scratch = rb_planar_image(g) + (size_t)g->K * (size_t)rb_round16(g->Q);
    conv->rows = k->conv_planar;
    conv->window = pool->g.R;
    conv->y_row_bytes = sizeof(float) * rb_planar_row(g);
    conv->out_id[1] = pool->out_id[0];
    conv->g.ldy = pool->g.ldy;
    conv->scratch_bytes = sizeof(float) * scratch + RB__ALIGN;
    retire(pool);
    if (!dw) return;
    dw->rows = k->conv_dw_planar;
    dw->window = conv->window;
    dw->activation = *dx->op;
    dw->in_id[1] = -1;
    dw->in_id[2] = dx->in_id[0];
    dw->in_id[3] = y;
    dw->g.ldy = dx->g.ldy;
    dw->scratch_bytes = sizeof(float) * (scratch + rb_planar_row(g)) + RB__ALIGN;
    dw->partial_count = (size_t)(g->R * g->R + 1) * (size_t)g->K * (size_t)k->lanes;
    dw->reduce = k->sum_planar;
    dw->n_reduce = 1;
    retire(dx);
}

/* Gradients of a convolution behind a max-pooling without overlap, whole vectors of channels: sparse.c. The pooling's
 * own gradient falls idle when nobody reads it any more. */
static void merge_sparse(const view *v, rb__item *it, const rb__kernels *k) {
    const rb__geometry *g = &it->g;
    int n, dy = it->op->kind == RB_OP_CONV_DW ? 1 : it->op->kind == RB_OP_CONV_DX ? 0 : -1, at = dy ? 2 : 3;
    if (dy < 0 || it->library || it->in_id[dy] < 0 || g->C % 16 || g->ldx != g->C || g->stride != 1 || g->R > 15)
        return;
    rb__item *dx = writer(v, it->in_id[dy]);
    if (!dx || dx->op->kind != RB_OP_MAXPOOL_DX || dx->g.stride < dx->g.R || (dx->op->flags & RB_OPF_ACCUMULATE))
        return;
    rb__item *pool = writer(v, dx->in_id[1]);
    if (!pool || pool->op->kind != RB_OP_MAXPOOL) return;
    reader(v, it->in_id[dy], it->op->kind, &n);
    it->window = dx->g.R;
    it->pool_stride = dx->g.stride;
    it->pooled_h = dx->g.P, it->pooled_w = dx->g.Q;
    it->activation = *dx->op;
    it->in_id[dy] = -1;
    it->in_id[at] = dx->in_id[0];
    it->in_id[at + 1] = dx->in_id[1];
    it->in_id[at + 2] = pool->out_id[0];
    it->scratch_bytes =
        sizeof(float) * (rb_sparse_image(g) + 2 * (size_t)it->pooled_h * (size_t)it->pooled_w * (size_t)g->ldy) +
        2 * RB__ALIGN;
    if (dy) {
        it->rows = k->conv_dw_sparse;
        it->reduce = k->sum_sparse;
        it->n_reduce = g->R * g->R + 1;
        it->partial_count = (size_t)g->K * (size_t)g->R * (size_t)g->R * (size_t)g->C + (size_t)g->ldw;
    } else {
        it->rows = k->conv_dx_sparse;
        it->pack = k->pack_sparse;
        it->n_pack = g->R * g->R;
        it->packed_count = (size_t)g->K * (size_t)g->R * (size_t)g->R * (size_t)g->C;
    }
    if (n == 1) retire(dx);
}

/* Gradient of batch norm + activation behind a max-pooling without overlap: pooled.c. The pooling's own gradient falls
 * idle. */
static void merge_pooled(const view *v, rb__item *it, const rb__kernels *k) {
    int n;
    if (it->op->kind != RB_OP_BATCHNORM_DX || it->op->act == RB_ACT_NONE || it->g.ldx != it->g.ldy) return;
    rb__item *dx = writer(v, it->in_id[1]);
    reader(v, it->in_id[1], it->op->kind, &n);
    if (n != 1 || !dx || dx->op->kind != RB_OP_MAXPOOL_DX || dx->op->act != RB_ACT_NONE || dx->g.stride != dx->g.R ||
        (dx->op->flags & RB_OPF_ACCUMULATE))
        return;
    rb__item *pool = writer(v, dx->in_id[1]);
    if (!pool || pool->op->kind != RB_OP_MAXPOOL) return;
    it->window = dx->g.R;
    it->pooled_h = dx->g.P, it->pooled_w = dx->g.Q;
    it->in_id[1] = dx->in_id[0];
    it->in_id[5] = pool->out_id[0];
    it->in_id[6] = dx->in_id[1];
    it->survey = k->batchnorm_pool_sums;
    if (it->rows) it->rows = k->batchnorm_pool_dx;
    retire(dx);
}

void rb__merge(rb__plan *plan, const rb_variant *variant, const rb__kernels *kernels) {
    view v = {plan, variant};
    for (int i = 0; i < plan->n_items; i++) merge_planar(&v, &plan->items[i], kernels);
    for (int i = 0; i < plan->n_items; i++) merge_sparse(&v, &plan->items[i], kernels);
    for (int i = 0; i < plan->n_items; i++) merge_pooled(&v, &plan->items[i], kernels);
}
