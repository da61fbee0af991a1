/* test_case.c: finding cases by name, changing them by overrides, and the text that decides which runs may be compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "regbench/lab.h"
#include "support.h"

static int clear(void **state) {
    (void)state;
    rb_error_clear();
    return 0;
}

static void assert_fails(rb_status status, const char *text) {
    assert_int_equal(status, RB_USAGE);
    assert_non_null(rb_error_last());
    assert_string_equal(rb_error_last()->text, text);
    rb_error_clear();
}

static const rb_case *found(const char *name) {
    const rb_case *c = NULL;
    assert_int_equal(rb_case_find(name, &c), RB_OK);
    assert_string_equal(c->name, name);
    return c;
}

/* --- find ------------------------------------------------------------------------------------------------------- */

static void test_find(void **state) {
    (void)state;
    const rb_case *c;
    assert_string_equal(found("size/mlp")->model, "MLP");
    found("cnn/mnist-lr0.001");
    assert_fails(rb_case_find("size/mpl", &c),
                 "unknown case \"size/mpl\"; did you mean \"size/mlp\"? (`regbench list` shows all)");
    assert_fails(
        rb_case_find("cnn/mnist-momentun", &c),
        "unknown case \"cnn/mnist-momentun\"; did you mean \"cnn/mnist-momentum\"? (`regbench list` shows all)");
    assert_fails(rb_case_find("entirely-else", &c), "unknown case \"entirely-else\" (`regbench list` shows all)");
    assert_fails(rb_case_find("", &c), "unknown case \"\" (`regbench list` shows all)");
}

/* Every case of this build compiles on data of its shape, has a name of its own within its lab, and a sane recipe. */
static void test_every_case(void **state) {
    (void)state;
    int n = 0;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++, n++) {
            assert_ptr_equal(found(c->name), c); /* so no earlier case has this name */
            assert_true(strncmp(c->name, (*lab)->name, strlen((*lab)->name)) == 0);
            assert_int_equal(c->name[strlen((*lab)->name)], '/');
            assert_true(c->title && c->model && c->dataset && c->batch > 0 && c->epochs > 0 && c->lr > 0);
            if (c->base) { /* of the same data and work, but for the regularizer */
                const rb_case *base = found(c->base);
                assert_ptr_not_equal(base, c);
                assert_string_equal(base->dataset, c->dataset);
                assert_true(base->batch == c->batch && base->lr == c->lr && base->momentum == c->momentum);
                assert_int_equal(base->optimizer, c->optimizer);
            }
            for (int l = 0; l < TEST_LAYOUTS; l++) {
                rb_layout layout = test_layout(l);
                bool colour = strncmp(c->dataset, "cifar", 5) == 0, grey = strstr("mnist fashion", c->dataset);
                if (!colour && !grey) continue;
                rb_spec s = spec_of(c->layers, colour ? 3 : 1, colour ? 32 : 28, colour ? 32 : 28, 10, 8);
                s.optimizer = c->optimizer, s.momentum = c->momentum;
                rb_program_free(compiled(&s, &layout));
            }
        }
    assert_true(n >= 12);
}

/* --- edit ------------------------------------------------------------------------------------------------------- */

static const rb_layer tagged[] = {RB_CONV(4, .kernel = 3, .tag = "c"),
                                  RB_LEAKY_RELU(0.1f, .tag = "leak"),
                                  RB_MAXPOOL(2, .tag = "pool"),
                                  RB_DROPOUT(0.25f, .tag = "drop"),
                                  RB_LINEAR(7, .tag = "hidden"),
                                  RB_RELU_TAG("act"),
                                  RB_DROPOUT(0.5f),
                                  RB_LINEAR(10),
                                  RB_END};
static const rb_case tagged_case = {.name = "test/tagged",
                                    .layers = tagged,
                                    .dataset = "mnist",
                                    .batch = 8,
                                    .epochs = 3,
                                    .lr = 0.1f,
                                    .expect = RB_EXPECT_LEARNS};

