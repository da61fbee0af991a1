/* gemm.cl: linear layers, convolutions and all their gradients in the gpu family: one product c = a b by tiles.
 *
 *   PASS     rows of c          columns     depth, added in order               a(row, k)    b(k, column)
 *   FORWARD  batch or pixels    outputs     inputs or (r,s,c)                   x            w
 *   DX       batch or pixels    inputs      outputs or (r,s,k)                  dy           w, read across
 *   DW       inputs or (r,s,c)  outputs     batch or pixels, a piece per SPLIT  x            dy
 *
 * Nothing is unrolled in memory: an element of a lies at the sum of where its pixel and where its tap stand, and is zero
 * outside of the image. With ONES, dw has one row of ones more in a: that row of c is db. GATHER: x is the data set.
 * DX of a stride: the pixels whose coordinates leave the same rests make a dense product with the taps that reach them.
 *
 * A group has a tile of BM x BN elements of c, an item ITEM_ROWS x ITEM_COLUMNS of them, as blocks of four. LMEM: the next
 * BK of the depth is on its way to registers while local memory holds what is multiplied; else every item reads what it
 * needs. Every sum runs along the depth, so tiles do not change a bit. */
#define FORWARD 0
#define DX      1
#define DW      2

#ifdef BODY_gemm
/* Images that a is read from: (H,W) of pixels of LDA values. */
#if PASS == DX
#define IMAGE_H P
#define IMAGE_W Q
#else
#define IMAGE_H H
#define IMAGE_W W
#endif
#define BM          (GRID_ROWS * ITEM_ROWS)
#define BN          (GRID_COLUMNS * ITEM_COLUMNS)
#define ROW_BLOCK   (ITEM_ROWS < 4 ? ITEM_ROWS : 4)
#define COLUMN_BLOCK (ITEM_COLUMNS < 4 ? ITEM_COLUMNS : 4)
/* Row i and column j of item `item` in the tile. */
#define TILE_ROW(i) ((i) / ROW_BLOCK * GRID_ROWS * ROW_BLOCK + item / GRID_COLUMNS * ROW_BLOCK + (i) % ROW_BLOCK)
#define TILE_COLUMN(j)                                                                                                 \
    ((j) / COLUMN_BLOCK * GRID_COLUMNS * COLUMN_BLOCK + item % GRID_COLUMNS * COLUMN_BLOCK + (j) % COLUMN_BLOCK)

/* Validity, .w of a place: a value is read where both places have VALUE; it is 1 where both have ONE only. */
#define VALUE 1
#define ONE   2

#if BYTES
#define A_TYPE  uchar
#define READ(v) NORMALIZE(float, (float)(v))
#else
#define A_TYPE  float
#define READ(v) (v)
#endif

#if GATHER
#define A_PARAMETERS     __global const int *head, __global const A_TYPE *a, __global const int *order
#define ORDER_PARAMETERS __global const int *head, __global const int *order,
#define ORDER            head, order,
/* Image n of the batch in the data set; none: not valid. */
#define FIND_IMAGE(n, valid)                                                                                           \
    if (valid) n = order[POSITION(head, n)];                                                                           \
    if (n < 0) valid = n = 0;
#else
#define A_PARAMETERS __global const float *a
#define ORDER_PARAMETERS
#define ORDER
#define FIND_IMAGE(n, valid)
#endif

/* The taps that reach a class of pixels: first filter row and column, then how many columns; one class where STRIDE is 1.
 * A class is (h % STRIDE, w % STRIDE). */
#define FIRST_TAP(rest) (((rest) + PAD) % STRIDE)
#define TAPS(rest)      ((R - FIRST_TAP(rest) + STRIDE - 1) / STRIDE)
#define CLASS_H         ((H + STRIDE - 1) / STRIDE)
#define CLASS_W         ((W + STRIDE - 1) / STRIDE)

/* Where row i of the batch, or pixel i of the batch, stands: (elements, h, w, validity). */
static int4 LOCAL_NAME(pixel)(ORDER_PARAMETERS const int i, const int count, const int2 rest) {
    int valid = i < count ? VALUE | ONE : 0;
#if !CONV
    int n = i;
    FIND_IMAGE(n, valid)
    return INT4(n * LDA, 0, 0, valid);
#else
#if PASS == DX
    int n = i / (CLASS_H * CLASS_W);
    const int h = i / CLASS_W % CLASS_H + (rest.x + PAD) / STRIDE, w = i % CLASS_W + (rest.y + PAD) / STRIDE;
#else
    int n = i / (P * Q);
    const int h = i / Q % P * STRIDE - PAD, w = i % Q * STRIDE - PAD;
#endif
    FIND_IMAGE(n, valid)
    return INT4(((n * IMAGE_H + h) * IMAGE_W + w) * LDA, h, w, valid);
#endif
}

