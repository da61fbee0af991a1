/* loop.c: a whole run: epochs, decision points, evaluation, what became of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "regbench/train.h"

enum { RB_MAX_STEPS_ROWS = 2000 }; /* validation rows of the evaluation after --max-steps, as the goldens have it */

typedef struct run {
    rb_trainer *t;
    const rb_case *c;
    const rb_run_options *options;
    rb_run_result *result;
    rb_step_metrics *metrics; /* of one window */
    bool regression;          /* accuracy is not applicable */
    int chunk;                /* steps between looks at the clock */
    int64_t steps;            /* whose metrics were looked at */
    double trained;           /* samples, all epochs */
    bool eval_train;          /* every evaluation takes in the training set */
    double eval_share;        /* of a window's time, as its last epoch had it */
    double pass_s;            /* of each evaluation in this window */
} run;

static bool asked_to_stop(const run *r) { return r->options->stop && *r->options->stop; }

static void stopped(run *r, rb_status outcome, const char *reason) {
    r->result->outcome = outcome;
    snprintf(r->result->reason, sizeof r->result->reason, "%s", reason);
}

/* Enqueues n steps from step `done` of the window; with `passes`, an evaluation after every epoch that they end. */
static rb_status enqueue(run *r, int done, int n, bool passes) {
    rb_status status = RB_OK;
    int per_epoch = rb_trainer_steps_per_epoch(r->t);
    if (!passes) return rb_trainer_submit(r->t, n);
    for (int end = done + n; done < end;) {
        int left = per_epoch - done % per_epoch, now = left < end - done ? left : end - done;
        RB_TRY(rb_trainer_submit(r->t, now));
        done += now;
        if (done % per_epoch == 0) RB_TRY(rb_trainer_eval_submit(r->t));
    }
cleanup:
    return status;
}

static rb_status begin_evaluation(run *r, int64_t limit) {
    rb_status status = RB_OK;
    RB_TRY(rb_trainer_eval_begin(r->t, RB_SPLIT_VALID, limit));
    if (r->eval_train) RB_TRY(rb_trainer_eval_also(r->t, RB_SPLIT_TRAIN));
cleanup:
    return status;
}

/* The evaluation of the window's last epoch, whose steps took train_s. */
static rb_status last_pass(run *r, double train_s) {
    rb_status status = RB_OK;
    double start = rb_clock_s();
    RB_TRY(rb_trainer_eval_submit(r->t));
    RB_TRY(rb_trainer_wait(r->t));
    double eval_s = rb_clock_s() - start;
    r->eval_share = eval_s / (train_s + eval_s);
cleanup:
    return status;
}

/* Up to `limit` steps of a fresh window. With nobody watching as many as possible are enqueued at once; otherwise in
 * chunks of about a fifth of a second, found by doubling, so that a bar can move and Ctrl-C is heard. The last epoch
 * waits for the others, and its evaluation for its steps: one wait more per window tells training and evaluation apart.
 */
