/* test_reference.c: the reference code of gather, losses, updates, norms and copies against scalar loops written here;
 * cursors, missing rows, saturation, huge logits, NaN. Batch norm and dropout are in test_layers.c, gradients in
 * test_gradients.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
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

static void put_orders(rig *r, rb_family family, const int32_t *rows, int n) {
    rb_tensor t = r->program->order[family];
    assert_true(n <= t.dims[0]);
    t.bytes = sizeof *rows * (size_t)n;
    rig_put(r, &t, rows);
}

/* The input of a row and what the linear layer should make of it. */
static void logits_of(rig *r, int32_t row, double z[K]) {
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

static int32_t label_of(rig *r, int32_t row) {
    static int32_t labels[64];
    rig_get(r, &r->program->data_y, labels);
    return labels[row];
}

static double loss_of(rig *r, int32_t row, int *best) {
    double z[K], sum = 0;
    logits_of(r, row, z);
    *best = 0;
    for (int k = 0; k < K; k++) sum += exp(z[k]), *best = z[k] > z[*best] ? k : *best;
    return log(sum) - z[label_of(r, row)];
}

/* --- rows and cursors ------------------------------------------------------------------------------------------- */

static void test_gather_and_copy(void **state) {
    (void)state;
    static const int32_t rows[] = {9, 9, 9, 9, 3, 0, -1, 15, 2, -1, 1, 4};
    for (int f32 = 0; f32 < 2; f32++) {
        rb_spec s = spec_of(linear, C, H, W, K, BATCH);
        s.attack = true;
        if (f32) s.x_dtype = RB_F32;
        rig r;
        rig_open(&r, &s, 3);
        put_orders(&r, RB_FAMILY_EVAL, rows, 12);
        unsigned char u8[64 * D];
        float reals[64 * D];
        double x[BATCH * D], x0[BATCH * D];
        rig_get(&r, &r.program->data_x, f32 ? (void *)reals : (void *)u8);
        for (int slot = 0; slot < 5; slot++) { /* base 4, then two batches in turn */
            const int32_t *expected = rows + 4 + slot % 2 * BATCH;
            rig_cursor(&r, RB_FAMILY_EVAL, slot, 4, 2, 100);
            rig_run(&r, &r.program->variant[RB_VARIANT_ATTACK_INIT], 1);
            rig_get(&r, &r.program->input_x, x);
            rig_get(&r, &r.program->input_x0, x0);
            for (int i = 0; i < BATCH * D; i++) {
                int32_t row = expected[i / D];
                double value = row < 0 ? 0
                               : f32   ? (double)reals[row * D + i % D]
                                       : (u8[row * D + i % D] / 255.0 - 0.5) / 0.25;
                assert_near(x[i], value);
                assert_near(x0[i], value);
            }
        }
        rig_close(&r);
    }
}

/* Steps write one row of METRIC each and advance the cursor; the tail is the rest of the order. */
static void test_steps_and_tail(void **state) {
    (void)state;
    static const int32_t rows[] = {5, 0, 7, 2, 1, 1, 12, 4, 9, 3, 8};
    rb_spec s = spec_of(linear, C, H, W, K, BATCH); /* 11 rows: 4, 4, 3 */
    rig r;
    rig_open(&r, &s, 4);
    put_orders(&r, RB_FAMILY_TRAIN, rows, 11);
    rig_cursor(&r, RB_FAMILY_TRAIN, 0, 0, 3, 0);
    rig_run(&r, &r.program->variant[RB_VARIANT_TRAIN], 2);
    rig_run(&r, &r.program->variant[RB_VARIANT_TRAIN_TAIL], 1);
    for (int step = 0; step < 3; step++) {
        double loss = 0;
        int correct = 0;
        for (int i = step * BATCH; i < (step < 2 ? step * BATCH + BATCH : 11); i++) {
            int best;
            loss += loss_of(&r, rows[i], &best);
            correct += best == label_of(&r, rows[i]);
        }
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_LOSS_SUM), loss);
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_CORRECT), correct);
    }
    assert_near(rig_metric(&r, RB_FAMILY_TRAIN, 3, RB_METRIC_LOSS_SUM), 0); /* nobody wrote there */
    rig_close(&r);
}

