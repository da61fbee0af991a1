/* pool.cl: max and average pooling and their gradients, channels innermost; windows of R x R every STRIDE pixels.
 *
 * Shapes: x, dx (N,H,W,LDX), y, dy (N,P,Q,LDY), index (N,P,Q,LDY) u8 = r*R + s of the first maximum; a NaN wins.
 * Flat over what is written: LANES channels of a pixel at a time, or (SCALAR) one, where x comes from the data set and
 * has one or three channels without padding. A gradient looks at the windows that cover its pixel, in rising order of
 * (p,q), so that it is written once: act'(saved) of the input's activation, ADD: += (RB_OPF_ACCUMULATE). */
#if SCALAR || LANES == 1
#define T          float
#define I          int
#define PUT(p, v)  (*(p) = (v))
#define GET(p)     (*(p))
#define PUTB(p, v) (*(p) = (uchar)(v))
#define GETB(p)    ((int)*(p))
#define EACH(i)    for (int i = group * BLOCK + ITEM; i < min((group + 1) * BLOCK, (int)count); i += LOCAL)
#else
#define T          vf
#define I          vi
#define PUT(p, v)  STORE(p, v)
#define GET(p)     LOAD(p)
#define PUTB(p, v) (*(__global vb *)(p) = TO_BYTE(v))
#define GETB(p)    TO_INT(*(__global const vb *)(p))
#define EACH(i)    FOR_FLAT(i, count)
#endif
/* Element i of an output with LD lanes a pixel, WIDE x HIGH pixels an image. */
#define PIXEL(i, LD, HIGH, WIDE)                                                                                       \
    const int c = (i) % LD, pixel = (i) / LD, q = pixel % WIDE, p = pixel / WIDE % HIGH, n = pixel / (WIDE * HIGH);

#if defined(BODY_max_pool) || defined(BODY_avg_pool)
static void NAME(__global const float *x, __global float *y,
#ifdef BODY_max_pool
                 __global uchar *index,
#endif
                 const int count, __local float *shared, int group) {
    EACH(i) {
        PIXEL(i, LDY, P, Q)
        /* a lane behind the last channel of an unpadded x reads another's, but is written as zero */
        const int last = min(c, LDX - 1);
        __global const float *corner = x + ((size_t)(n * H + p * STRIDE) * W + q * STRIDE) * LDX + last;
#ifdef BODY_max_pool
        T best = GET(corner);
        I where = (I)(0);
        for (int r = 0; r < R; r++)
            for (int s = 0; s < R; s++) {
                T value = GET(corner + (r * W + s) * LDX);
                I wins = (value > best) | ((value != value) & (best == best));
                best = wins ? value : best;
                where = wins ? (I)(r * R + s) : where;
            }
        PUT(y + i, c >= LDX ? (T)(0.0f) : best);
        PUTB(index + i, c >= LDX ? (I)(0) : where);
#else
        T sum = (T)(0.0f);
        for (int r = 0; r < R; r++)
            for (int s = 0; s < R; s++) sum += GET(corner + (r * W + s) * LDX);
        PUT(y + i, c >= LDX ? (T)(0.0f) : sum * (T)(1.0f / (R * R)));
#endif
    }
}
#endif

#if defined(BODY_max_pool_dx) || defined(BODY_avg_pool_dx)
#define COVER ((R + STRIDE - 1) / STRIDE) /* windows over a pixel, in one direction */
static void NAME(__global const float *dy,
#ifdef BODY_max_pool_dx
                 __global const uchar *index,
#endif
                 __global const float *saved, __global float *dx, const int count, __local float *shared, int group) {
    EACH(i) {
        PIXEL(i, LDX, H, W)
        T sum = (T)(0.0f);
        for (int a = COVER - 1; a >= 0; a--)
            for (int b = COVER - 1; b >= 0; b--) {
                const int u = p / STRIDE - a, v = q / STRIDE - b, r = p - u * STRIDE, s = q - v * STRIDE;
                if (u < 0 || v < 0 || u >= P || v >= Q || r >= R || s >= R) continue;
                const size_t at = ((size_t)(n * P + u) * Q + v) * LDY + c;
#ifdef BODY_max_pool_dx
                sum += GETB(index + at) == (I)(r * R + s) ? GET(dy + at) : (T)(0.0f);
#else
                sum += GET(dy + at) * (T)(1.0f / (R * R));
#endif
            }
#if ACT
        T y = GET(saved + i);
        sum = DERIVE(T, sum, y);
#endif
        PUT(dx + i, ADD ? sum + GET(dx + i) : sum);
    }
}
#undef COVER
#endif
#undef T
#undef I
#undef PUT
#undef GET
#undef PUTB
#undef GETB
#undef EACH
#undef PIXEL
