/* recorded.h: the CSV files of a session, read for drawing: its tables, runs that belong together, curves of them. */
#ifndef RB_PLOT_RECORDED_H
#define RB_PLOT_RECORDED_H

#include <stdbool.h>
#include <stdint.h>

#include "report/csv_read.h"

/* Tables that pictures are made of; one that the session has not got is empty. */
typedef enum rb_source {
    RB_FROM_RUNS,
    RB_FROM_EPOCHS,
    RB_FROM_STEPS,
    RB_FROM_OUTPUTS,
    RB_FROM_LAYERS,
    RB_FROM_ATTACKS,
    RB_FROM_TRIALS,
    RB_FROM_EFFECTS, /* of `regbench effects DIR -O DIR` */
    RB_FROM_OPS,
    RB_FROM_PEAKS,
    RB_FROM_HISTORY, /* of `regbench history -o csv >DIR/history.csv`; it needs no runs.csv beside it */
    RB_SOURCES
} rb_source;

/* Runs that differ in their seed alone. An interrupted run and the one that went on from it are of one seed: what they
 * recorded is one curve. */
typedef struct rb_group {
    char *label;      /* case, device where the session has several, overrides: what legends say */
    char file[128];   /* the same as part of a file's name */
    const char *name; /* the case */
    int first;        /* its first row in runs */
    int n_seeds;
    const char **seeds;
    bool searched; /* trials of a study that searches: they matter together, each by itself tells little */
} rb_group;

typedef struct rb_recorded {
    rb_csv csv[RB_SOURCES];
    int *group[RB_SOURCES]; /* of each row, -1 = of no run that was recorded; NULL where the table has no run_id */
    int *seed[RB_SOURCES];  /* of each row, an index into the group's seeds */
    rb_group *groups;
    int n_groups;
} rb_recorded;

/* RB_MISSING: `dir` holds no session; RB_INPUT: a file of it is no CSV. */
rb_status rb_recorded_read(const char *dir, rb_recorded *out);
void rb_recorded_free(rb_recorded *r);
/* Does the group have the same lab, what stands before "/" in the name, as another? */
bool rb_same_lab(const rb_group *a, const rb_group *b);

/* One column over another, for every seed of a group. */
typedef struct rb_curves {
    int n, n_seeds;
    double *x;        /* (n), ascending */
    double *y;        /* (n, n_seeds), NaN = not recorded */
    int points;       /* x at which some y is known */
    double low, high; /* of y */
} rb_curves;
/* No points where nothing was recorded. */
rb_status rb_curves_read(const rb_recorded *r, int group, rb_source table, const char *x, const char *y,
                         rb_curves *out);
void rb_curves_free(rb_curves *c);
/* Lowest, median and highest known y at x number i; NaN where none is. */
void rb_curves_spread(const rb_curves *c, int i, double spread[3]);

/* What is no plain letter becomes "-": a name that every file system and shell takes. */
void rb_plot_plain(char *name);
/* Part of a file's name for a run: CASE.DEVICE[.SEED][.OVERRIDES], made plain. Long
 * overrides become the first digits of their SHA-256. `seed` may be NULL. */
void rb_plot_name(const char *name, const char *device, const char *seed, const char *overrides, char out[128]);

#endif
