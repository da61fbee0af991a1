/* tiles.c: the register tiles of tile.h in every height, one or two vectors wide: the only code that multiplies. */
#include "cpu/kernels/tile.h"

/* M and NV are literals where this is used: loops unroll and sums live in registers. */
#define RB_TILE_BODY(M, NV, A_STEP, A_AT)                                                                              \
    rb_vf sum[M][NV], w[NV];                                                                                           \
    const float *a = t->a, *b = t->b;                                                                                  \
    ptrdiff_t lda = t->lda, ldb = t->ldb, ldc = t->ldc;                                                                \
    RB_UNROLL                                                                                                          \
    for (int m = 0; m < M; m++) {                                                                                      \
        RB_UNROLL                                                                                                      \
        for (int v = 0; v < NV; v++)                                                                                   \
            sum[m][v] = t->accumulate ? rb_load(t->c + m * ldc + v * RB_LANES)                                         \
                        : t->init     ? rb_load(t->init + v * RB_LANES)                                                \
                                      : (rb_vf){0};                                                                        \
    }                                                                                                                  \
    for (int r = 0; r < t->runs; r++, a += t->pitch, b += t->b_pitch) {                                                \
        const float *p = a;                                                                                            \
        RB_NO_UNROLL                                                                                                   \
        for (int k = 0; k < t->run; k++, b += ldb, p += A_STEP) {                                                      \
            RB_UNROLL                                                                                                  \
            for (int v = 0; v < NV; v++) w[v] = rb_load(b + v * RB_LANES);                                             \
            RB_UNROLL                                                                                                  \
            for (int m = 0; m < M; m++) {                                                                              \
                float x = p[A_AT];                                                                                     \
                RB_UNROLL                                                                                              \
                for (int v = 0; v < NV; v++) sum[m][v] += w[v] * x;                                                    \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    if (t->relu) {                                                                                                     \
        RB_UNROLL                                                                                                      \
        for (int m = 0; m < M; m++) {                                                                                  \
            RB_UNROLL                                                                                                  \
            for (int v = 0; v < NV; v++) sum[m][v] = rb_activate(RB_ACT_RELU, 0.0f, sum[m][v]);                        \
        }                                                                                                              \
    }                                                                                                                  \
    RB_UNROLL                                                                                                          \
    for (int m = 0; m < M; m++) {                                                                                      \
        RB_UNROLL                                                                                                      \
        for (int v = 0; v < NV; v++) rb_store_v(t->c + m * ldc + v * RB_LANES, sum[m][v]);                             \
    }

#define RB_TILE(M, NV)                                                                                                 \
    static void rows_##M##_##NV(const rb__tile *t) { RB_TILE_BODY(M, NV, 1, m *lda) }                                  \
    static void run_##M##_##NV(const rb__tile *t) { RB_TILE_BODY(M, NV, lda, m) }
#define RB_TILES(M) RB_TILE(M, 1) RB_TILE(M, 2)

RB_TILES(1)
RB_TILES(2)
RB_TILES(3)
RB_TILES(4)
RB_TILES(5)
RB_TILES(6)
#if defined(__AVX512F__) || defined(__aarch64__)
RB_TILES(7)
RB_TILES(8)
RB_TILES(9)
RB_TILES(10)
RB_TILES(11)
RB_TILES(12)
RB_TILES(13)
RB_TILES(14)
#define RB_TALL(kind)                                                                                                  \
    {kind##_7_1, kind##_7_2}, {kind##_8_1, kind##_8_2}, {kind##_9_1, kind##_9_2}, {kind##_10_1, kind##_10_2},          \
        {kind##_11_1, kind##_11_2}, {kind##_12_1, kind##_12_2}, {kind##_13_1, kind##_13_2},                            \
        {kind##_14_1, kind##_14_2},
#else
#define RB_TALL(kind)
#endif
#define RB_TABLE(kind)                                                                                                 \
    {kind##_1_1, kind##_1_2}, {kind##_2_1, kind##_2_2}, {kind##_3_1, kind##_3_2}, {kind##_4_1, kind##_4_2},            \
        {kind##_5_1, kind##_5_2}, {kind##_6_1, kind##_6_2}, RB_TALL(kind)

rb__tile_fn *const RB_KERNEL(tile_rows)[RB_MR][2] = {RB_TABLE(rows)};
rb__tile_fn *const RB_KERNEL(tile_run)[RB_MR][2] = {RB_TABLE(run)};
