/* batchnorm.c: batch normalization over N (and H, W) per channel, and its gradient.
 *
 * Training: y = act(gamma (x - mean) rstd + beta + r) with the batch's mean and rstd = 1/sqrt(biased var + eps), which
 * are saved; running statistics move towards them, with the unbiased variance. Evaluation: running statistics.
 * Gradient: dbeta = sum dy, dgamma = sum dy xhat, dx = gamma rstd (dy - dbeta/n - xhat dgamma/n), xhat = (x-mean) rstd.
 * Moments: of a block of pixels in two passes over L1, joined to those of the group by Chan's formula in double, groups
 * joined in order: no squares of means are ever subtracted, and no sum depends on the number of threads.
 * Two passes over x (and dy): survey, then, after `settle`, one that reads x (and dy) and writes.
 * Shapes: x (N,H,W,ldx), y, dy, dx (N,H,W,ldy); gamma, beta, statistics (ldy), pad lanes zero. */
#include "cpu/kernels/batchnorm.h"

#include <math.h>

#include "cpu/kernels/kernels.h"

/* Pixels whose sums are taken in float: a vector of channels of so many stays in L1. */
enum { BLOCK = 64 };

#define widened(v) __builtin_convertvector((v), rb_vd) /* a function could not return what has no register */
RB_INLINE void add_to(double *p, rb_vd v) { *(rb_vd_any *)p += v; }

static int64_t pixels(const rb__item *it, const rb__call *c) { return (int64_t)c->rows * it->g.H * it->g.W; }

/* A group's partial: count, then means, then sums of squares about them. */
void RB_KERNEL(batchnorm_moments)(const rb__item *it, const rb__call *c) {
    int ld = it->g.ldy;
    const float *x = RB_KERNEL(padded)(it, c, 0, it->g.ldx, 0);
    double *count = (double *)(void *)c->partial, *mean = count + 8, *square = mean + ld;
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    for (int64_t from = 0, all = pixels(it, c); from < all; from += BLOCK, x += BLOCK * (int64_t)ld) {
        int n = all - from < BLOCK ? (int)(all - from) : BLOCK;
        double share = n / (*count + n), weight = *count * share;
        for (int j = 0; j < ld; j += RB_LANES) {
            rb_vf a = {0}, b = {0}, p = {0}, q = {0};
            int i = 0;
            for (; i + 2 <= n; i += 2) a += rb_load(x + i * ld + j), b += rb_load(x + (i + 1) * ld + j);
            if (i < n) a += rb_load(x + i * ld + j);
            rb_vf centre = (a + b) / (float)n;
            for (i = 0; i + 2 <= n; i += 2) {
                rb_vf d = rb_load(x + i * ld + j) - centre, e = rb_load(x + (i + 1) * ld + j) - centre;
                p += d * d, q += e * e;
            }
            if (i < n) p += (rb_load(x + i * ld + j) - centre) * (rb_load(x + i * ld + j) - centre);
            rb_vd apart = widened(centre) - *(const rb_vd_any *)(mean + j);
            add_to(mean + j, apart * share);
            add_to(square + j, widened(p + q) + apart * apart * weight);
        }
        *count += n;
    }
}

/* WORK.packed for channel k. */
static void coefficients(const rb__item *it, const rb__call *c, int k, double mean, double rstd) {
    const float *gamma = c->in[1], *beta = c->in[2];
    float *packed = it->packed + k;
    int ld = it->g.ldy;
    packed[RB__BN_MEAN * ld] = (float)mean;
    packed[RB__BN_SCALE * ld] = (float)(rstd * (double)gamma[k]);
    packed[RB__BN_BETA * ld] = beta[k];
}

