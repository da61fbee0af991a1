/* tuning.h: every blocking size of the cpu backend. They change speed and the grouping of sums, never the meaning; none
 * depends on the number of threads, so that a run gives the same bits with any number of them. */
#ifndef RB_CPU_TUNING_H
#define RB_CPU_TUNING_H

enum {
    RB__GROUPS = 16,  /* parts a batch is cut into: unit of work of a thread, and of partial filter gradients */
    RB__MIN_ROWS = 8, /* of such a part where a linear layer wants several rows per register tile */
    RB__CHUNK_BYTES = 1000 << 10, /* activations a part keeps at a time: about half of a core's L2 */
    RB__PANEL_BYTES = 24 << 10,   /* of a linear layer's weights, two vectors wide, that stay in L1 over several rows */
    RB__STRIP_TILES = 4,          /* register tiles of input features per unit of a linear weight gradient */
    RB__STRIP_ROWS = 256,         /* batch rows packed at a time for it */
    RB__FLAT_BLOCK = 4096,        /* values per unit of update, norms, copies and sums of partials */
    RB__SPINS = 1000,             /* looks at a barrier before the thread offers its core to others */
    RB__LIBRARY_LINEAR = 200000,  /* weights from which oneDNN is faster than our kernels, which do not block for L2 */
    RB__LIBRARY_CONV = 20000,
};

#endif