/* -1 in the order counts nowhere: loss, correct answers, gradients. */
static void test_missing_rows(void **state) {
    (void)state;
    static const int32_t rows[] = {-1, 6, -1, 2, 3, 4, 5, 7, 1, 0, -1, -1};
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.attack = true;
    rig r;
    rig_open(&r, &s, 5);
    put_orders(&r, RB_FAMILY_EVAL, rows, 12);
    rig_cursor(&r, RB_FAMILY_EVAL, 0, 0, 3, 0);
    rig_run(&r, &r.program->variant[RB_VARIANT_EVAL], 3);
    int32_t pred[12];
    rig_get(&r, &r.program->pred, pred);
    for (int step = 0; step < 3; step++) {
        double loss = 0;
        int correct = 0;
        for (int i = step * BATCH; i < step * BATCH + BATCH; i++) {
            int best;
            if (rows[i] < 0) continue;
            loss += loss_of(&r, rows[i], &best);
            correct += best == label_of(&r, rows[i]);
            assert_int_equal(pred[i], best);
        }
        assert_near(rig_metric(&r, RB_FAMILY_EVAL, step, RB_METRIC_LOSS_SUM), loss);
        assert_near(rig_metric(&r, RB_FAMILY_EVAL, step, RB_METRIC_CORRECT), correct);
    }
    /* predictions go where the row stands in the order, from any base */
    rig_put(&r, &r.program->pred, (const int32_t[12]){-7, -7, -7, -7, -7, -7, -7, -7, -7, -7, -7, -7});
    rig_cursor(&r, RB_FAMILY_EVAL, 2, 4, 2, 0);
    rig_run(&r, &r.program->variant[RB_VARIANT_EVAL], 1);
    int32_t again[12];
    rig_get(&r, &r.program->pred, again);
    for (int i = 0; i < 12; i++) assert_int_equal(again[i], i >= 4 && i < 8 ? pred[i] : -7);
    /* the gradient of the input: zero in missing rows, the mean over the two present ones elsewhere */
    rb_variant v = r.program->variant[RB_VARIANT_ATTACK];
    double dx[BATCH * D], w[K * D];
    v.n_ops--; /* not the attack itself */
    rig_loss(&r, RB_VARIANT_ATTACK_INIT);
    rig_cursor(&r, RB_FAMILY_EVAL, 0, 0, 3, 0);
    rig_run(&r, &v, 1);
    rig_get(&r, &v.tensors[v.ops[v.n_ops].in[1]], dx);
    rig_get(&r, &r.program->params[0].tensor, w);
    for (int n = 0; n < BATCH; n++) {
        double z[K], sum = 0;
        if (rows[n] >= 0) logits_of(&r, rows[n], z);
        for (int k = 0; rows[n] >= 0 && k < K; k++) sum += exp(z[k]);
        for (int d = 0; d < D; d++) {
            double expected = 0;
            for (int k = 0; rows[n] >= 0 && k < K; k++)
                expected += (exp(z[k]) / sum - (k == label_of(&r, rows[n]))) / 2 * w[k * D + d];
            assert_near(dx[n * D + d], expected);
        }
    }
    rig_close(&r);
}

/* A batch without a single row: no division by the number of rows gets out. */
static void test_no_row_at_all(void **state) {
    (void)state;
    static const int32_t rows[] = {-1, -1, -1, -1};
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.attack = true;
    rig r;
    rig_open(&r, &s, 5);
    put_orders(&r, RB_FAMILY_EVAL, rows, 4);
    assert_near(rig_loss(&r, RB_VARIANT_EVAL), 0);
    assert_near(rig_metric(&r, RB_FAMILY_EVAL, 0, RB_METRIC_CORRECT), 0);
    rb_variant v = r.program->variant[RB_VARIANT_ATTACK];
    double dx[BATCH * D];
    v.n_ops--;
    rig_loss(&r, RB_VARIANT_ATTACK_INIT);
    rig_run(&r, &v, 1);
    rig_get(&r, &v.tensors[v.ops[v.n_ops].in[1]], dx);
    for (int i = 0; i < BATCH * D; i++) assert_near(dx[i], 0);
    rig_close(&r);
}

