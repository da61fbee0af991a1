/* feed.c: windows of training steps or forward passes. */
#include "cli/feed.h"

#include "cli/child.h"
#include "core/clock.h"

const rb_variant *rb_feed_variant(const rb_feed *f) {
    return &rb_trainer_program(f->trainer)->variant[f->inference ? RB_VARIANT_EVAL : RB_VARIANT_TRAIN];
}

int rb_feed_batch(const rb_feed *f) { return rb_feed_variant(f)->rows; }

double rb_feed_flop(const rb_feed *f) {
    int rows = rb_feed_variant(f)->rows;
    return rb_variant_model_flops(rb_feed_variant(f)) / (rows > 0 ? rows : 1);
}

/* Samples of the first `steps` steps; the last of an epoch may be a smaller batch. */
static int64_t rows_of(const rb_trainer *t, int64_t steps) {
    int64_t n_train = rb_trainer_rows(t, RB_SPLIT_TRAIN), per_epoch = rb_trainer_steps_per_epoch(t);
    return steps / per_epoch * n_train + steps % per_epoch * rb_trainer_program(t)->spec.batch;
}

static rb_status train(rb_feed *f, int n) {
    rb_status status = RB_OK;
    while (n > 0) {
        if (f->left == 0) {
            RB_TRY(rb_trainer_begin_window(f->trainer));
            f->left = rb_trainer_steps_per_window(f->trainer);
            f->at = 0;
        }
        int now = n < f->left ? n : f->left;
        RB_TRY(rb_trainer_submit(f->trainer, now));
        f->rows += rows_of(f->trainer, f->at + now) - rows_of(f->trainer, f->at);
        f->at += now;
        f->left -= now;
        n -= now;
    }
cleanup:
    return status;
}

static rb_status infer(rb_feed *f, int n) {
    rb_status status = RB_OK;
    int64_t all = rb_trainer_rows(f->trainer, RB_SPLIT_VALID), batch = rb_feed_batch(f);
    int batches = (int)((all + batch - 1) / batch);
    while (n > 0) {
        int now = n < batches ? n : batches;
        int64_t rows = now * batch < all ? now * batch : all;
        RB_TRY(rb_trainer_eval_begin(f->trainer, RB_SPLIT_VALID, rows));
        RB_TRY(rb_trainer_eval_submit(f->trainer));
        f->rows += rows;
        n -= now;
    }
cleanup:
    return status;
}

rb_status rb_feed_window(rb_feed *f, int n, int64_t *ns) {
    rb_status status = RB_OK;
    f->rows = 0;
    int64_t start = rb_clock_ns();
    RB_TRY(f->inference ? infer(f, n) : train(f, n));
    RB_TRY(rb_trainer_wait(f->trainer));
    *ns = rb_clock_ns() - start;
cleanup:
    return status;
}

rb_window_limits rb_feed_limits(const rb_options *o) {
    rb_window_limits l = rb_window_limits_default();
    if (rb_given(o, RB_FLAG_QUICK)) {
        l.window_min_s = 0.02;
        l.warm_cap_s = 1;
        l.windows_min = 5;
        l.measure_min_s = 0.3;
        l.half_width = 0.02;
        l.measure_cap_s = 3;
    }
    l.stop = &rb_interrupts;
    return l;
}
