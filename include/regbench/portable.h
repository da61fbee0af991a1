/* portable.h: scalar maths that C11, OpenCL C 1.2 and CUDA share: same epsilon, same dropout bits on every device.
 *
 * Only what a device kernel needs; no libc call but exp. RB_FN marks functions (CUDA: __host__ __device__), RB_U32 the
 * 32-bit word. Philox4x32-10: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. */
#ifndef REGBENCH_PORTABLE_H
#define REGBENCH_PORTABLE_H

#if defined(__OPENCL_VERSION__)
#define RB_FN
typedef uint rb_u32;
#define RB_MULHI(a, b) mul_hi((a), (b))
#elif defined(__CUDACC__)
#define RB_FN          static __host__ __device__ inline
typedef unsigned int rb_u32;
#define RB_MULHI(a, b) ((rb_u32)(((unsigned long long)(a) * (b)) >> 32))
#else
#include <stdint.h>
#define RB_FN          static inline
typedef uint32_t rb_u32;
#define RB_MULHI(a, b) ((rb_u32)(((uint64_t)(a) * (b)) >> 32))
#endif

#define RB_BN_EPS      1e-5f
#define RB_BN_MOMENTUM 0.1f
#define RB_ADAM_BETA1  0.9f
#define RB_ADAM_BETA2  0.999f
#define RB_ADAM_EPS    1e-8f

typedef struct rb_philox4 {
    rb_u32 v[4];
} rb_philox4;

/* Ten rounds in place, on words or on vectors of words. */
#define RB_PHILOX_ROUNDS(word, c0, c1, c2, c3, k0, k1)                                                                 \
    for (int rb_round = 0; rb_round < 10; rb_round++) {                                                                \
        const word rb_h0 = RB_MULHI((word)(0xD2511F53u), c0), rb_l0 = (word)(0xD2511F53u) * c0;                        \
        const word rb_h1 = RB_MULHI((word)(0xCD9E8D57u), c2), rb_l1 = (word)(0xCD9E8D57u) * c2;                        \
        c0 = rb_h1 ^ c1 ^ k0;                                                                                          \
        c1 = rb_l1;                                                                                                    \
        c2 = rb_h0 ^ c3 ^ k1;                                                                                          \
        c3 = rb_l0;                                                                                                    \
        k0 += (word)(0x9E3779B9u);                                                                                     \
        k1 += (word)(0xBB67AE85u);                                                                                     \
    }

/* Ten rounds on counter (c0..c3) with key (k0,k1). For dropout and augmentation the counter is (global sample index,
 * element in canonical order / 4, step, op id) and the key is the run's seed, low word first; word element % 4 is used.
 */
RB_FN rb_philox4 rb_philox(rb_u32 c0, rb_u32 c1, rb_u32 c2, rb_u32 c3, rb_u32 k0, rb_u32 k1) {
    rb_philox4 x;
    RB_PHILOX_ROUNDS(rb_u32, c0, c1, c2, c3, k0, k1)
    x.v[0] = c0;
    x.v[1] = c1;
    x.v[2] = c2;
    x.v[3] = c3;
    return x;
}

/* Op ids that are no layer's number. */
#define RB_STREAM_LABELS 0x10000u /* which labels are random, and what they become */
#define RB_STREAM_STUDY  0x10010u /* where a study's trials go */

/* A word as a float in [0,1): its top 24 bits. */
RB_FN float rb_unit(rb_u32 word) { return (float)(word >> 8) * (1.0f / 16777216.0f); }

/* What dropout multiplies an element by, from the element's word: 0 with probability p, else 1/(1-p). */
RB_FN float rb_dropout_factor(rb_u32 word, float p) { return rb_unit(word) < p ? 0.0f : 1.0f / (1.0f - p); }

#endif
