/* test_reference.c: the reference code of gather, copies and cursors against scalar loops written here; missing rows,
 * saturation, NaN, conventions. Losses are in test_loss.c, updates in test_update.c, batch norm and dropout in
 * test_layers.c, gradients in test_gradients.c. */
#include "reference_rig.h"

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

/* --- values at the edge ----------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(test_gather_and_copy),      cmocka_unit_test(test_steps_and_tail),
        cmocka_unit_test(test_missing_rows),         cmocka_unit_test(test_no_row_at_all),
        cmocka_unit_test(test_snapshot_and_restore), cmocka_unit_test(test_saturated_sigmoid),
        cmocka_unit_test(test_nan_is_seen),          cmocka_unit_test(test_conventions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
