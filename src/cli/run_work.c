/* run_work.c: what one run does, in the child: place, check, train; rows as it goes, checkpoints, one row of runs. */
#include "cli/run_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attacks.h"
#include "cli/checkpoints.h"
#include "cli/classes.h"
#include "cli/pictures.h"
#include "cli/recorder.h"
#include "cli/target.h"
#include "core/clock.h"

typedef struct run {
    const rb_run_work *work;
    FILE *to;
    const rb_dataset *data;
    rb_trainer *trainer;
    int epochs;
    int decided;          /* last epoch after which the device stood still, and could be read */
    int checkpoint_every; /* epochs, 0 = never */
    rb_text checkpoint;   /* its file */
    char lineage[2048];   /* of the run, see checkpoint.h */
    const char *resumed;  /* the file with which the run began; NULL once the first row has said so */
    bool layers;
    rb_target target;
    double train_s, eval_s; /* up to the last epoch's row */
    double spoken;          /* when progress was last sent */
    rb_status sent;         /* first failure to send */
} run;

static int on_step(void *context, int64_t step, const rb_step_metrics *m) {
    run *w = context;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_steps);
    rb_row_text(&row, RB_COL(steps, run_id), w->work->run_id);
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
static rb_status send_layers(run *w, int epoch, int64_t step) {
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
        rb_row_text(&row, RB_COL(layers, run_id), w->work->run_id);
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
static bool wants_checkpoint(const run *w, const rb_epoch_result *e) {
    return w->checkpoint_every > 0 && rb_epoch_finite(e) && e->current && !e->partial &&
           (e->epoch / w->checkpoint_every > w->decided / w->checkpoint_every || e->epoch == w->epochs ||
            e->stop.stopped > 0);
}

static rb_status write_checkpoint(run *w, const rb_epoch_result *e) {
    rb_checkpoint_head head = {.seed = (uint64_t)w->work->item->seed, .at = *e, .best = e->stop.best_epoch > 0};
    snprintf(head.overrides, sizeof head.overrides, "%s", w->work->item->edit->overrides);
    memcpy(head.lineage, w->lineage, sizeof head.lineage);
    snprintf(head.run_id, sizeof head.run_id, "%s", w->work->run_id);
    return rb_checkpoint_write(w->trainer, &head, rb_text_string(&w->checkpoint));
}

/* What happened in an epoch, in words: "checkpoint, resumed from FILE". */
static void note_events(run *w, const rb_epoch_result *e, bool checkpoint, rb_row *row) {
    rb_text events = {0};
    if (checkpoint) rb_text_append(&events, "checkpoint");
    if (w->resumed) rb_text_printf(&events, "%sresumed from %s", events.length ? ", " : "", w->resumed);
    if (e->has_train && !isfinite(e->train_loss)) rb_text_printf(&events, "%sdiverged", events.length ? ", " : "");
    if (e->partial && !rb_given(w->work->o, RB_FLAG_MAX_STEPS))
        rb_text_printf(&events, "%sinterrupted", events.length ? ", " : "");
    rb_row_text(row, RB_COL(epochs, event), rb_text_string(&events));
    rb_text_free(&events);
    w->resumed = NULL;
}

static int on_epoch(void *context, const rb_epoch_result *e) {
    run *w = context;
    rb_target_see(&w->target, e);
    w->train_s = e->train_s;
    w->eval_s = e->eval_s;
    bool checkpoint = wants_checkpoint(w, e);
    rb_row row;
    if (w->layers && e->current && (w->sent = send_layers(w, e->epoch, e->step)) != RB_OK) return 1;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_text(&row, RB_COL(epochs, run_id), w->work->run_id);
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
    run *w = context;
    const rb_dataset *d = w->data;
    for (int64_t i = 0; i < rows * columns && w->sent == RB_OK; i++) {
        rb_row row;
        int64_t sample = d->n_train + i / columns; /* the split that validates is the test set */
        rb_row_begin(&row, RB_TABLE_outputs);
        rb_row_text(&row, RB_COL(outputs, run_id), w->work->run_id);
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
    run *w = context;
    double now = rb_clock_s();
    bool last = epoch == w->epochs && step == steps;
    if (!last && now - w->spoken < 0.1) return 0; /* ten a second are enough for any eye */
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
static rb_status resume(run *w, rb_epoch_result *at, rb_row *row) {
    rb_status status = RB_OK;
    bool again = rb_given(w->work->o, RB_FLAG_RESUME);
    w->checkpoint_every = (int)rb_value_int(w->work->o, RB_FLAG_CHECKPOINT_EVERY, 0);
    RB_TRY(rb_checkpoint_name(w->work->session_dir, w->work->row, &w->checkpoint));
    if (w->checkpoint_every > 0) RB_TRY(rb_checkpoint_folder(w->work->session_dir));
    RB_TRY(rb_checkpoint_resume(w->trainer, (uint64_t)w->work->item->seed,
                                again ? rb_text_string(&w->checkpoint) : NULL, rb_value(w->work->o, RB_FLAG_FROM), at,
                                w->lineage, &w->resumed));
    rb_row_text(row, RB_COL(runs, resumed_from), w->resumed);
cleanup:
    return status;
}

rb_status rb_run_process(void *context, FILE *to) {
    const rb_run_work *work = context;
    run r = {.work = work, .to = to, .train_s = NAN, .eval_s = NAN}, *w = &r;
    rb_status status = RB_OK;
    const rb_case *c = &work->item->edit->c;
    double started = rb_clock_s();
    rb_run_result result = {0};
    rb_place place = {0};
    rb_epoch_result at;
    rb_row row;
    rb_row_copy(work->row, &row);
    RB_TRY(rb_place_open(&place, work->o, work->item, &row));
    RB_TRY(rb_place_verify(&place, work->o, work->item, &work->verified, &row));
    RB_TRY(rb_place_trainer(&place, work->item, &row));
    w->trainer = place.trainer;
    RB_TRY(resume(w, &at, &row));
    RB_TRY(rb_target_begin(&w->target, work->o, place.data->labels != NULL, w->resumed ? &at : NULL));
    RB_TRY(rb_learn_from_teacher(w->trainer, (uint64_t)work->item->seed));
    rb_run_options options = {.seed = (uint64_t)work->item->seed,
                              .max_steps = rb_value_int(work->o, RB_FLAG_MAX_STEPS, 0),
                              .no_eval = rb_given(work->o, RB_FLAG_NO_EVAL),
                              .trajectory = rb_given(work->o, RB_FLAG_TRAJECTORY) || c->norms,
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
    w->layers = rb_given(work->o, RB_FLAG_LAYERS) || c->layer_norms;
    if (w->layers && !options.from) RB_TRY(send_layers(w, 0, 0));
    RB_TRY(rb_train(place.trainer, &options, &result));
    RB_TRY(w->sent);
    note_result(&row, &result, &options);
    rb_target_note(&w->target, &row);
    rb_row_real(&row, RB_COL(runs, train_s), w->train_s);
    rb_row_real(&row, RB_COL(runs, eval_s), w->eval_s);
    /* --max-steps promises one evaluation and no other. */
    if (result.outcome == RB_OK && !options.no_eval && options.max_steps == 0 && place.data->labels)
        RB_TRY(rb_send_classes(to, place.trainer, place.data, work->run_id));
    if (result.outcome == RB_OK && !options.no_eval && options.max_steps == 0)
        RB_TRY(rb_send_attacks(to, place.trainer, work->run_id));
cleanup:
    status = rb_place_finish(to, &row, status, started);
    if (status == RB_OK && result.outcome == RB_OK && options.max_steps == 0)
        rb_pictures_of_run(work->o, place.trainer, work->session_dir, work->row);
    rb_place_close(&place);
    rb_text_free(&w->checkpoint);
    rb_row_end(&row);
    return status;
}
