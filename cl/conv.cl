/* conv.cl: convolutions of the cpu family and their gradients, direct, channels innermost, as register tiles.
 *
 * y[n,p,q,k] = act(b[k] + sum over r,s,c of x[n, p*STRIDE+r-PAD, q*STRIDE+s-PAD, c] w[r,s,c,k]), dx and dw accordingly.
 * A group takes `each` images, BLOCK of them at a time. An image is first copied densely into a zero border in private
 * memory, so that tiles know no edges and the (s,c) of one filter row are one contiguous run. A tile is M rows (pixels;
 * in dw places of a filter) times NV vectors of channels, sums in registers: M and NV are literals. Rows of a tile that
 * stand behind the last one are computed from whatever lies there and not stored. Every sum is in an order that the
 * shape fixes.
 * Shapes: x, dx (N,H,W,LDX), w (R,R,C,LDW), y, dy (N,P,Q,LDY); packed weights (columns / NV*16, taps, NV*16). */
#define NW (NV * LANES) /* columns of a tile */

/* BLOCK images at a time, so that a panel of large weights serves all of them; each group some of the panels (`sharers`
 * groups share a part of the batch). */
#define FOR_BLOCKS(first, last)                                                                                        \
    for (int first = group / sharers * each, end = min(first + each, N), last = min(first + BLOCK, end); first < end;    \
         first = last, last = min(first + BLOCK, end))
#define FOR_PANELS(j, columns) for (int j = group % sharers * NW; j < columns; j += sharers * NW)

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

#ifdef BODY_conv
/* `rows` rows of NW columns: the activation that is too much code to stand in a tile's end. */
static void LOCAL_NAME(activate)(float *y, const int rows, const int j) {
    for (int i = 0; i < rows * NW; i += LANES) {
        const vi lane = (vi)(j + i % NW) + LANE_NUMBERS;
        const vf v = *(vf *)(y + i);
        *(vf *)(y + i) = lane < (vi)(K) ? ACTIVATE(vf, v) : (vf)(0.0f);
    }
}

/* BAND image rows at a time: as many as a tile or (POOL: 1 maximum, 2 mean of BAND x BAND values) a window has. Where
 * something is left to do to them (STAGED), they stay in private memory; KEEP: somebody wants them in y. */
#define STAGED (POOL || ACT == 1)
#define FOR_BANDS(n, top)                                                                                              \
    for (int n = first; n < last; n++)                                                                                 \
        for (int top = 0; top < P; top += BAND)
