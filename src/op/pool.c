/* pool.c: max and average pooling over windows without padding, and their gradients.
 *
 * Shapes: x (N,C,H,W), y (N,C,P,Q), P = (H - R)/stride + 1 (floor, as in PyTorch). Ties of the maximum go to the first
 * position in row order; a NaN wins, so that it stays visible. index (N,C,P,Q) u8 = r*R + s of the maximum. Windows may
 * overlap (stride < kernel): gradients add up. */
#include "op/op.h"

RB_REF_DECLARE(max_pool);
RB_REF_DECLARE(max_pool_dx);
RB_REF_DECLARE(avg_pool);
RB_REF_DECLARE(avg_pool_dx);

void RB_REF(max_pool)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tx = rb_ref_tensor(c, op->in[0]), *ty = rb_ref_tensor(c, op->out[0]);
    const real *x = rb_ref_data(c, op->in[0]);
    real *y = rb_ref_data(c, op->out[0]);
    uint8_t *index = rb_ref_data(c, op->out[1]);
    int64_t H = RB_H(tx), W = RB_W(tx), P = RB_H(ty), Q = RB_W(ty), R = op->u.window.kernel,
            stride = op->u.window.stride;
    for (int64_t m = 0; m < RB_N(tx) * RB_C(tx); m++)
        for (int64_t p = 0; p < P; p++)
            for (int64_t q = 0; q < Q; q++) {
                const real *corner = x + (m * H + p * stride) * W + q * stride;
                real best = corner[0];
                int64_t where = 0;
                for (int64_t r = 0; r < R; r++)
                    for (int64_t s = 0; s < R; s++) {
                        real value = corner[r * W + s];
                        if (value > best || (value != value && best == best)) best = value, where = r * R + s;
                    }
                y[(m * P + p) * Q + q] = best;
                if (index) index[(m * P + p) * Q + q] = (uint8_t)where;
            }
}

/* Both gradients give each window's dy to positions of the window: all of the share to the maximum, or equal shares. */
static void scatter(const rb_ref_context *c, const rb_op *op, const uint8_t *index) {
    const rb_tensor *tx = rb_ref_tensor(c, op->out[0]), *ty = rb_ref_tensor(c, op->in[0]);
    const real *dy = rb_ref_data(c, op->in[0]);
    real *dx = rb_ref_data(c, op->out[0]);
    int64_t H = RB_H(tx), W = RB_W(tx), P = RB_H(ty), Q = RB_W(ty), R = op->u.window.kernel,
            stride = op->u.window.stride;
    if (!(op->flags & RB_OPF_ACCUMULATE))
        for (int64_t i = 0; i < rb_tensor_count(tx); i++) dx[i] = 0;
    for (int64_t m = 0; m < RB_N(tx) * RB_C(tx); m++)
        for (int64_t p = 0; p < P; p++)
            for (int64_t q = 0; q < Q; q++) {
                int64_t at = (m * P + p) * Q + q;
                real *corner = dx + (m * H + p * stride) * W + q * stride;
                for (int64_t r = 0; r < R; r++)
                    for (int64_t s = 0; s < R; s++)
                        if (!index)
                            corner[r * W + s] += dy[at] / (real)(R * R);
                        else if (index[at] == r * R + s)
                            corner[r * W + s] += dy[at];
            }
}

void RB_REF(max_pool_dx)(const rb_ref_context *c, const rb_op *op) { scatter(c, op, rb_ref_data(c, op->in[1])); }

void RB_REF(avg_pool_dx)(const rb_ref_context *c, const rb_op *op) { scatter(c, op, NULL); }

void RB_REF(avg_pool)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tx = rb_ref_tensor(c, op->in[0]), *ty = rb_ref_tensor(c, op->out[0]);
    const real *x = rb_ref_data(c, op->in[0]);
    real *y = rb_ref_data(c, op->out[0]);
    int64_t H = RB_H(tx), W = RB_W(tx), P = RB_H(ty), Q = RB_W(ty), R = op->u.window.kernel,
            stride = op->u.window.stride;
    for (int64_t m = 0; m < RB_N(tx) * RB_C(tx); m++)
        for (int64_t p = 0; p < P; p++)
            for (int64_t q = 0; q < Q; q++) {
                const real *corner = x + (m * H + p * stride) * W + q * stride;
                double sum = 0.0;
                for (int64_t r = 0; r < R; r++)
                    for (int64_t s = 0; s < R; s++) sum += (double)corner[r * W + s];
                y[(m * P + p) * Q + q] = (real)(sum / (double)(R * R));
            }
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    const rb_tensor *t = &b->tensors[x];
    int64_t C = RB_C(t), H = RB_H(t), W = RB_W(t);
    int R = layer->kernel, stride = layer->stride ? layer->stride : R;
    if (R < 1 || R > 15 || stride < 1) { /* 15: the index of a maximum is a byte */
        rb__build_error(b, RB_USAGE, "needs a window of 1 to 15 and a stride of at least 1; got window %d, stride %d",
                        R, stride);
        return x;
    }
    if (H < R || W < R) {
        rb__build_error(b, RB_MISMATCH, "a %dx%d window does not fit on an input of %dx%dx%d", R, R, (int)C, (int)H,
                        (int)W);
        return x;
    }
    bool max = layer->kind == RB_LAYER_MAXPOOL;
    int64_t P = (H - R) / stride + 1, Q = (W - R) / stride + 1;
    int y = rb__value(b, max ? "max-pool" : "avg-pool", RB_REAL, C, P, Q);
    int index = max && b->backward ? rb__value(b, "index", RB_U8, C, P, Q) : -1;
    rb_op *op = rb__emit(b, max ? RB_OP_MAXPOOL : RB_OP_AVGPOOL);
    op->in[0] = x, op->out[0] = y, op->out[1] = index;
    op->u.window.kernel = R, op->u.window.stride = stride;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    uint32_t flags = 0;
    int dy = rb__grad_of(b, f.out[0]), dx = rb__grad_target(b, f.in[0], &flags);
    if (dx < 0) return;
    rb_op *op = rb__emit(b, f.kind == RB_OP_MAXPOOL ? RB_OP_MAXPOOL_DX : RB_OP_AVGPOOL_DX);
    op->in[0] = dy, op->out[0] = dx, op->flags = flags, op->u = f.u;
    if (f.kind == RB_OP_MAXPOOL) op->in[1] = f.out[1];
}

/* One comparison or addition per window element. */
static double flops(const rb_variant *v, const rb_op *op) {
    bool gradient = op->kind == RB_OP_MAXPOOL_DX || op->kind == RB_OP_AVGPOOL_DX;
    const rb_tensor *y = &v->tensors[gradient ? op->in[0] : op->out[0]];
    return (double)rb_tensor_count(y) * op->u.window.kernel * op->u.window.kernel;
}

const rb_op_def rb_op_def_MAXPOOL = {.flops = flops, .forward = forward, .backward = backward, RB_REF_BOTH(max_pool)};
const rb_op_def rb_op_def_MAXPOOL_DX = {.flops = flops, RB_REF_BOTH(max_pool_dx)};
const rb_op_def rb_op_def_AVGPOOL = {.flops = flops, .forward = forward, .backward = backward, RB_REF_BOTH(avg_pool)};
const rb_op_def rb_op_def_AVGPOOL_DX = {.flops = flops, RB_REF_BOTH(avg_pool_dx)};
#endif
