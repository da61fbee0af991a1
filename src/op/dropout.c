/* dropout.c: inverted dropout with a counter-based mask, and its gradient.
 *
 * y = x / (1-p) where the draw is at least p, else 0. The draw of element e (canonical order within the sample) is word
 * e % 4 of Philox at counter (row number of the sample, e / 4, global step, stream), keyed by the run's seed: the mask
 * does not depend on backend, batch size or rank, and is drawn again by the gradient instead of being stored. In
 * evaluation the layer is the identity and emits nothing. */
#include "op/op.h"

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    if (!(layer->p >= 0 && layer->p < 1)) {
        rb__build_error(b, RB_USAGE, "needs a probability of at least 0 and under 1, not %g", (double)layer->p);
        return x;
    }
    if (!b->training || layer->p == 0) return x;
    rb_tensor t = b->tensors[x];
    int y = rb__value(b, "dropout", RB_REAL, RB_C(&t), RB_H(&t), RB_W(&t));
    rb_op *op = rb__emit(b, RB_OP_DROPOUT);
    op->in[0] = x, op->in[1] = b->order, op->out[0] = y, op->flags = RB_OPF_TRAIN;
    op->u.dropout.p = layer->p, op->u.dropout.stream = (uint32_t)b->layer;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    uint32_t flags = 0;
    int dy = rb__grad_of(b, f.out[0]), dx = rb__grad_target(b, f.in[0], &flags);
    if (dx < 0) return;
    rb_op *op = rb__emit(b, RB_OP_DROPOUT_DX);
    op->in[0] = dy, op->in[1] = f.in[1], op->out[0] = dx, op->flags = flags | RB_OPF_TRAIN, op->u = f.u;
}

const rb_op_def rb_op_def_DROPOUT = {.forward = forward, .backward = backward};
const rb_op_def rb_op_def_DROPOUT_DX = {0};
#endif
