/* study.c: drives studies: asks the strategy, runs, records the trial, asks again. Resuming asks the same questions
 * and takes the answers from the session. */
#include "cli/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/foresee.h"
#include "cli/run.h"
#include "cli/shard.h"

/* --- before anything starts -----------------------------------------------------------------------------------------
 */

int rb_budget(const rb_options *o) { return (int)rb_value_int(o, RB_FLAG_BUDGET, 0); }

rb_status rb_budget_check(const rb_options *o, const rb_matrix *m) {
    bool any = false;
    for (int i = 0; i < m->n; i++) any |= m->items[i].study != NULL;
    if (any || !rb_given(o, RB_FLAG_BUDGET)) return RB_OK;
    return rb_fail(RB_USAGE, "--budget: there is no study here whose runs it could limit");
}

rb_status rb_study_foresee(const rb_options *o, const rb_study *s) {
    enum { MOST_RUNS = 10000 };
    double at[RB_STUDY_AXES];
    bool done;
    if (rb_study_runs(s, rb_budget(o)) > MOST_RUNS)
        return rb_fail(RB_USAGE, "%s: a budget of %d runs; at most %d in one session", s->name, rb_budget(o),
                       MOST_RUNS);
    if (rb_given(o, RB_FLAG_NO_EVAL))
        return rb_fail(RB_USAGE, "%s compares validation accuracies: it cannot run with --no-eval", s->name);
    return rb_study_next(s, rb_budget(o), 0, NULL, 0, at, &done);
}

rb_status rb_study_run_named(const rb_study *s, const char *name, int *run) {
    double at[RB_STUDY_AXES];
    if (rb_study_run_find(s, name, run, at)) return RB_OK;
    if (!rb_study_foreseen(s))
        return rb_fail(RB_USAGE, "%s decides on its runs as it goes: `regbench run %s`", s->name, s->name);
    return rb_fail(RB_USAGE, "%s has no run \"%s\"; `regbench run %s --dry-run` shows them", s->name, name, s->name);
}

rb_status rb_study_run_apply(const rb_study *s, int run, rb_case_edit *edit) {
    rb_status status = RB_OK;
    double at[RB_STUDY_AXES];
    bool done;
    RB_TRY(rb_study_next(s, 0, 0, NULL, run, at, &done));
    RB_TRY(rb_study_apply(s, run, at, edit, NULL));
cleanup:
    return status;
}

/* The edit of a trial: base case (of a LIST the trial's), the user's overrides, the place, the name. */
static rb_status edit_trial(const rb_item *item, int trial, const double *at, rb_case_edit *edit, char *parameters) {
    rb_case_edit_copy(item->study->kind == RB_STUDY_LIST ? &item->edit[trial] : item->edit, edit);
    return rb_study_apply(item->study, trial, at, edit, parameters);
}

int rb_study_mine(const rb_options *o, const rb_item *item) {
    int n = 0;
    for (int i = 0; i < rb_study_runs(item->study, rb_budget(o)); i++) n += rb_shard_mine(o, item, i);
    return n;
}

rb_status rb_study_rows(const rb_options *o, const rb_item *item, rb_row *rows, int *n) {
    rb_status status = RB_OK;
    const rb_study *s = item->study;
    int runs = rb_study_runs(s, rb_budget(o));
    double at[RB_STUDY_AXES];
    char name[128];
    bool done = false;
    rb_item run = *item;
    rb_case_edit *edit = malloc(sizeof *edit);
    if (!edit) return rb_fail(RB_MEMORY, "out of memory for a case");
    run.edit = edit;
    for (int i = 0; rb_study_independent(s) && i < runs; i++) {
        if (!rb_shard_mine(o, item, i)) continue;
        RB_TRY(rb_study_next(s, runs, (uint64_t)item->seed, NULL, i, at, &done));
        RB_TRY(edit_trial(item, i, at, edit, NULL));
        rb_item_row(&run, NULL, &rows[(*n)++]);
    }
    if (!rb_study_independent(s)) {
        rb_case_edit_copy(item->edit, edit);
        snprintf(name, sizeof name, "%.80s-01..%02d", s->name, runs);
        RB_TRY(rb_case_edit_rename(edit, name));
        rb_item_row(&run, NULL, &rows[(*n)++]);
    }
cleanup:
    free(edit);
    return status;
}

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

