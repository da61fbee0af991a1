/* clblast.cl: what stands around a product that CLBlast has made: bias and activation, act' of a gradient, sums of columns.
 *
 * y (rows,LD) = act(y + b), pad lanes zero; dx = dx act'(saved); db[k] = sum over the rows of dy[n,k], in their order. */
#ifdef BODY_bias_act
static void NAME(__global const float *b, __global float *y, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        const int column = i % LD;
        vf v = LOAD(y + i);
#if BIAS
        v += LOAD(b + column);
#endif
        v = ACTIVATE(vf, v);
#if LANES == 1
        STORE(y + i, column < COLUMNS ? v : 0.0f);
#else
        STORE(y + i, (vi)column + LANE_NUMBERS < (vi)COLUMNS ? v : (vf)(0.0f));
#endif
    }
}
#endif

#ifdef BODY_derive
static void NAME(__global const float *saved, __global float *dx, const int count, __local float *shared, int group) {
    FOR_FLAT(i, count) {
        vf v = LOAD(dx + i), y = LOAD(saved + i);
        v = DERIVE(vf, v, y);
        STORE(dx + i, v);
    }
}
#endif

#ifdef BODY_column_sums
static void NAME(__global const float *dy, __global float *db, const int rows, __local float *shared, int group) {
    const int column = (group * LOCAL + ITEM) * LANES;
    if (column >= WIDTH) return;
    vf sum = (vf)(0.0f);
    for (int n = 0; n < rows; n++) sum += LOAD(dy + (size_t)n * LDY + column);
    STORE(db + column, sum);
}
#endif