static void test_edit_values(void **state) {
    (void)state;
    rb_case_edit e;
    assert_int_equal(rb_case_edit_begin(&e, &tagged_case), RB_OK);
    assert_ptr_equal(e.c.layers, e.layers);
    assert_string_equal(e.overrides, "");
    assert_int_equal(e.c.expect, RB_EXPECT_LEARNS);
    static const char *const sets[][2] = {
        {"epochs", "12"},       {"batch", "256"},      {"lr", "0.5"},           {"momentum", "0.9"},
        {"l1", "1e-4"},         {"l2", "0"},           {"weight-decay", ".25"}, {"dropout", "0.125"},
        {"optimizer", "sgd"},   {"train-size", "500"}, {"valid-size", "100"},   {"dataset", "fashion"},
        {"hidden.units", "99"}, {"c.kernel", "5"},     {"pool.kernel", "3"},    {"drop.p", "0.75"},
        {"leak.slope", "0.5"},  {"c.units", "6"},      {"hflip", "1"},          {"vflip", "0.25"},
        {"crop-pad", "4"},      {"rotate", "180"}};
    rb_text overrides = {0};
    for (int i = 0; i < (int)(sizeof sets / sizeof sets[0]); i++) {
        assert_int_equal(rb_case_edit_set(&e, sets[i][0], sets[i][1]), RB_OK);
        rb_text_printf(&overrides, "%s%s=%s", i ? " " : "", sets[i][0], sets[i][1]);
        assert_string_equal(e.overrides, rb_text_string(&overrides));
    }
    rb_text_free(&overrides);
    assert_int_equal(e.c.epochs, 12);
    assert_int_equal(e.c.batch, 256);
    assert_true(e.c.lr == 0.5f && e.c.momentum == 0.9f && e.c.l1 == 1e-4f && e.c.l2 == 0 && e.c.weight_decay == 0.25f);
    assert_int_equal(e.c.optimizer, RB_SGD);
    assert_int_equal(e.c.n_train, 500);
    assert_int_equal(e.c.n_valid, 100);
    assert_string_equal(e.c.dataset, "fashion");
    assert_int_equal(e.layers[4].units, 99);
    assert_int_equal(e.layers[0].units, 6);
    assert_int_equal(e.layers[0].kernel, 5);
    assert_int_equal(e.layers[2].kernel, 3);
    assert_true(e.layers[3].p == 0.75f && e.layers[6].p == 0.125f); /* dropout set both, drop.p then one */
    assert_true(e.layers[1].slope == 0.5f);
    assert_true(e.c.augment.hflip == 1 && e.c.augment.vflip == 0.25f && e.c.augment.rotate == 180);
    assert_int_equal(e.c.augment.crop_pad, 4);
    assert_int_equal(e.c.expect, RB_EXPECT_ANYTHING);
    assert_int_equal(tagged[4].units, 7); /* the lab's own data is as it was */
}

/* What the documents plot per step is recorded without being asked for. */
static void test_lab_steps(void **state) {
    (void)state;
    int n = 0;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++) {
            bool path = !strcmp((*lab)->name, "trajectory") && c->stop.kind == RB_STOP_NEVER;
            bool plotted = path || !strcmp((*lab)->name, "tricks") || !strcmp((*lab)->name, "toy");
            if (c->norms != plotted) fail_msg("%s", c->name);
            n += plotted;
        }
    assert_int_equal(n, 6 + 8 + 2);
}

