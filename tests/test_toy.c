/* test_toy.c: the toy regression: its points and draws against PyTorch's, windows of many epochs against single ones,
 * what is reported when; the norms that document 003 prints of a fresh layer. */
#include "golden_run.h"

#include "regbench/rng.h"

/* torch.manual_seed(2021); x = torch.rand(10, 1); y = 2 x + 2 normal(10, 1), by PyTorch 2.11. */
static const double points[10][2] = {
    {0.130439043, -2.33742142},  {0.513387024, 1.41248298},  {0.742557108, 2.42447829}, {0.715888977, 1.38028061},
    {0.570471585, 0.909564316},  {0.165273547, 2.470855},    {0.04430902, 5.73778152},  {0.962771177, 0.24509871},
    {0.294280946, 0.0665382147}, {0.0991705656, -1.81661105}};

static void data_is_as_drawn(void **state) {
    (void)state;
    rb_dataset *d, *again, *other;
    assert_ok(rb_dataset_load("toy", &(rb_data_options){.seed = 2021}, &d));
    assert_ok(rb_dataset_load("toy", &(rb_data_options){.seed = 2021}, &again));
    assert_ok(rb_dataset_load("toy", &(rb_data_options){.seed = 2022}, &other));
    const float *x = d->x;
    assert_true(d->regression && d->x_dtype == RB_F32 && !d->labels && d->n_train == 10 && d->n_test == 40);
    for (int i = 0; i < 10; i++) {
        assert_true(near_golden((double)x[i], points[i][0], 1e-8));
        assert_true(near_golden((double)d->targets[i], points[i][1], 1e-6)); /* log and cosine: the last bits */
    }
    for (int i = 0; i < 40; i++) {
        assert_true(fabs((double)x[10 + i] - i / 39.0) < 1e-7);
        assert_true((double)d->targets[10 + i] == 2 * (double)x[10 + i]);
    }
    assert_true(x[10] == 0 && x[49] == 1);
    assert_string_equal(d->sha256, again->sha256);
    assert_string_not_equal(d->sha256, other->sha256);
    assert_int_equal(rb_dataset_show(d, 1, 1, "toy.png"), RB_MISMATCH); /* no images */
    rb_error_clear();
    /* what the data drew: ten floats of a word, ten normals in five pairs of two doubles of two words */
    rb_mt19937 g, h;
    rb_mt19937_seed(&g, 2021);
    h = g;
    rb_dataset_draws(d, &g);
    for (int i = 0; i < 30; i++) rb_mt19937_u32(&h);
    assert_int_equal(rb_mt19937_u32(&g), rb_mt19937_u32(&h));
    rb_dataset_free(d);
    rb_dataset_free(again);
    rb_dataset_free(other);
}

/* Sum of |w| and of w^2 of torch.nn.Linear(20, 20) at seed 2021, as document 003 prints them. */
static void a_fresh_layer(void **state) {
    (void)state;
    enum { N = 20 };
    rb_mt19937 g;
    float w[N * N + N];
    double absolute = 0, square = 0;
    rb_mt19937_seed(&g, 2021);
    rb_uniform(&g, w, N * N, -rb_kaiming_bound(N), rb_kaiming_bound(N));
    rb_uniform(&g, w + N * N, N, -rb_bias_bound(N), rb_bias_bound(N));
    for (int i = 0; i < N * N + N; i++) {
        absolute += fabs((double)w[i]);
        square += (double)w[i] * (double)w[i];
    }
    print_message("Linear(20, 20) at seed 2021: sum |w| %.6f, sum w^2 %.6f\n", absolute, square);
    assert_true(fabs(absolute - 48.445133) < 4e-6); /* the document's sums are in float32: to its last bit */
    assert_true(fabs(square - 7.328376) < 6e-7);
}

/* --- training ----------------------------------------------------------------------------------------------------- */

enum { MOST = 64 };
typedef struct told {
    int epochs, steps, n_outputs, stop_at, outputs_at[MOST];
    double loss[1500], val[1500], norm[1500];
    float last_output;
    volatile int stop;
    bool once; /* only the last epoch is told */
} told;

static int on_step(void *context, int64_t step, const rb_step_metrics *m) {
    told *t = context;
    (void)m;
    assert_int_equal(step, t->steps);
    t->steps++;
    return 0;
}

