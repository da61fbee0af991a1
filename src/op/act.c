/* act.c: elementwise activations, and their gradients from the saved output.
 *
 * sigmoid 1/(1+exp(-x)), dx = dy y (1-y); relu max(x,0), dx = dy where y > 0; leaky relu: slope for x <= 0. */
#include <math.h>

#include "op/op.h"

RB_REF_DECLARE(act);
RB_REF_DECLARE(act_dx);

void RB_REF(act)(const rb_ref_context *c, const rb_op *op) {
    const real *x = rb_ref_data(c, op->in[0]);
    real *y = rb_ref_data(c, op->out[0]);
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < count; i++) switch (op->act) {
        case RB_ACT_SIGMOID:
            y[i] = (real)(1.0 / (1.0 + exp(-(double)x[i])));
            break;
        case RB_ACT_RELU:
            y[i] = x[i] <= 0 ? 0 : x[i];
            break; /* a NaN stays a NaN */
        case RB_ACT_LEAKY_RELU:
            y[i] = x[i] <= 0 ? (real)op->slope * x[i] : x[i];
            break;
        case RB_ACT_NONE:
            y[i] = x[i];
            break;
        }
}

void RB_REF(act_dx)(const rb_ref_context *c, const rb_op *op) {
    const real *dy = rb_ref_data(c, op->in[0]), *y = rb_ref_data(c, op->in[1]);
    real *dx = rb_ref_data(c, op->out[0]);
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < count; i++) {
        real factor = 1;
        switch (op->act) {
        case RB_ACT_SIGMOID:
            factor = y[i] * (1 - y[i]);
            break;
        case RB_ACT_RELU:
            factor = y[i] > 0;
            break;
        case RB_ACT_LEAKY_RELU:
            factor = y[i] > 0 ? 1 : (real)op->slope;
            break;
        case RB_ACT_NONE:
            break;
        }
        dx[i] = (op->flags & RB_OPF_ACCUMULATE ? dx[i] : 0) + dy[i] * factor;
    }
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    static const rb_act table[RB_LAYER_KINDS] = {
        [RB_LAYER_SIGMOID] = RB_ACT_SIGMOID, [RB_LAYER_RELU] = RB_ACT_RELU, [RB_LAYER_LEAKY_RELU] = RB_ACT_LEAKY_RELU};
    rb_tensor t = b->tensors[x];
    if (layer->kind == RB_LAYER_LEAKY_RELU && !(layer->slope > 0 && layer->slope < 1)) {
        rb__build_error(b, RB_USAGE, "needs a slope between 0 and 1, not %g", (double)layer->slope);
        return x;
    }
    int y = rb__value(b, rb_act_name(table[layer->kind]), RB_REAL, RB_C(&t), RB_H(&t), RB_W(&t));
    rb_op *op = rb__emit(b, RB_OP_ACT);
    op->in[0] = x, op->out[0] = y, op->act = table[layer->kind], op->slope = layer->slope;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    uint32_t flags = 0;
    int dy = rb__grad_of(b, f.out[0]), dx = rb__grad_target(b, f.in[0], &flags);
    if (dx < 0) return;
    rb_op *op = rb__emit(b, RB_OP_ACT_DX);
    op->in[0] = dy, op->in[1] = f.out[0], op->out[0] = dx, op->flags = flags, op->act = f.act, op->slope = f.slope;
}

const rb_op_def rb_op_def_ACT = {.forward = forward, .backward = backward, RB_REF_BOTH(act)};
const rb_op_def rb_op_def_ACT_DX = {RB_REF_BOTH(act_dx)};
#endif
