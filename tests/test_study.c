/* test_study.c: strategies on made objectives, the Gaussian process against NumPy's figures, and every lab's studies.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "regbench/train.h"

#include "study/strategy.h"
#ifdef REGBENCH_HAVE_GSL
#include "study/gp.h"
#endif

enum { BUDGET = 24 };

static const rb_axis square[] = {
    {.name = "lr", .low = 0, .high = 1, .start = 0.5}, {.name = "l1", .low = 0, .high = 1, .start = 0.5}, {0}};
static const rb_axis mixed[] = {{.name = "lr", .low = 1e-4, .high = 0.1, .log = true, .start = 5e-3},
                                {.name = "batch", .low = 1, .high = 100, .log = true, .integer = true, .start = 10},
                                {.name = "optimizer", .values = "sgd,adam"},
                                {0}};
static const rb_axis listed[] = {{.name = "lr", .values = "0.1,0.01,1e-3"},
                                 {.name = "batch", .label = "b", .values = "256,512"},
                                 {.name = "optimizer", .label = "", .values = "sgd,adam"},
                                 {0}};

/* Studies of one kind on these axes. */
static rb_study study(rb_study_kind kind, const rb_axis *axes) {
    return (rb_study){.name = "made/up", .kind = kind, .axes = axes, .budget = BUDGET};
}

/* Smooth, with one maximum inside. */
static double bowl(const double *at, int axes) {
    static const double top[RB_STUDY_AXES] = {0.31, 0.72, 0.55, 0.4, 0.6, 0.5, 0.5, 0.5};
    double sum = 0;
    for (int a = 0; a < axes; a++) sum -= (at[a] - top[a]) * (at[a] - top[a]) * (1 + a);
    return sum;
}

/* Trials until the study says that it is done; their number. */
static int spend(const rb_study *s, int budget, uint64_t seed, double (*f)(const double *, int), rb_trial *trials) {
    bool done = false;
    for (int n = 0;; n++) {
        assert_true(n <= 100);
        assert_int_equal(rb_study_next(s, budget, seed, trials, n, trials[n].at, &done), RB_OK);
        if (done) return n;
        trials[n].objective = f(trials[n].at, rb_study_axes(s));
    }
}

static bool available(rb_study_kind kind) {
#ifdef REGBENCH_HAVE_GSL
    (void)kind;
    return true;
#else
    return kind != RB_STUDY_BAYES;
#endif
}

static void every_strategy_keeps_to_its_cube(void **state) {
    (void)state;
    static const rb_axis *const spaces[] = {square, mixed};
    char text[32];
    for (int kind = RB_STUDY_RANDOM; kind < RB_STUDY_KINDS; kind++)
        for (size_t k = 0; k < 2 && available((rb_study_kind)kind); k++) {
            rb_study s = study((rb_study_kind)kind, spaces[k]);
            rb_trial a[101] = {0}, b[101] = {0}, other[101] = {0};
            int axes = rb_study_axes(&s), n = spend(&s, 0, 7, bowl, a), differ = 0;
            assert_true(kind == RB_STUDY_COORDINATE ? n <= BUDGET : n == BUDGET);
            assert_int_equal(spend(&s, 5, 7, bowl, b), 5); /* a smaller budget */
            assert_int_equal(spend(&s, 0, 7, bowl, b), n);
            assert_memory_equal(a, b, sizeof *a * (size_t)n);
            spend(&s, 0, 8, bowl, other);
            for (int i = 0; i < n; i++)
                for (int x = 0; x < axes; x++) {
                    assert_true(a[i].at[x] >= 0 && a[i].at[x] <= 1);
                    assert_true(fabs(rb_axis_text(&s.axes[x], a[i].at[x], text) - a[i].at[x]) < 1e-12);
                    if (!s.axes[x].values) {
                        double value = strtod(text, NULL);
                        assert_true(value >= s.axes[x].low && value <= s.axes[x].high);
                        assert_true(!s.axes[x].integer || value == floor(value));
                    }
                    differ += a[i].at[x] != other[i].at[x];
                }
            assert_true(kind == RB_STUDY_COORDINATE ? differ == 0 : differ > n);
        }
}

