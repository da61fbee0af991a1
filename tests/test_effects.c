/* test_effects.c: `regbench effects` on sessions written here, against figures worked out by hand. */
#include "cli_util.h"

#include <math.h>

#include "measure/statistics.h"
#include "report/csv_read.h"

typedef struct made {
    const char *id, *status, *name, *reg, *overrides;
    int n_train, seed, kept; /* 0: none */
    double val_best;
    struct {
        double train, train_eval, val; /* accuracies; train_eval < 0: not recorded */
        double loss, l2, seconds;
    } epoch[2];
    double near[2]; /* of 90 and of 10 weights, after epoch 2; < 0: not recorded */
} made;

/* Three files of a session; as few columns as the table needs. */
static void write_session(const char *name, const made *runs, int n) {
    assert_int_equal(shell("mkdir -p %s", name), 0);
    char path[512];
    snprintf(path, sizeof path, "%s/%s/runs.csv", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "run_id,status,machine,device_key,case,dataset_sha256,n_train,reg,overrides,optimizer,lr,momentum,seed,"
               "phase,val_acc_best,kept_epoch\n");
    for (const made *r = runs; r < runs + n; r++) {
        fprintf(f, "%s,%s,m,cpu,%s,abc,%d,%s,%s,sgd,0.5,0,%d,run,%g,", r->id, r->status, r->name, r->n_train, r->reg,
                r->overrides, r->seed, r->val_best);
        fprintf(f, r->kept ? "%d\n" : "\n", r->kept);
    }
    fclose(f);
    snprintf(path, sizeof path, "%s/%s/epochs.csv", folder, name);
    assert_non_null(f = fopen(path, "w"));
    fprintf(f, "run_id,epoch,train_s_cum,train_acc,train_eval_acc,val_loss,val_acc,param_l2\n");
    for (const made *r = runs; r < runs + n; r++)
        for (int e = 0; e < 2; e++) {
            fprintf(f, "%s,%d,%g,%g,", r->id, e + 1, r->epoch[e].seconds, r->epoch[e].train);
            if (r->epoch[e].train_eval >= 0) fprintf(f, "%g", r->epoch[e].train_eval);
            fprintf(f, ",%g,%g,%g\n", r->epoch[e].loss, r->epoch[e].val, r->epoch[e].l2);
        }
    fclose(f);
    snprintf(path, sizeof path, "%s/%s/layers.csv", folder, name);
    assert_non_null(f = fopen(path, "w"));
    fprintf(f, "run_id,epoch,n_params,near_zero\n");
    for (const made *r = runs; r < runs + n; r++)
        for (int k = 0; k < 2 && r->near[0] >= 0; k++)
            fprintf(f, "%s,1,90,0.9\n%s,2,%d,%g\n", r->id, r->id, k ? 10 : 90, r->near[k]);
    fclose(f);
}

static rb_csv table; /* what `effects` printed last */

static void effects(const char *arguments) {
    char path[512];
    int code = shell("$R effects %s -o csv", arguments);
    if (code != 0) fail_msg("exit %d: %s", code, rb_text_string(&err));
    snprintf(path, sizeof path, "%s/out", folder);
    rb_csv_free(&table);
    assert_int_equal(rb_csv_read(path, &table), RB_OK);
}

/* The row of an arm and a figure, -1 = none. */
static int row_of(const char *arm, const char *figure) {
    for (int i = 0; i < table.n_rows; i++)
        if (!strcmp(rb_csv_get(&table, i, "arm"), arm) && !strcmp(rb_csv_get(&table, i, "figure"), figure)) return i;
    return -1;
}

static void assert_cell(int row, const char *column, const char *expected) {
    assert_true(row >= 0);
    assert_string_equal(rb_csv_get(&table, row, column), expected);
}

static void assert_near(int row, const char *column, double expected) {
    assert_true(row >= 0);
    const char *text = rb_csv_get(&table, row, column);
    if (!*text || !(fabs(strtod(text, NULL) - expected) < 1e-6 * (1 + fabs(expected))))
        fail_msg("%s of row %d is \"%s\", not %.9g", column, row, text, expected);
}

