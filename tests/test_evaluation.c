/* test_evaluation.c: evaluation passes: of any batch, of two splits at once, within windows of epochs, and their time.
 */
#include "noise.h"

static const rb_layer mlp[] = {RB_LINEAR(64), RB_RELU, RB_LINEAR(10), RB_END};
static const rb_layer cnn[] = {RB_CONV(8, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_LINEAR(10), RB_END};

/* Over a split that fills no whole batch: masked rows count nowhere, on both devices alike. Small batches are for
 * training's sake. */
static void evaluation_is_independent_of_the_batch(void **state) {
    (void)state;
    enum { ROWS = 299 };
    static const struct {
        const char *device;
        int batch, rows; /* of a step: training, evaluation */
    } ways[] = {
        {"reference", 16, 128}, {"reference", 150, 150}, {"cpu", 16, 128}, {"cpu", 128, 128}, {"cpu", 299, 299}};
    double loss[5], accuracy[5];
    int32_t pred[5][ROWS];
    noise *s = make_noise(300, ROWS);
    for (int k = 0; k < 5; k++) {
        opened o = open_device(ways[k].device);
        rb_case c = {.name = "test/eval", .layers = cnn, .batch = ways[k].batch};
        rb_trainer *t;
        assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 1, &t));
        assert_int_equal(rb_trainer_program(t)->variant[RB_VARIANT_EVAL].rows, ways[k].rows);
        assert_ok(rb_trainer_eval(t, RB_SPLIT_TEST, 0, &loss[k], &accuracy[k], pred[k]));
        assert_true(fabs(loss[k] - loss[0]) < 1e-5 * loss[0]);
        assert_true(accuracy[k] == accuracy[0]);
        assert_memory_equal(pred[k], pred[0], ROWS * sizeof pred[0][0]);
        rb_trainer_free(t);
        o.backend->close(o.device);
    }
    free(s);
}

enum { MOST_EPOCHS = 64 };
typedef struct seen {
    int n;
    rb_epoch_result at[MOST_EPOCHS];
    double l2;   /* of the parameters in the end */
    double loss; /* of the training set in evaluation mode in the end */
} seen;

static int keep_epoch(void *context, const rb_epoch_result *e) {
    seen *s = context;
    assert_true(s->n < MOST_EPOCHS);
    s->at[s->n++] = *e;
    return 0;
}

static seen run(const char *selector, const rb_case *c, const rb_dataset *data, rb_run_options options) {
    rb_device_id id = found_device(selector);
    opened o = {.backend = id.backend};
    rb_trainer *t;
    rb_run_result r;
    seen s = {0};
    double accuracy;
    /* one thread: several that wait for each other tell no time on a busy machine */
    assert_ok(o.backend->open(id.index, &(rb_open_options){.threads = 1}, &o.device));
    options.context = &s, options.on_epoch = keep_epoch;
    assert_ok(rb_trainer_new(o.backend, o.device, c, data, 1, &t));
    assert_ok(rb_train(t, &options, &r));
    assert_int_equal(r.outcome, RB_OK);
    assert_true(fabs(r.train_s - s.at[s.n - 1].train_s) < 1e-9 && r.eval_s == s.at[s.n - 1].eval_s);
    assert_ok(rb_trainer_param_l2(t, &s.l2));
    assert_ok(rb_trainer_eval(t, RB_SPLIT_TRAIN, 0, &s.loss, &accuracy, NULL));
    assert_true(accuracy == s.at[s.n - 1].train_eval_acc || !c->eval_train);
    rb_trainer_free(t);
    o.backend->close(o.device);
    return s;
}

/* Epoch by epoch, alone or several decided at once: the same figures, and training is not disturbed. A tail of the
 * training set, and a validation set that fills no batch. */
