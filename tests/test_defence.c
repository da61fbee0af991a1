/* test_defence.c: adversarial training, distillation, feature squeezing. With REGBENCH_QUICK=1 not on OpenCL. */
#include "attack_rig.h"

/* Training on FGSM's examples makes FGSM harder, and is a training step like any other: no attack is compiled for it.
 */
static void adversarial_training(void **state) {
    (void)state;
    double param[DEVICES] = {0};
    for (int d = 0; d < DEVICES; d++) {
        double loss[3];
        for (int trained = 0; trained < 3; trained++) { /* plainly; on an adversary that does nothing; on FGSM */
            rb_case c = attacked(mlp);
            rig r;
            if (trained) c.adversary = (rb_adversary){.steps = 2, .eps = trained > 1 ? 48 : 0, .step = 24};
            c.epochs = 20;
            if (!open_rig(&r, devices[d], &c, true)) break;
            rb_attack_result result;
            assert_ok(rb_attack(r.t, RB_SPLIT_TRAIN, 0, &(rb_attack_strength){48, 24, 2}, NULL, &result));
            loss[trained] = result.loss;
            if (trained == 2) assert_ok(rb_trainer_param_l2(r.t, &param[d]));
            close_rig(&r);
            if (trained == 1) assert_true(near_golden(loss[1], loss[0], 1e-2));
            if (trained == 2) assert_true(loss[2] < 0.7 * loss[0]);
        }
        if (param[d] > 0 && d) assert_true(near_golden(param[d], param[0], 1e-2));
    }
}

/* The student's soft labels are the teacher's softmax(z/T); it comes to say what the teacher says. */
static void distillation(void **state) {
    (void)state;
    enum { TAUGHT = 60 };
    static float soft[(TRAIN + TEST) * 10];
    for (int d = 0; d < DEVICES; d++) {
        rb_case c = attacked(mlp);
        rig r;
        double accuracy, loss;
        c.n_train = TAUGHT, c.n_valid = 20;
        c.temperature = 5, c.distill = true, c.epochs = 30, c.lr = 0.25f;
        if (!open_rig(&r, devices[d], &c, false)) continue;
        const rb_program *p = rb_trainer_program(r.t);
        assert_ok(rb_tensor_get(r.o.backend, rb_trainer_store(r.t), p, &p->soft, soft));
        for (int i = 0; i < (TRAIN + TEST) * 10; i++) /* until there is a teacher: the labels */
            assert_true((double)soft[i] == (i % 10 == r.s->labels[i / 10]));
        assert_ok(rb_distill(r.t, 3, NULL, &accuracy));
        assert_ok(rb_tensor_get(r.o.backend, rb_trainer_store(r.t), p, &p->soft, soft));
        bool taught[TRAIN + TEST] = {false};
        const int32_t *rows = rb_trainer_split(r.t, RB_SPLIT_TRAIN);
        int right = 0;
        for (int i = 0; i < TAUGHT; i++) taught[rows[i]] = true;
        for (int i = 0; i < TRAIN + TEST; i++) {
            double sum = 0, own = (double)soft[i * 10 + r.s->labels[i]];
            for (int k = 0; k < 10; k++) sum += (double)soft[i * 10 + k];
            assert_true(near_golden(sum, 1, 1e-5));
            assert_true(taught[i] == (own < 1)); /* nobody asked the teacher about the others */
            right += taught[i] && own > 0.5;
        }
        assert_true(right > TAUGHT * 3 / 4);
        rb_run_result result;
        assert_ok(rb_train(r.t, &(rb_run_options){.seed = 3}, &result));
        assert_ok(rb_trainer_eval(r.t, RB_SPLIT_TRAIN, 0, &loss, &accuracy, NULL));
        assert_true(accuracy > 0.75);
        close_rig(&r);
    }
}

/* --- feature squeezing -------------------------------------------------------------------------------------------- */