#define EPOCHS(train, eval, val, loss, l2, s)                                                                          \
    {                                                                                                                  \
        {0.9, 0.8, 0.7, 0.6, 0.5, 0.1}, { train, eval, val, loss, l2, s }                                              \
    }
#define BASE "animals/unregularized"

static void paired_over_seeds(void **state) {
    (void)state;
    static const made runs[] = {
        {"a1", "ok", BASE, "", "", 30, 1, 0, 0.5, EPOCHS(0.9, 1.0, 0.40, 3, 10, 4), {0.1, 0.2}},
        {"a2", "ok", BASE, "", "", 30, 2, 0, 0.6, EPOCHS(0.9, 1.0, 0.50, 4, 11, 4), {0.1, 0.2}},
        {"a3", "ok", BASE, "", "", 30, 3, 0, 0.5, EPOCHS(0.9, 1.0, 0.45, 5, 12, 4), {0.1, 0.2}},
        {"a4", "ok", BASE, "", "", 30, 4, 0, 0.9, EPOCHS(0.9, 1.0, 0.90, 5, 12, 4), {0.1, 0.2}},
        {"b1", "ok", "animals/l1", "l1", "", 30, 1, 0, 0.502, EPOCHS(0.8, 0.9, 0.44, 2, 6, 6), {0.5, 0.0}},
        {"b3", "ok", "animals/l1", "l1", "", 30, 3, 0, 0.502, EPOCHS(0.8, 0.9, 0.49, 4, 8, 6), {0.5, 0.0}},
        {"b2", "ok", "animals/l1", "l1", "", 30, 2, 0, 0.602, EPOCHS(0.8, 0.9, 0.52, 3, 7, 6), {0.5, 0.0}},
        {"b5", "ok", "animals/l1", "l1", "", 30, 5, 0, 0.1, EPOCHS(0.8, 0.9, 0.10, 3, 7, 6), {0.5, 0.0}},
        {"b6", "diverged", "animals/l1", "l1", "", 30, 6, 0, 0.1, EPOCHS(0.8, 0.9, 0.10, 3, 7, 6), {-1, -1}},
        {"c1", "ok", "animals/l2", "l2", "", 100, 1, 0, 0.9, EPOCHS(0.8, 0.9, 0.10, 3, 7, 6), {-1, -1}},
        {"c2", "ok", "animals/l2", "l2", "", 100, 2, 0, 0.9, EPOCHS(0.8, 0.9, 0.10, 3, 7, 6), {-1, -1}},
    };
    write_session("s", runs, sizeof runs / sizeof *runs);
    effects("s");
    int r = row_of("animals/l1", "val_acc_final"); /* differences 0.04, 0.02, 0.04; s = 0.011547; t(2) = 4.303 */
    assert_cell(r, "base", BASE);
    assert_cell(r, "pairs", "3");
    assert_near(r, "base_mean", 0.45);
    assert_near(r, "arm_mean", 1.45 / 3);
    assert_near(r, "change", 0.1 / 3);
    assert_near(r, "low", 0.1 / 3 - 4.303 * 0.02 / 3);
    assert_near(r, "high", 0.1 / 3 + 4.303 * 0.02 / 3);
    assert_cell(r, "verdict", "higher");
    assert_cell(r, "rank", "1");
    assert_cell(r, "note", "without base: seed 5; without arm: seed 4; arm failed: seed 6 (diverged)");
    r = row_of("animals/l1", "val_acc_best"); /* 0.002 each: certain, and no matter */
    assert_near(r, "change", 0.002);
    assert_cell(r, "verdict", "close");
    r = row_of("animals/l1", "train_valid_gap"); /* 0.46 - 0.6, 0.38 - 0.5, 0.41 - 0.55 */
    assert_near(r, "change", -0.4 / 3);
    assert_cell(r, "verdict", "lower");
    assert_cell(r, "rank", "");
    assert_near(row_of("animals/l1", "val_loss"), "change", -1);
    r = row_of("animals/l1", "param_l2");
    assert_near(r, "change", -4);
    assert_near(r, "low", -4); /* all differ by the same */
    assert_cell(r, "verdict", "lower");
    assert_near(row_of("animals/l1", "near_zero"), "base_mean", 0.11); /* (90 * 0.1 + 10 * 0.2) / 100 */
    assert_near(row_of("animals/l1", "near_zero"), "change", 0.34);
    r = row_of("animals/l1", "epoch_s");
    assert_near(r, "change", 1); /* 6 s and 4 s over two epochs, and certain it looks: but the arms took no turns */
    assert_cell(r, "verdict", "");
    assert_cell(r, "low", "");
    assert_cell(r, "high", "");
    r = row_of("animals/l2", "val_acc_final");
    assert_cell(r, "pairs", "2");
    assert_near(r, "change", -0.35);
    assert_near(r, "low", -0.35 - 12.706 * 0.05);
    assert_cell(r, "verdict", "unlike"); /* it is not l2 alone that speaks */
    assert_cell(r, "rank", "");
    assert_cell(r, "note", "n_train 100 against 30; without arm: seed 3 4");
    assert_int_equal(row_of("animals/l2", "near_zero"), -1); /* recorded by one of the two only */
    assert_int_equal(row_of(BASE, "val_acc_final"), -1);
}

