/* linear.cl: linear layers and their gradients as products of register tiles (cpu family).
 *
 * linear (y = act(x w + b)) and dx (dx = dy w^T act'(saved y), w turned by `pack`) are one product: rows of `a`, DEPTH
 * long, times b (DEPTH,LDB) give rows of WIDTH. A group has ROWS rows, a tile of TILE rows at a time, which first go
 * to scratch: bytes of the data set become numbers there once (GATHER), and rows behind the batch repeat its last row
 * and are not stored, so that no tile has an edge. Where the batch has few rows, SPREAD groups share its columns, SPAN
 * each, and linear_dx_few takes w as it lies: dot products along its rows cost less than turning it. linear_dw (dw = x^T dy) sums over the batch: a group has STRIP
 * features, in tiles of TILE, and adds up CHUNK rows of the batch after another. VECTORS of 16 columns are a tile's
 * width, REST what is left of them. Every sum is in the order of the rows or of the depth: no partial sums. */

/* --- what x is: an activation, or rows of the data set ------------------------------------------------------------ */
#if GATHER
#if BYTES
typedef uchar LOCAL_NAME(value);
#define GET_X(p)  NORMALIZE(vf, TO_FLOAT(LOAD_BYTES(p)))
#define GET_X1(p) NORMALIZE(float, (float)*(p))
#else
typedef float LOCAL_NAME(value);
#define GET_X(p)  LOAD_ANY(p)
#define GET_X1(p) (*(p))
#endif
#define X_ROW(n)  (order[POSITION(head, n)] < 0 ? 0 : data + (size_t)order[POSITION(head, n)] * LDX)
#define X_PARAMS  __global const int *head, __global const LOCAL_NAME(value) *data, __global const int *order
#else
typedef float LOCAL_NAME(value);
#define GET_X(p)  LOAD_ANY(p)
#define GET_X1(p) (*(p))
#define X_ROW(n)  (data + (size_t)(n) * LDX)
#define X_PARAMS  __global const float *data
#endif

/* `count` elements of a row of x, zeros up to a whole vector; NULL: zeros. */
#define COPY_X(to, from, count)                                                                                        \
    if (!(from)) {                                                                                                     \
        for (int i = 0; i < (count); i += LANES) *(vf *)((to) + i) = (vf)(0.0f);                                       \
    } else {                                                                                                           \
        int i = 0;                                                                                                     \
        for (; i + LANES <= (count); i += LANES) *(vf *)((to) + i) = GET_X((from) + i);                                \
        for (; i < (count); i++) (to)[i] = GET_X1((from) + i);                                                         \
    }

#if defined(BODY_linear) || defined(BODY_linear_dx)
/* --- rows times a matrix ------------------------------------------------------------------------------------------ */
#define LDS ((DEPTH + 15) / 16 * 16 + 16) /* of scratch: rows do not share cache sets */

#if ACT == 1 && COLUMNS % 16
#define PAD_ZERO(r, j) ((vi)(j) + LANE_NUMBERS < COLUMNS ? (r) : (vf)(0.0f))
#else
#define PAD_ZERO(r, j) (r)
#endif
/* Sixteen elements of an output's row, or those that it has: an image as it comes from the data set is not padded. */
#if LDC % 16
static vf LOCAL_NAME(get)(__global const float *p, const int j) {
    float lanes[16];
    for (int i = 0; i < 16; i++) lanes[i] = j + i < LDC ? p[i] : 0.0f;
    return (vf)(lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5], lanes[6], lanes[7], lanes[8], lanes[9],
                lanes[10], lanes[11], lanes[12], lanes[13], lanes[14], lanes[15]);
}
static void LOCAL_NAME(put)(__global float *p, const vf r, const int j) {
    const float lanes[16] = {r.s0, r.s1, r.s2, r.s3, r.s4, r.s5, r.s6, r.s7,
                             r.s8, r.s9, r.sa, r.sb, r.sc, r.sd, r.se, r.sf};
    for (int i = 0; i < 16 && j + i < LDC; i++) p[i] = lanes[i];
}
#define GET(p, j)    LOCAL_NAME(get)(p, j)
#define PUT(p, r, j) LOCAL_NAME(put)(p, r, j)
#else
#define GET(p, j)    LOAD(p)
#define PUT(p, r, j) STORE(p, r)
#endif
#ifdef BODY_linear
#define FIRST(v)       (BIAS ? LOAD(extra + j + (v)*16) : (vf)(0.0f))
#define EPILOGUE(r, at) r = PAD_ZERO(ACTIVATE(vf, r), column);
#else
#define FIRST(v)       (vf)(0.0f)
#define EPILOGUE(r, at)                                                                                                \
    if (ADD) r += GET(c + at, column);                                                                                 \
    if (ACT) r = DERIVE(vf, r, GET(extra + at, column));
