/* conv_merge.c: what convolutions of the cpu family take over from their neighbours: the pooling behind them, and in
 * their gradients that pooling's gradient.
 *
 * Only done where the tensors in between are of no use to anybody else. A merged gradient reads what would be dead by
 * then, whose place in the store may have a new owner: only where every activation has memory of its own. */
#include "kernel/kernel.h"

static bool is_conv(const rb__kn_item *it) { return it->op->kind == RB_OP_CONV; }
static bool is_dw(const rb__kn_item *it) { return it->op->kind == RB_OP_CONV_DW; }
static bool is_dx(const rb__kn_item *it) { return it->op->kind == RB_OP_CONV_DX; }
static bool is_gradient(const rb__kn_item *it) { return is_dw(it) || is_dx(it); }
static int dy_operand(const rb__kn_item *it) { return is_dw(it) ? 1 : 0; }

/* The only item that writes tensor t; NULL if there are none or several. */
static rb__kn_item *writer(const rb__kn_plan *plan, rb__kn_item *items, int t) {
    rb__kn_item *found = NULL;
    for (int i = 0; t >= 0 && i < plan->variant->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (items[i].out[k] == t) {
                if (found) return NULL;
                found = &items[i];
            }
    return found;
}

/* Windows tile the map: a pixel is in one at most. */
static bool windows_tile(const rb__kn_item *pool) { return pool->stride == pool->R && pool->R <= 4; }

/* A pooling's gradient that only gradients of a convolution read. */
static void merge_pool_dx(const rb__kn_plan *plan, rb__kn_item *items, rb__kn_item *dx) {
    const int n = plan->variant->n_ops, t = dx->out[0];
    const bool max = dx->op->kind == RB_OP_MAXPOOL_DX;
    rb__kn_item *pool = max ? writer(plan, items, dx->in[1]) : NULL;
    if (!windows_tile(dx) || (dx->op->flags & RB_OPF_ACCUMULATE) || writer(plan, items, t) != dx) return;
    if (max && (!pool || pool->op->kind != RB_OP_MAXPOOL)) return;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++) {
            if (items[i].in[k] != t) continue;
            if (!is_gradient(&items[i]) || k != dy_operand(&items[i])) return;
            if (is_dx(&items[i]) && items[i].K % RB__KN_LANES) return; /* dense there: vectors would overlap */
            rb__kn_item merged = items[i];
            merged.pool_dx = dx;
            merged.pool = pool;
            if (!rb__kn_conv_fits(&merged)) return;
        }
    for (int i = 0; i < n; i++)
        if (is_gradient(&items[i]) && items[i].in[dy_operand(&items[i])] == t) {
            items[i].pool_dx = dx;
            items[i].pool = pool;
        }
    dx->idle = true;
}

/* A convolution goes on with the pooling behind it; its own output is only written where somebody else reads it. */
static void merge_pool(const rb__kn_plan *plan, rb__kn_item *items, rb__kn_item *pool) {
    rb__kn_item *conv = writer(plan, items, pool->in[0]);
    if (!conv || !is_conv(conv) || conv->pool || !windows_tile(pool)) return;
    bool wanted = false;
    for (int i = 0; i < plan->variant->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++) {
            const rb__kn_item *it = &items[i];
            if (it == pool || it->in[k] != conv->out[0]) continue;
            /* a merged gradient of a maximum takes the pooled values instead */
            wanted |= !it->idle || it->op->kind != RB_OP_MAXPOOL_DX;
        }
    rb__kn_item merged = *conv;
    merged.pool = pool;
    if (!rb__kn_conv_fits(&merged)) return;
    conv->pool = pool;
    if (!wanted) conv->out[0] = -1;
    pool->idle = true;
}

/* Whether item `it` reads y of this convolution for its gradient, which has taken over that of the mean behind it. */
static bool reads_planar(const rb__kn_item *conv, const rb__kn_item *it) {
    return is_dw(it) && it->pool_dx && !it->pool && it->op->layer == conv->op->layer && it->pad == conv->pad &&
           rb__kn_conv_planar(it, it->pool_dx);
}

/* One channel, few filters, a mean behind it: by conv_planar.cl, if nobody but a gradient that goes that way, too,
 * wants the output in between. */
static void merge_planar(const rb__kn_plan *plan, rb__kn_item *items, rb__kn_item *conv) {
    const int n = plan->variant->n_ops, y = conv->out[0];
    const rb__kn_item *dx = NULL;
    if (!conv->pool || conv->pool->op->kind != RB_OP_AVGPOOL || !rb__kn_conv_planar(conv, conv->pool)) return;
    for (int i = 0; y >= 0 && i < n; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++) {
            if (items[i].in[k] != y || &items[i] == conv->pool) continue;
            if (items[i].op->kind != RB_OP_AVGPOOL_DX || !items[i].idle || dx) return;
            dx = &items[i];
        }
    for (int i = 0; dx && i < n; i++)
        if (items[i].pool_dx == dx && !reads_planar(conv, &items[i])) return;
    for (int i = 0; dx && i < n; i++)
        if (items[i].pool_dx == dx) items[i].planar = true;
    conv->planar = true;
}

void rb__kn_merge_conv(const rb__kn_plan *plan, rb__kn_item *items) {
    const int n = plan->variant->n_ops;
    if (plan->device->gpu || !plan->own) return;
    for (int i = 0; i < n; i++)
        if (items[i].op->kind == RB_OP_MAXPOOL_DX || items[i].op->kind == RB_OP_AVGPOOL_DX)
            merge_pool_dx(plan, items, &items[i]);
    for (int i = 0; i < n; i++)
        if (items[i].op->kind == RB_OP_MAXPOOL || items[i].op->kind == RB_OP_AVGPOOL)
            merge_pool(plan, items, &items[i]);
    for (int i = 0; i < n; i++)
        if (is_conv(&items[i])) merge_planar(plan, items, &items[i]);
}
