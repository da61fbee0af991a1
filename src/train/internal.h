/* internal.h: what the files of src/train share of a trainer. */
#ifndef RB_TRAIN_INTERNAL_H
#define RB_TRAIN_INTERNAL_H

#include "regbench/train.h"

rb_status rb__put_cursor(rb_trainer *t, rb_family family, rb_cursor cursor);
/* Strength of an attack, of pixels from 0 to 255. */
rb_status rb__put_strength(rb_trainer *t, rb_family family, double step, double eps);
/* Mean loss and accuracy of the evaluation begun last, of one part, whoever wrote its batches' rows of METRIC (waits).
 */
rb_status rb__eval_sums(rb_trainer *t, double *loss, double *accuracy);
/* Its predictions. */
rb_status rb__eval_pred(rb_trainer *t, int32_t *pred);

#endif
