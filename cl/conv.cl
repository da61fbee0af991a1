/* conv.cl: convolutions of the cpu family and their gradients, direct, channels innermost, as register tiles.
 *
 * y[n,p,q,k] = act(b[k] + sum over r,s,c of x[n, p*STRIDE+r-PAD, q*STRIDE+s-PAD, c] w[r,s,c,k]), dx and dw accordingly.
 * A group takes `each` images, one after the other. An image is first copied densely into a zero border in private
 * memory, so that tiles know no edges and the (s,c) of one filter row are one contiguous run. A tile is M rows (pixels;
 * in dw places of a filter) times NV vectors of channels, sums in registers: M and NV are literals. Rows of a tile that
 * stand behind the last one are computed from whatever lies there and not stored. Every sum is in an order that the
 * shape fixes.
 * Shapes: x, dx (N,H,W,LDX), w (R,R,C,LDW), y, dy (N,P,Q,LDY); packed weights (columns / NV*16, taps, NV*16). */
#define NW (NV * LANES) /* columns of a tile */
#define UNROLL _Pragma("unroll")
#if defined(__clang__)
#define PUT_ANY(p, v) (*(vf_any *)(p) = (v))
#else
#define PUT_ANY(p, v) vstore16(v, 0, p)
#endif

#ifdef BODY_conv_pack
/* w as panels of NW columns. FLIP: for dx: columns are input channels, taps in the order of conv_dx: by classes of
 * (r,s) modulo STRIDE, falling, then k. A group is a tap. */
static void NAME(__global const float *w, __global float *packed, __local float *shared, int group) {
#if FLIP
    int to = 0; /* this tap's place */
    const int r = group / R, s = group % R;
    for (int i = 0; i < R * R; i++) {
        const int u = i / R, v = i % R, a = u % STRIDE - r % STRIDE, b = v % STRIDE - s % STRIDE;
        to += a ? a < 0 : b ? b < 0 : u != r ? u > r : v > s;
    }
    for (int j = 0; j < COLUMNS; j++)
        for (int k = 0; k < K; k++)
            packed[((size_t)(j / NW) * R * R * K + to * K + k) * NW + j % NW] =
                j < C ? w[((size_t)group * C + j) * LDW + k] : 0.0f;
#else
    for (int c = 0; c < C; c++)
        for (int j = 0; j < LDW; j += LANES)
            STORE(packed + ((size_t)(j / NW) * R * R * C + group * C + c) * NW + j % NW,
                  LOAD(w + ((size_t)group * C + c) * LDW + j));
#endif
}
#endif

#ifdef BODY_conv_dx
#define WP        (LEFT + Q + RIGHT)
#define DEEP      K
#define IMAGE     ((LEFT + P + BELOW) * WP * K)
#define TILE_STEP 1
#else
#define WP        (W + 2 * PAD)
#define DEEP      C
#define IMAGE     ((H + 2 * PAD) * WP * C)
#define TILE_STEP STRIDE
#endif
#define PITCH (WP * DEEP)

#if defined(BODY_conv) || defined(BODY_conv_dx)
#define M (TILE_P * TILE_Q)
/* sum[m][v] += sum over runs x run of a[AT(m) + ..] b[..][v]; a moves by PITCH from run to run. */
static void LOCAL_NAME(tile)(vf sum[M][NV], const float *a, __global const float *b, const int runs, const int run) {
    for (int r = 0; r < runs; r++, a += PITCH) {
        _Pragma("nounroll")
        for (int k = 0; k < run; k++, b += LDB) {
            vf w[NV];
            UNROLL
            for (int v = 0; v < NV; v++) w[v] = LOAD(b + v * LANES);
            UNROLL
            for (int m = 0; m < M; m++) {
                const vf x = (vf)(a[m / TILE_Q * (TILE_STEP * PITCH) + m % TILE_Q * (TILE_STEP * DEEP) + k]);
                UNROLL
                for (int v = 0; v < NV; v++) sum[m][v] = MAC(x, w[v], sum[m][v]);
            }
        }
    }
}
#endif