static int on_epoch(void *context, const rb_epoch_result *e) {
    told *t = context;
    if (t->once) t->epochs = e->epoch - 1;
    assert_int_equal(e->epoch, t->epochs + 1);
    assert_true(isnan(e->train_acc) && isnan(e->val_acc));
    t->loss[t->epochs] = e->train_loss, t->val[t->epochs] = e->has_val ? e->val_loss : -1,
    t->norm[t->epochs] = e->param_l2;
    t->epochs++;
    return t->epochs == t->stop_at;
}

static int on_outputs(void *context, int epoch, const float *values, int64_t rows, int columns) {
    told *t = context;
    assert_int_equal(rows, 40);
    assert_int_equal(columns, 1);
    assert_int_equal(epoch, t->epochs + 1);
    t->outputs_at[t->n_outputs++ % MOST] = epoch;
    t->last_output = values[39];
    return 0;
}

static const rb_layer small[] = {RB_LINEAR(12), RB_DROPOUT(0.3f), RB_LEAKY_RELU(0.01f), RB_LINEAR(1), RB_END};

static void train(rb_case c, told *t, rb_run_options options, rb_run_result *result) {
    rb_device_id id;
    rb_device *device;
    rb_trainer *trainer;
    rb_dataset *data = golden_data_of("toy", 2021);
    assert_ok(rb_device_select("reference", &id));
    assert_ok(id.backend->open(id.index, NULL, &device));
    assert_ok(rb_trainer_new(id.backend, device, &c, data, 2021, &trainer));
    options.context = t, options.trajectory = true;
    options.on_step = on_step, options.on_epoch = on_epoch, options.on_outputs = on_outputs;
    assert_ok(rb_train(trainer, &options, result));
    rb_trainer_free(trainer);
    id.backend->close(device);
}

static rb_case toy_case(int epochs, int window, int batch) {
    return (rb_case){.name = "test/toy",
                     .layers = small,
                     .dataset = "toy",
                     .in_order = true,
                     .batch = batch,
                     .epochs = epochs,
                     .window_epochs = window,
                     .optimizer = RB_ADAM,
                     .lr = 1e-2f};
}

static void assert_same(const told *a, const told *b) {
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->steps, b->steps);
    for (int i = 0; i < a->epochs; i++)
        assert_true(a->loss[i] == b->loss[i] && a->val[i] == b->val[i] && a->norm[i] == b->norm[i]);
}

/* Many epochs at once are the same bits as one at a time: steps, tails, masks, evaluations. */
static void windows_change_nothing(void **state) {
    (void)state;
    for (int batch = 4; batch <= 10; batch += 3) { /* 4+4+2, 7+3, 10 rows */
        told *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
        rb_run_result ra, rb;
        train(toy_case(101, 1, batch), a, (rb_run_options){0}, &ra);
        train(toy_case(101, 30, batch), b, (rb_run_options){0}, &rb);
        assert_int_equal(ra.outcome, RB_OK);
        assert_int_equal(rb.outcome, RB_OK);
        assert_int_equal(a->epochs, 101);
        assert_same(a, b);
        assert_int_equal(a->steps, 101 * (batch == 4 ? 3 : batch == 7 ? 2 : 1) + 1);
        for (int i = 0; i < 101; i++) assert_true(a->val[i] > 0);
        assert_true(a->loss[100] < a->loss[0]);
        assert_int_equal(a->n_outputs, 101);
        static const int at[] = {1, 31, 61, 91, 101};
        assert_int_equal(b->n_outputs, 5);
        for (int i = 0; i < 5; i++) assert_int_equal(b->outputs_at[i], at[i]);
        assert_true(a->last_output == b->last_output);
        assert_true(isnan(rb.val_acc_final) && isnan(rb.val_acc_best) && isnan(rb.test_acc) && rb.best_epoch == 0);
        assert_true(rb.epochs_run == 101 && rb.steps == a->steps - 1);
        free(a);
        free(b);
    }
}

/* The case itself: outputs after epochs 1, 501 and the last. */
static void the_case_tells_outputs(void **state) {
    (void)state;
    const rb_case *c;
    told *t = calloc(1, sizeof *t);
    rb_run_result r;
    assert_ok(rb_case_find("toy/regression", &c));
    rb_case shorter = *c;
    shorter.layers = small, shorter.epochs = 700;
    train(shorter, t, (rb_run_options){0}, &r);
    assert_int_equal(t->n_outputs, 3);
    assert_true(t->outputs_at[0] == 1 && t->outputs_at[1] == 501 && t->outputs_at[2] == 700);
    free(t);
}

