/* conv_image.cl: images and gradients in a group's private memory, as convolutions of the cpu family want them; compiled
 * before each of them.
 *
 * Shapes: x (N,H,W,LDX) or a row of the data set, y, dy (N,P,Q,LDY); dense images with a border of PAD pixels. */
#undef GET_ANY
#undef PUT_ANY
#undef NUMBER
#undef NUMBERS
#undef X_PARAMETERS
#undef X_ARGUMENTS
#undef DY_PARAMETERS
#undef DY_ARGUMENTS
#if defined(__clang__)
#define GET_ANY(p)    (*(const vf_any *)(p))
#define PUT_ANY(p, v) (*(vf_any *)(p) = (v))
#else
#define GET_ANY(p)    vload16(0, p)
#define PUT_ANY(p, v) vstore16(v, 0, p)
#endif

#ifdef GATHER
/* One image from x into the middle of `image`. */
#if GATHER
#if BYTES
typedef uchar LOCAL_NAME(value);
#define NUMBER(v)  NORMALIZE(float, (float)(v))
#define NUMBERS(p) NORMALIZE(vf, TO_FLOAT(LOAD_BYTES(p)))
#else
typedef float LOCAL_NAME(value);
#define NUMBER(v)  (v)
#define NUMBERS(p) LOAD_ANY(p)
#endif
#define X_PARAMETERS __global const int *head, __global const LOCAL_NAME(value) *data, __global const int *order
#define X_ARGUMENTS  head, data, order
#else
#define X_PARAMETERS __global const float *x
#define X_ARGUMENTS  x
#endif
static void LOCAL_NAME(load)(X_PARAMETERS, const int n, float *image) {
#if GATHER
    const int row = order[POSITION(head, n)]; /* -1: no such row: zeros */
    __global const LOCAL_NAME(value) *from = data + (size_t)max(row, 0) * (H * W * C);
    const int next = order[POSITION(head, min(n + 1, BATCH - 1))]; /* rows lie anywhere */
    for (int i = 0; i < H * W * C; i += CACHE_LINE / sizeof(*data))
        PREFETCH(data + (size_t)max(next, 0) * (H * W * C) + i);
    for (int h = 0; h < H; h++) {
        float *to = image + ((h + PAD) * (W + 2 * PAD) + PAD) * C;
#if W * C >= LANES
        for (int i = 0; i < W * C; i += LANES) {
            const int at = min(i, W * C - LANES); /* the last vector overlaps the one before */
            PUT_ANY(to + at, row < 0 ? (vf)(0.0f) : NUMBERS(from + h * W * C + at));
        }
#else
        for (int i = 0; i < W * C; i++) to[i] = row < 0 ? 0.0f : NUMBER(from[h * W * C + i]);
#endif
    }
#else
    __global const float *from = x + (size_t)n * (H * W * LDX);
    for (int h = 0; h < H; h++) {
        float *to = image + ((h + PAD) * (W + 2 * PAD) + PAD) * C;
#if LDX == C
        for (int i = 0; i < W * C; i++) to[i] = from[h * W * C + i];
#else
        /* whole vectors: what a pad lane overwrites is zero (the border) or comes later */
        for (int i = 0; i < W; i++)
            for (int c = 0; c < C; c += LANES) PUT_ANY(to + i * C + c, LOAD(from + (h * W + i) * LDX + c));
#endif
    }
#endif
}
#endif

#ifdef THROUGH
/* dy of an image as the product wants it: in rows of `pitch` values, pixels of `deep`. Where no neighbour has merged
 * (THROUGH 0) as it lies; else from the gradient of what windows of WINDOW x WINDOW made of it: 1: their maximum
 * (`other`: the pooled values), 2: their mean (`other`: y). What no window covers stays as it is: zero. */
#if THROUGH == 1
#define DY_PARAMETERS __global const float *dy, __global const uchar *index, __global const float *other
#define DY_ARGUMENTS  dy, index, other
#elif THROUGH == 2
#define DY_PARAMETERS __global const float *dy, __global const float *other
#define DY_ARGUMENTS  dy, other
#else
#define DY_PARAMETERS __global const float *dy
#define DY_ARGUMENTS  dy
#endif
#if THROUGH
static void LOCAL_NAME(spread)(DY_PARAMETERS, const int n, float *to, const int pitch, const int deep) {
    const int high = P / WINDOW, wide = Q / WINDOW;
    size_t at = (size_t)n * (high * wide * LDY);
    for (int p = 0; p < high; p++)
        for (int q = 0; q < wide; q++)
            for (int k = 0; k < LDY; k += LANES, at += LANES) {
                float *corner = to + p * WINDOW * pitch + q * WINDOW * deep + k;
                vf g = LOAD(dy + at);
#if THROUGH == 1
                const vf best = LOAD(other + at);
                const vi where = TO_INT(*(__global const vb *)(index + at));
                g = DERIVE_OF(THROUGH_ACT, THROUGH_SLOPE, vf, g, best);
                for (int i = 0; i < WINDOW * WINDOW; i++)
                    PUT_ANY(corner + i / WINDOW * pitch + i % WINDOW * deep,
                            where == (vi)(i) ? g : (vf)(0.0f));
#else
                g *= (vf)(1.0f / (WINDOW * WINDOW));
                for (int i = 0; i < WINDOW * WINDOW; i++) {
                    vf value = g;
#if THROUGH_ACT
                    const int h = n * P + p * WINDOW + i / WINDOW, u = q * WINDOW + i % WINDOW;
                    const vf saved = LOAD(other + ((size_t)h * Q + u) * LDY + k);
                    value = DERIVE_OF(THROUGH_ACT, THROUGH_SLOPE, vf, g, saved);
#endif
                    PUT_ANY(corner + i / WINDOW * pitch + i % WINDOW * deep, value);
                }
#endif
            }
}
#endif
#endif
