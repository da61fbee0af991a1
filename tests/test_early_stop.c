/* test_early_stop.c: rules for stopping early on sequences worked by hand; runs that stop, keep their best epoch, and
 * go on from a checkpoint to the same end. */
#include "noise.h"

#include <unistd.h>

#include "regbench/checkpoint.h"

/* --- the rules ------------------------------------------------------------------------------------------------------
 */

typedef struct figures {
    double train_loss, val_loss, val_acc;
} figures;

/* Feeds n epochs, and says after which the rule stopped (0: never). */
static int stops_after(rb_stop_rule rule, const figures *f, int n, rb_stop_state *s) {
    *s = (rb_stop_state){0};
    for (int t = 1; t <= n; t++) {
        double before = s->best_epoch;
        bool better = rb_stop_epoch(&rule, s, t, f[t - 1].train_loss, f[t - 1].val_loss, f[t - 1].val_acc);
        assert_int_equal(better, s->best_epoch != before);
        if (better) assert_true(s->best_epoch == t);
        if (s->stopped > 0) return t;
    }
    return 0;
}

/* Epoch     1   2   3   4   5   6   7   8
 * accuracy .3  .5  .5  .4  .6  .6  .5  .6
 * wait      0   0   1   2   0   1   2   3     equal is not better; 3 > 2 stops after epoch 8, epoch 5 was the best */
static void patience(void **state) {
    (void)state;
    rb_stop_state s;
    static const figures f[] = {{.val_acc = .3, .val_loss = 9},
                                {.val_acc = .5, .val_loss = 3},
                                {.val_acc = .5},
                                {.val_acc = .4},
                                {.val_acc = .6, .val_loss = 4},
                                {.val_acc = .6},
                                {.val_acc = .5},
                                {.val_acc = .6},
                                {.val_acc = .9}};
    rb_stop_rule rule = {.kind = RB_STOP_PATIENCE, .count = 2};
    assert_int_equal(stops_after(rule, f, 9, &s), 8);
    assert_true(s.best_epoch == 5 && s.best_acc == .6 && s.best_loss == 4);
    assert_int_equal(stops_after(rule, f, 7, &s), 0);
    /* who is asked again after the end changes nothing */
    stops_after(rule, f, 8, &s);
    assert_false(rb_stop_epoch(&rule, &s, 9, 0, 0, .9));
    assert_true(s.best_epoch == 5 && s.stopped == 1);
    rule.count = 0; /* no patience at all: the first epoch without a better one */
    assert_int_equal(stops_after(rule, f, 9, &s), 3);
}

/* Epoch    1     2       3      4
 * E_va     NaN   1       0.5    0.5      the lowest, the first of equals, and never a NaN; it goes on to the end */
static void opt(void **state) {
    (void)state;
    rb_stop_state s;
    static const figures f[] = {
        {.val_loss = NAN}, {.val_loss = 1}, {.val_loss = .5, .val_acc = .25}, {.val_loss = .5}, {.val_loss = 50}};
    assert_int_equal(stops_after((rb_stop_rule){.kind = RB_STOP_OPT}, f, 5, &s), 0);
    assert_true(s.best_epoch == 3 && s.best_loss == .5 && s.best_acc == .25);
    assert_int_equal(stops_after((rb_stop_rule){.kind = RB_STOP_NEVER}, f, 5, &s), 0);
    assert_true(s.best_epoch == 0);
}

/* Epoch    1     2        3     4        5
 * E_va     2     2.125    1     1.0625   1.09375
 * E_opt    2     2        1     1        1
 * GL       0     6.25     0     6.25     9.375   = 100 (E_va / E_opt - 1)
 * alpha 6.25: reached is not passed, epoch 5 stops; alpha 6: epoch 2 */
static void gl(void **state) {
    (void)state;
    rb_stop_state s;
    static const figures f[] = {
        {.val_loss = 2}, {.val_loss = 2.125}, {.val_loss = 1}, {.val_loss = 1.0625}, {.val_loss = 1.09375}};
    assert_int_equal(stops_after((rb_stop_rule){.kind = RB_STOP_GL, .alpha = 6.25f}, f, 5, &s), 5);
    assert_true(s.best_epoch == 3);
    assert_int_equal(stops_after((rb_stop_rule){.kind = RB_STOP_GL, .alpha = 6}, f, 5, &s), 2);
    assert_true(s.best_epoch == 1 && s.best_loss == 2);
    assert_int_equal(stops_after((rb_stop_rule){.kind = RB_STOP_GL, .alpha = 10}, f, 5, &s), 0);
}

