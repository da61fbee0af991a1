/* fuse.c: rewrites of a finished op list that a backend's layout asks for. Runs before liveness.
 *
 * A rewrite removes a tensor between two ops, so it is only done where exactly one op writes that tensor and exactly
 * one reads it. */
#include <string.h>

#include "model/builder.h"

static int readers(const rb_builder *b, int tensor, int *which) {
    int n = 0;
    for (int i = 0; i < b->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++)
            if (b->ops[i].in[k] == tensor) n++, *which = i;
    return n;
}

static int writers(const rb_builder *b, int tensor, int *which) {
    int n = 0;
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

void rb__fuse(rb_builder *b) {
    if (b->status != RB_OK) return;
    for (int i = 0; i < b->n_ops;) {
        bool fused = ((b->layout->fuse & RB_FUSE_ACT) && fuse_act(b, i)) ||
                     ((b->layout->fuse & RB_FUSE_ACT_DX) && fuse_act_dx(b, i));
        if (!fused) i++;
    }
}