/* A hundred trials: each tenth of an axis gets 3 to 20. */
static void random_is_everywhere(void **state) {
    (void)state;
    rb_study s = study(RB_STUDY_RANDOM, square);
    rb_trial trials[101] = {0};
    int count[2][10] = {{0}};
    assert_int_equal(spend(&s, 100, 7, bowl, trials), 100);
    for (int i = 0; i < 100; i++) {
        assert_false(rb__study_tried(trials, i, trials[i].at, 2));
        for (int a = 0; a < 2; a++) count[a][(int)fmin(trials[i].at[a] * 10, 9)]++;
    }
    for (int i = 0; i < 10; i++)
        for (int a = 0; a < 2; a++) assert_in_range(count[a][i], 3, 20);
}

static void texts_of_places(void **state) {
    (void)state;
    char text[32];
    rb_axis_text(&mixed[0], 0.5, text);
    assert_string_equal(text, "0.00316"); /* the geometric mean */
    rb_axis_text(&mixed[1], 0.5, text);
    assert_string_equal(text, "10");
    rb_axis_text(&mixed[1], 1.5, text);
    assert_string_equal(text, "100");
    assert_true(rb_axis_text(&mixed[2], 0.49, text) == 0.25);
    assert_string_equal(text, "sgd");
    assert_true(rb_axis_text(&mixed[2], 1, text) == 0.75);
    assert_string_equal(text, "adam");
}

static void a_grid_is_complete(void **state) {
    (void)state;
    rb_study s = study(RB_STUDY_GRID, listed);
    rb_trial trials[101];
    rb_case_edit *edit = malloc(sizeof *edit);
    rb_case base = {.name = "made/case", .layers = (const rb_layer[]){RB_LINEAR(10), RB_END}};
    char parameters[RB_STUDY_PARAMETERS];
    static const char *const expected[] = {
        "made/up-lr0.1-b256-sgd",  "made/up-lr0.1-b256-adam",  "made/up-lr0.1-b512-sgd",  "made/up-lr0.1-b512-adam",
        "made/up-lr0.01-b256-sgd", "made/up-lr0.01-b256-adam", "made/up-lr0.01-b512-sgd", "made/up-lr0.01-b512-adam",
        "made/up-lr1e-3-b256-sgd", "made/up-lr1e-3-b256-adam", "made/up-lr1e-3-b512-sgd", "made/up-lr1e-3-b512-adam"};
    assert_int_equal(spend(&s, 0, 1, bowl, trials), 12);
    assert_int_equal(spend(&s, 99, 1, bowl, trials), 12); /* no more than there are */
    assert_int_equal(spend(&s, 5, 1, bowl, trials), 5);
    for (int i = 0; i < 12; i++) {
        int run = -1;
        double at[RB_STUDY_AXES];
        assert_true(rb_study_run_find(&s, expected[i], &run, at));
        assert_int_equal(run, i);
        assert_int_equal(rb_case_edit_begin(edit, &base), RB_OK);
        assert_int_equal(rb_study_apply(&s, i, at, edit, parameters), RB_OK);
        assert_string_equal(edit->c.name, expected[i]);
        assert_string_equal(edit->overrides, parameters);
    }
    assert_string_equal(parameters, "lr=1e-3 batch=512 optimizer=adam");
    assert_true(edit->c.lr == 1e-3f && edit->c.batch == 512 && edit->c.optimizer == RB_ADAM);
    rb_case_edit *copy = malloc(sizeof *copy);
    rb_case_edit_copy(edit, copy);
    memset(edit, 0x55, sizeof *edit);
    assert_string_equal(copy->c.name, expected[11]);
    assert_ptr_equal(copy->c.layers, copy->layers);
    assert_false(rb_study_run_find(&s, "made/up-lr0.1", &(int){0}, (double[RB_STUDY_AXES]){0}));
    free(copy);
    free(edit);
}

