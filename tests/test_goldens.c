/* test_goldens.c: the first 20 steps of every case on every device, and the evaluation after them, against PyTorch's.
 *
 * usage: test_goldens [DEVICE..]; default: REGBENCH_DEVICE, else reference and cpu. REGBENCH_THREADS and REGBENCH_ISA
 * as for the program; REGBENCH_QUICK=1: one seed; REGBENCH_QUIRKS: of the device; REGBENCH_GOLDEN=size/mlp,cnn/mnist:
 * only these cases; REGBENCH_STEPS: at most so many, then no evaluation. On the reference convolutions run 3 steps
 * (those of ResNet none: only its initialization is compared), with REGBENCH_SLOW=1 all of them and every seed. A case
 * whose data set is not at hand, or that the device cannot run yet, skips by name. */
#include "golden_run.h"

enum { MAX_TESTS = 256, CHEAP_STEPS = 3 };

typedef struct golden {
    char title[96], device[32], name[64];
    int seed;
} golden;

static rb_csv steps_csv, evals_csv;

typedef struct record {
    int n;
    rb_step_metrics m[32];
} record;

static int on_step(void *context, int64_t step, const rb_step_metrics *m) {
    record *r = context;
    assert_in_range(step, r->n, r->n);
    r->m[r->n++] = *m;
    return 0;
}

static bool has_convolution(const rb_case *c) {
    for (const rb_layer *l = c->layers; l->kind != RB_LAYER_END; l++)
        if (l->kind == RB_LAYER_CONV) return true;
    return false;
}

/* The last step that the goldens know of a case: a chaotic one has fewer than 20. */
static int last_step(const golden *g) {
    int last = -1;
    for (int row = 0; row < steps_csv.n_rows; row++)
        if (strcmp(rb_csv_get(&steps_csv, row, "case"), g->name) == 0 &&
            atoi(rb_csv_get(&steps_csv, row, "seed")) == g->seed)
            last = atoi(rb_csv_get(&steps_csv, row, "step"));
    return last;
}

/* A driver's exp and division may be a few units off, so that 1e-4 is allowed everywhere on OpenCL. */
static double tolerance(const golden *g, double tol) {
    return strncmp(g->device, "opencl", 6) == 0 && tol < 1e-4 ? 1e-4 : tol;
}

/* After which step the golden evaluation was made; 0 = there is none. */
static int eval_step(const golden *g) {
    for (int row = 0; row < evals_csv.n_rows; row++)
        if (!strcmp(rb_csv_get(&evals_csv, row, "case"), g->name) &&
            atoi(rb_csv_get(&evals_csv, row, "seed")) == g->seed)
            return atoi(rb_csv_get(&evals_csv, row, "after_step"));
    return 0;
}

static void compare_steps(const golden *g, const record *r) {
    int compared = 0, last = last_step(g);
    for (int row = 0; row < steps_csv.n_rows; row++) {
        if (strcmp(rb_csv_get(&steps_csv, row, "case"), g->name) ||
            atoi(rb_csv_get(&steps_csv, row, "seed")) != g->seed)
            continue;
        int step = atoi(rb_csv_get(&steps_csv, row, "step"));
        double tol = tolerance(g, golden_number(&steps_csv, row, "tol"));
        if (step >= r->n) continue;
        const struct {
            const char *column;
            double got;
        } value[] = {{"param_l2", r->m[step].param_l2}, {"loss", r->m[step].loss}, {"grad_l2", r->m[step].grad_l2}};
        for (int k = 0; k < (step ? 3 : 1); k++) {
            double expected = golden_number(&steps_csv, row, value[k].column);
            if (!near_golden(value[k].got, expected, tol))
                fail_msg("step %d: %s is %.9g, PyTorch has %.9g (relative %.2g, allowed %.2g)", step, value[k].column,
                         value[k].got, expected, fabs(value[k].got / expected - 1), tol);
        }
        compared++;
    }
    assert_int_equal(compared, r->n <= last ? r->n : last + 1);
}

