/* test_train.c: the training loop: memorizing a few samples, same seed same bits, tails, outcomes, splits, refusals,
 * too little memory. */
#include "noise.h"

static const char *const devices[] = {"reference", "cpu"};

static const rb_layer mlp[] = {RB_LINEAR(64), RB_RELU, RB_LINEAR(10), RB_END};
static const rb_layer cnn[] = {RB_CONV(8, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_LINEAR(10), RB_END};

static void memorize(const rb_layer *layers, const char *selector, float lr, int epochs) {
    noise *s = make_noise(32, 8);
    opened o = open_device(selector);
    rb_case c = {.name = "test/memorize",
                 .layers = layers,
                 .batch = 32,
                 .epochs = epochs,
                 .lr = lr,
                 .momentum = 0.9f,
                 .expect = RB_EXPECT_ANYTHING};
    rb_trainer *t;
    rb_run_result r;
    double loss, accuracy;
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 1, &t));
    assert_ok(rb_train(t, &(rb_run_options){.no_eval = true}, &r));
    assert_ok(rb_trainer_eval(t, RB_SPLIT_TRAIN, 0, &loss, &accuracy, NULL));
    assert_true(accuracy == 1.0);
    assert_true(loss < 0.01);
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

static void thirty_two_samples_overfit(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++) {
        memorize(mlp, devices[d], 0.05f, 200);
        memorize(cnn, devices[d], 0.05f, 200);
    }
}

/* All parameters after a few epochs with a tail, as bytes. */
static float *trained_bits(const char *selector, const rb_layer *layers, uint64_t seed, int64_t *n) {
    noise *s = make_noise(70, 20);
    opened o = open_device(selector);
    rb_case c = {.name = "test/bits",
                 .layers = layers,
                 .batch = 32,
                 .epochs = 3,
                 .lr = 0.1f,
                 .momentum = 0.5f,
                 .l1 = 1e-4f,
                 .expect = RB_EXPECT_ANYTHING};
    rb_trainer *t;
    rb_run_result r;
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, seed, &t));
    assert_int_equal(rb_trainer_steps_per_epoch(t), 3);
    assert_ok(rb_train(t, &(rb_run_options){0}, &r));
    assert_int_equal(r.steps, 9);
    const rb_program *p = rb_trainer_program(t);
    float *all = calloc((size_t)p->n_weights, sizeof *all), *next = all;
    assert_non_null(all);
    for (int i = 0; i < p->n_params; i++) {
        assert_ok(rb_trainer_get_param(t, i, next));
        next += rb_tensor_count(&p->params[i].tensor);
    }
    *n = p->n_weights;
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
    return all;
}

static void same_seed_same_bits(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++)
        for (int m = 0; m < 2; m++) {
            int64_t n;
            const rb_layer *layers = m ? cnn : mlp;
            float *a = trained_bits(devices[d], layers, 5, &n), *b = trained_bits(devices[d], layers, 5, &n),
                  *c = trained_bits(devices[d], layers, 6, &n);
            assert_memory_equal(a, b, (size_t)n * sizeof *a);
            assert_memory_not_equal(a, c, (size_t)n * sizeof *a);
            free(a);
            free(b);
            free(c);
        }
}

static rb_run_result run_case(const char *selector, rb_case c, const rb_run_options *options) {
    noise *s = make_noise(64, 40);
    opened o = open_device(selector);
    rb_trainer *t;
    rb_run_result r;
    if (!c.layers) c.layers = mlp;
    if (!c.batch) c.batch = 32;
    if (!c.epochs) c.epochs = 2;
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 1, &t));
    assert_ok(rb_train(t, options, &r));
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
    return r;
}

static void divergence_is_an_outcome(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++) {
        rb_case c = {.name = "test/diverge", .lr = 1e3f, .weight_decay = 1, .epochs = 50}; /* w is multiplied by -999 */
        rb_run_result r = run_case(devices[d], c, &(rb_run_options){0});
        assert_int_equal(r.outcome, RB_DIVERGED);
        assert_false(r.foreseen);
        assert_true(r.epochs_run < 50);
        c.expect = RB_EXPECT_DIVERGES;
        r = run_case(devices[d], c, &(rb_run_options){0});
        assert_int_equal(r.outcome, RB_DIVERGED);
        assert_true(r.foreseen);
    }
}

