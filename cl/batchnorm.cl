/* batchnorm.cl: batch normalization over all pixels of the batch, per channel, and its gradient.
 *
 * y = act(gamma (x - mean) rstd + beta + r), rstd = 1/sqrt(var + eps). Training: bn_stats leaves for every block of
 * BLOCK_ROWS pixels (mean, M2 = sum of squares about it), put together from CHUNK pixels at a time in registers by
 * Chan's formula, never as a mean of squares less a squared mean; bn_merge puts the blocks together in the same way and
 * in their order, and moves the running statistics; bn_apply writes y. Gradient, g = dy act'(y): bn_sums leaves
 * (sum of g, sum of g (x - mean)) of blocks; bn_merge_sums adds them up: dbeta, dgamma; bn_dx writes
 * dx = gamma rstd (g - dbeta/M - (x - mean) rstd dgamma/M), M pixels. MERGED: every group of bn_apply and bn_dx puts the
 * few blocks together itself, group 0 writes what a merging part would: one launch less.
 *
 * Shapes: M pixels of LDX (x, dx), LD (y, dy), LDR (r) values, C of which are channels, pad lanes written as zeros;
 * vectors of LDW; partials (blocks,2,LDW). cpu family: a group has all channels of its pixels, LANES at a time, or
 * (SCALAR) one, where a tensor comes from the data set without padding. gpu family: COLUMNS channels side by side, the
 * other items LAYERS upon one another. */
#if SCALAR || LANES == 1
#define T           float
#define V           1
#define GET(p)      (*(p))
#define PUT(p, v)   (*(p) = (v))
#define COLUMN(c, ld) min((c), (ld)-1) /* a lane behind the last channel of an unpadded tensor reads another's */
#define EXISTS(c)   ((c) < C)
#define EACH(i)     for (int i = group * BLOCK + ITEM; i < min((group + 1) * BLOCK, (int)count); i += LOCAL)
#else
#define T           vf
#define V           LANES
#define GET(p)      LOAD(p)
#define PUT(p, v)   STORE(p, v)
#define COLUMN(c, ld) (c)
#define EXISTS(c)   ((vi)(c) + LANE_NUMBERS < (vi)(C))
#define EACH(i)     FOR_FLAT(i, count)
#endif
#if LANES == 1
#define LAYERS   (LOCAL / COLUMNS)
#define LAYER    (ITEM / COLUMNS)
#define SPREAD   (LDW / COLUMNS) /* groups side by side */
#define PANELS   1
#define FOR_CHANNELS(k, c)                                                                                             \
    for (int k = 0, c = group % SPREAD * COLUMNS + ITEM % COLUMNS; k < 1; k++)
#else
#define LAYERS   1
#define LAYER    0
#define SPREAD   1
#define PANELS   (LDW / V)
#define FOR_CHANNELS(k, c) for (int k = 0, c = 0; k < PANELS; k++, c += V)
#endif
#define PARTIAL(block, which, c) ((size_t)((block)*2 + (which)) * LDW + (c))
#define ONLY(c, v)  (C == LDW ? (v) : (EXISTS(c) ? (v) : (T)(0.0f)))
#define RSTD(var)   ((T)(1.0f) / sqrt((var) + (T)(EPS)))

/* (n, mean, m2) gets `count` more values with mean b and sum of squares about it q. */
#define CHAN(n, mean, m2, count, b, q)                                                                                 \
    {                                                                                                                  \
        const float share = (float)(count) / (float)((n) + (count)), weight = (float)(n)*share;                        \
        const T delta = (b) - (mean);                                                                                  \
        mean += delta * (T)(share);                                                                                    \
        m2 += (q) + delta * delta * (T)(weight);                                                                       \
    }

