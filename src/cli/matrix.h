/* matrix.h: what to do: cases x overrides x batches x devices x seeds, as a list of items. */
#ifndef RB_CLI_MATRIX_H
#define RB_CLI_MATRIX_H

#include "cli/cases.h"
#include "cli/item.h"

typedef struct rb_matrix {
    int n_edits, n;
    rb_case_edit *edits;
    const rb_study **studies; /* (n_edits) NULL = a run by itself */
    rb_item *items;
    rb_words devices, seeds;
    char limits[64];
} rb_matrix;
/* Overrides are applied, cases compiled, data sets looked for and devices opened, so that what is impossible is found
 * before anything starts. */
rb_status rb_matrix_build(const rb_options *o, rb_matrix *out);
/* One edited case per combination of overrides; devices and seeds are left alone. An override of what a study varies is
 * RB_USAGE. */
rb_status rb_matrix_edits(const rb_options *o, const rb_case_list *cases, rb_matrix *out);
void rb_matrix_free(rb_matrix *m);
/* Prints the items as --dry-run shows them, studies run by run. */
rb_status rb_matrix_print(const rb_options *o, const rb_matrix *m, rb_format format);
/* Runs in all: those of studies at most. */
int rb_matrix_runs(const rb_options *o, const rb_matrix *m);

#endif
