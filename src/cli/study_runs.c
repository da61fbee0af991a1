/* study_runs.c: what is known of a study's runs before any starts. */
#include "cli/study_runs.h"

#include <stdlib.h>

#include "cli/shard.h"

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

rb_status rb_study_edit(const rb_item *item, int trial, const double *at, rb_case_edit *edit, char *parameters) {
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
        RB_TRY(rb_study_edit(item, i, at, edit, NULL));
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