static rb_status train_window(run *r, int epoch, int limit, bool passes, int *done) {
    rb_status status = RB_OK;
    bool watched = r->options->on_progress || r->options->stop;
    int per_epoch = rb_trainer_steps_per_epoch(r->t);
    int alone = passes ? limit - per_epoch : limit; /* first step of the last epoch */
    double start = rb_clock_s(), loss = 0.0, correct = 0.0, rows = 0.0, last_s = 0.0;
    *done = 0;
    RB_TRY(rb_trainer_begin_window(r->t));
    if (passes) RB_TRY(begin_evaluation(r, 0));
    while (*done < limit && !asked_to_stop(r)) {
        int left = (*done < alone ? alone : limit) - *done, n = !watched || r->chunk > left ? left : r->chunk;
        double before = rb_clock_s();
        RB_TRY(enqueue(r, *done, n, passes && *done < alone));
        RB_TRY(rb_trainer_wait(r->t));
        double now = rb_clock_s();
        if (*done >= alone) last_s += now - before;
        *done += n;
        if (now - before < 0.1 && r->chunk < 1 << 20)
            r->chunk *= 2;
        else if (now - before > 0.4 && r->chunk > 1)
            r->chunk /= 2;
        if (!r->options->on_progress) continue;
        RB_TRY(rb_trainer_metrics(r->t, *done - n, n, r->metrics));
        for (int i = 0; i < n; i++) {
            loss += r->metrics[i].loss * r->metrics[i].rows;
            correct += (double)r->metrics[i].correct;
            rows += r->metrics[i].rows;
        }
        double so_far = r->result->train_s + now - start, accuracy = r->regression ? (double)NAN : correct / rows;
        if (r->options->on_progress(r->options->context, epoch + (*done - 1) / per_epoch, (*done - 1) % per_epoch + 1,
                                    limit < per_epoch ? limit : per_epoch, loss / rows, accuracy,
                                    so_far > 0 ? (r->trained + rows) / so_far : 0.0)) {
            stopped(r, RB_INTERRUPTED, "stopped on request");
            break;
        }
    }
    if (passes && *done == limit) RB_TRY(last_pass(r, last_s));
    int n_passes = passes ? *done / per_epoch : 0;
    double seconds = rb_clock_s() - start;
    r->pass_s = n_passes ? r->eval_share * seconds / n_passes : 0.0;
    r->result->train_s += seconds - n_passes * r->pass_s;
    RB_TRY(rb_trainer_metrics(r->t, 0, *done, r->metrics));
    if (asked_to_stop(r)) stopped(r, RB_INTERRUPTED, "interrupted");
cleanup:
    return status;
}

/* Steps first .. first+n-1 of the window, one epoch's, to on_step, their means to `e`. */
static void summarize(run *r, int first, int n, rb_epoch_result *e) {
    double loss = 0.0, correct = 0.0, rows = 0.0;
    for (int i = 0; i < n; i++) {
        const rb_step_metrics *m = &r->metrics[first + i];
        loss += m->loss * m->rows;
        correct += (double)m->correct;
        rows += m->rows;
        if (r->options->trajectory && r->options->on_step &&
            r->options->on_step(r->options->context, r->steps + i + 1, m))
            stopped(r, RB_INTERRUPTED, "stopped on request");
    }
    r->steps += n;
    r->trained += rows;
    e->has_train = true;
    e->train_loss = loss / rows;
    e->train_acc = r->regression ? (double)NAN : correct / rows;
    e->param_l2 = r->metrics[first + n - 1].param_l2;
}

static rb_status report_outputs(run *r, int epoch) {
    rb_status status = RB_OK;
    int64_t rows = rb_trainer_rows(r->t, RB_SPLIT_VALID);
    int columns = rb_trainer_program(r->t)->spec.classes;
    float *values = malloc(sizeof *values * (size_t)(rows * columns));
    if (!values) return rb_fail(RB_MEMORY, "out of memory for %lld outputs", (long long)rows);
    RB_TRY(rb_trainer_eval_outputs(r->t, values));
    if (r->options->on_outputs(r->options->context, epoch, values, rows, columns))
        stopped(r, RB_INTERRUPTED, "stopped on request");
cleanup:
    free(values);
    return status;
}

/* `pass`: number of the evaluation that the window has enqueued for this epoch, -1 = none yet. */
static rb_status evaluate(run *r, int64_t limit, int pass, rb_epoch_result *e) {
    rb_status status = RB_OK;
    double start = rb_clock_s();
    if (pass < 0) {
        RB_TRY(begin_evaluation(r, limit));
        RB_TRY(rb_trainer_eval_submit(r->t));
    } else {
        r->result->eval_s += r->pass_s;
    }
    RB_TRY(rb_trainer_eval_result(r->t, pass < 0 ? 0 : pass, 0, &e->val_loss, &e->val_acc));
    e->has_val = true;
    if (r->eval_train)
        RB_TRY(rb_trainer_eval_result(r->t, pass < 0 ? 0 : pass, 1, &e->train_eval_loss, &e->train_eval_acc));
    e->has_train_eval = r->eval_train;
    r->result->eval_s += rb_clock_s() - start;
    r->result->val_acc_final = e->val_acc;
    if (isfinite(e->val_acc) && !(e->val_acc <= r->result->val_acc_best)) {
        r->result->val_acc_best = e->val_acc;
        r->result->best_epoch = e->epoch;
    }
cleanup:
    return status;
}