/* --- update ----------------------------------------------------------------------------------------------------- */

typedef struct recipe {
    float momentum, decay, l1, l2;
} recipe;

static void check_update(recipe u) {
    enum { STEPS = 4, COUNT = K * D + K };
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.momentum = u.momentum, s.weight_decay = u.decay, s.l1 = u.l1, s.l2 = u.l2;
    rig r;
    rig_open(&r, &s, 6);
    const rb_program *p = r.program;
    rb_tensor schedule = p->schedule, grad = p->grad_all, w_all = p->param_all;
    float rates[STEPS][RB_SCHED_COLUMNS] = {{0.1f, 9, 9, 9}, {0.05f, 9, 9, 9}, {0.2f, 9, 9, 9}, {0.3f, 9, 9, 9}};
    assert_int_equal(schedule.bytes, sizeof rates);
    rig_put(&r, &schedule, rates);
    for (int i = 0; i < K * D; i += 7) rig_poke(&r, &w_all, i, 0); /* sign(0) is 0 */
    double w[128], g[128], v[128] = {0}, after[128];
    int64_t count = rb_tensor_count(&w_all);
    assert_true(count >= COUNT && count <= 128);
    rig_get(&r, &w_all, w);
    rig_cursor(&r, RB_FAMILY_TRAIN, 0, 0, 1, 0);
    for (int step = 0; step < STEPS; step++) {
        double grad_sq = 0, param_sq = 0;
        rig_run(&r, &p->variant[RB_VARIANT_TRAIN], 1);
        rig_get(&r, &grad, g);
        rig_get(&r, &w_all, after);
        for (int64_t i = 0; i < count; i++) {
            double sign = w[i] > 0 ? 1 : w[i] < 0 ? -1 : 0, d = g[i] + (double)u.l1 * sign + 2 * (double)u.l2 * w[i];
            grad_sq += d * d;
            d += (double)u.decay * w[i];
            v[i] = (double)u.momentum * v[i] + d;
            w[i] -= (double)rates[step][0] * v[i];
            param_sq += w[i] * w[i];
            assert_near(after[i], w[i]);
        }
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_GRAD_SQ), grad_sq);
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_PARAM_SQ), param_sq);
        if (step < STEPS - 1) continue;
        rig_cursor(&r, RB_FAMILY_EVAL, 1, 0, 1, 0);
        rig_run(&r, &p->variant[RB_VARIANT_NORMS], 1);
        assert_near(rig_metric(&r, RB_FAMILY_EVAL, 1, RB_METRIC_PARAM_SQ), param_sq);
    }
    rig_close(&r);
}

static void test_update(void **state) {
    (void)state;
    check_update((recipe){0});
    check_update((recipe){.momentum = 0.9f});
    check_update((recipe){.decay = 0.05f});
    check_update((recipe){.momentum = 0.5f, .decay = 0.05f});
    check_update((recipe){.l1 = 0.01f});
    check_update((recipe){.l2 = 0.02f});
    check_update((recipe){.momentum = 0.99f, .decay = 0.1f, .l1 = 0.03f, .l2 = 0.02f});
}