static void NAME(X_PARAMETERS, __global const float *w, __global const float *bias,
#if KEEP
                 __global float *y,
#endif
#if POOL
                 __global float *pooled,
#endif
#if POOL == 1
                 __global uchar *index,
#endif
                 const int N, const int each, const int sharers, __local float *shared, int group) {
    float images[BLOCK * IMAGE + SLACK] __attribute__((aligned(64)));
#if STAGED
    float band[BAND * Q * NW] __attribute__((aligned(64)));
#endif
    for (int i = 0; i < BLOCK * IMAGE + SLACK; i++) images[i] = 0.0f;
    FOR_BLOCKS(first, last) {
        for (int n = first; n < last; n++) LOCAL_NAME(load)(X_ARGUMENTS, n, images + (n - first) * IMAGE);
        FOR_PANELS(j, LDW) FOR_BANDS(n, top) {
            const float *image = images + (n - first) * IMAGE;
            for (int p = top; p < min(top + BAND, P); p += TILE_P)
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
                    LOCAL_NAME(tile)(sum, image + (p * STRIDE * WP + q * STRIDE) * C,
                                     w + (size_t)(j / NW) * PANEL, R, R * C);
                    UNROLL
                    for (int m = 0; m < M; m++) {
                        if (p + m / TILE_Q >= P || q + m % TILE_Q >= Q) continue;
                        UNROLL
                        for (int v = 0; v < NV; v++) {
                            if (ACT != 1) sum[m][v] = ACTIVATE(vf, sum[m][v]);
#if STAGED
                            *(vf *)(band + ((p - top + m / TILE_Q) * Q + q + m % TILE_Q) * NW + v * LANES) =
                                sum[m][v];
#else
                            STORE(y + ((size_t)(n * P + p + m / TILE_Q) * Q + q + m % TILE_Q) * LDY + j +
                                      v * LANES,
                                  sum[m][v]);
#endif
                        }
                    }
                }
#if ACT == 1
            LOCAL_NAME(activate)(band, min(BAND, P - top) * Q, j);
#endif
#if STAGED && KEEP
            __global float *out = y + ((size_t)n * P + top) * (Q * LDY) + j;
            for (int i = 0; i < min(BAND, P - top) * Q; i++)
                for (int v = 0; v < NW; v += LANES) STORE(out + i * LDY + v, *(vf *)(band + i * NW + v));
#endif
#if POOL
            if (top + BAND > P) continue; /* rows that no window covers */
            size_t at = ((size_t)(n * (P / BAND) + top / BAND) * (Q / BAND)) * LDY + j;
            for (int q = 0; q < Q / BAND; q++, at += LDY)
                for (int v = 0; v < NW; v += LANES) {
                    const float *corner = band + q * BAND * NW + v;
#if POOL == 1
                    vf best = *(vf *)corner;
                    vi where = (vi)(0);
                    UNROLL
                    for (int i = 1; i < BAND * BAND; i++) {
                        const vf value = *(vf *)(corner + (i / BAND * Q + i % BAND) * NW);
                        const vi wins = (value > best) | ((value != value) & (best == best));
                        best = wins ? value : best;
                        where = wins ? (vi)(i) : where;
                    }
                    STORE(pooled + at + v, best);
                    *(__global vb *)(index + at + v) = TO_BYTE(where);
#else
                    vf total = (vf)(0.0f);
                    UNROLL
                    for (int i = 0; i < BAND * BAND; i++)
                        total += *(vf *)(corner + (i / BAND * Q + i % BAND) * NW);
                    STORE(pooled + at + v, total * (vf)(1.0f / (BAND * BAND)));
#endif
                }
#endif
        }
    }
}
#undef STAGED
#undef FOR_BANDS
#endif

#ifdef BODY_conv_dx
/* Pixels with the same (h + PAD) % STRIDE and (w + PAD) % STRIDE see the same taps: each such class is a convolution of
 * dy of its own, with TAPS(class) taps a side, whose first pixel is h0 and begins at row e0 of dy. */