static void the_training_set_is_evaluated_too(void **state) {
    (void)state;
    static const char *const devices[] = {"reference", "cpu"};
    noise *n = make_noise(200, 70);
    for (int d = 0; d < 2; d++) {
        rb_case c = {.name = "test/both", .layers = mlp, .batch = 30, .epochs = 9, .lr = 0.1f, .momentum = 0.5f};
        c.n_train = 85, c.n_valid = 100, c.in_order = true, c.expect = RB_EXPECT_ANYTHING;
        seen without = run(devices[d], &c, &n->data, (rb_run_options){0});
        c.eval_train = true;
        seen with = run(devices[d], &c, &n->data, (rb_run_options){0});
        c.window_epochs = 4; /* 1, 4, 4 */
        volatile int never = 0;
        seen windows = run(devices[d], &c, &n->data, (rb_run_options){0});
        seen watched = run(devices[d], &c, &n->data, (rb_run_options){.stop = &never}); /* in chunks of steps */
        assert_int_equal(without.n, 9);
        for (int i = 0; i < 9; i++) {
            const rb_epoch_result *a = &without.at[i], *b[] = {&with.at[i], &windows.at[i], &watched.at[i]};
            assert_true(a->has_val && !a->has_train_eval && isnan(a->train_eval_loss) && isnan(a->train_eval_acc));
            for (int k = 0; k < 3; k++) {
                assert_true(b[k]->has_val && b[k]->has_train_eval);
                assert_true(b[k]->val_loss == a->val_loss && b[k]->val_acc == a->val_acc);
                assert_true(b[k]->train_loss == a->train_loss && b[k]->param_l2 == a->param_l2);
                assert_true(b[k]->train_eval_loss == b[0]->train_eval_loss);
                assert_true(b[k]->train_eval_acc == b[0]->train_eval_acc);
            }
            assert_true(b[0]->train_eval_loss < b[0]->train_loss); /* after the epoch, not along it */
        }
        assert_true(with.at[8].train_eval_loss == with.loss);
        assert_true(with.l2 == without.l2 && windows.l2 == without.l2);
    }
    free(n);
}

/* --max-steps promises one evaluation and no other; nor is there one where nothing is evaluated. */
static void limited_runs_evaluate_no_training_set(void **state) {
    (void)state;
    noise *n = make_noise(64, 40);
    rb_case c = {.name = "test/limit", .layers = mlp, .batch = 32, .epochs = 2, .lr = 0.1f, .eval_train = true};
    c.expect = RB_EXPECT_ANYTHING;
    opened o = open_device("cpu");
    rb_trainer *t;
    rb_run_result r;
    for (int k = 0; k < 2; k++) {
        seen s = {0};
        rb_run_options options = {.max_steps = k ? 0 : 3, .no_eval = k, .context = &s, .on_epoch = keep_epoch};
        assert_ok(rb_trainer_new(o.backend, o.device, &c, &n->data, 1, &t));
        assert_ok(rb_train(t, &options, &r));
        assert_true(s.at[s.n - 1].has_val == !k && !s.at[s.n - 1].has_train_eval);
        rb_trainer_free(t);
    }
    o.backend->close(o.device);
    free(n);
}

/* Of epochs decided at once too: 8 rows train, 520 are evaluated, which takes over ten times as long; on a busy machine
 * no window of ten tells it wrong by so much. */
static void evaluation_time_is_not_training_time(void **state) {
    (void)state;
    noise *n = make_noise(80, 520);
    for (int window = 0; window < 6; window += 5) {
        rb_case c = {.name = "test/time", .layers = cnn, .batch = 8, .epochs = 51, .lr = 0.01f, .n_train = 8};
        c.in_order = true, c.window_epochs = window, c.expect = RB_EXPECT_ANYTHING;
        seen s = run("cpu", &c, &n->data, (rb_run_options){0});
        const rb_epoch_result *last = &s.at[s.n - 1];
        if (!(last->eval_s > last->train_s)) fail_msg("%g s, evaluation %g s", last->train_s, last->eval_s);
        for (int i = 1; i < s.n; i++) {
            assert_true(s.at[i].train_s > s.at[i - 1].train_s);
            assert_true(s.at[i].eval_s > s.at[i - 1].eval_s);
        }
    }
    free(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluation_is_independent_of_the_batch),
        cmocka_unit_test(the_training_set_is_evaluated_too),
        cmocka_unit_test(limited_runs_evaluate_no_training_set),
        cmocka_unit_test(evaluation_time_is_not_training_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
