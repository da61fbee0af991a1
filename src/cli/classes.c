/* classes.c: precision, recall and confusion of a trained model. */
#include "cli/classes.h"

#include <stdlib.h>

#include "cli/child.h"

static rb_status send(void *to, const rb_row *row) { return rb_send_row(to, row); }

rb_status rb_send_classes(FILE *to, rb_trainer *t, const rb_dataset *data, const char *run_id) {
    rb_status status = RB_OK;
    rb_split split = rb_trainer_rows(t, RB_SPLIT_TEST) > 0 ? RB_SPLIT_TEST : RB_SPLIT_VALID;
    const char *split_name = split == RB_SPLIT_TEST ? "test" : "valid";
    int64_t n = rb_trainer_rows(t, split);
    double loss, accuracy;
    char *text = NULL;
    size_t text_n = 0;
    FILE *memory = NULL;
    if (n < 1) return RB_OK;
    int32_t *labels = malloc((size_t)n * sizeof *labels), *pred = malloc((size_t)n * sizeof *pred);
    if (!labels || !pred || !(memory = open_memstream(&text, &text_n))) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld predictions", (long long)n);
        goto cleanup;
    }
    RB_TRY(rb_trainer_eval(t, split, 0, &loss, &accuracy, pred));
    rb_trainer_labels(t, split, n, labels);
    RB_TRY(rb_classification_rows(run_id, split_name, labels, pred, n, data->classes, data->class_names, send, to));
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
    return status;
}
