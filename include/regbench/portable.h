/* portable.h: scalar maths that C11, OpenCL C 1.2 and CUDA share: same epsilon, same dropout bits, same augmented
 * images on every device.
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
#define RB_STREAM_LABELS  0x10000u /* which labels are random, and what they become */
#define RB_STREAM_AUGMENT 0x10001u /* how an image looks in an epoch */
#define RB_STREAM_STUDY   0x10010u /* where a study's trials go */

/* A word as a float in [0,1): its top 24 bits. */
RB_FN float rb_unit(rb_u32 word) { return (float)(word >> 8) * (1.0f / 16777216.0f); }

/* What dropout multiplies an element by, from the element's word: 0 with probability p, else 1/(1-p). */
RB_FN float rb_dropout_factor(rb_u32 word, float p) { return rb_unit(word) < p ? 0.0f : 1.0f / (1.0f - p); }

/* --- augmentation: an image of one epoch, as a crop of it, rotated, then flipped ---------------------------------- */

#define RB_TURN     16777216 /* angles are in these parts of a turn */
#define RB_VIEW_ONE 1048576  /* sines and cosines in these parts of 1 */
#define RB_VIEW_MAX 512      /* sides of images up to which nothing here overflows */

/* How one image is seen. All in whole numbers: a device's own sine, or an expression that it contracts, would find
 * another pixel now and then. */
typedef struct rb_view {
    int hflip, vflip; /* mirrored: 0 or 1 */
    int down, right;  /* the window stands so many pixels off the image's corner */
    int cosine, sine; /* of the rotation, counter-clockwise about the centre, in RB_VIEW_ONE */
} rb_view;

/* The same view rotated by `angle`, at most half a turn either way: Taylor's series within an eighth of a turn, on
 * fractions of 2^32. */
RB_FN rb_view rb_view_rotated(rb_view v, int angle) {
    const int quarter = (angle + RB_TURN / 2 + RB_TURN / 8) / (RB_TURN / 4) - 2, rest = angle - quarter * (RB_TURN / 4);
    const rb_u32 part = (rb_u32)(rest < 0 ? -rest : rest), x = RB_MULHI(part << 10, 3373259426u) << 1; /* pi/4 2^32 */
    const rb_u32 x2 = RB_MULHI(x, x); /* below: 2^32 / n! */
    const rb_u32 odd = 715827883u - RB_MULHI(x2, 35791394u - RB_MULHI(x2, 852176u - RB_MULHI(x2, 11836u)));
    const rb_u32 even = 2147483648u - RB_MULHI(x2, 178956971u - RB_MULHI(x2, 5965232u - RB_MULHI(x2, 106522u)));
    const int magnitude = (int)((x - RB_MULHI(x, RB_MULHI(x2, odd)) + 2048u) >> 12);
    const int s = rest < 0 ? -magnitude : magnitude, c = RB_VIEW_ONE - (int)((RB_MULHI(x2, even) + 2048u) >> 12);
    v.cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == -1 ? s : -c;
    v.sine = quarter == 0 ? s : quarter == 1 ? c : quarter == -1 ? -c : -s;
    return v;
}

/* The view of row `row` of the data set in this epoch, from 0: mirrored with probabilities hflip and vflip, the window
 * up to `pad` pixels off in either direction, the angle up to `turn` either way. Counters (row, 0 and 1, epoch, stream)
 * and the run's seed: whatever the batch, the order, the device. */
RB_FN rb_view rb_view_drawn(rb_u32 row, rb_u32 epoch, rb_u32 k0, rb_u32 k1, float hflip, float vflip, int pad,
                            int turn) {
    const rb_philox4 draw = rb_philox(row, 0u, epoch, RB_STREAM_AUGMENT, k0, k1);
    rb_view v;
    v.hflip = rb_unit(draw.v[0]) < hflip;
    v.vflip = rb_unit(draw.v[1]) < vflip;
    v.down = (int)RB_MULHI(draw.v[2], 2u * (rb_u32)pad + 1u) - pad;
    v.right = (int)RB_MULHI(draw.v[3], 2u * (rb_u32)pad + 1u) - pad;
    v.cosine = RB_VIEW_ONE;
    v.sine = 0;
    if (turn) {
        const rb_philox4 more = rb_philox(row, 1u, epoch, RB_STREAM_AUGMENT, k0, k1);
        v = rb_view_rotated(v, (int)RB_MULHI(more.v[0], 2u * (rb_u32)turn + 1u) - turn);
    }
    return v;
}

/* Nothing is changed. */
RB_FN int rb_view_is_plain(rb_view v) {
    return !v.hflip && !v.vflip && !v.down && !v.right && !v.sine && v.cosine == RB_VIEW_ONE;
}

/* The pixel of an image of H x W, as y W + x, that the view shows at (y, x); -1: none, it is black there. The nearest
 * one; halfway between two: the lower or right one. */
RB_FN int rb_view_source(rb_view v, int y, int x, int H, int W) {
    const int a = v.hflip ? W - 1 - 2 * x : 2 * x - (W - 1), b = v.vflip ? H - 1 - 2 * y : 2 * y - (H - 1);
    /* from the centre; then from the edge, in half pixels; what lies before the edge becomes large */
    const rb_u32 i = (rb_u32)(a * v.sine + b * v.cosine + H * RB_VIEW_ONE) / (2u * RB_VIEW_ONE);
    const rb_u32 j = (rb_u32)(a * v.cosine - b * v.sine + W * RB_VIEW_ONE) / (2u * RB_VIEW_ONE);
    const rb_u32 p = i + (rb_u32)v.down, q = j + (rb_u32)v.right;
    const int inside = i < (rb_u32)H && j < (rb_u32)W && p < (rb_u32)H && q < (rb_u32)W;
    return inside ? (int)p * W + (int)q : -1;
}

#endif
