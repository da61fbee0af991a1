/* predict.c: the verb `predict`: what the model of a checkpoint takes images for, image by image. */
#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include "core/log.h"
#include "regbench/checkpoint.h"

typedef struct predict_work {
    const rb_options *o;
    const rb_checkpoint *checkpoint;
    const rb_case *c;
    const char *device;
    rb_split split;
    const char *split_name;
} predict_work;

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

static rb_status send_predictions(const predict_work *w, FILE *to, const rb_dataset *data, const int32_t *rows,
                                  const int32_t *labels, const int32_t *pred, int64_t n) {
    rb_status status = RB_OK;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_predictions);
    for (int64_t i = 0; i < n; i++) {
        int32_t label = labels[i];
        rb_row_end(&row);
        rb_row_begin(&row, RB_TABLE_predictions);
        rb_row_text(&row, RB_COL(predictions, split), w->split_name);
        rb_row_int(&row, RB_COL(predictions, row), rows[i]);
        rb_row_int(&row, RB_COL(predictions, label), label);
        rb_row_text(&row, RB_COL(predictions, label_name), data->class_names ? data->class_names[label] : NULL);
        rb_row_int(&row, RB_COL(predictions, predicted), pred[i]);
        rb_row_text(&row, RB_COL(predictions, predicted_name), data->class_names ? data->class_names[pred[i]] : NULL);
        rb_row_int(&row, RB_COL(predictions, correct), label == pred[i]);
        RB_TRY(rb_send_row(to, &row));
    }
cleanup:
    rb_row_end(&row);
    return status;
}

static rb_status work(void *context, FILE *to) {
    const predict_work *w = context;
    rb_status status = RB_OK;
    rb_device_id id = {0};
    rb_device *device = NULL;
    rb_dataset *data = NULL;
    rb_trainer *t = NULL;
    int32_t *pred = NULL, *labels = NULL;
    double loss, accuracy;
    uint64_t seed = rb_checkpoint_head_of(w->checkpoint)->seed;
    rb_open_options options = rb_open_choice(w->o);
    rb_data_options where = rb_data_choice(w->o);
    RB_TRY(rb_device_select(w->device, &id));
    RB_TRY(id.backend->open(id.index, &options, &device));
    RB_TRY(rb_dataset_load(w->c->dataset, &where, &data));
    if (!data->labels) {
        status = rb_fail(RB_MISMATCH, "case %s predicts numbers: there are no classes to list", w->c->name);
        goto cleanup;
    }
    RB_TRY(rb_trainer_new(id.backend, device, w->c, data, seed, &t));
    RB_TRY(rb_checkpoint_restore(w->checkpoint, t, seed));
    const rb_checkpoint_head *head = rb_checkpoint_head_of(w->checkpoint);
    if (head->best && (head->at.stop.stopped > 0 || head->at.epoch >= w->c->epochs)) /* as the run itself ended */
        RB_TRY(rb_trainer_restore_best(t));
    int64_t n = rb_trainer_rows(t, w->split);
    const int32_t *rows = rb_trainer_split(t, w->split);
    pred = malloc((size_t)(n + 1) * sizeof *pred);
    labels = malloc((size_t)(n + 1) * sizeof *labels);
    if (!pred || !labels) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld predictions", (long long)n);
        goto cleanup;
    }
    rb_trainer_labels(t, w->split, n, labels);
    RB_TRY(rb_trainer_eval(t, w->split, 0, &loss, &accuracy, pred));
    RB_TRY(send_predictions(w, to, data, rows, labels, pred, n));
    rb_log(RB_LOG_INFO, "%s of %s: accuracy %.4f, loss %.4f on %lld images", w->split_name, data->name, accuracy, loss,
           (long long)n);
    if (rb_given(w->o, RB_FLAG_PNG))
        RB_TRY(rb_dataset_show_predictions(data, w->c->name, rows, pred, n, (int)rb_value_int(w->o, RB_FLAG_ROWS, 4),
                                           (int)rb_value_int(w->o, RB_FLAG_COLUMNS, 10), rb_value(w->o, RB_FLAG_PNG)));