/* Adam has no momentum: a value that would change nothing is refused, whichever of the two is set first. */
static void test_edit_optimizer(void **state) {
    (void)state;
    static const char says[] = "cannot set momentum=0.5 of case test/tagged: its optimizer is adam, which has none "
                               "(beta1 = 0.9 stands in for it)";
    rb_case_edit e;
    rb_case c = tagged_case;
    c.momentum = 0.25f;
    assert_int_equal(rb_case_edit_begin(&e, &c), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "optimizer", "adam"), RB_OK); /* the case's own rests */
    assert_int_equal(e.c.optimizer, RB_ADAM);
    assert_int_equal(rb_case_edit_check(&e), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "momentum", "0.5"), RB_OK);
    assert_fails(rb_case_edit_check(&e), says);
    assert_int_equal(rb_case_edit_set(&e, "momentum", "0"), RB_OK);
    assert_int_equal(rb_case_edit_check(&e), RB_OK);
    assert_int_equal(rb_case_edit_begin(&e, &c), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "lr", "0.5"), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "momentum", "0.5"), RB_OK);
    assert_int_equal(rb_case_edit_check(&e), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "optimizer", "adam"), RB_OK);
    assert_fails(rb_case_edit_check(&e), says);
}

/* What was adam's becomes SGD's, in the order of the command line, of old checkpoints and of published rows. */
static void test_edit_momentum_of_an_adam_case(void **state) {
    static const char *const orders[2][2][2] = {{{"momentum", "0.9"}, {"optimizer", "sgd"}},
                                                {{"optimizer", "sgd"}, {"momentum", "0.9"}}};
    static const char *const texts[] = {"momentum=0.9 optimizer=sgd", "optimizer=sgd momentum=0.9"};
    rb_case_edit e;
    (void)state;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(rb_case_edit_begin(&e, found("toy/regression")), RB_OK);
        assert_int_equal(e.c.optimizer, RB_ADAM);
        for (int i = 0; i < 2; i++) assert_int_equal(rb_case_edit_set(&e, orders[k][i][0], orders[k][i][1]), RB_OK);
        assert_int_equal(rb_case_edit_check(&e), RB_OK);
        assert_int_equal(e.c.optimizer, RB_SGD);
        assert_true(e.c.momentum == 0.9f);
        assert_string_equal(e.overrides, texts[k]);
    }
}

static void test_edit_bad_values(void **state) {
    (void)state;
    rb_case_edit e, before;
    assert_int_equal(rb_case_edit_begin(&e, &tagged_case), RB_OK);
    before = e;
    static const char *const reals[] = {"lr",     "momentum",   "l1",    "l2",    "weight-decay", "dropout",
                                        "drop.p", "leak.slope", "hflip", "vflip", "rotate"};
    static const char *const wholes[] = {"epochs",       "batch",    "train-size", "valid-size",
                                         "hidden.units", "c.kernel", "crop-pad"};
    static const char *const never[] = {"nan", "inf", "-inf", "-1", "12x", "", "x", "1e999", "0.5 ", "--"};
    for (int v = 0; v < (int)(sizeof never / sizeof never[0]); v++) {
        for (int i = 0; i < (int)(sizeof reals / sizeof reals[0]); i++) {
            assert_int_equal(rb_case_edit_set(&e, reals[i], never[v]), RB_USAGE);
            assert_non_null(strstr(rb_error_last()->text, reals[i]));
            assert_non_null(strstr(rb_error_last()->text, never[v]));
            rb_error_clear();
        }
        for (int i = 0; i < (int)(sizeof wholes / sizeof wholes[0]); i++) {
            assert_int_equal(rb_case_edit_set(&e, wholes[i], never[v]), RB_USAGE);
            rb_error_clear();
        }
    }
    assert_fails(rb_case_edit_set(&e, "lr", "0"), "lr must be a number above 0 and under 1e+06, not \"0\"");
    assert_fails(rb_case_edit_set(&e, "lr", "1e-60"), "lr must be a number above 0 and under 1e+06, not \"1e-60\"");
    assert_fails(rb_case_edit_set(&e, "momentum", "1"),
                 "momentum must be a number of at least 0 and under 1, not \"1\"");
    assert_fails(rb_case_edit_set(&e, "momentum", "0.99999999999"), /* 1 as a float */
                 "momentum must be a number of at least 0 and under 1, not \"0.99999999999\"");
    assert_fails(rb_case_edit_set(&e, "l2", "1e6"), "l2 must be a number of at least 0 and under 1e+06, not \"1e6\"");
    assert_fails(rb_case_edit_set(&e, "batch", "0"), "batch must be a whole number from 1 to 1048576, not \"0\"");
    assert_fails(rb_case_edit_set(&e, "batch", "1048577"),
                 "batch must be a whole number from 1 to 1048576, not \"1048577\"");
    assert_fails(rb_case_edit_set(&e, "epochs", "99999999999999999999"),
                 "epochs must be a whole number from 1 to 1000000, not \"99999999999999999999\"");
    assert_fails(rb_case_edit_set(&e, "c.kernel", "256"), "c.kernel must be a whole number from 1 to 255, not \"256\"");
    assert_fails(rb_case_edit_set(&e, "optimizer", "Adam"), "optimizer must be sgd or adam, not \"Adam\"");
    assert_fails(rb_case_edit_set(&e, "hflip", "1.01"), "hflip must be a number from 0 to 1, not \"1.01\"");
    assert_fails(rb_case_edit_set(&e, "vflip", "-0.5"), "vflip must be a number from 0 to 1, not \"-0.5\"");
    assert_fails(rb_case_edit_set(&e, "rotate", "181"), "rotate must be a number from 0 to 180, not \"181\"");
    assert_fails(rb_case_edit_set(&e, "crop-pad", "512"), "crop-pad must be a whole number from 0 to 511, not \"512\"");
    assert_memory_equal(&e, &before, sizeof e); /* nothing was changed on the way */
}

