/* run_work.h: one run of a case, as a child process does it. */
#ifndef RB_CLI_RUN_WORK_H
#define RB_CLI_RUN_WORK_H

#include "cli/place.h"

typedef struct rb_run_work {
    const rb_options *o;
    const rb_item *item;
    const rb_row *row; /* what is known before */
    const char *run_id, *session_dir;
    rb_verified verified; /* by an earlier item */
} rb_run_work;

/* An rb_child_work; `context` is a rb_run_work. Sends rows of epochs, steps and the like, then that of runs. */
rb_status rb_run_process(void *context, FILE *to);

#endif