cleanup:
    free(pred);
    free(labels);
    rb_trainer_free(t);
    rb_dataset_free(data);
    if (device) id.backend->close(device);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

typedef struct row_list {
    rb_row *at;
    int n, room;
} row_list;

static rb_status keep(void *context, const rb_row *row) {
    row_list *list = context;
    if (list->n == list->room) {
        int room = list->room ? 2 * list->room : 1024;
        rb_row *more = realloc(list->at, (size_t)room * sizeof *more);
        if (!more) return rb_fail(RB_MEMORY, "out of memory for %d predictions", room);
        list->at = more;
        list->room = room;
    }
    rb_row_copy(row, &list->at[list->n++]);
    return RB_OK;
}

static rb_status open_checkpoint(const rb_options *o, rb_checkpoint **out) {
    const rb_case *c;
    if (o->names.n != 1)
        return rb_fail(RB_USAGE,
                       "`regbench predict` takes one checkpoint, not %d; `regbench run CASE --checkpoint-every 1` "
                       "writes them to checkpoints/ of its session",
                       o->names.n);
    rb_status status = rb_checkpoint_open(o->names.at[0], out);
    if (status != RB_MISSING) return status;
    rb_error missing = *rb_error_last();
    rb_error_clear();
    if (rb_case_find(o->names.at[0], &c) == RB_OK)
        return rb_fail(RB_USAGE,
                       "%s is a case: `regbench predict` takes a checkpoint, which `regbench run %s --checkpoint-every "
                       "1` writes to checkpoints/ of its session",
                       c->name, c->name);
    rb_error_clear();
    return rb_fail(RB_MISSING, "%s", missing.text);
}

rb_status rb_verb_predict(const rb_options *o) {
    static const int columns[] = {RB_COL(predictions, row), RB_COL(predictions, label), RB_COL(predictions, label_name),
                                  RB_COL(predictions, predicted), RB_COL(predictions, predicted_name)};
    static const char *const splits[] = {"train", "valid", "test"};
    rb_status status = RB_OK;
    rb_checkpoint *checkpoint = NULL;
    rb_words devices = {0};
    row_list list = {0};
    rb_child_hooks hooks = {.context = &list, .row = keep};
    rb_child_end end;
    predict_work w = {.o = o, .split = RB_SPLIT_TEST};
    rb_case_edit *edit = malloc(sizeof *edit);
    if (!edit) return rb_fail(RB_MEMORY, "out of memory for a case");
    for (int i = 0; i < 3 && rb_given(o, RB_FLAG_SPLIT); i++)
        if (!strcmp(rb_value(o, RB_FLAG_SPLIT), splits[i])) w.split = (rb_split)i;
    w.split_name = splits[w.split];
    RB_TRY(open_checkpoint(o, &checkpoint));
    RB_TRY(rb_checkpoint_case(checkpoint, edit));
    RB_TRY(rb_devices_chosen(o, &devices));
    if (devices.n > 1 && rb_given(o, RB_FLAG_DEVICE)) {
        status = rb_fail(RB_USAGE, "`regbench predict` takes one device, these are %d", devices.n);
        goto cleanup;
    }
    w.checkpoint = checkpoint;
    w.c = &edit->c;
    w.device = devices.at[0];
    RB_TRY(rb_child_run(work, &w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 0), &end));
    if (end.status != RB_OK) {
        status = rb_fail(end.status, "%s", end.text);
        goto cleanup;
    }
    RB_TRY(rb_print_table(RB_TABLE_predictions, rb_output_format(o), list.at, list.n, columns,
                          sizeof columns / sizeof *columns));
cleanup:
    for (int i = 0; i < list.n; i++) rb_row_end(&list.at[i]);
    free(list.at);
    rb_words_free(&devices);
    rb_checkpoint_close(checkpoint);
    free(edit);
    return status;
}
