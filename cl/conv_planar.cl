/* conv_planar.cl: a convolution on images of one channel with few filters, its activation and the mean over windows
 * behind it, and their gradient; cpu family. Lanes are pixels of a row: six filters would use 6 of 16 lanes.
 *
 * y[n,p,k,q] = act(b[k] + sum over r,s of x[n, p+r-PAD, q+s-PAD] w[r,s,k]), pooled[n,i,j,k] = mean of y over a window.
 * y is of use to the gradient alone and lies in rows of LINE values: Q and what pads it to whole vectors, computed from
 * whatever follows in the image. Gradient: dy[p,k,q] = act'(y) dpooled / window, zero in the padding; for every tap
 * (r,s) and filter k the lanes of x[p+r-PAD, q+s-PAD] dy[p,k,q] are summed over the images of a group, and then added.
 * Shapes: x (N,H,W,LDX), w (R,R,1,LDW), pooled, dpooled (N,HIGH,WIDE,LDY), y (N,HIGH*WINDOW,K,LINE); partial sums as of
 * conv_dw: (R,R,1,LDW), then of the bias (LDW). */
#define WP    (W + 2 * PAD)
#define IMAGE ((H + 2 * PAD) * WP + SLACK)
#define PLANE (K * LINE) /* a row of all filters */
#define SHARE (1.0f / (WINDOW * WINDOW))
#define FOR_IMAGES(n) for (int n = group * each; n < min((group + 1) * each, N); n++)

#ifdef BODY_conv_planar
/* One row of all filters before the activation; `image`: where its taps begin. */
static void LOCAL_NAME(row)(const float *image, __global const float *w, __global const float *bias, float *to) {
    for (int j = 0; j < LINE; j += NV * LANES) {
        vf sum[K][NV];
        UNROLL
        for (int k = 0; k < K; k++) {
            UNROLL
            for (int v = 0; v < NV; v++) sum[k][v] = (vf)(BIAS ? bias[k] : 0.0f);
        }
        for (int r = 0; r < R; r++) {
            UNROLL
            for (int s = 0; s < R; s++) {
                vf x[NV];
                UNROLL
                for (int v = 0; v < NV; v++) x[v] = GET_ANY(image + r * WP + s + j + v * LANES);
                UNROLL
                for (int k = 0; k < K; k++) {
                    const vf weight = (vf)(w[(r * R + s) * LDW + k]);
                    UNROLL
                    for (int v = 0; v < NV; v++) sum[k][v] = MAC(weight, x[v], sum[k][v]);
                }
            }
        }
        UNROLL
        for (int k = 0; k < K; k++) {
            UNROLL
            for (int v = 0; v < NV; v++) *(vf *)(to + k * LINE + j + v * LANES) = sum[k][v];
        }
    }
}

static void NAME(X_PARAMETERS, __global const float *w, __global const float *bias,
#if KEEP
                 __global float *y,
#endif
                 __global float *pooled, const int N, const int each, __local float *shared, int group) {
    float image[IMAGE] __attribute__((aligned(64)));
    float rows[WINDOW * PLANE] __attribute__((aligned(64)));
    float means[WIDE * LDY] __attribute__((aligned(64))); /* channels innermost */
    for (int i = 0; i < IMAGE; i++) image[i] = 0.0f;
    for (int i = 0; i < WIDE * LDY; i++) means[i] = 0.0f;
    FOR_IMAGES(n) {
        LOCAL_NAME(load)(X_ARGUMENTS, n, image);
        for (int p = 0; p < HIGH; p++) {
            for (int r = 0; r < WINDOW; r++)
                LOCAL_NAME(row)(image + (p * WINDOW + r) * WP, w, bias, rows + r * PLANE);
            for (int i = 0; i < PLANE; i += LANES) {
                vf total = (vf)(0.0f);
                UNROLL
                for (int r = 0; r < WINDOW; r++) {
                    const vf sum = *(vf *)(rows + r * PLANE + i), value = ACTIVATE(vf, sum);
#if KEEP
                    STORE(y + ((size_t)(n * HIGH + p) * WINDOW + r) * PLANE + i, value);
#endif
                    total += value;
                }
                *(vf *)(rows + i) = total * (vf)(SHARE);
            }
            for (int k = 0; k < K; k++)
                for (int q = 0; q < WIDE; q++) {
                    float total = rows[k * LINE + q * WINDOW];
                    UNROLL
                    for (int s = 1; s < WINDOW; s++) total += rows[k * LINE + q * WINDOW + s];
                    means[q * LDY + k] = total;
                }
            for (int i = 0; i < WIDE * LDY; i += LANES)
                STORE(pooled + (size_t)(n * HIGH + p) * (WIDE * LDY) + i, *(vf *)(means + i));
        }
    }
}
#endif