/* Where tap i stands, from any pixel. */
static int4 LOCAL_NAME(tap)(const int i, const int count, const int2 rest) {
    const int valid = i < count ? VALUE : ONES && i == count ? ONE : 0;
#if !CONV
    return INT4(i, 0, 0, valid);
#elif PASS == DX
    const int across = max(TAPS(rest.y), 1); /* no tap reaches some pixels: their depth is 0, but a tap is asked for */
    const int k = i % K, s = i / K % across, r = i / K / across;
    return INT4(k - (r * IMAGE_W + s) * LDA, -r, -s, valid);
#else
    const int c = i % C, s = i / C % R, r = i / (C * R);
    return INT4((r * IMAGE_W + s) * LDA + c, r, s, valid);
#endif
}

static float LOCAL_NAME(value)(__global const A_TYPE *a, const int4 place) {
#if EDGES
    if ((uint)place.y >= IMAGE_H || (uint)place.z >= IMAGE_W) return place.w == ONE ? 1.0f : 0.0f;
#endif
    return place.w & VALUE ? READ(a[place.x]) : place.w ? 1.0f : 0.0f;
}
#if A_WIDE == 4
static float4 LOCAL_NAME(four)(__global const float *a, const int4 place) {
    const float4 else_value = FLOAT4(place.w == ONE ? 1.0f : 0.0f, 0.0f, 0.0f, 0.0f);
#if EDGES
    if ((uint)place.y >= IMAGE_H || (uint)place.z >= IMAGE_W) return else_value;
#endif
    return place.w & VALUE ? *(__global const float4 *)(a + place.x) : else_value;
}
#endif
#define BOTH(m, k)    INT4((m).x + (k).x, (m).y + (k).y, (m).z + (k).z, (m).w & (k).w)
#define A_VALUE(m, k) LOCAL_NAME(value)(a, BOTH(m, k))

/* Where step k of the depth stands in b; negative behind the last. */
static int LOCAL_NAME(step)(const int k, const int end, const int2 rest) {
    if (k >= end) return -1;
#if PASS != DX
    return k * LDB;
#elif !CONV
    return k;
#else
    const int s = FIRST_TAP(rest.y) + STRIDE * (k / K % TAPS(rest.y));
    const int r = FIRST_TAP(rest.x) + STRIDE * (k / K / TAPS(rest.y));
    return (r * R + s) * C * LDB + k % K;
#endif
}
#define B_COLUMN(n) ((n) * (PASS == DX ? LDB : 1))
#define B_VALUE(k, n) ((k) >= 0 && (n) < COLUMNS ? b[(k) + B_COLUMN(n)] : 0.0f)

#if PASS == DW
#define ALONG_ROWS(m)  LOCAL_NAME(tap)(m, ROWS, rest)
#define ALONG_DEPTH(k) LOCAL_NAME(pixel)(ORDER k, to, rest)
#else
#define ALONG_ROWS(m)  LOCAL_NAME(pixel)(ORDER m, rows, rest)
#define ALONG_DEPTH(k) LOCAL_NAME(tap)(k, to, rest)
#endif

/* What item loads of a tile, number i: neighbours in memory are read by neighbouring items, or four of them (A_WIDE,
 * B_WIDE) by one: along the depth where that is how they lie, else along rows or columns. */
#define PART(i) (ITEM + (i) * LOCAL)
#if PASS == DW
#define A_ROW(i)   (PART(i) % (BM / A_WIDE) * A_WIDE)
#define A_DEPTH(i) (PART(i) / (BM / A_WIDE))
#else
#define A_ROW(i)   (PART(i) / (BK / A_WIDE))
#define A_DEPTH(i) (PART(i) % (BK / A_WIDE) * A_WIDE)
#endif
#if PASS == DX
#define B_DEPTH(i) (PART(i) % (BK / B_WIDE) * B_WIDE)
#define B_PLACE(i) (PART(i) / (BK / B_WIDE))
#else
#define B_DEPTH(i) (PART(i) / (BN / B_WIDE))
#define B_PLACE(i) (PART(i) % (BN / B_WIDE) * B_WIDE)
#endif
#define A_LOADS (BM * BK / LOCAL / A_WIDE)
#define B_LOADS (BN * BK / LOCAL / B_WIDE)
#define ALONG_TILE(to, v)  *(__local float4 *)(to) = (v)
#define ACROSS_TILE(to, pitch, v)                                                                                      \
    (to)[0] = (v).x, (to)[pitch] = (v).y, (to)[2 * (pitch)] = (v).z, (to)[3 * (pitch)] = (v).w
