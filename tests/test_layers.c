/* test_layers.c: batch norm and dropout of the reference code against scalar loops written here: both modes, running
 * statistics, an offset far larger than the spread; masks, keep rate, scale, independence of the batch size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "regbench/portable.h"
#include "support.h"

static const double EXACT = 1e-12;
#define assert_near(a, b)                                                                                              \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!near(a_, b_, EXACT)) fail_msg("%s is %.17g, expected %.17g", #a, a_, b_);                                 \
    } while (0)

/* Output k of the first op of this kind in a variant, as the last step left it: of lists cut after that op, since ACT
 * is packed and later ops reuse it. */
static const rb_tensor *run_until(rig *r, rb_variant_kind kind, rb_op_kind op, int slot, rb_variant *cut) {
    *cut = r->program->variant[kind];
    int n = 0;
    while (n < cut->n_ops && cut->ops[n].kind != op) n++;
    assert_true(n < cut->n_ops);
    cut->n_ops = n + 1;
    rig_cursor(r, cut->family, slot, 0, 2, 40);
    rig_run(r, cut, 1);
    return &cut->tensors[cut->ops[n].out[0]];
}

/* --- batch norm --------------------------------------------------------------------------------------------------- */

enum { C = 3, H = 2, W = 3, PIXELS = H * W, BATCH = 5, COUNT = BATCH * C * PIXELS };
static const rb_layer norm[] = {RB_BATCHNORM, RB_LINEAR(2), RB_END};

static void open_norm(rig *r, float offset, float x[64 * C * PIXELS]) {
    rb_spec s = spec_of(norm, C, H, W, 2, BATCH);
    s.x_dtype = RB_F32;
    rig_open(r, &s, 31);
    rig_get(r, &r->program->data_x, x);
    for (int64_t i = 0; i < rb_tensor_count(&r->program->data_x); i++) x[i] += offset;
    rig_put(r, &r->program->data_x, x);
}

/* y = gamma (x - mean)/sqrt(var + eps) + beta of the first BATCH rows. */
static void check_norm(rig *r, rb_variant_kind kind, const float *x, const double *mean, const double *var) {
    double y[COUNT], gamma[C], beta[C];
    rb_variant cut;
    const rb_tensor *out = run_until(r, kind, RB_OP_BATCHNORM, 0, &cut);
    rig_get(r, out, y);
    rig_get(r, &r->program->params[0].tensor, gamma);
    rig_get(r, &r->program->params[1].tensor, beta);
    for (int i = 0; i < COUNT; i++) {
        int c = i / PIXELS % C;
        assert_near(y[i], gamma[c] * ((double)x[i] - mean[c]) / sqrt(var[c] + (double)1e-5f) + beta[c]);
    }
}

static void check_both_modes(float offset) {
    rig r;
    static float x[64 * C * PIXELS];
    open_norm(&r, offset, x);
    const rb_program *p = r.program;
    const rb_tensor *running[2] = {&p->buffers[0].tensor, &p->buffers[1].tensor};
    assert_int_equal(p->buffers[0].role, RB_RUNNING_MEAN);
    assert_int_equal(p->buffers[1].role, RB_RUNNING_VAR);
    double mean[C] = {0}, var[C] = {0}, before[2][C], after[2][C];
    for (int k = 0; k < 2; k++) rig_get(&r, running[k], before[k]);
    for (int i = 0; i < COUNT; i++) mean[i / PIXELS % C] += (double)x[i] / (BATCH * PIXELS);
    for (int i = 0; i < COUNT; i++) {
        double d = (double)x[i] - mean[i / PIXELS % C];
        var[i / PIXELS % C] += d * d / (BATCH * PIXELS);
    }
    /* evaluation uses the running statistics and leaves them alone */
    check_norm(&r, RB_VARIANT_EVAL, x, before[0], before[1]);
    for (int k = 0; k < 2; k++) rig_get(&r, running[k], after[k]);
    assert_memory_equal(before, after, sizeof before);
    /* training uses the batch's; the running ones move a tenth of the way, to the unbiased variance */
    check_norm(&r, RB_VARIANT_TRAIN, x, mean, var);
    for (int k = 0; k < 2; k++) rig_get(&r, running[k], after[k]);
    double step = (double)0.1f, unbiased = BATCH * PIXELS / (BATCH * PIXELS - 1.0);
    for (int c = 0; c < C; c++) {
        assert_near(after[0][c], before[0][c] + step * (mean[c] - before[0][c]));
        assert_near(after[1][c], before[1][c] + step * (var[c] * unbiased - before[1][c]));
    }
    rig_close(&r);
}

