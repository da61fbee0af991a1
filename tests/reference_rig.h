/* reference_rig.h: what the tests of the reference share: a linear layer on a handful of rows, worked out in scalar
 * loops. */
#ifndef REFERENCE_RIG_H
#define REFERENCE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "support.h"

enum { C = 2, H = 3, W = 2, D = C * H * W, K = 5, BATCH = 4 };

static const double EXACT = 1e-13;
static const rb_layer linear[] = {RB_LINEAR(K), RB_END};

#define assert_near(a, b)                                                                                              \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!near(a_, b_, EXACT)) fail_msg("%s is %.17g, expected %.17g", #a, a_, b_);                                 \
    } while (0)

static inline void put_orders(rig *r, rb_family family, const int32_t *rows, int n) {
    rb_tensor t = r->program->order[family];
    assert_true(n <= t.dims[0]);
    t.bytes = sizeof *rows * (size_t)n;
    rig_put(r, &t, rows);
}

/* The input of a row and what the linear layer should make of it. */
static inline void logits_of(rig *r, int32_t row, double z[K]) {
    static unsigned char data[64 * D];
    double w[K * D], b[K];
    assert_true(r->program->data_x.bytes <= sizeof data);
    rig_get(r, &r->program->data_x, data);
    rig_get(r, &r->program->params[0].tensor, w);
    rig_get(r, &r->program->params[1].tensor, b);
    for (int k = 0; k < K; k++) {
        z[k] = b[k];
        for (int d = 0; d < D; d++) z[k] += w[k * D + d] * ((data[row * D + d] / 255.0 - (double)0.5f) / (double)0.25f);
    }
}

static inline int32_t label_of(rig *r, int32_t row) {
    static int32_t labels[64];
    rig_get(r, &r->program->data_y, labels);
    return labels[row];
}

static inline double loss_of(rig *r, int32_t row, int *best) {
    double z[K], sum = 0;
    logits_of(r, row, z);
    *best = 0;
    for (int k = 0; k < K; k++) sum += exp(z[k]), *best = z[k] > z[*best] ? k : *best;
    return log(sum) - z[label_of(r, row)];
}

#endif
