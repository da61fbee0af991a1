/* conv.c: convolution and its gradient by the input, direct, channels innermost, as register tiles of pixels.
 *
 * y[n,p,q,k] = act(b[k] + sum over r,s,c of x[n, p*stride+r-pad, q*stride+s-pad, c] w[r,s,c,k]), in that order.
 * dx is in conv_dx.c.
 * Each image is first copied densely into a zero border in the thread's scratch (a few KB that stay in L1), so that
 * tiles know no edges and the (s,c) of one filter row are one contiguous run.
 * Shapes: x (N,H,W,ldx), w (R,S,C,ldw), y (N,P,Q,ldy). */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/tile.h"

void RB_KERNEL(embed)(const float *x, int H, int W, int C, int ldx, float *to, int Wp, int top, int left, int spread) {
    for (int h = 0; h < H; h++) {
        float *row = to + ((int64_t)(top + h * spread) * Wp + left) * C;
        const float *from = x + (int64_t)h * W * ldx;
        if (spread == 1 && ldx == C) {
            memcpy(row, from, sizeof(float) * (size_t)(W * C));
            continue;
        }
        if (spread == 1 && ldx % RB_LANES == 0) { /* whole vectors: what a pad lane overwrites is zero or comes later */
            for (int w = 0; w < W; w++)
                for (int c = 0; c < C; c += RB_LANES) rb_store_v(row + w * C + c, rb_load(from + w * ldx + c));
            continue;
        }
        for (int w = 0; w < W; w++)
            for (int c = 0; c < C; c++) row[(int64_t)w * spread * C + c] = from[(int64_t)w * ldx + c];
    }
}

/* One image: c (P,Q,columns) from the bordered image in form->a, rows of Wp pixels of C values, R filter rows. */
void RB_KERNEL(conv_image)(const struct rb__tile *form, int P, int Q, int columns, int Wp, int C, int stride) {
    int tiles = rb_tile_count(Q);
    for (int j = 0, nv; j < columns; j += nv * RB_LANES) {
        nv = rb_tile_vectors(j, columns);
        for (int p = 0; p < P; p++)
            for (int i = 0; i < tiles; i++) {
                int q = rb_tile_start(Q, tiles, i), m = rb_tile_start(Q, tiles, i + 1) - q;
                rb__tile t = *form;
                t.a += ((int64_t)p * stride * Wp + q * stride) * C, t.b += j, t.init = t.init ? t.init + j : NULL;
                t.c += ((int64_t)p * Q + q) * t.ldc + j;
                RB_KERNEL(tile_rows)[m - 1][nv - 1](&t);
            }
    }
}

void RB_KERNEL(conv)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    int Hp = g->H + 2 * g->pad, Wp = g->W + 2 * g->pad;
    bool direct = g->pad == 0 && g->ldx == g->C;
    float *scratch = (float *)(void *)c->scratch;
    if (!direct) memset(scratch, 0, sizeof(float) * (size_t)Hp * (size_t)Wp * (size_t)g->C);
    for (int n = 0; n < c->rows; n++) {
        const float *x = (const float *)c->in[0] + (int64_t)n * g->H * g->W * g->ldx;
        float *y = (float *)c->out[0] + (int64_t)n * g->P * g->Q * g->ldy;
        if (!direct) RB_KERNEL(embed)(x, g->H, g->W, g->C, g->ldx, scratch, Wp, g->pad, g->pad, 1);
        rb__tile t = {.a = direct ? x : scratch, .b = c->in[1], .lda = (ptrdiff_t)g->stride * g->C, .ldb = g->ldw};
        t.runs = g->R, t.run = g->R * g->C, t.pitch = (ptrdiff_t)Wp * g->C;
        t.init = c->in[2], t.c = y, t.ldc = g->ldy, t.relu = op->act == RB_ACT_RELU;
        RB_KERNEL(conv_image)(&t, g->P, g->Q, g->ldw, Wp, g->C, g->stride);
        if (op->act != RB_ACT_NONE && op->act != RB_ACT_RELU)
            RB_KERNEL(activate_rows)(op, y, y, (int64_t)g->P * g->Q, g->K, g->ldy);
    }
}
