/* add.c: the sum of a residual block, and the copy that its gradient, snapshots and attacks need.
 *
 * ADD: y = a + b, equal shapes. COPY: y = x, or y += x with RB_OPF_ACCUMULATE. */
#include "op/op.h"

RB_REF_DECLARE(add);
RB_REF_DECLARE(copy);

void RB_REF(add)(const rb_ref_context *c, const rb_op *op) {
    const real *a = rb_ref_data(c, op->in[0]), *b = rb_ref_data(c, op->in[1]);
    real *y = rb_ref_data(c, op->out[0]);
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
}

void RB_REF(copy)(const rb_ref_context *c, const rb_op *op) {
    const real *x = rb_ref_data(c, op->in[0]);
    real *y = rb_ref_data(c, op->out[0]);
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < count; i++) y[i] = (op->flags & RB_OPF_ACCUMULATE ? y[i] : 0) + x[i];
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    (void)layer; /* the second input was resolved from its tag by the compiler, which sets in[1] */
    rb_tensor t = b->tensors[x];
    int y = rb__value(b, "add", RB_REAL, RB_C(&t), RB_H(&t), RB_W(&t));
    rb_op *op = rb__emit(b, RB_OP_ADD);
    op->in[0] = x, op->out[0] = y;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    int dy = rb__grad_of(b, f.out[0]);
    for (int k = 0; k < 2; k++) {
        uint32_t flags = 0;
        int dx = rb__grad_target(b, f.in[k], &flags);
        if (dx < 0) continue;
        rb_op *op = rb__emit(b, RB_OP_COPY);
        op->in[0] = dy, op->out[0] = dx, op->flags = flags;
    }
}

const rb_op_def rb_op_def_ADD = {.forward = forward, .backward = backward, RB_REF_BOTH(add)};
const rb_op_def rb_op_def_COPY = {RB_REF_BOTH(copy)};
#endif
