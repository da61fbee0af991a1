/* matrix.h: what to do: cases x overrides x batches x devices x seeds, as a list of items. */
#ifndef RB_CLI_MATRIX_H
#define RB_CLI_MATRIX_H

#include "cli/options.h"
#include "regbench/lab.h"
#include "regbench/report.h"
#include "regbench/study.h"

/* All cases and studies that the names and globs on the command line stand for, in the labs' order for globs; each
 * once. */
typedef struct rb_case_list {
    int n;
    const rb_case **at;     /* of a study or a run of it: its base case, of a LIST the first */
    const rb_study **study; /* NULL = a case as it is; NULL altogether: all are */
    int *run;               /* this run of the study, -1 = all of them */
} rb_case_list;
/* `all_if_none`: no name stands for every case. RB_USAGE for a name or a glob that matches nothing, and for the name of
 * a study or one of its runs where the verb is neither run nor list: a study's base case is what can be timed, planned
 * and checked. */
rb_status rb_cases_match(const rb_options *o, bool all_if_none, rb_case_list *out);
void rb_cases_free(rb_case_list *list);
/* The verb takes exactly one case. */
rb_status rb_cases_one(const rb_options *o, const rb_case **out);

typedef struct rb_item {
    const rb_case_edit *edit; /* of a study: its base case; of a LIST all its cases, one after the other */
    const rb_study *study;    /* NULL = the item is one run */
    const char *device;       /* selector */
    int64_t seed;
    const char *limits;  /* what makes the run less than whole, as overrides: "max-steps=20 no-eval"; NULL = nothing */
    const char *dataset; /* the one that is used, NULL = the case's */
    double mflop;        /* per sample of a training step */
    int card;            /* of its first run, see shard.h */
} rb_item;

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

/* The columns of a runs row that are known before the item starts. */
void rb_item_row(const rb_item *item, const char *phase, rb_row *row);
/* "size/mlp on cpu, seed 2021, lr=0.5" */
void rb_item_label(const rb_item *item, char *out, size_t size);

#endif