static void test_edit_unknown_names(void **state) {
    (void)state;
    rb_case_edit e;
    assert_int_equal(rb_case_edit_begin(&e, &tagged_case), RB_OK);
    static const char known[] =
        "; known: epochs batch lr momentum l1 l2 weight-decay dropout hflip vflip "
        "crop-pad rotate optimizer train-size valid-size dataset attack.eps patience stop-alpha stop-strip stop-count "
        "TAG.units TAG.kernel TAG.p TAG.slope";
    char text[400];
    snprintf(text, sizeof text, "cannot set \"batsh\"; did you mean \"batch\"?%s", known);
    assert_fails(rb_case_edit_set(&e, "batsh", "8"), text);
    snprintf(text, sizeof text, "cannot set \"temperature\"%s", known);
    assert_fails(rb_case_edit_set(&e, "temperature", "8"), text);
    assert_fails(rb_case_edit_set(&e, "hid.units", "8"),
                 "cannot set \"hid.units\": case test/tagged has only the tags c leak pool drop hidden act");
    assert_fails(rb_case_edit_set(&e, "hidden2.units", "8"),
                 "cannot set \"hidden2.units\": case test/tagged has only the tags c leak pool drop hidden act");
    assert_fails(rb_case_edit_set(&e, "hidden.unit", "8"),
                 "cannot set \"hidden.unit\": a layer has units, kernel, p, slope");
    /* values that a layer does not have */
    assert_fails(rb_case_edit_set(&e, "act.units", "8"), "cannot set \"act.units\": a relu layer has no units");
    assert_fails(rb_case_edit_set(&e, "hidden.p", "0.5"), "cannot set \"hidden.p\": a linear layer has no p");
    assert_fails(rb_case_edit_set(&e, "hidden.kernel", "3"),
                 "cannot set \"hidden.kernel\": a linear layer has no kernel");
    assert_fails(rb_case_edit_set(&e, "act.slope", "0.5"), "cannot set \"act.slope\": a relu layer has no slope");
    assert_string_equal(e.overrides, "");
    assert_int_equal(rb_case_edit_begin(&e, found("trajectory/l1")), RB_OK);
    assert_fails(rb_case_edit_set(&e, "dropout", "0.5"), "cannot set dropout: case trajectory/l1 has no dropout layer");
    assert_fails(rb_case_edit_set(&e, "a.units", "5"),
                 "cannot set \"a.units\": case trajectory/l1 has no tagged layer");
}