static void squeezers(void **state) {
    (void)state;
    float bits[] = {0, 1, 0.5f, 0.49f, 0.17f, 0.16f};
    rb_squeeze_bits(bits, 6, 1);
    const float two[] = {0, 1, 0, 0, 0, 0}; /* 0.5 to the even level */
    for (int i = 0; i < 6; i++) assert_true((double)bits[i] == (double)two[i]);
    bits[3] = 0.49f, bits[4] = 0.17f, bits[5] = 0.16f;
    rb_squeeze_bits(bits + 3, 3, 2); /* levels 0, 1/3, 2/3, 1 */
    assert_true(near_golden((double)bits[3], 1.0 / 3, 1e-6) && near_golden((double)bits[4], 1.0 / 3, 1e-6));
    assert_true((double)bits[5] == 0);
    /* scipy.ndimage.median_filter(x, 2, mode="reflect") of two planes */
    const float x[] = {1, 9, 2, 8, 3, 7, /**/ 5, 5, 0, 0, 1, 6};
    const float expected[] = {1, 9, 9, 8, 8, 7, /**/ 5, 5, 5, 5, 5, 5};
    float y[12];
    rb_squeeze_median(x, y, 2, 2, 3);
    for (int i = 0; i < 12; i++)
        if ((double)y[i] != (double)expected[i]) fail_msg("median %d is %g", i, (double)y[i]);
    const float a[] = {0, 0}, b[] = {(float)log(3), 0}; /* 1/2 1/2 and 3/4 1/4 */
    assert_true(near_golden(rb_softmax_distance(a, b, 2), 0.5, 1e-6));
    float p[2];
    rb_softmax(b, 2, 2, p); /* sqrt(3) : 1 */
    assert_true(near_golden((double)p[0], sqrt(3) / (1 + sqrt(3)), 1e-6));
    const float huge[] = {1e6f, 0};
    assert_true(rb_softmax_distance(huge, huge, 2) == 0);
}

static void detector(void **state) {
    (void)state;
    float d[40], threshold;
    for (int i = 0; i < 40; i++) d[i] = (float)((i * 17) % 40); /* 0 .. 39 in disorder */
    assert_ok(rb_detector_threshold(d, 40, 0.05, &threshold));
    assert_true((double)threshold == 37); /* two of forty lie above */
    assert_ok(rb_detector_threshold(d, 40, 0, &threshold));
    assert_true((double)threshold == 39);
    assert_ok(rb_detector_threshold(d, 40, 1, &threshold));
    assert_true((double)threshold == 0);
    assert_int_equal(rb_detector_threshold(d, 0, 0.05, &threshold), RB_USAGE);
    rb_error_clear();
    bool chosen[40];
    int64_t n;
    for (int i = 0; i < 40; i++) chosen[i] = (double)d[i] >= 30;
    assert_true(near_golden(rb_detector_rate(d, 40, 37, NULL, &n), 2.0 / 40, 1e-9) && n == 40);
    assert_true(near_golden(rb_detector_rate(d, 40, 37, chosen, &n), 2.0 / 10, 1e-9) && n == 10);
    assert_true(isnan(rb_detector_rate(d, 0, 37, NULL, &n)));
}

/* The larger of what either squeezer changes. */
static void squeeze_score(void **state) {
    (void)state;
    static float images[TEST * VALUES], other[TEST * VALUES], scores[TEST * 10], answer[TEST * 10], distance[TEST];
    rb_case c = attacked(mlp);
    rig r;
    assert_true(open_rig(&r, "cpu", &c, true));
    attack(&r, 6, 6, 1, &(rb_attack_outputs){.scores = scores, .images = images});
    assert_ok(rb_squeeze_score(r.t, RB_SPLIT_TEST, TEST, images, scores, distance));
    int of_first = 0;
    double expected[TEST] = {0};
    for (int k = 0; k < 2; k++) {
        rb_attack_result result;
        memcpy(other, images, sizeof other);
        if (k == 0)
            rb_squeeze_bits(other, TEST * VALUES, RB_SQUEEZE_BITS);
        else
            rb_squeeze_median(images, other, TEST, 28, 28);
        assert_ok(rb_attack_images(r.t, RB_SPLIT_TEST, TEST, other, &(rb_attack_outputs){.scores = answer}, &result));
        for (int i = 0; i < TEST; i++) {
            double moved = rb_softmax_distance(scores + 10 * i, answer + 10 * i, 10);
            of_first += k && moved < expected[i];
            expected[i] = moved > expected[i] ? moved : expected[i];
        }
    }
    for (int i = 0; i < TEST; i++) assert_true(near_golden((double)distance[i], expected[i], 1e-5));
    assert_true(of_first < TEST);
    close_rig(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(adversarial_training), cmocka_unit_test(distillation),
                                       cmocka_unit_test(squeezers), cmocka_unit_test(detector),
                                       cmocka_unit_test(squeeze_score)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
