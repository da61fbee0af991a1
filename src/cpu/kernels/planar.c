/* planar.c: the first convolution on images of one channel with few filters, its activation and average pooling, as one
 * op whose lanes are pixels instead of channels: six filters would use 6 of 16 lanes, and the sigmoid even more in
 * vain.
 *
 * y[p][k][q] = act(b[k] + sum over r,s of w[r,s,k] x[p+r-pad, q+s-pad]) stays with the thread, in rows of Q padded to
 * 16; pooled[i,j,k] = mean of a window of y. Gradient: dy[p][k][q] = act'(y) * pooled gradient / window, then for every
 * tap (r,s) and filter k a vector of partial sums over the lanes of x[p+r-pad, q+s-pad] dy[p][k][q]; sum_planar adds
 * the lanes and the groups, in order. Shapes: x (N,H,W), w (R,S,1,ldw), pooled (N,P/window,Q/window,ldp). in: x w b | x
 * dpooled y; out: y pooled | dw db. */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/tile.h"

/* Bordered image in scratch; behind it room for a vector that reads over the end. */
static float *border(const rb__geometry *g, const rb__call *c, bool clear) {
    if (clear) memset(c->scratch, 0, sizeof(float) * rb_planar_image(g));
    return (float *)(void *)c->scratch;
}

/* Sums of `window` neighbours of each filter's row, channels innermost. */
RB_INLINE void fold(int window, int J, int K, const float *sums, int ld, float *to, int ldy) {
    for (int k = 0; k < K; k++) {
        const float *from = sums + k * ld;
        float *at = to + k;
        for (int j = 0; j < J; j++, at += ldy, from += window) {
            float sum = from[0];
            for (int s = 1; s < window; s++) sum += from[s];
            *at = sum;
        }
    }
}
/* The other way: every value of the pooled gradient, times share, `window` times in its filter's row. */
RB_INLINE void unfold(int window, int J, int K, const float *from, int ldy, float share, float *wide, int ld) {
    for (int k = 0; k < K; k++) {
        const float *at = from + k;
        float *to = wide + k * ld;
        for (int j = 0; j < J; j++, at += ldy, to += window)
            for (int s = 0; s < window; s++) to[s] = *at * share;
    }
}

void RB_KERNEL(conv_planar)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    int Wp = g->W + 2 * g->pad, ld = rb_round16(g->Q), window = it->window, I = g->P / window, J = g->Q / window;
    float *image = border(g, c, true), *sums = image + rb_planar_image(g), share = 1.0f / (float)(window * window);
    const float *bias = c->in[2];
    for (int n = 0; n < c->rows; n++) {
        RB_KERNEL(embed)
        ((const float *)c->in[0] + (int64_t)n * g->H * g->W, g->H, g->W, 1, 1, image, Wp, g->pad, g->pad, 1);
        float *y = (float *)c->out[0] + (int64_t)n * rb_planar_row(g);
        float *pooled = (float *)c->out[1] + (int64_t)n * I * J * g->ldy;
        memset(pooled, 0, sizeof(float) * (size_t)(I * J * g->ldy));
        for (int p = 0; p < g->P; p++) {
            float *row = y + (int64_t)p * g->K * ld;
            for (int k = 0; k < g->K; k++)
                for (int j = 0; j < ld; j += RB_LANES) rb_store_v(row + k * ld + j, rb_splat(bias ? bias[k] : 0.0f));
            for (int j = 0, nv; j < ld; j += nv * RB_LANES) {
                nv = rb_tile_vectors(j, ld);
                rb__tile t = {.a = c->in[1], .lda = g->ldw, .pitch = (ptrdiff_t)g->R * g->ldw, .accumulate = true};
                t.b = image + (int64_t)p * Wp + j, t.ldb = 1, t.b_pitch = Wp - g->R, t.runs = g->R, t.run = g->R;
                t.c = row + j, t.ldc = ld;
                RB_KERNEL(tile_run)[g->K - 1][nv - 1](&t);
            }
            RB_KERNEL(activate_rows)(op, row, row, g->K, ld, ld);
            if (p % window != window - 1) continue;
            const float *top = row - (int64_t)(window - 1) * g->K * ld;
            for (int i = 0; i < g->K * ld; i += RB_LANES) {
                rb_vf sum = rb_load(top + i);
                for (int r = 1; r < window; r++) sum += rb_load(top + (int64_t)r * g->K * ld + i);
                rb_store_v(sums + i, sum * share);
            }
            float *to = pooled + (int64_t)(p / window) * J * g->ldy;
            if (window == 2)
                fold(2, J, g->K, sums, ld, to, g->ldy);
            else
                fold(window, J, g->K, sums, ld, to, g->ldy);
        }
    }
}