#if A_WIDE == 1
#define A_NEXT              float
#define GET_A(m, k)         A_VALUE(m, k)
#define PUT_A(to, v)        *(to) = (v)
#else
#define A_NEXT              float4
#define GET_A(m, k)         LOCAL_NAME(four)(a, BOTH(m, k))
#if PASS == DW
#define PUT_A(to, v)        ALONG_TILE(to, v)
#else
#define PUT_A(to, v)        ACROSS_TILE(to, A_PITCH, v)
#endif
#endif
#if B_WIDE == 1
#define B_NEXT              float
#define GET_B(k, n)         B_VALUE(k, n)
#define PUT_B(to, v)        *(to) = (v)
#else
#define B_NEXT              float4
#define B_END               (PASS == DX ? COLUMNS : LDB) /* what lies behind the columns is not stored */
#define GET_B(k, n)                                                                                                    \
    ((k) >= 0 && (n) < B_END ? *(__global const float4 *)(b + (k) + B_COLUMN(n)) : FLOAT4(0.0f, 0.0f, 0.0f, 0.0f))
#if PASS == DX
#define PUT_B(to, v)        ACROSS_TILE(to, B_PITCH, v)
#else
#define PUT_B(to, v)        ALONG_TILE(to, v)
#endif
#endif
#define A_PITCH (BM + 4) /* banks of local memory */
#define B_PITCH (BN + 4)

#define MULTIPLY(sums, x, y)                                                                                           \
    UNROLL for (int i = 0; i < ITEM_ROWS; i++) UNROLL for (int j = 0; j < ITEM_COLUMNS; j++)     \
        sums[i * ITEM_COLUMNS + j] = MAC(x[i], y[j], sums[i * ITEM_COLUMNS + j])

