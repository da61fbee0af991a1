/* steps.h: where a series of sittings became faster or slower. */
#ifndef RB_COMPARE_STEPS_H
#define RB_COMPARE_STEPS_H

#include <math.h>

#include "compare/runs.h"

/* The runs of one sitting in a series; what a sitting is history.h says. */
typedef struct rb_sitting {
    const rb_row *row; /* the first */
    const rb_runs *from;
    double begin, end; /* of the sitting, seconds; NaN where the rows do not tell */
    double *values;    /* (n) */
    int n, failed;
    int series;
    char changed[256];
    double step_ratio, step_p; /* NaN: no step */
    bool confirmed;
} rb_sitting;

static inline bool rb_is_step(const rb_sitting *p) { return isfinite(p->step_ratio); }

/* Later by so much that it is another sitting: what disturbs a machine lasts for minutes. */
bool rb_is_later(double begin, const rb_sitting *than);

/* Marks the steps of points [from, to), a series, as history.h tells; their values lie one after another in one array,
 * and there are no steps yet. */
rb_status rb_steps_find(rb_sitting *points, int from, int to);

#endif
