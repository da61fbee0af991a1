/* dropout.c: inverted dropout and its gradient: what comes in times a mask that is drawn again each time.
 *
 * y = factor x, factor = 0 or 1/(1-p) by Philox4x32-10 as in portable.h: element e of a sample, in canonical order,
 * takes word e % 4 of counter (row of the data set, e / 4, step, stream). A vector holds the counters of neighbouring
 * e / 4 in its 64-bit lanes, low halves: one multiplication gives both halves of a product.
 * Shapes: x (N,H,W,ldx), y (N,H,W,ldy), pad lanes zero. */
#include "cpu/kernels/dropout.h"

#include "cpu/kernels/kernels.h"
#include "regbench/portable.h"

enum { WIDE = RB_LANES / 2 }; /* counters at a time */
typedef uint64_t rb_vw __attribute__((vector_size(4 * RB_LANES)));
typedef uint64_t rb_vw_any __attribute__((vector_size(4 * RB_LANES), aligned(4), may_alias));

/* Product of the low halves with a constant. */
RB_INLINE rb_vw multiply(rb_vw a, uint32_t constant) {
#if defined(__AVX512F__)
    return (rb_vw)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(constant));
#elif defined(__AVX2__)
    return (rb_vw)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(constant));
#else
    return (a & 0xFFFFFFFFu) * (uint64_t)constant;
#endif
}

/* Factors of 4 * WIDE elements from counter `first` on. */
RB_INLINE void draw(uint32_t row, uint32_t first, uint32_t step, uint32_t stream, const uint32_t seed[2], float p,
                    float *to) {
    rb_vw c0 = (rb_vw){0} + row, c1, c2 = (rb_vw){0} + step, c3 = (rb_vw){0} + stream;
    uint32_t k0 = seed[0], k1 = seed[1];
    RB_UNROLL
    for (int i = 0; i < WIDE; i++) c1[i] = first + (uint32_t)i;
    for (int round = 0; round < 10; round++) { /* upper halves hold rubbish that nothing reads */
        rb_vw a = multiply(c0, 0xD2511F53u), b = multiply(c2, 0xCD9E8D57u);
        c0 = (b >> 32) ^ c1 ^ k0;
        c1 = b;
        c2 = (a >> 32) ^ c3 ^ k1;
        c3 = a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    rb_vw low = (c0 & 0xFFFFFFFFu) | c1 << 32, high = (c2 & 0xFFFFFFFFu) | c3 << 32;
    uint64_t words[2 * WIDE]; /* as they follow each other in memory of little-endian machines */
    RB_UNROLL
    for (int i = 0; i < WIDE; i++) words[2 * i] = low[i], words[2 * i + 1] = high[i];
    for (int i = 0; i < 2; i++) {
        rb_vi word;
        memcpy(&word, (const char *)words + i * (int)sizeof word, sizeof word);
        rb_vf unit = rb_to_float((word >> 8) & 0xFFFFFF) * (1.0f / 16777216.0f);
        rb_store_v(to + i * RB_LANES, rb_select(unit < p, (rb_vf){0}, rb_splat(1.0f / (1.0f - p))));
    }
}

void RB_KERNEL(dropout)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const int32_t *order = c->in[1];
    int64_t area = (int64_t)g->H * g->W;
    uint32_t step = (uint32_t)c->step->cursor->step + (uint32_t)c->step->slot;
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    float *factor = (float *)(void *)c->scratch;
    for (int k = 0; k < c->rows; k++) {
        const float *x = (const float *)c->in[0] + k * area * g->ldx;
        float *y = (float *)c->out[0] + k * area * g->ldy;
        uint32_t row = (uint32_t)order[rb_position(it, c->step, c->row + k)];
        for (int e = 0; e < g->D; e += 4 * WIDE)
            draw(row, (uint32_t)e / 4, step, it->op->u.dropout.stream, c->step->seed, it->op->u.dropout.p, factor + e);
        for (int64_t i = 0; i < area; i++, x += g->ldx, y += g->ldy) {
            for (int j = 0; j < g->C; j++) y[j] = (add ? y[j] : 0.0f) + factor[j * area + i] * x[j];
            for (int j = g->C; j < g->ldy && !add; j++) y[j] = 0.0f;
        }
    }
}