/* What a run's row says about its parameters: nothing good where it did not end well, however it went before. */
static double objective(const rb_row *run) {
    const rb_cell *accuracy = &run->cells[RB_COL(runs, val_acc_best)];
    rb_status outcome = rb_status_from_word(rb_row_get_text(run, RB_COL(runs, status)));
    bool well = outcome == RB_OK || outcome == RB_UNEXPECTED;
    return well && accuracy->type == RB_CELL_REAL ? accuracy->u.r : NAN;
}

static rb_status record(rb_recorder *r, const rb_item *item, int trial, const char *parameters, const rb_row *run,
                        double value, double best, rb_study_results *results) {
    rb_row *rows = realloc(results->rows, (size_t)(results->n + 1) * sizeof *rows), *row;
    rb_row study;
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for the trials of %s", item->study->name);
    results->rows = rows;
    row = &rows[results->n++];
    rb_item_row(item, NULL, &study); /* the overrides of the study, not of this run of it */
    rb_row_begin(row, RB_TABLE_trials);
    rb_row_text(row, RB_COL(trials, run_id), rb_row_get_text(run, RB_COL(runs, run_id)));
    rb_row_text(row, RB_COL(trials, study), item->study->name);
    rb_row_text(row, RB_COL(trials, strategy), rb_study_kind_name(item->study->kind));
    rb_row_int(row, RB_COL(trials, trial), trial + 1);
    rb_row_text(row, RB_COL(trials, case), rb_row_get_text(run, RB_COL(runs, case)));
    rb_row_text(row, RB_COL(trials, parameters), parameters);
    rb_row_real(row, RB_COL(trials, val_acc), value);
    rb_row_real(row, RB_COL(trials, best_so_far), best);
    const rb_cell *test = &run->cells[RB_COL(runs, test_acc)], *seconds = &run->cells[RB_COL(runs, duration_s)];
    if (test->type == RB_CELL_REAL) rb_row_real(row, RB_COL(trials, test_acc), test->u.r);
    rb_row_text(row, RB_COL(trials, status), rb_row_get_text(run, RB_COL(runs, status)));
    rb_row_text(row, RB_COL(trials, device_key), item->device);
    rb_row_int(row, RB_COL(trials, seed), item->seed);
    rb_row_text(row, RB_COL(trials, overrides), rb_row_get_text(&study, RB_COL(runs, overrides)));
    if (seconds->type == RB_CELL_REAL) rb_row_real(row, RB_COL(trials, duration_s), seconds->u.r);
    rb_row_end(&study);
    return rb_session_has_trial(r->session, row) ? RB_OK : rb_session_row(r->session, row);
}

rb_status rb_study_run(rb_recorder *r, const rb_item *item, int index, int total, rb_study_results *results) {
    rb_status status = RB_OK;
    const rb_study *s = item->study;
    int budget = rb_study_runs(s, rb_budget(r->o)), row;
    double best = NAN;
    char parameters[RB_STUDY_PARAMETERS];
    bool done = false;
    rb_trial *trials = calloc((size_t)budget, sizeof *trials);
    rb_case_edit *edit = malloc(sizeof *edit);
    rb_item run = *item;
    if (!trials || !edit) {
        status = rb_fail(RB_MEMORY, "out of memory for %d trials of %s", budget, s->name);
        goto cleanup;
    }
    run.study = NULL;
    run.edit = edit;
    for (int n = 0, mine = 0; n < budget; n++) {
        rb_verified verified = {0};
        if (!rb_shard_mine(r->o, item, n)) continue; /* no other run depends on it */
        RB_TRY(rb_study_next(s, budget, (uint64_t)item->seed, trials, n, trials[n].at, &done));
        if (done) break;
        RB_TRY(edit_trial(item, n, trials[n].at, edit, parameters));
        RB_TRY(rb_foresee_case(r->o, &edit->c, &run.dataset, &run.mflop)); /* another width is other work */
        RB_TRY(rb_run_item(r, &run, &verified, index + mine++, total, &row));
        if (rb_recorder_stopped(r)) break; /* half a run tells nothing */
        trials[n].objective = objective(&r->rows[row]);
        best = fmax(best, trials[n].objective); /* of a number and NaN the number */
        RB_TRY(record(r, item, n, parameters, &r->rows[row], trials[n].objective, best, results));
    }
cleanup:
    free(trials);
    free(edit);
    return status;
}

void rb_study_results_free(rb_study_results *results) {
    for (int i = 0; i < results->n; i++) rb_row_end(&results->rows[i]);
    free(results->rows);
    memset(results, 0, sizeof *results);
}
