/* attack.c: one step of FGSM or PGD on the inputs: x <- clip(x + step sign(g), x0 - eps, x0 + eps), then to pixel
 * range, (0 - mean)/stddev to (1 - mean)/stddev.
 *
 * step and eps are in the schedule row (RB_SCHED_LR, RB_SCHED_SPARE). Shapes: x, g, x0 (N,C,H,W). */
#include "op/op.h"

#if RB_DEFINITIONS
const rb_op_def rb_op_def_ATTACK = {0};
#endif
