/* test_models.c: networks and settings drawn at random, against PyTorch's float64: every step's loss and norms, and the
 * validation loss after each epoch. What goldens/models.py says of them is read from goldens/models.csv.
 *
 * usage: test_models [DEVICE[@THREADS]]..    (without: the reference, in float and double, and the cpu) */
#include "golden_run.h"
#include "reference/reference.h"
#include "support.h"

enum { LAYERS = 64, ROWS = 64, PIXELS = 17 * 13 * 13, STEPS = 8 };

typedef struct drawn {
    rb_case c;
    rb_dataset data;
    rb_layer layers[LAYERS];
    char text[2048]; /* the layers' tags point into it */
    uint64_t seed;
    uint8_t x[ROWS * PIXELS];
    float values[ROWS * PIXELS], targets[ROWS * 17];
    int32_t labels[ROWS];
} drawn;

typedef struct seen {
    int n, epochs; /* steps after the first, epochs */
    rb_step_metrics step[128];
    double valid[8];
    int64_t last[8]; /* step of each epoch */
} seen;

static rb_csv csv;
static const char *only[8];
static int n_only;

/* --- from the file --------------------------------------------------------------------------------------------------
 */

static void set_number(drawn *d, const char *name, double v) {
    rb_case *c = &d->c;
    rb_dataset *s = &d->data;
    const struct {
        const char *name;
        int *to;
    } wholes[] = {{"C", &s->C},         {"H", &s->H},           {"W", &s->W},           {"classes", &s->classes},
                  {"batch", &c->batch}, {"epochs", &c->epochs}, {"train", &c->n_train}, {"valid", &c->n_valid}};
    const struct {
        const char *name;
        float *to;
    } reals[] = {{"lr", &c->lr}, {"momentum", &c->momentum},      {"decay", &c->weight_decay}, {"l1", &c->l1},
                 {"l2", &c->l2}, {"temperature", &c->temperature}};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (!strcmp(name, wholes[i].name)) *wholes[i].to = (int)v, name = "";
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!strcmp(name, reals[i].name)) *reals[i].to = (float)v, name = "";
    if (!strcmp(name, "regression"))
        s->regression = v != 0;
    else if (!strcmp(name, "rows"))
        s->n_train = (int64_t)v;
    else if (!strcmp(name, "test"))
        s->n_test = (int64_t)v;
    else if (!strcmp(name, "order"))
        c->in_order = v != 0;
    else if (!strcmp(name, "seed"))
        d->seed = (uint64_t)v;
    else if (!strcmp(name, "adam"))
        c->optimizer = v != 0 ? RB_ADAM : RB_SGD;
    else if (*name)
        fail_msg("unknown setting %s", name);
}

static void set_layer(rb_layer *l, const char *name, const char *value) {
    const struct {
        const char *name;
        int *to;
    } wholes[] = {{"units", &l->units}, {"kernel", &l->kernel}, {"stride", &l->stride}, {"pad", &l->pad}};
    const struct { const char *name, **to; } texts[] = {{"tag", &l->tag}, {"from", &l->from}, {"with", &l->with}};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (!strcmp(name, wholes[i].name)) *wholes[i].to = atoi(value), name = "";
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i].name)) *texts[i].to = value, name = "";
    if (!strcmp(name, "slope"))
        l->slope = strtof(value, NULL);
    else if (!strcmp(name, "no_bias"))
        l->no_bias = *value == '1';
    else if (*name)
        fail_msg("unknown property %s", name);
}

/* "C=1 H=2 ..; conv units=8 kernel=3 ..; relu; .." */
static void parse(drawn *d, const char *text) {
    char *part_end, *word_end;
    int n = -1; /* settings, then layers */
    assert_true(strlen(text) < sizeof d->text);
    strcpy(d->text, text);
    for (char *part = strtok_r(d->text, ";", &part_end); part; part = strtok_r(NULL, ";", &part_end), n++) {
        assert_true(n + 1 < LAYERS);
        for (char *word = strtok_r(part, " ", &word_end); word; word = strtok_r(NULL, " ", &word_end)) {
            char *value = strchr(word, '=');
            if (value) *value++ = '\0';
            for (int k = RB_LAYER_LINEAR; !value && k < RB_LAYER_KINDS; k++)
                if (!strcmp(word, rb_layer_name((rb_layer_kind)k))) d->layers[n].kind = (rb_layer_kind)k;
            if (value && n < 0) set_number(d, word, strtod(value, NULL));
            if (value && n >= 0) set_layer(&d->layers[n], word, value);
        }
        if (n >= 0) assert_int_not_equal(d->layers[n].kind, RB_LAYER_END);
    }
}

static void fill(drawn *d, uint64_t number) {
    rb_dataset *s = &d->data;
    stream words = {number};
    int64_t rows = s->n_train + s->n_test, pixels = (int64_t)s->C * s->H * s->W;
    assert_true(rows <= ROWS && pixels <= PIXELS && s->classes <= 17);
    for (int64_t i = 0; i < rows * pixels; i++)
        if (s->regression)
            d->values[i] = (float)(4 * stream_unit(&words) - 2);
        else
            d->x[i] = (uint8_t)(stream_next(&words) % 256);
    for (int64_t i = 0; i < rows * (s->regression ? s->classes : 1); i++)
        if (s->regression)
            d->targets[i] = (float)(4 * stream_unit(&words) - 2);
        else
            d->labels[i] = (int32_t)(stream_next(&words) % (uint64_t)s->classes);
    s->x_dtype = s->regression ? RB_F32 : RB_U8;
    s->x = s->regression ? (const void *)d->values : d->x;
    if (s->regression)
        s->targets = d->targets;
    else
        s->labels = d->labels;
    s->mean = 0.5f, s->stddev = 0.25f;
    strcpy(s->name, "drawn");
    strcpy(s->sha256, "drawn");
}

