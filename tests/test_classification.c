/* test_classification.c: scores and prints against scikit-learn's documented example and values worked by hand. */
#include "report_util.h"

#include <math.h>

#include "regbench/report.h"

static const int32_t labels[] = {0, 1, 2, 2, 2}, pred[] = {0, 0, 2, 2, 1};
static const char *const names[] = {"class 0", "class 1", "class 2"};

static char *captured(rb_status (*print)(FILE *, const int32_t *, const int32_t *, int64_t, int, const char *const *),
                      int64_t n, int classes, const char *const *with) {
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    assert_int_equal(print(to, labels, pred, n, classes, with), RB_OK);
    fclose(to);
    return out;
}

/* The example of the documentation of sklearn.metrics.classification_report, letter by letter. */
static void documented(void **state) {
    (void)state;
    char *out = captured(rb_classification_report, 5, 3, names);
    assert_string_equal(out, "              precision    recall  f1-score   support\n"
                             "\n"
                             "     class 0       0.50      1.00      0.67         1\n"
                             "     class 1       0.00      0.00      0.00         1\n"
                             "     class 2       1.00      0.67      0.80         3\n"
                             "\n"
                             "    accuracy                           0.60         5\n"
                             "   macro avg       0.50      0.56      0.49         5\n"
                             "weighted avg       0.70      0.60      0.61         5\n");
    free(out);
}

static void empty(void **state) {
    (void)state;
    char *out = captured(rb_classification_report, 0, 2, NULL); /* divisions by zero give 0.00, never nan */
    assert_null(strstr(out, "nan"));
    assert_non_null(strstr(out, "           1       0.00      0.00      0.00         0\n"));
    free(out);
    out = captured(rb_confusion_print, 0, 2, NULL);
    assert_string_equal(out, "  true \\ predicted 0 1\n"
                             "                 0 0 0\n"
                             "                 1 0 0\n");
    free(out);
}

static void wide_names(void **state) {
    static const char *const wide[] = {"a rather long name", "\xc3\xa9", "x"};
    (void)state;
    char *out = captured(rb_classification_report, 5, 3, wide);
    assert_non_null(strstr(out, "a rather long name       0.50"));
    assert_non_null(strstr(out, "\n                 \xc3\xa9       0.00")); /* one letter wide, two bytes */
    free(out);
}

static void matrix(void **state) {
    (void)state;
    char *out = captured(rb_confusion_print, 5, 3, names);
    assert_string_equal(out, "  true \\ predicted 0 1 2\n"
                             "         class 0 0 1 0 0\n"
                             "         class 1 1 1 0 0\n"
                             "         class 2 2 0 1 2\n");
    free(out);
}

static void scores(void **state) {
    rb_class_score s[3];
    int64_t confusion[9];
    const int64_t expected[9] = {1, 0, 0, 1, 0, 0, 0, 1, 2};
    const int32_t outside[] = {0, 1, 2, 3, 2}, negative[] = {0, 1, 2, -1, 2};
    (void)state;
    assert_int_equal(rb_classification_scores(labels, pred, 5, 3, s, confusion), RB_OK);
    assert_memory_equal(confusion, expected, sizeof expected);
    assert_true(s[0].precision == 0.5 && s[0].recall == 1 && fabs(s[0].f1 - 2.0 / 3) < 1e-15 && s[0].support == 1);
    assert_true(s[1].precision == 0 && s[1].recall == 0 && s[1].f1 == 0 && s[1].support == 1);
    assert_true(s[2].precision == 1 && fabs(s[2].recall - 2.0 / 3) < 1e-15 && fabs(s[2].f1 - 0.8) < 1e-15);
    assert_fails(rb_classification_scores(outside, pred, 5, 3, s, NULL), RB_MISMATCH, "sample 3");
    assert_fails(rb_classification_scores(labels, negative, 5, 3, NULL, NULL), RB_MISMATCH, "sample 3");
}

static rb_status count_row(void *context, const rb_row *row) {
    int *rows = context;
    rows[row->table == RB_TABLE_confusion]++;
    assert_string_equal(rb_row_get_text(row, rb_column_find(row->table, "split")), "valid");
    return RB_OK;
}

static void rows(void **state) {
    int count[2] = {0, 0};
    (void)state;
    assert_int_equal(rb_classification_rows("r", "valid", labels, pred, 5, 3, names, count_row, count), RB_OK);
    assert_int_equal(count[0], 3);
    assert_int_equal(count[1], 4); /* cells that are not zero */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented), cmocka_unit_test(empty),  cmocka_unit_test(wide_names),
        cmocka_unit_test(matrix),     cmocka_unit_test(scores), cmocka_unit_test(rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