#define TAPS(a)  ((R - (a) + STRIDE - 1) / STRIDE)
#define FIRST(a) (((a) - PAD % STRIDE + STRIDE) % STRIDE)
#define START(a) ((FIRST(a) + PAD - (a)) / STRIDE)
static void NAME(DY_PARAMETERS, __global const float *packed, __global const float *saved, __global float *dx,
                 const int N, const int each, const int sharers, __local float *shared, int group) {
    float images[BLOCK * IMAGE + SLACK] __attribute__((aligned(64)));
    for (int i = 0; i < BLOCK * IMAGE + SLACK; i++) images[i] = 0.0f;
    FOR_BLOCKS(first, last) {
        for (int n = first; n < last; n++) {
            float *image = images + (n - first) * IMAGE;
#if THROUGH
            LOCAL_NAME(spread)(DY_ARGUMENTS, n, image + (LEFT * WP + LEFT) * K, PITCH, K);
#else
            __global const float *from = dy + (size_t)n * (P * Q * LDY);
            for (int p = 0; p < P; p++)
                for (int q = 0; q < Q; q++)
                    for (int k = 0; k < K; k += LANES)
                        PUT_ANY(image + ((LEFT + p) * WP + LEFT + q) * K + k, LOAD(from + (p * Q + q) * LDY + k));
#endif
        }
        int taps = 0; /* of the classes before */
        for (int a = 0; a < STRIDE; a++)
            for (int b = 0; b < STRIDE; b++) {
                const int runs = TAPS(a), run = TAPS(b) * K;
                /* of the image: where the first pixel's taps begin */
                const int above = LEFT + START(a) - TAPS(a) + 1, left = LEFT + START(b) - TAPS(b) + 1;
                FOR_PANELS(j, LDX) for (int n = first; n < last; n++)
                    for (int p = 0; FIRST(a) + p * STRIDE < H; p += TILE_P)
                        for (int q = 0; FIRST(b) + q * STRIDE < W; q += TILE_Q) {
                            vf sum[M][NV];
                            UNROLL
                            for (int m = 0; m < M; m++) {
                                UNROLL
                                for (int v = 0; v < NV; v++) sum[m][v] = (vf)(0.0f);
                            }
                            LOCAL_NAME(tile)(sum, images + (n - first) * IMAGE + ((p + above) * WP + q + left) * K,
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
/* Partial sums of a part of the batch: (R,R,C,LDW), then of the bias (LDW). A tile's rows are M neighbouring (s,c) of
 * one r, or (WHOLE) all (r,s,c) of a small filter. */
#define RUN (R * C)
#define AT(m) (WHOLE ? (m) / RUN * (WP * C) + (m) % RUN : (m))
#if THROUGH
typedef const float *LOCAL_NAME(gradient);
#define LOAD_DY(p) (*(const vf *)(p))
#else
typedef __global const float *LOCAL_NAME(gradient);
#define LOAD_DY(p) LOAD(p)
#endif
static void LOCAL_NAME(tile)(const float *image, LOCAL_NAME(gradient) dy, __global float *sums, const int rows,
                             const int n, const int begin) {
    vf sum[M][NV];
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            sum[m][v] = begin || m >= rows ? (vf)(0.0f) : LOAD(sums + m * LDW + v * LANES);
    }
    for (int i = 0; i < n * P; i++) {
        const float *a = image + i / P * IMAGE + i % P * (STRIDE * WP * C);
        _Pragma("nounroll")
        for (int q = 0; q < Q; q++, a += STRIDE * C, dy += LDY) {
            vf g[NV];
            UNROLL
            for (int v = 0; v < NV; v++) g[v] = LOAD_DY(dy + v * LANES);
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

static void NAME(X_PARAMETERS, DY_PARAMETERS, __global float *partials, const int N, const int each, const int sharers,
                 __local float *shared, int group) {
    float images[BLOCK * IMAGE + SLACK] __attribute__((aligned(64)));
    __global float *sums = partials + (size_t)(group / sharers) * ((R * RUN + 1) * LDW);
#if THROUGH
    float from[BLOCK * P * Q * LDY] __attribute__((aligned(64)));
    for (int i = 0; i < BLOCK * P * Q * LDY; i++) from[i] = 0.0f;
#endif
    for (int i = 0; i < BLOCK * IMAGE + SLACK; i++) images[i] = 0.0f;
    FOR_BLOCKS(first, last) {
        const int begin = first == group / sharers * each, n = last - first;
#if THROUGH
        for (int i = 0; i < n; i++)
            LOCAL_NAME(spread)(DY_ARGUMENTS, first + i, from + i * (P * Q * LDY), Q * LDY, LDY);
#else
        __global const float *from = dy + (size_t)first * (P * Q * LDY);
#endif
        for (int i = 0; i < n; i++) LOCAL_NAME(load)(X_ARGUMENTS, first + i, images + i * IMAGE);
        FOR_PANELS(j, LDW) {
            for (int r = 0; r < (WHOLE ? 1 : R); r++)
                for (int i = 0; i < (WHOLE ? M : RUN); i += M)
                    LOCAL_NAME(tile)(images + r * (WP * C) + i, from + j, sums + (r * RUN + i) * LDW + j,
                                     WHOLE ? M : RUN - i, n, begin);
            for (int v = j; v < j + NW; v += LANES) {
                vf total[4]; /* an addition takes several cycles */
                UNROLL
                for (int k = 0; k < 4; k++) total[k] = (vf)(0.0f);
                int i = 0;
                for (; i + 4 <= n * P * Q; i += 4) {
                    UNROLL
                    for (int k = 0; k < 4; k++) total[k] += LOAD_DY(from + (i + k) * LDY + v);
                }
                for (; i < n * P * Q; i++) total[0] += LOAD_DY(from + i * LDY + v);
                total[0] = (total[0] + total[1]) + (total[2] + total[3]);
                __global float *db = sums + R * RUN * LDW + v;
                STORE(db, begin ? total[0] : LOAD(db) + total[0]);
            }
        }
    }
}
#undef RUN
#undef AT
#undef LOAD_DY
#endif

#ifdef BODY_conv_sum
/* dw and db from `parts` partials. */
#define WEIGHTS (R * R * C * LDW)
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
#undef WEIGHTS
#endif
#undef NW
#undef FOR_BLOCKS
#undef FOR_PANELS
#undef M
#undef WP
#undef DEEP
#undef IMAGE
#undef TILE_STEP
#undef PITCH
