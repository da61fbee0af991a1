/* test_gradients.c: every gradient of the reference code against central differences in double.
 *
 * Models of one op of interest, a linear layer and cross-entropy, over odd shapes. A difference is taken at two widths:
 * where they disagree there is a kink of a ReLU or a maximum in between, and that coordinate is left out; few may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

static const double TOLERANCE = 1e-6, WIDTH = 1e-5;
enum { COORDINATES = 40 };

typedef struct tally {
    int checked, kinks, nonzero;
} tally;

static double slope(rig *r, rb_variant_kind kind, const rb_tensor *t, int64_t i, double h) {
    double w = rig_peek(r, t, i), high, low;
    rig_poke(r, t, i, w + h);
    high = rig_loss(r, kind);
    rig_poke(r, t, i, w - h);
    low = rig_loss(r, kind);
    rig_poke(r, t, i, w);
    return (high - low) / (2 * h);
}

/* `g` must be d(loss sum)/dt[i] as variant `kind` computes that loss. */
static void check_slope(rig *r, rb_variant_kind kind, const rb_tensor *t, int64_t i, double g, tally *n) {
    double wide = slope(r, kind, t, i, WIDTH), narrow = slope(r, kind, t, i, WIDTH / 2);
    if (!near(wide, narrow, 1e-7)) {
        n->kinks++;
        return;
    }
    n->checked++;
    n->nonzero += fabs(g) > 1e-9;
    if (!near(g, wide, TOLERANCE)) fail_msg("%s[%d]: gradient %.12g, by differences %.12g", t->name, (int)i, g, wide);
}

/* Gradients of all parameters, in a training variant with learning rate 0. */
static void check_params(rig *r, rb_variant_kind kind, stream *s, tally *n) {
    const rb_program *p = r->program;
    for (int q = 0; q < p->n_params; q++) {
        rb_tensor t = p->params[q].tensor, g = t;
        int64_t count = rb_tensor_count(&t);
        g.segment = RB_SEG_GRAD;
        for (int k = 0; k < COORDINATES && k < count; k++) {
            int64_t i = count <= COORDINATES ? k : (int64_t)(stream_next(s) % (uint64_t)count);
            rig_loss(r, kind);
            check_slope(r, kind, &t, i, rig_peek(r, &g, i) * p->variant[kind].rows, n);
        }
    }
}

/* Gradients of the input: the attack's list without its last op, which would move the input. */
static void check_inputs(rig *r, stream *s, tally *n) {
    rb_variant v = r->program->variant[RB_VARIANT_ATTACK];
    const rb_op *last = &v.ops[--v.n_ops];
    assert_int_equal(last->kind, RB_OP_ATTACK);
    const rb_tensor *x = &r->program->input_x, *dx = &v.tensors[last->in[1]];
    int64_t count = rb_tensor_count(x);
    rig_loss(r, RB_VARIANT_ATTACK_INIT);
    for (int k = 0; k < COORDINATES; k++) {
        int64_t i = (int64_t)(stream_next(s) % (uint64_t)count);
        rig_cursor(r, RB_FAMILY_EVAL, 0, 0, 1, 0);
        rig_run(r, &v, 1);
        check_slope(r, RB_VARIANT_ATTACK_EVAL, x, i, rig_peek(r, dx, i) * v.rows, n);
    }
}

enum { F32 = 1, REGRESSION = 2, SOFT = 4, HOT = 8 };

/* All gradients of a model whose last layer is added here. */
static void check_model_of(const rb_layer *layers, int C, int H, int W, int batch, int flags) {
    rb_layer whole[20];
    int length = rb_layer_count(layers);
    memcpy(whole, layers, sizeof *layers * (size_t)length);
    whole[length] = (rb_layer)RB_LINEAR(4);
    whole[length + 1] = (rb_layer)RB_END;
    rb_spec s = spec_of(whole, C, H, W, 4, batch);
    s.attack = true;
    if (flags & F32) s.x_dtype = RB_F32;
    s.regression = flags & REGRESSION, s.soft_labels = flags & SOFT;
    if (flags & HOT) s.temperature = 3;
    rig r;
    stream choice = {(uint64_t)(C + 10 * H + 100 * W + 1000 * batch)};
    tally n = {0};
    rig_open(&r, &s, 7 + (uint64_t)length);
    check_params(&r, RB_VARIANT_TRAIN, &choice, &n);
    if (r.program->variant[RB_VARIANT_TRAIN_TAIL].n_ops) check_params(&r, RB_VARIANT_TRAIN_TAIL, &choice, &n);
    check_inputs(&r, &choice, &n);
    rig_close(&r);
    if (n.kinks * 20 > n.checked || n.nonzero * 3 < n.checked)
        fail_msg("%d checked, of which %d not zero; %d kinks", n.checked, n.nonzero, n.kinks);
}
#define CHECK(C, H, W, batch, ...) check_model_of((const rb_layer[]){__VA_ARGS__, RB_END}, C, H, W, batch, 0)

