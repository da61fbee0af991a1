/* conv_sparse.cl: gradients of a convolution behind a max-pooling whose windows do not overlap; cpu family.
 *
 * Of the gradients of a window all but one are zero. Their places are known: for every pooled position and filter k the
 * value v = act'(pooled) dpooled and the offset of its pixel in the bordered image. For 2x2 windows that is a quarter
 * of the multiplications of the plain form, and the zeros are neither written nor read. Lanes are channels c.
 * dw: for one k after the other, sum[r,s][c] += v x[offset + (r,s), c], the sums of a whole image in registers.
 * dx: dx[offset + (r,s), c] += v w[r,s][c][k] in a bordered image, for one k and position after the other.
 * (An infinite x or w times a zero gradient would be a NaN; here it shows where the gradient is not zero, and in the
 * loss.) Shapes: x, dx (N,H,W,C), dpooled, index, pooled (N,HIGH,WIDE,LDY), C a multiple of LANES, stride 1.
 * Partial of a part of the batch: (K,R,R,C), then db (LDW). */
#define WP     (W + 2 * PAD)
#define PITCH  (WP * C)
#define IMAGE  ((H + 2 * PAD) * PITCH)
#define TAPS   (R * R)
#define PLACES (HIGH * WIDE * LDY)
/* Of tap t in the image, from a pixel's own place on. */
#define TAP(t) ((t) / R * PITCH + (t) % R * C)

#if defined(BODY_conv_dw_sparse) || defined(BODY_conv_dx_sparse)
/* Values and offsets of one image. */
static void LOCAL_NAME(locate)(__global const float *dpooled, __global const uchar *index, __global const float *pooled,
                               const int n, float *values, int *offsets) {
    int at = 0;
    for (int p = 0; p < HIGH; p++)
        for (int q = 0; q < WIDE; q++)
            for (int k = 0; k < LDY; k += LANES, at += LANES) {
                const size_t from = (size_t)n * PLACES + at;
                const vf g = LOAD(dpooled + from), y = LOAD(pooled + from);
                const vi where = TO_INT(*(__global const vb *)(index + from));
                vi offset = (vi)(0);
                UNROLL
                for (int w = 1; w < WINDOW * WINDOW; w++)
                    offset = where == (vi)(w) ? (vi)(w / WINDOW * PITCH + w % WINDOW * C) : offset;
                *(vf *)(values + at) = DERIVE_OF(THROUGH_ACT, THROUGH_SLOPE, vf, g, y);
                *(vi *)(offsets + at) = offset + (vi)(p * WINDOW * PITCH + q * WINDOW * C);
            }
}
#endif

#ifdef BODY_conv_dw_sparse
static void NAME(__global const float *x, __global const float *dpooled, __global const uchar *index,
                 __global const float *pooled, __global float *partials, const int N, const int each,
                 __local float *shared, int group) {
    float image[IMAGE] __attribute__((aligned(64)));
    float values[PLACES] __attribute__((aligned(64)));
    int offsets[PLACES] __attribute__((aligned(64)));
    __global float *sums = partials + (size_t)group * (K * TAPS * C + LDW), *db = sums + K * TAPS * C;
    for (int i = 0; i < IMAGE; i++) image[i] = 0.0f;
    for (int i = 0; i < K * TAPS * C + LDW; i += LANES) STORE(sums + i, (vf)(0.0f));
    for (int n = group * each; n < min((group + 1) * each, N); n++) {
        LOCAL_NAME(locate)(dpooled, index, pooled, n, values, offsets);
        for (int h = 0; h < H; h++)
            for (int i = 0; i < W * C; i += LANES)
                *(vf *)(image + (h + PAD) * PITCH + PAD * C + i) = LOAD(x + ((size_t)n * H + h) * (W * C) + i);
        for (int k = 0; k < LDW; k += LANES) {
            vf total = (vf)(0.0f);
            for (int i = 0; i < PLACES; i += LDY) total += *(vf *)(values + i + k);
            STORE(db + k, LOAD(db + k) + total);
        }
        for (int k = 0; k < K; k++)
            for (int c = 0; c < C; c += LANES) {
                __global float *to = sums + k * (TAPS * C) + c;
                vf sum[TAPS];
                UNROLL
                for (int t = 0; t < TAPS; t++) sum[t] = LOAD(to + t * C);
                _Pragma("nounroll")
                for (int i = k; i < PLACES; i += LDY) {
                    const float *at = image + offsets[i] + c;
                    const vf v = (vf)(values[i]);
                    UNROLL
                    for (int t = 0; t < TAPS; t++) sum[t] = MAC(*(const vf *)(at + TAP(t)), v, sum[t]);
                }
                UNROLL
                for (int t = 0; t < TAPS; t++) STORE(to + t * C, sum[t]);
            }
    }
}
#endif

