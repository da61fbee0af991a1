/* peak.cl: the device's rate of multiply-adds: independent sums in registers, no memory. What shares are shares of. */
#define SUMS 16 /* hides the latency, fits the registers */

__kernel WORK_GROUP void peak(__global float *out, const int rounds, const int quarters) {
    vf sum[SUMS];
    const vf x = (vf)(0.25f * (float)quarters), y = x; /* not known to the compiler */
    for (int i = 0; i < SUMS; i++) sum[i] = (vf)((float)i);
    for (int k = 0; k < rounds; k++) {
        UNROLL
        for (int i = 0; i < SUMS; i++) sum[i] = MAC(sum[i], x, y);
    }
    vf total = (vf)(0.0f);
    for (int i = 0; i < SUMS; i++) total += sum[i];
    if (SUM(total) == 0.5f) out[0] = 1.0f; /* the sums must be made */
}
