/* batchnorm.h: what the planner and the kernels must agree on about batch norm: the sizes of its partials and of what
 * its second pass works with. */
#ifndef RB_CPU_KERNELS_BATCHNORM_H
#define RB_CPU_KERNELS_BATCHNORM_H

#include "cpu/cpu.h"

/* WORK.packed, vectors of ldy: y = act((x - mean) scale + beta); dx = scale dy + (x - mean) slope + offset. */
enum { RB__BN_MEAN, RB__BN_SCALE, RB__BN_BETA, RB__BN_SLOPE, RB__BN_OFFSET, RB__BN_COEFFICIENTS };

/* Doubles of a group's partial: how many values, then two sums per channel. */
static inline size_t rb_batchnorm_partial(const rb__geometry *g) { return 8 + 2 * (size_t)g->ldy; }

#endif
