/* tuning.h: launch parameters of the opencl backend: safe for any device; they change speed and the grouping of sums.
 */
#ifndef RB_OPENCL_TUNING_H
#define RB_OPENCL_TUNING_H

enum {
    RB__CL_CPU_FLAT = 4096, /* elements of a group of flat work */
    RB__CL_GPU_FLAT = 8,    /* elements of an item of flat work */
    RB__CL_GPU_LOCAL = 64,  /* items of a group, where the device takes as many */
    /* cpu family, products: rows and vectors of the register tile, batch rows of a group; weight gradients: input
     * features of a group at most, batch rows that lie in scratch at a time */
    RB__CL_TILE_ROWS = 8,
    RB__CL_TILE_VECTORS = 2,
    RB__CL_ROWS = 16,
    RB__CL_STRIP = 48,
    RB__CL_CHUNK = 256,
    /* bytes of activations in all up to which each has memory of its own, so that none has to wait for another's */
    RB__CL_OWN_ACTIVATIONS = 64 << 20,

    /* convolutions of the cpu family */
    RB__CL_CONV_ROWS = 14,           /* rows of a register tile of two vectors */
    RB__CL_CONV_PLACES = 28,         /* of one vector, where they are places of a filter */
    RB__CL_CONV_GROUPS = 128,        /* parts of the batch at most */
    RB__CL_CONV_PARTIALS = 16 << 20, /* bytes of partial gradients at most, unless one part needs more */
};

#endif
