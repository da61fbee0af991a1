/* study.h: studies in the program: what is known before, their runs one after another, their tables. */
#ifndef RB_CLI_STUDY_H
#define RB_CLI_STUDY_H

#include "cli/matrix.h"
#include "cli/recorder.h"

int rb_budget(const rb_options *o); /* --budget, 0 = each study's own */
/* RB_USAGE: a budget where nothing takes one. */
rb_status rb_budget_check(const rb_options *o, const rb_matrix *m);
/* RB_USAGE for what makes a study impossible: no budget, a strategy that this build lacks, runs without evaluation. */
rb_status rb_study_foresee(const rb_options *o, const rb_study *s);
/* Number of a run that is known beforehand. RB_USAGE: the runs there are. */
rb_status rb_study_run_named(const rb_study *s, const char *name, int *run);
/* Makes an edit of the study's base case that run. */
rb_status rb_study_run_apply(const rb_study *s, int run, rb_case_edit *edit);
/* Runs of the item's study that are this process's, see shard.h; at most. */
int rb_study_mine(const rb_options *o, const rb_item *item);
/* Appends the rows of runs that --dry-run shows: one per run where no run depends on others, else one for all. */
rb_status rb_study_rows(const rb_options *o, const rb_item *item, rb_row *rows, int *n);

/* Rows of trials of this session, study by study. */
typedef struct rb_study_results {
    int n;
    rb_row *rows;
} rb_study_results;
/* Runs a study on one device with one seed; `index` is the number of its first run among `total`. A run that fails is a
 * trial worse than any other; the returned status is about the session. */
rb_status rb_study_run(rb_recorder *r, const rb_item *item, int index, int total, rb_study_results *results);
/* The table of every study: runs from best to worst, or as rows and columns where two parameters are a grid. */
rb_status rb_study_print(const rb_study_results *results);
void rb_study_results_free(rb_study_results *results);

#endif
