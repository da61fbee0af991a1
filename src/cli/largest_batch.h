/* largest_batch.h: how many samples a training step of a case can take on a device. */
#ifndef RB_CLI_LARGEST_BATCH_H
#define RB_CLI_LARGEST_BATCH_H

#include "cli/place.h"

/* Tries by making trainers and doing a step. *why says what the limit is: "memory" or "all samples". Found to within
 * 2 %. RB_MEMORY where not even one sample fits. */
rb_status rb_largest_batch(const rb_place *p, const rb_item *item, int *batch, const char **why);

#endif