/* batch: rows; share: tiles of rows of a class (DX), depth of a piece (DW). extra: bias, saved output. */
static void NAME(A_PARAMETERS, __global const float *b, __global const float *extra, __global float *c,
                 __global float *db, const int batch, const int share, __local float *shared, int group) {
    const int column = group % TILES_N * BN, number = group / TILES_N;
    /* Read anew behind the last barrier: PoCL 3.1 takes some conditions that it could know before a barrier for the same
     * in all items. */
    volatile int kept = ITEM;
    int item = kept;
#if PASS == DW
    const int2 rest = INT2(0, 0);
    const int piece = number / TILES_M, row = number % TILES_M * BM, rows = ROWS + ONES;
    const int from = piece * share, to = min(from + share, batch * PIXELS);
#elif PASS == DX && CONV
    const int2 rest = INT2(number / share / STRIDE, number / share % STRIDE);
    const int row = number % share * BM, rows = batch * CLASS_H * CLASS_W;
    const int from = 0, to = TAPS(rest.x) * TAPS(rest.y) * K;
#else
    const int2 rest = INT2(0, 0);
    const int row = number * BM, rows = batch * PIXELS;
    const int from = 0, to = DEPTH;
#endif
    float sums[ITEM_ROWS * ITEM_COLUMNS], x[ITEM_ROWS], y[ITEM_COLUMNS];
    UNROLL for (int i = 0; i < ITEM_ROWS * ITEM_COLUMNS; i++) sums[i] = 0.0f;

#if LMEM
    __local float *a_tile = shared, *b_tile = shared + BK * A_PITCH;
    int4 places[A_LOADS];
    A_NEXT next_a[A_LOADS];
    B_NEXT next_b[B_LOADS];
    UNROLL for (int i = 0; i < A_LOADS; i++) places[i] = ALONG_ROWS(row + A_ROW(i));
#define FETCH(k0)                                                                                                      \
    UNROLL for (int i = 0; i < A_LOADS; i++) {                                                              \
        const int4 place = ALONG_DEPTH((k0) + A_DEPTH(i));                                                             \
        next_a[i] = GET_A(places[i], place);                                                                           \
    }                                                                                                                  \
    UNROLL for (int i = 0; i < B_LOADS; i++) {                                                              \
        const int step = LOCAL_NAME(step)((k0) + B_DEPTH(i), to, rest);                                                \
        next_b[i] = GET_B(step, column + B_PLACE(i));                                                                  \
    }
    FETCH(from)
    for (int k0 = from; k0 < to; k0 += BK) {
        UNROLL for (int i = 0; i < A_LOADS; i++) PUT_A(a_tile + A_DEPTH(i) * A_PITCH + A_ROW(i), next_a[i]);
        UNROLL for (int i = 0; i < B_LOADS; i++) PUT_B(b_tile + B_DEPTH(i) * B_PITCH + B_PLACE(i), next_b[i]);
        barrier(CLK_LOCAL_MEM_FENCE);
        FETCH(k0 + BK) /* behind the end: zeros, no memory is touched */
#if BK <= 8 && defined(UNROLL_SHORT)
        UNROLL_SHORT
#endif
        for (int k = 0; k < BK; k++) {
            UNROLL for (int i = 0; i < ITEM_ROWS; i++) x[i] = a_tile[k * A_PITCH + TILE_ROW(i)];
            UNROLL for (int j = 0; j < ITEM_COLUMNS; j++) y[j] = b_tile[k * B_PITCH + TILE_COLUMN(j)];
            MULTIPLY(sums, x, y);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#undef FETCH
#else
    int4 places[ITEM_ROWS];
    UNROLL for (int i = 0; i < ITEM_ROWS; i++) places[i] = ALONG_ROWS(row + TILE_ROW(i));
    for (int k = from; k < to; k++) {
        const int4 place = ALONG_DEPTH(k);
        const int step = LOCAL_NAME(step)(k, to, rest);
        UNROLL for (int i = 0; i < ITEM_ROWS; i++) x[i] = A_VALUE(places[i], place);
        UNROLL for (int j = 0; j < ITEM_COLUMNS; j++) y[j] = B_VALUE(step, column + TILE_COLUMN(j));
        MULTIPLY(sums, x, y);
    }
#endif

    item = kept;
    UNROLL for (int i = 0; i < ITEM_ROWS; i++) {
        int m = row + TILE_ROW(i);
        bool exists = m < rows;
#if PASS == DX && CONV && STRIDE > 1
        const int h = m / CLASS_W % CLASS_H * STRIDE + rest.x, w = m % CLASS_W * STRIDE + rest.y;
        exists = exists && h < H && w < W;
        m = (m / (CLASS_H * CLASS_W) * H + h) * W + w;
#endif
        UNROLL for (int j = 0; j < ITEM_COLUMNS; j++) {
            const int n = column + TILE_COLUMN(j);
            const size_t at = (size_t)m * LDC + n;
            float v = sums[i * ITEM_COLUMNS + j];
            if (!exists || n >= LDC) continue;
#if PASS == FORWARD
            if (BIAS) v += extra[n];
            v = ACTIVATE(float, v);
#elif PASS == DX
            if (ADD) v += c[at];
            if (ACT) v = DERIVE(float, v, extra[at]);
#endif
            if (n >= COLUMNS) v = 0.0f;
#if PASS == DW && SPLIT
            c[(size_t)piece * (ROWS + ONES) * LDC + at] = v;
#else
            if (ONES && m == ROWS)
                db[n] = v;
            else
                c[at] = v;
#endif
        }
    }
}
#undef IMAGE_H
#undef IMAGE_W
#undef BM
#undef BN
#undef ROW_BLOCK
#undef COLUMN_BLOCK
#undef TILE_ROW
#undef TILE_COLUMN
#undef VALUE
#undef ONE
#undef A_TYPE
#undef READ
#undef A_PARAMETERS
#undef ORDER_PARAMETERS
#undef ORDER
#undef FIND_IMAGE
#undef FIRST_TAP
#undef TAPS
#undef CLASS_H
#undef CLASS_W
#undef BOTH
#undef A_VALUE
#undef B_COLUMN
#undef B_VALUE
#undef ALONG_ROWS
#undef ALONG_DEPTH
#undef PART
#undef A_ROW
#undef A_DEPTH
#undef B_DEPTH
#undef B_PLACE
#undef A_LOADS
#undef B_LOADS
#undef ALONG_TILE
#undef ACROSS_TILE
#undef A_NEXT
#undef GET_A
#undef PUT_A
#undef B_NEXT
#undef B_END
#undef GET_B
#undef PUT_B
#undef A_PITCH
#undef B_PITCH
#undef MULTIPLY
#endif

/* Pieces of dw and db, added in order: each group adds up to `share` of the `pieces` of LOCAL elements. LAST: there is one
 * share; its sums are dw (WEIGHTS elements) and db behind it. */
#ifdef BODY_gemm_sum
static void NAME(__global const float *parts, __global float *c, __global float *db, const int pieces, const int share,
                 __local float *shared, int group) {
    const int at = group % BLOCKS * LOCAL + ITEM, piece = group / BLOCKS;
    const int from = piece * share, to = min(from + share, (int)pieces);
    float4 sums = FLOAT4(0.0f, 0.0f, 0.0f, 0.0f); /* four loads on their way */
    if (at >= COUNT) return;
    int i = from;
    for (; i + 4 <= to; i += 4)
        sums += FLOAT4(parts[(size_t)i * COUNT + at], parts[(size_t)(i + 1) * COUNT + at],
                         parts[(size_t)(i + 2) * COUNT + at], parts[(size_t)(i + 3) * COUNT + at]);
    float sum = (sums.x + sums.y) + (sums.z + sums.w);
    for (; i < to; i++) sum += parts[(size_t)i * COUNT + at];
    if (!LAST)
        c[(size_t)piece * COUNT + at] = sum;
    else if (at < WEIGHTS)
        c[at] = sum;
    else
        db[at - WEIGHTS] = sum;
}
#endif
#undef FORWARD
#undef DX
#undef DW