bool rb_epoch_finite(const rb_epoch_result *e) {
    return (!e->has_train || (isfinite(e->train_loss) && isfinite(e->param_l2))) &&
           (!e->has_val || isfinite(e->val_loss));
}

/* Did a whole run end as its case says it must? Learning is twice the accuracy of guessing, failing is less than 1.5x.
 */
static void judge(run *r) {
    const rb_program *p = rb_trainer_program(r->t);
    double chance = 1.0 / p->spec.classes, best = r->result->val_acc_best;
    char text[200];
    if (r->result->outcome != RB_OK || p->spec.regression || !isfinite(best)) return;
    if (r->c->expect == RB_EXPECT_LEARNS && best < 2 * chance) {
        snprintf(text, sizeof text,
                 "was to learn, but its best validation accuracy is %.1f %% where guessing gives %.1f %%", 100 * best,
                 100 * chance);
        stopped(r, RB_UNEXPECTED, text);
    } else if (r->c->expect == RB_EXPECT_FAILS_TO_LEARN && best > 1.5 * chance) {
        snprintf(text, sizeof text, "was to fail, but reached %.1f %% validation accuracy", 100 * best);
        stopped(r, RB_UNEXPECTED, text);
    } else if (r->c->expect == RB_EXPECT_DIVERGES) {
        stopped(r, RB_UNEXPECTED, "was to diverge, but stayed finite");
    }
}

/* Epochs decided at once from `epoch` on, where a window begins: the first alone, then W at a time, then the rest. */
static int epochs_at_once(const rb_case *c, int epoch) {
    int left = c->epochs - epoch + 1;
    if (c->window_epochs <= 1 || epoch == 1 || left < 1) return 1; /* --max-steps may go beyond the case's epochs */
    return c->window_epochs < left ? c->window_epochs : left;
}

/* The case's rule takes in an evaluated epoch; the parameters of the best one so far are kept on the device. */
static rb_status decide(run *r, rb_epoch_result *e) {
    if (e->partial || r->options->max_steps) return RB_OK;
    bool best = rb_stop_epoch(&r->c->stop, &r->result->stop, e->epoch, e->train_loss, e->val_loss, e->val_acc);
    return best ? rb_trainer_keep_best(r->t) : RB_OK;
}

/* Epoch number k of the window that begins with epoch `first`, of whose steps `done` are finished. */
static rb_status finish_epoch(run *r, int first, int k, int done, double train_s, bool passes) {
    rb_status status = RB_OK;
    const rb_run_options *options = r->options;
    rb_run_result *result = r->result;
    int per_epoch = rb_trainer_steps_per_epoch(r->t), from = k * per_epoch;
    int n = done - from < per_epoch ? done - from : per_epoch;
    rb_epoch_result e = {.epoch = first + k,
                         .lr = (double)r->c->lr,
                         .val_loss = NAN,
                         .val_acc = NAN,
                         .train_eval_loss = NAN,
                         .train_eval_acc = NAN,
                         .param_l2 = NAN};
    summarize(r, from, n, &e);
    e.partial = n < per_epoch;
    e.current = from + n == done;
    if (!e.partial) result->epochs_run = e.epoch;
    result->steps = e.step = r->steps;
    bool last = options->max_steps && r->steps >= options->max_steps;
    bool wanted = !options->no_eval && (!options->max_steps || last) && rb_epoch_finite(&e);
    /* what was evaluated with its window is told even where the window was cut short later */
    if (wanted && (result->outcome == RB_OK || (passes && !e.partial))) {
        RB_TRY(evaluate(r, last ? RB_MAX_STEPS_ROWS : 0, passes ? k : -1, &e));
        RB_TRY(decide(r, &e));
    }
    if (e.has_val && !options->max_steps && r->regression && options->on_outputs && e.current)
        RB_TRY(report_outputs(r, e.epoch));
    e.train_s = train_s + (result->train_s - train_s) * (from + n) / done;
    e.eval_s = result->eval_s;
    e.val_acc_best = result->val_acc_best;
    e.best_epoch = result->best_epoch;
    e.stop = result->stop;
    if (!rb_epoch_finite(&e)) {
        stopped(r, RB_DIVERGED, "loss or parameters are no longer finite");
        result->foreseen = r->c->expect == RB_EXPECT_DIVERGES || r->c->expect == RB_EXPECT_ANYTHING;
    }
    if (options->on_epoch && (!options->max_steps || last || result->outcome != RB_OK) &&
        options->on_epoch(options->context, &e))
        stopped(r, RB_INTERRUPTED, "stopped on request");
cleanup:
    return status;
}

