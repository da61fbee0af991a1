/* test_report_outcomes.c: what `regbench report` says of whole runs: accuracies, curves and effects of regularizers
 * recomputed from the sessions' CSV files by other means. */
#include "report_util.h"

#include "page_rig.h"

enum { SEEDS = 7, EPOCHS = 1000 };

static double accuracy_of(int seed, int epoch) { return 0.5 + 0.01 * ((seed * 5) % 7) + 0.0001 * epoch; }

static void outcomes_and_curves_agree(void **state) {
    double values[SEEDS], gaps[SEEDS];
    (void)state;
    made_begin(base, "runs", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < SEEDS; s++) {
        made_add_run(&csv,
                     &(made_run){.name = "toy/x", .seed = s + 1, .number = s, .accuracy = accuracy_of(s, EPOCHS)});
        for (int e = 1; e <= EPOCHS; e++) made_add_epoch(&epochs, s, e, 0.9 + 0.001 * s, accuracy_of(s, e));
    }
    /* An eighth seed failed; a ninth diverged as its case foresees, which is no failure. */
    made_add_run(&csv, &(made_run){.name = "toy/x", .seed = 8, .number = 8, .status = "timeout", .why = "5 s"});
    made_add_run(&csv,
                 &(made_run){.name = "toy/y", .seed = 1, .number = 9, .status = "diverged", .why = RB_FORESEEN "nan"});
    made_write(base, "runs", "runs.csv", csv.data);
    made_write(base, "runs", "epochs.csv", epochs.data);
    cJSON *data = page_of(base);
    int n = values_of("runs", "case", "toy/x", "val_acc_final", values);
    assert_int_equal(n, SEEDS);
    assert_near(page_number(data, "outcomes", 0, "seeds"), SEEDS);
    assert_string_equal(page_text(data, "outcomes", 0, "status"), "7 ok, 1 timeout");
    assert_near(page_number(data, "outcomes", 0, "val_acc_final"), middle(values, n));
    /* Of seven values the extremes enclose the median: 2 / 128 is below 5 %, 2 (1 + 7) / 128 is not. */
    assert_near(page_number(data, "outcomes", 0, "val_acc_final_low"), values[0]);
    assert_near(page_number(data, "outcomes", 0, "val_acc_final_high"), values[n - 1]);
    for (int s = 0; s < SEEDS; s++) gaps[s] = 0.9 + 0.001 * s - accuracy_of(s, EPOCHS);
    qsort(gaps, SEEDS, sizeof *gaps, ascending);
    assert_near(page_number(data, "outcomes", 0, "gap"), middle(gaps, SEEDS));
    assert_string_equal(page_text(data, "outcomes", 0, "repeat"),
                        "regbench run toy/x -d cpu -t 2 --provider own -s 1,2,3,4,5,6,7,8");
    int points = page_rows(data, "curves");
    assert_true(points > 100 && points <= 122);
    assert_near(page_number(data, "curves", 0, "epoch"), 1);
    assert_near(page_number(data, "curves", points - 1, "epoch"), EPOCHS);
    for (int i = 0; i < points; i++) {
        int epoch = (int)page_number(data, "curves", i, "epoch");
        assert_near(page_number(data, "curves", i, "val_acc"),
                    accuracy_of(2, epoch)); /* 10 mod 7 = 3: the middle one */
        assert_near(page_number(data, "curves", i, "val_acc_low"), accuracy_of(0, epoch));
        assert_near(page_number(data, "curves", i, "val_acc_high"), 0.56 + 0.0001 * epoch);
    }
    assert_int_equal(page_rows(data, "failures"), 1);
    assert_string_equal(page_text(data, "failures", 0, "repeat"), "regbench run toy/x -d cpu -s 8");
    assert_says(data, "summary",
                "1 of 9 runs failed: 1 timeout. 1 more ended otherwise than well, as the case foresees.");
    cJSON_Delete(data);
}