#ifdef BODY_conv_dw_planar
/* dy of one image; its sums are added to db. `wide`: room for a row whose padding is zero. */
static void LOCAL_NAME(widen)(__global const float *dpooled, __global const float *y, const int n, float *wide, float *dy,
                              float *db) {
    for (int p = 0; p < HIGH; p++) {
        __global const float *from = dpooled + (size_t)(n * HIGH + p) * (WIDE * LDY);
        for (int k = 0; k < K; k++)
            for (int q = 0; q < WIDE; q++) {
                const float share = from[q * LDY + k] * SHARE;
                UNROLL
                for (int s = 0; s < WINDOW; s++) wide[k * LINE + q * WINDOW + s] = share;
            }
        for (int q = 0; q < WIDE * LDY; q += LANES) PREFETCH(from + HIGH * WIDE * LDY + q);
        for (int i = 0; i < WINDOW * PLANE; i += LANES) {
            const int at = p * (WINDOW * PLANE) + i, k = i % PLANE / LINE;
            vf g = *(vf *)(wide + i % PLANE);
#if THROUGH_ACT
            __global const float *of = y + (size_t)n * (HIGH * WINDOW * PLANE) + at;
            const vf saved = LOAD(of);
            PREFETCH(of + HIGH * WINDOW * PLANE); /* the next image's */
            g = DERIVE_OF(THROUGH_ACT, THROUGH_SLOPE, vf, g, saved);
#endif
            *(vf *)(dy + at) = g;
            *(vf *)(db + k * LANES) += g;
        }
    }
}

/* sums[k][s] += the lanes of x, moved by s, times those of dy, over all rows: M filters, R taps of a filter row. */
static void LOCAL_NAME(taps)(const float *image, const float *dy, float *sums) {
    vf sum[M][R];
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int s = 0; s < R; s++) sum[m][s] = *(vf *)(sums + (m * R + s) * LANES);
    }
    for (int p = 0; p < HIGH * WINDOW; p++)
        for (int j = 0; j < LINE; j += LANES) {
            vf g[M];
            UNROLL
            for (int m = 0; m < M; m++) g[m] = *(const vf *)(dy + p * PLANE + m * LINE + j);
            UNROLL
            for (int s = 0; s < R; s++) {
                const vf x = GET_ANY(image + p * WP + s + j);
                UNROLL
                for (int m = 0; m < M; m++) sum[m][s] = MAC(x, g[m], sum[m][s]);
            }
        }
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int s = 0; s < R; s++) *(vf *)(sums + (m * R + s) * LANES) = sum[m][s];
    }
}

/* M filters at a time; what stands behind the last one is computed and not used. */
#define FILTERS ((K + M - 1) / M * M)
static void NAME(X_PARAMETERS, __global const float *dpooled, __global const float *y, __global float *partials,
                 const int N, const int each, __local float *shared, int group) {
    float image[IMAGE] __attribute__((aligned(64)));
    float wide[PLANE] __attribute__((aligned(64)));
    float dy[HIGH * WINDOW * PLANE + M * LINE] __attribute__((aligned(64)));
    float sums[R * FILTERS * R * LANES] __attribute__((aligned(64)));
    float db[K * LANES] __attribute__((aligned(64)));
    __global float *to = partials + (size_t)group * ((R * R + 1) * LDW);
    for (int i = 0; i < IMAGE; i++) image[i] = 0.0f;
    for (int i = 0; i < PLANE; i++) wide[i] = 0.0f;
    for (int i = 0; i < HIGH * WINDOW * PLANE + M * LINE; i++) dy[i] = 0.0f;
    for (int i = 0; i < R * FILTERS * R * LANES; i++) sums[i] = 0.0f;
    for (int i = 0; i < K * LANES; i++) db[i] = 0.0f;
    FOR_IMAGES(n) {
        LOCAL_NAME(load)(X_ARGUMENTS, n, image);
        LOCAL_NAME(widen)(dpooled, y, n, wide, dy, db);
        for (int r = 0; r < R; r++)
            for (int k = 0; k < K; k += M)
                LOCAL_NAME(taps)(image + r * WP, dy + k * LINE, sums + (r * FILTERS + k) * (R * LANES));
    }
    for (int t = 0; t <= R * R; t++)
        for (int k = 0; k < LDW; k++) {
            const float *lanes = t < R * R ? sums + ((t / R * FILTERS + k) * R + t % R) * LANES : db + k * LANES;
            to[t * LDW + k] = k < K ? SUM(*(const vf *)lanes) : 0.0f;
        }
}
#undef FILTERS
#endif
#undef WP
#undef IMAGE
#undef PLANE
#undef SHARE
#undef FOR_IMAGES
