/* prelude.cl: what every kernel shares: the two families, vectors, multiply-add, activations, the cursor.
 *
 * Compiled before all others, once per program. Definitions that a part brings (ACT, SLOPE, CURSOR, ...) are looked at
 * where a macro is used. OpenCL C 1.2, no extension, nothing that hides a NaN. */

#if defined(FAMILY_CPU)
/* A work-group is one item on one core: 16 explicit lanes, no barrier, nothing shared. */
#define LANES      16
#define ITEM       0
#define WORK_GROUP __attribute__((reqd_work_group_size(1, 1, 1)))
typedef float16 vf;
typedef int16 vi;
typedef uchar16 vb;
#define TO_INT(v)   convert_int16(v)
#define TO_FLOAT(v) convert_float16(v)
#define TO_BYTE(v)  convert_uchar16(v)
#define AS_INT(v)   as_int16(v)
#define SUM(v)      sum16(v)
#define LANE_NUMBERS (vi)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#else
/* A work-group is LOCAL items, each one lane. */
#define LANES      1
#define ITEM       ((int)get_local_id(0))
#ifndef WORK_GROUP
#define WORK_GROUP __attribute__((reqd_work_group_size(LOCAL, 1, 1)))
#endif
typedef float vf;
typedef int vi;
typedef uchar vb;
#define TO_INT(v)   convert_int(v)
#define TO_FLOAT(v) convert_float(v)
#define TO_BYTE(v)  convert_uchar(v)
#define AS_INT(v)   as_int(v)
#define SUM(v)      (v)
#define LANE_NUMBERS 0
#endif

/* Short vectors from their elements: CUDA's way of writing them is its own (cuda/prelude.cu). */
#ifndef FLOAT2
#define FLOAT2(x, y)       ((float2)((x), (y)))
#define FLOAT4(x, y, z, w) ((float4)((x), (y), (z), (w)))
#define INT2(x, y)         ((int2)((x), (y)))
#define INT4(x, y, z, w)   ((int4)((x), (y), (z), (w)))
#endif

/* Which form becomes one instruction differs by compiler; see src/opencl/quirks.def. */
#if defined(MAC_fma)
#define MAC(a, b, c) fma((a), (b), (c))
#elif defined(MAC_mad)
#define MAC(a, b, c) mad((a), (b), (c))
#else
#define MAC(a, b, c) ((a) * (b) + (c))
#endif

#define UNROLL _Pragma("unroll")

/* Vectors at multiples of LANES elements from the start of a tensor. */
#define LOAD(p)     (*(__global const vf *)(p))
#define STORE(p, v) (*(__global vf *)(p) = (v))
/* The same anywhere: PoCL 3.1 would make eight pieces of a vload16. */
#if LANES == 1
#define LOAD_ANY(p)   (*(p))
#define LOAD_BYTES(p)   (*(p))
#elif defined(__clang__)
typedef float16 vf_any __attribute__((aligned(4)));
typedef uchar16 vb_any __attribute__((aligned(1)));
#define LOAD_ANY(p)   (*(__global const vf_any *)(p))
#define LOAD_BYTES(p)   (*(__global const vb_any *)(p))
#else
#define LOAD_ANY(p)   vload16(0, (p))
#define LOAD_BYTES(p)   vload16(0, (p))
#endif

#define CACHE_LINE 64
#if defined(__clang__) /* PoCL's prefetch() does nothing */
#define PREFETCH(p) __builtin_prefetch((const void *)(size_t)(p))
#else
#define PREFETCH(p) prefetch((p), 1)
#endif

#if LANES > 1
static float sum16(float16 v) {
    float8 a = v.lo + v.hi;
    float4 b = a.lo + a.hi;
    float2 c = b.lo + b.hi;
    return c.lo + c.hi;
}
#endif

/* Item 0's a and b become the sums over a group's items, through 2 LOCAL floats of `shared`: halves upon halves. */
#define ADD_ITEMS(a, b)                                                                                                \
    {                                                                                                                  \
        shared[ITEM] = a, shared[LOCAL + ITEM] = b;                                                                    \
        for (int half_way = LOCAL / 2; half_way > 0; half_way /= 2) {                                                  \
            barrier(CLK_LOCAL_MEM_FENCE);                                                                              \
            if (ITEM < half_way) {                                                                                     \
                shared[ITEM] += shared[ITEM + half_way];                                                               \
                shared[LOCAL + ITEM] += shared[LOCAL + ITEM + half_way];                                               \
            }                                                                                                          \
        }                                                                                                              \
        a = shared[ITEM], b = shared[LOCAL + ITEM];                                                                    \
        barrier(CLK_LOCAL_MEM_FENCE); /* it may be used again */                                                       \
    }

