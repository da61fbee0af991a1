/* study.h: studies as data: a case run several times with other parameters, and a strategy that says which.
 *
 *     static const rb_axis grid[] = {{.name = "lr", .values = "0.1,0.01"}, {.name = "batch", .label = "b", ..}, {0}};
 *     {.name = "cnn/grid", .kind = RB_STUDY_GRID, .base = "cnn/mnist", .axes = grid}
 *
 * A trial is one run of a study. To a strategy it is a place in the unit cube, one coordinate per axis, and what came
 * of it. Strategies are pure functions of the trials so far and the seed: whoever asks again with the same trials gets
 * the same answer, so that resuming is replaying. */
#ifndef REGBENCH_STUDY_H
#define REGBENCH_STUDY_H

#include <stdbool.h>
#include <stdint.h>

#include "regbench/lab.h"

enum { RB_STUDY_AXES = 8 };

typedef enum rb_study_kind {
    RB_STUDY_LIST,       /* cases as they are, by name */
    RB_STUDY_GRID,       /* all combinations of the axes' values, the last axis fastest */
    RB_STUDY_RANDOM,     /* uniform in the unit cube */
    RB_STUDY_COORDINATE, /* from one place, one axis at a time, keeping what is better */
    RB_STUDY_BAYES,      /* where a Gaussian process expects the largest improvement */
    RB_STUDY_KINDS
} rb_study_kind;

/* A parameter that a study varies. */
typedef struct rb_axis {
    const char *name;   /* as overrides are called: "lr", "batch", "hidden1.units" */
    const char *label;  /* in names of a grid's runs, "b" for b256; NULL = name */
    const char *values; /* "0.1,0.01": only these, as on the command line; NULL = from low to high */
    double low, high;
    double start; /* where COORDINATE begins, from low to high */
    bool log;     /* equal ratios are equal distances */
    bool integer;
} rb_axis;

typedef struct rb_study {
    const char *name;  /* "cnn/grid" */
    const char *title; /* what it must show, one line */
    rb_study_kind kind;
    const char *base;         /* the case that is varied; LIST: NULL */
    const rb_axis *axes;      /* ends with an entry whose name is NULL; LIST: NULL */
    const char *const *cases; /* LIST: names, ends with NULL */
    int budget;               /* runs; LIST, GRID: as many as there are */
} rb_study;

typedef struct rb_trial {
    double at[RB_STUDY_AXES]; /* 0 to 1 */
    double objective;         /* best validation accuracy, more is better; NaN: failed, worse than any other */
} rb_trial;

const char *rb_study_kind_name(rb_study_kind kind); /* "grid" */
/* NULL where there is none of this name. */
const rb_study *rb_study_find(const char *name);
/* The study of which a run could be called so: "cnn/grid" of "cnn/grid-lr0.1-b256"; NULL where there is none. Runs of a
 * LIST are cases, and belong to nobody. */
const rb_study *rb_study_of_run(const char *name);
int rb_study_axes(const rb_study *s);
/* Studies beside those of the labs, found by name like them: a list that ends with an entry whose name is NULL, and
 * stays the caller's; NULL = none any more. For programs that make studies of what their user wrote. */
void rb_studies_add(const rb_study *list);
/* A made study is called CASE-KIND, "size/mlp-random": so its base case is known from the name of a run alone, also
 * where the study is not. False where `run` is no such name, "size/mlp-random-07". */
bool rb_study_base_of_run(const char *run, char base[96]);
/* Whether all runs are known beforehand: LIST and GRID. */
bool rb_study_foreseen(const rb_study *s);
/* Whether no run depends on what came of others: all but COORDINATE and BAYES. */
bool rb_study_independent(const rb_study *s);
/* Runs at most: with a budget above 0, no more than those. */
int rb_study_runs(const rb_study *s, int budget);

/* Text of a coordinate, "0.0123", and the coordinate of that text. */
double rb_axis_text(const rb_axis *axis, double at, char text[32]);

/* The next trial after trials (n): `at` (axes) is a place whose texts stand for it exactly. *done is set instead where
 * the budget (0 = the study's own) is spent or nothing is left to try. RB_USAGE: a budget of 0, or a strategy that this
 * build lacks. */
rb_status rb_study_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                        bool *done);

/* Makes `edit`, which was begun with the study's base case (LIST: with case `trial`), the trial's run: parameters and
 * name. `parameters` (size RB_STUDY_PARAMETERS, may be NULL): "lr=0.1 batch=256". */
enum { RB_STUDY_PARAMETERS = 256 };
rb_status rb_study_apply(const rb_study *s, int trial, const double *at, rb_case_edit *edit, char *parameters);
/* A GRID's run of this name: its number and place; false where there is none. */
bool rb_study_run_find(const rb_study *s, const char *name, int *trial, double *at);

#endif