/* Bases from elsewhere: another session, overrides, --base; what was not recorded; the epoch that was put back. */
static void bases_and_epochs(void **state) {
    (void)state;
    static const made fair[] = {
        {"d1", "ok", BASE, "", "train-size=100", 100, 1, 0, 0.5, EPOCHS(0.7, -1, 0.5, 3, 7, 6), {-1, -1}}};
    static const made swept[] = {
        {"e1", "ok", "size/mlp", "", "l2=0", 9, 1, 0, 0.5, EPOCHS(0.7, 0.9, 0.5, 3, 7, 6), {-1, -1}},
        {"e2", "ok", "size/mlp", "l2", "l2=0.1", 9, 1, 0, 0.6, EPOCHS(0.7, -1, 0.6, 3, 7, 6), {-1, -1}},
        {"e3", "ok", "size/mlp", "l2", "l2=0.1 lr=2", 9, 1, 0, 0.6, EPOCHS(0.7, -1, 0.6, 3, 7, 6), {-1, -1}},
        {"e4", "ok", "size/lenet", "", "", 9, 1, 1, 0.1, EPOCHS(0.7, -1, 0.4, 3, 7, 6), {-1, -1}},
    };
    write_session("fair", fair, 1);
    write_session("swept", swept, sizeof swept / sizeof *swept);
    effects("s fair/runs.csv");
    int r = row_of("animals/l2", "val_acc_final");
    assert_cell(r, "base", BASE " train-size=100");
    assert_cell(r, "pairs", "1"); /* the pair that is unlike no longer counts */
    assert_near(r, "change", -0.4);
    assert_cell(r, "low", "");
    assert_cell(r, "verdict", "unclear"); /* one pair has no interval */
    assert_cell(r, "note", "without base: seed 2");
    assert_near(row_of("animals/l2", "train_valid_gap"), "change", 0.7 - 0.2); /* running means on both sides */
    effects("swept");
    r = row_of("size/mlp l2=0.1", "val_acc_final");
    assert_cell(r, "base", "size/mlp l2=0");
    assert_near(r, "change", 0.1);
    r = row_of("size/mlp l2=0.1 lr=2", "");
    assert_cell(r, "base", "size/mlp");
    assert_cell(r, "verdict", "unpaired");
    assert_cell(r, "note", "without base: seed 1");
    effects("swept --base size/mlp");
    r = row_of("size/lenet", "val_acc_final"); /* of epoch 1, which early stopping put back */
    assert_near(r, "arm_mean", 0.7);
    assert_near(row_of("size/lenet", "epoch_s"), "arm_mean", 0.1);
}

