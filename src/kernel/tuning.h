/* tuning.h: launch parameters of the kernels: safe for any device; they change speed and the grouping of sums.
 */
#ifndef RB_KERNEL_TUNING_H
#define RB_KERNEL_TUNING_H

enum {
    RB__KN_CPU_FLAT = 4096,      /* elements of a group of flat work */
    RB__KN_GPU_FLAT = 8,         /* elements of an item of flat work */
    RB__KN_UPDATE_GROUPS = 4096, /* of an update at most */
    /* gpu family: sums over the batch are cut into pieces until there are so many tiles of 32x32, but into none shorter
     * than this, and never so that the pieces need more memory than this. */
    RB__KN_SPLIT_TILES = 1024,
    RB__KN_SPLIT_DEPTH = 128,
    RB__KN_SPLIT_BYTES = 64 << 20,
    RB__KN_SUM_PIECES = 32,     /* added by one item; more of them are added in two rounds */
    RB__KN_GROUPS_PER_UNIT = 4, /* work-groups that keep a compute unit busy */
    /* cycles of an item: to find and ask for a value of a product's operands, until it is there */
    RB__KN_FETCH = 16,
    RB__KN_LATENCY = 700,
    /* cpu family, products: rows and vectors of the register tile, batch rows of a group; weight gradients: input
     * features of a group at most, batch rows that lie in scratch at a time */
    RB__KN_TILE_ROWS = 8,
    RB__KN_TILE_VECTORS = 3,
    RB__KN_ROWS = 16,
    RB__KN_TILE_MOST = 12, /* rows of a batch that is one tile */
    /* batches of so few rows: groups have so many columns of a product each, if there are so many weights */
    RB__KN_FEW_ROWS = 32,
    RB__KN_FEW_COLUMNS = 64,
    RB__KN_FEW_WEIGHTS = 32768,
    RB__KN_STRIP = 48, /* a multiple of 16 */
    RB__KN_CHUNK = 256,
    /* bytes of activations in all up to which each has memory of its own, so that none has to wait for another's and
     * ops may be merged across others */
    RB__KN_OWN_ACTIVATIONS = 1 << 30,

    /* batch norm: pixels in registers at a time; work-groups of a sum in the gpu family; cpu family: blocks squared
     * times vectors of channels up to which every group puts the blocks together itself, which costs less than a launch
     */
    RB__KN_NORM_CHUNK = 8,
    RB__KN_NORM_GROUPS = 1024,
    RB__KN_NORM_COLUMNS = 4, /* channels side by side, at least, where blocks are put together */
    RB__KN_NORM_MERGED = 32768,

    /* convolutions of the cpu family */
    RB__KN_CONV_ROWS = 14,           /* rows of a register tile of two vectors */
    RB__KN_CONV_PLACES = 28,         /* of one vector, where they are places of a filter */
    RB__KN_CONV_GROUPS = 128,        /* parts of the batch at most */
    RB__KN_CONV_PACKED = 32 << 10,   /* bytes of weights from which they are packed into panels */
    RB__KN_CONV_WEIGHTS = 512 << 10, /* bytes of weights that are not read again for every image */
    RB__KN_CONV_SCRATCH = 256 << 10, /* bytes of images at a time then */
    RB__KN_CONV_BLOCK = 8,           /* images at a time then, at most */
    RB__KN_CONV_PARTIALS = 16 << 20, /* bytes of partial gradients at most, unless one part needs more */
    /* bytes of private arrays, which lie on the stack of a driver's thread (8 MiB as a rule): of a part, of a launch */
    RB__KN_STACK = 2 << 20,
    RB__KN_STACK_TOGETHER = 4 << 20,
};

/* Tiles of products in the gpu family: what an item has, and how much of the depth is loaded at a time. A tile fits a
 * device whose groups have enough items, or few enough, to share the loads evenly, and whose local memory holds it. */
typedef struct rb__kn_tile {
    const char *name;
    int grid_columns; /* items side by side, at most; 0: as many as one upon another */
    int rows, columns, depth;
} rb__kn_tile;

/* The deep ones for products of so few groups that a unit waits for memory once per piece of the depth. */
static const rb__kn_tile rb__kn_tiles[] = {
    {"8x8", 0, 8, 8, 8},         {"8x4", 0, 8, 4, 8},
    {"4x4", 0, 4, 4, 16},        {"2x2", 0, 2, 2, 32},
    {"8x4 narrow", 4, 8, 4, 8},  {"4x4 narrow", 4, 4, 4, 16},
    {"2x4 narrow", 4, 2, 4, 16}, {"4x4 deep", 0, 4, 4, 32},
    {"2x2 deep", 0, 2, 2, 64},   {"2x4 narrow deep", 4, 2, 4, 32},
};
enum { RB__KN_TILES = sizeof rb__kn_tiles / sizeof *rb__kn_tiles };

#endif
