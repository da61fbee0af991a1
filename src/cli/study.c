/* study.c: drives studies: asks the strategy, runs, records the trial, asks again. Resuming asks the same questions
 * and takes the answers from the session. */
#include "cli/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/foresee.h"
#include "cli/run_item.h"
#include "cli/shard.h"
#include "cli/study_runs.h"

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
        RB_TRY(rb_study_edit(item, n, trials[n].at, edit, parameters));
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
