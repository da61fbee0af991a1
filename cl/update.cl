/* update.cl: one pass over all parameters: penalties, weight decay, SGD with momentum or Adam, and the partial norms of a
 * step.
 *
 * g += l1 sign(w) + 2 l2 w; GRAD_SQ = sum g^2; g += decay w; v = momentum v + g; w -= lr v; PARAM_SQ = sum w^2.
 * ADAM: v = beta1 v + (1-beta1) g, s = beta2 s + (1-beta2) g^2,
 * w -= lr/correction1 v / (sqrt(s)/sqrt(correction2) + eps).
 * Flat over PARAM, pad lanes included: zeros that stay zero; gpu family: four neighbours an item at a time, in one access.
 * Every group (without local memory: every item) leaves a pair (gradient, parameters) of sums, which finish.cl adds in
 * order. norms is the same walk without a step. Bytes: g, w, v read, w, v written. */
#if LANES == 1
#define PER_ITEM 4
#define READ(to, p)                                                                                                    \
    {                                                                                                                  \
        const float4 four = *(__global const float4 *)(p);                                                             \
        to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;                                                \
    }
#define WRITE(p, from) (*(__global float4 *)(p) = FLOAT4(from[0], from[1], from[2], from[3]))
#else
#define PER_ITEM 1
#define READ(to, p)    to[0] = LOAD(p);
#define WRITE(p, from) STORE(p, from[0])
#endif
#define EACH(i)                                                                                                        \
    for (int i = group * BLOCK + ITEM * LANES * PER_ITEM; i < min((group + 1) * BLOCK, (int)count);                        \
         i += LOCAL * LANES * PER_ITEM)
#if LMEM
#define LEAVE(a, b)                                                                                                    \
    {                                                                                                                  \
        float of_gradient = (a), of_parameters = (b);                                                                  \
        ADD_ITEMS(of_gradient, of_parameters)                                                                          \
        if (ITEM == 0) sums[group] = FLOAT2(of_gradient, of_parameters);                                               \
    }
#else
#define LEAVE(a, b) sums[group * LOCAL + ITEM] = FLOAT2(a, b);
#endif
#ifdef BODY_update
static void NAME(__global const int *head, __global const float *grad, __global const float *schedule,
                 __global float *velocity,
#if ADAM
                 __global float *square,
#endif
                 __global float *param, __global float2 *sums, const int count,
                 __local float *shared, int group) {
    __global const float *now = schedule + SLOT(head) * SCHEDULE_COLUMNS;
#if ADAM
    const float lr = now[SCHEDULE_LR] / now[SCHEDULE_CORRECTION1], root = 1.0f / sqrt(now[SCHEDULE_CORRECTION2]);
#else
    const float lr = now[SCHEDULE_LR];
#endif
    vf grad_sq = (vf)(0.0f), param_sq = (vf)(0.0f);
    EACH(i) {
        vf w[PER_ITEM], g[PER_ITEM];
        READ(w, param + i)
        READ(g, grad + i)
#if MOMENTUM || ADAM
        vf v[PER_ITEM];
        READ(v, velocity + i)
#endif
#if ADAM
        vf s[PER_ITEM];
        READ(s, square + i)
#endif
        UNROLL
        for (int k = 0; k < PER_ITEM; k++) {
#if PENALTY
            const vf sign = w[k] > (vf)(0.0f) ? (vf)(L1) : (w[k] < (vf)(0.0f) ? (vf)(-L1) : (vf)(0.0f));
            g[k] += sign + (vf)(2.0f * L2) * w[k];
#endif
            grad_sq = MAC(g[k], g[k], grad_sq);
#if PENALTY
            g[k] = MAC((vf)(DECAY), w[k], g[k]);
#endif
#if MOMENTUM
            g[k] = v[k] = MAC((vf)(MOMENTUM_RATE), v[k], g[k]);
#endif
#if ADAM
            v[k] = (vf)(BETA1) * v[k] + (vf)(1.0f - BETA1) * g[k];
            s[k] = (vf)(BETA2) * s[k] + (vf)(1.0f - BETA2) * g[k] * g[k];
            g[k] = v[k] / MAC(sqrt(s[k]), (vf)(root), (vf)(EPS));
#endif
            w[k] = MAC((vf)(-lr), g[k], w[k]);
            param_sq = MAC(w[k], w[k], param_sq);
        }
#if MOMENTUM || ADAM
        WRITE(velocity + i, v);
#endif
#if ADAM
        WRITE(square + i, s);
#endif
        WRITE(param + i, w);
    }
    LEAVE(SUM(grad_sq), SUM(param_sq))
}
#endif

#ifdef BODY_norms
static void NAME(__global const float *param, __global float2 *sums, const int count, __local float *shared,
                 int group) {
    vf param_sq = (vf)(0.0f);
    EACH(i) {
        vf w[PER_ITEM];
        READ(w, param + i)
        UNROLL
        for (int k = 0; k < PER_ITEM; k++) param_sq = MAC(w[k], w[k], param_sq);
    }
    LEAVE(0.0f, SUM(param_sq))
}
#endif
#undef PER_ITEM
#undef READ
#undef WRITE
#undef EACH
#undef LEAVE
