/* loss.c: the losses: loss and hits per row, gradients, predictions.
 *
 * Cross-entropy: loss = log(sum_j exp(z_j - z_max)) + z_max - z_label; dz = (softmax(z) - onehot) / rows present; with
 * soft labels q that sum to 1: loss = sum_j q_j (log(sum exp) + z_max - z_j), dz = (softmax(z) - q) / rows present.
 * At a temperature T all of that is of z/T, and dz has 1/T more. scores gets z.
 * Mean squared error: loss = sum_j (z_j - t_j)^2 / K, dz = 2 (z - t) / (rows present K), the prediction is z.
 * A row number of -1 counts nowhere and has dz = 0. The first maximum is the predicted class. Rows are independent;
 * their losses lie in WORK and loss_total adds them in row order, in double. Shapes: z, dz (N,ld), K classes or
 * columns, pad lanes of dz zero; labels (rows) i32; soft labels, targets (rows,K) f32. */
#include <math.h>

#include "cpu/kernels/kernels.h"

static void row_loss(const rb__item *it, const rb__call *c, int k) {
    const rb__geometry *g = &it->g;
    const int32_t *labels = c->in[1], *order = c->in[2];
    int32_t *pred = c->out[2];
    const float *z = (const float *)c->in[0] + (int64_t)k * g->ldx;
    float *dz = c->out[1] ? (float *)c->out[1] + (int64_t)k * g->ldx : NULL;
    float *scores = c->out[3], inverse = 1.0f / it->op->u.loss.temperature;
    float *e = (float *)(void *)c->scratch, rest = 0.0f; /* rest: the sum without the best, which may be far below 1 */
    double *sums = it->sums + 2 * (c->row + k);
    int K = g->K, best = 0;
    int64_t position = rb_position(it, c->step, c->row + k);
    int32_t index = order[position];
    const float *soft = c->in[3] && index >= 0 ? (const float *)c->in[3] + (int64_t)index * K : NULL;
    for (int j = 1; j < K; j++)
        if (z[j] > z[best]) best = j;
    for (int j = 0; j < K; j += RB_LANES) rb_store_v(e + j, rb_exp((rb_load(z + j) - z[best]) * inverse));
    for (int j = 0; j < K; j++) rest += j == best ? 0.0f : e[j];
    sums[0] = sums[1] = 0.0;
    if (index >= 0) {
        int label = labels[index];
        float share = inverse / (float)c->step->present, sum = e[best] + rest, scale = share / sum;
        for (int j = 0; j < K; j++) {
            double part = soft ? (double)soft[j] : j == label;
            if (part != 0) sums[0] += part * (log1p((double)rest) + ((double)z[best] - (double)z[j]) * (double)inverse);
        }
        sums[1] = best == label;
        if (dz) {
            for (int j = 0; j < g->ldx; j++)
                dz[j] = j >= K ? 0.0f : soft ? e[j] * scale - soft[j] * share : e[j] * scale;
            if (!soft) dz[label] = label == best ? -rest * scale : (e[label] - sum) * scale;
        }
    } else if (dz) {
        memset(dz, 0, sizeof(float) * (size_t)g->ldx);
    }
    if (pred) pred[position] = best;
    if (scores) memcpy(scores + position * K, z, sizeof(float) * (size_t)K);
}

void RB_KERNEL(loss_ce)(const rb__item *it, const rb__call *c) {
    for (int k = 0; k < c->rows; k++) row_loss(it, c, k);
}

void RB_KERNEL(loss_mse)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *targets = c->in[1];
    const int32_t *order = c->in[2];
    float *pred = c->out[2], scale = 2.0f / ((float)c->step->present * (float)g->K);
    for (int k = 0; k < c->rows; k++) {
        const float *z = (const float *)c->in[0] + (int64_t)k * g->ldx;
        float *dz = c->out[1] ? (float *)c->out[1] + (int64_t)k * g->ldx : NULL;
        double *sums = it->sums + 2 * (c->row + k), loss = 0.0;
        int64_t position = rb_position(it, c->step, c->row + k);
        int32_t index = order[position];
        for (int j = 0; j < (dz ? g->ldx : g->K); j++) {
            float off = j < g->K && index >= 0 ? z[j] - targets[(int64_t)index * g->K + j] : 0.0f;
            loss += (double)off * (double)off;
            if (dz) dz[j] = off * scale;
            if (pred && j < g->K) pred[position * g->K + j] = z[j];
        }
        sums[0] = loss / g->K;
        sums[1] = 0.0;
    }
}

/* One unit. */
void RB_KERNEL(loss_total)(const rb__item *it, int unit, const rb__call *c) {
    float *metric = (float *)c->out[0] + (int64_t)c->step->slot * RB_METRIC_COLUMNS;
    double loss = 0.0, hits = 0.0;
    (void)unit;
    for (int n = 0; n < it->g.N; n++) loss += it->sums[2 * n], hits += it->sums[2 * n + 1];
    metric[RB_METRIC_LOSS_SUM] = (float)loss;
    metric[RB_METRIC_CORRECT] = (float)hits;
}
