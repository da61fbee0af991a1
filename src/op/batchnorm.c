/* batchnorm.c: batch normalization over N (and H, W) per channel, and its gradient.
 *
 * y = gamma (x - mean) / sqrt(var + eps) + beta. Training: mean and biased var of the batch, saved as mean and
 * 1/sqrt(var + eps); running statistics move by `momentum` towards them, with the unbiased variance. Evaluation:
 * running statistics. Shapes: x, y (N,C,H,W); gamma, beta, mean, var (C). */
#include "op/op.h"

#if RB_DEFINITIONS
#include "regbench/portable.h"

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    (void)layer;
    rb_tensor t = b->tensors[x];
    int64_t C = RB_C(&t), shape[4] = {C, 1, 1, 1};
    if (b->training && RB_N(&t) * RB_H(&t) * RB_W(&t) < 2) {
        rb__build_error(b, RB_MISMATCH,
                        "a training batch of one row has no variance; choose a batch size that does not leave one row "
                        "(training rows modulo batch)");
        return x;
    }
    int in[5] = {x, rb__param(b, RB_GAMMA, RB_FORM_VECTOR, shape, NULL, C, false),
                 rb__param(b, RB_BETA, RB_FORM_VECTOR, shape, NULL, C, false),
                 rb__param(b, RB_RUNNING_MEAN, RB_FORM_VECTOR, shape, NULL, C, false),
                 rb__param(b, RB_RUNNING_VAR, RB_FORM_VECTOR, shape, NULL, C, false)};
    int mean = b->training ? rb__buffer(b, "mean", C) : -1, rstd = b->training ? rb__buffer(b, "rstd", C) : -1;
    int y = rb__value(b, "batch-norm", RB_REAL, C, RB_H(&t), RB_W(&t));
    rb_op *op = rb__emit(b, RB_OP_BATCHNORM);
    for (int k = 0; k < 5; k++) op->in[k] = in[k];
    op->out[0] = y, op->out[1] = mean, op->out[2] = rstd;
    op->flags = b->training ? RB_OPF_TRAIN : 0;
    op->u.bn.eps = RB_BN_EPS, op->u.bn.momentum = RB_BN_MOMENTUM;
    return y;
}

/* With saved statistics (training); an attack differentiates the evaluation form, dx = dy gamma / sqrt(var + eps),
 * which is the same op without RB_OPF_TRAIN, reading the running statistics. */
static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    int64_t shape[4] = {RB_C(&b->tensors[f.in[0]]), 1, 1, 1};
    uint32_t flags = 0;
    int dgamma = b->weight_grads ? rb__param(b, RB_GAMMA, RB_FORM_VECTOR, shape, NULL, 0, true) : -1;
    int dbeta = b->weight_grads ? rb__param(b, RB_BETA, RB_FORM_VECTOR, shape, NULL, 0, true) : -1;
    int dy = rb__grad_of(b, f.out[0]), dx = rb__grad_target(b, f.in[0], &flags);
    bool train = f.flags & RB_OPF_TRAIN;
    rb_op *op = rb__emit(b, RB_OP_BATCHNORM_DX);
    op->in[0] = f.in[0], op->in[1] = dy, op->in[2] = f.in[1];
    op->in[3] = train ? f.out[1] : f.in[3], op->in[4] = train ? f.out[2] : f.in[4];
    op->out[0] = dx, op->out[1] = dgamma, op->out[2] = dbeta, op->flags = flags | (f.flags & RB_OPF_TRAIN), op->u = f.u;
}

const rb_op_def rb_op_def_BATCHNORM = {.forward = forward, .backward = backward};
const rb_op_def rb_op_def_BATCHNORM_DX = {0};
#endif