static void test_linear(void **state) {
    (void)state;
    CHECK(1, 1, 1, 1, RB_LINEAR(1));
    CHECK(2, 3, 5, 7, RB_LINEAR(6));
    CHECK(1, 5, 7, 3, RB_LINEAR(5, .no_bias = true), RB_LINEAR(3));
    check_model_of((const rb_layer[]){RB_LINEAR(9), RB_END}, 3, 2, 2, 3, F32);
    CHECK(5, 15, 15, 2, RB_LINEAR(3)); /* 1125 inputs: more than one chunk of sums */
}

static void test_conv(void **state) {
    (void)state;
    static const int side[][2] = {{1, 1}, {5, 7}, {7, 5}, {2, 2}, {4, 9}};
    int done = 0;
    for (int i = 0; i < (int)(sizeof side / sizeof side[0]); i++)
        for (int kernel = 1; kernel <= 5; kernel += kernel == 3 ? 2 : 1)
            for (int stride = 1; stride <= 3; stride++)
                for (int pad = 0; pad < kernel && pad <= 2; pad++) {
                    int H = side[i][0], W = side[i][1];
                    if (H + 2 * pad < kernel || W + 2 * pad < kernel) continue;
                    if (stride == 3 && (kernel != 3 || i > 2)) continue;
                    CHECK(2, H, W, 3, RB_CONV(3, .kernel = kernel, .stride = stride, .pad = pad));
                    done++;
                }
    assert_true(done >= 60);
    CHECK(1, 5, 7, 1, RB_CONV(1, .kernel = 3, .pad = 1, .no_bias = true));
    CHECK(3, 6, 6, 7, RB_CONV(2, .kernel = 3), RB_SIGMOID, RB_CONV(4, .kernel = 2, .stride = 2));
}

static void test_pools(void **state) {
    (void)state;
    for (int max = 0; max < 2; max++)
        for (int kernel = 1; kernel <= 3; kernel++)
            for (int stride = 1; stride <= 3; stride++)
                for (int batch = 1; batch <= 3; batch += 2) {
                    rb_layer pool = {
                        .kind = max ? RB_LAYER_MAXPOOL : RB_LAYER_AVGPOOL, .kernel = kernel, .stride = stride};
                    CHECK(2, 5, 7, batch, RB_CONV(3, .kernel = 2, .pad = 1), pool);
                }
    CHECK(1, 7, 5, 3, RB_CONV(2, .kernel = 1), RB_MAXPOOL(2), RB_AVGPOOL(2));
}

static void test_activations(void **state) {
    (void)state;
    CHECK(1, 3, 3, 7, RB_LINEAR(9), RB_SIGMOID);
    CHECK(1, 3, 3, 7, RB_LINEAR(9), RB_RELU);
    CHECK(1, 3, 3, 7, RB_LINEAR(9), RB_LEAKY_RELU(0.2f));
    CHECK(2, 3, 3, 3, RB_SIGMOID, RB_CONV(2, .kernel = 2), RB_RELU, RB_LINEAR(7), RB_LEAKY_RELU(0.01f));
}

static void test_residual(void **state) {
    (void)state;
    /* the identity as shortcut: two gradients meet at "in" */
    CHECK(2, 4, 5, 3, RB_CONV(3, .kernel = 3, .pad = 1), RB_RELU_TAG("in"), RB_CONV(3, .kernel = 3, .pad = 1),
          RB_SIGMOID, RB_CONV(3, .kernel = 3, .pad = 1, .no_bias = true), RB_ADD("in"), RB_RELU);
    /* a convolution as shortcut, main path first */
    CHECK(2, 5, 5, 3, RB_CONV(3, .kernel = 1), RB_SIGMOID, RB_CONV(3, .kernel = 1, .tag = "in"),
          RB_CONV(4, .kernel = 3, .pad = 1, .stride = 2), RB_RELU, RB_CONV(4, .kernel = 3, .pad = 1, .tag = "main"),
          RB_CONV(4, .kernel = 1, .stride = 2, .from = "in"), RB_ADD("main"), RB_RELU);
    /* every gradient op as the second writer, which adds */
    rb_layer add = RB_ADD("in");
    static const rb_layer branch[] = {RB_LINEAR(6), RB_SIGMOID, RB_RELU, RB_LEAKY_RELU(0.3f)};
    for (int i = 0; i < 4; i++) CHECK(1, 2, 3, 3, RB_LINEAR(6, .tag = "in"), branch[i], add);
    static const rb_layer window[] = {{.kind = RB_LAYER_MAXPOOL, .kernel = 1, .stride = 1},
                                      {.kind = RB_LAYER_AVGPOOL, .kernel = 1, .stride = 1},
                                      RB_CONV(2, .kernel = 3, .pad = 1)};
    for (int i = 0; i < 3; i++) CHECK(1, 3, 4, 3, RB_CONV(2, .kernel = 1, .tag = "in"), window[i], add);
    /* overlapping windows on both paths */
    CHECK(1, 4, 5, 2, RB_CONV(2, .kernel = 1, .tag = "in"), RB_MAXPOOL(3, .stride = 1, .tag = "max"),
          RB_AVGPOOL(3, .stride = 1, .from = "in"), RB_ADD("max"));
    /* a value added to itself: both writers are copies */
    CHECK(1, 2, 3, 3, RB_LINEAR(6, .tag = "in"), RB_ADD("in"));
}

