/* sparse.c: gradient of a convolution's filters behind a max-pooling whose windows do not overlap.
 *
 * Of the R*R gradients of a window all but one are zero. Their places are known: for every pooled position and filter k
 * the value v = act'(pooled) * dpooled and the offset of its pixel in the bordered image. For one k after the other
 * sum[r,s][c] += v * x[offset + (r,s), c] with the sums of a whole image in registers, lanes are channels: a quarter of
 * the multiplications of the plain form for 2x2 windows, and the zeros are neither written nor read. Products with a
 * zero gradient are left out, so that an infinite x does not make a NaN of them here. Partial of a group: [k][r,s][c],
 * then db; sum_sparse adds the groups in order and turns it. Shapes: x (N,H,W,ldx), dpooled, index, pooled (N,I,J,ldy).
 * in: x - dpooled index pooled. */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/kernels.h"

enum { TAPS = 9 }; /* per pass over the image: sums that fit the registers of every instruction set with 16 or more */

/* Values and offsets of one image, and db. */
static void locate(const rb__item *it, const float *dpooled, const uint8_t *index, const float *pooled, float *values,
                   int32_t *offsets, float *db) {
    const rb__geometry *g = &it->g;
    const rb_op *op = &it->activation;
    int Wp = g->W + 2 * g->pad, J = it->pooled_w, positions = it->pooled_h * J;
    for (int j = 0; j < g->ldy; j += RB_LANES) {
        rb_vf total = rb_load(db + j);
        for (int i = 0; i < positions; i++) {
            int64_t at = (int64_t)i * g->ldy + j;
            rb_vf v = rb_derive(op->act, op->slope, rb_load(dpooled + at), rb_load(pooled + at));
            rb_vi where = rb_widen(index + at), offset = {0};
            int corner = (i / J * Wp + i % J) * it->pool_stride * g->C;
            for (int r = 0; r < it->window; r++)
                for (int s = 0; s < it->window; s++)
                    offset |= (where == r * it->window + s) & (corner + (r * Wp + s) * g->C);
            rb_store_v(values + at, v);
            *(rb_vi_any *)(offsets + at) = offset;
            total += v;
        }
        rb_store_v(db + j, total);
    }
}

/* One filter, one vector of channels, taps [first, first + n): n is a literal. */
RB_INLINE void gather_taps(int n, const float *const x, const int *taps, const float *values, const int32_t *offsets,
                           int positions, int ldy, float *sums, int ldc) {
    rb_vf sum[TAPS];
    RB_UNROLL
    for (int t = 0; t < n; t++) sum[t] = rb_load(sums + (int64_t)t * ldc);
    for (int i = 0; i < positions; i++, values += ldy, offsets += ldy) {
        const float *at = x + *offsets;
        float v = *values;
        RB_UNROLL
        for (int t = 0; t < n; t++) sum[t] += rb_load(at + taps[t]) * v;
    }
    RB_UNROLL
    for (int t = 0; t < n; t++) rb_store_v(sums + (int64_t)t * ldc, sum[t]);
}

void RB_KERNEL(conv_dw_sparse)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int Wp = g->W + 2 * g->pad, window = g->R * g->R, positions = it->pooled_h * it->pooled_w, taps[225];
    int64_t size = (int64_t)positions * g->ldy;
    float *image = (float *)(void *)c->scratch, *values = image + rb_sparse_image(g);
    int32_t *offsets = (int32_t *)(void *)(values + size);
    float *db = c->partial + (int64_t)g->K * window * g->C;
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    memset(image, 0, sizeof(float) * rb_sparse_image(g));
    for (int t = 0; t < window; t++) taps[t] = (t / g->R * Wp + t % g->R) * g->C;
    for (int n = 0; n < c->rows; n++) {
        RB_KERNEL(embed)
        ((const float *)c->in[0] + (int64_t)n * g->H * g->W * g->ldx, g->H, g->W, g->C, g->ldx, image, Wp, g->pad,
         g->pad, 1);
        locate(it, (const float *)c->in[2] + n * size, (const uint8_t *)c->in[3] + n * size,
               (const float *)c->in[4] + n * size, values, offsets, db);
        for (int k = 0; k < g->K; k++)
            for (int j = 0; j < g->C; j += RB_LANES)
                for (int t = 0, m; t < window; t += m) {
                    float *sums = c->partial + ((int64_t)k * window + t) * g->C + j;
                    m = window - t >= TAPS ? TAPS : window - t >= 4 ? 4 : 1;
                    if (m == TAPS)
                        gather_taps(TAPS, image + j, taps + t, values + k, offsets + k, positions, g->ldy, sums, g->C);
                    else if (m == 4)
                        gather_taps(4, image + j, taps + t, values + k, offsets + k, positions, g->ldy, sums, g->C);
                    else
                        gather_taps(1, image + j, taps + t, values + k, offsets + k, positions, g->ldy, sums, g->C);
                }
    }
}

/* A unit is a tap, the last one the bias: dw[t][c][k] = sum over groups of partial[k][t][c]. */
void RB_KERNEL(sum_sparse)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int window = g->R * g->R;
    bool bias = unit == window;
    float *to = bias ? c->out[1] : (float *)c->out[0] + (int64_t)unit * g->C * g->ldw;
    for (int i = 0; to && i < (bias ? 1 : g->C); i++)
        for (int k = 0; k < g->ldw; k++) {
            const float *from = bias ? it->partials + (int64_t)g->K * window * g->C + k
                                     : it->partials + ((int64_t)k * window + unit) * g->C + i;
            float sum = 0.0f;
            for (int group = 0; k < g->K && group < it->groups; group++) sum += from[(size_t)group * it->partial_count];
            to[(int64_t)i * g->ldw + k] = sum;
        }
}
