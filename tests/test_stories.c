/* test_stories.c: what cases must show, where a short run can show it: learning by heart, shrunk norms, noise for
 * labels, early stops. Needs CIFAR (for its animals) and MNIST, else it skips by name.
 *
 * Not here, because they take whole runs or the documents' own images: rates and full data of the animals, dropout's
 * and augmentation's effect on accuracy (`regbench effects` has their intervals). */
#include "golden_run.h"

typedef struct story {
    rb_run_result result;
    rb_epoch_result last;
    double kept_loss, kept_acc; /* of the validation set, with the parameters in the end */
} story;

static int keep_epoch(void *context, const rb_epoch_result *e) {
    *(rb_epoch_result *)context = *e;
    return 0;
}

/* A whole run at seed 2021 on one thread: the same bits as on more. `set`: an override, NULL = none. */
static story tell(const char *name, const char *set, const char *value) {
    const rb_case *c;
    rb_case_edit e;
    story s = {0};
    rb_device_id id = found_device("cpu");
    rb_device *device;
    rb_trainer *t;
    assert_ok(rb_case_find(name, &c));
    assert_ok(rb_case_edit_begin(&e, c));
    if (set) assert_ok(rb_case_edit_set(&e, set, value));
    rb_dataset *data = golden_data(c->dataset);
    if (!data || !golden_files(data)) skip();
    assert_ok(id.backend->open(id.index, &(rb_open_options){.threads = 1}, &device));
    assert_ok(rb_trainer_new(id.backend, device, &e.c, data, 2021, &t));
    rb_run_options options = {.seed = 2021, .context = &s.last, .on_epoch = keep_epoch};
    assert_ok(rb_train(t, &options, &s.result));
    if (s.result.outcome != RB_OK) fail_msg("%s: %s", rb_status_word(s.result.outcome), s.result.reason);
    assert_ok(rb_trainer_eval(t, RB_SPLIT_VALID, 0, &s.kept_loss, &s.kept_acc, NULL));
    print_message("%s %s: %d epochs, train %.3f, valid %.3f, norm %.3f, %.2f s\n", name, set ? value : "",
                  s.result.epochs_run, s.last.train_eval_acc, s.last.val_acc, s.last.param_l2,
                  s.result.train_s + s.result.eval_s);
    rb_trainer_free(t);
    id.backend->close(device);
    return s;
}

static void few_images_are_learned_by_heart(void **state) {
    (void)state;
    story s = tell("animals/unregularized", NULL, NULL);
    assert_true(s.last.train_eval_acc == 1.0);
    assert_true(s.last.train_eval_loss < 1e-6 && s.last.val_loss > 1); /* sure of itself, and wrong */
    assert_true(s.last.val_acc < 0.6);                                 /* three classes: a third is guessing */
}

/* Each against the same images without the penalty. */
static void penalties_shrink_the_norm(void **state) {
    (void)state;
    double of_30 = tell("animals/unregularized", NULL, NULL).last.param_l2;
    double of_100 = tell("animals/unregularized", "train-size", "100").last.param_l2;
    assert_true(tell("animals/l1", NULL, NULL).last.param_l2 < 0.7 * of_30);
    assert_true(tell("animals/l2", NULL, NULL).last.param_l2 < 0.98 * of_100);
    assert_true(tell("animals/l1l2", NULL, NULL).last.param_l2 < 0.7 * of_100);
}

/* 100 random labels of three classes: training knows all of them, validation guesses. Guessing gives 33 of 100 with a
 * deviation of 4.7; outside of 19 to 48 it would be once in a thousand seeds. */
static void noise_is_learned_by_heart(void **state) {
    (void)state;
    story s = tell("animals/random-labels", NULL, NULL);
    assert_true(s.last.train_eval_acc == 1.0);
    assert_true(s.last.val_acc >= 0.19 && s.last.val_acc <= 0.48);
    s = tell("animals/partially-random-labels", NULL, NULL);
    assert_true(s.last.train_eval_acc == 1.0);
}

/* Stops by itself, and ends with the parameters of the best epoch. */
static void stops_early(const char *name, const char *set, const char *value) {
    story s = tell(name, set, value);
    assert_true(s.result.stop.stopped > 0 && s.result.epochs_run < 200);
    assert_true(s.result.restored && s.result.stop.best_epoch < s.result.epochs_run);
    assert_true(s.kept_loss == s.result.stop.best_loss && s.kept_acc == s.result.stop.best_acc);
}

static void overfitting_stops_training(void **state) {
    (void)state;
    stops_early("trajectory/early-stop-gl", NULL, NULL);
    stops_early("trajectory/early-stop-pq", NULL, NULL);
    stops_early("trajectory/early-stop-up", NULL, NULL);
}

static void patience_ends(void **state) {
    (void)state;
    stops_early("animals/early-stop", "train-size", "1000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_images_are_learned_by_heart), cmocka_unit_test(penalties_shrink_the_norm),
        cmocka_unit_test(noise_is_learned_by_heart),       cmocka_unit_test(patience_ends),
        cmocka_unit_test(overfitting_stops_training),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_data(NULL);
    return failed;
}
