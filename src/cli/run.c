/* run.c: the verb `run`: convergence: train, validate, report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attacks.h"
#include "cli/checkpoints.h"
#include "cli/classes.h"
#include "cli/matrix.h"
#include "cli/pictures.h"
#include "cli/place.h"
#include "cli/recorder.h"
#include "cli/run.h"
#include "cli/share.h"
#include "cli/study.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "core/clock.h"
#include "core/log.h"

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

typedef struct run_work {
    const rb_options *o;
    const rb_item *item;
    const rb_row *row; /* what is known before */
    const char *run_id, *session_dir;
    const rb_dataset *data;
    rb_verified verified; /* by an earlier item */
    FILE *to;
    rb_trainer *trainer;
    int epochs;
    int decided;          /* last epoch after which the device stood still, and could be read */
    int checkpoint_every; /* epochs, 0 = never */
    rb_text checkpoint;   /* its file */
    char lineage[2048];   /* of the run, see checkpoint.h */
    const char *resumed;  /* the file with which the run began; NULL once the first row has said so */
    bool layers;
    rb_target target;
    double spoken;  /* when progress was last sent */
    rb_status sent; /* first failure to send */
} run_work;

static int on_step(void *context, int64_t step, const rb_step_metrics *m) {
    run_work *w = context;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_steps);
    rb_row_text(&row, RB_COL(steps, run_id), w->run_id);
    rb_row_int(&row, RB_COL(steps, step), step);
    if (step > 0) { /* step 0 is the initialization: no batch was seen */
        rb_row_real(&row, RB_COL(steps, train_loss), m->loss);
        rb_row_real(&row, RB_COL(steps, grad_l2), m->grad_l2);
    }
    rb_row_real(&row, RB_COL(steps, param_l2), m->param_l2);
    w->sent = rb_send_row(w->to, &row);
    rb_row_end(&row);
    return w->sent != RB_OK;
}

/* Rows of layers: norms of every parameter tensor. */
static rb_status send_layers(run_work *w, int epoch, int64_t step) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(w->trainer);
    rb_row row;
    rb_row_begin(&row, RB_TABLE_layers);
    rb_tensor_norms *norms = calloc((size_t)p->n_params + 1, sizeof *norms);
    if (!norms) return rb_fail(RB_MEMORY, "out of memory for norms");
    RB_TRY(rb_trainer_norms(w->trainer, norms));
    for (int i = 0; i < p->n_params; i++) {
        rb_row_end(&row);
        rb_row_begin(&row, RB_TABLE_layers);
        rb_row_text(&row, RB_COL(layers, run_id), w->run_id);
        rb_row_int(&row, RB_COL(layers, epoch), epoch);
        rb_row_int(&row, RB_COL(layers, step), step);
        rb_row_text(&row, RB_COL(layers, tensor), p->params[i].tensor.name);
        rb_row_text(&row, RB_COL(layers, layer), rb_layer_name(p->spec.layers[p->params[i].layer].kind));
        rb_row_int(&row, RB_COL(layers, n_params), rb_tensor_count(&p->params[i].tensor));
        rb_row_real(&row, RB_COL(layers, l1), norms[i].l1);
        rb_row_real(&row, RB_COL(layers, l2), norms[i].l2);
        rb_row_real(&row, RB_COL(layers, max_abs), norms[i].max_abs);
        rb_row_real(&row, RB_COL(layers, near_zero), norms[i].near_zero);
        if (step > 0) rb_row_real(&row, RB_COL(layers, grad_l2), norms[i].grad_l2);
        RB_TRY(rb_send_row(w->to, &row));
    }
cleanup:
    rb_row_end(&row);
    free(norms);
    return status;
}

/* A diverged run leaves the file of its last good epoch alone; half an epoch is no place to go on from. */
static bool wants_checkpoint(const run_work *w, const rb_epoch_result *e) {
    return w->checkpoint_every > 0 && rb_epoch_finite(e) && e->current && !e->partial &&
           (e->epoch / w->checkpoint_every > w->decided / w->checkpoint_every || e->epoch == w->epochs ||
            e->stop.stopped > 0);
}