#if defined(BODY_conv) || defined(BODY_conv_dw)
/* One image from x into the middle of `image`. */
#if GATHER
#define X_PARAMETERS __global const int *head, __global const uchar *data, __global const int *order
#define X_ARGUMENTS  head, data, order
#else
#define X_PARAMETERS __global const float *x
#define X_ARGUMENTS  x
#endif
static void LOCAL_NAME(load)(X_PARAMETERS, const int n, float *image) {
#if GATHER
    const int row = order[POSITION(head, n)];
    __global const uchar *from = data + (size_t)max(row, 0) * (H * W * C);
    for (int h = 0; h < H; h++)
        for (int i = 0; i < W * C; i++)
            image[((h + PAD) * WP + PAD) * C + i] =
                row < 0 ? 0.0f : NORMALIZE(float, (float)(from[h * W * C + i]));
#else
    __global const float *from = x + (size_t)n * (H * W * LDX);
    for (int h = 0; h < H; h++) {
        float *to = image + ((h + PAD) * WP + PAD) * C;
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

#ifdef BODY_conv
static void NAME(X_PARAMETERS, __global const float *w, __global const float *bias, __global float *y, const int N,
                 const int each, __local float *shared, int group) {
    float image[IMAGE + SLACK] __attribute__((aligned(64)));
    for (int i = 0; i < IMAGE + SLACK; i++) image[i] = 0.0f;
    for (int n = group * each; n < min((group + 1) * each, N); n++) {
        LOCAL_NAME(load)(X_ARGUMENTS, n, image);
        __global float *out = y + (size_t)n * (P * Q * LDY);
        for (int j = 0; j < LDW; j += NW)
            for (int p = 0; p < P; p += TILE_P)
                for (int q = 0; q < Q; q += TILE_Q) {
                    vf sum[M][NV];
                    UNROLL
                    for (int v = 0; v < NV; v++) {
#if BIAS
                        const vf start = LOAD(bias + j + v * LANES);
#else
                        const vf start = (vf)(0.0f);
#endif
                        UNROLL
                        for (int m = 0; m < M; m++) sum[m][v] = start;
                    }
                    LOCAL_NAME(tile)(sum, image + (p * STRIDE * WP + q * STRIDE) * C, w + (size_t)(j / NW) * PANEL, R, R * C);
                    UNROLL
                    for (int m = 0; m < M; m++) {
                        if (p + m / TILE_Q >= P || q + m % TILE_Q >= Q) continue;
                        UNROLL
                        for (int v = 0; v < NV; v++) {
                            /* an exponential is too much code to stand here M * NV times: below */
                            if (ACT != 1) sum[m][v] = ACTIVATE(vf, sum[m][v]);
                            STORE(out + ((p + m / TILE_Q) * Q + q + m % TILE_Q) * LDY + j + v * LANES, sum[m][v]);
                        }
                    }
                }
#if ACT == 1
        for (int i = 0; i < P * Q; i++)
            for (int j = 0; j < LDY; j += LANES) {
                const vi lane = (vi)(j) + (vi)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                const vf v = LOAD(out + i * LDY + j);
                STORE(out + i * LDY + j, lane < (vi)(K) ? ACTIVATE(vf, v) : (vf)(0.0f));
            }
#endif
    }
}
#endif

#ifdef BODY_conv_dx
/* Pixels with the same (h + PAD) % STRIDE and (w + PAD) % STRIDE see the same taps: each such class is a convolution of
 * dy of its own, with TAPS(class) taps a side, whose first pixel is h0 and begins at row e0 of dy. */
#define TAPS(a)  ((R - (a) + STRIDE - 1) / STRIDE)
#define FIRST(a) (((a) - PAD % STRIDE + STRIDE) % STRIDE)
#define START(a) ((FIRST(a) + PAD - (a)) / STRIDE)
static void NAME(__global const float *dy, __global const float *packed, __global const float *saved,
                 __global float *dx, const int N, const int each, __local float *shared, int group) {
    float image[IMAGE + SLACK] __attribute__((aligned(64)));
    for (int i = 0; i < IMAGE + SLACK; i++) image[i] = 0.0f;
    for (int n = group * each; n < min((group + 1) * each, N); n++) {
        __global const float *from = dy + (size_t)n * (P * Q * LDY);
        for (int p = 0; p < P; p++)
            for (int q = 0; q < Q; q++)
                for (int k = 0; k < K; k += LANES)
                    PUT_ANY(image + ((LEFT + p) * WP + LEFT + q) * K + k, LOAD(from + (p * Q + q) * LDY + k));
        int taps = 0; /* of the classes before */
        for (int a = 0; a < STRIDE; a++)
            for (int b = 0; b < STRIDE; b++) {
                const int runs = TAPS(a), run = TAPS(b) * K;
                /* of the image: where the first pixel's taps begin */
                const int above = LEFT + START(a) - TAPS(a) + 1, left = LEFT + START(b) - TAPS(b) + 1;
                for (int j = 0; j < LDX; j += NW)
                    for (int p = 0; FIRST(a) + p * STRIDE < H; p += TILE_P)
                        for (int q = 0; FIRST(b) + q * STRIDE < W; q += TILE_Q) {
                            vf sum[M][NV];
                            UNROLL
                            for (int m = 0; m < M; m++) {
                                UNROLL
                                for (int v = 0; v < NV; v++) sum[m][v] = (vf)(0.0f);
                            }
                            LOCAL_NAME(tile)(sum, image + ((p + above) * WP + q + left) * K,
                                             packed + ((size_t)(j / NW) * R * R + taps) * K * NW, runs, run);
                            UNROLL
                            for (int m = 0; m < M; m++) {
                                const int h = FIRST(a) + (p + m / TILE_Q) * STRIDE;
                                const int u = FIRST(b) + (q + m % TILE_Q) * STRIDE;
                                if (h >= H || u >= W) continue;
                                const size_t at = ((size_t)(n * H + h) * W + u) * LDX + j;
                                UNROLL
                                for (int v = 0; v < NV; v++) {
                                    vf value = sum[m][v];
#if ADD
                                    value += LOAD(dx + at + v * LANES);
#endif
#if ACT
                                    const vf old = LOAD(saved + at + v * LANES);
                                    value = DERIVE(vf, value, old);
#endif
                                    STORE(dx + at + v * LANES, value);
                                }
                            }
                        }
                taps += TAPS(a) * TAPS(b);
            }
    }
}
#undef TAPS
#undef FIRST
#undef START
#endif

#ifdef BODY_conv_dw
/* Partial sums of a part of the batch: (R,R,C,LDW), then of the bias (LDW). A tile's rows are M neighbouring (s,c) of one
 * r, or (WHOLE) all (r,s,c) of a small filter. */
#define RUN (R * C)
#define AT(m) (WHOLE ? (m) / RUN * (WP * C) + (m) % RUN : (m))
static void LOCAL_NAME(tile)(const float *image, __global const float *dy, __global float *sums, const int rows,
                             const int begin) {
    vf sum[M][NV];
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[m][v] = begin || m >= rows ? (vf)(0.0f) : LOAD(sums + m * LDW + v * LANES);
    }
    for (int p = 0; p < P; p++) {
        const float *a = image + p * (STRIDE * WP * C);
        _Pragma("nounroll")
        for (int q = 0; q < Q; q++, a += STRIDE * C, dy += LDY) {
            vf g[NV];
            UNROLL
            for (int v = 0; v < NV; v++) g[v] = LOAD(dy + v * LANES);
            UNROLL
            for (int m = 0; m < M; m++) {
                const vf x = (vf)(a[AT(m)]);
                UNROLL
                for (int v = 0; v < NV; v++) sum[m][v] = MAC(x, g[v], sum[m][v]);
            }
        }
    }
    UNROLL
    for (int m = 0; m < M; m++) {
        if (m >= rows) continue;
        UNROLL
        for (int v = 0; v < NV; v++) STORE(sums + m * LDW + v * LANES, sum[m][v]);
    }
}

static void NAME(X_PARAMETERS, __global const float *dy, __global float *partials, const int N, const int each,
                 __local float *shared, int group) {
    float image[IMAGE + SLACK] __attribute__((aligned(64)));
    const int part = group / APART, first = part * each;
    __global float *sums = partials + (size_t)part * ((R * RUN + 1) * LDW);
    for (int i = 0; i < IMAGE + SLACK; i++) image[i] = 0.0f;
    for (int n = first; n < min(first + each, N); n++) {
        __global const float *from = dy + (size_t)n * (P * Q * LDY);
        LOCAL_NAME(load)(X_ARGUMENTS, n, image);
        for (int j = group % APART * NW; j < LDW; j += APART * NW) {
            for (int r = 0; r < (WHOLE ? 1 : R); r++)
                for (int i = 0; i < (WHOLE ? M : RUN); i += M)
                    LOCAL_NAME(tile)(image + r * (WP * C) + i, from + j, sums + (r * RUN + i) * LDW + j,
                                     WHOLE ? M : RUN - i, n == first);
            for (int v = j; v < j + NW; v += LANES) {
                vf a = (vf)(0.0f), b = (vf)(0.0f);
                for (int i = 0; i < P * Q; i++) {
                    if (i % 2) b += LOAD(from + i * LDY + v);
                    else a += LOAD(from + i * LDY + v);
                }
                __global float *db = sums + R * RUN * LDW + v;
                STORE(db, n == first ? a + b : LOAD(db) + (a + b));
            }
        }
    }
}
#undef RUN
#undef AT
#endif

#ifdef BODY_conv_sum
/* dw and db from `parts` partials of WEIGHTS + LDW values. */
static void NAME(__global const float *partials, __global float *dw, __global float *db, const int parts,
                 __local float *shared, int group) {
    FOR_FLAT(i, WEIGHTS + LDW) {
        vf sum = LOAD(partials + i);
        for (int k = 1; k < parts; k++) sum += LOAD(partials + (size_t)k * (WEIGHTS + LDW) + i);
        if (i < WEIGHTS)
            STORE(dw + i, sum);
        else if (BIAS)
            STORE(db + (i - WEIGHTS), sum);
    }
}
#endif
#undef NW
#undef UNROLL
#undef PUT_ANY
#undef M
#undef WP
#undef DEEP
#undef IMAGE
#undef TILE_STEP
#undef PITCH
#undef X_PARAMETERS
#undef X_ARGUMENTS
