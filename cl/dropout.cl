/* dropout.cl: y = x / (1-p) where the draw is at least p, else 0 x; the gradient is the same walk over dy.
 *
 * The draw of element e (canonical order within the sample) is word e % 4 of Philox at counter (row number of the
 * sample, e / 4, global step, STREAM), keyed by the run's seed: every lane draws its own element's, or (features, cpu
 * family) those of four neighbours. Flat over y as it lies, (N,H,W,LD) with C channels, HW pixels; x has LDX values a
 * pixel. Vectors, or (SCALAR) single elements. */
#if SCALAR || LANES == 1
#define T         float
#define U         uint
#define GET(p)    (*(p))
#define PUT(p, v) (*(p) = (v))
#define EACH(i)   for (int i = group * BLOCK + ITEM; i < min((group + 1) * BLOCK, (int)count); i += LOCAL)
#define LANE(c)   ((uint)(c))
#define COLUMN(c) min((c), LDX - 1)
#define FLOAT(u)  convert_float(u)
#else
#define T         vf
#define U         uint16
#define GET(p)    LOAD(p)
#define PUT(p, v) STORE(p, v)
#define EACH(i)   FOR_FLAT(i, count)
#define LANE(c)   ((U)((uint)(c)) + as_uint16(LANE_NUMBERS))
#define COLUMN(c) (c)
#define FLOAT(u)  convert_float16(u)
#endif
#ifdef BODY_dropout
/* Element i of y, whose word of the draw this is, in column c. */
static void LOCAL_NAME(put)(__global const float *x, __global float *y, const int i, const int c, const U word) {
    const T unit = FLOAT(word >> (U)(8u)) * (T)(1.0f / 16777216.0f); /* as rb_unit */
    T v = GET(x + (size_t)(i / LD) * LDX + COLUMN(c)) * (unit < (T)(PROBABILITY) ? (T)(0.0f) : (T)(SCALE));
    if (C < LD) v = LANE(c) < (U)((uint)C) ? v : (T)(0.0f);
    PUT(y + i, ADD ? v + GET(y + i) : v);
}

static void NAME(__global const int *head, __global const float *x, __global const int *order, __global float *y,
                 const int count, __local float *shared, int group) {
    const uint step = (uint)head[CURSOR + 3] + (uint)head[CURSOR];
#if LANES > 1 && !SCALAR && HW == 1
/* Of two vectors, lane by lane, the lower and the upper half. */
#define LOWER(a, b)                                                                                                    \
    (U)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define UPPER(a, b)                                                                                                    \
    (U)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
    const int end = min((group + 1) * BLOCK, count);
    for (int i = group * BLOCK; i < end; i += 4 * LANES) {
        uint rows[4], firsts[4]; /* of four vectors: row of the data set, first counter */
        UNROLL
        for (int v = 0; v < 4; v++) {
            const int at = min(i + v * LANES, end - LANES);
            rows[v] = (uint)order[POSITION(head, at / LD)];
            firsts[v] = (uint)(at % LD / 4);
        }
        U c0 = (U)((uint4)(rows[0]), (uint4)(rows[1]), (uint4)(rows[2]), (uint4)(rows[3]));
        U c1 = (U)((uint4)(firsts[0]), (uint4)(firsts[1]), (uint4)(firsts[2]), (uint4)(firsts[3]));
        U c2 = (U)(step), c3 = (U)((uint)STREAM), k0 = (U)((uint)head[SEED]), k1 = (U)((uint)head[SEED + 1]);
        c1 += as_uint16(LANE_NUMBERS) & (U)(3u);
        RB_PHILOX_ROUNDS(U, c0, c1, c2, c3, k0, k1)
        const U even = LOWER(c0, c2), odd = LOWER(c1, c3), more_even = UPPER(c0, c2), more_odd = UPPER(c1, c3);
        const U words[4] = {LOWER(even, odd), UPPER(even, odd), LOWER(more_even, more_odd), UPPER(more_even, more_odd)};
        UNROLL
        for (int v = 0; v < 4; v++)
            if (i + v * LANES < end) LOCAL_NAME(put)(x, y, i + v * LANES, (i + v * LANES) % LD, words[v]);
    }
#undef LOWER
#undef UPPER
#else
    EACH(i) {
        const int c = i % LD, pixel = i / LD % HW, n = i / (LD * HW);
        const U e = LANE(c) * (U)(HW) + (U)((uint)pixel);
        U c0 = (U)((uint)order[POSITION(head, n)]), c1 = e / (U)(4u), c2 = (U)(step), c3 = (U)((uint)STREAM);
        U k0 = (U)((uint)head[SEED]), k1 = (U)((uint)head[SEED + 1]);
        RB_PHILOX_ROUNDS(U, c0, c1, c2, c3, k0, k1)
        const U lower = (e & (U)(1u)) == (U)(1u) ? c1 : c0, upper = (e & (U)(1u)) == (U)(1u) ? c3 : c2;
        LOCAL_NAME(put)(x, y, i, c, (e & (U)(2u)) == (U)(2u) ? upper : lower);
    }
#endif
}
#endif
#undef T
#undef U
#undef GET
#undef PUT
#undef EACH
#undef LANE
#undef COLUMN
#undef FLOAT