static rb_status write_checkpoint(run_work *w, const rb_epoch_result *e) {
    rb_checkpoint_head head = {.seed = (uint64_t)w->item->seed, .at = *e, .best = e->stop.best_epoch > 0};
    snprintf(head.overrides, sizeof head.overrides, "%s", w->item->edit->overrides);
    memcpy(head.lineage, w->lineage, sizeof head.lineage);
    snprintf(head.run_id, sizeof head.run_id, "%s", w->run_id);
    return rb_checkpoint_write(w->trainer, &head, rb_text_string(&w->checkpoint));
}

/* What happened in an epoch, in words: "checkpoint, resumed from FILE". */
static void note_events(run_work *w, const rb_epoch_result *e, bool checkpoint, rb_row *row) {
    rb_text events = {0};
    if (checkpoint) rb_text_append(&events, "checkpoint");
    if (w->resumed) rb_text_printf(&events, "%sresumed from %s", events.length ? ", " : "", w->resumed);
    if (e->has_train && !isfinite(e->train_loss)) rb_text_printf(&events, "%sdiverged", events.length ? ", " : "");
    if (e->partial && !rb_given(w->o, RB_FLAG_MAX_STEPS))
        rb_text_printf(&events, "%sinterrupted", events.length ? ", " : "");
    rb_row_text(row, RB_COL(epochs, event), rb_text_string(&events));
    rb_text_free(&events);
    w->resumed = NULL;
}

static int on_epoch(void *context, const rb_epoch_result *e) {
    run_work *w = context;
    rb_target_see(&w->target, e);
    bool checkpoint = wants_checkpoint(w, e);
    rb_row row;
    if (w->layers && e->current && (w->sent = send_layers(w, e->epoch, e->step)) != RB_OK) return 1;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_text(&row, RB_COL(epochs, run_id), w->run_id);
    rb_row_int(&row, RB_COL(epochs, epoch), e->epoch);
    rb_row_int(&row, RB_COL(epochs, step), e->step);
    rb_row_real(&row, RB_COL(epochs, train_s_cum), e->train_s);
    rb_row_real(&row, RB_COL(epochs, eval_s_cum), e->eval_s);
    rb_row_float(&row, RB_COL(epochs, lr), (float)e->lr);
    if (e->has_train) {
        rb_row_real(&row, RB_COL(epochs, train_loss), e->train_loss);
        rb_row_real(&row, RB_COL(epochs, train_acc), e->train_acc);
    }
    if (e->has_train_eval) {
        rb_row_real(&row, RB_COL(epochs, train_eval_loss), e->train_eval_loss);
        rb_row_real(&row, RB_COL(epochs, train_eval_acc), e->train_eval_acc);
    }
    if (e->has_val) {
        rb_row_real(&row, RB_COL(epochs, val_loss), e->val_loss);
        rb_row_real(&row, RB_COL(epochs, val_acc), e->val_acc);
    }
    note_events(w, e, checkpoint, &row);
    rb_row_real(&row, RB_COL(epochs, param_l2), e->param_l2);
    w->sent = rb_send_row(w->to, &row);
    rb_row_end(&row);
    /* After the rows: who goes on from the file finds those of the epochs before. */
    if (checkpoint && w->sent == RB_OK) w->sent = write_checkpoint(w, e);
    if (e->current) w->decided = e->epoch;
    return w->sent != RB_OK;
}

static int on_outputs(void *context, int epoch, const float *values, int64_t rows, int columns) {
    run_work *w = context;
    const rb_dataset *d = w->data;
    for (int64_t i = 0; i < rows * columns && w->sent == RB_OK; i++) {
        rb_row row;
        int64_t sample = d->n_train + i / columns; /* the split that validates is the test set */
        rb_row_begin(&row, RB_TABLE_outputs);
        rb_row_text(&row, RB_COL(outputs, run_id), w->run_id);
        rb_row_int(&row, RB_COL(outputs, epoch), epoch);
        rb_row_int(&row, RB_COL(outputs, sample), i / columns);
        if (d->C * d->H * d->W == 1) rb_row_float(&row, RB_COL(outputs, x), ((const float *)d->x)[sample]);
        rb_row_float(&row, RB_COL(outputs, target), d->targets[sample * columns + i % columns]);
        rb_row_float(&row, RB_COL(outputs, predicted), values[i]);
        w->sent = rb_send_row(w->to, &row);
        rb_row_end(&row);
    }
    return w->sent != RB_OK;
}

