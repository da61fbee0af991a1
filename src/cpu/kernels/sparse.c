/* sparse.c: gradients of a convolution behind a max-pooling whose windows do not overlap.
 *
 * Of the gradients of a window all but one are zero. Their places are known: for every pooled position and filter k the
 * value v = act'(pooled) * dpooled and the offset of its pixel in the bordered image. For 2x2 windows that is a quarter
 * of the multiplications of the plain form, and the zeros are neither written nor read. Lanes are channels c.
 * dw: for one k after the other, sum[r,s][c] += v * x[offset + (r,s), c], the sums of a whole image in registers.
 * dx: dx[offset + (r,s), c] += v * w[r,s][c][k] in a bordered image, for one position and k after the other.
 * (An infinite x or w times a zero gradient would be a NaN; here it shows where the gradient is not zero, and in the
 * loss.) Partial of a group: [k][r,s][c], then db; sum_sparse adds the groups in order and turns it.
 * Shapes: x, dx (N,H,W,C), dpooled, index, pooled (N,I,J,ldy). in: x - dpooled index pooled | - w saved dpooled index
 * pooled. */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/kernels.h"

/* Values and offsets of one image, and db. */
static void locate(const rb__item *it, const float *dpooled, const uint8_t *index, const float *pooled, float *values,
                   int32_t *offsets, float *db) {
    const rb__geometry *g = &it->g;
    const rb_op *op = &it->activation;
    int pitch = (g->W + 2 * g->pad) * g->C, window = it->window * it->window;
    int32_t shift[225]; /* of a place in the window */
    for (int w = 0; w < window; w++) shift[w] = w / it->window * pitch + w % it->window * g->C;
    for (int j = 0; j < g->ldy; j += RB_LANES) {
        rb_vf total = {0};
        int64_t at = j;
        for (int p = 0; p < it->pooled_h; p++)
            for (int q = 0; q < it->pooled_w; q++, at += g->ldy) {
                rb_vf v = rb_derive(op->act, op->slope, rb_load(dpooled + at), rb_load(pooled + at));
                rb_vi where = rb_widen(index + at), offset = {0};
                for (int w = 1; w < window; w++) offset |= (where == w) & shift[w];
                rb_store_v(values + at, v);
                *(rb_vi_any *)(offsets + at) = offset + (p * pitch + q * g->C) * it->pool_stride;
                total += v;
            }
        if (db) rb_store_v(db + j, rb_load(db + j) + total);
    }
}

/* One filter, one vector of channels, ROWS x S taps (literals) of which the first is at x: sums of ldc per tap. */
RB_INLINE void gather_taps(int ROWS, int S, const float *x, int pitch, int C, const float *values,
                           const int32_t *offsets, int positions, int ldy, float *sums) {
    rb_vf sum[3][5];
    RB_UNROLL
    for (int r = 0; r < ROWS; r++) {
        RB_UNROLL
        for (int s = 0; s < S; s++) sum[r][s] = rb_load(sums + (int64_t)(r * S + s) * C);
    }
    for (int i = 0; i < positions; i++, values += ldy, offsets += ldy) {
        const float *at = x + *offsets;
        float v = *values;
        RB_UNROLL
        for (int r = 0; r < ROWS; r++, at += pitch) {
            RB_UNROLL
            for (int s = 0; s < S; s++) sum[r][s] += rb_load(at + s * (ptrdiff_t)C) * v;
        }
    }
    RB_UNROLL
    for (int r = 0; r < ROWS; r++) {
        RB_UNROLL
        for (int s = 0; s < S; s++) rb_store_v(sums + (int64_t)(r * S + s) * C, sum[r][s]);
    }
}

/* All taps of filter k, channels from j on. */
static void filter(const rb__geometry *g, int k, int j, const float *image, const float *values, const int32_t *offsets,
                   int positions, float *sums) {
    int pitch = (g->W + 2 * g->pad) * g->C, C = g->C;
    values += k, offsets += k, sums += (int64_t)k * g->R * g->R * C + j;
    if (g->R == 3 && C == 16) { /* literal distances: no address arithmetic in the loop */
        gather_taps(3, 3, image + j, pitch, 16, values, offsets, positions, g->ldy, sums);
        return;
    }
    if (g->R == 3) {
        gather_taps(3, 3, image + j, pitch, C, values, offsets, positions, g->ldy, sums);
        return;
    }
    for (int r = 0; r < g->R; r++) {
        const float *x = image + (int64_t)r * pitch + j;
        if (g->R == 5)
            gather_taps(1, 5, x, pitch, C, values, offsets, positions, g->ldy, sums + (int64_t)r * 5 * C);
        else
            for (int s = 0; s < g->R; s++)
                gather_taps(1, 1, x + s * C, pitch, C, values, offsets, positions, g->ldy,
                            sums + (int64_t)(r * g->R + s) * C);
    }
}

