/* classes.c: precision, recall and confusion of a trained model. */
#include "cli/classes.h"

#include <stdlib.h>

#include "cli/child.h"

static rb_status send_confusion(FILE *to, const int64_t *counts, int classes, const char *split, const char *run_id) {
    rb_status status = RB_OK;
    for (int t = 0; t < classes; t++)
        for (int p = 0; p < classes; p++) {
            rb_row row;
            if (counts[t * classes + p] == 0) continue;
            rb_row_begin(&row, RB_TABLE_confusion);
            rb_row_text(&row, RB_COL(confusion, run_id), run_id);
            rb_row_text(&row, RB_COL(confusion, split), split);
            rb_row_int(&row, RB_COL(confusion, true_class), t);
            rb_row_int(&row, RB_COL(confusion, predicted_class), p);
            rb_row_int(&row, RB_COL(confusion, count), counts[t * classes + p]);
            status = rb_send_row(to, &row);
            rb_row_end(&row);
            RB_TRY(status);
        }
cleanup:
    return status;
}

/* Where a quotient has no denominator it is 0, as in scikit-learn. */
static double ratio(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : 0; }

static rb_status send_rows(FILE *to, const int64_t *counts, const rb_dataset *data, const char *split, const char *run_id) {
    rb_status status = RB_OK;
    int n = data->classes;
    for (int c = 0; c < n; c++) {
        int64_t support = 0, predicted = 0, right = counts[c * n + c];
        rb_row row;
        for (int k = 0; k < n; k++) {
            support += counts[c * n + k];
            predicted += counts[k * n + c];
        }
        rb_row_begin(&row, RB_TABLE_classes);
        rb_row_text(&row, RB_COL(classes, run_id), run_id);
        rb_row_text(&row, RB_COL(classes, split), split);
        rb_row_int(&row, RB_COL(classes, class), c);
        rb_row_text(&row, RB_COL(classes, name), data->class_names ? data->class_names[c] : NULL);
        rb_row_real(&row, RB_COL(classes, precision), ratio(right, predicted));
        rb_row_real(&row, RB_COL(classes, recall), ratio(right, support));
        rb_row_real(&row, RB_COL(classes, f1_score), ratio(2 * right, predicted + support));
        rb_row_int(&row, RB_COL(classes, support), support);
        status = rb_send_row(to, &row);
        rb_row_end(&row);
        RB_TRY(status);
    }
cleanup:
    return status;
}

rb_status rb_send_classes(FILE *to, rb_trainer *t, const rb_dataset *data, const char *run_id) {
    rb_status status = RB_OK;
    rb_split split = rb_trainer_rows(t, RB_SPLIT_TEST) > 0 ? RB_SPLIT_TEST : RB_SPLIT_VALID;
    const char *split_name = split == RB_SPLIT_TEST ? "test" : "valid";
    int64_t n = rb_trainer_rows(t, split);
    size_t cells = (size_t)data->classes * (size_t)data->classes, text_n = 0;
    double loss, accuracy;
    char *text = NULL;
    FILE *memory = NULL;
    int32_t *labels = malloc((size_t)n * sizeof *labels), *pred = malloc((size_t)n * sizeof *pred);
    int64_t *counts = calloc(cells, sizeof *counts);
    if (n < 1) goto cleanup;
    if (!labels || !pred || !counts || !(memory = open_memstream(&text, &text_n))) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld predictions", (long long)n);
        goto cleanup;
    }
    RB_TRY(rb_trainer_eval(t, split, 0, &loss, &accuracy, pred));
    rb_trainer_labels(t, split, n, labels);
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0 && labels[i] < data->classes && pred[i] >= 0 && pred[i] < data->classes)
            counts[labels[i] * data->classes + pred[i]]++;
    RB_TRY(send_rows(to, counts, data, split_name, run_id));
    RB_TRY(send_confusion(to, counts, data->classes, split_name, run_id));
    RB_TRY(rb_classification_report(memory, labels, pred, n, data->classes, data->class_names));
    fputc('\n', memory);
    RB_TRY(rb_confusion_print(memory, labels, pred, n, data->classes, data->class_names));
    fflush(memory);
    RB_TRY(rb_send_text(to, text));
cleanup:
    if (memory) fclose(memory);
    free(text);
    free(labels);
    free(pred);
    free(counts);
    return status;
}
