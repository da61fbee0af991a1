/* update.c: one pass over all parameters: penalties, weight decay, SGD with momentum, and the norms of a step.
 *
 * g += l1 sign(w) + 2 l2 w; GRAD_SQ = sum g^2; g += decay w; v = momentum v + g; w -= lr v; PARAM_SQ = sum w^2.
 * Flat over PARAM, pad lanes included: zeros that stay zero. Units are blocks of RB__FLAT_BLOCK values, each with its
 * two sums in double; update_total adds them in order. NORMS is the same walk without a step. Bytes: g, w, v read, w, v
 * written. */
#include "cpu/kernels/kernels.h"

typedef double rb_vd __attribute__((vector_size(8 * RB_LANES)));

RB_INLINE double total(rb_vd v) {
    double sum = 0.0;
    for (int i = 0; i < RB_LANES; i++) sum += v[i];
    return sum;
}

/* `penalty`, `momentum` and `step` are literals where this is used. */
RB_INLINE void block(const rb_op *op, float lr, bool penalty, bool momentum, bool step, const float *g, float *v,
                     float *w, int64_t n, double sums[2]) {
    float l1 = op->u.update.l1, l2 = 2.0f * op->u.update.l2, decay = op->u.update.weight_decay;
    float mu = op->u.update.momentum;
    rb_vd grad_sq = {0}, param_sq = {0};
    for (int64_t i = 0; i < n; i += RB_LANES) { /* segments are whole vectors */
        rb_vf x = rb_load(w + i), y = {0};
        if (step) {
            y = rb_load(g + i);
            if (penalty)
                y += rb_select(x > 0.0f, rb_splat(l1), rb_select(x < 0.0f, rb_splat(-l1), (rb_vf){0})) + l2 * x;
            rb_vd square = __builtin_convertvector(y, rb_vd);
            grad_sq += square * square;
            if (penalty) y += decay * x;
            if (momentum) {
                y = mu * rb_load(v + i) + y;
                rb_store_v(v + i, y);
            }
            x -= lr * y;
            rb_store_v(w + i, x);
        }
        rb_vd square = __builtin_convertvector(x, rb_vd);
        param_sq += square * square;
    }
    sums[0] = total(grad_sq);
    sums[1] = total(param_sq);
}

void RB_KERNEL(update)(const rb__item *it, int unit, const rb__call *c) {
    const rb_op *op = it->op;
    bool step = op->kind == RB_OP_UPDATE;
    int64_t count = rb_tensor_count(&it->variant->tensors[op->in[0]]), from = (int64_t)unit * RB__FLAT_BLOCK;
    int64_t n = count - from < RB__FLAT_BLOCK ? count - from : RB__FLAT_BLOCK;
    const float *schedule = step ? (const float *)c->in[1] + (int64_t)c->step->slot * RB_SCHED_COLUMNS : NULL;
    float lr = step ? schedule[RB_SCHED_LR] : 0.0f;
    float *w = (float *)(step ? c->out[0] : c->in[0]) + from;
    const float *g = step ? (const float *)c->in[0] + from : NULL;
    float *v = step && c->in[2] ? (float *)c->in[2] + from : NULL;
    bool penalty = step && (op->u.update.l1 != 0 || op->u.update.l2 != 0 || op->u.update.weight_decay != 0);
    double *sums = it->sums + 2 * unit;
    if (!step)
        block(op, lr, false, false, false, g, v, w, n, sums);
    else if (!penalty && !v)
        block(op, lr, false, false, true, g, v, w, n, sums);
    else if (!penalty)
        block(op, lr, false, true, true, g, v, w, n, sums);
    else if (!v)
        block(op, lr, true, false, true, g, v, w, n, sums);
    else
        block(op, lr, true, true, true, g, v, w, n, sums);
}

/* One unit, after all of update. */
void RB_KERNEL(update_total)(const rb__item *it, int unit, const rb__call *c) {
    bool step = it->op->kind == RB_OP_UPDATE;
    float *metric = (float *)c->out[step ? 1 : 0] + (int64_t)c->step->slot * RB_METRIC_COLUMNS;
    double grad_sq = 0.0, param_sq = 0.0;
    (void)unit;
    for (int i = 0; i < it->n_sums; i++) grad_sq += it->sums[2 * i], param_sq += it->sums[2 * i + 1];
    if (step) metric[RB_METRIC_GRAD_SQ] = (float)grad_sq;
    metric[RB_METRIC_PARAM_SQ] = (float)param_sq;
}