/* Strips of 2 epochs, alpha 0.75:
 * Epoch      1     2      3     4      5       6       7        8
 * E_tr       4     2      2     2      1.0625  1       1.03125  1
 * E_va       1     1.25   9     1      9       1.125   9        1.125    lowest: 1, epoch 1; 9 is never at an end
 * mean/min       3/2          1           1.03125            1.015625
 * P = 1000 (mean/min - 1)
 *                500          0           31.25              15.625
 * GL              25          0           12.5               12.5
 * GL/P            0.05        0/0: no     0.4                0.8 > 0.75: stops after epoch 8 */
static void pq(void **state) {
    (void)state;
    rb_stop_state s;
    figures f[] = {{4, 1, 0},      {2, 1.25, 0},  {2, 9, 0},       {2, 1, 0},
                   {1.0625, 9, 0}, {1, 1.125, 0}, {1.03125, 9, 0}, {1, 1.125, 0}};
    rb_stop_rule rule = {.kind = RB_STOP_PQ, .alpha = 0.75f, .strip = 2};
    assert_int_equal(stops_after(rule, f, 8, &s), 8);
    assert_true(s.best_epoch == 1);
    rule.alpha = 0.3125f; /* 0.4 is more */
    assert_int_equal(stops_after(rule, f, 8, &s), 6);
    rule.alpha = 0.8f; /* in float a little more than 0.8 */
    assert_int_equal(stops_after(rule, f, 8, &s), 0);
    f[3].val_loss = 1.0625; /* GL 6.25 without any progress: 6.25/0 is more than any alpha */
    assert_int_equal(stops_after(rule, f, 8, &s), 4);
    rule.strip = 3; /* epochs 3 and 6 end strips: GL 800, P = 1000 (8/3 / 2 - 1) = 333.3, 800/333.3 = 2.4 */
    rule.alpha = 2.5f;
    assert_int_equal(stops_after(rule, f, 3, &s), 0);
    rule.alpha = 2.3f;
    assert_int_equal(stops_after(rule, f, 3, &s), 3);
}

/* Strips of 2 epochs:
 * Epoch          1    2    3    4     5    6      7    8      9    10
 * E_va           0.5  1    9    1.1   9    1.05   9    1.06   9    1.07
 * risen strips        -         1          0           1           2
 * UP(2) stops after epoch 10; UP(1) after epoch 4: the first strip has none before it. Equal is no rise. */
static void up(void **state) {
    (void)state;
    rb_stop_state s;
    figures f[] = {{0, .5, 0},   {0, 1, 0}, {0, 9, 0},    {0, 1.1, 0}, {0, 9, 0},
                   {0, 1.05, 0}, {0, 9, 0}, {0, 1.06, 0}, {0, 9, 0},   {0, 1.07, 0}};
    rb_stop_rule rule = {.kind = RB_STOP_UP, .count = 2, .strip = 2};
    assert_int_equal(stops_after(rule, f, 10, &s), 10);
    assert_true(s.best_epoch == 1 && s.best_loss == .5);
    rule.count = 1;
    assert_int_equal(stops_after(rule, f, 10, &s), 4);
    f[3].val_loss = 1;
    assert_int_equal(stops_after(rule, f, 10, &s), 6);
}

static void names(void **state) {
    (void)state;
    static const struct {
        rb_stop_rule rule;
        const char *text;
    } list[] = {{{0}, ""},
                {{RB_STOP_PATIENCE, 0, 20, 0}, "patience(20)"},
                {{RB_STOP_OPT, 0, 0, 0}, "E_opt"},
                {{RB_STOP_GL, 5, 0, 0}, "GL(5)"},
                {{RB_STOP_PQ, 0.75f, 0, 5}, "PQ(0.75) strip 5"},
                {{RB_STOP_UP, 0, 3, 5}, "UP(3) strip 5"}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char text[48];
        rb_stop_describe(&list[i].rule, text);
        assert_string_equal(text, list[i].text);
    }
}

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

static const char *const devices[] = {"reference", "cpu"};
static const rb_layer net[] = {RB_LINEAR(16), RB_RELU, RB_LINEAR(10), RB_END};
static char file[64];