static void compare_eval(const golden *g, const rb_run_result *result, double loss) {
    int compared = 0;
    for (int row = 0; row < evals_csv.n_rows; row++) {
        if (strcmp(rb_csv_get(&evals_csv, row, "case"), g->name) ||
            atoi(rb_csv_get(&evals_csv, row, "seed")) != g->seed)
            continue;
        double expected = golden_number(&evals_csv, row, "val_loss_2000");
        double tol = tolerance(g, golden_number(&evals_csv, row, "tol"));
        if (!near_golden(loss, expected, tol)) fail_msg("validation loss is %.9g, PyTorch has %.9g", loss, expected);
        /* One sample of 2,000 may lie so near a decision boundary that rounding turns it; where rounding honestly moves
         * the loss by a share `tol` (PyTorch's own float32 turns two of tricks/cnn-batchnorm's), as large a share. */
        double accuracy = golden_number(&evals_csv, row, "val_acc_2000"), turned = tol > 0.00051 ? tol : 0.00051;
        if (strcmp(g->name, "toy/regression") == 0)
            assert_true(isnan(result->val_acc_final));
        else if (!(fabs(result->val_acc_final - accuracy) < turned))
            fail_msg("validation accuracy is %g, PyTorch has %g", result->val_acc_final, accuracy);
        compared++;
    }
    /* after 20 steps these are too chaotic for any tolerance: PyTorch's own float32 runs differ by more */
    static const char *const chaotic[] = {"cnn/cifar-momentum", "trajectory/batchnorm", "trajectory/batchnorm-dropout",
                                          "tricks/lr0.9",       "tricks/resnet-plain",  "tricks/resnet-skip"};
    int expected = 1;
    for (size_t i = 0; i < sizeof chaotic / sizeof *chaotic; i++) expected &= strcmp(g->name, chaotic[i]) != 0;
    assert_int_equal(compared, expected);
}

typedef struct watch {
    record steps;
    double val_loss;
} watch;

static int on_epoch(void *context, const rb_epoch_result *e) {
    ((watch *)context)->val_loss = e->val_loss;
    return 0;
}

static bool flagged(const char *variable) {
    const char *flag = getenv(variable);
    return flag && *flag && strcmp(flag, "0");
}
/* Among the cases that REGBENCH_GOLDEN lists. */
static bool wanted(const char *name) {
    const char *list = getenv("REGBENCH_GOLDEN");
    size_t length = strlen(name);
    if (!list || !*list) return true;
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == length && strncmp(list, name, length) == 0) return true;
    return false;
}
static bool slow(void) { return flagged("REGBENCH_SLOW"); }

static void first_steps(void **state) {
    const golden *g = *state;
    const rb_case *c;
    rb_device *device = NULL;
    rb_trainer *trainer = NULL;
    rb_run_result result;
    watch w = {.steps.n = 0};
    assert_ok(rb_case_find(g->name, &c));
    rb_dataset *data = golden_data_of(c->dataset, (uint64_t)g->seed);
    if (!data) skip();
    if (!golden_files(data)) skip();
    rb_device_id id = found_device(g->device);
    const char *threads = getenv("REGBENCH_THREADS"), *isa = getenv("REGBENCH_ISA");
    rb_open_options open = {.threads = threads ? atoi(threads) : 0,
                            .provider = getenv("REGBENCH_PROVIDER"),
                            .quirks = getenv("REGBENCH_QUIRKS")};
    rb_status opened = id.backend->open(id.index, &open, &device);
    if (isa && opened == RB_USAGE) { /* an instruction set that this machine lacks */
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    }
    assert_ok(opened);
    rb_status made = rb_trainer_new(id.backend, device, c, data, (uint64_t)g->seed, &trainer);
    if (made == RB_UNSUPPORTED) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        id.backend->close(device);
        skip();
    }
    assert_ok(made);
    bool cheap = strcmp(g->device, "reference") == 0 && has_convolution(c) && !slow();
    int steps = last_step(g) > eval_step(g) ? last_step(g) : eval_step(g);
    if (cheap && steps > CHEAP_STEPS) steps = CHEAP_STEPS;
    const char *limit = getenv("REGBENCH_STEPS");
    bool evaluates = !cheap && !(limit && atoi(limit) < steps);
    if (limit && atoi(limit) < steps) steps = atoi(limit);
    if (steps == 0 || (cheap && strstr(g->name, "resnet"))) { /* the initialization alone */
        w.steps.n = 1;
        assert_ok(rb_trainer_param_l2(trainer, &w.steps.m[0].param_l2));
        compare_steps(g, &w.steps);
        rb_trainer_free(trainer);
        id.backend->close(device);
        return;
    }
    rb_run_options options = {.max_steps = steps,
                              .no_eval = !evaluates,
                              .trajectory = true,
                              .context = &w,
                              .on_step = on_step,
                              .on_epoch = on_epoch};
    assert_ok(rb_train(trainer, &options, &result));
    assert_int_equal(result.outcome, RB_OK);
    assert_int_equal(w.steps.n, steps + 1);
    compare_steps(g, &w.steps);
    if (evaluates) compare_eval(g, &result, w.val_loss);
    rb_trainer_free(trainer);
    id.backend->close(device);
}

