/* batchnorm.c: batch normalization over N (and H, W) per channel, and its gradient.
 *
 * y = gamma (x - mean) / sqrt(var + eps) + beta. Training: mean and biased var of the batch, saved as mean and
 * 1/sqrt(var + eps); running statistics move by `momentum` towards them, with the unbiased variance. Evaluation:
 * running statistics. Shapes: x, y (N,C,H,W); gamma, beta, mean, var (C). */
#include <math.h>

#include "op/op.h"

RB_REF_DECLARE(batchnorm);
RB_REF_DECLARE(batchnorm_dx);

/* A channel's mean and mean square about it, in two passes: a mean of squares less a squared mean would cancel. */
static void moments(const real *x, const rb_tensor *t, int64_t channel, double *mean, double *var) {
    int64_t N = RB_N(t), C = RB_C(t), pixels = RB_H(t) * RB_W(t);
    double sum = 0.0, square = 0.0;
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < pixels; i++) sum += (double)x[(n * C + channel) * pixels + i];
    *mean = sum / (double)(N * pixels);
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < pixels; i++) {
            double d = (double)x[(n * C + channel) * pixels + i] - *mean;
            square += d * d;
        }
    *var = square / (double)(N * pixels);
}

void RB_REF(batchnorm)(const rb_ref_context *ctx, const rb_op *op) {
    const rb_tensor *t = rb_ref_tensor(ctx, op->in[0]);
    const real *x = rb_ref_data(ctx, op->in[0]), *gamma = rb_ref_data(ctx, op->in[1]),
               *beta = rb_ref_data(ctx, op->in[2]);
    real *running_mean = rb_ref_data(ctx, op->in[3]), *running_var = rb_ref_data(ctx, op->in[4]);
    real *y = rb_ref_data(ctx, op->out[0]), *save_mean = rb_ref_data(ctx, op->out[1]),
         *save_rstd = rb_ref_data(ctx, op->out[2]);
    int64_t N = RB_N(t), C = RB_C(t), pixels = RB_H(t) * RB_W(t);
    double eps = (double)op->u.bn.eps, momentum = (double)op->u.bn.momentum, count = (double)(N * pixels);
    for (int64_t c = 0; c < C; c++) {
        double mean = (double)running_mean[c], var = (double)running_var[c];
        if (op->flags & RB_OPF_TRAIN) {
            moments(x, t, c, &mean, &var);
            running_mean[c] = (real)((1 - momentum) * (double)running_mean[c] + momentum * mean);
            running_var[c] = (real)((1 - momentum) * (double)running_var[c] + momentum * var * count / (count - 1));
        }
        real centre = (real)mean, rstd = (real)(1.0 / sqrt(var + eps));
        if (save_mean) save_mean[c] = centre;
        if (save_rstd) save_rstd[c] = rstd;
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < pixels; i++) {
                int64_t at = (n * C + c) * pixels + i;
                y[at] = gamma[c] * ((x[at] - centre) * rstd) + beta[c];
            }
    }
}

void RB_REF(batchnorm_dx)(const rb_ref_context *ctx, const rb_op *op) {
    const rb_tensor *t = rb_ref_tensor(ctx, op->in[0]);
    const real *x = rb_ref_data(ctx, op->in[0]), *dy = rb_ref_data(ctx, op->in[1]),
               *gamma = rb_ref_data(ctx, op->in[2]), *mean = rb_ref_data(ctx, op->in[3]),
               *rstd_or_var = rb_ref_data(ctx, op->in[4]);
    real *dx = rb_ref_data(ctx, op->out[0]), *dgamma = rb_ref_data(ctx, op->out[1]),
         *dbeta = rb_ref_data(ctx, op->out[2]);
    bool train = op->flags & RB_OPF_TRAIN;
    int64_t N = RB_N(t), C = RB_C(t), pixels = RB_H(t) * RB_W(t);
    for (int64_t c = 0; c < C; c++) {
        real rstd = train ? rstd_or_var[c] : (real)(1.0 / sqrt((double)rstd_or_var[c] + (double)op->u.bn.eps));
        double sum = 0.0, product = 0.0; /* of dy, and of dy with the normalized x */
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < pixels; i++) {
                int64_t at = (n * C + c) * pixels + i;
                sum += (double)dy[at];
                product += (double)dy[at] * (double)((x[at] - mean[c]) * rstd);
            }
        if (dgamma) dgamma[c] = (real)product;
        if (dbeta) dbeta[c] = (real)sum;
        if (!dx) continue;
        /* running statistics do not depend on x */
        real share = train ? (real)(sum / (double)(N * pixels)) : 0;
        real slope = train ? (real)(product / (double)(N * pixels)) : 0;
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < pixels; i++) {
                int64_t at = (n * C + c) * pixels + i;
                real g = gamma[c] * rstd * (dy[at] - share - (x[at] - mean[c]) * rstd * slope);
                dx[at] = (op->flags & RB_OPF_ACCUMULATE ? dx[at] : 0) + g;
            }
    }
}

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

/* Per value, training: 1 for the mean, 3 for the variance, 4 for y; its gradient 5 for the sums, 5 for dx. */
static double flops(const rb_variant *v, const rb_op *op) {
    double per_value = op->kind == RB_OP_BATCHNORM_DX ? 10.0 : op->flags & RB_OPF_TRAIN ? 8.0 : 4.0;
    return per_value * (double)rb_tensor_count(&v->tensors[op->in[0]]);
}

const rb_op_def rb_op_def_BATCHNORM = {
    .flops = flops, .forward = forward, .backward = backward, RB_REF_BOTH(batchnorm)};
const rb_op_def rb_op_def_BATCHNORM_DX = {.flops = flops, RB_REF_BOTH(batchnorm_dx)};
#endif
