/* test_update.c: the reference code of SGD, momentum, weight decay, L1, L2, norms and Adam against scalar loops written
 * here. */
#include "reference_rig.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_update), cmocka_unit_test(test_adam)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