/* Names of helper functions: one file may be compiled several times into one program. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define LOCAL_NAME(f) JOIN(NAME, f)

/* F(0) F(1) .. F(n - 1), and F(m, 0) .. F(m, n - 1): tiles whose indices are literals stay in registers. */
#define REPEAT_1(F)     F(0)
#define REPEAT_2(F)     REPEAT_1(F) F(1)
#define REPEAT_3(F)     REPEAT_2(F) F(2)
#define REPEAT_4(F)     REPEAT_3(F) F(3)
#define REPEAT_5(F)     REPEAT_4(F) F(4)
#define REPEAT_6(F)     REPEAT_5(F) F(5)
#define REPEAT_7(F)     REPEAT_6(F) F(6)
#define REPEAT_8(F)     REPEAT_7(F) F(7)
#define REPEAT_9(F)     REPEAT_8(F) F(8)
#define REPEAT_10(F)    REPEAT_9(F) F(9)
#define REPEAT_11(F)    REPEAT_10(F) F(10)
#define REPEAT_12(F)    REPEAT_11(F) F(11)
#define REPEAT(n, F)    JOIN(REPEAT, n)(F)
#define ACROSS_1(F, m)  F(m, 0)
#define ACROSS_2(F, m)  ACROSS_1(F, m) F(m, 1)
#define ACROSS_3(F, m)  ACROSS_2(F, m) F(m, 2)
#define ACROSS_4(F, m)  ACROSS_3(F, m) F(m, 3)
#define ACROSS(n, F, m) JOIN(ACROSS, n)(F, m)

/* act(x) and dy act'(y), from the saved output y; T: float or vf. ACT: 0 none, 1 sigmoid, 2 relu, 3 leaky relu.
 * relu(NaN) is NaN; a NaN gradient shows even where y = 0. */
#define ACTIVATE(T, x)                                                                                                 \
    (ACT == 1   ? (T)(1.0f) / ((T)(1.0f) + exp(-(x)))                                                                  \
     : ACT == 2 ? ((x) <= (T)(0.0f) ? (T)(0.0f) : (x))                                                                 \
     : ACT == 3 ? ((x) <= (T)(0.0f) ? (x) * (T)(SLOPE) : (x))                                                          \
                : (x))
#define DERIVE(T, dy, y) DERIVE_OF(ACT, SLOPE, T, dy, y)
/* The same for an activation of another op than the one that is compiled. */
#define DERIVE_OF(act, slope, T, dy, y)                                                                                \
    ((act) == 1   ? (dy) * ((y) * ((T)(1.0f) - (y)))                                                                   \
     : (act) == 2 ? (dy) * ((y) > (T)(0.0f) ? (T)(1.0f) : (T)(0.0f))                                                   \
     : (act) == 3 ? (dy) * ((y) > (T)(0.0f) ? (T)(1.0f) : (T)(slope))                                                  \
                  : (dy))

/* A cursor is slot, base, wrap, step (program.h). Row k of the step's batch is order[POSITION(head, k)], -1 = none. */
#define SLOT(head)        ((head)[CURSOR])
#define POSITION(head, k) ((head)[CURSOR + 1] + (head)[CURSOR] % (head)[CURSOR + 2] * BATCH + (k))

/* A byte of the data set as a number: (v/255 - mean)/stddev. x/255 as a true division rounds it, from a product and its
 * remainder: a device's own division may be 2.5 units off. */
#define BYTE_QUOTIENT(T, x) BYTE_FIX(T, x, (x) * (T)(1.0f / 255.0f))
#define BYTE_FIX(T, x, q)   fma(fma((q), (T)(-255.0f), (x)), (T)(1.0f / 255.0f), (q))
#define NORMALIZE(T, x)     ((BYTE_QUOTIENT(T, x) - (T)(MEAN)) / (T)(STDDEV))

/* Flat work: a group has BLOCK elements, its items LANES at a time. */
#define FOR_FLAT(i, count)                                                                                             \
    for (int i = group * BLOCK + ITEM * LANES; i < min((group + 1) * BLOCK, (int)(count)); i += LOCAL * LANES)