static drawn *read_model(int row) {
    drawn *d = calloc(1, sizeof *d);
    assert_non_null(d);
    parse(d, rb_csv_get(&csv, row, "text"));
    d->c.name = "test/drawn";
    d->c.dataset = "drawn";
    d->c.layers = d->layers;
    d->c.expect = RB_EXPECT_ANYTHING;
    if (d->data.regression) d->c.temperature = 0;
    if (!d->c.n_valid) d->c.n_train = 0; /* all of them, and the test set validates */
    fill(d, strtoull(rb_csv_get(&csv, row, "model"), NULL, 10));
    return d;
}

/* --- on a device ----------------------------------------------------------------------------------------------------
 */

static int on_step(void *context, int64_t step, const rb_step_metrics *m) {
    seen *s = context;
    assert_in_range(step, 0, 127);
    s->step[step] = *m;
    s->n = (int)step;
    return 0;
}

static int on_epoch(void *context, const rb_epoch_result *e) {
    seen *s = context;
    assert_true(s->epochs < 8);
    s->last[s->epochs] = e->step;
    s->valid[s->epochs++] = e->val_loss;
    return 0;
}

static void run(const drawn *d, const char *device, seen *out) {
    char name[64];
    rb_device_id id = {&rb_backend_reference64, 0};
    rb_device *opened;
    rb_trainer *t;
    rb_run_result result;
    const char *threads = strrchr(device, '@');
    snprintf(name, sizeof name, "%.*s", (int)(threads ? threads - device : (long)strlen(device)), device);
    if (strcmp(name, "reference64") != 0) id = found_device(name);
    assert_ok(id.backend->open(id.index, &(rb_open_options){.threads = threads ? atoi(threads + 1) : 0}, &opened));
    assert_ok(rb_trainer_new(id.backend, opened, &d->c, &d->data, d->seed, &t));
    *out = (seen){0};
    assert_ok(rb_train(
        t, &(rb_run_options){.context = out, .trajectory = true, .on_step = on_step, .on_epoch = on_epoch}, &result));
    assert_int_equal(result.outcome, RB_OK);
    rb_trainer_free(t);
    id.backend->close(opened);
}

/* A row of the file against what was seen; false: they are apart. */
static bool agrees(int row, const seen *s) {
    int step = atoi(rb_csv_get(&csv, row, "step"));
    double tol = golden_number(&csv, row, "tol"), valid = golden_number(&csv, row, "valid_loss"), got = NAN;
    if (step > s->n) return false;
    const rb_step_metrics *m = &s->step[step];
    for (int e = 0; e < s->epochs; e++)
        if (s->last[e] == step) got = s->valid[e];
    if (isnan(valid) != isnan(got) || (!isnan(valid) && !near_golden(got, valid, tol))) return false;
    if (!near_golden(m->param_l2, golden_number(&csv, row, "param_l2"), tol)) return false;
    return step == 0 || (near_golden(m->loss, golden_number(&csv, row, "loss"), tol) &&
                         near_golden(m->grad_l2, golden_number(&csv, row, "grad_l2"), tol));
}

static void models_are_pytorchs(void **state) {
    static const char *const usual[] = {"reference64", "reference", "cpu@1", "cpu@2"};
    (void)state;
    int n = n_only ? n_only : 4, models = 0, steps = 0, kinds[RB_LAYER_KINDS] = {0};
    for (int row = 0; row < csv.n_rows;) {
        drawn *d = read_model(row);
        int end = row + 1;
        while (end < csv.n_rows && !*rb_csv_get(&csv, end, "text")) end++;
        for (int k = 0; k < n; k++) {
            const char *device = n_only ? only[k] : usual[k];
            seen s;
            run(d, device, &s);
            for (int r = row; r < end; r++)
                if (!agrees(r, &s))
                    fail_msg("model %s on %s: step %s differs from PyTorch's: %s", rb_csv_get(&csv, row, "model"),
                             device, rb_csv_get(&csv, r, "step"), rb_csv_get(&csv, row, "text"));
        }
        for (const rb_layer *l = d->layers; l->kind != RB_LAYER_END; l++) kinds[l->kind]++;
        models++;
        steps += end - row - 1;
        row = end;
        free(d);
    }
    assert_int_equal(models, 64);
    assert_true(steps > 300);
    for (int k = RB_LAYER_LINEAR; k < RB_LAYER_KINDS; k++)
        if (!kinds[k] && k != RB_LAYER_DROPOUT) fail_msg("no model has a %s", rb_layer_name((rb_layer_kind)k));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(models_are_pytorchs)};
    for (int i = 1; i < argc && n_only < 8; i++) only[n_only++] = argv[i];
    if (rb_csv_read(TEST_FOLDER "/goldens/models.csv", &csv) != RB_OK) {
        fprintf(stderr, "%s\n", rb_error_last()->text);
        return 1;
    }
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rb_csv_free(&csv);
    return failures;
}