#ifdef BODY_conv_sum_sparse
/* A group is a tap, the last one the bias: dw[t][c][k] = sum over parts of partial[k][t][c]. */
static void NAME(__global const float *partials, __global float *dw, __global float *db, const int parts,
                 __local float *shared, int group) {
    const size_t step = K * TAPS * C + LDW;
    if (group == TAPS) {
        for (int k = 0; BIAS && k < LDW; k += LANES) {
            vf sum = LOAD(partials + K * TAPS * C + k);
            for (int i = 1; i < parts; i++) sum += LOAD(partials + i * step + K * TAPS * C + k);
            STORE(db + k, sum);
        }
        return;
    }
    for (int c = 0; c < C; c += LANES) {
        float turned[LANES * LDW] __attribute__((aligned(64)));
        for (int i = 0; i < LANES * LDW; i++) turned[i] = 0.0f;
        for (int k = 0; k < K; k++) {
            __global const float *from = partials + ((size_t)k * TAPS + group) * C + c;
            union {
                vf v;
                float lane[LANES];
            } sum;
            sum.v = LOAD(from);
            for (int i = 1; i < parts; i++) sum.v += LOAD(from + i * step);
            for (int i = 0; i < LANES; i++) turned[i * LDW + k] = sum.lane[i];
        }
        for (int i = 0; i < LANES * LDW; i += LANES)
            STORE(dw + (group * C + c) * LDW + i, *(vf *)(turned + i));
    }
}
#endif

#ifdef BODY_conv_pack_sparse
/* w as (K,R,R,C). A group is a tap. */
static void NAME(__global const float *w, __global float *packed, __local float *shared, int group) {
    for (int k = 0; k < K; k++)
        for (int c = 0; c < C; c++) packed[(k * TAPS + group) * C + c] = w[(group * C + c) * LDW + k];
}
#endif

#ifdef BODY_conv_dx_sparse
static void NAME(__global const float *dpooled, __global const uchar *index, __global const float *pooled,
                 __global const float *packed, __global const float *saved, __global float *dx, const int N,
                 const int each, __local float *shared, int group) {
    float image[IMAGE] __attribute__((aligned(64)));
    float values[PLACES] __attribute__((aligned(64)));
    int offsets[PLACES] __attribute__((aligned(64)));
    for (int n = group * each; n < min((group + 1) * each, N); n++) {
        LOCAL_NAME(locate)(dpooled, index, pooled, n, values, offsets);
        for (int i = 0; i < IMAGE; i += LANES) *(vf *)(image + i) = (vf)(0.0f);
        for (int k = 0; k < K; k++)
            for (int c = 0; c < C; c += LANES) {
                __global const float *w = packed + k * (TAPS * C) + c;
                vf weight[TAPS];
                UNROLL
                for (int t = 0; t < TAPS; t++) weight[t] = LOAD(w + t * C);
                _Pragma("nounroll")
                for (int i = k; i < PLACES; i += LDY) {
                    float *at = image + offsets[i] + c;
                    const vf v = (vf)(values[i]);
                    UNROLL
                    for (int t = 0; t < TAPS; t++)
                        *(vf *)(at + TAP(t)) = MAC(weight[t], v, *(vf *)(at + TAP(t)));
                }
            }
        for (int h = 0; h < H; h++)
            for (int i = 0; i < W * C; i += LANES) {
                const size_t to = ((size_t)n * H + h) * (W * C) + i;
                vf value = *(vf *)(image + (h + PAD) * PITCH + PAD * C + i);
#if ADD
                value += LOAD(dx + to);
#endif
#if ACT
                const vf y = LOAD(saved + to);
                value = DERIVE(vf, value, y);
#endif
                STORE(dx + to, value);
            }
    }
}
#endif
#undef WP
#undef PITCH
#undef IMAGE
#undef TAPS
#undef PLACES
#undef TAP