/* Worked by hand; the third column is what came of it. Steps of a quarter, then of an eighth. */
static void coordinate_accepts_only_what_is_better(void **state) {
    (void)state;
    static const double by_hand[][3] = {
        {.5, .5, .4},   {.75, .5, .5},  /* up the first axis: better */
        {1, .5, .3},                    /* on: worse; back was tried */
        {.75, .75, .5},                 /* up the second: equal is not better */
        {.75, .25, .6}, {.75, 0, NAN},  /* down: better; on: failed */
        {1, .25, .1},   {.5, .25, .2},  /* the next round; the second axis was tried on both sides */
        {.875, .25, 0}, {.625, .25, .7} /* half the step: worse, better */
    };                                  /* (0.5, 0.25) was tried: not again */
    rb_study s = study(RB_STUDY_COORDINATE, square);
    rb_trial trials[10] = {0};
    bool done;
    double at[RB_STUDY_AXES];
    for (int n = 0; n < 10; n++) {
        assert_int_equal(rb_study_next(&s, 0, 1, trials, n, trials[n].at, &done), RB_OK);
        assert_false(done);
        assert_true(fabs(trials[n].at[0] - by_hand[n][0]) < 1e-12 && fabs(trials[n].at[1] - by_hand[n][1]) < 1e-12);
        trials[n].objective = by_hand[n][2];
    }
    assert_int_equal(rb_study_next(&s, 0, 1, trials, 10, at, &done), RB_OK);
    assert_true(fabs(at[0] - .625) < 1e-12 && fabs(at[1] - .375) < 1e-12); /* on was tried: up the second axis */
    /* A start that fails is left for anything that does not. */
    trials[0].objective = NAN;
    trials[1].objective = -5;
    assert_int_equal(rb_study_next(&s, 0, 1, trials, 2, at, &done), RB_OK);
    assert_true(at[0] == 1 && at[1] == .5);
    /* Where nothing is ever better, the steps become too small, and it ends before the budget. */
    rb_trial flat[101] = {0};
    int n = spend(&s, 90, 1, bowl, flat);
    assert_true(n > 20 && n < 90);
    for (int i = 0; i < n; i++) assert_false(rb__study_tried(flat, i, flat[i].at, 2));
}

#ifdef REGBENCH_HAVE_GSL
/* Branin's function, turned over: three maxima of -0.397887. */
static double branin(const double *at, int axes) {
    (void)axes;
    double x = 15 * at[0] - 5, y = 15 * at[1], pi = 3.14159265358979;
    double a = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
    return -(a * a + 10 * (1 - 1 / (8 * pi)) * cos(x) + 10);
}