#ifdef BODY_bn_stats
static void NAME(__global const float *x, __global float *partials, const int M, __local float *shared, int group) {
    const int block = group / SPREAD, end = min((block + 1) * BLOCK_ROWS, M);
    T mean[PANELS], m2[PANELS];
    int n = 0;
    for (int k = 0; k < PANELS; k++) mean[k] = m2[k] = (T)(0.0f);
    for (int row = block * BLOCK_ROWS + LAYER * CHUNK; row < end; row += LAYERS * CHUNK) {
        const int rows = min(CHUNK, end - row);
        const float portion = 1.0f / (float)rows;
        FOR_CHANNELS(k, c) {
            __global const float *from = x + (size_t)row * LDX + COLUMN(c, LDX);
            T v[CHUNK], sum = (T)(0.0f), square = (T)(0.0f);
            if (rows == CHUNK) {
                UNROLL
                for (int i = 0; i < CHUNK; i++) v[i] = GET(from + i * LDX), sum += v[i];
                sum *= (T)(1.0f / CHUNK);
                UNROLL
                for (int i = 0; i < CHUNK; i++) v[i] -= sum, square = MAC(v[i], v[i], square);
            } else {
                for (int i = 0; i < rows; i++) sum += GET(from + i * LDX);
                sum *= (T)(portion);
                for (int i = 0; i < rows; i++) {
                    const T d = GET(from + i * LDX) - sum;
                    square = MAC(d, d, square);
                }
            }
            CHAN(n, mean[k], m2[k], rows, sum, square)
        }
        n += rows;
    }
#if LAYERS > 1
    shared[ITEM] = mean[0], shared[LOCAL + ITEM] = m2[0], shared[2 * LOCAL + ITEM] = (float)n;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = ITEM + COLUMNS; LAYER == 0 && i < LOCAL; i += COLUMNS) {
        const int more = (int)shared[2 * LOCAL + i];
        if (more) CHAN(n, mean[0], m2[0], more, shared[i], shared[LOCAL + i])
        n += more;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    if (LAYER == 0) {
        FOR_CHANNELS(k, c) {
            PUT(partials + PARTIAL(block, 0, c), mean[k]);
            PUT(partials + PARTIAL(block, 1, c), m2[k]);
        }
    }
}
#endif

#if defined(BODY_bn_merge) || (defined(BODY_bn_apply) && MERGED)
/* Channels from c on: mean and m2 of the batch, from blocks first, first + step, ..; returns how many pixels. */
static int LOCAL_NAME(merge)(__global const float *partials, const int c, const int M, const int first, const int step,
                             T *mean, T *m2) {
    T a = (T)(0.0f), b = (T)(0.0f);
    int n = 0;
    for (int from = first * BLOCK_ROWS, block = first; from < M; from += step * BLOCK_ROWS, block += step) {
        const int rows = min(BLOCK_ROWS, M - from);
        CHAN(n, a, b, rows, GET(partials + PARTIAL(block, 0, c)), GET(partials + PARTIAL(block, 1, c)))
        n += rows;
    }
    *mean = a, *m2 = b;
    return n;
}

static void LOCAL_NAME(save)(__global float *running_mean, __global float *running_var, __global float *save_mean,
                             __global float *save_rstd, const int c, const int M, const T mean, const T m2) {
    const T centre = ONLY(c, mean), spread = ONLY(c, m2);
    const T old_mean = GET(running_mean + c), old_var = GET(running_var + c);
    PUT(running_mean + c, old_mean * (T)(1.0f - MOMENTUM) + centre * (T)(MOMENTUM));
    PUT(running_var + c, old_var * (T)(1.0f - MOMENTUM) + spread * (T)(MOMENTUM / (float)(M - 1)));
    PUT(save_mean + c, centre);
    PUT(save_rstd + c, ONLY(c, RSTD(spread * (T)(1.0f / (float)M))));
}
#endif

#ifdef BODY_bn_merge
static void NAME(__global const float *partials, __global float *running_mean, __global float *running_var,
                 __global float *save_mean, __global float *save_rstd, const int M, __local float *shared, int group) {
#if LAYERS > 1
    T mean = 0.0f, m2 = 0.0f;
    int n = 0;
    FOR_CHANNELS(k, c) n = LOCAL_NAME(merge)(partials, c, M, LAYER, LAYERS, &mean, &m2);
    shared[ITEM] = mean, shared[LOCAL + ITEM] = m2, shared[2 * LOCAL + ITEM] = (float)n;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = ITEM + COLUMNS; LAYER == 0 && i < LOCAL; i += COLUMNS) {
        const int more = (int)shared[2 * LOCAL + i];
        if (more) CHAN(n, mean, m2, more, shared[i], shared[LOCAL + i])
        n += more;
    }
    if (LAYER == 0) {
        FOR_CHANNELS(k, c) LOCAL_NAME(save)(running_mean, running_var, save_mean, save_rstd, c, M, mean, m2);
    }