static int on_progress(void *context, int epoch, int step, int steps, double loss, double accuracy,
                       double samples_per_s) {
    run_work *w = context;
    double now = rb_clock_s();
    if (step < steps && now - w->spoken < 0.1) return 0; /* ten a second are enough for any eye */
    w->spoken = now;
    rb_progress p = {.epoch = epoch,
                     .epochs = w->epochs,
                     .step = step,
                     .steps = steps,
                     .loss = loss,
                     .accuracy = accuracy,
                     .samples_per_s = samples_per_s};
    w->sent = rb_send_progress(w->to, &p);
    return w->sent != RB_OK;
}

static void note_result(rb_row *row, const rb_run_result *r, const rb_run_options *options) {
    rb_row_int(row, RB_COL(runs, epochs_run), r->epochs_run);
    rb_row_int(row, RB_COL(runs, steps_timed), r->steps);
    if (r->samples_per_s > 0) {
        rb_row_real(row, RB_COL(runs, samples_per_s), r->samples_per_s);
        const rb_cell *mflop = &row->cells[RB_COL(runs, model_mflop_per_sample)];
        if (mflop->type == RB_CELL_REAL)
            rb_row_real(row, RB_COL(runs, gflop_per_s), mflop->u.r * r->samples_per_s / 1e3);
    }
    rb_row_real(row, RB_COL(runs, val_acc_final), r->val_acc_final);
    rb_row_real(row, RB_COL(runs, val_acc_best), r->val_acc_best);
    if (r->best_epoch > 0) rb_row_int(row, RB_COL(runs, best_epoch), r->best_epoch);
    rb_row_real(row, RB_COL(runs, test_acc), r->test_acc);
    rb_row_text(row, RB_COL(runs, status), rb_status_word(r->outcome));
    if (r->reason[0]) {
        char reason[sizeof RB_FORESEEN + sizeof r->reason];
        snprintf(reason, sizeof reason, "%s%s", r->foreseen && r->outcome != RB_OK ? RB_FORESEEN : "", r->reason);
        rb_row_text(row, RB_COL(runs, status_reason), reason);
    }
    if (r->stop.stopped > 0) rb_row_int(row, RB_COL(runs, stop_epoch), r->epochs_run);
    if (r->restored) {
        rb_row_int(row, RB_COL(runs, kept_epoch), (int64_t)r->stop.best_epoch);
        rb_row_real(row, RB_COL(runs, kept_val_loss), r->stop.best_loss);
        rb_row_real(row, RB_COL(runs, kept_val_acc), r->stop.best_acc);
    }
    rb_row_text(row, RB_COL(runs, stop_reason),
                r->outcome == RB_INTERRUPTED ? "interrupted"
                : r->outcome == RB_DIVERGED  ? "diverged"
                : options->max_steps > 0     ? "max-steps"
                : r->stop.stopped > 0        ? "early-stop"
                                             : "epochs");
}

/* The file of this item's checkpoints, and where it goes on. */
static rb_status resume(run_work *w, rb_epoch_result *at, rb_row *row) {
    rb_status status = RB_OK;
    bool again = rb_given(w->o, RB_FLAG_RESUME);
    w->checkpoint_every = (int)rb_value_int(w->o, RB_FLAG_CHECKPOINT_EVERY, 0);
    RB_TRY(rb_checkpoint_name(w->session_dir, w->row, &w->checkpoint));
    if (w->checkpoint_every > 0) RB_TRY(rb_checkpoint_folder(w->session_dir));
    RB_TRY(rb_checkpoint_resume(w->trainer, (uint64_t)w->item->seed, again ? rb_text_string(&w->checkpoint) : NULL,
                                rb_value(w->o, RB_FLAG_FROM), at, w->lineage, &w->resumed));
    rb_row_text(row, RB_COL(runs, resumed_from), w->resumed);
cleanup:
    return status;
}