/* Noise is learned by heart: validation loss rises soon. */
static rb_case noisy(rb_stop_rule rule) {
    return (rb_case){.name = "test/stop",
                     .layers = net,
                     .dataset = "noise",
                     .batch = 32,
                     .epochs = 60,
                     .lr = 0.05f,
                     .n_train = 64,
                     .n_valid = 40,
                     .momentum = 0.5f,
                     .stop = rule,
                     .expect = RB_EXPECT_ANYTHING};
}

static const rb_stop_rule rules[] = {{RB_STOP_PATIENCE, 0, 8, 0},
                                     {RB_STOP_OPT, 0, 0, 0},
                                     {RB_STOP_GL, 5, 0, 0},
                                     {RB_STOP_PQ, 0.06f, 0, 4},
                                     {RB_STOP_UP, 0, 2, 3}};
enum { RULES = sizeof rules / sizeof *rules, WEIGHTS = 16 * 784 };

/* Sees a run: figures of every epoch, first weights after every epoch; writes a checkpoint after epoch `at`. */
typedef struct watcher {
    rb_trainer *t;
    int n, at;
    figures f[60];
    float (*weights)[WEIGHTS]; /* (60, WEIGHTS), NULL: not wanted */
    bool stopped;
} watcher;

static int watch(void *context, const rb_epoch_result *e) {
    watcher *w = context;
    w->f[e->epoch - 1] = (figures){e->train_loss, e->val_loss, e->val_acc};
    w->n = e->epoch;
    w->stopped = e->stop.stopped > 0;
    if (w->weights) assert_ok(rb_trainer_get_param(w->t, 0, w->weights[e->epoch - 1]));
    rb_checkpoint_head head = {.run_id = "x-0001", .seed = 3, .at = *e, .best = e->stop.best_epoch > 0};
    if (e->epoch == w->at || (w->at < 0 && w->stopped)) assert_ok(rb_checkpoint_write(w->t, &head, file));
    return 0;
}

typedef struct ran {
    rb_run_result result;
    float weights[WEIGHTS]; /* at the end */
    double loss, accuracy;  /* of the validation split, then */
    int epochs;             /* number of the last one seen; 0 = none */
} ran;

/* A run on fresh noise; `from`: of the checkpoint. */
static ran run(const char *device, const rb_case *c, watcher *w, bool from) {
    ran r = {.epochs = 0};
    noise *s = make_noise(140, 30);
    opened o = open_device(device);
    rb_checkpoint *kept = NULL;
    rb_run_options options = {.context = w, .on_epoch = watch};
    assert_ok(rb_trainer_new(o.backend, o.device, c, &s->data, 3, &w->t));
    if (from) {
        assert_ok(rb_checkpoint_open(file, &kept));
        assert_ok(rb_checkpoint_restore(kept, w->t, 3));
        options.from = &rb_checkpoint_head_of(kept)->at;
    }
    assert_ok(rb_train(w->t, &options, &r.result));
    r.epochs = w->n;
    assert_ok(rb_trainer_get_param(w->t, 0, r.weights));
    assert_ok(rb_trainer_eval(w->t, RB_SPLIT_VALID, 0, &r.loss, &r.accuracy, NULL));
    rb_checkpoint_close(kept);
    rb_trainer_free(w->t);
    o.backend->close(o.device);
    free(s);
    return r;
}

static void stops_and_keeps_the_best(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < RULES; i++) {
            rb_case c = noisy(rules[i]);
            rb_stop_state s;
            watcher w = {.weights = calloc(60, sizeof *w.weights)};
            ran r = run(devices[d], &c, &w, false);
            assert_int_equal(r.result.outcome, RB_OK);
            /* what the epochs were is what the rule decides on */
            int expected = stops_after(rules[i], w.f, w.n, &s);
            assert_int_equal(r.result.epochs_run, expected ? expected : 60);
            assert_int_equal(r.result.stop.stopped > 0, expected > 0);
            if (rules[i].kind != RB_STOP_OPT) assert_in_range(expected, 2, 59); /* else nothing was tested */
            int best = (int)r.result.stop.best_epoch;
            assert_true(best == (int)s.best_epoch && best < r.result.epochs_run);
            assert_true(r.result.restored);
            assert_memory_equal(r.weights, w.weights[best - 1], sizeof r.weights);
            assert_memory_not_equal(r.weights, w.weights[w.n - 1], sizeof r.weights);
            assert_true(r.accuracy == r.result.stop.best_acc && r.loss == r.result.stop.best_loss);
            free(w.weights);
        }
}

