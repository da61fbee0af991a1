/* classification.c: precision, recall, f1 per class, and the confusion matrix.
 *
 *     precision = TP / (TP + FP)   recall = TP / (TP + FN)   f1 = 2 TP / (2 TP + FP + FN)   0/0 = 0
 *
 * The printed report has the form of scikit-learn's classification_report, so that it can be compared line by line. */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "report/internal.h"

static rb_status count(const int32_t *labels, const int32_t *pred, int64_t n, int classes, int64_t *confusion) {
    memset(confusion, 0, (size_t)classes * (size_t)classes * sizeof *confusion);
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < 0 || labels[i] >= classes || pred[i] < 0 || pred[i] >= classes)
            return rb_fail(RB_MISMATCH, "sample %lld: label %d, predicted %d, but there are %d classes", (long long)i,
                           labels[i], pred[i], classes);
        confusion[(int64_t)labels[i] * classes + pred[i]]++;
    }
    return RB_OK;
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

static void score(const int64_t *confusion /* (classes, classes) */, int classes, rb_class_score *scores) {
    for (int c = 0; c < classes; c++) {
        int64_t truth = 0, predicted = 0, right = confusion[(int64_t)c * classes + c];
        for (int k = 0; k < classes; k++) {
            truth += confusion[(int64_t)c * classes + k];
            predicted += confusion[(int64_t)k * classes + c];
        }
        scores[c] = (rb_class_score){ratio((double)right, (double)predicted), ratio((double)right, (double)truth),
                                     ratio(2.0 * (double)right, (double)(truth + predicted)), truth};
    }
}

rb_status rb_classification_scores(const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                                   rb_class_score *scores, int64_t *confusion) {
    rb_status status = RB_OK;
    int64_t *own = NULL;
    if (!confusion) {
        own = confusion = calloc((size_t)classes * (size_t)classes + 1, sizeof *own);
        if (!own) return rb_fail(RB_MEMORY, "out of memory for a confusion matrix of %d classes", classes);
    }
    RB_TRY(count(labels, pred, n, classes, confusion));
    if (scores) score(confusion, classes, scores);
cleanup:
    free(own);
    return status;
}

/* Scores and confusion matrix in one allocation each; both are the caller's to free. */
static rb_status both(const int32_t *labels, const int32_t *pred, int64_t n, int classes, rb_class_score **scores,
                      int64_t **confusion) {
    *scores = calloc((size_t)classes + 1, sizeof **scores);
    *confusion = calloc((size_t)classes * (size_t)classes + 1, sizeof **confusion);
    if (!*scores || !*confusion)
        return rb_fail(RB_MEMORY, "out of memory for a confusion matrix of %d classes", classes);
    return rb_classification_scores(labels, pred, n, classes, *scores, *confusion);
}

rb_status rb_classification_rows(const char *run_id, const char *split, const int32_t *labels, const int32_t *pred,
                                 int64_t n, int classes, const char *const *names,
                                 rb_status (*emit)(void *context, const rb_row *row), void *context) {
    rb_status status = RB_OK;
    rb_class_score *scores = NULL;
    int64_t *confusion = NULL;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_classes);
    RB_TRY(both(labels, pred, n, classes, &scores, &confusion));
    for (int c = 0; c < classes; c++) {
        rb_row_end(&row);
        rb_row_begin(&row, RB_TABLE_classes);
        rb_row_text(&row, RB_COL(classes, run_id), run_id);
        rb_row_text(&row, RB_COL(classes, split), split);
        rb_row_int(&row, RB_COL(classes, class), c);
        rb_row_text(&row, RB_COL(classes, name), names ? names[c] : NULL);
        rb_row_real(&row, RB_COL(classes, precision), scores[c].precision);
        rb_row_real(&row, RB_COL(classes, recall), scores[c].recall);
        rb_row_real(&row, RB_COL(classes, f1_score), scores[c].f1);
        rb_row_int(&row, RB_COL(classes, support), scores[c].support);
        RB_TRY(emit(context, &row));
    }
    for (int i = 0; i < classes * classes; i++) {
        if (!confusion[i]) continue;
        rb_row_end(&row);
        rb_row_begin(&row, RB_TABLE_confusion);
        rb_row_text(&row, RB_COL(confusion, run_id), run_id);
        rb_row_text(&row, RB_COL(confusion, split), split);
        rb_row_int(&row, RB_COL(confusion, true_class), i / classes);
        rb_row_int(&row, RB_COL(confusion, predicted_class), i % classes);
        rb_row_int(&row, RB_COL(confusion, count), confusion[i]);
        RB_TRY(emit(context, &row));
    }