/* What the epochs before have left behind. */
static void go_on(run *r, const rb_epoch_result *from) {
    r->steps = from->step;
    r->trained = (double)from->epoch * (double)rb_trainer_rows(r->t, RB_SPLIT_TRAIN);
    r->result->epochs_run = from->epoch;
    r->result->steps = from->step;
    r->result->train_s = from->train_s;
    r->result->eval_s = from->eval_s;
    r->result->val_acc_final = from->val_acc;
    r->result->val_acc_best = from->val_acc_best;
    r->result->best_epoch = from->best_epoch;
    r->result->stop = from->stop;
}

/* Whole runs end with the best epoch's parameters, where the case says which is best. */
static rb_status restore_best(run *r) {
    rb_status status = RB_OK;
    const rb_run_result *result = r->result;
    if (result->outcome != RB_OK || r->options->max_steps || !(result->stop.best_epoch > 0)) goto cleanup;
    RB_TRY(rb_trainer_restore_best(r->t));
    r->result->restored = true;
cleanup:
    return status;
}

rb_status rb_train(rb_trainer *t, const rb_run_options *options, rb_run_result *result) {
    rb_status status = RB_OK;
    const rb_case *c = rb_trainer_case(t);
    int per_epoch = rb_trainer_steps_per_epoch(t), window = rb_trainer_steps_per_window(t), n = 1;
    *result = (rb_run_result){.val_acc_final = NAN, .val_acc_best = NAN, .test_acc = NAN};
    run r = {.t = t, .c = c, .options = options, .result = result, .chunk = 1};
    r.regression = rb_trainer_program(t)->spec.regression;
    r.eval_train = c->eval_train && !options->max_steps; /* which promises one evaluation and no other */
    r.metrics = calloc((size_t)window, sizeof *r.metrics);
    if (!r.metrics) {
        status = rb_fail(RB_MEMORY, "out of memory for the metrics of %d steps", window);
        goto cleanup;
    }
    if (options->from) go_on(&r, options->from);
    if (options->trajectory && options->on_step && !options->from) {
        rb_step_metrics start = {.loss = NAN, .grad_l2 = NAN};
        RB_TRY(rb_trainer_param_l2(t, &start.param_l2));
        if (options->on_step(options->context, 0, &start)) stopped(&r, RB_INTERRUPTED, "stopped on request");
    }
    bool passes = c->window_epochs > 1 && !options->no_eval && !options->max_steps;
    for (int epoch = result->epochs_run + 1; result->outcome == RB_OK; epoch += n) {
        if (options->max_steps ? r.steps >= options->max_steps : epoch > c->epochs || result->stop.stopped > 0) break;
        n = epochs_at_once(c, epoch);
        int64_t left = options->max_steps ? options->max_steps - r.steps : INT64_MAX;
        int limit = left < (int64_t)n * per_epoch ? (int)left : n * per_epoch, done;
        double train_s = result->train_s;
        RB_TRY(train_window(&r, epoch, limit, passes, &done)); /* stopped at once, it has nothing to say */
        rb_status cut = result->outcome;
        for (int k = 0; k * per_epoch < done && result->outcome == cut; k++)
            RB_TRY(finish_epoch(&r, epoch, k, done, train_s, passes));
    }
    RB_TRY(restore_best(&r));
    bool splits = rb_case_valid(c, rb_trainer_data(t)->n_train) > 0;
    if (result->outcome == RB_OK && !options->max_steps && !options->no_eval && splits) {
        double loss;
        RB_TRY(rb_trainer_eval(t, RB_SPLIT_TEST, 0, &loss, &result->test_acc, NULL));
    }
    if (!options->max_steps && !options->no_eval) judge(&r);
    result->samples_per_s = result->train_s > 0 ? r.trained / result->train_s : NAN;
cleanup:
    free(r.metrics);
    return status;
}