/* Arms of one base: 0.3 points apart they are ranked, nearer ones share a rank. */
static void near_arms_share_a_rank(void **state) {
    (void)state;
    static const double gains[] = {0.100, 0.098, 0.0965, 0.05};
    static const char *const ranks[] = {"1", "1", "2", "4"};
    static const char *const overrides[] = {"", "l2=0.1", "l2=0.2", "l2=0.3", "l2=0.4"};
    made runs[10];
    char ids[10][4], arm[32];
    for (int i = 0; i < 10; i++) {
        int k = i / 2;
        snprintf(ids[i], sizeof ids[i], "r%d", i);
        double val = 0.4 + (k ? gains[k - 1] : 0);
        runs[i] = (made){.id = ids[i], .status = "ok", .name = "size/mlp", .overrides = overrides[k], .seed = i % 2};
        runs[i].reg = k ? "l2" : "", runs[i].n_train = 9, runs[i].val_best = val, runs[i].near[0] = -1;
        for (int e = 0; e < 2; e++) runs[i].epoch[e].val = val;
    }
    write_session("ranks", runs, 10);
    effects("ranks -O .");
    for (int k = 0; k < 4; k++) {
        snprintf(arm, sizeof arm, "size/mlp %s", overrides[k + 1]);
        assert_cell(row_of(arm, "val_acc_final"), "rank", ranks[k]);
    }
    assert_int_equal(shell("$R effects ranks -o csv | cmp - effects.csv"), 0);
}

static void bad_input_is_told(void **state) {
    (void)state;
    assert_int_equal(shell("$R effects"), 2);
    assert_has(err, "needs the folder of a session");
    assert_int_equal(shell("$R effects nowhere"), 2);
    assert_has(err, "nowhere/runs.csv");
    assert_int_equal(shell("$R effects s/epochs.csv"), 2);
    assert_has(err, "no folder of a session, nor its runs.csv");
    assert_int_equal(shell("mkdir -p around/one && $R effects around"), 2);
    assert_has(err, "around holds no session: there is no runs.csv; of several sessions name each: around/*");
    assert_int_equal(shell("$R effects s --base size/mpl"), 2);
    assert_has(err, "did you mean \"size/mlp\"?");
    assert_int_equal(shell("mkdir bad && echo a,b > bad/runs.csv && $R effects bad"), 2);
    assert_has(err, "no columns run_id and case");
    assert_int_equal(shell("head -2 s/runs.csv > bad/runs.csv && $R effects bad"), 2);
    assert_has(err, "nothing to compare: of 1 runs");
    assert_int_equal(shell("$R effects s -O nowhere/at/all"), 2);
    assert_has(err, "effects.csv");
}

/* What TF32's rounding changes is no effect of a regularizer. */
static void precisions_do_not_mix(void **state) {
    (void)state;
    static const made base[] = {{"a1", "ok", BASE, "", "", 30, 1, 0, 0.5, EPOCHS(0.9, 1.0, 0.40, 3, 10, 4), {-1, -1}},
                                {"a2", "ok", BASE, "", "", 30, 2, 0, 0.6, EPOCHS(0.9, 1.0, 0.50, 4, 11, 4), {-1, -1}}};
    static const made arm[] = {
        {"b1", "ok", "animals/l1", "l1", "", 30, 1, 0, 0.5, EPOCHS(0.8, 0.9, 0.44, 2, 6, 6), {-1, -1}},
        {"b2", "ok", "animals/l1", "l1", "", 30, 2, 0, 0.5, EPOCHS(0.8, 0.9, 0.52, 3, 7, 6), {-1, -1}}};
    write_session("p32", base, 2);
    write_session("ptf", base, 2);
    write_session("parm", arm, 2);
    assert_int_equal(shell("sed -i '1s/$/,precision/;2,$s/$/,tf32/' ptf/runs.csv parm/runs.csv"), 0);
    effects("p32 parm");
    assert_cell(row_of("animals/l1 tf32", ""), "verdict", "unpaired");
    effects("p32 ptf parm");
    assert_cell(row_of("animals/l1 tf32", "val_acc_final"), "base", BASE " tf32");
    assert_near(row_of("animals/l1 tf32", "val_acc_final"), "change", 0.03);
}

