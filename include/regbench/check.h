/* check.h: does a device compute what the reference computes? */
#ifndef REGBENCH_CHECK_H
#define REGBENCH_CHECK_H

#include <stdio.h>

#include "regbench/backend.h"
#include "regbench/data.h"
#include "regbench/lab.h"

/* Every op over its table of shapes; a line for each that disagrees goes to `to`. RB_VERIFY if any does. */
rb_status rb_check_ops(const rb_backend *backend, rb_device *device, FILE *to, int *checked, int *failed);
/* Trains `steps` steps on the first `rows` samples, on the device and on the reference, and compares losses and
 * parameters. RB_VERIFY, with *max_rel_err set, where they disagree. */
rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err);

#endif
