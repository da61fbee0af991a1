/* bench_work.h: one process of `bench`: one value. */
#ifndef RB_CLI_BENCH_WORK_H
#define RB_CLI_BENCH_WORK_H

#include "cli/place.h"
#include "cli/session_peaks.h"

typedef struct rb_bench_work {
    const rb_options *o;
    rb_roof roof; /* of the device when the session began */
    const rb_item *item;
    const rb_row *row;
    rb_verified verified; /* by the first process: later ones take over what it found */
} rb_bench_work;

/* An rb_child_work; `context` is a rb_bench_work. Sends the rows of windows and ops, then that of runs. */
rb_status rb_bench_process(void *context, FILE *to);
const char *rb_bench_mode(const rb_options *o); /* --mode, "train" without it */

#endif
