/* tuning.h: every blocking size of the cpu backend. They change speed and the grouping of sums, never the meaning; none
 * depends on the number of threads, so that a run gives the same bits with any number of them. */
#ifndef RB_CPU_TUNING_H
#define RB_CPU_TUNING_H

enum {
    /* parts a batch is cut into: what a thread takes at a time, and how many partial filter gradients there are */
    RB__GROUPS = 16,
    /* rows of such a part at least: linear layers want several per register tile, convolutions find them in an image */
    RB__MIN_ROWS = 8,
    RB__MIN_IMAGES = 4,
    /* activations that a part keeps at a time: about half of a core's L2 */
    RB__CHUNK_BYTES = 1000 << 10,
    /* of a linear layer's weights, two vectors wide, that stay in L1 over several rows */
    RB__PANEL_BYTES = 24 << 10,
    /* weight gradients of linear layers: register tiles of input features per unit, batch rows packed at a time */
    RB__STRIP_TILES = 4,
    RB__STRIP_ROWS = 256,
    /* values per unit of update, norms, copies and sums of partials */
    RB__FLAT_BLOCK = 4096,
    /* looks at a barrier before a thread offers its core to others */
    RB__SPINS = 1000,
    /* steps of fewer model FLOPs, in all or per weight, run on one thread: moving weights and gradients between cores
     * takes longer than what it saves. No bit changes. */
    RB__ALONE_FLOPS = 2500000,
    RB__ALONE_FLOPS_PER_WEIGHT = 70,
    /* weights from which oneDNN is faster than our kernels, which do not block for L2 */
    RB__LIBRARY_LINEAR = 200000,
    RB__LIBRARY_CONV = 20000,
    /* pixels up to which, with windows larger than 1, oneDNN's own first choice, brgconv, is not its fastest: 512
     * channels of 4 x 4, AVX-512, one thread: 110 GFLOP/s, its next choice 170; at 8 x 8 it is 174 against 160 */
    RB__LIBRARY_SMALL_MAP = 16,
};

#endif
