/* update.cl: one pass over all parameters: penalties, weight decay, SGD with momentum or Adam, and the partial norms of a
 * step.
 *
 * g += l1 sign(w) + 2 l2 w; GRAD_SQ = sum g^2; g += decay w; v = momentum v + g; w -= lr v; PARAM_SQ = sum w^2.
 * ADAM: v = beta1 v + (1-beta1) g, s = beta2 s + (1-beta2) g^2,
 * w -= lr/correction1 v / (sqrt(s)/sqrt(correction2) + eps).
 * Flat over PARAM, pad lanes included: zeros that stay zero. Every item leaves a pair (gradient, parameters) of sums,
 * which finish.cl adds in order. norms is the same walk without a step. Bytes: g, w, v read, w, v written. */
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
    FOR_FLAT(i, count) {
        vf w = LOAD(param + i), g = LOAD(grad + i);
#if PENALTY
        vf sign = w > (vf)(0.0f) ? (vf)(L1) : (w < (vf)(0.0f) ? (vf)(-L1) : (vf)(0.0f));
        g += sign + (vf)(2.0f * L2) * w;
#endif
        grad_sq = MAC(g, g, grad_sq);
#if PENALTY
        g = MAC((vf)(DECAY), w, g);
#endif
#if MOMENTUM
        g = MAC((vf)(MOMENTUM_RATE), LOAD(velocity + i), g);
        STORE(velocity + i, g);
#endif
#if ADAM
        const vf m = (vf)(BETA1) * LOAD(velocity + i) + (vf)(1.0f - BETA1) * g;
        const vf s = (vf)(BETA2) * LOAD(square + i) + (vf)(1.0f - BETA2) * g * g;
        STORE(velocity + i, m);
        STORE(square + i, s);
        g = m / MAC(sqrt(s), (vf)(root), (vf)(EPS));
#endif
        w = MAC((vf)(-lr), g, w);
        param_sq = MAC(w, w, param_sq);
        STORE(param + i, w);
    }
    sums[group * LOCAL + ITEM] = FLOAT2(SUM(grad_sq), SUM(param_sq));
}
#endif

#ifdef BODY_norms
static void NAME(__global const float *param, __global float2 *sums, const int count, __local float *shared,
                 int group) {
    vf param_sq = (vf)(0.0f);
    FOR_FLAT(i, count) {
        vf w = LOAD(param + i);
        param_sq = MAC(w, w, param_sq);
    }
    sums[group * LOCAL + ITEM] = FLOAT2(0.0f, SUM(param_sq));
}
#endif
