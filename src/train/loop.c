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
    rb_step_metrics *metrics; /* of one epoch */
    int chunk;                /* steps between looks at the clock */
    int64_t steps;            /* before this epoch */
    double trained;           /* samples, all epochs */
} run;

static bool asked_to_stop(const run *r) { return r->options->stop && *r->options->stop; }

static void stopped(run *r, rb_status outcome, const char *reason) {
    r->result->outcome = outcome;
    snprintf(r->result->reason, sizeof r->result->reason, "%s", reason);
}

/* Up to `limit` steps of a fresh epoch. With nobody watching all of them are enqueued at once; otherwise in chunks of
 * about a fifth of a second, found by doubling, so that a bar can move and Ctrl-C is heard. */
static rb_status train_epoch(run *r, int epoch, int limit, int *done) {
    rb_status status = RB_OK;
    bool watched = r->options->on_progress || r->options->stop;
    double start = rb_clock_s(), loss = 0.0, correct = 0.0, rows = 0.0;
    *done = 0;
    RB_TRY(rb_trainer_begin_epoch(r->t));
    while (*done < limit && !asked_to_stop(r)) {
        int n = !watched || r->chunk > limit - *done ? limit - *done : r->chunk;
        double before = rb_clock_s();
        RB_TRY(rb_trainer_submit(r->t, n));
        RB_TRY(rb_trainer_wait(r->t));
        double now = rb_clock_s();
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
        double seconds = r->result->train_s + now - start;
        if (r->options->on_progress(r->options->context, epoch, *done, limit, loss / rows, correct / rows,
                                    seconds > 0 ? (r->trained + rows) / seconds : 0.0)) {
            stopped(r, RB_INTERRUPTED, "stopped on request");
            break;
        }
    }
    r->result->train_s += rb_clock_s() - start;
    RB_TRY(rb_trainer_metrics(r->t, 0, *done, r->metrics));
    if (asked_to_stop(r)) stopped(r, RB_INTERRUPTED, "interrupted");
cleanup:
    return status;
}

/* Steps of the epoch to on_step, their means to `e`. */
static void summarize(run *r, int n, rb_epoch_result *e) {
    double loss = 0.0, correct = 0.0, rows = 0.0;
    for (int i = 0; i < n; i++) {
        const rb_step_metrics *m = &r->metrics[i];
        loss += m->loss * m->rows;
        correct += (double)m->correct;
        rows += m->rows;
        if (r->options->trajectory && r->options->on_step &&
            r->options->on_step(r->options->context, r->steps + i + 1, m))
            stopped(r, RB_INTERRUPTED, "stopped on request");
    }
    r->steps += n;
    r->trained += rows;
    if (n == 0) return;
    e->has_train = true;
    e->train_loss = loss / rows;
    e->train_acc = correct / rows;
    e->param_l2 = r->metrics[n - 1].param_l2;
}

static rb_status evaluate(run *r, int64_t limit, rb_epoch_result *e) {
    rb_status status = RB_OK;
    double start = rb_clock_s();
    RB_TRY(rb_trainer_eval(r->t, RB_SPLIT_VALID, limit, &e->val_loss, &e->val_acc, NULL));
    e->has_val = true;
    r->result->eval_s += rb_clock_s() - start;
    r->result->val_acc_final = e->val_acc;
    if (!(e->val_acc <= r->result->val_acc_best)) {
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
}

rb_status rb_train(rb_trainer *t, const rb_run_options *options, rb_run_result *result) {
    rb_status status = RB_OK;
    const rb_case *c = rb_trainer_case(t);
    int per_epoch = rb_trainer_steps_per_epoch(t);
    *result = (rb_run_result){.val_acc_final = NAN, .val_acc_best = NAN, .test_acc = NAN};
    run r = {.t = t, .c = c, .options = options, .result = result, .chunk = 1};
    r.metrics = calloc((size_t)per_epoch, sizeof *r.metrics);
    if (!r.metrics) {
        status = rb_fail(RB_MEMORY, "out of memory for the metrics of %d steps", per_epoch);
        goto cleanup;
    }
    if (options->from) go_on(&r, options->from);
    if (options->trajectory && options->on_step && !options->from) {
        rb_step_metrics start = {.loss = NAN, .grad_l2 = NAN};
        RB_TRY(rb_trainer_param_l2(t, &start.param_l2));
        if (options->on_step(options->context, 0, &start)) stopped(&r, RB_INTERRUPTED, "stopped on request");
    }
    for (int epoch = result->epochs_run + 1; result->outcome == RB_OK; epoch++) {
        if (options->max_steps ? r.steps >= options->max_steps : epoch > c->epochs) break;
        int64_t left = options->max_steps ? options->max_steps - r.steps : per_epoch;
        int limit = left < per_epoch ? (int)left : per_epoch, done;
        rb_epoch_result e = {.epoch = epoch, .lr = (double)c->lr, .val_loss = NAN, .val_acc = NAN, .param_l2 = NAN};
        RB_TRY(train_epoch(&r, epoch, limit, &done));
        summarize(&r, done, &e);
        e.partial = done < per_epoch;
        if (!e.partial) result->epochs_run = epoch;
        result->steps = e.step = r.steps;
        if (done == 0) break; /* stopped before its first step: there is nothing to say of this epoch */
        bool last = options->max_steps && r.steps >= options->max_steps;
        bool wanted =
            !options->no_eval && (!options->max_steps || last) && rb_epoch_finite(&e) && result->outcome == RB_OK;
        if (wanted) RB_TRY(evaluate(&r, last ? RB_MAX_STEPS_ROWS : 0, &e));
        e.train_s = result->train_s;
        e.eval_s = result->eval_s;
        e.val_acc_best = result->val_acc_best;
        e.best_epoch = result->best_epoch;
        if (!rb_epoch_finite(&e)) {
            bool foreseen = c->expect == RB_EXPECT_DIVERGES || c->expect == RB_EXPECT_ANYTHING;
            stopped(&r, RB_DIVERGED, "loss or parameters are no longer finite");
            result->foreseen = foreseen;
        }
        if (options->on_epoch && (!options->max_steps || last || result->outcome != RB_OK) &&
            options->on_epoch(options->context, &e))
            stopped(&r, RB_INTERRUPTED, "stopped on request");
    }
    if (result->outcome == RB_OK && !options->max_steps && !options->no_eval && c->n_valid > 0) {
        double loss;
        RB_TRY(rb_trainer_eval(t, RB_SPLIT_TEST, 0, &loss, &result->test_acc, NULL));
    }
    if (!options->max_steps && !options->no_eval) judge(&r);
    result->samples_per_s = result->train_s > 0 ? r.trained / result->train_s : NAN;
cleanup:
    free(r.metrics);
    return status;
}