/* sum[k][s] += x row p, shifted by s, times dy row p of filter k, over all rows: S and K are literals. */
RB_INLINE void taps(int S, int K, const rb__geometry *g, const float *x, const float *dy, float *sums) {
    int Wp = g->W + 2 * g->pad, ld = rb_round16(g->Q);
    rb_vf sum[3][5], d[3];
    RB_UNROLL
    for (int k = 0; k < K; k++) {
        RB_UNROLL
        for (int s = 0; s < S; s++) sum[k][s] = rb_load(sums + (s * g->K + k) * RB_LANES);
    }
    for (int p = 0; p < g->P; p++)
        for (int j = 0; j < ld; j += RB_LANES) {
            RB_UNROLL
            for (int k = 0; k < K; k++) d[k] = rb_load(dy + ((int64_t)p * g->K + k) * ld + j);
            RB_UNROLL
            for (int s = 0; s < S; s++) {
                rb_vf v = rb_load(x + (int64_t)p * Wp + j + s);
                RB_KEEP(v);
                RB_UNROLL
                for (int k = 0; k < K; k++) sum[k][s] += d[k] * v;
            }
        }
    RB_UNROLL
    for (int k = 0; k < K; k++) {
        RB_UNROLL
        for (int s = 0; s < S; s++) rb_store_v(sums + (s * g->K + k) * RB_LANES, sum[k][s]);
    }
}

/* dy (P,K,ld) of one image from the pooled gradient; db: lanes of sums per filter. */
static void widen(const rb__item *it, const float *pooled, const float *y, float *wide, float *dy, float *db) {
    const rb__geometry *g = &it->g;
    const rb_op *op = &it->activation;
    int ld = rb_round16(g->Q), window = it->window, I = g->P / window, J = g->Q / window;
    float share = 1.0f / (float)(window * window);
    memset(dy, 0, sizeof(float) * rb_planar_row(g));
    memset(wide, 0, sizeof(float) * (size_t)(g->K * ld));
    for (int i = 0; i < I; i++) {
        const float *from = pooled + (int64_t)i * J * g->ldy;
        if (window == 2)
            unfold(2, J, g->K, from, g->ldy, share, wide, ld);
        else
            unfold(window, J, g->K, from, g->ldy, share, wide, ld);
        for (int r = 0; r < window; r++) {
            int64_t row = (int64_t)(i * window + r) * g->K * ld;
            RB_KERNEL(derive_rows)(op, wide, y + row, dy + row, (int64_t)g->K * ld);
            for (int k = 0; k < g->K; k++) {
                rb_vf sum = rb_load(db + k * RB_LANES);
                for (int j = 0; j < ld; j += RB_LANES) sum += rb_load(dy + row + k * ld + j);
                rb_store_v(db + k * RB_LANES, sum);
            }
        }
    }
}

void RB_KERNEL(conv_dw_planar)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int Wp = g->W + 2 * g->pad, I = g->P / it->window, J = g->Q / it->window, line = g->R * g->K * RB_LANES;
    float *image = border(g, c, true), *wide = image + rb_planar_image(g), *dy = wide + g->K * rb_round16(g->Q);
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    for (int n = 0; n < c->rows; n++) {
        RB_KERNEL(embed)
        ((const float *)c->in[0] + (int64_t)n * g->H * g->W, g->H, g->W, 1, 1, image, Wp, g->pad, g->pad, 1);
        widen(it, (const float *)c->in[2] + (int64_t)n * I * J * g->ldy,
              (const float *)c->in[3] + (int64_t)n * rb_planar_row(g), wide, dy, c->partial + (int64_t)g->R * line);
        for (int r = 0; r < g->R; r++)
            for (int k = 0, m; k < g->K; k += m) {
                const float *x = image + (int64_t)r * Wp, *from = dy + (int64_t)k * rb_round16(g->Q);
                float *sums = c->partial + (int64_t)r * line + (int64_t)k * RB_LANES;
                m = g->K - k >= 3 ? 3 : 1;
                if (g->R == 5 && m == 3)
                    taps(5, 3, g, x, from, sums);
                else if (g->R == 5)
                    taps(5, 1, g, x, from, sums);
                else if (m == 3)
                    taps(3, 3, g, x, from, sums);
                else
                    taps(3, 1, g, x, from, sums);
            }
    }
}

/* One unit: lanes and groups added up. */
void RB_KERNEL(sum_planar)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    (void)unit;
    for (int t = 0; t <= g->R * g->R; t++) { /* the last one is the bias */
        float *to = t < g->R * g->R ? (float *)c->out[0] + (int64_t)t * g->ldw : c->out[1];
        for (int k = 0; to && k < g->ldw; k++) {
            float sum = 0.0f;
            for (int group = 0; k < g->K && group < it->groups; group++) {
                const float *lanes = it->partials + (size_t)group * it->partial_count + (t * g->K + k) * RB_LANES;
                for (int i = 0; i < RB_LANES; i++) sum += lanes[i];
            }
            to[k] = sum;
        }
    }
}