/* Adam as its paper has it, with the schedule's corrections; the gradient has the penalties and the decay. */
static void test_adam(void **state) {
    (void)state;
    enum { STEPS = 4 };
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.optimizer = RB_ADAM, s.weight_decay = 0.05f, s.l1 = 0.01f, s.l2 = 0.02f, s.eps = 1e-3f;
    rig r;
    rig_open(&r, &s, 6);
    const rb_program *p = r.program;
    static const float rates[STEPS][RB_SCHED_COLUMNS] = {
        {0.1f, 0.1f, 0.001f, 9}, {0.05f, 0.19f, 0.002f, 9}, {0.2f, 0.271f, 0.003f, 9}, {0.3f, 0.35f, 0.004f, 9}};
    rig_put(&r, &p->schedule, rates);
    double w[128], g[128], m[128] = {0}, v[128] = {0}, after[128];
    int64_t count = rb_tensor_count(&p->param_all);
    assert_true(count <= 128);
    assert_int_equal(rb_program_states(p), 2);
    rig_get(&r, &p->param_all, w);
    rig_cursor(&r, RB_FAMILY_TRAIN, 0, 0, 1, 0);
    for (int step = 0; step < STEPS; step++) {
        double grad_sq = 0, param_sq = 0, b1 = (double)0.9f, b2 = (double)0.999f;
        rig_run(&r, &p->variant[RB_VARIANT_TRAIN], 1);
        rig_get(&r, &p->grad_all, g);
        rig_get(&r, &p->param_all, after);
        for (int64_t i = 0; i < count; i++) {
            double sign = w[i] > 0 ? 1 : w[i] < 0 ? -1 : 0, d = g[i] + (double)0.01f * sign + 2 * (double)0.02f * w[i];
            grad_sq += d * d;
            d += (double)0.05f * w[i];
            m[i] = b1 * m[i] + (1 - b1) * d;
            v[i] = b2 * v[i] + (1 - b2) * d * d;
            double corrected = m[i] / (double)rates[step][1], root = sqrt(v[i] / (double)rates[step][2]);
            w[i] -= (double)rates[step][0] * corrected / (root + (double)1e-3f);
            param_sq += w[i] * w[i];
            assert_near(after[i], w[i]);
        }
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_GRAD_SQ), grad_sq);
        assert_near(rig_metric(&r, RB_FAMILY_TRAIN, step, RB_METRIC_PARAM_SQ), param_sq);
    }
    for (int k = 0; k < 2; k++) { /* the moments are where rb_program_state says */
        rb_tensor t = rb_program_state(p, &p->params[1].tensor, k);
        size_t at = p->params[1].tensor.offset / 8;
        for (int i = 0; i < K; i++) assert_near(rig_peek(&r, &t, i), k ? v[at + (size_t)i] : m[at + (size_t)i]);
    }
    rig_close(&r);
}

/* --- losses ----------------------------------------------------------------------------------------------------- */

/* Mean squared error: sums of row means, predictions where the row stands in the order, absent rows count nowhere. */
static void test_mean_squared_error(void **state) {
    (void)state;
    static const int32_t rows[] = {-1, 6, -1, 2, 3, 4, 5, 7, 1, 0, -1, -1};
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.regression = true, s.x_dtype = RB_F32, s.attack = true;
    rig r;
    rig_open(&r, &s, 5);
    const rb_program *p = r.program;
    float x[64 * D], y[64 * K], pred[12 * K];
    double w[K * D], b[K], dx[BATCH * D];
    rig_get(&r, &p->data_x, x);
    rig_get(&r, &p->data_y, y);
    rig_get(&r, &p->params[0].tensor, w);
    rig_get(&r, &p->params[1].tensor, b);
    put_orders(&r, RB_FAMILY_EVAL, rows, 12);
    rig_cursor(&r, RB_FAMILY_EVAL, 0, 0, 3, 0);
    rig_run(&r, &p->variant[RB_VARIANT_EVAL], 3);
    rig_get(&r, &p->pred, pred);
    rb_variant v = p->variant[RB_VARIANT_ATTACK];
    v.n_ops--; /* not the attack itself */
    for (int step = 0; step < 3; step++) {
        double loss = 0, expected[BATCH * D] = {0};
        for (int i = 0; i < BATCH; i++) {
            int32_t row = rows[step * BATCH + i];
            for (int k = 0; row >= 0 && k < K; k++) {
                double z = b[k];
                for (int d = 0; d < D; d++) z += w[k * D + d] * (double)x[row * D + d];
                double off = z - (double)y[row * K + k];
                loss += off * off / K;
                assert_true(near((double)pred[(step * BATCH + i) * K + k], z, 1e-6));
                for (int d = 0; d < D; d++) expected[i * D + d] += 2 * off / (K * (step == 1 ? 4 : 2)) * w[k * D + d];
            }
        }
        assert_near(rig_metric(&r, RB_FAMILY_EVAL, step, RB_METRIC_LOSS_SUM), loss);
        assert_near(rig_metric(&r, RB_FAMILY_EVAL, step, RB_METRIC_CORRECT), 0);
        rig_cursor(&r, RB_FAMILY_EVAL, step, 0, 3, 0);
        rig_run(&r, &p->variant[RB_VARIANT_ATTACK_INIT], 1);
        rig_cursor(&r, RB_FAMILY_EVAL, step, 0, 3, 0);
        rig_run(&r, &v, 1);
        rig_get(&r, &v.tensors[v.ops[v.n_ops].in[1]], dx);
        for (int i = 0; i < BATCH * D; i++) assert_near(dx[i], expected[i]);
    }
    rig_close(&r);
}

