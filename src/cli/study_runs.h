/* study_runs.h: what is known of a study's runs before any starts. */
#ifndef RB_CLI_STUDY_RUNS_H
#define RB_CLI_STUDY_RUNS_H

#include "cli/item.h"

/* RB_USAGE for what makes a study impossible: no budget, a strategy that this build lacks, runs without evaluation. */
rb_status rb_study_foresee(const rb_options *o, const rb_study *s);
/* Number of a run that is known beforehand. RB_USAGE: the runs there are. */
rb_status rb_study_run_named(const rb_study *s, const char *name, int *run);
/* Makes an edit of the study's base case that run. */
rb_status rb_study_run_apply(const rb_study *s, int run, rb_case_edit *edit);
/* The edit of a trial at the place `at`: base case (of a LIST the trial's), the user's overrides, the place, the name.
 * `parameters` (RB_STUDY_PARAMETERS bytes; or NULL): the place in words. */
rb_status rb_study_edit(const rb_item *item, int trial, const double *at, rb_case_edit *edit, char *parameters);
/* Runs of the item's study that are this process's, see shard.h; at most. */
int rb_study_mine(const rb_options *o, const rb_item *item);
/* Appends the rows of runs that --dry-run shows: one per run where no run depends on others, else one for all. */
rb_status rb_study_rows(const rb_options *o, const rb_item *item, rb_row *rows, int *n);

#endif