static void test_batchnorm(void **state) {
    (void)state;
    for (int batch = 2; batch <= 7; batch += 5) {
        CHECK(1, 3, 3, batch + 1, RB_LINEAR(6), RB_BATCHNORM, RB_SIGMOID); /* two rows alone become -1 and 1 */
        CHECK(2, 3, 5, batch, RB_CONV(3, .kernel = 2), RB_BATCHNORM, RB_RELU, RB_CONV(2, .kernel = 2), RB_BATCHNORM);
    }
    CHECK(3, 2, 3, 5, RB_BATCHNORM, RB_LINEAR(5), RB_RELU, RB_BATCHNORM, RB_LINEAR(6), RB_BATCHNORM,
          RB_LEAKY_RELU(0.1f));
    CHECK(2, 4, 4, 1, RB_CONV(3, .kernel = 3, .no_bias = true), RB_BATCHNORM); /* one row of four pixels */
    /* as the second writer of a gradient, which adds; in a residual block of each kind */
    CHECK(1, 2, 3, 5, RB_LINEAR(6, .tag = "in"), RB_BATCHNORM, RB_ADD("in"));
    CHECK(2, 4, 5, 3, RB_CONV(3, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU_TAG("in"),
          RB_CONV(3, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU,
          RB_CONV(3, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_ADD("in"), RB_RELU_TAG("block"),
          RB_CONV(4, .kernel = 3, .pad = 1, .stride = 2, .no_bias = true), RB_BATCHNORM_TAG("main"),
          RB_CONV(4, .kernel = 1, .stride = 2, .no_bias = true, .from = "block"), RB_BATCHNORM, RB_ADD("main"),
          RB_RELU);
}

static void test_dropout(void **state) {
    (void)state;
    CHECK(1, 3, 5, 5, RB_LINEAR(17), RB_DROPOUT(0.3f), RB_SIGMOID);
    CHECK(2, 4, 3, 3, RB_DROPOUT(0.2f), RB_CONV(3, .kernel = 2), RB_DROPOUT(0.5f), RB_RELU);
    CHECK(1, 2, 3, 4, RB_LINEAR(6, .tag = "in"), RB_DROPOUT(0.4f), RB_ADD("in"));
}

static void test_losses(void **state) {
    (void)state;
    const rb_layer *layers = (const rb_layer[]){RB_LINEAR(9), RB_LEAKY_RELU(0.01f), RB_END};
    check_model_of(layers, 1, 3, 2, 5, F32 | REGRESSION);
    check_model_of(layers, 2, 1, 1, 1, REGRESSION);
    check_model_of(layers, 1, 3, 2, 5, SOFT);
    check_model_of(layers, 1, 3, 2, 5, HOT);
    check_model_of(layers, 2, 3, 1, 4, SOFT | HOT);
}

static void test_near_refuses(void **state) {
    (void)state;
    assert_true(near(1, 1 + 5e-7, 1e-6) && near(0, 9e-7, 1e-6) && near(2e6, 2e6 + 1, 1e-6));
    assert_false(near(1, 1.1, 1e-6) || near(0, 2e-6, 1e-6) || near(-1, 1, 1e-6));
    assert_false(near(NAN, NAN, 1) || near(1, NAN, 1) || near(NAN, 1, 1));
    assert_false(near(INFINITY, INFINITY, 1) || near(1, INFINITY, 1) || near(-INFINITY, 1, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_refuses), cmocka_unit_test(test_linear),      cmocka_unit_test(test_conv),
        cmocka_unit_test(test_pools),        cmocka_unit_test(test_activations), cmocka_unit_test(test_residual),
        cmocka_unit_test(test_batchnorm),    cmocka_unit_test(test_dropout),     cmocka_unit_test(test_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