/* Parameters of a rule for stopping early, where the case's rule has them. */
static void test_edit_stop(void **state) {
    (void)state;
    static const struct {
        const char *name, *rule; /* of the case, as a failure tells it */
        const char *set[4];      /* values for patience, stop-alpha, stop-strip, stop-count; NULL: it has none */
        const char *described;   /* afterwards */
    } cases[] = {
        {"animals/early-stop", "stops by patience(20)", {"7", NULL, NULL, NULL}, "patience(7)"},
        {"trajectory/early-stop", "stops by E_opt", {NULL, NULL, NULL, NULL}, "E_opt"},
        {"trajectory/early-stop-gl", "stops by GL(5)", {NULL, "2.5", NULL, NULL}, "GL(2.5)"},
        {"trajectory/early-stop-pq", "stops by PQ(0.75) strip 5", {NULL, "1.5", "4", NULL}, "PQ(1.5) strip 4"},
        {"trajectory/early-stop-up", "stops by UP(3) strip 5", {NULL, NULL, "2", "6"}, "UP(6) strip 2"},
        {"size/mlp", "never stops early", {NULL, NULL, NULL, NULL}, ""},
    };
    static const char *const names[] = {"patience", "stop-alpha", "stop-strip", "stop-count"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_case_edit e;
        char text[200], rule[48];
        assert_int_equal(rb_case_edit_begin(&e, found(cases[i].name)), RB_OK);
        for (int k = 0; k < 4; k++) {
            if (cases[i].set[k]) continue;
            snprintf(text, sizeof text, "cannot set %s: case %s %s", names[k], cases[i].name, cases[i].rule);
            assert_fails(rb_case_edit_set(&e, names[k], "3"), text);
        }
        for (int k = 0; k < 4; k++) {
            if (!cases[i].set[k]) continue;
            assert_int_equal(rb_case_edit_set(&e, names[k], "-1"), RB_USAGE);
            assert_int_equal(rb_case_edit_set(&e, names[k], "x"), RB_USAGE);
            rb_error_clear();
            if (k > 0) assert_int_equal(rb_case_edit_set(&e, names[k], "0"), RB_USAGE);
            rb_error_clear();
            assert_int_equal(rb_case_edit_set(&e, names[k], cases[i].set[k]), RB_OK);
        }
        rb_stop_describe(&e.c.stop, rule);
        assert_string_equal(rule, cases[i].described);
    }
    rb_case_edit e;
    assert_int_equal(rb_case_edit_begin(&e, found("animals/early-stop")), RB_OK);
    assert_fails(rb_case_edit_set(&e, "patience", "1.5"),
                 "patience must be a whole number from 0 to 1000000, not \"1.5\"");
    assert_int_equal(rb_case_edit_set(&e, "patience", "0"), RB_OK); /* the first epoch without a gain is the last */
    assert_string_equal(e.overrides, "patience=0");
}

