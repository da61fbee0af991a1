/* dropout.c: inverted dropout with a counter-based mask, and its gradient.
 *
 * y = x / (1-p) where the draw is at least p, else 0 x (so that a NaN stays one). The draw of element e (canonical
 * order within the sample) is word e % 4 of Philox at counter (row number of the sample, e / 4, global step, stream),
 * keyed by the run's seed: the mask does not depend on backend, batch size or rank, and is drawn again by the gradient
 * instead of being stored. In evaluation the layer is the identity and emits nothing. */
#include <string.h>

#include "op/op.h"
#include "regbench/portable.h"

RB_REF_DECLARE(dropout);

/* Both directions: the mask times what comes in. */
void RB_REF(dropout)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *t = rb_ref_tensor(c, op->in[0]);
    const real *x = rb_ref_data(c, op->in[0]);
    const int32_t *order = rb_ref_data(c, op->in[1]);
    real *y = rb_ref_data(c, op->out[0]);
    const rb_cursor *cursor = rb_ref_cursor(c);
    const uint32_t *seed = ((const rb_ctrl_head *)(const void *)c->base[RB_SEG_CTRL])->seed;
    uint32_t step = (uint32_t)cursor->step + (uint32_t)cursor->slot;
    int64_t D = RB_C(t) * RB_H(t) * RB_W(t);
    for (int64_t n = 0; n < RB_N(t); n++) {
        uint32_t row = (uint32_t)rb_ref_row(c, order, n);
        for (int64_t e = 0; e < D; e++) {
            rb_philox4 draw = rb_philox(row, (uint32_t)(e / 4), step, op->u.dropout.stream, seed[0], seed[1]);
            real factor = (real)rb_dropout_factor(draw.v[e % 4], op->u.dropout.p);
            y[n * D + e] = (op->flags & RB_OPF_ACCUMULATE ? y[n * D + e] : 0) + factor * x[n * D + e];
        }
    }
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    if (!(layer->p >= 0 && layer->p < 1)) {
        rb__build_error(b, RB_USAGE, "needs a probability of at least 0 and under 1, not %g", (double)layer->p);
        return x;
    }
    if (!b->training || layer->p == 0) return x;
    rb_tensor t = b->tensors[x];
    int y = rb__value(b, "dropout", RB_REAL, RB_C(&t), RB_H(&t), RB_W(&t));
    /* evaluation has no dropout: what follows must find rows that lie as this layer's input */
    memcpy(b->tensors[y].stride, t.stride, sizeof t.stride);
    b->tensors[y].bytes = t.bytes;
    b->wants_grad[y] = b->wants_grad[x];
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

const rb_op_def rb_op_def_DROPOUT = {.forward = forward, .backward = backward, RB_REF_BOTH(dropout)};
const rb_op_def rb_op_def_DROPOUT_DX = {RB_REF_BOTH(dropout)};
#endif