/* Six seeds of a known regularizer and its base. */
static void effects_are_told_with_their_interval(void **state) {
    double differences[6], mean = 0, squares = 0;
    char part[128];
    (void)state;
    made_begin(base, "effects", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < 6; s++) {
        double without = 0.4 + 0.01 * s, with = without + 0.03 + 0.002 * ((s * 3) % 5);
        differences[s] = with - without;
        mean += differences[s] / 6;
        made_add_run(&csv,
                     &(made_run){.name = "animals/unregularized", .seed = s, .number = 2 * s, .accuracy = without});
        made_add_run(&csv,
                     &(made_run){.name = "animals/l1", .reg = "l1", .seed = s, .number = 2 * s + 1, .accuracy = with});
        made_add_epoch(&epochs, 2 * s, 2, 0.9, without);
        made_add_epoch(&epochs, 2 * s + 1, 2, 0.8, with);
    }
    /* One seed has no interval, and three that contradict each other have a wide one. */
    made_add_run(&csv, &(made_run){.name = "animals/l2", .reg = "l2", .seed = 0, .number = 20, .accuracy = 0.5});
    made_add_epoch(&epochs, 20, 2, 0.8, 0.5);
    for (int s = 0; s < 3; s++) {
        double change = 0.1 * (s - 1) + 0.02;
        made_add_run(&csv,
                     &(made_run){.name = "animals/l1l2", .reg = "l1 l2", .seed = s, .number = 21 + s, .accuracy = 0.5});
        made_add_epoch(&epochs, 21 + s, 2, 0.8, 0.4 + 0.01 * s + change);
    }
    made_write(base, "effects", "runs.csv", csv.data);
    made_write(base, "effects", "epochs.csv", epochs.data);
    for (int s = 0; s < 6; s++) squares += (differences[s] - mean) * (differences[s] - mean);
    double half = 2.571 * sqrt(squares / 5 / 6); /* Student's t for 5 degrees of freedom */
    cJSON *data = page_of(base);
    int row = page_find(data, "effects", "figure", "val_acc_final");
    assert_string_equal(page_text(data, "effects", row, "case"), "animals/l1");
    assert_true(fabs(page_number(data, "effects", row, "change") - mean) < 1e-8);
    assert_true(fabs(page_number(data, "effects", row, "low") - (mean - half)) < 1e-6);
    assert_true(fabs(page_number(data, "effects", row, "high") - (mean + half)) < 1e-6);
    snprintf(part, sizeof part, "%+.1f points, 95 %% interval %+.1f to %+.1f, 6 seeds", 100 * mean, 100 * (mean - half),
             100 * (mean + half));
    assert_says(data, "summary", "animals/l1 (l1) raises the final validation accuracy of animals/unregularized: ");
    assert_says(data, "summary", part);
    assert_says(data, "summary", "Of one seed, so without a verdict: animals/l2 (+10.0 points, 1 seed).");
    assert_says(data, "summary", "can be shown (95 % intervals) for animals/l1l2 (-22.8 to +26.8 points, 3 seeds).");
    cJSON_Delete(data);
}

/* Of many arms without an effect a few are named. */
static void many_effects_are_not_all_named(void **state) {
    (void)state;
    static const char *const names[] = {"animals/unregularized", "animals/no-dropout", "animals/l1", "animals/l2",
                                        "animals/l1l2",          "animals/dropout"};
    int number = 0;
    made_begin(base, "effects", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < 3; s++, number++) {
        made_add_run(&csv, &(made_run){.name = "animals/unregularized", .seed = s, .number = number, .accuracy = 0.4});
        made_add_epoch(&epochs, number, 2, 0.8, 0.4);
    }
    for (int k = 0; k < 6; k++)
        for (int s = 0; s < 3; s++, number++) {
            double accuracy = k < 2 ? 0.4 : 0.4 + 0.1 * (s - 1) + 0.01;
            const char *reg = k < 2 ? NULL : strchr(names[k], '/') + 1;
            made_add_run(&csv,
                         &(made_run){.name = names[k], .reg = reg, .seed = s, .number = number, .accuracy = accuracy});
            made_add_epoch(&epochs, number, 2, 0.8, accuracy);
        }
    made_write(base, "effects", "runs.csv", csv.data);
    made_write(base, "effects", "epochs.csv", epochs.data);
    cJSON *data = page_of(base);
    if (!page_says(data, "summary", ", and 1 more: see Regularizers."))
        fail_msg("%s", cJSON_Print(cJSON_GetObjectItem(data, "summary")));
    cJSON_Delete(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(outcomes_and_curves_agree), TEST(effects_are_told_with_their_interval),
                                       TEST(many_effects_are_not_all_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
