/* gather.c: the batch, built from the data set on the device.
 *
 * x[k] = (data[order[...k]]/255 - mean)/stddev for u8 rows, data[...] for f32 rows; a row number of -1 gives zeros.
 * Shapes: data (rows,C,H,W), x (N,C,H,W). Bytes: one read of u8, one write of real. */
#include "op/op.h"

RB_REF_DECLARE(gather);

void RB_REF(gather)(const rb_ref_context *x, const rb_op *op) {
    const rb_tensor *data = rb_ref_tensor(x, op->in[0]), *out = rb_ref_tensor(x, op->out[0]);
    const int32_t *order = rb_ref_data(x, op->in[1]);
    int64_t D = RB_C(out) * RB_H(out) * RB_W(out);
    real *to = rb_ref_data(x, op->out[0]);
    for (int64_t k = 0; k < RB_N(out); k++) {
        int64_t row = rb_ref_row(x, order, k);
        for (int64_t d = 0; d < D; d++) {
            real value = 0;
            if (row >= 0 && data->dtype == RB_U8) {
                real pixel = (real)((const uint8_t *)rb_ref_data(x, op->in[0]))[row * D + d];
                value = (pixel / 255 - (real)op->u.normalize.mean) / (real)op->u.normalize.stddev;
            } else if (row >= 0) {
                value = (real)((const float *)rb_ref_data(x, op->in[0]))[row * D + d];
            }
            to[k * D + d] = value;
        }
    }
}

#if RB_DEFINITIONS
const rb_op_def rb_op_def_GATHER = {RB_REF_BOTH(gather)};
#endif
