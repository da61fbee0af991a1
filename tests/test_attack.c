/* test_attack.c: attacks by hand, their bounds, the same on every device, PyTorch's figures; refusals. With
 * REGBENCH_QUICK=1 (mutations, sanitizers) neither OpenCL nor PyTorch's figures. */
#include "attack_rig.h"

static const rb_layer linear[] = {RB_LINEAR(10), RB_END};
static const rb_layer cnn[] = {RB_CONV(8, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_LINEAR(10), RB_END};

/* A linear model: the gradient of the loss is w' (softmax(z) - onehot), whose sign decides each pixel. */
static void one_step_by_hand(void **state) {
    (void)state;
    static float images[TEST * VALUES], w[10 * VALUES], b[10];
    static int32_t pred[TEST];
    const double eps = 8;
    rb_case c = attacked(linear);
    for (int d = 0; d < DEVICES; d++) {
        rig r;
        if (!open_rig(&r, devices[d], &c, false)) continue;
        assert_ok(rb_trainer_get_param(r.t, 0, w));
        assert_ok(rb_trainer_get_param(r.t, 1, b));
        rb_attack_result result = attack(&r, eps, eps, 1, &(rb_attack_outputs){.pred = pred, .images = images});
        double loss = 0, linf = 0, l2 = 0;
        int correct = 0, near_zero = 0;
        for (int i = 0; i < TEST; i++) {
            const unsigned char *x = r.s->x[TRAIN + i];
            int label = r.s->labels[TRAIN + i], best = 0;
            double z[10], after[10], sum = 0, sum_after = 0, most = 0, squares = 0;
            for (int k = 0; k < 10; k++) {
                z[k] = after[k] = (double)b[k];
                for (int p = 0; p < VALUES; p++) z[k] += (double)w[k * VALUES + p] * (2 * x[p] / 255.0 - 1);
                sum += exp(z[k]);
            }
            for (int p = 0; p < VALUES; p++) {
                double g = 0, size = 0;
                for (int k = 0; k < 10; k++) {
                    double part = (exp(z[k]) / sum - (k == label)) * (double)w[k * VALUES + p];
                    g += part, size += fabs(part);
                }
                double moved = x[p] / 255.0 + (g > 0 ? 1 : g < 0 ? -1 : 0) * eps / 255;
                moved = moved < 0 ? 0 : moved > 1 ? 1 : moved;
                double got = (double)images[i * VALUES + p];
                if (fabs(g) < 1e-5 * size)
                    near_zero++; /* its sign is rounding */
                else if (!near_golden(got, moved, 1e-5))
                    fail_msg("%s: image %d pixel %d is %g, by hand %g", devices[d], i, p, got, moved);
                double change = fabs(got - x[p] / 255.0);
                most = change > most ? change : most;
                squares += change * change;
                for (int k = 0; k < 10; k++) after[k] += (double)w[k * VALUES + p] * (2 * got - 1);
            }
            for (int k = 0; k < 10; k++) {
                sum_after += exp(after[k]);
                if (after[k] > after[best]) best = k;
            }
            loss += log(sum_after) - after[label], correct += best == label;
            linf += 255 * most, l2 += sqrt(squares);
            assert_int_equal(pred[i], best);
        }
        assert_true(near_zero < 20);
        assert_true(near_golden(result.loss, loss / TEST, 1e-5));
        assert_true(near_golden(result.accuracy, (double)correct / TEST, 1e-9));
        assert_true(near_golden(result.linf, linf / TEST, 1e-5) && near_golden(result.l2, l2 / TEST, 1e-5));
        assert_true(result.linf > 7.9);
        close_rig(&r);
    }
}

static void stays_within(const float *images, const rig *r, double eps, int *at_bound) {
    *at_bound = 0;
    for (int i = 0; i < TEST; i++)
        for (int p = 0; p < VALUES; p++) {
            double x = (double)images[i * VALUES + p], change = fabs(x - r->s->x[TRAIN + i][p] / 255.0);
            if (!(change <= eps / 255 + 1e-6) || !(x >= -1e-6 && x <= 1 + 1e-6))
                fail_msg("image %d pixel %d is %g, %g from where it was", i, p, x, change);
            *at_bound += change > eps / 255 - 1e-6;
        }
}

static void bounds(void **state) {
    (void)state;
    static float images[TEST * VALUES], once[TEST * VALUES];
    rb_case c = attacked(mlp);
    for (int d = 0; d < DEVICES; d++) {
        rig r;
        int at_bound;
        if (!open_rig(&r, devices[d], &c, true)) continue;
        /* ten steps of a quarter go further than the ball and come back */
        attack(&r, 12, 3, 10, &(rb_attack_outputs){.images = images});
        stays_within(images, &r, 12, &at_bound);
        assert_true(at_bound > TEST * VALUES / 2);
        /* a step further than the ball ends where a step to its edge does */
        attack(&r, 12, 12, 1, &(rb_attack_outputs){.images = images});
        attack(&r, 12, 200, 1, &(rb_attack_outputs){.images = once});
        assert_memory_equal(images, once, sizeof images);
        /* two steps in one go are two steps */
        rb_attack_result two = attack(&r, 12, 3, 2, &(rb_attack_outputs){.images = images});
        assert_true(two.linf > 5.9 && two.linf < 6.1);
        /* nothing but pixels is left at the end of the range */
        attack(&r, 255, 255, 1, &(rb_attack_outputs){.images = images});
        stays_within(images, &r, 255, &at_bound);
        close_rig(&r);
    }
}

static void nothing_is_clean(void **state) {
    (void)state;
    static float images[TEST * VALUES];
    static int32_t clean[TEST], pred[TEST];
    const rb_layer *const nets[] = {mlp, cnn};
    for (int d = 0; d < DEVICES; d++)
        for (int k = 0; k < 2; k++) {
            rb_case c = attacked(nets[k]);
            rig r;
            double loss, accuracy;
            if (!open_rig(&r, devices[d], &c, true)) continue;
            assert_ok(rb_trainer_eval(r.t, RB_SPLIT_TEST, 0, &loss, &accuracy, clean));
            rb_attack_result zero = attack(&r, 0, 0, 10, &(rb_attack_outputs){.pred = pred, .images = images});
            assert_true(zero.loss == loss && zero.accuracy == accuracy && zero.linf == 0 && zero.l2 == 0);
            assert_memory_equal(clean, pred, sizeof pred);
            for (int i = 0; i < TEST * VALUES; i++)
                assert_true(fabs((double)images[i] * 255 - r.s->x[TRAIN + i / VALUES][i % VALUES]) < 1e-4);
            /* and training goes on as if nobody had attacked */
            rb_attack_result hard = attack(&r, 8, 8, 1, NULL);
            assert_true(hard.loss > loss);
            rb_attack_result again = attack(&r, 0, 0, 0, NULL);
            assert_true(again.loss == loss);
            close_rig(&r);
        }
}

/* The first rows of a split alone, and images that are given. */
static void parts_of_a_split(void **state) {
    (void)state;
    static float images[TEST * VALUES], scores[TEST * 10], more[TEST * 10];
    rb_case c = attacked(cnn);
    for (int d = 0; d < DEVICES; d++) {
        rig r;
        rb_attack_result all, few, given;
        if (!open_rig(&r, devices[d], &c, true)) continue;
        all = attack(&r, 4, 4, 1, &(rb_attack_outputs){.images = images, .scores = scores});
        assert_ok(rb_attack(r.t, RB_SPLIT_TEST, 33, &(rb_attack_strength){4, 4, 1},
                            &(rb_attack_outputs){.scores = more}, &few));
        assert_int_equal(few.rows, 33);
        for (int i = 0; i < 33 * 10; i++) assert_true(near_golden((double)more[i], (double)scores[i], 1e-4));
        assert_ok(rb_attack_images(r.t, RB_SPLIT_TEST, TEST, images, &(rb_attack_outputs){.scores = more}, &given));
        assert_true(near_golden(given.loss, all.loss, 1e-5) && near_golden(given.l2, all.l2, 1e-3));
        close_rig(&r);
    }
}

static void devices_agree(void **state) {
    (void)state;
    static float images[DEVICES][TEST * VALUES];
    static int32_t pred[DEVICES][TEST];
    rb_attack_result result[DEVICES];
    rb_case c = attacked(cnn);
    bool there[DEVICES];
    for (int d = 0; d < DEVICES; d++) {
        rig r;
        there[d] = open_rig(&r, devices[d], &c, false);
        if (!there[d]) continue;
        result[d] = attack(&r, 8, 2, 5, &(rb_attack_outputs){.pred = pred[d], .images = images[d]});
        close_rig(&r);
    }
    for (int d = 1; d < DEVICES; d++) {
        int others = 0;
        if (!there[d]) continue;
        assert_memory_equal(pred[0], pred[d], sizeof pred[0]);
        assert_true(near_golden(result[d].loss, result[0].loss, 1e-4));
        for (int i = 0; i < TEST * VALUES; i++) others += fabs((double)(images[d][i] - images[0][i])) > 1e-6;
        if (others * 1000 > TEST * VALUES) /* a sign that is rounding */
            fail_msg("%s: %d of %d pixels are others than the reference's", devices[d], others, TEST * VALUES);
    }
}

static int count_ops(const rb_variant *v, int first, int end, rb_op_kind kind) {
    int n = 0;
    for (int i = first; i < end; i++) n += v->ops[i].kind == kind;
    return n;
}

/* Neither dropout nor a gradient of weights before the batch is what the adversary leaves; none in an attack at all. */
static void attacks_need_little(void **state) {
    (void)state;
    static const rb_layer drop[] = {RB_LINEAR(40), RB_RELU, RB_DROPOUT(0.5f), RB_LINEAR(10), RB_END};
    rb_case c = attacked(drop);
    rig r;
    c.adversary = (rb_adversary){.steps = 3, .eps = 1, .step = 1};
    assert_true(open_rig(&r, "reference", &c, false));
    const rb_program *p = rb_trainer_program(r.t);
    for (int k = 0; k < 2; k++) {
        const rb_variant *v = &p->variant[k ? RB_VARIANT_TRAIN_TAIL : RB_VARIANT_TRAIN];
        int last = 0;
        for (int i = 0; i < v->n_ops; i++)
            if (v->ops[i].kind == RB_OP_ATTACK) last = i;
        assert_int_equal(count_ops(v, 0, v->n_ops, RB_OP_ATTACK), 3);
        assert_int_equal(count_ops(v, 0, last, RB_OP_LINEAR_DX), 6);
        assert_int_equal(count_ops(v, 0, last, RB_OP_DROPOUT) + count_ops(v, 0, last, RB_OP_LINEAR_DW), 0);
        assert_int_equal(count_ops(v, last, v->n_ops, RB_OP_DROPOUT), 1);
        assert_int_equal(count_ops(v, last, v->n_ops, RB_OP_LINEAR_DW), 2);
        assert_int_equal(count_ops(v, last, v->n_ops, RB_OP_LINEAR_DX), 1);
    }
    const rb_variant *v = &p->variant[RB_VARIANT_ATTACK];
    assert_int_equal(count_ops(v, 0, v->n_ops, RB_OP_DROPOUT) + count_ops(v, 0, v->n_ops, RB_OP_LINEAR_DW), 0);
    close_rig(&r);
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static void refused(const rb_case *c, const rb_dataset *data, const char *word) {
    rb_spec spec;
    assert_int_equal(rb_case_spec(c, data, &spec), RB_USAGE);
    if (!strstr(rb_error_last()->text, word)) fail_msg("no \"%s\" in \"%s\"", word, rb_error_last()->text);
    rb_error_clear();
}

static void refusals(void **state) {
    (void)state;
    rb_case good = attacked(mlp), c = good;
    rig r;
    rb_spec spec;
    rb_attack_result result;
    assert_true(open_rig(&r, "reference", &good, false));
    rb_dataset *data = &r.s->data, made = *data;
    assert_ok(rb_case_spec(&good, data, &spec));
    c.attack.eps[0] = -1, refused(&c, data, "from 0 to 255, not -1");
    c.attack.eps[0] = NAN, refused(&c, data, "from 0 to 255");
    c = good, c.attack.n_eps = 0, refused(&c, data, "values of eps");
    c = good, c.attack.steps = -3, refused(&c, data, "steps");
    c = good, c.label_noise = 0.5f, refused(&c, data, "label noise 0.5");
    c = good, c.adversary = (rb_adversary){.steps = 99, .eps = 1, .step = 1}, refused(&c, data, "up to 16 steps");
    c = good, c.adversary = (rb_adversary){.steps = 1, .eps = -2, .step = 1}, refused(&c, data, "eps -2");
    c = good, c.temperature = -1, refused(&c, data, "temperature");
    made.regression = true;
    refused(&good, &made, "no classes");
    made.regression = false, made.x_dtype = RB_F32;
    refused(&good, &made, "no pixels");
    assert_int_equal(rb_attack(r.t, RB_SPLIT_TEST, 0, &(rb_attack_strength){-1, 1, 1}, NULL, &result), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "negative"));
    rb_error_clear();
    close_rig(&r);
    c = good, c.attack.kind = RB_ATTACK_NONE;
    assert_true(open_rig(&r, "reference", &c, false));
    assert_int_equal(rb_attack(r.t, RB_SPLIT_TEST, 0, &(rb_attack_strength){1, 1, 1}, NULL, &result), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "not one that is attacked"));
    rb_error_clear();
    close_rig(&r);
}

