/* library.cl: what stands around a product that a library has made: bias and activation, act' of a gradient, sums of
 * columns, filters as cuDNN wants them.
 *
 * y (rows,LD) = act(y + b), pad lanes zero; dx (rows,LD) = dx act'(saved), zero from COLUMNS on; db[k] = sum over the rows
 * of dy[n,k], in their order. turned (K,TAPS,C) = w (TAPS,ROWS,K) with zeros for channels from ROWS on, and back. */
#ifdef BODY_bias_act
static void NAME(__global const float *b, __global float *y, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int column = i % LD;
        vf v = LOAD(y + i);
#if BIAS
        v += LOAD(b + column);
#endif
        v = ACTIVATE(vf, v);
#if LANES == 1
        STORE(y + i, column < COLUMNS ? v : 0.0f);
#else
        STORE(y + i, (vi)column + LANE_NUMBERS < (vi)COLUMNS ? v : (vf)(0.0f));
#endif
    }
}
#endif

#ifdef BODY_derive
static void NAME(__global const float *saved, __global float *dx, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        vf v = LOAD(dx + i);
#if ACT
        vf y = LOAD(saved + i);
        v = DERIVE(vf, v, y);
#endif
#if COLUMNS < LD
        if (i % LD >= COLUMNS) v = 0.0f; /* one lane */
#endif
        STORE(dx + i, v);
    }
}
#endif

#ifdef BODY_column_sums
static void NAME(__global const float *dy, __global float *db, const int rows, __local float *shared, int group) {
    const int column = (group * LOCAL + ITEM) * LANES;
    if (column >= WIDTH) return;
    vf sum = (vf)(0.0f);
    for (int n = 0; n < rows; n++) sum += LOAD(dy + (size_t)n * LDY + column);
    STORE(db + column, sum);
}
#endif

#ifdef BODY_turn_filter
static void NAME(__global const float *w, __global float *turned, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int c = i % C, tap = i / C % TAPS, k = i / C / TAPS;
        turned[i] = c < ROWS ? w[(size_t)(tap * ROWS + c) * K + k] : 0.0f;
    }
}
#endif

#ifdef BODY_turn_back
static void NAME(__global const float *turned, __global float *w, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int k = i % K, c = i / K % ROWS, tap = i / K / ROWS;
        w[i] = turned[((size_t)k * TAPS + tap) * C + c];
    }
}
#endif
