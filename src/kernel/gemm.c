/* gemm.c: parts of linear layers and convolutions in the gpu family: cl/gemm.cl with tiles for the shape and the
 * device.
 *
 * Tiles depend on the device, sums do not: every one runs along its depth. Pieces of a long depth depend on the shape
 * alone. Tiles are chosen for a full batch, so that the last, shorter one shares its kernels. */
#include <limits.h>

#include "kernel/kernel.h"
#include "kernel/tuning.h"

enum { FORWARD, DX, DW };

typedef struct product {
    const rb__kn_item *it;
    int pass;
    bool conv, ones; /* ones: with db */
    int rows, columns, depth, ldc;
    int classes; /* of pixels with the same taps: dx of a stride */
    int pixels;  /* of an image of the batch; 1 for linear layers */
    int pieces, piece;
    const rb__kn_tile *tile;
    int bm, bn, grid_columns;
    bool local_memory;
} product;

/* --- shapes ------------------------------------------------------------------------------------------------------- */

static void describe(const rb__kn_plan *plan, const rb__kn_item *it, product *g) {
    static const int passes[RB_OP_KINDS] = {
        [RB_OP_LINEAR_DX] = DX, [RB_OP_LINEAR_DW] = DW, [RB_OP_CONV_DX] = DX, [RB_OP_CONV_DW] = DW};
    int batch = rb_variant_batch(plan->program, plan->variant), stride = it->stride;
    *g = (product){.it = it, .pass = passes[it->op->kind], .classes = 1, .pixels = 1, .pieces = 1};
    g->conv = it->op->kind >= RB_OP_CONV && it->op->kind <= RB_OP_CONV_DW;
    int taps = g->conv ? it->R * it->R * it->C : it->D;
    if (g->conv) g->pixels = it->P * it->Q;
    if (g->conv && g->pass == DX) {
        g->classes = stride * stride;
        g->pixels = rb__kn_divide(it->H, stride) * rb__kn_divide(it->W, stride);
    }
    g->rows = g->pass == DW ? taps : batch * g->pixels;
    g->columns = g->pass != DX ? it->K : g->conv ? it->C : it->D;
    g->depth = g->pass == FORWARD ? taps : g->pass == DW ? batch * g->pixels : it->K;
    g->ldc = g->pass == FORWARD ? it->ldy : g->pass == DX ? it->ldx : it->ldw;
    g->ones = g->pass == DW && it->out[1] >= 0;
}

/* A sum over the batch in pieces, where there are few sums. */
static void split(const rb__kn_plan *plan, product *g) {
    int tiles = rb__kn_divide(g->rows + g->ones, 32) * rb__kn_divide(g->columns, 32);
    int64_t bytes = (int64_t)sizeof(float) * (g->rows + g->ones) * g->ldc;
    int64_t most = RB__KN_SPLIT_BYTES, limit = (int64_t)plan->device->info.max_alloc;
    int pieces = RB__KN_SPLIT_TILES / tiles;
    if (g->pass != DW) return;
    if (limit && limit < most) most = limit;
    if (pieces > g->depth / RB__KN_SPLIT_DEPTH) pieces = g->depth / RB__KN_SPLIT_DEPTH;
    if (pieces > most / bytes) pieces = (int)(most / bytes);
    if (pieces < 2) pieces = 1;
    g->piece = rb__kn_divide(g->depth, pieces);
    g->pieces = rb__kn_divide(g->it->N * g->pixels, g->piece); /* of this variant's rows */
}

/* --- tiles -------------------------------------------------------------------------------------------------------- */

static int local_floats(const product *g) { return (g->bm + 4 + g->bn + 4) * g->tile->depth; }

/* False: the tile is not for this device. */
static bool fit(const rb_device *device, const rb__kn_tile *tile, product *g) {
    int local = device->local;
    g->tile = tile;
    g->grid_columns = 1;
    while (g->grid_columns * g->grid_columns * 2 <= local) g->grid_columns *= 2;
    if (tile->grid_columns && g->grid_columns > tile->grid_columns) g->grid_columns = tile->grid_columns;
    g->bm = local / g->grid_columns * tile->rows;
    g->bn = g->grid_columns * tile->columns;
    g->local_memory = local > 1 && device->local_mem >= (int64_t)sizeof(float) * local_floats(g);
    return !g->local_memory || (g->bm * tile->depth % local == 0 && g->bn * tile->depth % local == 0);
}