#else
    FOR_CHANNELS(k, c) {
        T mean, m2;
        LOCAL_NAME(merge)(partials, c, M, 0, 1, &mean, &m2);
        LOCAL_NAME(save)(running_mean, running_var, save_mean, save_rstd, c, M, mean, m2);
    }
#endif
}
#endif

#ifdef BODY_bn_apply
/* EVAL: `rstd` is a variance. */
static void NAME(__global const float *x, __global const float *gamma, __global const float *beta,
                 __global const float *r, __global float *y,
#if MERGED
                 __global const float *partials, __global float *running_mean, __global float *running_var,
                 __global float *save_mean, __global float *save_rstd, const int M,
#else
                 __global const float *mean, __global const float *rstd,
#endif
                 const int count, __local float *shared, int group) {
#if LANES > 1
    T centre[PANELS], slope[PANELS];
    FOR_CHANNELS(k, c) {
#if MERGED
        T m2;
        LOCAL_NAME(merge)(partials, c, M, 0, 1, &centre[k], &m2);
        slope[k] = RSTD(m2 * (T)(1.0f / (float)M)) * GET(gamma + c);
        if (group == 0) LOCAL_NAME(save)(running_mean, running_var, save_mean, save_rstd, c, M, centre[k], m2);
#else
        centre[k] = GET(mean + c);
        slope[k] = (EVAL ? RSTD(GET(rstd + c)) : GET(rstd + c)) * GET(gamma + c);
#endif
    }
#endif
    EACH(i) {
        const int c = i % LD, row = i / LD;
#if LANES > 1
        const T middle = centre[c / V], factor = slope[c / V];
#else
        const T middle = mean[c], factor = (EVAL ? RSTD(rstd[c]) : rstd[c]) * gamma[c];
#endif
        T v = MAC(GET(x + (size_t)row * LDX + COLUMN(c, LDX)) - middle, factor, GET(beta + c));
        if (LDR) v += GET(r + (size_t)row * LDR + COLUMN(c, LDR));
        v = ACTIVATE(T, v);
        PUT(y + i, ONLY(c, v));
    }
}
#endif

#if defined(BODY_bn_sums) || defined(BODY_bn_dx)
/* The gradient behind the activation at element i of dy. */
#if ACT
#define GRADIENT(i) LOCAL_NAME(gradient)(GET(dy + (i)), GET(saved + (i)))
static T LOCAL_NAME(gradient)(const T g, const T y) { return DERIVE(T, g, y); }
#else
#define GRADIENT(i) GET(dy + (i))
#endif
#endif

#ifdef BODY_bn_sums
static void NAME(__global const float *x, __global const float *dy, __global const float *mean,
                 __global const float *saved, __global float *partials, const int M, __local float *shared,
                 int group) {
    const int block = group / SPREAD, end = min((block + 1) * BLOCK_ROWS, M);
    T sums[PANELS], products[PANELS];
    for (int k = 0; k < PANELS; k++) sums[k] = products[k] = (T)(0.0f);
    for (int row = block * BLOCK_ROWS + LAYER * CHUNK; row < end; row += LAYERS * CHUNK) {
        const int rows = min(CHUNK, end - row);
        FOR_CHANNELS(k, c) {
            __global const float *from = x + (size_t)row * LDX + COLUMN(c, LDX);
            const size_t at = (size_t)row * LD + c;
            const T middle = GET(mean + c);
            T sum = (T)(0.0f), product = (T)(0.0f);
#define ADD_ROW(i)                                                                                                     \
    {                                                                                                                  \
        const T g = GRADIENT(at + (i)*LD);                                                                             \
        sum += g;                                                                                                      \
        product = MAC(g, GET(from + (i)*LDX) - middle, product);                                                       \
    }
            if (rows == CHUNK) {
                UNROLL
                for (int i = 0; i < CHUNK; i++) ADD_ROW(i)
            } else {
                for (int i = 0; i < rows; i++) ADD_ROW(i)
            }
#undef ADD_ROW
            sums[k] += sum, products[k] += product;
        }
    }
#if LAYERS > 1
    shared[ITEM] = sums[0], shared[LOCAL + ITEM] = products[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = ITEM + COLUMNS; LAYER == 0 && i < LOCAL; i += COLUMNS)
        sums[0] += shared[i], products[0] += shared[LOCAL + i];
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    if (LAYER == 0) {
        FOR_CHANNELS(k, c) {
            PUT(partials + PARTIAL(block, 0, c), sums[k]);
            PUT(partials + PARTIAL(block, 1, c), products[k]);
        }
    }
}
#endif

