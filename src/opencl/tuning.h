/* tuning.h: launch parameters of the opencl backend: safe for any device; they change speed and the grouping of sums.
 */
#ifndef RB_OPENCL_TUNING_H
#define RB_OPENCL_TUNING_H

enum {
    RB__CL_CPU_FLAT = 4096, /* elements of a group of flat work */
    RB__CL_GPU_FLAT = 8,    /* elements of an item of flat work */
    RB__CL_GPU_LOCAL = 64,  /* items of a group, where the device takes as many */
};

#endif
