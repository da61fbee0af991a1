/* target.h: time to accuracy: when a run first reached --target on its validation split, and the summary over seeds. */
#ifndef RB_CLI_TARGET_H
#define RB_CLI_TARGET_H

#include "cli/recorder.h"
#include "regbench/train.h"

/* For the child: what a run has come to. */
typedef struct rb_target {
    double value; /* 0 = none was asked for */
    bool reached;
    int epoch; /* 0: before the checkpoint with which the run began */
    double train_s, total_s;
} rb_target;

/* `from`: the epoch that a resumed run goes on from, else NULL. RB_USAGE where the case has no accuracy. */
rb_status rb_target_begin(rb_target *t, const rb_options *o, bool classes, const rb_epoch_result *from);
void rb_target_see(rb_target *t, const rb_epoch_result *e);
/* A run that did not reach it is censored (target_reached 0), not dropped. */
void rb_target_note(const rb_target *t, rb_row *row);

/* For people: one line per case, device and overrides, over its seeds. */
rb_status rb_target_print(const rb_recorder *r);

#endif
