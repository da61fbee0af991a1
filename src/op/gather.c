/* gather.c: the batch, built from the data set on the device.
 *
 * x[k] = (data[order[...k]]/255 - mean)/stddev for u8 rows, data[...] for f32 rows; a row number of -1 gives zeros.
 * Images to train on may be augmented first: which pixel goes where says rb_view_source; black, a byte of 0, where
 * there is none. Shapes: data (rows,C,H,W), x (N,C,H,W). Bytes: one read of u8, one write of real. */
#include "op/op.h"
#include "regbench/portable.h"

RB_REF_DECLARE(gather);

static rb_view view_of(const rb_ref_context *x, const rb_op *op, int64_t row) {
    const rb_cursor *c = rb_ref_cursor(x);
    const uint32_t *seed = ((const rb_ctrl_head *)(const void *)x->base[RB_SEG_CTRL])->seed;
    uint32_t epoch = ((uint32_t)c->step + (uint32_t)c->slot) / (uint32_t)c->wrap;
    return rb_view_drawn((uint32_t)row, epoch, seed[0], seed[1], op->u.normalize.hflip, op->u.normalize.vflip,
                         op->u.normalize.crop_pad, op->u.normalize.rotate);
}

void RB_REF(gather)(const rb_ref_context *x, const rb_op *op) {
    const rb_tensor *data = rb_ref_tensor(x, op->in[0]), *out = rb_ref_tensor(x, op->out[0]);
    const int32_t *order = rb_ref_data(x, op->in[1]);
    int64_t area = RB_H(out) * RB_W(out), D = RB_C(out) * area;
    real *to = rb_ref_data(x, op->out[0]);
    for (int64_t k = 0; k < RB_N(out); k++) {
        int64_t row = rb_ref_row(x, order, k);
        rb_view view = view_of(x, op, row);
        for (int64_t d = 0; d < D; d++) {
            real value = 0;
            if (row >= 0 && data->dtype == RB_U8) {
                int64_t at = d % area, plane = d - at;
                if (rb_op_augments(op))
                    at = rb_view_source(view, (int)(at / RB_W(out)), (int)(at % RB_W(out)), (int)RB_H(out),
                                        (int)RB_W(out));
                const uint8_t *image = (const uint8_t *)rb_ref_data(x, op->in[0]) + row * D;
                real pixel = at < 0 ? 0 : (real)image[plane + at];
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