static void overrides(void **state) {
    (void)state;
    static rb_case_edit e;
    rb_case c = attacked(mlp), plain = c;
    plain.attack.kind = RB_ATTACK_NONE;
    assert_ok(rb_case_edit_begin(&e, &c));
    assert_ok(rb_case_edit_set(&e, "attack.eps", "2.5"));
    assert_int_equal(e.c.attack.n_eps, 1);
    assert_true((double)e.c.attack.eps[0] == 2.5);
    static const char *const bad[] = {"-1", "", "1,2", "x", "256"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(rb_case_edit_set(&e, "attack.eps", bad[i]), RB_USAGE);
        rb_error_clear();
    }
    assert_ok(rb_case_edit_begin(&e, &plain));
    assert_int_equal(rb_case_edit_set(&e, "attack.eps", "1"), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "not attacked"));
    rb_error_clear();
}

/* --- PyTorch's figures: goldens/attacks.csv, made by attacks.py --------------------------------------------------- */

static void pytorch(const char *selector) {
    rb_csv csv;
    const rb_case *found;
    rb_device_id id = found_device(selector);
    rb_device *device;
    if (getenv("REGBENCH_QUICK")) {
        print_message("left out by REGBENCH_QUICK\n");
        skip();
    }
    rb_dataset *data = golden_data("animals");
    if (!data || !golden_files(data)) skip();
    assert_ok(rb_csv_read(TEST_FOLDER "/goldens/attacks.csv", &csv));
    assert_ok(rb_case_find("animals/lr-0.001", &found));
    assert_ok(id.backend->open(id.index, NULL, &device));
    int rows = 0;
    for (int from = 0, to; from < csv.n_rows; from = to) { /* a model: one seed, so many steps */
        rb_case c = *found;
        rb_trainer *t;
        rb_run_result run;
        double seed = golden_number(&csv, from, "seed"), steps = golden_number(&csv, from, "steps");
        for (to = from;
             to < csv.n_rows && golden_number(&csv, to, "seed") == seed && golden_number(&csv, to, "steps") == steps;)
            to++;
        c.attack = (rb_attack_sweep){.kind = RB_ATTACK_PGD, .n_eps = 1};
        assert_ok(rb_trainer_new(id.backend, device, &c, data, (uint64_t)seed, &t));
        rb_run_options options = {.seed = (uint64_t)seed, .max_steps = (int64_t)steps, .no_eval = true};
        if (steps > 0) assert_ok(rb_train(t, &options, &run));
        for (int k = from; k < to; k++) {
            bool pgd = strcmp(rb_csv_get(&csv, k, "attack"), "pgd") == 0;
            double eps = golden_number(&csv, k, "eps_255");
            rb_attack_result got;
            assert_ok(rb_attack(t, RB_SPLIT_VALID, 0, &(rb_attack_strength){eps, pgd ? eps / 4 : eps, pgd ? 10 : 1},
                                NULL, &got));
            /* float against double: the loss to 1e-4, of 100 images none on the edge but one */
            if (!near_golden(got.loss, golden_number(&csv, k, "loss"), 1e-4) ||
                fabs(got.accuracy - golden_number(&csv, k, "accuracy")) > 0.0101 ||
                !near_golden(got.linf, golden_number(&csv, k, "linf_255"), 1e-3) ||
                !near_golden(got.l2, golden_number(&csv, k, "l2"), 1e-3))
                fail_msg(
                    "%s, seed %g, %g steps, %s, eps %g: loss %.9g accuracy %.4f linf %g l2 %g, PyTorch %s %s %s %s",
                    selector, seed, steps, pgd ? "pgd" : "fgsm", eps, got.loss, got.accuracy, got.linf, got.l2,
                    rb_csv_get(&csv, k, "loss"), rb_csv_get(&csv, k, "accuracy"), rb_csv_get(&csv, k, "linf_255"),
                    rb_csv_get(&csv, k, "l2"));
            rows++;
        }
        rb_trainer_free(t);
    }
    assert_int_equal(rows, 72);
    id.backend->close(device);
    rb_csv_free(&csv);
}

static void pytorch_reference(void **state) {
    (void)state;
    pytorch("reference");
}

static void pytorch_cpu(void **state) {
    (void)state;
    pytorch("cpu");
}

static void pytorch_opencl(void **state) {
    (void)state;
    pytorch("opencl");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_by_hand), cmocka_unit_test(bounds),        cmocka_unit_test(nothing_is_clean),
        cmocka_unit_test(parts_of_a_split), cmocka_unit_test(devices_agree), cmocka_unit_test(attacks_need_little),
        cmocka_unit_test(refusals),         cmocka_unit_test(overrides),     cmocka_unit_test(pytorch_reference),
        cmocka_unit_test(pytorch_cpu),      cmocka_unit_test(pytorch_opencl)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_data(NULL);
    return failed;
}