cleanup:
    rb_row_end(&row);
    free(scores);
    free(confusion);
    return status;
}

static const char *name_of(const char *const *names, int c, char digits[16]) {
    if (names && names[c]) return names[c];
    snprintf(digits, 16, "%d", c);
    return digits;
}

static int names_width(const char *const *names, int classes, int least) {
    char digits[16];
    for (int c = 0; c < classes; c++) {
        int width = rb__text_width(name_of(names, c, digits));
        if (width > least) least = width;
    }
    return least;
}

static void right(FILE *to, const char *s, int width) { fprintf(to, "%*s%s", width - rb__text_width(s), "", s); }

static void line(FILE *to, const char *name, int width, double precision, double recall, double f1, int64_t support) {
    right(to, name, width);
    fprintf(to, "  %9.2f %9.2f %9.2f %9lld\n", precision, recall, f1, (long long)support);
}

rb_status rb_classification_report(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                                   const char *const *names) {
    rb_status status = RB_OK;
    rb_class_score *scores = NULL, macro = {0}, weighted = {0};
    int64_t *confusion = NULL, correct = 0;
    char digits[16];
    int width = names_width(names, classes, (int)strlen("weighted avg"));
    RB_TRY(both(labels, pred, n, classes, &scores, &confusion));
    right(to, "", width);
    fprintf(to, "  %9s %9s %9s %9s\n\n", "precision", "recall", "f1-score", "support");
    for (int c = 0; c < classes; c++) {
        double share = ratio((double)scores[c].support, (double)n), each = 1.0 / classes;
        line(to, name_of(names, c, digits), width, scores[c].precision, scores[c].recall, scores[c].f1,
             scores[c].support);
        macro.precision += each * scores[c].precision;
        macro.recall += each * scores[c].recall;
        macro.f1 += each * scores[c].f1;
        weighted.precision += share * scores[c].precision;
        weighted.recall += share * scores[c].recall;
        weighted.f1 += share * scores[c].f1;
        correct += confusion[(int64_t)c * classes + c];
    }
    fprintf(to, "\n");
    right(to, "accuracy", width);
    fprintf(to, "  %9s %9s %9.2f %9lld\n", "", "", ratio((double)correct, (double)n), (long long)n);
    line(to, "macro avg", width, macro.precision, macro.recall, macro.f1, n);
    line(to, "weighted avg", width, weighted.precision, weighted.recall, weighted.f1, n);
    if (fflush(to) != 0) status = rb_fail(RB_OUTPUT, "cannot write the classification report");
cleanup:
    free(scores);
    free(confusion);
    return status;
}

rb_status rb_confusion_print(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                             const char *const *names) {
    rb_status status = RB_OK;
    rb_class_score *scores = NULL;
    int64_t *confusion = NULL, largest = 0;
    char digits[24];
    RB_TRY(both(labels, pred, n, classes, &scores, &confusion));
    for (int i = 0; i < classes * classes; i++) largest = confusion[i] > largest ? confusion[i] : largest;
    int cell = snprintf(digits, sizeof digits, "%lld", (long long)largest);
    int number = snprintf(digits, sizeof digits, "%d", classes > 0 ? classes - 1 : 0);
    int width = names_width(names, classes, (int)strlen("true \\ predicted"));
    if (number > cell) cell = number;
    right(to, "true \\ predicted", width + number + 1);
    for (int c = 0; c < classes; c++) fprintf(to, " %*d", cell, c);
    fprintf(to, "\n");
    for (int c = 0; c < classes; c++) {
        right(to, names && names[c] ? names[c] : "", width);
        fprintf(to, " %*d", number, c);
        for (int k = 0; k < classes; k++) fprintf(to, " %*lld", cell, (long long)confusion[(int64_t)c * classes + k]);
        fprintf(to, "\n");
    }
    if (fflush(to) != 0) status = rb_fail(RB_OUTPUT, "cannot write the confusion matrix");
cleanup:
    free(scores);
    free(confusion);
    return status;
}
