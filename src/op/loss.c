/* loss.c: the losses: mean over the batch, its gradient, and the metrics of a step.
 *
 * Cross-entropy of softmax(z): loss = mean of log(sum_j exp z_j) - z_label; dz = (softmax(z) - onehot)/rows.
 * With soft labels q, which sum to 1: mean of sum_j q_j (log(sum exp z) - z_j); dz = (softmax(z) - q)/rows.
 * At a temperature T: that of z/T, so dz = (softmax(z/T) - q)/(T rows): no factor T^2 makes up for it, as Hinton,
 * Vinyals and Dean (2015) have it where they add two losses; Papernot et al. (2016), who train with one, have none
 * either. scores gets z itself, not divided, at the row's position in the order table, as pred does. Mean squared
 * error: mean over rows and columns; dz = 2 (z - t)/(rows columns); pred gets z; nothing counts as correct. Rows are
 * numbered by `order`; -1 means no row: it counts nowhere and its dz is zero. METRIC gets the *sum* of the row losses
 * and the number of correct predictions (first maximum); the host divides. pred gets the predicted class at the row's
 * position in the order table. Shapes: z, dz (N,K); labels (rows) i32; soft, t (rows,K) f32. */
#include <math.h>

#include "op/op.h"

RB_REF_DECLARE(loss_ce);
RB_REF_DECLARE(loss_mse);

static void put_metric(const rb_ref_context *c, real *metric, double loss, double correct) {
    metric += (int64_t)rb_ref_cursor(c)->slot * RB_METRIC_COLUMNS;
    metric[RB_METRIC_LOSS_SUM] = (real)loss;
    metric[RB_METRIC_CORRECT] = (real)correct;
}

void RB_REF(loss_ce)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tz = rb_ref_tensor(c, op->in[0]);
    const real *z = rb_ref_data(c, op->in[0]);
    const int32_t *labels = rb_ref_data(c, op->in[1]), *order = rb_ref_data(c, op->in[2]);
    const float *soft = rb_ref_data(c, op->in[3]);
    const rb_cursor *cursor = rb_ref_cursor(c);
    real *metric = rb_ref_data(c, op->out[0]), *dz = rb_ref_data(c, op->out[1]);
    int32_t *pred = rb_ref_data(c, op->out[2]);
    float *scores = rb_ref_data(c, op->out[3]);
    int64_t N = RB_N(tz), K = RB_C(tz), present = 0, correct = 0;
    int64_t first = cursor->base + (int64_t)(cursor->slot % cursor->wrap) * rb_variant_batch(c->program, c->variant);
    double loss = 0.0, T = (double)op->u.loss.temperature;
    for (int64_t n = 0; n < N; n++) present += rb_ref_row(c, order, n) >= 0;
    for (int64_t n = 0; n < N; n++) {
        const real *row = z + n * K;
        int32_t index = rb_ref_row(c, order, n);
        int64_t best = 0;
        double sum = 0.0;
        for (int64_t k = 1; k < K; k++)
            if (row[k] > row[best]) best = k;
        for (int64_t k = 0; k < K; k++) sum += exp(((double)row[k] - (double)row[best]) / T);
        if (index >= 0) correct += best == labels[index];
        for (int64_t k = 0; k < K; k++) {
            double z_k = ((double)row[k] - (double)row[best]) / T, share = 0.0; /* of class k in the label */
            if (index >= 0) share = soft ? (double)soft[index * K + k] : k == labels[index];
            if (share != 0) loss += share * (log(sum) - z_k);
            if (dz) dz[n * K + k] = index < 0 ? 0 : (real)((exp(z_k) / sum - share) / (T * (double)present));
        }
        if (pred) pred[first + n] = (int32_t)best;
        for (int64_t k = 0; scores && k < K; k++) scores[(first + n) * K + k] = (float)row[k];
    }
    if (metric) put_metric(c, metric, loss, (double)correct);
}

void RB_REF(loss_mse)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tz = rb_ref_tensor(c, op->in[0]);
    const real *z = rb_ref_data(c, op->in[0]);
    const float *targets = rb_ref_data(c, op->in[1]);
    const int32_t *order = rb_ref_data(c, op->in[2]);
    const rb_cursor *cursor = rb_ref_cursor(c);
    real *metric = rb_ref_data(c, op->out[0]), *dz = rb_ref_data(c, op->out[1]);
    float *pred = rb_ref_data(c, op->out[2]);
    int64_t N = RB_N(tz), K = RB_C(tz), present = 0;
    int64_t first = cursor->base + (int64_t)(cursor->slot % cursor->wrap) * rb_variant_batch(c->program, c->variant);
    double loss = 0.0;
    for (int64_t n = 0; n < N; n++) present += rb_ref_row(c, order, n) >= 0;
    for (int64_t n = 0; n < N; n++) {
        int32_t index = rb_ref_row(c, order, n);
        for (int64_t k = 0; k < K; k++) {
            double off = index < 0 ? 0.0 : (double)z[n * K + k] - (double)targets[index * K + k];
            loss += off * off / (double)K;
            if (dz) dz[n * K + k] = index < 0 ? 0 : (real)(2.0 * off / (double)(present * K));
            if (pred) pred[(first + n) * K + k] = (float)z[n * K + k];
        }
    }
    if (metric) put_metric(c, metric, loss, 0);
}

#if RB_DEFINITIONS
/* exp, add, divide, subtract per logit: about 5. */
static double flops(const rb_variant *v, const rb_op *op) {
    return 5.0 * (double)rb_tensor_count(&v->tensors[op->in[0]]);
}
const rb_op_def rb_op_def_LOSS_CE = {.flops = flops, RB_REF_BOTH(loss_ce)};
const rb_op_def rb_op_def_LOSS_MSE = {.flops = flops, RB_REF_BOTH(loss_mse)};
#endif