static void expectations_are_judged(void **state) {
    (void)state;
    rb_case c = {.name = "test/judge", .lr = 1e-6f};
    assert_int_equal(run_case("reference", c, &(rb_run_options){0}).outcome, RB_UNEXPECTED); /* noise is not learned */
    assert_int_equal(run_case("reference", c, &(rb_run_options){.no_eval = true}).outcome, RB_OK);
    assert_int_equal(run_case("reference", c, &(rb_run_options){.max_steps = 3}).outcome, RB_OK);
    c.expect = RB_EXPECT_DIVERGES;
    assert_int_equal(run_case("reference", c, &(rb_run_options){0}).outcome, RB_UNEXPECTED);
    c.expect = RB_EXPECT_ANYTHING;
    assert_int_equal(run_case("reference", c, &(rb_run_options){0}).outcome, RB_OK);
}

typedef struct calls {
    int steps, epochs, evaluated;
    int64_t last_step;
} calls;

static int count_step(void *context, int64_t step, const rb_step_metrics *m) {
    calls *c = context;
    assert_int_equal(step, c->steps);
    assert_true(isfinite(m->param_l2));
    assert_true(step == 0 ? isnan(m->loss) && isnan(m->grad_l2) : isfinite(m->loss) && m->grad_l2 > 0);
    c->steps++;
    return 0;
}

static int count_epoch(void *context, const rb_epoch_result *e) {
    calls *c = context;
    c->epochs++;
    c->evaluated += e->has_val;
    c->last_step = e->step;
    return 0;
}

static void max_steps_stops_and_evaluates_once(void **state) {
    (void)state;
    calls c = {0};
    rb_run_options o = {
        .max_steps = 5, .trajectory = true, .context = &c, .on_step = count_step, .on_epoch = count_epoch};
    rb_run_result r = run_case("cpu", (rb_case){.name = "test/steps", .lr = 0.1f}, &o);
    assert_int_equal(r.outcome, RB_OK);
    assert_int_equal(r.steps, 5); /* two steps an epoch: more epochs than the case has */
    assert_int_equal(c.steps, 6);
    assert_int_equal(c.epochs, 1);
    assert_int_equal(c.evaluated, 1);
    assert_int_equal(c.last_step, 5);
}

static void a_flag_stops_the_run(void **state) {
    (void)state;
    volatile int stop = 1;
    rb_run_result r = run_case("cpu", (rb_case){.name = "test/stop", .lr = 0.1f}, &(rb_run_options){.stop = &stop});
    assert_int_equal(r.outcome, RB_INTERRUPTED);
    assert_int_equal(r.steps, 0);
}

/* A device that lacks one op. */
static const char *no_batchnorm(rb_device *device, const rb_program *program, const rb_variant *variant,
                                const rb_op *op) {
    (void)device, (void)program, (void)variant;
    return op->kind == RB_OP_BATCHNORM ? "not on this device" : NULL;
}

/* A refusal: its status, and what the one line names. */
static void refused(rb_case c, rb_status expected, const char *part) {
    noise *s = make_noise(64, 40);
    opened o = open_device("cpu");
    rb_trainer *t = NULL;
    rb_backend lacking = *o.backend;
    lacking.supports = no_batchnorm;
    if (!c.layers) c.layers = mlp;
    assert_int_equal(rb_trainer_new(&lacking, o.device, &c, &s->data, 1, &t), expected);
    assert_null(t);
    assert_non_null(rb_error_last());
    if (!strstr(rb_error_last()->text, part)) fail_msg("text: %s", rb_error_last()->text);
    rb_error_clear();
    o.backend->close(o.device);
    free(s);
}

static void impossible_cases_are_refused(void **state) {
    (void)state;
    static const rb_layer wrong[] = {RB_LINEAR(7), RB_END}, normalized[] = {RB_BATCHNORM, RB_LINEAR(10), RB_END};
    refused((rb_case){.name = "test/a", .batch = 8, .n_train = 60, .n_valid = 10}, RB_MISMATCH, "has 64");
    refused((rb_case){.name = "test/b", .batch = 8, .n_valid = 64}, RB_MISMATCH, "has 64");
    refused((rb_case){.name = "test/c", .batch = 0}, RB_USAGE, "batch must be at least 1");
    refused((rb_case){.name = "test/d", .batch = 8, .layers = wrong}, RB_MISMATCH, "10 classes");
    refused((rb_case){.name = "test/e", .batch = 8, .layers = normalized}, RB_UNSUPPORTED,
            "batch-norm of layer 0 (variant train): not on this device");
}

/* --- devices with little memory -------------------------------------------------------------------------------------
 */

