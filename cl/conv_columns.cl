/* conv_columns.cl: gradient of a convolution by its input, by filter rows; cpu family, stride 1.
 *
 * dx[n,h,w,c] = act'(saved) sum over r,s,k of dy[n,p,q,k] w[r,s,c,k] where h = p+r-PAD, w = q+s-PAD. For few channels:
 * six would use 6 of 16 lanes. The lanes are a filter row (s,c) instead: for an image row h and a column q the sum over
 * r,k of dy[h+PAD-r,q,k] w[r,:,:,k] is a run of R*C values of row h that begins at pixel q-PAD. Runs overlap: they go to
 * LINES lines, in each of which they do not, and the lines are added.
 * Shapes: dy (N,P,Q,LDY), w (R,R,C,LDW), dx (N,H,W,LDX), packed (R,K,RUN) from the last r to the first, RUN: R*C and
 * what pads it to whole vectors. */
#define LINES  ((RUN + C - 1) / C)
#define LENGTH ((Q * C + RUN + LANES - 1) / LANES * LANES)
#define NW     (NV * LANES)

#ifdef BODY_conv_pack_columns
/* A group is an r. */
static void NAME(__global const float *w, __global float *packed, __local float *shared, int group) {
    for (int k = 0; k < K; k++)
        for (int i = 0; i < RUN; i++)
            packed[(group * K + k) * RUN + i] = i < R * C ? w[((R - 1 - group) * R * C + i) * LDW + k] : 0.0f;
}
#endif

#ifdef BODY_conv_dx_columns
#if THROUGH
typedef const float *LOCAL_NAME(gradient);
#else
typedef __global const float *LOCAL_NAME(gradient);
#endif
/* M runs of an image row from column q on, NW lanes of them, from `rows` rows of dy. */
static void LOCAL_NAME(tile)(LOCAL_NAME(gradient) dy, __global const float *packed, float *lines, const int rows,
                             const int q) {
    vf sum[M][NV];
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int v = 0; v < NV; v++) sum[m][v] = (vf)(0.0f);
    }
    for (int r = 0; r < rows; r++, dy += Q * LDY) {
        _Pragma("nounroll")
        for (int k = 0; k < K; k++, packed += RUN) {
            vf w[NV];
            UNROLL
            for (int v = 0; v < NV; v++) w[v] = LOAD(packed + v * LANES);
            UNROLL
            for (int m = 0; m < M; m++) {
                const vf g = (vf)(dy[m * LDY + k]);
                UNROLL
                for (int v = 0; v < NV; v++) sum[m][v] = MAC(g, w[v], sum[m][v]);
            }
        }
    }
    UNROLL
    for (int m = 0; m < M; m++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            PUT_ANY(lines + (q + m) % LINES * LENGTH + (q + m) * C + v * LANES, sum[m][v]);
    }
}

static void NAME(DY_PARAMETERS, __global const float *packed, __global const float *saved, __global float *dx,
                 const int N, const int each, __local float *shared, int group) {
    float lines[LINES * LENGTH] __attribute__((aligned(64)));
    float total[LENGTH + LANES] __attribute__((aligned(64)));
#if THROUGH
    float spread[P * Q * LDY] __attribute__((aligned(64)));
    for (int i = 0; i < P * Q * LDY; i++) spread[i] = 0.0f;
#endif
    for (int i = 0; i < LINES * LENGTH; i++) lines[i] = 0.0f;
    for (int i = 0; i < LENGTH + LANES; i++) total[i] = 0.0f;
    for (int n = group * each; n < min((group + 1) * each, N); n++) {
#if THROUGH
        LOCAL_NAME(spread)(DY_ARGUMENTS, n, spread, Q * LDY, LDY);
        const float *from = spread;
#else
        __global const float *from = dy + (size_t)n * (P * Q * LDY);
#endif
        for (int h = 0; h < H; h++) {
            const int first = h + PAD - (R - 1), skip = max(-first, 0), rows = max(min(R, P - first) - skip, 0);
            for (int i = 0; i < Q; i += M) {
                const int q = min(i, Q - M); /* the last tile overlaps the one before */
                for (int j = 0; j < RUN; j += NW)
                    LOCAL_NAME(tile)(from + ((first + skip) * Q + q) * LDY, packed + skip * K * RUN + j, lines + j, rows,
                                     q);
            }
            for (int i = 0; i < LENGTH; i += LANES) {
                vf sum = *(vf *)(lines + i);
                UNROLL
                for (int k = 1; k < LINES; k++) sum += *(vf *)(lines + k * LENGTH + i);
                *(vf *)(total + i) = sum;
            }
            for (int u = 0; u < W; u++)
                for (int c = 0; c < LDX; c += LANES) {
                    const size_t at = ((size_t)(n * H + h) * W + u) * LDX + c;
                    vf value = GET_ANY(total + (u + PAD) * C + c);
                    value = (vi)(c) + LANE_NUMBERS < (vi)(C) ? value : (vf)(0.0f);
#if ADD
                    value += LOAD(dx + at);
#endif
#if ACT
                    const vf old = LOAD(saved + at);
                    value = DERIVE(vf, value, old);
#endif
                    STORE(dx + at, value);
                }
        }
    }
}
#endif
#undef LINES
#undef LENGTH
#undef NW
