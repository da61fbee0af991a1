/* finish.cl: the end of a step, alone in its launch, one group: what other parts left as partial sums goes to this step's
 * row of METRIC, then the cursor moves on. Nothing else writes the cursor, so all others read one and the same slot.
 *
 * Sums are in an order that the sizes alone fix: item i takes pairs i, i + LOCAL, ..; then the items' sums are added: in
 * local memory by halves (LMEM), else by item 0. */
#ifdef BODY_finish
#define LOSS_SUM   0
#define CORRECT    1
#define PARAM_SQ   2
#define GRAD_SQ    3
#define COLUMNS    4

/* Of n pairs; the result is good in item 0. `sums` holds one pair per item. */
static float2 LOCAL_NAME(total)(__global const float2 *pairs, int n, __global float2 *sums, __local float *shared) {
    float2 a = FLOAT2(0.0f, 0.0f), b = a;
    int i = ITEM;
    for (; i + LOCAL < n; i += 2 * LOCAL) a += pairs[i], b += pairs[i + LOCAL];
    if (i < n) a += pairs[i];
    a += b;
#if LMEM
    float x = a.x, y = a.y;
    ADD_ITEMS(x, y)
    a = FLOAT2(x, y);
#elif LOCAL > 1
    sums[ITEM] = a;
    barrier(CLK_GLOBAL_MEM_FENCE);
    if (ITEM == 0)
        for (int k = 1; k < LOCAL; k++) a += sums[k];
    barrier(CLK_GLOBAL_MEM_FENCE);
#endif
    return a;
}

static void NAME(__global int *head, __global float *metric, __global const float2 *losses, __global const float2 *norms,
                 __global float2 *sums, const int n_losses, const int n_norms, __local float *shared, int group) {
    __global float *row = metric + SLOT(head) * COLUMNS;
#if LOSS
    float2 loss = LOCAL_NAME(total)(losses, n_losses, sums, shared);
    if (ITEM == 0) row[LOSS_SUM] = loss.x, row[CORRECT] = loss.y;
#endif
#if NORM
    float2 norm = LOCAL_NAME(total)(norms, n_norms, sums, shared);
    if (ITEM == 0) row[PARAM_SQ] = norm.y;
#if NORM > 1
    if (ITEM == 0) row[GRAD_SQ] = norm.x;
#endif
#endif
#if LOCAL > 1
    barrier(CLK_GLOBAL_MEM_FENCE); /* every item has read the slot */
#endif
    if (ITEM == 0) head[CURSOR]++;
}
#undef LOSS_SUM
#undef CORRECT
#undef PARAM_SQ
#undef GRAD_SQ
#undef COLUMNS
#endif
