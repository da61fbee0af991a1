/* conv_dw.c: gradients of a convolution by its weights and bias.
 *
 * dw[r,s,c,k] = sum over n,p,q of x[n, p*stride+r-pad, q*stride+s-pad, c] dy[n,p,q,k]; db[k] = sum of dy.
 * For one filter row r the (s,c) are contiguous in the bordered image: a register tile takes a few of them times two
 * vectors of k over all pixels of an image. Every group of batch rows keeps its own partial (dw, then db), added image
 * by image in order; sum_partials adds the groups in order: the same bits with any number of threads. */
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/tile.h"

static void bias(const float *dy, int pixels, int ld, float *db) {
    for (int j = 0; j < ld; j += RB_LANES) {
        rb_vf a = {0}, b = {0}, e = {0}, f = {0};
        int i = 0;
        for (; i + 4 <= pixels; i += 4) {
            const float *p = dy + (int64_t)i * ld + j;
            a += rb_load(p), b += rb_load(p + ld), e += rb_load(p + 2 * ld), f += rb_load(p + 3 * ld);
        }
        for (; i < pixels; i++) a += rb_load(dy + (int64_t)i * ld + j);
        rb_store_v(db + j, rb_load(db + j) + ((a + b) + (e + f)));
    }
}

void RB_KERNEL(conv_dw)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int Hp = g->H + 2 * g->pad, Wp = g->W + 2 * g->pad, run = g->R * g->C, tiles = rb_tile_count(run);
    bool direct = g->pad == 0 && g->ldx == g->C;
    float *scratch = (float *)(void *)c->scratch, *dw = c->partial, *db = dw + (int64_t)g->R * run * g->ldw;
    if (c->first) memset(dw, 0, sizeof(float) * it->partial_count);
    if (!direct) memset(scratch, 0, sizeof(float) * (size_t)Hp * (size_t)Wp * (size_t)g->C);
    for (int n = 0; n < c->rows; n++) {
        const float *x = (const float *)c->in[0] + (int64_t)n * g->H * g->W * g->ldx;
        const float *dy = (const float *)c->in[1] + (int64_t)n * g->P * g->Q * g->ldy;
        if (!direct) RB_KERNEL(embed)(x, g->H, g->W, g->C, g->ldx, scratch, Wp, g->pad, g->pad, 1);
        if (c->out[1]) bias(dy, g->P * g->Q, g->ldy, db);
        for (int r = 0; r < g->R; r++)
            for (int i = 0; i < tiles; i++) {
                int row = rb_tile_start(run, tiles, i), m = rb_tile_start(run, tiles, i + 1) - row;
                for (int j = 0, nv; j < g->ldw; j += nv * RB_LANES) {
                    nv = rb_tile_vectors(j, g->ldw);
                    rb__tile t = {.b = dy + j, .ldb = g->ldy, .lda = (ptrdiff_t)g->stride * g->C, .accumulate = true};
                    t.a = (direct ? x : scratch) + (int64_t)r * Wp * g->C + row;
                    t.runs = g->P, t.run = g->Q, t.pitch = (ptrdiff_t)g->stride * Wp * g->C;
                    t.c = dw + ((int64_t)r * run + row) * g->ldw + j, t.ldc = g->ldw;
                    RB_KERNEL(tile_run)[m - 1][nv - 1](&t);
                }
            }
    }
}

/* A unit is RB__FLAT_BLOCK values of (dw, db). */
void RB_KERNEL(sum_partials)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int64_t weights = (int64_t)g->R * g->R * g->C * g->ldw, from = (int64_t)unit * RB__FLAT_BLOCK;
    int64_t to =
        from + RB__FLAT_BLOCK < (int64_t)it->partial_count ? from + RB__FLAT_BLOCK : (int64_t)it->partial_count;
    for (int64_t i = from; i < to; i += RB_LANES) { /* both parts are whole vectors */
        rb_vf sum = rb_load(it->partials + i);
        for (int group = 1; group < it->groups; group++)
            sum += rb_load(it->partials + group * (int64_t)it->partial_count + i);
        if (i < weights)
            rb_store_v((float *)c->out[0] + i, sum);
        else if (c->out[1])
            rb_store_v((float *)c->out[1] + (i - weights), sum);
    }
}