/* What the cpu is made to say, and from how many bytes on it has none; 0 = no limit. */
static size_t told_memory, told_segment, true_memory;

static void small_info(const rb_device *device, rb_device_info *out) {
    rb_device_id cpu;
    assert_ok(rb_device_select("cpu", &cpu));
    cpu.backend->info(device, out);
    out->memory = told_memory, out->max_alloc = told_segment;
}

static size_t sum_of(const size_t bytes[RB_SEGMENTS]) {
    size_t sum = 0;
    for (int k = 0; k < RB_SEGMENTS; k++) sum += bytes[k];
    return sum;
}

static rb_status small_store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_device_id cpu;
    assert_ok(rb_device_select("cpu", &cpu));
    *out = NULL;
    if (true_memory && sum_of(bytes) > true_memory) return rb_fail(RB_MEMORY, "the driver has no more");
    return cpu.backend->store_new(device, bytes, out);
}

/* Bytes of the case at this batch, as `regbench plan` prints them; false where it does not compile. */
static bool bytes_of(const opened *o, rb_case c, const rb_dataset *data, int batch, size_t bytes[RB_SEGMENTS]) {
    rb_layout layout;
    rb_spec spec;
    rb_program *p = NULL;
    c.batch = batch;
    o->backend->layout(o->device, &layout);
    assert_ok(rb_case_spec(&c, data, &spec));
    spec.eval_batch = 0; /* the least that does it */
    bool compiles = rb_program_compile(&spec, &layout, &p) == RB_OK;
    if (compiles) memcpy(bytes, p->bytes, sizeof p->bytes);
    rb_program_free(p);
    rb_error_clear();
    return compiles;
}

/* Refused at batch 400, with the bytes needed and the largest batch within these limits, found here by trying all. */
static void too_little(const rb_layer *layers, int n_train, size_t memory, size_t segment, size_t really,
                       const char *part) {
    noise *s = make_noise(n_train, 40);
    opened o = open_device("cpu");
    rb_backend small = *o.backend;
    small.info = small_info, small.store_new = small_store_new;
    told_memory = memory, told_segment = segment, true_memory = really;
    rb_case c = {.name = "test/small", .layers = layers, .batch = 400};
    size_t bytes[RB_SEGMENTS], most = memory ? memory : really;
    char expected[128], text[sizeof rb_error_last()->text];
    rb_trainer *t;
    int best = 0;
    for (int b = 1; b < 400; b++) {
        bool fit = bytes_of(&o, c, &s->data, b, bytes) && !(most && sum_of(bytes) > most);
        for (int k = 0; k < RB_SEGMENTS; k++) fit = fit && !(segment && bytes[k] > segment);
        if (fit) best = b;
    }
    assert_int_equal(rb_trainer_new(&small, o.device, &c, &s->data, 1, &t), RB_MEMORY);
    assert_null(t);
    snprintf(text, sizeof text, "%s", rb_error_last()->text);
    print_message("%s\n", text);
    assert_true(bytes_of(&o, c, &s->data, 400, bytes));
    snprintf(expected, sizeof expected, "(%zu bytes, of which act %zu) on cpu", sum_of(bytes), bytes[RB_SEG_ACT]);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, part));
    if (best)
        snprintf(expected, sizeof expected, "; a batch of %d would fit (-B %d)", best, best);
    else {
        assert_true(bytes_of(&o, c, &s->data, 1, bytes));
        snprintf(expected, sizeof expected, "(%zu bytes, of which data %zu)", sum_of(bytes), bytes[RB_SEG_DATA]);
        assert_non_null(strstr(text, "; no batch fits: batch 1 needs "));
    }
    if (!strstr(text, expected)) fail_msg("expected: %s", expected);
    rb_error_clear();
    if (best) {
        c.batch = best;
        assert_ok(rb_trainer_new(&small, o.device, &c, &s->data, 1, &t));
        rb_trainer_free(t);
    }
    o.backend->close(o.device);
    free(s);
}