static void test_edit_is_full_at_some_point(void **state) {
    (void)state;
    rb_case_edit e;
    int n = 0;
    assert_int_equal(rb_case_edit_begin(&e, &tagged_case), RB_OK);
    while (rb_case_edit_set(&e, "batch", "123456") == RB_OK) n++;
    assert_int_equal(n, 511 / 13); /* "batch=123456 " */
    assert_string_equal(rb_error_last()->text, "too many overrides for one run (at most 512 characters)");
    assert_true(strlen(e.overrides) < sizeof e.overrides);
    rb_error_clear();
    /* to the last character, and not one more */
    char value[128];
    memset(value, '0', sizeof value);
    value[115] = '8', value[116] = '\0';
    assert_int_equal(rb_case_edit_begin(&e, &tagged_case), RB_OK);
    for (int i = 0; i < 30; i++) assert_int_equal(rb_case_edit_set(&e, "batch", "123456"), RB_OK);
    assert_int_equal(rb_case_edit_set(&e, "batch", value), RB_USAGE); /* 389 + " batch=" + 116 = 512 */
    assert_int_equal(strlen(e.overrides), 389);
    rb_error_clear();
    assert_int_equal(rb_case_edit_set(&e, "batch", value + 1), RB_OK);
    assert_int_equal(strlen(e.overrides), 511);
    assert_string_equal(e.overrides + 389 + 7, value + 1);
}

/* --- describe --------------------------------------------------------------------------------------------------- */

static void describe(const rb_case *c, rb_text *text) {
    rb_text_clear(text);
    assert_int_equal(rb_case_describe(c, "0123abcd", 60000, text), RB_OK);
}

#define LAYER(index, field, value) (layers[index].field = (value))

static const rb_layer residual[] = {RB_CONV(4, .kernel = 3, .pad = 1, .tag = "a"),
                                    RB_RELU_TAG("b"),
                                    RB_CONV(4, .kernel = 3, .pad = 1, .from = "a"),
                                    RB_ADD("b"),
                                    RB_DROPOUT(0.5f),
                                    RB_LEAKY_RELU(0.1f),
                                    RB_LINEAR(10),
                                    RB_END};

static rb_case residual_case(const rb_layer *layers) {
    rb_case c = tagged_case;
    c.layers = layers;
    c.augment = (rb_augment){.hflip = 0.1f, .vflip = 0.2f, .crop_pad = 2, .rotate = 15};
    return c;
}

/* `what` was done to a copy of the case above: is it seen? */
static void assert_seen(const rb_case *changed, const char *what) {
    rb_text base = {0}, other = {0};
    rb_case original = residual_case(residual);
    describe(&original, &base);
    describe(changed, &other);
    if (!first_difference(rb_text_string(&base), rb_text_string(&other))) fail_msg("not seen: %s", what);
    rb_text_free(&base);
    rb_text_free(&other);
}

