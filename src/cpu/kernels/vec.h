/* vec.h: the vector type of one instruction set, and the few functions on it that all kernels share.
 *
 * Every file of this folder is compiled once per instruction set (RB_ISA is baseline, avx2 or avx512; the compiler's
 * flags decide RB_LANES) and gives its functions that suffix. Vectors are GCC/Clang extensions; intrinsics only where
 * those were measured to fail. */
#ifndef RB_CPU_KERNELS_VEC_H
#define RB_CPU_KERNELS_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "cpu/cpu.h"
#include "cpu/tuning.h"

#define RB_CAT_(a, b) a##_##b
#define RB_CAT(a, b)  RB_CAT_(a, b)
#define RB_KERNEL(x)  RB_CAT(rb__##x, RB_ISA)

/* Lanes of a vector, and the register tile that fits: RB_MR rows of two vectors, two vectors of b and one broadcast. */
#if defined(__AVX512F__)
enum { RB_LANES = 16, RB_MR = 14 };
#elif defined(__AVX__)
enum { RB_LANES = 8, RB_MR = 6 };
#elif defined(__aarch64__)
enum { RB_LANES = 4, RB_MR = 14 };
#else
enum { RB_LANES = 4, RB_MR = 6 };
#endif

#if defined(__clang__)
#define RB_UNROLL    _Pragma("unroll")
#define RB_NO_UNROLL _Pragma("nounroll")
#else
#define RB_UNROLL    _Pragma("GCC unroll 32")
#define RB_NO_UNROLL _Pragma("GCC unroll 1")
#endif
#define RB_INLINE static inline __attribute__((always_inline))

typedef float rb_vf __attribute__((vector_size(4 * RB_LANES)));
typedef double rb_vd __attribute__((vector_size(8 * RB_LANES)));
typedef double rb_vd_any __attribute__((vector_size(8 * RB_LANES), aligned(8), may_alias));
typedef int32_t rb_vi __attribute__((vector_size(4 * RB_LANES)));
typedef uint8_t rb_vb __attribute__((vector_size(RB_LANES)));
typedef float rb_vf_any __attribute__((vector_size(4 * RB_LANES), aligned(4), may_alias));
typedef int32_t rb_vi_any __attribute__((vector_size(4 * RB_LANES), aligned(4), may_alias));
typedef uint8_t rb_vb_any __attribute__((vector_size(RB_LANES), aligned(1), may_alias));

RB_INLINE rb_vf rb_load(const float *p) { return *(const rb_vf_any *)p; }
RB_INLINE void rb_store_v(float *p, rb_vf v) { *(rb_vf_any *)p = v; }
RB_INLINE rb_vf rb_splat(float x) { return (rb_vf){0} + x; }
/* Lanes of `a` where the mask is set, else of `b`. */
RB_INLINE rb_vf rb_select(rb_vi mask, rb_vf a, rb_vf b) { return (rb_vf)(((rb_vi)a & mask) | ((rb_vi)b & ~mask)); }
/* Lane numbers 0, 1, ... */
RB_INLINE rb_vi rb_iota(void) {
    rb_vi v;
    RB_UNROLL
    for (int i = 0; i < RB_LANES; i++) v[i] = i;
    return v;
}

/* Bytes as integers and back. By intrinsics on x86: GCC 12 takes the generic conversion apart, lane by lane (a gather
 * was 5 times slower). */
RB_INLINE rb_vi rb_widen(const uint8_t *p) {
#if defined(__AVX512F__)
    return (rb_vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
#elif defined(__AVX2__)
    return (rb_vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
#else
    return __builtin_convertvector(*(const rb_vb_any *)p, rb_vi);
#endif
}
RB_INLINE void rb_narrow(uint8_t *p, rb_vi v) {
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__AVX2__)
    __m128i half = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(half, half));
#else
    *(rb_vb_any *)p = __builtin_convertvector(v, rb_vb);
#endif
}
RB_INLINE rb_vf rb_to_float(rb_vi v) { return __builtin_convertvector(v, rb_vf); }

RB_INLINE rb_vf rb_sqrt(rb_vf x) {
#if defined(__AVX512F__)
    return (rb_vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (rb_vf)_mm256_sqrt_ps((__m256)x);
#else
    RB_UNROLL
    for (int i = 0; i < RB_LANES; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

/* At least -87 and at most 88; NaN stays. */
RB_INLINE rb_vf rb_clamp(rb_vf x) {
#if defined(__AVX512F__) /* these return their second operand where one is NaN */
    return (rb_vf)_mm512_min_ps(_mm512_set1_ps(88.0f), _mm512_max_ps(_mm512_set1_ps(-87.0f), (__m512)x));
#else
    x = rb_select(x < -87.0f, rb_splat(-87.0f), x);
    return rb_select(x > 88.0f, rb_splat(88.0f), x);
#endif
}
/* exp of x clamped as above, to about 2 units in the last place. x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) is a
 * Taylor polynomial; 2^n goes into the exponent. */
RB_INLINE rb_vf rb_exp(rb_vf x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    x = rb_clamp(x);
    rb_vf shifted = x * 1.44269504f + magic, n = shifted - magic;
    rb_vf r = x - n * 0.693359375f - n * -2.12194440e-4f;
    rb_vf p = rb_splat(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
#if defined(__AVX512F__)
    return (rb_vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    return p * (rb_vf)(((rb_vi)shifted - (0x4B400000 - 127)) << 23);
#endif
}
RB_INLINE rb_vf rb_sigmoid(rb_vf x) {
    rb_vf d = 1.0f + rb_exp(-x);
#if defined(__AVX512F__) /* a division takes as long as all the rest: an estimate and one step of Newton's instead */
    rb_vf inverse = (rb_vf)_mm512_rcp14_ps((__m512)d);
    return inverse + inverse * (1.0f - d * inverse);
#else
    return 1.0f / d;
#endif
}
/* The compiler must keep v in a register: it would rather load it again for every use, at the price of the load. */
#if defined(__x86_64__)
#define RB_KEEP(v) __asm__("" : "+v"(v))
#else
#define RB_KEEP(v) ((void)0)
#endif

/* act(x); relu(NaN) is NaN. */
RB_INLINE rb_vf rb_activate(rb_act act, float slope, rb_vf x) {
    switch (act) {
    case RB_ACT_SIGMOID:
        return rb_sigmoid(x);
    case RB_ACT_RELU:
        return (rb_vf)((rb_vi)x & ~(x <= 0.0f));
    case RB_ACT_LEAKY_RELU:
        return rb_select(x <= 0.0f, x * slope, x);
    case RB_ACT_NONE:
        break;
    }
    return x;
}
/* dy act'(y), from the saved output y. */
RB_INLINE rb_vf rb_derive(rb_act act, float slope, rb_vf dy, rb_vf y) {
    switch (act) {
    case RB_ACT_SIGMOID:
        return dy * (y * (1.0f - y));
    case RB_ACT_RELU: /* a product, so that a NaN gradient shows even where y = 0 */
        return dy * rb_select(y > 0.0f, rb_splat(1.0f), (rb_vf){0});
    case RB_ACT_LEAKY_RELU:
        return dy * rb_select(y > 0.0f, rb_splat(1.0f), rb_splat(slope));
    case RB_ACT_NONE:
        break;
    }
    return dy;
}

/* Row of the data set that row k of this step's batch stands for, -1 = none. */
RB_INLINE int64_t rb_position(const rb__item *it, const rb__step *s, int k) {
    return s->cursor->base + (int64_t)(s->slot % s->cursor->wrap) * rb_variant_batch(it->program, it->variant) + k;
}

#endif