static void too_little_memory_names_the_batch_that_fits(void **state) {
    (void)state;
    static const rb_layer normalized[] = {RB_CONV(8, .kernel = 3), RB_LINEAR(16), RB_BATCHNORM, RB_LINEAR(10), RB_END};
    too_little(cnn, 512, 20 << 20, 0, 0, ", which has 20.00 MiB;");
    too_little(cnn, 512, 2 << 20, 0, 0, ", which has 2.00 MiB;"); /* then evaluation too has small batches */
    too_little(cnn, 512, 0, 5 << 20, 0, ", which has unknown memory, in one segment at most 5.00 MiB;");
    too_little(cnn, 512, 1 << 30, 9 << 20, 0, ", which has 1.00 GiB, in one segment at most 9.00 MiB;");
    too_little(cnn, 512, 0, 0, 20 << 20, ", which failed (the driver has no more);");
    too_little(cnn, 512, 400 << 10, 0, 0, ", which has 400.00 KiB;"); /* the data alone is more */
    too_little(cnn, 512, 0, 0, 400 << 10, ", which failed (");
    too_little(cnn, 512, 400, 0, 0, ", which has 400 bytes;");
    /* Of 513 rows a batch of 128 leaves one over, which batch norm refuses: 127 is what fits, to the byte. */
    noise *n = make_noise(513, 40);
    opened o = open_device("cpu");
    size_t bytes[RB_SEGMENTS];
    rb_case c = {.name = "test/small", .layers = normalized};
    assert_false(bytes_of(&o, c, &n->data, 128, bytes));
    assert_true(bytes_of(&o, c, &n->data, 127, bytes));
    o.backend->close(o.device);
    free(n);
    too_little(normalized, 513, sum_of(bytes), 0, 0, "; a batch of 127 would fit (-B 127)");
    too_little(normalized, 513, 0, bytes[RB_SEG_ACT], 0, "; a batch of 127 would fit (-B 127)");
    too_little(normalized, 513, sum_of(bytes) - 1, 0, 0, "; a batch of 126 would fit (-B 126)");
}

static void splits_are_disjoint(void **state) {
    (void)state;
    noise *s = make_noise(64, 40);
    for (int i = 0; i < 104; i++) s->labels[i] = i; /* labels name their rows */
    opened o = open_device("reference");
    rb_case c = {.name = "test/split", .layers = mlp, .batch = 8, .n_train = 40, .n_valid = 24};
    rb_trainer *t;
    int32_t train[40], valid[24], test[40], seen[104] = {0};
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 1, &t));
    assert_int_equal(rb_trainer_rows(t, RB_SPLIT_VALID), 24);
    rb_trainer_labels(t, RB_SPLIT_TRAIN, 40, train);
    rb_trainer_labels(t, RB_SPLIT_VALID, 24, valid);
    rb_trainer_labels(t, RB_SPLIT_TEST, 40, test);
    for (int i = 0; i < 40; i++) seen[train[i]]++, seen[test[i]]++;
    for (int i = 0; i < 24; i++) seen[valid[i]]++;
    for (int i = 0; i < 104; i++) assert_int_equal(seen[i], 1);
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

/* What is smaller than the smallest normal number counts as zero on the cpu, which would be slow with it: here weights
 * that nothing changes, since their inputs are zero. The reference keeps them, and so does the caller's arithmetic. */
static void subnormal_numbers_are_zero(void **state) {
    (void)state;
    static float w[64 * 784];
    noise *s = make_noise(64, 40);
    volatile float tiny = 1e-40f;
    memset(s->x, 0, sizeof s->x);
    for (int d = 0; d < 2; d++) {
        opened o = open_device(devices[d]);
        rb_case c = {.name = "test/tiny", .layers = mlp, .batch = 32, .epochs = 1, .lr = 0.1f};
        rb_trainer *t;
        rb_run_result r;
        for (int i = 0; i < 64 * 784; i++) w[i] = tiny;
        assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 1, &t));
        const rb_program *p = rb_trainer_program(t);
        assert_ok(rb_tensor_put(o.backend, rb_trainer_store(t), p, &p->params[0].tensor, w));
        assert_ok(rb_train(t, &(rb_run_options){.no_eval = true}, &r));
        assert_ok(rb_trainer_get_param(t, 0, w));
        for (int i = 0; i < 64 * 784; i++) assert_true(w[i] == (d ? 0.0f : tiny));
        assert_true(tiny * 0.5f > 0.0f);
        rb_trainer_free(t);
        o.backend->close(o.device);
    }
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_two_samples_overfit),
        cmocka_unit_test(same_seed_same_bits),
        cmocka_unit_test(divergence_is_an_outcome),
        cmocka_unit_test(expectations_are_judged),
        cmocka_unit_test(max_steps_stops_and_evaluates_once),
        cmocka_unit_test(a_flag_stops_the_run),
        cmocka_unit_test(impossible_cases_are_refused),
        cmocka_unit_test(too_little_memory_names_the_batch_that_fits),
        cmocka_unit_test(splits_are_disjoint),
        cmocka_unit_test(subnormal_numbers_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