static rb_status work(void *context, FILE *to) {
    run_work *w = context;
    rb_status status = RB_OK;
    const rb_case *c = &w->item->edit->c;
    double started = rb_clock_s();
    rb_run_result result = {0};
    rb_place place = {0};
    rb_epoch_result at;
    rb_row row;
    w->to = to;
    rb_row_copy(w->row, &row);
    RB_TRY(rb_place_open(&place, w->o, w->item, &row));
    RB_TRY(rb_place_verify(&place, w->o, w->item, &w->verified, &row));
    RB_TRY(rb_place_trainer(&place, w->item, &row));
    w->trainer = place.trainer;
    RB_TRY(resume(w, &at, &row));
    RB_TRY(rb_target_begin(&w->target, w->o, place.data->labels != NULL, w->resumed ? &at : NULL));
    RB_TRY(rb_learn_from_teacher(w->trainer, (uint64_t)w->item->seed));
    rb_run_options options = {.seed = (uint64_t)w->item->seed,
                              .max_steps = rb_value_int(w->o, RB_FLAG_MAX_STEPS, 0),
                              .no_eval = rb_given(w->o, RB_FLAG_NO_EVAL),
                              .trajectory = rb_given(w->o, RB_FLAG_TRAJECTORY) || c->norms,
                              .from = w->resumed ? &at : NULL,
                              .context = w,
                              .on_step = on_step,
                              .on_epoch = on_epoch,
                              .on_outputs = rb_case_valid(c, place.data->n_train) == 0 ? on_outputs : NULL,
                              .on_progress = on_progress,
                              .stop = &rb_interrupts};
    w->data = place.data;
    w->decided = w->resumed ? at.epoch : 0;
    int steps = rb_trainer_steps_per_epoch(place.trainer);
    w->epochs = c->epochs;
    if (options.max_steps > 0 && steps > 0) w->epochs = (int)((options.max_steps + steps - 1) / steps);
    w->layers = rb_given(w->o, RB_FLAG_LAYERS) || c->layer_norms;
    if (w->layers && !options.from) RB_TRY(send_layers(w, 0, 0));
    RB_TRY(rb_train(place.trainer, &options, &result));
    RB_TRY(w->sent);
    note_result(&row, &result, &options);
    rb_target_note(&w->target, &row);
    /* --max-steps promises one evaluation and no other. */
    if (result.outcome == RB_OK && !options.no_eval && options.max_steps == 0 && place.data->labels)
        RB_TRY(rb_send_classes(to, place.trainer, place.data, w->run_id));
    if (result.outcome == RB_OK && !options.no_eval && options.max_steps == 0)
        RB_TRY(rb_send_attacks(to, place.trainer, w->run_id));
cleanup:
    status = rb_place_finish(to, &row, status, started);
    if (status == RB_OK && result.outcome == RB_OK && options.max_steps == 0)
        rb_pictures_of_run(w->o, place.trainer, w->session_dir, w->row);
    rb_place_close(&place);
    rb_text_free(&w->checkpoint);
    rb_row_end(&row);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

static rb_status print_results(const rb_recorder *r, rb_format format) {
    static const int columns[] = {RB_COL(runs, case),       RB_COL(runs, device_key),    RB_COL(runs, batch_size),
                                  RB_COL(runs, seed),       RB_COL(runs, overrides),     RB_COL(runs, status),
                                  RB_COL(runs, epochs_run), RB_COL(runs, val_acc_final), RB_COL(runs, val_acc_best),
                                  RB_COL(runs, test_acc),   RB_COL(runs, samples_per_s), RB_COL(runs, duration_s)};
    rb_status status = RB_OK;
    RB_TRY(rb_print_table(RB_TABLE_runs, format, r->rows, r->n, columns, sizeof columns / sizeof *columns));
    if (format == RB_FORMAT_MD) RB_TRY(rb_target_print(r));
    if (r->text.length && !rb_given(r->o, RB_FLAG_QUIET))
        fprintf(format == RB_FORMAT_MD ? stdout : stderr, "\n%s\n%s", r->text_label, rb_text_string(&r->text));
cleanup:
    return status;
}

static void print_how_to_resume(const rb_recorder *r) {
    rb_text more = {0}, command = {0};
    if (!rb_given(r->o, RB_FLAG_OUT_DIR)) {
        rb_text_append(&more, " -O ");
        rb_shell_quote(rb_session_dir(r->session), &more);
    }
    if (!rb_given(r->o, RB_FLAG_RESUME)) rb_text_append(&more, " --resume");
    rb_command_line(r->o, rb_text_string(&more), &command);
    rb_log(RB_LOG_WARN, "what is done is kept. To go on:"); /* a line of its own: rb_log cuts long lines */
    fprintf(stderr, "%s\n", rb_text_string(&command));
    rb_text_free(&more);
    rb_text_free(&command);
}

/* The recorder's row of this run_id, -1 where it has none. */
static int find_row(const rb_recorder *r, const char *run_id) {
    for (int i = 0; i < r->n; i++)
        if (strcmp(rb_row_get_text(&r->rows[i], RB_COL(runs, run_id)), run_id) == 0) return i;
    return -1;
}

rb_status rb_run_item(rb_recorder *r, const rb_item *item, rb_verified *verified, int index, int total, int *at) {
    rb_status status = RB_OK;
    rb_row row;
    char label[1300];
    rb_item_row(item, "run", &row);
    const rb_row *earlier = rb_session_find_run(r->session, &row);
    if (earlier) {
        *at = find_row(r, rb_row_get_text(earlier, RB_COL(runs, run_id)));
        if (*at >= 0) goto cleanup;
        RB_TRY(rb_recorder_earlier(r, earlier));
        r->earlier++;
        *at = r->n - 1;
        goto cleanup;
    }
    rb_recorder_stamp(r, &row);
    rb_item_label(item, label, sizeof label);
    run_work w = {.o = r->o,
                  .item = item,
                  .row = &row,
                  .run_id = rb_row_get_text(&row, RB_COL(runs, run_id)),
                  .session_dir = rb_session_dir(r->session),
                  .verified = *verified};
    RB_TRY(rb_recorder_item(r, work, &w, &row, label, index, total));
    *at = r->n - 1;
    *verified = rb_verified_by(&r->rows[*at]);
cleanup:
    rb_row_end(&row);
    return status;
}

static rb_status run_all(rb_recorder *r, const rb_matrix *m, rb_study_results *studies) {
    rb_status status = RB_OK;
    rb_verified verified = {0};
    int total = rb_matrix_runs(r->o, m), at;
    for (int i = 0, index = 0; i < m->n && !rb_recorder_stopped(r); i++) {
        const rb_item *item = &m->items[i];
        if (item->study) {
            RB_TRY(rb_study_run(r, item, index, total, studies));
            index += rb_study_runs(item->study, rb_budget(r->o));
            continue;
        }
        /* Seeds of a case on a device follow each other: the first one that is right speaks for all. */
        if (i == 0 || item->edit != m->items[i - 1].edit || strcmp(item->device, m->items[i - 1].device) != 0)
            verified = (rb_verified){0};
        RB_TRY(rb_run_item(r, item, &verified, index++, total, &at));
    }
    if (r->earlier) rb_log(RB_LOG_INFO, "%d of %d items were done before", r->earlier, total);
cleanup:
    return status;
}

rb_status rb_verb_run(const rb_options *o) {
    rb_status status = RB_OK;
    rb_matrix matrix = {0};
    rb_recorder recorder = {0};
    rb_study_results studies = {0};
    if (rb_given(o, RB_FLAG_RESUME) && !rb_given(o, RB_FLAG_OUT_DIR))
        return rb_fail(RB_USAGE, "--resume needs --out-dir: the folder of the session to go on with");
    RB_TRY(rb_matrix_build(o, &matrix));
    RB_TRY(rb_budget_check(o, &matrix));
    if (rb_given(o, RB_FLAG_DRY_RUN)) {
        RB_TRY(rb_matrix_print(o, &matrix, rb_output_format(o)));
        goto cleanup;
    }
    if (rb_given(o, RB_FLAG_FROM)) { /* a bad file is found before a folder is made */
        rb_checkpoint *c;
        RB_TRY(rb_checkpoint_open(rb_value(o, RB_FLAG_FROM), &c));
        rb_checkpoint_close(c);
    }
    RB_TRY(rb_recorder_open(&recorder, o));
    status = run_all(&recorder, &matrix, &studies);
    if (status == RB_DISK || rb_recorder_stopped(&recorder)) print_how_to_resume(&recorder);
    if (status != RB_OK) goto cleanup;
    RB_TRY(rb_given(o, RB_FLAG_SHARE) ? rb_share_print(&recorder) : print_results(&recorder, rb_output_format(o)));
    if (rb_output_format(o) == RB_FORMAT_MD) RB_TRY(rb_study_print(&studies));
    if (!rb_recorder_stopped(&recorder)) rb_pictures_of_session(o, rb_session_dir(recorder.session));
    rb_log(RB_LOG_INFO, "results in %s", rb_session_dir(recorder.session));
    status = rb_recorder_verdict(&recorder);
cleanup:
    rb_study_results_free(&studies);
    rb_recorder_close(&recorder);
    rb_matrix_free(&matrix);
    return status;
}
