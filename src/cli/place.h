/* place.h: where an item happens: device, data and trainer opened together. Only in child processes. */
#ifndef RB_CLI_PLACE_H
#define RB_CLI_PLACE_H

#include "cli/item.h"
#include "cli/options.h"
#include "regbench/train.h"

typedef struct rb_place {
    rb_device_id id;
    rb_device *device;
    rb_device_info info;
    rb_dataset *data;
    rb_trainer *trainer;
} rb_place;

/* The device alone. */
rb_status rb_place_device(rb_place *p, const rb_options *o, const char *selector, rb_row *row);
/* Device and data; what is learned goes into the runs row. */
rb_status rb_place_open(rb_place *p, const rb_options *o, const rb_item *item, rb_row *row);
/* What became of comparing a case on a device with the reference. */
typedef struct rb_verified {
    bool passed;
    double max_rel_err;
} rb_verified;
rb_verified rb_verified_by(const rb_row *row); /* as an earlier item's row says */
/* Some steps on a few samples agree with the reference backend as --verify wants, or there is no number; off the clock.
 * `before` of an earlier item with the same case and device: passed is not done again. The row says what holds. */
rb_status rb_place_verify(rb_place *p, const rb_options *o, const rb_item *item, const rb_verified *before,
                          rb_row *row);
/* rb_verify of the place's device; where products round their operands, also of the same provider in fp32. */
rb_status rb_place_compare(rb_place *p, const rb_options *o, const rb_case *c, uint64_t seed, int steps, int rows,
                           double *err);
/* The trainer: parameters drawn, kernels chosen, data uploaded. */
rb_status rb_place_trainer(rb_place *p, const rb_item *item, rb_row *row);
void rb_place_close(rb_place *p);

/* Sends the item's row, with the status and pending error of a failure; returns `status` for the end of the child. */
rb_status rb_place_finish(FILE *to, rb_row *row, rb_status status, double started);

#endif
