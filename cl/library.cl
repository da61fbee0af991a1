/* library.cl: what stands around a product that a library has made: bias and activation, act' of a gradient, sums of
 * columns, filters as cuDNN wants them, operands rounded to bf16.
 *
 * y (rows,LD) = act(y + b), pad lanes zero; dx (rows,LD) = dx act'(saved), zero from COLUMNS on; db[k] = sum over the rows
 * of dy[n,k], in their order (LMEM: of ABREAST columns a group, those of an item, then the items' by halves). turned
 * (K,TAPS,C) = w (TAPS,ROWS,K) with zeros for channels from ROWS on, and back.
 * NARROW: what the library takes or gives back is bf16 (src/cuda/bf16.c); then y = act(narrow + b), and
 * dx = (ADD ? dx + narrow : narrow) act'(saved). */
#define WORD_0 float
#define WORD_1 ushort
#define WORD JOIN(WORD, NARROW) /* of what goes to the library and comes from it */
#define WIDE_0(word) (word)
#define WIDE_1(word) as_float((int)((uint)(word) << 16))
#define WIDE(word) JOIN(WIDE, NARROW)(word)
#define ROUNDED_0(x) (x)
#define ROUNDED_1(x) LOCAL_NAME(to_bf16)(x)
#define ROUNDED(x) JOIN(ROUNDED, NARROW)(x)

#if NARROW && (defined(BODY_round) || defined(BODY_turn_filter))
/* The upper half of a float, rounded to the nearest, ties to even; a NaN stays one. */
static ushort LOCAL_NAME(to_bf16)(float x) {
    const uint bits = (uint)as_int(x);
    return (ushort)((x != x ? bits | 0x400000u : bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}
#endif

#ifdef BODY_round
static void NAME(__global const float *x, __global ushort *rounded, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        rounded[i] = ROUNDED(x[i]); /* one lane */
    }
}
#endif

#ifdef BODY_bias_act
static void NAME(__global const float *b,
#if NARROW
                 __global const WORD *narrow,
#endif
                 __global float *y, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int column = i % LD;
#if NARROW
        vf v = WIDE(narrow[i]);
#else
        vf v = LOAD(y + i);
#endif
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
static void NAME(__global const float *saved,
#if NARROW
                 __global const WORD *narrow,
#endif
                 __global float *dx, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
#if NARROW && ADD
        vf v = LOAD(dx + i) + WIDE(narrow[i]);
#elif NARROW
        vf v = WIDE(narrow[i]);
#else
        vf v = LOAD(dx + i);
#endif
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
#if LMEM
    const int column = group * ABREAST + ITEM % ABREAST;
    float sum = 0.0f;
    for (int n = ITEM / ABREAST; n < rows; n += LOCAL / ABREAST) sum += dy[(size_t)n * LDY + column];
    shared[ITEM] = sum;
    for (int half_way = LOCAL / 2; half_way >= ABREAST; half_way /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (ITEM < half_way) shared[ITEM] += shared[ITEM + half_way];
    }
    if (ITEM < ABREAST) db[column] = shared[ITEM];
#else
    const int column = (group * LOCAL + ITEM) * LANES;
    if (column >= WIDTH) return;
    vf sum = (vf)(0.0f);
    for (int n = 0; n < rows; n++) sum += LOAD(dy + (size_t)n * LDY + column);
    STORE(db + column, sum);
#endif
}
#endif

#ifdef BODY_turn_filter
static void NAME(__global const float *w, __global WORD *turned, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int c = i % C, tap = i / C % TAPS, k = i / C / TAPS;
        turned[i] = ROUNDED(c < ROWS ? w[(size_t)(tap * ROWS + c) * K + k] : 0.0f);
    }
}
#endif

#ifdef BODY_turn_back
static void NAME(__global const WORD *turned, __global float *w, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int k = i % K, c = i / K % ROWS, tap = i / K / ROWS;
        w[i] = WIDE(turned[((size_t)k * TAPS + tap) * C + c]);
    }
}
#endif
#undef WORD_0
#undef WORD_1
#undef WORD
#undef WIDE_0
#undef WIDE_1
#undef WIDE
#undef ROUNDED_0
#undef ROUNDED_1
#undef ROUNDED
