/* test_dropout_runs.c: what comes of training with dropout, over five seeds, against PyTorch's runs: masks agree in
 * distribution only, so the means are compared, by the spread of both. */
#include "golden_run.h"

enum { SEEDS = 5, FIGURES = 3 };
static const char *const figures[FIGURES] = {"train_loss", "val_loss", "val_acc"};
static rb_csv golden;

/* Student's t of two samples of five of one distribution, 8 degrees of freedom, exceeds this once in 1,000 times. */
static const double most_t = 5.04;

typedef struct sample {
    double value[FIGURES][SEEDS];
} sample;

static int keep_last(void *context, const rb_epoch_result *e) {
    double *last = context;
    last[0] = e->train_loss, last[1] = e->val_loss, last[2] = e->val_acc;
    return 0;
}

static void train(const char *name, const char *p, sample *out) {
    static rb_case_edit edit;
    const rb_case *c;
    rb_device_id id = found_device("cpu");
    assert_ok(rb_case_find(name, &c));
    assert_ok(rb_case_edit_begin(&edit, c));
    if (p) assert_ok(rb_case_edit_set(&edit, "dropout", p));
    rb_dataset *data = golden_data(c->dataset);
    if (!data || !golden_files(data)) skip();
    for (int i = 0; i < SEEDS; i++) {
        rb_device *device;
        rb_trainer *t;
        rb_run_result r;
        double last[FIGURES];
        uint64_t seed = (uint64_t)i + 1;
        assert_ok(id.backend->open(id.index, NULL, &device));
        assert_ok(rb_trainer_new(id.backend, device, &edit.c, data, seed, &t));
        assert_ok(rb_train(t, &(rb_run_options){.seed = seed, .context = last, .on_epoch = keep_last}, &r));
        assert_int_equal(r.outcome, RB_OK);
        for (int k = 0; k < FIGURES; k++) out->value[k][i] = last[k];
        rb_trainer_free(t);
        id.backend->close(device);
    }
}

static void read_golden(const char *name, sample *out) {
    int n = 0;
    for (int row = 0; row < golden.n_rows; row++) {
        if (strcmp(rb_csv_get(&golden, row, "case"), name) != 0) continue;
        assert_true(n < SEEDS);
        for (int k = 0; k < FIGURES; k++) out->value[k][n] = golden_number(&golden, row, figures[k]);
        n++;
    }
    assert_int_equal(n, SEEDS);
}

static double mean(const double v[SEEDS]) {
    double sum = 0;
    for (int i = 0; i < SEEDS; i++) sum += v[i];
    return sum / SEEDS;
}

/* Squared standard error of the mean. */
static double error_sq(const double v[SEEDS]) {
    double m = mean(v), sum = 0;
    for (int i = 0; i < SEEDS; i++) sum += (v[i] - m) * (v[i] - m);
    return sum / (SEEDS - 1) / SEEDS;
}

static double students_t(const sample *a, const sample *b, int k) {
    double t = fabs(mean(a->value[k]) - mean(b->value[k])) / sqrt(error_sq(a->value[k]) + error_sq(b->value[k]));
    print_message("%s: %.4f, PyTorch %.4f, t = %.2f\n", figures[k], mean(a->value[k]), mean(b->value[k]), t);
    return t;
}

static void as_in_pytorch(void **state) {
    const char *name = *state;
    sample ours, theirs;
    read_golden(name, &theirs);
    train(name, NULL, &ours);
    for (int k = 0; k < FIGURES; k++) assert_true(students_t(&ours, &theirs, k) < most_t);
}

/* The comparison does tell: without dropout the training loss is another. */
static void a_difference_is_seen(void **state) {
    sample ours, theirs;
    (void)state;
    read_golden("trajectory/batchnorm-dropout", &theirs);
    train("trajectory/batchnorm-dropout", "0", &ours);
    assert_true(students_t(&ours, &theirs, 0) > most_t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"trajectory/batchnorm-dropout", as_in_pytorch, NULL, NULL, "trajectory/batchnorm-dropout"},
        {"animals/dropout", as_in_pytorch, NULL, NULL, "animals/dropout"},
        cmocka_unit_test(a_difference_is_seen),
    };
    if (rb_csv_read(TEST_FOLDER "/goldens/dropout_epochs.csv", &golden) != RB_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_data(NULL);
    rb_csv_free(&golden);
    return failed;
}
