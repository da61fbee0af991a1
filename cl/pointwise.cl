/* pointwise.cl: activations alone, their gradients, residual sums, copies, steps of an attack. y = act(x), dx = dy act'(y), y = act(a + b).
 *
 * Flat over the output as it lies: rows of LD values, C of which exist; the others are written as zeros, because
 * sigmoid(0) is none. Vectors, or (SCALAR) single elements where an operand has rows of another length (an image as it
 * comes from the data set has no padding). ADD: += (RB_OPF_ACCUMULATE). */
#if SCALAR || LANES == 1
#define T         float
#define PUT(p, v) (*(p) = (v))
#define GET(p)    (*(p))
#define EACH(i)   for (int i = group * BLOCK + ITEM; i < min((group + 1) * BLOCK, (int)count); i += LOCAL)
#define LANE(i)   ((i) % LD)
/* Where element i of the output stands in an operand with rows of `ld`. */
#define AT(i, ld) ((ld) == LD ? (i) : (i) / LD * (ld) + min((i) % LD, (ld)-1))
#else
#define T         vf
#define PUT(p, v) STORE(p, v)
#define GET(p)    LOAD(p)
#define EACH(i)   FOR_FLAT(i, count)
#define LANE(i)   ((vi)((i) % LD) + LANE_NUMBERS)
#define AT(i, ld) (i)
#endif
#define PAD_ZERO(i, v) (C == LD ? (v) : (LANE(i) < C ? (v) : (T)(0.0f)))

#ifdef BODY_act
static void NAME(__global const float *x, __global float *y, const int count, __local float *shared, int group) {
    EACH(i) {
        T v = GET(x + AT(i, LDA));
        v = ACTIVATE(T, v);
        PUT(y + i, PAD_ZERO(i, v));
    }
}
#endif

#ifdef BODY_act_dx
static void NAME(__global const float *dy, __global const float *y, __global float *dx, const int count,
                 __local float *shared, int group) {
    EACH(i) {
        T v = GET(dy + AT(i, LDA)), saved = GET(y + AT(i, LDB));
        v = DERIVE(T, v, saved);
        v = PAD_ZERO(i, v);
        PUT(dx + i, ADD ? v + GET(dx + i) : v);
    }
}
#endif

#ifdef BODY_add
static void NAME(__global const float *a, __global const float *b, __global float *y, const int count,
                 __local float *shared, int group) {
    EACH(i) {
        T v = GET(a + AT(i, LDA)) + GET(b + AT(i, LDB));
        v = ACTIVATE(T, v);
        PUT(y + i, PAD_ZERO(i, v));
    }
}
#endif

#ifdef BODY_copy
static void NAME(__global const float *x, __global float *y, const int count, __local float *shared, int group) {
    EACH(i) {
        T v = GET(x + AT(i, LDA));
        v = PAD_ZERO(i, v);
        PUT(y + i, ADD ? v + GET(y + i) : v);
    }
}
#endif
#ifdef BODY_attack
/* to = clip(x + step sign(gradient)) around x0 and to pixels from BLACK to WHITE; to may be x. A NaN stays one. */
static void NAME(__global const float *x, __global const float *gradient, __global const float *x0,
                 __global const float *strength, __global float *to, const int count, __local float *shared,
                 int group) {
    const float step = strength[0], eps = strength[1];
    EACH(i) {
        const T g = GET(gradient + AT(i, LDA)), origin = GET(x0 + i);
        const T sign = g > (T)(0.0f) ? (T)(1.0f) : g < (T)(0.0f) ? (T)(-1.0f) : g;
        T low = origin - (T)(eps), high = origin + (T)(eps), v = GET(x + i) + (T)(step) * sign;
        low = low < (T)(BLACK) ? (T)(BLACK) : low;
        high = high > (T)(WHITE) ? (T)(WHITE) : high;
        v = v < low ? low : v > high ? high : v;
        PUT(to + i, v);
    }
}
#endif
#undef T
#undef PUT
#undef GET
#undef EACH
#undef LANE
#undef AT
#undef PAD_ZERO
