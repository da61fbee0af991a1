/* dropout.cl: y = x / (1-p) where the draw is at least p, else 0 x; the gradient is the same walk over dy.
 *
 * The draw of element e (canonical order within the sample) is word e % 4 of Philox at counter (row number of the
 * sample, e / 4, global step, STREAM), keyed by the run's seed: every lane draws its own element's. Flat over y as it
 * lies, (N,H,W,LD) with C channels, HW pixels; x has LDX values a pixel. Vectors, or (SCALAR) single elements. */
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
static void NAME(__global const int *head, __global const float *x, __global const int *order, __global float *y,
                 const int count, __local float *shared, int group) {
    const uint step = (uint)head[CURSOR + 3] + (uint)head[CURSOR];
    EACH(i) {
        const int c = i % LD, pixel = i / LD % HW, n = i / (LD * HW);
        const U e = LANE(c) * (U)(HW) + (U)((uint)pixel);
        U c0 = (U)((uint)order[POSITION(head, n)]), c1 = e / (U)(4u), c2 = (U)(step), c3 = (U)((uint)STREAM);
        U k0 = (U)((uint)head[SEED]), k1 = (U)((uint)head[SEED + 1]);
        RB_PHILOX_ROUNDS(U, c0, c1, c2, c3, k0, k1)
        const U lower = (e & (U)(1u)) == (U)(1u) ? c1 : c0, upper = (e & (U)(1u)) == (U)(1u) ? c3 : c2;
        const U word = (e & (U)(2u)) == (U)(2u) ? upper : lower;
        const T unit = FLOAT(word >> (U)(8u)) * (T)(1.0f / 16777216.0f); /* as rb_unit */
        T v = GET(x + (size_t)(i / LD) * LDX + COLUMN(c)) * (unit < (T)(PROBABILITY) ? (T)(0.0f) : (T)(SCALE));
        if (C < LD) v = LANE(c) < (U)((uint)C) ? v : (T)(0.0f);
        PUT(y + i, ADD ? v + GET(y + i) : v);
    }
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
