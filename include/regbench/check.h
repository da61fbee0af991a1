/* check.h: does a device compute what the reference computes? A number without a passed check is not printed. */
#ifndef REGBENCH_CHECK_H
#define REGBENCH_CHECK_H

#include <stdio.h>

#include "regbench/train.h"

/* Largest distance of `got` from `expected` over n values, relative to the largest |expected| (to 1 where all are
 * tiny). A NaN or infinity on either side counts as infinite. *where is the index of the worst, -1 for n = 0. */
double rb_max_relative_error(const float *got, const float *expected, int64_t n, int64_t *where);

/* `steps` optimizer steps on the first min(rows, batch) training samples, here and on the reference in double; compares
 * loss and norms of every step, and gradients and parameters after the last. RB_VERIFY if the worst relative error
 * exceeds RB_VERIFY_TOLERANCE; *max_rel_err is set in any case. */
#define RB_VERIFY_TOLERANCE 1e-4
rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err);

/* Every op the device supports, over the shape table of src/check/shapes.c: each op of each compiled variant runs
 * alone, with NaN-poisoned outputs and everything else as canary; its outputs are compared with the reference in
 * double. Tolerance follows from the length of the reduction. Prints one line per failure and a table at the end (to
 * may be NULL). RB_OK even with failures: *failed says. */
rb_status rb_check_ops(const rb_backend *backend, rb_device *device, FILE *to, int *checked, int *failed);

#endif