/* An epoch on two threads and one on one tell of the threads. */
static void seconds_are_of_like_runs(void **state) {
    (void)state;
    assert_int_equal(
        shell("mkdir -p t && cp s/*.csv t && sed -i '1s/$/,threads/;2,$s/$/,2/;/^b2,/s/,2$/,1/' t/runs.csv"), 0);
    effects("t");
    assert_cell(row_of("animals/l1", "epoch_s"), "pairs", "2");
    assert_cell(row_of("animals/l1", "val_loss"), "pairs", "3");
    assert_int_equal(shell("sed -i '/^b/s/,[12]$/,4/' t/runs.csv"), 0);
    effects("t");
    assert_int_equal(row_of("animals/l1", "epoch_s"), -1);
    assert_true(row_of("animals/l1", "val_loss") >= 0);
}

/* A mean near zero is close only where that is known: of wide intervals, or a single seed, it is unclear. */
static void close_is_known(void **state) {
    (void)state;
    static const struct {
        double gains[3];
        int n;
        const char *verdict;
    } arms[] = {{{0.001, 0.0005, 0}, 3, "close"},
                {{0.1, -0.1, 0.001}, 3, "unclear"},
                {{0.002, 0.0021, 0.0019}, 3, "close"},
                {{0.001}, 1, "unclear"}};
    for (size_t k = 0; k < sizeof arms / sizeof *arms; k++) {
        made runs[6];
        char ids[6][16];
        for (int i = 0; i < 2 * arms[k].n; i++) {
            snprintf(ids[i], sizeof ids[i], "r%d", i);
            double val = 0.4 + 0.01 * (i / 2) + (i % 2 ? arms[k].gains[i / 2] : 0);
            runs[i] = (made){.id = ids[i], .status = "ok", .name = i % 2 ? "animals/l1" : BASE, .seed = i / 2};
            runs[i].reg = i % 2 ? "l1" : "", runs[i].overrides = "", runs[i].n_train = 9, runs[i].val_best = val;
            runs[i].near[0] = -1;
            for (int e = 0; e < 2; e++) runs[i].epoch[e].val = val;
        }
        write_session("close", runs, 2 * arms[k].n);
        effects("close");
        assert_cell(row_of("animals/l1", "val_acc_final"), "verdict", arms[k].verdict);
    }
}

/* Against quantiles from integrating the density of t. */
static void intervals_of_the_mean(void **state) {
    (void)state;
    double x[200], mean, low, high;
    for (int i = 0; i < 200; i++) x[i] = i % 2; /* half of n values 0, half 1: s^2 = n / 4 / (n - 1) */
    static const struct {
        int n;
        double half;
    } expected[] = {{2, 6.3531024}, {4, 0.9186931}, {32, 0.1831537}, {100, 0.0997107}, {200, 0.0698941}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(rb_mean_interval(x, expected[i].n, &mean, &low, &high));
        assert_true(mean == 0.5);
        if (!(fabs((high - low) / 2 / expected[i].half - 1) < 3e-4)) fail_msg("n %d: %.9g", expected[i].n, high - mean);
        assert_true(fabs(high + low - 1) < 1e-12);
    }
    assert_false(rb_mean_interval(x + 1, 1, &mean, &low, &high));
    assert_true(mean == 1 && low == 1 && high == 1);
}

static int finish(void **state) {
    rb_csv_free(&table);
    return end(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paired_over_seeds),        cmocka_unit_test(bases_and_epochs),
        cmocka_unit_test(near_arms_share_a_rank),   cmocka_unit_test(bad_input_is_told),
        cmocka_unit_test(precisions_do_not_mix),    cmocka_unit_test(intervals_of_the_mean),
        cmocka_unit_test(seconds_are_of_like_runs), cmocka_unit_test(close_is_known),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
