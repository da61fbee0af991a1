/* test_loss.c: the reference code of the losses against scalar loops written here; huge logits. */
#include "reference_rig.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean_squared_error), cmocka_unit_test(test_soft_labels),
                                       cmocka_unit_test(test_huge_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
