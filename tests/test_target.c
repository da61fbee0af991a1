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

#define RUN "$R run size/mlp -d cpu --train-size 4000 -B 64 --epochs 3 -t 1 "

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
    /* What was done without is not watched afterwards: that is told. */
    assert_int_equal(shell(RUN "-s 1,2 --target 0.2 -O low -o csv --resume"), 0);
    assert_null(strstr(rb_text_string(&err), "--target"));
    assert_int_equal(shell(RUN "-s 1,2 --target 0.3 -O low -o csv --resume"), 0);
    assert_has(err, "2 of them were not watched for --target 0.3");
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

/* Three runs in made times: reached after 5 and 9 seconds, and one that was watched for 3 of training and 1 of
 * evaluation, however long its process lived. */
static void censored_when_it_ended(void **state) {
    (void)state;
    double train_s, eval_s;
    assert_int_equal(shell(RUN "-s 1-3 --target 0.2 -O made -o csv"), 0);
    for (int i = 0; i < 3; i++) {
        train_s = cell(i, "train_s");
        eval_s = cell(i, "eval_s");
        assert_true(train_s > 0 && eval_s > 0 && train_s + eval_s < cell(i, "duration_s"));
        assert_true(train_s >= cell(i, "tta_train_s"));
        rb_text runs = out;
        memset(&out, 0, sizeof out);
        assert_int_equal(shell("awk -F, '$2 ~ /-000%d$/ { t = $5; e = $6 } END { print t, e }' made/epochs.csv", i + 1),
                         0);
        assert_true(atof(rb_text_string(&out)) == train_s && atof(strchr(rb_text_string(&out), ' ')) == eval_s);
        rb_text_free(&out);
        out = runs;
    }
    assert_int_equal(
        shell("set_to() { sed -E -i \"/\\\"table\\\":\\\"runs\\\".*-000$1\\\"/ s/\\\"$2\\\":[-0-9.e]+/\\\"$2\\\":$3/\" "
              "made/events.jsonl; }\n"
              "for i in 1 2 3; do set_to $i duration_s 100; set_to $i epochs_to_target 1; done\n"
              "set_to 1 tta_train_s 5; set_to 1 tta_total_s 6; set_to 2 tta_train_s 9; set_to 2 tta_total_s 10\n"
              "set_to 3 target_reached 0; set_to 3 train_s 3; set_to 3 eval_s 1\n" RUN
              "-s 1-3 --target 0.2 -O made --resume -o md"),
        0);
    assert_has(err, "3 of 3 items were done before");
    const char *table = strstr(rb_text_string(&out), "Time to accuracy");
    assert_non_null(table);
    /* Of the two that are left after 3 seconds half have come to it by the first's 5; of three, two by the second's 9.
     */
    if (!strstr(table, " 5.000 |       6.000 |\n")) fail_msg("%s", table);
    /* Where nobody knows how long the third was watched, nobody knows the medians either. */
    assert_int_equal(shell("sed -i '/\"table\":\"runs\".*-0003/ s/\"train_s\":3,//' made/events.jsonl\n" RUN
                           "-s 1-3 --target 0.2 -O made --resume -o md"),
                     0);
    table = strstr(rb_text_string(&out), "Time to accuracy");
    if (!table || strstr(table, "6.000")) fail_msg("%s", rb_text_string(&out));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_textbook), cmocka_unit_test(corners),
                                       cmocka_unit_test(a_run_knows_when), cmocka_unit_test(censored_when_it_ended)};
    return cmocka_run_group_tests(tests, begin, end);
}
