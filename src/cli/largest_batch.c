/* largest_batch.c: multiplies the batch until it does not fit, then halves the gap. */
#include "cli/largest_batch.h"

#include "core/log.h"

/* *fits: 0, or the batch that was used, which the data set may have made smaller. */
static rb_status try_batch(const rb_place *p, const rb_item *item, int batch, int *fits) {
    rb_status status = RB_OK;
    rb_case c = item->edit->c;
    rb_trainer *t = NULL;
    *fits = 0;
    c.batch = batch;
    RB_TRY(rb_trainer_new(p->id.backend, p->device, &c, p->data, (uint64_t)item->seed, &t));
    RB_TRY(rb_trainer_begin_window(t));
    RB_TRY(rb_trainer_submit(t, 1));
    RB_TRY(rb_trainer_wait(t));
    *fits = rb_trainer_program(t)->spec.batch;
cleanup:
    rb_trainer_free(t);
    if (status != RB_MEMORY) return status;
    rb_log(RB_LOG_DEBUG, "batch %d: %s", batch, rb_error_last() ? rb_error_last()->text : "no memory");
    rb_error_clear();
    return RB_OK;
}

rb_status rb_largest_batch(const rb_place *p, const rb_item *item, int *batch, const char **why) {
    rb_status status = RB_OK;
    int good = 0, bad = 0, fits, at = item->edit->c.batch;
    *why = "memory";
    while (!bad) {
        RB_TRY(try_batch(p, item, at, &fits));
        if (fits && fits < at) { /* there are no more samples */
            *batch = fits;
            *why = "all samples";
            return RB_OK;
        }
        if (!fits) {
            bad = at;
        } else {
            good = at;
            if (at > 1 << 28) break;
            at *= 4; /* every size is another program to compile */
        }
    }
    while (bad - good > 1 && bad - good > good / 50) {
        at = good + (bad - good) / 2;
        RB_TRY(try_batch(p, item, at, &fits));
        if (fits)
            good = at;
        else
            bad = at;
    }
    *batch = good;
    if (good == 0) status = rb_fail(RB_MEMORY, "not even one sample fits into the device's memory");
cleanup:
    return status;
}