#define SEEN(...)                                                                                                      \
    do {                                                                                                               \
        rb_layer layers[8];                                                                                            \
        memcpy(layers, residual, sizeof residual);                                                                     \
        rb_case c = residual_case(layers);                                                                             \
        __VA_ARGS__;                                                                                                   \
        assert_seen(&c, #__VA_ARGS__);                                                                                 \
    } while (0)

static void test_describe_tells_cases_apart(void **state) {
    (void)state;
    SEEN(c.name = "test/other");
    SEEN(c.dataset = "fashion");
    SEEN(c.n_train = 7);
    SEEN(c.n_valid = 7);
    SEEN(c.in_order = true);
    SEEN(c.batch = 9);
    SEEN(c.optimizer = RB_ADAM);
    SEEN(c.lr = nextafterf(c.lr, 1));
    SEEN(c.momentum = 1e-9f);
    SEEN(c.weight_decay = 1e-9f);
    SEEN(c.l1 = 1e-9f);
    SEEN(c.l2 = 1e-9f);
    SEEN(c.augment.hflip = nextafterf(0.1f, 1));
    SEEN(c.augment.vflip = nextafterf(0.2f, 1));
    SEEN(c.augment.crop_pad = 3);
    SEEN(c.augment.rotate = nextafterf(15, 20));
}

static void test_describe_tells_layers_apart(void **state) {
    (void)state;
    SEEN(LAYER(0, units, 5));
    SEEN(LAYER(0, kernel, 5));
    SEEN(LAYER(0, stride, 2));
    SEEN(LAYER(0, pad, 2));
    SEEN(LAYER(0, no_bias, true));
    SEEN(LAYER(0, kind, RB_LAYER_LINEAR));
    SEEN(LAYER(1, kind, RB_LAYER_SIGMOID));
    SEEN(LAYER(2, from, NULL));
    SEEN(LAYER(2, from, "b"));
    SEEN(LAYER(3, with, "a"));
    SEEN(LAYER(4, p, 0.25f));
    SEEN(LAYER(5, slope, nextafterf(0.1f, 1)));
    SEEN(LAYER(6, kind, RB_LAYER_END));
    SEEN(LAYER(6, units, 11));
    SEEN(LAYER(0, tag, "moved"), LAYER(1, tag, "a"), LAYER(3, with, "moved"));
}

static void test_describe_tells_data_apart(void **state) {
    (void)state;
    rb_text base = {0}, other = {0};
    describe(&tagged_case, &base);
    assert_int_equal(rb_case_describe(&tagged_case, "0123abce", 60000, &other), RB_OK);
    assert_non_null(first_difference(rb_text_string(&base), rb_text_string(&other)));
    rb_text_clear(&other);
    assert_int_equal(rb_case_describe(&tagged_case, "0123abcd", 59999, &other), RB_OK);
    assert_non_null(first_difference(rb_text_string(&base), rb_text_string(&other)));
    rb_text_free(&base);
    rb_text_free(&other);
}

/* Each way to augment is other work by itself. */
static void test_describe_augmentation(void **state) {
    (void)state;
    static const rb_augment ways[] = {{.hflip = 0.5f}, {.vflip = 0.5f}, {.crop_pad = 4}, {.rotate = 15}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        rb_text text = {0};
        rb_case c = tagged_case;
        c.augment = ways[i];
        describe(&c, &text);
        assert_non_null(strstr(rb_text_string(&text), "augment"));
        rb_text_free(&text);
    }
}

/* Words for people, how long a run is and defaults that are spelled out do not change the work of a step. */
static void test_describe_is_equal(void **state) {
    (void)state;
    rb_text base = {0}, other = {0};
    rb_case c = tagged_case;
    rb_layer layers[9];
    memcpy(layers, tagged, sizeof tagged);
    c.layers = layers;
    describe(&tagged_case, &base);
    assert_null(strstr(rb_text_string(&base), "augment")); /* as it was before there was any */
    describe(&tagged_case, &other);                        /* appended to a cleared text: twice is the same */
    assert_null(first_difference(rb_text_string(&base), rb_text_string(&other)));
    c.title = "else", c.model = "Else", c.expect = RB_EXPECT_DIVERGES, c.norms = true, c.epochs = 77;
    LAYER(0, stride, 1), LAYER(0, in, 1), LAYER(2, stride, 2); /* the defaults */
    LAYER(4, tag, NULL), LAYER(5, tag, "renamed");             /* tags that nothing reads */
    describe(&c, &other);
    assert_null(first_difference(rb_text_string(&base), rb_text_string(&other)));
    rb_text_free(&base);
    rb_text_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, clear, clear),
        cmocka_unit_test_setup_teardown(test_every_case, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_values, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_optimizer, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_momentum_of_an_adam_case, clear, clear),
        cmocka_unit_test_setup_teardown(test_lab_steps, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_bad_values, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_unknown_names, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_stop, clear, clear),
        cmocka_unit_test_setup_teardown(test_edit_is_full_at_some_point, clear, clear),
        cmocka_unit_test_setup_teardown(test_describe_tells_cases_apart, clear, clear),
        cmocka_unit_test_setup_teardown(test_describe_tells_layers_apart, clear, clear),
        cmocka_unit_test_setup_teardown(test_describe_tells_data_apart, clear, clear),
        cmocka_unit_test_setup_teardown(test_describe_augmentation, clear, clear),
        cmocka_unit_test_setup_teardown(test_describe_is_equal, clear, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
