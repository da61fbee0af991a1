/* peak.cl: the device's rate of multiply-adds: independent sums in registers, no memory. What shares are shares of. */
#define SUMS 16 /* hides the latency, fits the registers */

__kernel WORK_GROUP void peak(__global float *out, const int rounds) {
    vf sum[SUMS];
    const vf x = (vf)(out[0]), y = (vf)(out[1]); /* not known to the compiler */
    for (int i = 0; i < SUMS; i++) sum[i] = (vf)((float)i);
    for (int k = 0; k < rounds; k++) {
#pragma unroll
        for (int i = 0; i < SUMS; i++) sum[i] = MAC(sum[i], x, y);
    }
    vf total = (vf)(0.0f);
    for (int i = 0; i < SUMS; i++) total += sum[i];
    if (SUM(total) == 0.5f) out[2] = 1.0f; /* the sums must be made */
}