static void test_batchnorm(void **state) {
    (void)state;
    check_both_modes(0);
    check_both_modes(4096); /* a mean of squares less a squared mean loses seven digits here */
}

/* A tail has its own count; a constant channel gives beta, not a division by zero. */
static void test_batchnorm_tail_and_constant(void **state) {
    (void)state;
    rig r;
    static float x[64 * C * PIXELS];
    open_norm(&r, 0, x);
    for (int i = 0; i < COUNT; i++)
        if (i / PIXELS % C == 1) x[i] = 7;
    rig_put(&r, &r.program->data_x, x);
    double y[COUNT], beta[C], mean = 0, before = rig_peek(&r, &r.program->buffers[0].tensor, 0);
    rb_variant cut;
    const rb_tensor *out = run_until(&r, RB_VARIANT_TRAIN, RB_OP_BATCHNORM, 0, &cut);
    rig_get(&r, out, y);
    rig_get(&r, &r.program->params[1].tensor, beta);
    for (int i = 0; i < COUNT; i++)
        if (i / PIXELS % C == 1) assert_near(y[i], beta[1]);
    rig_poke(&r, &r.program->buffers[0].tensor, 0, before);
    run_until(&r, RB_VARIANT_TRAIN_TAIL, RB_OP_BATCHNORM, 0, &cut);
    int rows = cut.rows;
    assert_int_equal(rows, BATCH - 1);
    for (int n = 0; n < rows; n++)
        for (int i = 0; i < PIXELS; i++) mean += (double)x[n * C * PIXELS + i] / (rows * PIXELS);
    assert_near(rig_peek(&r, &r.program->buffers[0].tensor, 0), before + (double)0.1f * (mean - before));
    rig_close(&r);
}

/* --- dropout ------------------------------------------------------------------------------------------------------ */

enum { FEATURES = 10 }; /* not a multiple of the four words of a draw */
static const rb_layer drop[] = {RB_RELU, RB_DROPOUT(0.3f), RB_DROPOUT(0.6f), RB_LINEAR(2), RB_END};

/* The factors of rows 0 .. rows-1 of an order at a step, of the first or the second dropout layer. */
static void factors_of(int batch, const int32_t *order, int slot, int layer, uint64_t seed, double *out) {
    rb_spec s = spec_of(drop, 1, 2, FEATURES / 2, 2, batch);
    s.x_dtype = RB_F32;
    rig r;
    rig_open(&r, &s, 3);
    rb_variant v = r.program->variant[RB_VARIANT_TRAIN];
    rb_tensor t = r.program->order[RB_FAMILY_TRAIN];
    float ones[64 * FEATURES];
    for (int i = 0; i < 64 * FEATURES; i++) ones[i] = 1;
    rig_put(&r, &r.program->data_x, ones);
    int32_t many[64];
    for (int i = 0; i < 64; i++) many[i] = order[i % batch];
    rig_put(&r, &t, many);
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    rb_tensor head = r.program->head;
    head.offset += offsetof(rb_ctrl_head, seed), head.bytes = sizeof key;
    rig_put(&r, &head, key);
    rig_cursor(&r, RB_FAMILY_TRAIN, slot, 0, 1, 40);
    int at = 0;
    while (!(v.ops[at].kind == RB_OP_DROPOUT && v.ops[at].layer == layer)) at++;
    double *x = test_malloc(sizeof *x * (size_t)(batch * FEATURES));
    for (int i = 0; i < batch * FEATURES; i++) x[i] = 1;
    rig_put(&r, &v.tensors[v.ops[at].in[0]], x);
    v.ops += at, v.n_ops = 1;
    rig_run(&r, &v, 1);
    rig_get(&r, &v.tensors[v.ops[0].out[0]], out);
    test_free(x);
    rig_close(&r);
}

