/* attack.c: one step of FGSM or PGD on the inputs: x' = clip(x + step sign(g), x0 - eps, x0 + eps), then to the range
 * of pixels, (0 - mean)/stddev to (1 - mean)/stddev; sign(0) = 0, and a gradient that is NaN makes the pixel NaN.
 *
 * step and eps are the family's `strength`. Shapes: x, g, x0, x' (N,C,H,W); x' may be x. Bytes: three reads, one write.
 * Sources: Goodfellow, Shlens, Szegedy: Explaining and harnessing adversarial examples, 2015; Madry et al.: Towards
 * deep learning models resistant to adversarial attacks, 2018. */
#include "op/op.h"

RB_REF_DECLARE(attack);

void RB_REF(attack)(const rb_ref_context *c, const rb_op *op) {
    const real *x = rb_ref_data(c, op->in[0]), *gradient = rb_ref_data(c, op->in[1]), *x0 = rb_ref_data(c, op->in[2]);
    const float *strength = rb_ref_data(c, op->in[3]);
    real *to = rb_ref_data(c, op->out[0]);
    real step = (real)strength[RB_STRENGTH_STEP], eps = (real)strength[RB_STRENGTH_EPS];
    real mean = (real)op->u.normalize.mean, stddev = (real)op->u.normalize.stddev;
    real black = (0 - mean) / stddev, white = (1 - mean) / stddev;
    int64_t n = rb_tensor_count(rb_ref_tensor(c, op->out[0]));
    for (int64_t i = 0; i < n; i++) {
        real g = gradient[i], low = x0[i] - eps, high = x0[i] + eps;
        real value = x[i] + step * (g > 0 ? 1 : g < 0 ? -1 : g);
        if (low < black) low = black;
        if (high > white) high = white;
        to[i] = value < low ? low : value > high ? high : value;
    }
}

#if RB_DEFINITIONS
/* Sign and multiply-add, four comparisons, two sums: about 8. */
static double flops(const rb_variant *v, const rb_op *op) {
    return 8.0 * (double)rb_tensor_count(&v->tensors[op->out[0]]);
}
const rb_op_def rb_op_def_ATTACK = {.flops = flops, RB_REF_BOTH(attack)};
#endif
