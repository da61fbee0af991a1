/* tuning.h: launch parameters of the opencl backend: safe for any device; they change speed and the grouping of sums.
 */
#ifndef RB_OPENCL_TUNING_H
#define RB_OPENCL_TUNING_H

enum {
    RB__CL_CPU_FLAT = 4096, /* elements of a group of flat work */
    RB__CL_GPU_FLAT = 8,    /* elements of an item of flat work */
    RB__CL_GPU_LOCAL = 64,  /* items of a group, where the device takes as many */

    /* convolutions of the cpu family */
    RB__CL_CONV_ROWS = 14,           /* rows of a register tile of two vectors */
    RB__CL_CONV_PLACES = 28,         /* of one vector, where they are places of a filter */
    RB__CL_CONV_GROUPS = 128,        /* parts of the batch at most */
    RB__CL_CONV_PARTIALS = 16 << 20, /* bytes of partial gradients at most, unless one part needs more */
};

#endif
