/* update.c: one pass over all parameters: penalties, weight decay, SGD with momentum or Adam, and the norms of a step.
 *
 * g += l1 sign(w) + 2 l2 w; GRAD_SQ = sum g^2; g += decay w; a step; PARAM_SQ = sum w^2.
 * SGD: v = momentum v + g; w -= lr v. Adam: m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2;
 * w -= lr/correction1 m / (sqrt(v)/sqrt(correction2) + eps).
 * Flat over PARAM, pad lanes included: zeros that stay zero. Units are blocks of RB__FLAT_BLOCK values, each with its
 * two sums in double; update_total adds them in order. NORMS is the same walk without a step. Bytes: g, w and the state
 * read, w and the state written. */
#include <math.h>

#include "cpu/kernels/kernels.h"

RB_INLINE double total(rb_vd v) {
    double sum = 0.0;
    for (int i = 0; i < RB_LANES; i++) sum += v[i];
    return sum;
}

typedef enum form { NORMS, PLAIN, MOMENTUM, ADAM } form;

typedef struct rates { /* of this step; Adam's are corrected */
    float lr, inverse_root;
} rates;

/* How far Adam moves w against the gradient y. */
RB_INLINE rb_vf adam(const rb_op *op, rates r, rb_vf y, float *m, float *v) {
    float beta1 = op->u.update.beta1, beta2 = op->u.update.beta2;
    rb_vf mean = beta1 * rb_load(m) + (1.0f - beta1) * y, square = beta2 * rb_load(v) + (1.0f - beta2) * (y * y);
    rb_store_v(m, mean);
    rb_store_v(v, square);
    return r.lr * mean / (rb_sqrt(square) * r.inverse_root + op->u.update.eps);
}

/* `penalty` and `kind` are literals where this is used. state2: Adam's squares. */
RB_INLINE void block(const rb_op *op, rates r, bool penalty, form kind, const float *g, float *state, float *state2,
                     float *w, int64_t n, double sums[2]) {
    float l1 = op->u.update.l1, l2 = 2.0f * op->u.update.l2, decay = op->u.update.weight_decay;
    float mu = op->u.update.momentum;
    rb_vd grad_sq = {0}, param_sq = {0};
    for (int64_t i = 0; i < n; i += RB_LANES) { /* segments are whole vectors */
        rb_vf x = rb_load(w + i), y = {0};
        if (kind != NORMS) {
            y = rb_load(g + i);
            if (penalty)
                y += rb_select(x > 0.0f, rb_splat(l1), rb_select(x < 0.0f, rb_splat(-l1), (rb_vf){0})) + l2 * x;
            rb_vd square = __builtin_convertvector(y, rb_vd);
            grad_sq += square * square;
            if (penalty) y += decay * x;
            if (kind == MOMENTUM) {
                y = mu * rb_load(state + i) + y;
                rb_store_v(state + i, y);
            }
            x -= kind == ADAM ? adam(op, r, y, state + i, state2 + i) : r.lr * y;
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
    rates r = {.lr = step ? schedule[RB_SCHED_LR] : 0.0f};
    float *w = (float *)(step ? c->out[0] : c->in[0]) + from;
    const float *g = step ? (const float *)c->in[0] + from : NULL;
    float *state = step && c->in[2] ? (float *)c->in[2] + from : NULL, *state2 = NULL;
    bool penalty = step && (op->u.update.l1 != 0 || op->u.update.l2 != 0 || op->u.update.weight_decay != 0);
    double *sums = it->sums + 2 * unit;
    form kind = !step ? NORMS : op->u.update.kind == RB_ADAM ? ADAM : state ? MOMENTUM : PLAIN;
    if (kind == ADAM) {
        r.lr /= schedule[RB_SCHED_CORRECTION1];
        r.inverse_root = 1.0f / sqrtf(schedule[RB_SCHED_CORRECTION2]);
        state2 = (float *)c->in[3] + from;
    }
    switch (2 * (int)kind + penalty) {
    case 2 * NORMS:
        block(op, r, false, NORMS, g, state, state2, w, n, sums);
        break;
    case 2 * PLAIN:
        block(op, r, false, PLAIN, g, state, state2, w, n, sums);
        break;
    case 2 * PLAIN + 1:
        block(op, r, true, PLAIN, g, state, state2, w, n, sums);
        break;
    case 2 * MOMENTUM:
        block(op, r, false, MOMENTUM, g, state, state2, w, n, sums);
        break;
    case 2 * MOMENTUM + 1:
        block(op, r, true, MOMENTUM, g, state, state2, w, n, sums);
        break;
    case 2 * ADAM:
        block(op, r, false, ADAM, g, state, state2, w, n, sums);
        break;
    default:
        block(op, r, true, ADAM, g, state, state2, w, n, sums);
    }
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