#endif
#define BEGIN_(m, v) s[m][v] = FIRST(v);
#define BEGIN(m)     ACROSS(NV, BEGIN_, m)
#define FETCH(m, v)  w[v] = LOAD(b + (v)*16);
#define STEP_(m, v)  s[m][v] = MAC(x, w[v], s[m][v]);
#define STEP(m)                                                                                                        \
    {                                                                                                                  \
        const vf x = (vf)(a[(m)*LDS + k]);                                                                             \
        ACROSS(NV, STEP_, m)                                                                                           \
    }
#define END_(m, v)                                                                                                     \
    {                                                                                                                  \
        const int column = j + (v)*16, at = (m)*LDC + column;                                                          \
        vf r = s[m][v];                                                                                                \
        EPILOGUE(r, at)                                                                                                \
        PUT(c + at, r, column);                                                                                        \
    }
#define END(m)                                                                                                         \
    if (m < rows) { ACROSS(NV, END_, m) }
/* `rows` rows of c at column j. extra: bias, or rows of saved y. */
#define TILE_OF_ROWS                                                                                                   \
    (const float *a, __global const float *b, __global const float *extra, __global float *c, const int j,             \
     const int rows) {                                                                                                 \
        vf s[TILE][NV], w[NV];                                                                                         \
        b += j;                                                                                                        \
        REPEAT(TILE, BEGIN)                                                                                            \
        for (int k = 0; k < DEPTH; k++, b += LDB) {                                                                    \
            ACROSS(NV, FETCH, 0)                                                                                       \
            REPEAT(TILE, STEP)                                                                                         \
        }                                                                                                              \
        REPEAT(TILE, END)                                                                                              \
    }
#define NV VECTORS
static void LOCAL_NAME(tile) TILE_OF_ROWS
#undef NV
#if REST
#define NV REST
static void LOCAL_NAME(rest) TILE_OF_ROWS
#undef NV
#endif

static void NAME(X_PARAMS, __global const float *b, __global const float *extra, __global float *c, const int N,
                 __local float *shared, int group) {
    vf scratch[TILE * LDS / 16];
    float *a = (float *)scratch;
    const int row = group / SPREAD * ROWS, end = min(row + ROWS, N), first = group % SPREAD * SPAN;
    for (int n = row; n < end; n += TILE) {
        for (int m = 0; m < TILE; m++) {
            __global const LOCAL_NAME(value) *from = X_ROW(min(n + m, N - 1));
            COPY_X(a + m * LDS, from, DEPTH)
        }
#if GATHER
        for (int m = n + TILE; m < min(n + 2 * TILE, N); m++) /* the data set lies far away; the next group is near */
            for (int i = 0; i < LDX; i += CACHE_LINE / (int)sizeof(LOCAL_NAME(value)))
                if (X_ROW(m)) PREFETCH(X_ROW(m) + i);
#endif
#ifdef BODY_linear
        __global const float *more = extra;
#else
        __global const float *more = extra + (size_t)n * LDC;
#endif
        for (int j = first; j < min(first + SPAN, WIDTH - REST * 16); j += VECTORS * 16)
            LOCAL_NAME(tile)(a, b, more, c + (size_t)n * LDC, j, end - n);
#if REST
        if (group % SPREAD == SPREAD - 1) LOCAL_NAME(rest)(a, b, more, c + (size_t)n * LDC, WIDTH - REST * 16, end - n);
#endif
    }
}
#undef LDS
#undef PAD_ZERO
#undef GET
#undef PUT
#undef EPILOGUE
#undef FIRST
#undef BEGIN_
#undef BEGIN
#undef FETCH
#undef STEP_
#undef STEP
#undef END_
#undef END
#undef TILE_OF_ROWS
#endif

#ifdef BODY_linear_pack
/* Turned (DEPTH,LDB) from w (D,LDW). A group is one vector of rows of w. */
static void NAME(__global const float *w, __global float *turned, __local float *shared, int group) {
    const int from = group * 16;
    for (int k = 0; k < DEPTH; k++)
        for (int d = 0; d < 16; d++)
            turned[(size_t)k * LDB + from + d] = from + d < D ? w[(size_t)(from + d) * LDW + k] : 0.0f;
}
#endif

#ifdef BODY_linear_dx_few
/* --- few rows times a matrix as it lies --------------------------------------------------------------------------- */
#define BEGIN_(m, v) s[m][v] = (vf)(0.0f);
#define BEGIN(m)     ACROSS(2, BEGIN_, m)
#define STEP_(m, v)  s[m][v] = MAC(x, w[v], s[m][v]);
#define STEP(m)                                                                                                        \
    {                                                                                                                  \
        const vf x = LOAD(a + (m)*LDX + k);                                                                            \
        ACROSS(2, STEP_, m)                                                                                            \
    }