/* The time of a product in cycles, about. Of every piece of the depth, an item asks for its share; while that is on its
 * way, it reads the piece before from local memory and multiplies. Without local memory: of one step of the depth, to
 * be compared with each other only. */
static double time_of(const rb_device *device, const product *g) {
    const rb__kn_tile *tile = g->tile;
    double groups =
        (double)rb__kn_divide(g->rows + g->ones, g->bm) * rb__kn_divide(g->columns, g->bn) * g->classes * g->pieces;
    double rounds = groups / ((double)RB__KN_GROUPS_PER_UNIT * device->info.threads);
    if (rounds < 1) rounds = 1;
    double work = rounds * (tile->rows * tile->columns + tile->rows + tile->columns);
    if (!g->local_memory) return work;
    double ask = rounds * RB__KN_FETCH * (g->bm + g->bn) / device->local;
    double waited = work * tile->depth > RB__KN_LATENCY ? work * tile->depth : RB__KN_LATENCY;
    return rb__kn_divide(g->pass == DW ? g->piece : g->depth, tile->depth) * (ask * tile->depth + waited);
}

/* A tile that local memory holds goes before any that it does not, whose items would ask for all they need. */
static void choose(const rb_device *device, product *g) {
    product best = {0};
    double least = 0;
    for (int i = 0; i < RB__KN_TILES; i++) {
        if (!fit(device, &rb__kn_tiles[i], g) || (best.local_memory && !g->local_memory)) continue;
        double time = time_of(device, g);
        if (best.tile && best.local_memory == g->local_memory && time >= least) continue;
        best = *g;
        least = time;
    }
    *g = best; /* 4x4 and 2x2 fit every group of up to RB__KN_MAX_LOCAL */
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* Values that lie side by side in an operand and that one access reads: 4 where each four of them are of one pixel or
 * row, begin at a multiple of 16 bytes and are all there or none, and where a tile is of whole fours, which the items
 * of a group share evenly. `along`: how many lie side by side. */
static int wide(const rb_device *device, const product *g, int tile, int along, int ld, bool bytes) {
    const bool fits = g->local_memory && tile % 4 == 0 && tile * g->tile->depth % (4 * device->local) == 0;
    return fits && along % 4 == 0 && ld % 4 == 0 && !bytes ? 4 : 1;
}

static void define_tile(rb__kn_part *part, const rb_device *device, const product *g) {
    rb__kn_define(part, "LMEM", g->local_memory);
    rb__kn_define(part, "GRID_ROWS", device->local / g->grid_columns);
    rb__kn_define(part, "GRID_COLUMNS", g->grid_columns);
    rb__kn_define(part, "ITEM_ROWS", g->tile->rows);
    rb__kn_define(part, "ITEM_COLUMNS", g->tile->columns);
    rb__kn_define(part, "BK", g->tile->depth);
    rb__kn_define(part, "TILES_M", rb__kn_divide(g->rows + g->ones, g->bm));
    rb__kn_define(part, "TILES_N", rb__kn_divide(g->ldc, g->bn));
    part->local_floats = g->local_memory ? local_floats(g) : 0;
    part->cost = (double)g->bm * g->bn * (g->pass == DW ? g->piece : g->depth) / RB__KN_LANES;
}

static void define_shape(const rb__kn_plan *plan, rb__kn_part *part, const product *g) {
    static const char *const names[] = {"C", "H", "W", "K", "P", "Q", "R", "STRIDE", "PAD"};
    const rb__kn_item *it = g->it;
    const rb_device *device = plan->device;
    const int lda = g->pass == DX ? it->ldy : it->gather && g->conv ? it->C : it->ldx;
    const int ldb = g->pass == DW ? it->ldy : it->ldw, a = g->pass == DX ? it->K : g->conv ? it->C : it->D;
    const bool bytes = it->gather && plan->variant->tensors[it->gather->in[0]].dtype == RB_U8;
    const int values[] = {it->C, it->H, it->W, it->K, it->P, it->Q, it->R, it->stride, it->pad};
    rb__kn_define(part, "PASS", g->pass);
    rb__kn_define(part, "CONV", g->conv);
    for (int i = 0; g->conv && i < (int)(sizeof values / sizeof *values); i++) rb__kn_define(part, names[i], values[i]);
    rb__kn_define(part, "EDGES", g->conv && (it->pad > 0 || (g->pass == DX && it->R > 1)));
    rb__kn_define(part, "COLUMNS", g->columns);
    rb__kn_define(part, "PIXELS", g->pixels);
    rb__kn_define(part, "ROWS", g->pass == DW ? g->rows : 0);
    rb__kn_define(part, "DEPTH", g->pass != DW ? g->depth : 0);
    rb__kn_define(part, "LDA", lda);
    rb__kn_define(part, "LDB", ldb);
    rb__kn_define(part, "LDC", g->ldc);
    rb__kn_define(part, "ONES", g->ones);
    rb__kn_define(part, "A_WIDE", wide(device, g, g->bm, a, lda, bytes));
    rb__kn_define(part, "B_WIDE", wide(device, g, g->bn, g->pass == DX ? it->K : ldb, ldb, false));
    rb__kn_define(part, "SPLIT", g->pieces > 1);
    rb__kn_define(part, "BIAS", g->pass == FORWARD && it->in[2] >= 0);
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define_act(part, it->op);
}

static void add_sum(rb__kn_plan *plan, const product *g, int parts, int pieces, int share, int work) {
    const rb__kn_item *it = g->it;
    int count = (g->rows + g->ones) * g->ldc, blocks = rb__kn_divide(count, plan->device->local);
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "gemm.cl", "gemm_sum");
    rb__kn_define(part, "COUNT", count);
    rb__kn_define(part, "WEIGHTS", g->rows * g->ldc);
    rb__kn_define(part, "BLOCKS", blocks);
    rb__kn_define(part, "LAST", work < 0);
    rb__kn_work_in(part, parts, "__global const float *");
    if (work < 0)
        rb__kn_out(plan, part, it->out[0]);
    else
        rb__kn_work_out(part, work, "__global float *");
    rb__kn_out(plan, part, work < 0 ? it->out[1] : -1);
    rb__kn_int(part, pieces);
    rb__kn_int(part, share);
    part->groups = blocks * rb__kn_divide(pieces, share);
    part->cost = (double)share * plan->device->local / RB__KN_LANES;
}

