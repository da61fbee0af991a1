/* check.h: does a device compute what the reference computes? A number without a passed check is not printed. */
#ifndef REGBENCH_CHECK_H
#define REGBENCH_CHECK_H

#include <stdio.h>

#include "regbench/train.h"

/* Largest distance of `got` from `expected` over n values, relative to the largest |expected| (to 1 where all are
 * tiny). A NaN or infinity on either side counts as infinite. *where is the index of the worst, -1 for n = 0. */
double rb_max_relative_error(const float *got, const float *expected, int64_t n, int64_t *where);

/* Optimizer steps on the first min(rows, batch) training samples, here and on the reference in double, each from the
 * same state: loss, norms, gradients and batch norm's statistics after every step; parameters and the optimizer's state
 * against the reference's update by the gradients found here. RB_VERIFY if the worst relative error exceeds
 * RB_VERIFY_TOLERANCE. `steps` steps must agree in all of it; one more for every ten of them begun may differ in its
 * gradients alone: where an activation is zero, or two values of a pooling window are equal, within float32, either
 * side of the kink is right. *max_rel_err is set in any case, without those gradients. */
#define RB_VERIFY_TOLERANCE 1e-4
/* On a device whose products round their operands (rb_device_info.product_roundoff u, TF32: 2^-10, bf16: 2^-8), and
 * maybe what they give back (result_roundoff r), the tolerance is RB_VERIFY_TOLERANCE + (2 u + r) L for a model of L
 * products one behind the other: each has two operands. A share of about that many activations takes the other side of
 * a kink, so gradients are compared as vectors, ||g - exact|| / ||exact||, which differ by the root of that share. That
 * is coarse: whoever prints such numbers verifies the same provider in fp32, too. */
double rb_verify_tolerance(const rb_device_info *device, const rb_program *program);
rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err);

/* Every op the device supports, over the shape table of src/check/shapes.c: each op of each compiled variant runs
 * alone, with NaN-poisoned outputs and everything else as canary; its outputs are compared with the reference in
 * double. Tolerance follows from the length of the reduction; where products round their operands (u, see above), it is
 * 8 u + 2 r more for linear layers and convolutions (two operands; what their errors add up to is more than a sum of
 * both signs), and every op gets what the reference made before it, so that errors do not add up. Prints one line per
 * failure and a table at the end (to may be NULL). RB_OK even with failures: *failed says. only: of the shapes with
 * this in their names; NULL = all. */
rb_status rb_check_ops(const rb_backend *backend, rb_device *device, const char *only, FILE *to, int *checked,
                       int *failed);

/* The same shapes as whole steps: two of each variant (training, its tail, evaluation), with all that the device
 * merges, each from the same state here and on the reference in double. Compared is what outlives a step: metrics,
 * predictions, gradients, parameters, state. *checked counts steps, *failed disagreements; *max_rel_err is the worst.
 * RB_UNSUPPORTED where products round their operands: kinks would decide. */
rb_status rb_check_steps(const rb_backend *backend, rb_device *device, const char *only, FILE *to, int *checked,
                         int *failed, double *max_rel_err);

#endif
