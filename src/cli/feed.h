/* feed.h: a trainer as a source of timed windows: whole training steps, or forward passes, with all that a loop does
 * between them. What `bench` and the Google Benchmark programs time. */
#ifndef RB_CLI_FEED_H
#define RB_CLI_FEED_H

#include "cli/options.h"
#include "measure/windows.h"
#include "regbench/train.h"

typedef struct rb_feed {
    rb_trainer *trainer;
    bool inference; /* evaluation mode, forward only; else training steps */
    int64_t rows;   /* samples of the window before */
    int left;       /* steps up to the trainer's next decision point that are not yet enqueued */
    int64_t at;     /* steps since the last one that are */
} rb_feed;

/* One window: n steps from before the first is enqueued until all are finished. In training an epoch's begin (a new
 * order, its upload) is inside where an epoch's end falls into the window; inference goes round the evaluation split,
 * each round with its upload of the order. */
rb_status rb_feed_window(rb_feed *f, int n, int64_t *ns);
/* What a step runs. */
const rb_variant *rb_feed_variant(const rb_feed *f);
/* Samples of a step. */
int rb_feed_batch(const rb_feed *f);
/* Model FLOPs per sample of what a window does. */
double rb_feed_flop(const rb_feed *f);

/* The protocol's limits, with --quick those of a first impression. */
rb_window_limits rb_feed_limits(const rb_options *o);

#endif