/* Philox4x32-10, written again from the paper's description. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53 * c[0], b = (uint64_t)0xCD9E8D57 * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ c[3] ^ k[1],
                            (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9, k[1] += 0xBB67AE85;
    }
    memcpy(out, c, sizeof c);
}

static void test_masks(void **state) {
    (void)state;
    static const int32_t order[] = {9, 0, 4, 2, 7, 1};
    static const uint64_t seed = 0x123456789ABCDEFull;
    const uint32_t key[2] = {0x89ABCDEF, 0x01234567};
    for (int layer = 1; layer <= 2; layer++)
        for (int slot = 0; slot < 3; slot++) {
            double factor[6 * FEATURES], p = layer == 1 ? (double)0.3f : (double)0.6f;
            int dropped = 0;
            factors_of(6, order, slot, layer, seed, factor);
            for (int i = 0; i < 6 * FEATURES; i++) {
                int e = i % FEATURES;
                uint32_t word[4],
                    counter[4] = {(uint32_t)order[i / FEATURES], (uint32_t)e / 4, 40 + (uint32_t)slot, (uint32_t)layer};
                philox(counter, key, word);
                bool keep = (double)(word[e % 4] >> 8) / 16777216.0 >= p;
                assert_true(keep ? near(factor[i], 1 / (1 - p), 1e-6) : factor[i] == 0);
                dropped += !keep;
            }
            assert_true(dropped > 0 && dropped < 6 * FEATURES);
        }
}

/* The same rows in batches of one, in another order: the same masks. */
static void test_masks_and_batches(void **state) {
    (void)state;
    static const int32_t order[] = {9, 0, 4, 2, 7, 1}, turned[] = {1, 7, 2, 4, 0, 9};
    double whole[6 * FEATURES], other[6 * FEATURES], one[FEATURES];
    factors_of(6, order, 0, 1, 5, whole);
    factors_of(6, turned, 0, 1, 5, other);
    for (int n = 0; n < 6; n++) {
        factors_of(1, order + n, 0, 1, 5, one);
        assert_memory_equal(one, whole + n * FEATURES, sizeof one);
        assert_memory_equal(other + (5 - n) * FEATURES, whole + n * FEATURES, sizeof one);
    }
    /* another step, layer or seed: another mask */
    factors_of(6, order, 1, 1, 5, other);
    assert_true(memcmp(whole, other, sizeof whole) != 0);
    factors_of(6, order, 0, 1, 6, other);
    assert_true(memcmp(whole, other, sizeof whole) != 0);
    factors_of(6, order, 0, 1, 5 + (1ull << 32), other);
    assert_true(memcmp(whole, other, sizeof whole) != 0);
}

/* Rate and mean over many draws: p within five standard deviations, the mean of the factors 1. */
static void test_rate_and_scale(void **state) {
    (void)state;
    static const float rates[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.9f};
    for (int k = 0; k < 6; k++) {
        enum { DRAWS = 400000 };
        double p = (double)rates[k], sum = 0;
        int zeros = 0;
        for (uint32_t i = 0; i < DRAWS / 4; i++) {
            rb_philox4 x = rb_philox(i, 3, 17, 2, 2021, 0);
            for (int j = 0; j < 4; j++) {
                float factor = rb_dropout_factor(x.v[j], rates[k]);
                zeros += factor == 0;
                sum += (double)factor;
            }
        }
        double deviation = sqrt(p * (1 - p) / DRAWS);
        assert_true(fabs((double)zeros / DRAWS - p) < 5 * deviation);
        assert_true(fabs(sum / DRAWS - 1) < 5 * deviation / (1 - p));
    }
    /* the edges of the draw: p itself is kept */
    assert_true(rb_dropout_factor(0x7FFFFFFF, 0.5f) == 0 && rb_dropout_factor(0x80000000, 0.5f) == 2);
    assert_true(rb_dropout_factor(0, 0.25f) == 0 && rb_dropout_factor(0, 0) == 1 && rb_dropout_factor(~0u, 0.9f) > 9);
}

/* Evaluation has no dropout: the list holds no such op, and probability 0 leaves none in training either. */
static void test_absent(void **state) {
    (void)state;
    static const rb_layer none[] = {RB_DROPOUT(0), RB_LINEAR(2), RB_END};
    rb_spec s = spec_of(drop, 1, 2, 5, 2, 3);
    rb_layout layout = rb_layout_canonical();
    for (int k = 0; k < 2; k++) {
        s.layers = k ? none : drop;
        rb_program *p = compiled(&s, &layout);
        for (int kind = 0; kind < RB_VARIANTS; kind++)
            for (int i = 0; i < p->variant[kind].n_ops; i++)
                if (p->variant[kind].ops[i].kind == RB_OP_DROPOUT)
                    assert_true(k == 0 && (kind == RB_VARIANT_TRAIN || kind == RB_VARIANT_TRAIN_TAIL));
        rb_program_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batchnorm),      cmocka_unit_test(test_batchnorm_tail_and_constant),
        cmocka_unit_test(test_masks),          cmocka_unit_test(test_masks_and_batches),
        cmocka_unit_test(test_rate_and_scale), cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