/* Training, after the survey. A unit is 16 channels. */
void RB_KERNEL(batchnorm_settle)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    double count = (double)g->N * g->H * g->W, eps = (double)it->op->u.bn.eps, move = (double)it->op->u.bn.momentum;
    float *running_mean = c->in[3], *running_var = c->in[4], *saved_mean = c->out[1], *saved_rstd = c->out[2];
    double mean[16] = {0}, square[16] = {0}, seen = 0.0;
    for (int group = 0; group < it->groups; group++) {
        const double *from = (const double *)(const void *)(it->partials + (size_t)group * it->partial_count);
        double share = from[0] / (seen + from[0]), weight = seen * share;
        for (int i = 0; i < 16; i++) {
            double apart = from[8 + 16 * unit + i] - mean[i];
            mean[i] += apart * share;
            square[i] += from[8 + g->ldy + 16 * unit + i] + apart * apart * weight;
        }
        seen += from[0];
    }
    for (int i = 0, k = 16 * unit; i < 16; i++, k++) {
        bool real = k < g->C;
        double rstd = 1.0 / sqrt(square[i] / count + eps);
        coefficients(it, c, k, mean[i], rstd);
        saved_mean[k] = (float)mean[i];
        saved_rstd[k] = real ? (float)rstd : 0.0f;
        if (!real) continue;
        running_mean[k] = (float)((1 - move) * (double)running_mean[k] + move * mean[i]);
        running_var[k] = (float)((1 - move) * (double)running_var[k] + move * square[i] / (count - 1));
    }
}

/* Evaluation, before the rows. A unit is 16 channels. */
void RB_KERNEL(batchnorm_running)(const rb__item *it, int unit, const rb__call *c) {
    const float *mean = c->in[3], *var = c->in[4];
    for (int k = 16 * unit; k < 16 * unit + 16; k++)
        coefficients(it, c, k, (double)mean[k], 1.0 / sqrt((double)var[k] + (double)it->op->u.bn.eps));
}

RB_INLINE rb_vf coefficient(const rb__item *it, int which, int j) {
    return rb_load(it->packed + (int64_t)which * it->g.ldy + j);
}

/* `act` and `sum` (is there an r?) are literals where this is used. */
RB_INLINE void normalize(const rb__item *it, rb_act act, bool sum, const float *x, const float *r, float *y,
                         int64_t all) {
    int ld = it->g.ldy;
    for (int64_t from = 0; from < all; from += BLOCK) {
        int n = all - from < BLOCK ? (int)(all - from) : BLOCK;
        for (int j = 0; j < ld; j += RB_LANES) {
            rb_vf mean = coefficient(it, RB__BN_MEAN, j), scale = coefficient(it, RB__BN_SCALE, j);
            rb_vf beta = coefficient(it, RB__BN_BETA, j);
            for (int i = 0; i < n; i++) {
                int64_t at = (from + i) * ld + j;
                rb_vf v = (rb_load(x + at) - mean) * scale + beta;
                if (sum) v += rb_load(r + at);
                rb_store_v(y + at, rb_activate(act, it->op->slope, v));
            }
        }
    }
}

void RB_KERNEL(batchnorm)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    const float *x = RB_KERNEL(padded)(it, c, 0, g->ldx, 0), *r = NULL;
    float *y = c->out[0];
    int64_t all = pixels(it, c);
    bool later = op->act != RB_ACT_NONE && op->act != RB_ACT_RELU;
    if (c->in[5]) r = RB_KERNEL(padded)(it, c, 5, g->ldw, 1);
    if (op->act == RB_ACT_RELU && r)
        normalize(it, RB_ACT_RELU, true, x, r, y, all);
    else if (op->act == RB_ACT_RELU)
        normalize(it, RB_ACT_RELU, false, x, r, y, all);
    else if (r)
        normalize(it, RB_ACT_NONE, true, x, r, y, all);
    else
        normalize(it, RB_ACT_NONE, false, x, r, y, all);
    if (later) RB_KERNEL(activate_rows)(op, y, y, all, g->C, g->ldy);
}

/* dy, through the activation that stands after batch norm, if one does; `act` is a literal. */
RB_INLINE rb_vf incoming(const rb_op *op, rb_act act, const float *dy, const float *y) {
    return act == RB_ACT_NONE ? rb_load(dy) : rb_derive(act, op->slope, rb_load(dy), rb_load(y));
}