/* The comparator must be able to fail. */
static void comparator(void **state) {
    (void)state;
    assert_true(near_golden(2.0, 2.0, 1e-6));
    assert_true(near_golden(2.00001, 2.0, 1e-5));
    assert_false(near_golden(2.0001, 2.0, 1e-5));
    assert_false(near_golden(NAN, 2.0, 1.0));
    assert_false(near_golden(2.0, NAN, 1.0));
    assert_false(near_golden(0.0, 2e-3, 0.5));
}

/* Elsewhere where a build was taken along without its sources. */
static rb_status read_golden(const char *name, rb_csv *out) {
    const char *folder = getenv("REGBENCH_GOLDENS");
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : TEST_FOLDER "/goldens", name);
    return rb_csv_read(path, out);
}

int main(int argc, char **argv) {
    static golden goldens[MAX_TESTS];
    static struct CMUnitTest tests[MAX_TESTS + 1] = {{.name = "comparator", .test_func = comparator}};
    const char *named = getenv("REGBENCH_DEVICE"), *defaults[] = {named ? named : "reference", "cpu"};
    const char *const *devices = argc > 1 ? (const char *const *)argv + 1 : defaults;
    int n_devices = argc > 1 ? argc - 1 : named ? 1 : 2, n = 0;
    if (read_golden("steps.csv", &steps_csv) != RB_OK || read_golden("evals.csv", &evals_csv) != RB_OK) {
        fprintf(stderr, "test_goldens: %s\n", rb_error_last()->text);
        return 1;
    }
    for (int d = 0; d < n_devices; d++)
        for (int row = 0; row < steps_csv.n_rows; row++) {
            const rb_case *c;
            int seed = atoi(rb_csv_get(&steps_csv, row, "seed"));
            if (strcmp(rb_csv_get(&steps_csv, row, "step"), "0") || n == MAX_TESTS) continue;
            if (!wanted(rb_csv_get(&steps_csv, row, "case"))) continue;
            if (rb_case_find(rb_csv_get(&steps_csv, row, "case"), &c) != RB_OK) return 1;
            bool costly = strcmp(devices[d], "reference") == 0 && has_convolution(c);
            /* one step of a ResNet takes as long as all the rest: once per device is enough */
            if (flagged("REGBENCH_QUICK") && strstr(rb_csv_get(&steps_csv, row, "case"), "resnet")) continue;
            if ((costly || flagged("REGBENCH_QUICK")) && seed != 2021 && !slow()) continue;
            golden *g = &goldens[n++];
            snprintf(g->device, sizeof g->device, "%s", devices[d]);
            snprintf(g->name, sizeof g->name, "%s", rb_csv_get(&steps_csv, row, "case"));
            g->seed = seed;
            snprintf(g->title, sizeof g->title, "%s seed %d on %s", rb_csv_get(&steps_csv, row, "case"), g->seed,
                     devices[d]);
            tests[n] = (struct CMUnitTest){.name = g->title, .test_func = first_steps, .initial_state = g};
        }
    if (n == 0) {
        fprintf(stderr, "test_goldens: no golden case is named %s\n", getenv("REGBENCH_GOLDEN"));
        return 2;
    }
    int failed = _cmocka_run_group_tests("goldens", tests, (size_t)n + 1, NULL, NULL);
    golden_data(NULL);
    rb_csv_free(&steps_csv);
    rb_csv_free(&evals_csv);
    return failed;
}