#if defined(BODY_bn_merge_sums) || (defined(BODY_bn_dx) && MERGED)
static void LOCAL_NAME(add)(__global const float *partials, const int c, const int blocks, const int first,
                            const int step, T *sum, T *product) {
    T a = (T)(0.0f), b = (T)(0.0f);
    for (int block = first; block < blocks; block += step) {
        a += GET(partials + PARTIAL(block, 0, c));
        b += GET(partials + PARTIAL(block, 1, c));
    }
    *sum = ONLY(c, a), *product = ONLY(c, b);
}
#endif

#ifdef BODY_bn_merge_sums
static void NAME(__global const float *partials, __global const float *rstd, __global float *dgamma,
                 __global float *dbeta, const int blocks, __local float *shared, int group) {
    T sum = (T)(0.0f), product = (T)(0.0f);
#if LAYERS > 1
    FOR_CHANNELS(k, c) LOCAL_NAME(add)(partials, c, blocks, LAYER, LAYERS, &sum, &product);
    shared[ITEM] = sum, shared[LOCAL + ITEM] = product;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = ITEM + COLUMNS; LAYER == 0 && i < LOCAL; i += COLUMNS)
        sum += shared[i], product += shared[LOCAL + i];
#endif
    if (LAYER > 0) return;
    FOR_CHANNELS(k, c) {
        if (LAYERS == 1) LOCAL_NAME(add)(partials, c, blocks, 0, 1, &sum, &product);
        PUT(dbeta + c, sum);
        PUT(dgamma + c, product * GET(rstd + c));
    }
}
#endif

#ifdef BODY_bn_dx
static void NAME(__global const float *x, __global const float *dy, __global const float *gamma,
                 __global const float *mean, __global const float *rstd, __global const float *saved,
                 __global float *dx,
#if MERGED
                 __global const float *partials, __global float *dgamma, __global float *dbeta, const int blocks,
#else
                 __global const float *dgamma, __global const float *dbeta,
#endif
                 const int M, const int count, __local float *shared, int group) {
    const float portion = 1.0f / (float)M;
#if LANES > 1
    T shares[PANELS], slopes[PANELS];
    FOR_CHANNELS(k, c) {
#if MERGED
        T sum, product;
        LOCAL_NAME(add)(partials, c, blocks, 0, 1, &sum, &product);
        product *= GET(rstd + c);
        if (group == 0) {
            PUT(dbeta + c, sum);
            PUT(dgamma + c, product);
        }
#else
        const T sum = GET(dbeta + c), product = GET(dgamma + c);
#endif
        shares[k] = sum * (T)(portion);
        slopes[k] = product * GET(rstd + c) * (T)(portion);
    }
#endif
    EACH(i) {
        const int c = i % LD, row = i / LD;
#if LANES > 1
        const T share = shares[c / V], slope = slopes[c / V];
#else
        const T share = dbeta[c] * portion, slope = dgamma[c] * rstd[c] * portion;
#endif
        const T factor = GET(gamma + c) * GET(rstd + c);
        const T off = GET(x + (size_t)row * LDX + c) - GET(mean + c);
        T v = factor * (GRADIENT(i) - share - off * slope);
        PUT(dx + i, ADD ? v + GET(dx + i) : v);
    }
}
#endif
#undef T
#undef V
#undef GET
#undef PUT
#undef COLUMN
#undef EXISTS
#undef EACH
#undef LAYERS
#undef LAYER
#undef SPREAD
#undef PANELS
#undef FOR_CHANNELS
#undef PARTIAL
#undef ONLY
#undef RSTD
#undef CHAN
#undef GRADIENT