/* Labels as shares: the loss of a one-hot row is that of its label, and correct answers count against the label. */
static void test_soft_labels(void **state) {
    (void)state;
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    s.soft_labels = true;
    rig r;
    rig_open(&r, &s, 21);
    const rb_program *p = r.program;
    float soft[64 * K];
    static const int32_t rows[BATCH] = {5, 0, 7, 2};
    put_orders(&r, RB_FAMILY_TRAIN, rows, BATCH);
    rig_get(&r, &p->soft, soft);
    double loss = 0;
    for (int i = 0; i < BATCH; i++) {
        double z[K], sum = 0;
        logits_of(&r, rows[i], z);
        for (int k = 0; k < K; k++) sum += exp(z[k]);
        for (int k = 0; k < K; k++) loss += (double)soft[rows[i] * K + k] * (log(sum) - z[k]);
    }
    /* the shares sum to 1 in float only */
    assert_true(near(rig_loss(&r, RB_VARIANT_TRAIN), loss, 1e-6));
    double hard = 0;
    int correct = 0;
    for (int i = 0; i < BATCH; i++) {
        int best;
        hard += loss_of(&r, rows[i], &best);
        correct += best == label_of(&r, rows[i]);
        for (int k = 0; k < K; k++) soft[rows[i] * K + k] = k == label_of(&r, rows[i]);
    }
    rig_put(&r, &p->soft, soft);
    assert_near(rig_loss(&r, RB_VARIANT_TRAIN), hard);
    assert_near(rig_metric(&r, RB_FAMILY_TRAIN, 0, RB_METRIC_CORRECT), correct);
    rig_close(&r);
}

static void test_snapshot_and_restore(void **state) {
    (void)state;
    static const rb_layer norm[] = {RB_LINEAR(K), RB_BATCHNORM, RB_LINEAR(K), RB_END};
    rb_spec s = spec_of(norm, C, H, W, K, BATCH);
    s.momentum = 0.9f;
    rig r;
    rig_open(&r, &s, 8);
    const rb_program *p = r.program;
    const rb_tensor *w = &p->params[0].tensor, *mean = &p->buffers[0].tensor, *var = &p->buffers[1].tensor;
    double w0 = rig_peek(&r, w, 3), mean0 = rig_peek(&r, mean, 1), var0 = rig_peek(&r, var, K - 1);
    rig_poke(&r, &p->momentum_all, 2, 5);
    rig_run(&r, &p->variant[RB_VARIANT_SNAPSHOT], 1);
    rig_poke(&r, w, 3, 77), rig_poke(&r, mean, 1, 78), rig_poke(&r, var, K - 1, 79),
        rig_poke(&r, &p->momentum_all, 2, 6);
    rig_run(&r, &p->variant[RB_VARIANT_RESTORE], 1);
    assert_near(rig_peek(&r, w, 3), w0);
    assert_near(rig_peek(&r, mean, 1), mean0);
    assert_near(rig_peek(&r, var, K - 1), var0);
    assert_near(rig_peek(&r, &p->momentum_all, 2), 6); /* not part of the best epoch */
    rig_close(&r);
}

