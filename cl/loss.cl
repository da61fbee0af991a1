/* loss.cl: softmax cross-entropy and mean squared error: loss and hit of every row, its gradient, predictions.
 *
 * loss = log(1 + rest) + z_best - z_label, rest = sum over the others of exp(z_j - z_best), which may be far below 1;
 * dz = (softmax(z) - onehot) / rows present. A row number of -1 counts nowhere and has dz = 0. The first maximum is the
 * prediction. SOFT: labels q are shares of the classes: loss = sum of q_j (log(1 + rest) + z_best - z_j), dz has q in
 * onehot's place. At a temperature T all of that is of z/T, and dz has 1/T more (INVERSE_T); SCORES: z itself goes out,
 * too. loss_mse: loss = mean over the columns of (z - t)^2, dz = 2 (z - t) / (rows present * K), z itself is
 * the prediction, nothing is a hit. One item per row, ROWS rows to a group. Shapes: z, dz (N,LD), K classes, pad lanes of dz zero; losses (N)
 * pairs (loss, hit), which finish.cl adds up. present counts a batch's rows for dz. */
#ifdef BODY_loss
#define LANE(j) ((vi)(j) + LANE_NUMBERS)
static void NAME(__global const int *head, __global const float *z, __global const int *labels,
                 __global const int *order,
#if SOFT
                 __global const float *soft,
#endif
#if GRADIENT
                 __global float *dz, __global const int *present,
#endif
#if PREDICT
                 __global int *pred,
#endif
#if SCORES
                 __global float *scores,
#endif
                 __global float2 *losses, const int N, __local float *shared, int group) {
    const int end = min((group + 1) * ROWS, N);
    for (int n = group * ROWS + ITEM; n < end; n += LOCAL) {
        const int position = POSITION(head, n), row = order[position], label = row < 0 ? -1 : labels[row];
        __global const float *from = z + (size_t)n * LD;
        int best = 0;
        float top = from[0];
        for (int j = 1; j < K; j++) { /* without branches: which class wins is not predictable */
            const int more = from[j] > top;
            top = more ? from[j] : top;
            best = more ? j : best;
        }
        vf others = (vf)(0.0f), e;
        for (int j = 0; j < K; j += LANES) {
            e = exp((LOAD(from + j) - (vf)(top)) * (vf)(INVERSE_T));
            others += LANE(j) != best && LANE(j) < K ? e : (vf)(0.0f);
        }
        const float rest = SUM(others);
#if SOFT
        __global const float *q = soft + (size_t)max(row, 0) * K;
        float loss = 0.0f;
        for (int j = 0; j < K; j++) loss += q[j] != 0.0f ? q[j] * (log1p(rest) + (top - from[j]) * INVERSE_T) : 0.0f;
        losses[n] = row < 0 ? FLOAT2(0.0f, 0.0f) : FLOAT2(loss, best == label);
#else
        losses[n] = label < 0 ? FLOAT2(0.0f, 0.0f) : FLOAT2(log1p(rest) + (top - from[label]) * INVERSE_T, best == label);
#endif
#if GRADIENT
        const float share = label < 0 ? 0.0f : INVERSE_T / (float)*present;
        const float one = top == top ? 1.0f : top, sum = one + rest, scale = share / sum;
        for (int j = 0; j < LD; j += LANES) {
            if (LD > LANES) e = exp((LOAD(from + j) - (vf)(top)) * (vf)(INVERSE_T)); /* else it is still there */
            vf own = label == best ? (vf)(-rest) : e - (vf)(sum);
            e = (!SOFT && LANE(j) == label ? own : e) * (vf)(scale);
            STORE(dz + (size_t)n * LD + j, label < 0 || LANE(j) >= K ? (vf)(0.0f) : e);
        }
#if SOFT
        for (int j = 0; j < K && row >= 0; j++) dz[(size_t)n * LD + j] -= q[j] * share;
#endif
#endif
#if PREDICT
        pred[position] = best;
#endif
#if SCORES
        for (int j = 0; j < K; j++) scores[(size_t)position * K + j] = from[j];
#endif
    }
}
#undef LANE
#endif

#ifdef BODY_loss_mse
static void NAME(__global const int *head, __global const float *z, __global const float *targets,
                 __global const int *order,
#if GRADIENT
                 __global float *dz, __global const int *present,
#endif
#if PREDICT
                 __global float *pred,
#endif
                 __global float2 *losses, const int N, __local float *shared, int group) {
    const int end = min((group + 1) * ROWS, N);
    for (int n = group * ROWS + ITEM; n < end; n += LOCAL) {
        const int position = POSITION(head, n), row = order[position];
        float loss = 0.0f;
#if GRADIENT
        const float scale = 2.0f / ((float)*present * (float)K);
        for (int j = K; j < LD; j++) dz[(size_t)n * LD + j] = 0.0f;
#endif
        for (int j = 0; j < K; j++) {
            const float value = z[(size_t)n * LD + j], off = row < 0 ? 0.0f : value - targets[(size_t)row * K + j];
            loss = MAC(off, off, loss);
#if GRADIENT
            dz[(size_t)n * LD + j] = row < 0 ? 0.0f : off * scale;
#endif
#if PREDICT
            pred[(size_t)position * K + j] = value;
#endif
        }
        losses[n] = FLOAT2(loss * (1.0f / K), 0.0f);
    }
}
#endif

#ifdef BODY_present
/* `counts` holds one number per item; not local memory, which a device may be told to go without. */
static void NAME(__global const int *head, __global const int *order, __global int *counts, __global int *present,
                 const int N, __local float *shared, int group) {
    int count = 0;
    for (int n = ITEM; n < N; n += LOCAL) count += order[POSITION(head, n)] >= 0;
#if LOCAL > 1
    counts[ITEM] = count;
    barrier(CLK_GLOBAL_MEM_FENCE);
    for (int i = 1; ITEM == 0 && i < LOCAL; i++) count += counts[i];
#endif
    if (ITEM == 0) *present = count;
}
#endif