static double best_of(rb_study_kind kind, const rb_axis *axes, uint64_t seed, double (*f)(const double *, int)) {
    rb_study s = study(kind, axes);
    rb_trial trials[101] = {0};
    double best = -INFINITY;
    int n = spend(&s, 0, seed, f, trials);
    for (int i = 0; i < n; i++) best = fmax(best, trials[i].objective);
    return best;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Both with 24 runs, medians over seeds of what is missing to the maximum. */
static void bayes_beats_random_where_it_is_smooth(void **state) {
    (void)state;
    enum { SEEDS = 11 };
    static const struct {
        double (*f)(const double *, int);
        double top;
    } functions[] = {{bowl, 0}, {branin, -0.397887}};
    for (size_t k = 0; k < 2; k++) {
        double bayes[SEEDS], random[SEEDS];
        for (int i = 0; i < SEEDS; i++) {
            bayes[i] = functions[k].top - best_of(RB_STUDY_BAYES, square, 100 + (uint64_t)i, functions[k].f);
            random[i] = functions[k].top - best_of(RB_STUDY_RANDOM, square, 100 + (uint64_t)i, functions[k].f);
            assert_true(bayes[i] > -1e-5 && random[i] > -1e-5);
        }
        qsort(bayes, SEEDS, sizeof *bayes, ascending);
        qsort(random, SEEDS, sizeof *random, ascending);
        print_message("function %zu: missing %.4g with bayes, %.4g at random\n", k, bayes[SEEDS / 2],
                      random[SEEDS / 2]);
        assert_true(bayes[SEEDS / 2] < random[SEEDS / 2] / 10);
    }
}

/* Figures of NumPy: the formulas of gp.h written down with numpy.linalg.inv. */
static void process_of_three_trials(void **state) {
    (void)state;
    static const rb_trial trials[] = {
        {.at = {.1, .2}, .objective = .3}, {.at = {.5, .9}, .objective = .7}, {.at = {.8, .4}, .objective = .4}};
    static const double places[][4] = {{.5, .5, 0.583382235424, 0.092347856722},
                                       {.1, .2, 0.304943500081, 0.032748523086},
                                       {1, 0, 0.307241185715, 0.164546735718}};
    rb__gp_scales scales = {.scale = {.5, 1.5}, .noise = .01};
    rb__gp gp;
    double mean, deviation;
    assert_int_equal(rb__gp_new(trials, 3, 2, &scales, &gp), RB_OK);
    assert_true(fabs(gp.mean - 0.466666666667) < 1e-11);
    assert_true(fabs(gp.variance - 0.108851736318) < 1e-11);
    assert_true(fabs(gp.log_likelihood - -0.397533434999) < 1e-11);
    for (int i = 0; i < 3; i++) {
        rb__gp_predict(&gp, places[i], &mean, &deviation);
        assert_true(fabs(mean - places[i][2]) < 1e-11 && fabs(deviation - places[i][3]) < 1e-11);
    }
    rb__gp_free(&gp);
}

/* Fitting: an axis that nothing depends on gets a greater length than the one on which all does, and little noise is
 * seen where there is none. */
static void fitted_scales(void **state) {
    (void)state;
    rb_trial trials[20] = {0};
    rb__gp gp;
    for (int i = 0; i < 20; i++) {
        for (int a = 0; a < 2; a++) trials[i].at[a] = rb__study_draw(3, RB__DRAW_RANDOM, i, a);
        trials[i].objective = sin(7 * trials[i].at[0]);
    }
    assert_int_equal(rb__gp_fit(trials, 20, 2, &gp), RB_OK);
    assert_true(gp.scales.scale[1] > 3 * gp.scales.scale[0]);
    assert_true(gp.scales.noise < 1e-2);
    rb__gp_free(&gp);
    for (int i = 0; i < 20; i++) trials[i].objective = 0.5; /* no difference at all */
    assert_int_equal(rb__gp_fit(trials, 20, 2, &gp), RB_OK);
    double mean, deviation;
    rb__gp_predict(&gp, trials[3].at, &mean, &deviation);
    assert_true(fabs(mean - 0.5) < 1e-6 && isfinite(deviation));
    rb__gp_free(&gp);
}

static void improvement_expected(void **state) {
    (void)state;
    assert_true(fabs(rb__expected_improvement(0, 1, 0) - 0.398942280401) < 1e-11);
    assert_true(fabs(rb__expected_improvement(1, 1, 0) - 1.083315470588) < 1e-11);
    assert_true(fabs(rb__expected_improvement(-1, 2, 0.5) - 0.262333835744) < 1e-11);
    assert_true(rb__expected_improvement(0.7, 0, 0.5) == 0.7 - 0.5);
    assert_true(rb__expected_improvement(0.3, 0, 0.5) == 0);
}

static double failing(const double *at, int axes) { return at[0] > 0.5 ? NAN : bowl(at, axes); }
static double hopeless(const double *at, int axes) { return at[0] + axes > 0 ? NAN : 0; }

/* The first trials are a Latin hypercube: along each axis every slice is used once. */
static void bayes_fills_the_space_first(void **state) {
    (void)state;
    enum { FIRST = 5 };
    rb_study s = study(RB_STUDY_BAYES, square);
    for (uint64_t seed = 0; seed < 20; seed++) {
        int used[2][FIRST] = {{0}};
        for (int i = 0; i < FIRST; i++) {
            double at[RB_STUDY_AXES];
            bool done = false;
            assert_int_equal(rb__bayes_next(&s, BUDGET, seed, NULL, i, at, &done), RB_OK); /* nothing is rounded yet */
            assert_false(done);
            for (int a = 0; a < 2; a++) used[a][(int)(at[a] * FIRST)]++;
        }
        for (int i = 0; i < FIRST; i++) assert_true(used[0][i] == 1 && used[1][i] == 1);
    }
}

/* Failed trials turn the search away and end nothing; a place is never tried twice; a small space comes to an end. */
static void bayes_bears_failures(void **state) {
    (void)state;
    rb_study s = study(RB_STUDY_BAYES, square), few = study(RB_STUDY_BAYES, listed);
    rb_trial trials[101] = {0};
    int n = spend(&s, 0, 5, failing, trials), failed = 0;
    for (int i = 5; i < n; i++) failed += isnan(trials[i].objective) != 0;
    assert_true(failed < (n - 5) / 2);
    for (int i = 0; i < n; i++) assert_false(rb__study_tried(trials, i, trials[i].at, 2));
    assert_int_equal(spend(&s, 0, 5, hopeless, trials), BUDGET);
    n = spend(&few, 40, 5, bowl, trials);
    assert_true(n >= 12 && n <= 12 + 6); /* only the first six may repeat a place */
}
#else
static void bayes_wants_gsl(void **state) {
    (void)state;
    rb_study s = study(RB_STUDY_BAYES, square);
    double at[RB_STUDY_AXES];
    bool done;
    assert_int_equal(rb_study_next(&s, 0, 1, NULL, 0, at, &done), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "built without GSL (Debian: libgsl-dev)"));
    rb_error_clear();
}
#endif