RB_INLINE void sums_of(const rb__item *it, rb_act act, const float *x, const float *dy, const float *y,
                       const float *mean, double *sum, double *product, int64_t all) {
    int ld = it->g.ldy;
    for (int64_t from = 0; from < all; from += BLOCK) {
        int n = all - from < BLOCK ? (int)(all - from) : BLOCK;
        for (int j = 0; j < ld; j += RB_LANES) {
            rb_vf s[2] = {{0}}, p[2] = {{0}}, centre = rb_load(mean + j);
            for (int i = 0; i < n; i++) {
                int64_t at = (from + i) * ld + j;
                rb_vf g = incoming(it->op, act, dy + at, y + at);
                s[i & 1] += g;
                p[i & 1] += g * (rb_load(x + at) - centre);
            }
            add_to(sum + j, widened(s[0] + s[1]));
            add_to(product + j, widened(p[0] + p[1]));
        }
    }
}

/* A group's partial: nothing, then sums of dy, then of dy (x - mean). */
void RB_KERNEL(batchnorm_dx_sums)(const rb__item *it, const rb__call *c) {
    const float *x = RB_KERNEL(padded)(it, c, 0, it->g.ldx, 0), *dy = c->in[1], *y = c->in[5], *mean = c->in[3];
    double *sum = (double *)(void *)c->partial + 8, *product = sum + it->g.ldy;
    int64_t all = pixels(it, c);
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    if (it->op->act == RB_ACT_NONE)
        sums_of(it, RB_ACT_NONE, x, dy, y, mean, sum, product, all);
    else if (it->op->act == RB_ACT_RELU)
        sums_of(it, RB_ACT_RELU, x, dy, y, mean, sum, product, all);
    else
        sums_of(it, it->op->act, x, dy, y, mean, sum, product, all);
}

/* After those sums. A unit is 16 channels. */
void RB_KERNEL(batchnorm_dx_settle)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *gamma = c->in[2], *mean = c->in[3], *rstd = c->in[4];
    float *dgamma = c->out[1], *dbeta = c->out[2];
    double count = (double)g->N * g->H * g->W;
    for (int k = 16 * unit, ld = g->ldy; k < 16 * unit + 16; k++) {
        double sum = 0.0, product = 0.0;
        for (int group = 0; group < it->groups; group++) {
            const double *from = (const double *)(const void *)(it->partials + (size_t)group * it->partial_count);
            sum += from[8 + k], product += from[8 + ld + k];
        }
        double scale = (double)gamma[k] * (double)rstd[k];
        product *= (double)rstd[k];
        dgamma[k] = (float)product;
        dbeta[k] = (float)sum;
        it->packed[RB__BN_MEAN * ld + k] = mean[k];
        it->packed[RB__BN_SCALE * ld + k] = (float)scale;
        it->packed[RB__BN_SLOPE * ld + k] = (float)(-scale * (double)rstd[k] * product / count);
        it->packed[RB__BN_OFFSET * ld + k] = (float)(-scale * sum / count);
    }
}

RB_INLINE void apply(const rb__item *it, rb_act act, bool add, const float *x, const float *dy, const float *y,
                     float *dx, int64_t all) {
    int ld = it->g.ldy;
    for (int64_t from = 0; from < all; from += BLOCK) {
        int n = all - from < BLOCK ? (int)(all - from) : BLOCK;
        for (int j = 0; j < ld; j += RB_LANES) {
            rb_vf mean = coefficient(it, RB__BN_MEAN, j), scale = coefficient(it, RB__BN_SCALE, j);
            rb_vf slope = coefficient(it, RB__BN_SLOPE, j), offset = coefficient(it, RB__BN_OFFSET, j);
            for (int i = 0; i < n; i++) {
                int64_t at = (from + i) * ld + j;
                rb_vf v = incoming(it->op, act, dy + at, y + at) * scale + ((rb_load(x + at) - mean) * slope + offset);
                rb_store_v(dx + at, add ? rb_load(dx + at) + v : v);
            }
        }
    }
}

void RB_KERNEL(batchnorm_dx)(const rb__item *it, const rb__call *c) {
    const float *x = RB_KERNEL(padded)(it, c, 0, it->g.ldx, 0), *dy = c->in[1], *y = c->in[5];
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    int64_t all = pixels(it, c);
    if (it->op->act == RB_ACT_NONE)
        apply(it, RB_ACT_NONE, add, x, dy, y, c->out[0], all);
    else if (it->op->act == RB_ACT_RELU)
        apply(it, RB_ACT_RELU, add, x, dy, y, c->out[0], all);
    else
        apply(it, it->op->act, add, x, dy, y, c->out[0], all);
}
