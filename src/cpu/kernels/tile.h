/* tile.h: the two register tiles that every product of this backend is made of.
 *
 * c (m rows of nv vectors) = init + sum over k of a[..] * b[k], with the sums in registers. Steps of k come in `runs`
 * of `run`; b advances by ldb each step.
 *   rows: a[row * lda + k]  rows are batch rows or pixels, k is contiguous within a run (channels, filter columns)
 *   run:  a[k * lda + row]  the reduction runs over batch rows or pixels, output rows are contiguous in a
 * From one run to the next a moves by `pitch`. The order of a sum depends on the shape alone. */
#ifndef RB_CPU_KERNELS_TILE_H
#define RB_CPU_KERNELS_TILE_H

#include "cpu/kernels/vec.h"

typedef struct rb__tile { /* see above */
    const float *a, *b;
    ptrdiff_t lda, ldb, pitch;
    ptrdiff_t b_pitch; /* what b moves by from the end of a run to the next one; 0: goes on */
    int runs, run;
    const float *init; /* NULL: zero; `rows` form: nv vectors for every row (bias) */
    bool accumulate;   /* start from what c holds */
    bool relu;         /* of what is stored */
    float *c;
    ptrdiff_t ldc;
} rb__tile;

typedef void rb__tile_fn(const rb__tile *t);
/* [m - 1][nv - 1] */
extern rb__tile_fn *const RB_KERNEL(tile_rows)[RB_MR][2], *const RB_KERNEL(tile_run)[RB_MR][2];

/* Number of vectors of the next tile at column `j` of `columns`. */
RB_INLINE int rb_tile_vectors(int j, int columns) { return columns - j >= 2 * RB_LANES ? 2 : 1; }
/* Rows are cut into tiles of nearly equal height: how many, and where tile i begins. */
RB_INLINE int rb_tile_count(int rows) { return (rows + RB_MR - 1) / RB_MR; }
RB_INLINE int rb_tile_start(int rows, int tiles, int i) { return (int)((int64_t)rows * i / tiles); }

#endif