static void no_budget(void **state) {
    (void)state;
    for (int kind = RB_STUDY_RANDOM; kind < RB_STUDY_KINDS; kind++) {
        rb_study s = study((rb_study_kind)kind, square);
        double at[RB_STUDY_AXES];
        bool done;
        s.budget = 0;
        assert_int_equal(rb_study_next(&s, 0, 1, NULL, 0, at, &done), RB_USAGE);
        assert_non_null(strstr(rb_error_last()->text, "made/up has a budget of 0 runs"));
        rb_error_clear();
    }
}

/* --- the labs' ------------------------------------------------------------------------------------------------------
 */

/* The run at a place is made and compiles; its name leads back to the study and is no case's. */
static void check_run(const rb_study *s, int trial, const double *at, rb_case_edit *edit) {
    const rb_case *base, *none;
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    assert_int_equal(rb_case_find(s->base, &base), RB_OK);
    assert_int_equal(rb_case_edit_begin(edit, base), RB_OK);
    if (rb_study_apply(s, trial, at, edit, NULL) != RB_OK) fail_msg("%s: %s", s->name, rb_error_last()->text);
    if (rb_case_compile(&edit->c, &layout, &program) != RB_OK) fail_msg("%s: %s", s->name, rb_error_last()->text);
    rb_program_free(program);
    assert_ptr_equal(rb_study_of_run(edit->c.name), s);
    assert_int_equal(rb_case_find(edit->c.name, &none), RB_USAGE);
    rb_error_clear();
}