void RB_KERNEL(conv_dw_sparse)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int Wp = g->W + 2 * g->pad, window = g->R * g->R, positions = it->pooled_h * it->pooled_w;
    int64_t size = (int64_t)positions * g->ldy;
    float *image = (float *)(void *)c->scratch, *values = image + rb_sparse_image(g);
    int32_t *offsets = (int32_t *)(void *)(values + size);
    float *db = c->partial + (int64_t)g->K * window * g->C;
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    memset(image, 0, sizeof(float) * rb_sparse_image(g));
    for (int n = 0; n < c->rows; n++) {
        RB_KERNEL(embed)
        ((const float *)c->in[0] + (int64_t)n * g->H * g->W * g->ldx, g->H, g->W, g->C, g->ldx, image, Wp, g->pad,
         g->pad, 1);
        locate(it, (const float *)c->in[2] + n * size, (const uint8_t *)c->in[3] + n * size,
               (const float *)c->in[4] + n * size, values, offsets, db);
        for (int k = 0; k < g->K; k++)
            for (int j = 0; j < g->C; j += RB_LANES) filter(g, k, j, image, values, offsets, positions, c->partial);
    }
}

/* WORK.packed (K,R,S,C). A unit is one (r,s). */
void RB_KERNEL(pack_sparse)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *w = (const float *)c->in[1] + (int64_t)unit * g->C * g->ldw;
    for (int k = 0; k < g->K; k++)
        for (int i = 0; i < g->C; i++)
            it->packed[((int64_t)k * g->R * g->R + unit) * g->C + i] = w[(int64_t)i * g->ldw + k];
}

/* image[offset + (r,s)] += value * w[r,s], one vector of channels, ROWS x S taps (literals), over all positions of one
 * filter: its weights stay in registers. */
RB_INLINE void scatter_taps(int ROWS, int S, float *image, ptrdiff_t pitch, ptrdiff_t C, const float *w,
                            const float *values, const int32_t *offsets, int positions, int ldy) {
    rb_vf weight[3][5];
    RB_UNROLL
    for (int r = 0; r < ROWS; r++) {
        RB_UNROLL
        for (int s = 0; s < S; s++) weight[r][s] = rb_load(w + (r * S + s) * C);
    }
    for (int i = 0; i < positions; i++, values += ldy, offsets += ldy) {
        float *at = image + *offsets, v = *values;
        RB_UNROLL
        for (int r = 0; r < ROWS; r++, at += pitch) {
            RB_UNROLL
            for (int s = 0; s < S; s++) rb_store_v(at + s * C, rb_load(at + s * C) + weight[r][s] * v);
        }
    }
}

/* All taps of filter k, channels from j on. */
static void scatter(const rb__geometry *g, int k, int j, float *image, const float *w, const float *values,
                    const int32_t *offsets, int positions) {
    int pitch = (g->W + 2 * g->pad) * g->C, C = g->C;
    values += k, offsets += k, w += (int64_t)k * g->R * g->R * C + j, image += j;
    if (g->R == 3 && C == 16) { /* literal distances: no address arithmetic in the loop */
        scatter_taps(3, 3, image, pitch, 16, w, values, offsets, positions, g->ldy);
        return;
    }
    for (int r = 0; r < g->R; r++, image += pitch, w += g->R * C)
        if (g->R == 3)
            scatter_taps(1, 3, image, pitch, C, w, values, offsets, positions, g->ldy);
        else if (g->R == 5)
            scatter_taps(1, 5, image, pitch, C, w, values, offsets, positions, g->ldy);
        else
            for (int s = 0; s < g->R; s++)
                scatter_taps(1, 1, image + s * C, pitch, C, w + s * C, values, offsets, positions, g->ldy);
}

void RB_KERNEL(conv_dx_sparse)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int Wp = g->W + 2 * g->pad, positions = it->pooled_h * it->pooled_w;
    int64_t size = (int64_t)positions * g->ldy, whole = (int64_t)g->H * g->W * g->C;
    float *image = (float *)(void *)c->scratch, *values = image + rb_sparse_image(g);
    int32_t *offsets = (int32_t *)(void *)(values + size);
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    for (int n = 0; n < c->rows; n++) {
        float *dx = (float *)c->out[0] + n * whole;
        memset(image, 0, sizeof(float) * rb_sparse_image(g));
        locate(it, (const float *)c->in[3] + n * size, (const uint8_t *)c->in[4] + n * size,
               (const float *)c->in[5] + n * size, values, offsets, NULL);
        for (int k = 0; k < g->K; k++)
            for (int j = 0; j < g->C; j += RB_LANES) scatter(g, k, j, image, it->packed, values, offsets, positions);
        for (int h = 0; h < g->H; h++) {
            const float *from = image + ((int64_t)(h + g->pad) * Wp + g->pad) * g->C;
            float *to = dx + (int64_t)h * g->W * g->C;
            for (int i = 0; i < g->W * g->C; i += RB_LANES)
                rb_store_v(to + i, add ? rb_load(to + i) + rb_load(from + i) : rb_load(from + i));
        }
        if (it->op->act != RB_ACT_NONE)
            RB_KERNEL(derive_rows)(it->op, dx, (const float *)c->in[2] + n * whole, dx, whole);
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