/* Many pieces in two rounds of about as many additions. */
static void sum_pieces(rb__kn_plan *plan, const product *g, int parts) {
    int share = 1;
    while (share * share < g->pieces) share++;
    if (g->pieces > RB__KN_SUM_PIECES) {
        int sums = rb__kn_divide(g->pieces, share);
        int work = rb__kn_work_new(plan, sizeof(float) * (size_t)sums * (size_t)(g->rows + g->ones) * (size_t)g->ldc);
        add_sum(plan, g, parts, g->pieces, share, work);
        add_sum(plan, g, work, sums, sums, -1);
    } else {
        add_sum(plan, g, parts, g->pieces, g->pieces, -1);
    }
}

void rb__kn_lower_gemm(rb__kn_plan *plan, rb__kn_item *it) {
    product g;
    int parts = -1;
    describe(plan, it, &g);
    split(plan, &g);
    choose(plan->device, &g);
    if (g.pieces > 1)
        parts = rb__kn_work_new(plan, sizeof(float) * (size_t)g.pieces * (size_t)(g.rows + g.ones) * (size_t)g.ldc);
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "gemm.cl", "gemm");
    define_tile(part, plan->device, &g);
    define_shape(plan, part, &g);
    rb__kn_input(plan, part, it);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, g.pass == FORWARD || (g.pass == DX && it->op->act != RB_ACT_NONE) ? it->in[2] : -1);
    if (parts >= 0)
        rb__kn_work_out(part, parts, "__global float *");
    else
        rb__kn_result(plan, part, it);
    rb__kn_out(plan, part, g.ones && parts < 0 ? it->out[1] : -1);
    rb__kn_int(part, it->N);
    int tiles = rb__kn_divide(g.pass == DW ? g.rows + g.ones : it->N * g.pixels, g.bm); /* of rows, in this variant */
    rb__kn_int(part, g.pass == DW ? g.piece : tiles);
    part->groups = tiles * rb__kn_divide(g.ldc, g.bn) * g.classes * g.pieces;
    if (parts >= 0) sum_pieces(plan, &g, parts);
}