static void check_axis(const rb_study *s, const rb_axis *x) {
    if (s->kind == RB_STUDY_GRID) assert_non_null(x->values);
    if (x->values) return;
    assert_true(x->low < x->high && (!x->log || x->low > 0));
    if (s->kind == RB_STUDY_COORDINATE) assert_true(x->start >= x->low && x->start <= x->high);
    char text[32]; /* the limits have texts of their own */
    rb_axis_text(x, 0, text);
    assert_true(fabs(strtod(text, NULL) - x->low) <= 1e-12);
    rb_axis_text(x, 1, text);
    assert_true(fabs(strtod(text, NULL) - x->high) <= 1e-12);
}

static void every_study_of_the_labs(void **state) {
    (void)state;
    int n = 0;
    rb_case_edit *edit = malloc(sizeof *edit);
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_study *s = (*lab)->studies; s && s->name; s++, n++) {
            const rb_case *c;
            assert_ptr_equal(rb_study_find(s->name), s); /* no other has this name */
            assert_int_equal(rb_case_find(s->name, &c), RB_USAGE);
            rb_error_clear();
            assert_int_equal(strncmp(s->name, (*lab)->name, strlen((*lab)->name)), 0);
            assert_true(s->title && rb_study_runs(s, 0) > 1 && rb_study_axes(s) <= RB_STUDY_AXES);
            assert_int_equal(s->kind == RB_STUDY_LIST, s->cases != NULL);
            for (int i = 0; s->cases && s->cases[i]; i++) assert_int_equal(rb_case_find(s->cases[i], &c), RB_OK);
            if (s->kind == RB_STUDY_LIST) continue;
            assert_true(s->base && rb_study_axes(s) > 0);
            for (int a = 0; a < rb_study_axes(s); a++) check_axis(s, &s->axes[a]);
            for (int corner = 0; corner < 3; corner++) {
                double at[RB_STUDY_AXES];
                for (int a = 0; a < RB_STUDY_AXES; a++) at[a] = corner / 2.0;
                check_run(s, corner, at, edit);
            }
            for (int i = 0; rb_study_foreseen(s) && i < rb_study_runs(s, 0); i++) {
                double at[RB_STUDY_AXES];
                int run;
                bool done;
                assert_int_equal(rb_study_next(s, 0, 1, NULL, i, at, &done), RB_OK);
                check_run(s, i, at, edit);
                assert_true(rb_study_run_find(s, edit->c.name, &run, at) && run == i); /* no two have one name */
            }
        }
    assert_true(n >= 8);
    assert_int_equal(rb_study_runs(rb_study_find("cnn/grid"), 0), 4);
    static const char *const tune[] = {"grid", "random", "coordinate", "bayes"};
    for (int i = 0; i < 4; i++) { /* the same budget and base for the four */
        char name[64];
        snprintf(name, sizeof name, "animals/tune-%s", tune[i]);
        const rb_study *s = rb_study_find(name);
        assert_non_null(s);
        assert_int_equal(rb_study_runs(s, 0), 24);
        assert_string_equal(s->base, "animals/l1l2");
        assert_string_equal(rb_study_kind_name(s->kind), tune[i]);
    }
    free(edit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_keeps_to_its_cube),
        cmocka_unit_test(random_is_everywhere),
        cmocka_unit_test(texts_of_places),
        cmocka_unit_test(a_grid_is_complete),
        cmocka_unit_test(coordinate_accepts_only_what_is_better),
#ifdef REGBENCH_HAVE_GSL
        cmocka_unit_test(bayes_beats_random_where_it_is_smooth),
        cmocka_unit_test(process_of_three_trials),
        cmocka_unit_test(fitted_scales),
        cmocka_unit_test(improvement_expected),
        cmocka_unit_test(bayes_fills_the_space_first),
        cmocka_unit_test(bayes_bears_failures),
#else
        cmocka_unit_test(bayes_wants_gsl),
#endif
        cmocka_unit_test(no_budget),
        cmocka_unit_test(every_study_of_the_labs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
