/* update.c: one pass over all parameters: penalties, weight decay, optimizer, norms.
 *
 * g <- g + l1 sign(w) + 2 l2 w       (sign(0) = 0; the penalties are part of the loss)
 * METRIC: GRAD_SQ = sum of g^2
 * g <- g + weight_decay w            (part of the optimizer, as in PyTorch)
 * SGD: v <- momentum v + g, w <- w - lr v; without momentum w <- w - lr g
 * Adam: m <- beta1 m + (1-beta1) g, v <- beta2 v + (1-beta2) g^2,
 *       w <- w - lr/correction1 m / (sqrt(v)/sqrt(correction2) + eps); correction_i = 1 - beta_i^step, from the
 * schedule METRIC: PARAM_SQ = sum of w^2 after the update Shapes: everything flat over PARAM, padding included: it
 * holds zeros and stays zero. NORMS: PARAM_SQ alone. */
#include <math.h>

#include "op/op.h"

RB_REF_DECLARE(update);
RB_REF_DECLARE(norms);

/* How far Adam moves a value against its gradient g; moves the moments m and v. */
static real adam(const rb_op *op, const float *schedule, real g, real *m, real *v) {
    real beta1 = (real)op->u.update.beta1, beta2 = (real)op->u.update.beta2;
    *m = beta1 * *m + (1 - beta1) * g;
    *v = beta2 * *v + (1 - beta2) * g * g;
    double root = sqrt((double)*v) / sqrt((double)schedule[RB_SCHED_CORRECTION2]);
    double rate = (double)schedule[RB_SCHED_LR] / (double)schedule[RB_SCHED_CORRECTION1];
    return (real)(rate * (double)*m / (root + (double)op->u.update.eps));
}

void RB_REF(update)(const rb_ref_context *c, const rb_op *op) {
    int slot = rb_ref_cursor(c)->slot;
    const real *gradient = rb_ref_data(c, op->in[0]);
    const float *schedule = (const float *)rb_ref_data(c, op->in[1]) + (int64_t)slot * RB_SCHED_COLUMNS;
    real *v = rb_ref_data(c, op->in[2]), *square = rb_ref_data(c, op->in[3]), *w = rb_ref_data(c, op->out[0]);
    real *metric = (real *)rb_ref_data(c, op->out[1]) + (int64_t)slot * RB_METRIC_COLUMNS;
    real lr = (real)schedule[RB_SCHED_LR], momentum = (real)op->u.update.momentum;
    real l1 = (real)op->u.update.l1, l2 = (real)op->u.update.l2, decay = (real)op->u.update.weight_decay;
    double grad_sq = 0.0, param_sq = 0.0;
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < count; i++) {
        real g = gradient[i] + l1 * (real)((w[i] > 0) - (w[i] < 0)) + 2 * l2 * w[i];
        grad_sq += (double)g * (double)g;
        g += decay * w[i];
        if (op->u.update.kind == RB_ADAM) {
            w[i] -= adam(op, schedule, g, &v[i], &square[i]);
        } else {
            if (v) g = v[i] = momentum * v[i] + g;
            w[i] -= lr * g;
        }
        param_sq += (double)w[i] * (double)w[i];
    }
    metric[RB_METRIC_GRAD_SQ] = (real)grad_sq;
    metric[RB_METRIC_PARAM_SQ] = (real)param_sq;
}

void RB_REF(norms)(const rb_ref_context *c, const rb_op *op) {
    const real *w = rb_ref_data(c, op->in[0]);
    real *metric = (real *)rb_ref_data(c, op->out[0]) + (int64_t)rb_ref_cursor(c)->slot * RB_METRIC_COLUMNS;
    double sum = 0.0;
    int64_t count = rb_tensor_count(rb_ref_tensor(c, op->in[0]));
    for (int64_t i = 0; i < count; i++) sum += (double)w[i] * (double)w[i];
    metric[RB_METRIC_PARAM_SQ] = (real)sum;
}

#if RB_DEFINITIONS
static double flops(const rb_variant *v, const rb_op *op) {
    double per_value = op->kind == RB_OP_NORMS ? 2.0 : op->u.update.kind == RB_ADAM ? 16.0 : op->in[2] >= 0 ? 8.0 : 6.0;
    return per_value * (double)rb_tensor_count(&v->tensors[op->in[0]]);
}
const rb_op_def rb_op_def_UPDATE = {.flops = flops, RB_REF_BOTH(update)};
const rb_op_def rb_op_def_NORMS = {.flops = flops, RB_REF_BOTH(norms)};
#endif
