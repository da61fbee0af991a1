/* fuse.c: rewrites of a finished op list that a backend's layout asks for. Runs before liveness.
 *
 * A rewrite removes a tensor between two ops, so it is only done where exactly one op writes that tensor and exactly
 * one reads it. */
#include <string.h>

#include "model/builder.h"

static int readers(const rb_builder *b, int tensor, int *which) {
    int n = 0;
    *which = -1;
    for (int i = 0; i < b->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++)
            if (b->ops[i].in[k] == tensor) n++, *which = i;
    return n;
}

static int writers(const rb_builder *b, int tensor, int *which) {
    int n = 0;
    *which = -1;
    for (int i = 0; i < b->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (b->ops[i].out[k] == tensor) n++, *which = i;
    return n;
}

static void remove_op(rb_builder *b, int i) {
    memmove(&b->ops[i], &b->ops[i + 1], sizeof b->ops[0] * (size_t)(b->n_ops - i - 1));
    b->n_ops--;
}

/* LINEAR, CONV, BATCHNORM or ADD followed by ACT: the first applies the activation to what it writes. */
static bool fuse_act(rb_builder *b, int i) {
    rb_op *act = &b->ops[i];
    int reader, writer, t = act->in[0];
    if (act->kind != RB_OP_ACT || readers(b, t, &reader) != 1 || writers(b, t, &writer) != 1) return false;
    rb_op *op = &b->ops[writer];
    bool takes =
        op->kind == RB_OP_LINEAR || op->kind == RB_OP_CONV || op->kind == RB_OP_BATCHNORM || op->kind == RB_OP_ADD;
    if (!takes || op->out[0] != t || op->act != RB_ACT_NONE) return false;
    op->act = act->act;
    op->slope = act->slope;
    op->out[0] = act->out[0];
    remove_op(b, i);
    return true;
}

/* The op that wrote the gradient of an activation's output also multiplies it by the derivative, from the saved output.
 */
static bool fuse_act_dx(rb_builder *b, int i) {
    rb_op *dx = &b->ops[i];
    int reader, writer, t = dx->in[0];
    if (dx->kind != RB_OP_ACT_DX || (dx->flags & RB_OPF_ACCUMULATE)) return false;
    if (readers(b, t, &reader) != 1 || writers(b, t, &writer) != 1) return false;
    rb_op *op = &b->ops[writer];
    int saved = op->kind == RB_OP_AVGPOOL_DX ? 1 : 2; /* role of [y], see ops.def */
    bool takes = op->kind == RB_OP_LINEAR_DX || op->kind == RB_OP_CONV_DX || op->kind == RB_OP_MAXPOOL_DX ||
                 op->kind == RB_OP_AVGPOOL_DX;
    if (!takes || op->act != RB_ACT_NONE) return false;
    op->act = dx->act;
    op->slope = dx->slope;
    op->in[saved] = dx->in[1];
    op->out[0] = dx->out[0];
    remove_op(b, i);
    return true;
}

/* The gradient of batch norm reads dy through the activation after it, from that activation's saved output. */
static bool fuse_act_bn(rb_builder *b, int i) {
    rb_op *dx = &b->ops[i];
    int reader, writer, t = dx->out[0];
    if (dx->kind != RB_OP_ACT_DX || (dx->flags & RB_OPF_ACCUMULATE)) return false;
    if (readers(b, t, &reader) != 1 || writers(b, t, &writer) != 1) return false;
    rb_op *op = &b->ops[reader];
    if (op->kind != RB_OP_BATCHNORM_DX || op->in[1] != t || op->act != RB_ACT_NONE) return false;
    for (int k = i + 1; k < reader; k++) /* dy is read later now: nobody may change it until then */
        if (b->ops[k].out[0] == dx->in[0]) return false;
    op->act = dx->act;
    op->slope = dx->slope;
    op->in[1] = dx->in[0];
    op->in[5] = dx->in[1];
    remove_op(b, i);
    return true;
}

/* BATCHNORM followed by ADD: batch norm adds the other summand, which must be there by then, to what it writes. */
static bool fuse_add(rb_builder *b, int i) {
    rb_op *add = &b->ops[i];
    if (add->kind != RB_OP_ADD || add->act != RB_ACT_NONE) return false;
    for (int k = 0; k < 2; k++) {
        int reader, writer, before, t = add->in[k], other = add->in[1 - k];
        if (readers(b, t, &reader) != 1 || writers(b, t, &writer) != 1) continue;
        rb_op *op = &b->ops[writer];
        writers(b, other, &before);
        if (op->kind != RB_OP_BATCHNORM || op->act != RB_ACT_NONE || op->in[5] >= 0 || before > writer) continue;
        op->in[5] = other;
        op->out[0] = add->out[0];
        remove_op(b, i);
        return true;
    }
    return false;
}

/* After op i: where tensor t is read last and written first; i and n_ops where never. */
static void uses_after(const rb_builder *b, int i, int t, int *last_read, int *first_write) {
    *last_read = i;
    *first_write = b->n_ops;
    for (int k = i + 1; k < b->n_ops; k++) {
        for (int j = 0; j < RB_OP_MAX_IN; j++)
            if (b->ops[k].in[j] == t) *last_read = k;
        for (int j = 0; j < RB_OP_MAX_OUT; j++)
            if (b->ops[k].out[j] == t && *first_write == b->n_ops) *first_write = k;
    }
}

/* A copied gradient is the same tensor as its source where the one that is changed later is changed only after the last
 * reader of the other. It keeps the name of the one that is changed: that is what it holds in the end. */
static bool fuse_copy(rb_builder *b, int i) {
    const rb_op *copy = &b->ops[i];
    int from = copy->in[0], to = copy->out[0], from_read, from_written, to_read, to_written;
    if (copy->kind != RB_OP_COPY || (copy->flags & RB_OPF_ACCUMULATE)) return false;
    if (b->tensors[from].segment != RB_SEG_ACT || b->tensors[to].segment != RB_SEG_ACT) return false;
    uses_after(b, i, from, &from_read, &from_written);
    uses_after(b, i, to, &to_read, &to_written);
    bool from_fixed = from_written == b->n_ops, to_fixed = to_written == b->n_ops;
    if (!(from_fixed && from_read < to_written) && !(to_fixed && to_read < from_written)) return false;
    if (from_fixed) memcpy(b->tensors[from].name, b->tensors[to].name, sizeof b->tensors[to].name);
    remove_op(b, i);
    for (int k = 0; k < b->n_ops; k++) {
        for (int j = 0; j < RB_OP_MAX_IN; j++)
            if (b->ops[k].in[j] == to) b->ops[k].in[j] = from;
        for (int j = 0; j < RB_OP_MAX_OUT; j++)
            if (b->ops[k].out[j] == to) b->ops[k].out[j] = from;
    }
    return true;
}

typedef bool rewrite(rb_builder *b, int i);

/* One rewrite wherever it applies. */
static void apply(rb_builder *b, uint32_t wanted, rewrite *f) {
    for (int i = 0; (b->layout->fuse & wanted) && i < b->n_ops;)
        if (!f(b, i)) i++;
}

void rb__fuse(rb_builder *b) {
    if (b->status != RB_OK) return;
    apply(b, RB_FUSE_COPY, fuse_copy);
    apply(b, RB_FUSE_ADD, fuse_add);
    apply(b, RB_FUSE_ACT, fuse_act);
    apply(b, RB_FUSE_ACT_BN, fuse_act_bn);
    apply(b, RB_FUSE_ACT_DX, fuse_act_dx);
}