/* --- the ends of the number line -------------------------------------------------------------------------------- */

static void test_huge_logits(void **state) {
    (void)state;
    rb_spec s = spec_of(linear, C, H, W, K, BATCH);
    rig r;
    rig_open(&r, &s, 9);
    const rb_tensor *b = &r.program->params[1].tensor;
    rb_tensor db = *b;
    db.segment = RB_SEG_GRAD;
    for (int k = 0; k < K; k++) rig_poke(&r, b, k, 1e6 * (k - 2)); /* exp of these is 0 or infinite */
    double expected = 0;
    for (int i = 0; i < BATCH; i++) {
        double z[K];
        logits_of(&r, i, z);
        expected += z[K - 1] - z[label_of(&r, i)];
    }
    assert_true(expected > 1e6);
    assert_near(rig_loss(&r, RB_VARIANT_TRAIN), expected);
    for (int k = 0; k < K; k++) {
        double share = k == K - 1;
        for (int i = 0; i < BATCH; i++) share -= (label_of(&r, i) == k) / (double)BATCH;
        assert_near(rig_peek(&r, &db, k), share);
    }
    rig_close(&r);
}

static void test_saturated_sigmoid(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_LINEAR(4), RB_SIGMOID, RB_LINEAR(K), RB_END};
    static const double bias[] = {1e4, -1e4, 800, -800};
    rb_spec s = spec_of(layers, C, H, W, K, BATCH);
    rig r;
    rig_open(&r, &s, 10);
    const rb_program *p = r.program;
    for (int k = 0; k < 4; k++) rig_poke(&r, &p->params[1].tensor, k, bias[k]);
    double loss = rig_loss(&r, RB_VARIANT_TRAIN), expected = 0, z[K], sum = 0;
    for (int k = 0; k < K; k++) { /* sigmoids are exactly 1, 0, 1, 0 */
        z[k] = rig_peek(&r, &p->params[3].tensor, k) + rig_peek(&r, &p->params[2].tensor, 4 * k) +
               rig_peek(&r, &p->params[2].tensor, 4 * k + 2);
        sum += exp(z[k]);
    }
    for (int i = 0; i < BATCH; i++) expected += log(sum) - z[label_of(&r, i)];
    assert_near(loss, expected);
    rb_tensor dw = p->params[0].tensor;
    dw.segment = RB_SEG_GRAD;
    for (int i = 0; i < 4 * D; i++) assert_near(rig_peek(&r, &dw, i), 0);
    rig_close(&r);
}

/* One NaN in the data reaches the loss and the parameters through every kind of layer; the other rows stay clean. */
static void test_nan_is_seen(void **state) {
    (void)state;
    static const rb_layer act[][5] = {{RB_CONV(2, .kernel = 2), RB_RELU, RB_LINEAR(K), RB_END},
                                      {RB_CONV(2, .kernel = 2), RB_LEAKY_RELU(0.1f), RB_LINEAR(K), RB_END},
                                      {RB_CONV(2, .kernel = 2), RB_SIGMOID, RB_LINEAR(K), RB_END},
                                      {RB_MAXPOOL(2), RB_RELU, RB_LINEAR(K), RB_END},
                                      {RB_AVGPOOL(2), RB_LINEAR(K), RB_END},
                                      {RB_RELU_TAG("a"), RB_ADD("a"), RB_MAXPOOL(2), RB_LINEAR(K), RB_END}};
    for (int m = 0; m < 6; m++)
        for (int position = 0; position < 4; position++) { /* within the first window of 2 by 2 */
            rb_spec s = spec_of(act[m], C, H, W, K, BATCH);
            s.x_dtype = RB_F32;
            rig r;
            rig_open(&r, &s, 11);
            float data[64 * D];
            rig_get(&r, &r.program->data_x, data);
            data[2 * D + position / 2 * W + position % 2] = NAN; /* row 2 */
            rig_put(&r, &r.program->data_x, data);
            assert_true(isnan(rig_loss(&r, RB_VARIANT_TRAIN)));
            assert_true(isnan(rig_metric(&r, RB_FAMILY_TRAIN, 0, RB_METRIC_GRAD_SQ)));
            assert_true(isnan(rig_metric(&r, RB_FAMILY_TRAIN, 0, RB_METRIC_PARAM_SQ)));
            rig_close(&r);
            rig_open(&r, &s, 11);
            rig_put(&r, &r.program->data_x, data);
            put_orders(&r, RB_FAMILY_EVAL, (const int32_t[]){0, 1, 2, 3, 3, 1, -1, 0}, 8);
            rig_cursor(&r, RB_FAMILY_EVAL, 0, 0, 2, 0);
            rig_run(&r, &r.program->variant[RB_VARIANT_EVAL], 2);
            assert_true(isnan(rig_metric(&r, RB_FAMILY_EVAL, 0, RB_METRIC_LOSS_SUM)));
            assert_true(isfinite(rig_metric(&r, RB_FAMILY_EVAL, 1, RB_METRIC_LOSS_SUM)));
            rig_close(&r);
        }
}

