/* linear.c: linear layers and their gradients as products of register tiles.
 *
 * y = act(x w + b), dx = dy w^T act'(saved y), dw = x^T dy, db = sum of dy over the batch.
 * Shapes: x (N,D) with rows of ldx, w (D,ldw), b (ldw), y (N,ldw); pad lanes of weights and gradients are zero, so pad
 * lanes of results are zero too. Weights stream from L2; a chunk of rows stays in L1 or L2. dw shares its D rows among
 * units of a few tiles: each is a full sum over the batch in row order, so no partials and no dependence on threads. */
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/tile.h"

/* c (n rows) = a (n,depth) * b (depth,columns). Panels of b that fit L1 are used for all rows before the next one. */
static void product(const rb__tile *form, int n, int columns) {
    int tiles = rb_tile_count(n), width = 2 * RB_LANES, panels = (columns + width - 1) / width;
    bool by_panel = form->run * width * (int)sizeof(float) <= RB__PANEL_BYTES;
    for (int u = 0; u < tiles * panels; u++) {
        int i = by_panel ? u % tiles : u / panels, j = (by_panel ? u / tiles : u % panels) * width;
        int from = rb_tile_start(n, tiles, i), m = rb_tile_start(n, tiles, i + 1) - from;
        rb__tile t = *form;
        t.a += from * t.lda, t.b += j, t.c += from * t.ldc + j, t.init = t.init ? t.init + j : NULL;
        RB_KERNEL(tile_rows)[m - 1][rb_tile_vectors(j, columns) - 1](&t);
    }
}

void RB_KERNEL(linear)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    rb__tile t = {.a = c->in[0], .b = c->in[1], .lda = g->ldx, .ldb = g->ldw, .runs = 1, .run = g->D};
    t.init = c->in[2], t.c = c->out[0], t.ldc = g->ldy, t.relu = op->act == RB_ACT_RELU;
    product(&t, c->rows, g->ldw);
    if (op->act != RB_ACT_NONE && op->act != RB_ACT_RELU)
        RB_KERNEL(activate_rows)(op, t.c, t.c, (int64_t)c->rows, g->K, g->ldy);
}

/* WORK.packed (K,D16): w turned, so that dx is a product like the forward one. A unit is one vector of rows of w. */
void RB_KERNEL(pack_linear)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *w = c->in[1];
    int ld = (g->D + 15) / 16 * 16, from = unit * 16;
    for (int k = 0; k < g->K; k++)
        for (int d = 0; d < 16; d++)
            it->packed[(int64_t)k * ld + from + d] = from + d < g->D ? w[(int64_t)(from + d) * g->ldw + k] : 0.0f;
}

void RB_KERNEL(linear_dx)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    int ld = (g->D + 15) / 16 * 16;
    rb__tile t = {.a = c->in[0], .b = it->packed, .lda = g->ldy, .ldb = ld, .runs = 1, .run = g->K};
    t.c = c->out[0], t.ldc = g->ldx, t.accumulate = op->flags & RB_OPF_ACCUMULATE;
    product(&t, c->rows, ld);
    if (op->act != RB_ACT_NONE) RB_KERNEL(derive_rows)(op, t.c, c->in[2], t.c, (int64_t)c->rows * g->ldx);
}

/* Strip of x: `width` features from `d` on, of batch rows [from, from + n), as (n,width). */
static void load_strip(const rb__item *it, const rb__call *c, int from, int n, int d, int width, float *strip) {
    const float *x = c->in[0];
    if (it->gather) {
        for (int i = 0; i < n; i++)
            RB_KERNEL(gather_row)(it->gather, c->step, from + i, d, width, strip + (int64_t)i * width);
        return;
    }
    for (int i = 0; i < n; i++)
        memcpy(strip + (int64_t)i * width, x + (int64_t)(from + i) * it->g.ldx + d, sizeof(float) * (size_t)width);
}

/* One unit: db. */
void RB_KERNEL(linear_db)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *dy = c->in[1];
    float *db = c->out[1];
    (void)unit;
    for (int j = 0; j < g->ldw; j += RB_LANES) {
        rb_vf a = {0}, b = {0};
        int n = 0;
        for (; n + 2 <= g->N; n += 2) {
            a += rb_load(dy + (int64_t)n * g->ldy + j);
            b += rb_load(dy + (int64_t)(n + 1) * g->ldy + j);
        }
        if (n < g->N) a += rb_load(dy + (int64_t)n * g->ldy + j);
        rb_store_v(db + j, a + b);
    }
}

/* A unit is RB__STRIP_TILES tiles of rows of dw, or a few less. */
void RB_KERNEL(linear_dw)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *dy = c->in[1];
    float *dw = c->out[0], *strip = (float *)(void *)c->scratch;
    int all = rb_tile_count(g->D), units = (all + RB__STRIP_TILES - 1) / RB__STRIP_TILES;
    int first = rb_tile_start(all, units, unit), end = rb_tile_start(all, units, unit + 1);
    int d = rb_tile_start(g->D, all, first), width = rb_tile_start(g->D, all, end) - d;
    for (int from = 0; from < g->N; from += RB__STRIP_ROWS) {
        int n = g->N - from < RB__STRIP_ROWS ? g->N - from : RB__STRIP_ROWS;
        load_strip(it, c, from, n, d, width, strip);
        for (int j = 0, nv; j < g->ldw; j += nv * RB_LANES) { /* dy's panel stays in L1 for all tiles of the strip */
            nv = rb_tile_vectors(j, g->ldw);
            for (int i = first; i < end; i++) {
                int row = rb_tile_start(g->D, all, i), m = rb_tile_start(g->D, all, i + 1) - row;
                rb__tile t = {.a = strip + row - d, .b = dy + (int64_t)from * g->ldy + j, .lda = width, .ldb = g->ldy};
                t.runs = 1, t.run = n, t.accumulate = from > 0;
                t.c = dw + (int64_t)row * g->ldw + j, t.ldc = g->ldw;
                RB_KERNEL(tile_run)[m - 1][nv - 1](&t);
            }
        }
    }
}