#define END_(m, v) sums[m][i + v] = SUM(s[m][v]);
#define END(m)     ACROSS(2, END_, m)
/* A group is 16 columns of dx: rows of w, two at a time. Rows behind the batch repeat its last tile's first rows. */
static void NAME(__global const float *dy, __global const float *b, __global const float *extra, __global float *c,
                 const int N, __local float *shared, int group) {
    const int d = group * 16;
    for (int next = 0; next < N; next += TILE) {
        const int n = max(0, min(next, N - TILE)), rows = min(TILE, N);
        __global const float *a = dy + (size_t)n * LDX;
        float sums[TILE][16] __attribute__((aligned(64)));
        for (int i = 0; i < 16; i += 2) {
            vf s[TILE][2], w[2];
            REPEAT(TILE, BEGIN)
            for (int k = 0; k < LDB; k += LANES) {
                w[0] = d + i < D ? LOAD(b + (size_t)(d + i) * LDB + k) : (vf)(0.0f);
                w[1] = d + i + 1 < D ? LOAD(b + (size_t)(d + i + 1) * LDB + k) : (vf)(0.0f);
                REPEAT(TILE, STEP)
            }
            REPEAT(TILE, END)
        }
        for (int m = next - n; m < rows; m++) {
            const size_t at = (size_t)(n + m) * LDC + d;
            vf r = *(vf *)sums[m];
            if (ADD) r += LOAD(c + at);
            if (ACT) r = DERIVE(vf, r, LOAD(extra + at));
            STORE(c + at, r);
        }
    }
}
#undef BEGIN_
#undef BEGIN
#undef STEP_
#undef STEP
#undef END_
#undef END
#endif

#ifdef BODY_linear_dw
/* --- sums over the batch ------------------------------------------------------------------------------------------ */
#define BEGIN_(m, v) s[m][v] = first || (m) >= rows ? (vf)(0.0f) : LOAD(c + (m)*LDW + (v)*16);
#define BEGIN(m)     ACROSS(NV, BEGIN_, m)
#define FETCH(m, v)  w[v] = LOAD(b + (v)*16);
#define STEP_(m, v)  s[m][v] = MAC(x, w[v], s[m][v]);
#define STEP(m)                                                                                                        \
    {                                                                                                                  \
        const vf x = (vf)(a[m]);                                                                                       \
        ACROSS(NV, STEP_, m)                                                                                           \
    }
#define END_(m, v) STORE(c + (m)*LDW + (v)*16, s[m][v]);
#define END(m)                                                                                                         \
    if (m < rows) { ACROSS(NV, END_, m) }
/* `rows` rows of dw, `count` rows of the batch. */
#define TILE_OF_SUMS                                                                                                   \
    (const float *a, __global const float *b, __global float *c, const int rows, const int count, const int first) {   \
        vf s[TILE][NV], w[NV];                                                                                         \
        REPEAT(TILE, BEGIN)                                                                                            \
        for (int n = 0; n < count; n++, a += STRIP, b += LDY) {                                                        \
            ACROSS(NV, FETCH, 0)                                                                                       \
            REPEAT(TILE, STEP)                                                                                         \
        }                                                                                                              \
        REPEAT(TILE, END)                                                                                              \
    }
#define NV VECTORS
static void LOCAL_NAME(tile) TILE_OF_SUMS
#undef NV
#if REST
#define NV REST
static void LOCAL_NAME(rest) TILE_OF_SUMS
#undef NV
#endif

static void NAME(X_PARAMS, __global const float *dy, __global float *dw, const int N, __local float *shared,
                 int group) {
    vf scratch[CHUNK * STRIP / 16];
    float *a = (float *)scratch;
    const int d = group * STRIP, width = min(STRIP, D - d);
    for (int from = 0; from < N; from += CHUNK) {
        const int count = min(CHUNK, N - from);
        __global const float *b = dy + (size_t)from * LDY;
        for (int n = 0; n < count; n++) {
            __global const LOCAL_NAME(value) *row = X_ROW(from + n);
            if (row) row += d;
            COPY_X(a + n * STRIP, row, width)
        }
        for (int j = 0; j < WIDTH - REST * 16; j += VECTORS * 16) /* dy's panel stays in L1 for all tiles */
            for (int m = 0; m < width; m += TILE)
                LOCAL_NAME(tile)(a + m, b + j, dw + (size_t)(d + m) * LDW + j, width - m, count, from == 0);
#if REST
        for (int m = 0; m < width; m += TILE)
            LOCAL_NAME(rest)(a + m, b + WIDTH - REST * 16, dw + (size_t)(d + m) * LDW + WIDTH - REST * 16, width - m,
                             count, from == 0);
#endif
    }
}
#undef BEGIN_
#undef BEGIN
#undef FETCH
#undef STEP_
#undef STEP
#undef END_
#undef END
#undef TILE_OF_SUMS
#endif

#ifdef BODY_linear_db
/* A group is one vector of columns. */
static void NAME(__global const float *dy, __global float *db, const int N, __local float *shared, int group) {
    vf a = (vf)(0.0f), b = (vf)(0.0f);
    dy += group * 16;
    int n = 0;
    for (; n + 2 <= N; n += 2) a += LOAD(dy + (size_t)n * LDY), b += LOAD(dy + (size_t)(n + 1) * LDY);
    if (n < N) a += LOAD(dy + (size_t)n * LDY);
    STORE(db + group * 16, a + b);
}
#endif
#undef GET_X
#undef GET_X1
#undef X_ROW
#undef X_PARAMS
#undef COPY_X