/* Max-pool ties go to the first; PyTorch's cross-correlation does not turn the kernel. */
static void test_conventions(void **state) {
    (void)state;
    static const rb_layer pick[] = {RB_CONV(1, .kernel = 2), RB_LINEAR(2), RB_END};
    rb_spec s = spec_of(pick, 1, 2, 3, 2, 1);
    s.x_dtype = RB_F32;
    rig r;
    rig_open(&r, &s, 12);
    static const float x[] = {1, 2, 3, 4, 5, 6};
    float data[64] = {0};
    memcpy(data, x, sizeof x);
    rig_put(&r, &r.program->data_x, data);
    rig_put(&r, &r.program->data_y, (const int32_t[64]){0});
    rig_put(&r, &r.program->params[0].tensor, (const double[]){1, 10, 100, 1000});
    rig_put(&r, &r.program->params[1].tensor, (const double[]){0.5});
    rig_put(&r, &r.program->params[2].tensor, (const double[]){-1e-3, 1e-4, 0, 0}); /* (2 units, 2 pixels) */
    rig_put(&r, &r.program->params[3].tensor, (const double[]){0, 0});
    double left = 0.5 + 1 + 20 + 400 + 5000, right = 0.5 + 2 + 30 + 500 + 6000, z = -1e-3 * left + 1e-4 * right;
    assert_near(rig_loss(&r, RB_VARIANT_EVAL), log(exp(z) + 1) - z);
    rig_close(&r);

    static const rb_layer tie[] = {RB_CONV(1, .kernel = 1, .no_bias = true), RB_MAXPOOL(2), RB_LINEAR(2), RB_END};
    s = spec_of(tie, 1, 2, 2, 2, 1);
    s.x_dtype = RB_F32, s.attack = true;
    rig_open(&r, &s, 13);
    rig_put(&r, &r.program->data_x, (const float[64]){1, 1, 1, 1});
    rig_poke(&r, &r.program->params[0].tensor, 0, 2);
    rb_variant v = r.program->variant[RB_VARIANT_ATTACK];
    v.n_ops--;
    double dx[4];
    rig_loss(&r, RB_VARIANT_ATTACK_INIT);
    rig_cursor(&r, RB_FAMILY_EVAL, 0, 0, 1, 0);
    rig_run(&r, &v, 1);
    rig_get(&r, &v.tensors[v.ops[v.n_ops].in[1]], dx);
    assert_true(fabs(dx[0]) > 1e-3 && dx[1] == 0 && dx[2] == 0 && dx[3] == 0);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather_and_copy),
        cmocka_unit_test(test_steps_and_tail),
        cmocka_unit_test(test_missing_rows),
        cmocka_unit_test(test_no_row_at_all),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_snapshot_and_restore),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_mean_squared_error),
        cmocka_unit_test(test_soft_labels),
        cmocka_unit_test(test_huge_logits),
        cmocka_unit_test(test_saturated_sigmoid),
        cmocka_unit_test(test_nan_is_seen),
        cmocka_unit_test(test_conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
