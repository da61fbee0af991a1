/* study.h: studies in the program: their runs one after another, their tables. */
#ifndef RB_CLI_STUDY_H
#define RB_CLI_STUDY_H

#include "cli/item.h"
#include "cli/recorder.h"

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
