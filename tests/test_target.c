/* test_target.c: time to accuracy: the median of censored times, and `run --target`. */
#include "cli_util.h"

#include <math.h>

#include "measure/survival.h"

/* Weeks in remission of 42 children with leukemia, 21 of them treated (6-MP); Freireich and others, Blood 21 (1963):
 * the example of most textbooks. Medians there: 23 and 8 weeks. */
static void the_textbook(void **state) {
    (void)state;
    static const double treated[] = {6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35};
    static const double others[] = {1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23};
    bool seen[21], all[21];
    for (int i = 0; i < 21; i++) {
        seen[i] = i < 9;
        all[i] = true;
    }
    assert_true(rb_survival_median(treated, seen, 21) == 23);
    assert_true(rb_survival_median(others, all, 21) == 8);
}

static void corners(void **state) {
    (void)state;
    double times[] = {3, 5, 5, 9};
    assert_true(isnan(rb_survival_median(times, (bool[]){false, false, false, false}, 4)));
    assert_true(rb_survival_median(times, (bool[]){true, true, true, true}, 4) == 5);
    /* Two of four reached it, two were watched to the end: half. One of four: less. */
    assert_true(rb_survival_median((double[]){3, 5, 10, 10}, (bool[]){true, true, false, false}, 4) == 5);
    assert_true(isnan(rb_survival_median((double[]){3, 10, 10, 10}, (bool[]){true, false, false, false}, 4)));
    /* Who left early counts only while watched; who can never come to it counts for ever. */
    assert_true(rb_survival_median((double[]){1, 4, 4, 9}, (bool[]){false, true, false, false}, 4) != 4);
    assert_true(rb_survival_median((double[]){1, 4, 4}, (bool[]){false, true, false}, 3) == 4);
    assert_true(isnan(rb_survival_median((double[]){INFINITY, 4, 4}, (bool[]){false, true, false}, 3)));
    assert_true(rb_survival_median((double[]){7}, (bool[]){true}, 1) == 7);
}

static double cell(int row, const char *name) {
    const char *at = rb_text_string(&out);
    for (int i = 0; i <= row; i++) at = strchr(at, '\n') + 1;
    for (int left = rb_column_find(RB_TABLE_runs, name); left > 0; at++) left -= *at == ',';
    return *at == ',' || *at == '\n' ? -1 : atof(at);
}

#define RUN "$R run size/mlp -d cpu --train-size 4000 -B 64 --epochs 3 "

static void a_run_knows_when(void **state) {
    (void)state;
    assert_int_equal(shell(RUN "-s 1,2 --target 0.2 -O low -o csv"), 0);
    for (int i = 0; i < 2; i++) {
        int epochs = (int)cell(i, "epochs_to_target");
        assert_true(cell(i, "target_value") == 0.2 && cell(i, "target_reached") == 1);
        assert_true(epochs >= 1 && epochs <= 3);
        assert_true(cell(i, "tta_train_s") > 0 && cell(i, "tta_total_s") >= cell(i, "tta_train_s"));
        /* The epochs' own rows say the same. */
        char command[256];
        snprintf(command, sizeof command,
                 "awk -F, 'NR > 1 && $2 ~ /-000%d$/ && $13 >= 0.2 { print $3; exit }' low/epochs.csv", i + 1);
        rb_text runs = out;
        memset(&out, 0, sizeof out);
        assert_int_equal(shell("%s", command), 0);
        assert_int_equal(atoi(rb_text_string(&out)), epochs);
        rb_text_free(&out);
        out = runs;
    }
    assert_int_equal(shell(RUN "--target 0.999 -O high -o csv"), 0); /* censored: no failure */
    assert_true(cell(0, "target_reached") == 0);
    assert_true(cell(0, "epochs_to_target") == -1 && cell(0, "tta_train_s") == -1);
    assert_int_equal(shell(RUN "-O none -o csv"), 0);
    assert_true(cell(0, "target_reached") == -1);
    assert_int_equal(shell(RUN "-s 1-3 --target 0.2 -O md -o md"), 0);
    assert_has(out, "Time to accuracy");
    assert_has(out, "| epochs_to_target |");
    assert_int_equal(shell("$R run size/mlp --target 1.5"), 2);
    assert_int_equal(shell("$R run toy/regression -d cpu --epochs 1 --target 0.5 -O toy -o csv"), 2);
    assert_has(err, "a regression has none");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_textbook), cmocka_unit_test(corners),
                                       cmocka_unit_test(a_run_knows_when)};
    return cmocka_run_group_tests(tests, begin, end);
}