static void goes_on_to_the_same_end(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < RULES; i++) {
            rb_case c = noisy(rules[i]);
            watcher w = {.at = 5}; /* within a strip of 4 and of 3 */
            ran whole = run(devices[d], &c, &w, false);
            assert_true(whole.result.epochs_run > 5);
            watcher again = {0};
            ran resumed = run(devices[d], &c, &again, true);
            assert_int_equal(resumed.result.epochs_run, whole.result.epochs_run);
            assert_memory_equal(&resumed.result.stop, &whole.result.stop, sizeof whole.result.stop);
            assert_memory_equal(resumed.weights, whole.weights, sizeof whole.weights);
            if (rules[i].kind == RB_STOP_OPT) continue;
            /* from the last epoch of a run that has stopped: no other epoch, the same parameters */
            watcher last = {.at = -1}, none = {0};
            run(devices[d], &c, &last, false);
            ran after = run(devices[d], &c, &none, true);
            assert_int_equal(after.epochs, 0);
            assert_int_equal(after.result.epochs_run, whole.result.epochs_run);
            assert_memory_equal(after.weights, whole.weights, sizeof whole.weights);
        }
    /* a checkpoint of another rule is of other work */
    rb_case c = noisy(rules[0]), other = noisy(rules[2]);
    watcher w = {.at = 2};
    run("cpu", &c, &w, false);
    noise *s = make_noise(140, 30);
    opened o = open_device("cpu");
    rb_checkpoint *kept;
    rb_trainer *t;
    assert_ok(rb_checkpoint_open(file, &kept));
    assert_ok(rb_trainer_new(o.backend, o.device, &other, &s->data, 3, &t));
    assert_int_equal(rb_checkpoint_restore(kept, t, 3), RB_MISMATCH);
    assert_non_null(strstr(rb_error_last()->text, "early stop"));
    rb_error_clear();
    rb_checkpoint_close(kept);
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

static void parts_of_a_run(void **state) {
    (void)state;
    rb_case c = noisy(rules[0]);
    noise *s = make_noise(140, 30);
    opened o = open_device("reference");
    rb_trainer *t;
    rb_run_result r;
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 3, &t));
    assert_ok(rb_train(t, &(rb_run_options){.max_steps = 2}, &r)); /* one epoch, evaluated for itself alone */
    assert_true(r.stop.best_epoch == 0 && !r.restored);
    assert_ok(rb_train(t, &(rb_run_options){.no_eval = true}, &r));
    assert_int_equal(r.epochs_run, 60);
    assert_true(r.stop.best_epoch == 0 && !r.restored);
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

static void impossible_rules(void **state) {
    (void)state;
    static const rb_stop_rule bad[] = {
        {RB_STOP_PQ, 1, 0, 0}, {RB_STOP_UP, 0, 3, 0}, {RB_STOP_UP, 0, 0, 5}, {RB_STOP_PATIENCE, 0, -1, 0}};
    rb_dataset data = {.name = "noise", .n_train = 140, .n_test = 30, .C = 1, .H = 28, .W = 28, .classes = 10};
    rb_spec spec;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rb_case c = noisy(bad[i]);
        assert_int_equal(rb_case_spec(&c, &data, &spec), RB_USAGE);
        assert_non_null(strstr(rb_error_last()->text, "stopping early"));
        rb_error_clear();
    }
    rb_case c = noisy(rules[0]);
    assert_ok(rb_case_spec(&c, &data, &spec));
    c.in_order = true, c.window_epochs = 5;
    assert_int_equal(rb_case_spec(&c, &data, &spec), RB_USAGE);
    rb_error_clear();
}

static int begin(void **state) {
    (void)state;
    snprintf(file, sizeof file, "/tmp/regbench-stop-XXXXXX");
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state) {
    (void)state;
    return unlink(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(patience),
                                       cmocka_unit_test(opt),
                                       cmocka_unit_test(gl),
                                       cmocka_unit_test(pq),
                                       cmocka_unit_test(up),
                                       cmocka_unit_test(names),
                                       cmocka_unit_test(stops_and_keeps_the_best),
                                       cmocka_unit_test(goes_on_to_the_same_end),
                                       cmocka_unit_test(parts_of_a_run),
                                       cmocka_unit_test(impossible_rules)};
    return cmocka_run_group_tests(tests, begin, end);
}
