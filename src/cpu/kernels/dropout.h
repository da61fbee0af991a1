/* dropout.h: what the planner and the kernel must agree on about dropout. */
#ifndef RB_CPU_KERNELS_DROPOUT_H
#define RB_CPU_KERNELS_DROPOUT_H

/* Elements that the widest instruction set draws at once: a row's factors may pass its end by so many. */
enum { RB__PHILOX_MOST = 32 };

#endif