static int progress(void *context, int epoch, int step, int steps, double loss, double accuracy, double rate) {
    told *t = context;
    (void)loss, (void)rate;
    assert_true(step >= 1 && step <= steps && steps == 1 && isnan(accuracy));
    if (epoch >= 40) t->stop = 1;
    return 0;
}

/* A stop within a window: what was done by then is told, with its evaluations; the same without a window. */
static void stops_within_a_window(void **state) {
    (void)state;
    told *whole = calloc(1, sizeof *whole), *cut = calloc(1, sizeof *cut), *hook = calloc(1, sizeof *hook);
    rb_run_result r;
    train(toy_case(500, 200, 10), whole, (rb_run_options){0}, &r);
    rb_run_options options = {.stop = &cut->stop, .on_progress = progress};
    train(toy_case(500, 200, 10), cut, options, &r);
    assert_int_equal(r.outcome, RB_INTERRUPTED);
    assert_true(cut->epochs >= 40 && cut->epochs < 500);
    for (int i = 0; i < cut->epochs; i++) assert_true(cut->val[i] == whole->val[i]);
    hook->stop_at = 17; /* on_epoch itself says stop: nothing is told after that */
    train(toy_case(500, 200, 10), hook, (rb_run_options){0}, &r);
    assert_int_equal(r.outcome, RB_INTERRUPTED);
    assert_int_equal(hook->epochs, 17);
    assert_int_equal(r.steps, 17);
    /* --max-steps evaluates once, after the last step, as goldens have it */
    told *few = calloc(1, sizeof *few);
    few->once = true;
    train(toy_case(500, 200, 10), few, (rb_run_options){.max_steps = 150}, &r);
    assert_int_equal(few->steps, 151);
    assert_int_equal(few->epochs, 150);
    assert_true(few->val[149] == whole->val[149] && few->n_outputs == 0);
    assert_int_equal(r.steps, 150);
    told *longer = calloc(1, sizeof *longer);
    longer->once = true;
    train(toy_case(3, 2, 10), longer, (rb_run_options){.max_steps = 10}, &r); /* beyond the case's epochs */
    assert_int_equal(r.steps, 10);
    free(whole), free(cut), free(hook), free(few), free(longer);
}

/* Both cases train on the same points; the parameters of the second are drawn from the seed anew (torch: 19.5458062).
 */
static void parameters_after_the_data_or_fresh(void **state) {
    (void)state;
    static const char *const names[] = {"toy/regression", "toy/regression-dropout"};
    static const double norms[] = {19.5375173, 19.5458062};
    for (int k = 0; k < 2; k++) {
        const rb_case *c;
        rb_device_id id;
        rb_device *device;
        rb_trainer *t;
        double norm;
        assert_ok(rb_case_find(names[k], &c));
        assert_ok(rb_device_select("reference", &id));
        assert_ok(id.backend->open(id.index, NULL, &device));
        assert_ok(rb_trainer_new(id.backend, device, c, golden_data_of("toy", 2021), 2021, &t));
        assert_ok(rb_trainer_param_l2(t, &norm));
        assert_true(near_golden(norm, norms[k], 1e-7));
        rb_trainer_free(t);
        id.backend->close(device);
    }
}

/* A shuffled case cannot have windows of many epochs; classes and targets do not mix. */
static void refusals(void **state) {
    (void)state;
    rb_spec spec;
    rb_program *p;
    rb_case c = toy_case(5, 2, 10);
    rb_layout layout = rb_layout_canonical();
    c.in_order = false;
    assert_int_equal(rb_case_spec(&c, golden_data_of("toy", 2021), &spec), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "shuffles"));
    rb_error_clear();
    const rb_case *mlp;
    assert_ok(rb_case_find("size/mlp", &mlp));
    c = *mlp;
    c.dataset = "toy";
    assert_int_equal(rb_case_compile(&c, &layout, &p), RB_MISMATCH);
    rb_error_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_as_drawn),
        cmocka_unit_test(a_fresh_layer),
        cmocka_unit_test(windows_change_nothing),
        cmocka_unit_test(the_case_tells_outputs),
        cmocka_unit_test(stops_within_a_window),
        cmocka_unit_test(parameters_after_the_data_or_fresh),
        cmocka_unit_test(refusals),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_data(NULL);
    return failed;
}
