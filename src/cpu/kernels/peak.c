/* peak.c: the processor's rate of multiply-adds: independent sums in registers, no memory. What shares are shares of.
 */
#include "cpu/kernels/kernels.h"

enum { SUMS = RB_LANES == 16 || RB_MR == 14 ? 16 : 12 }; /* hides the latency, fits the registers */

double RB_KERNEL(fma)(int rounds, float *out) {
    rb_vf sum[SUMS], x = rb_splat(out[0]), y = rb_splat(out[1]);
    RB_UNROLL
    for (int i = 0; i < SUMS; i++) sum[i] = rb_splat((float)i);
    for (int k = 0; k < rounds; k++) {
        RB_UNROLL
        for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * x + y;
    }
    rb_vf total = {0};
    RB_UNROLL
    for (int i = 0; i < SUMS; i++) total += sum[i];
    out[0] = total[0] == 0.5f ? 1.0f : out[0]; /* the sums must be made */
    return 2.0 * SUMS * RB_LANES * (double)rounds;
}
