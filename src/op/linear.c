/* linear.c: y = act(x w' + b) on flattened rows, and its gradients.
 *
 * Shapes: x (N,C,H,W) read as (N,D) with D = C*H*W, w (K,C,H,W) read as (K,D), b (K), y (N,K).
 * dx = dy w; dw = dy' x; db = sum over N of dy. FLOPs: 2NDK each. Sums run in double. */
#include "op/op.h"

RB_REF_DECLARE(linear);
RB_REF_DECLARE(linear_dx);
RB_REF_DECLARE(linear_dw);

void RB_REF(linear)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tx = rb_ref_tensor(c, op->in[0]), *ty = rb_ref_tensor(c, op->out[0]);
    const real *x = rb_ref_data(c, op->in[0]), *w = rb_ref_data(c, op->in[1]), *b = rb_ref_data(c, op->in[2]);
    real *y = rb_ref_data(c, op->out[0]);
    int64_t N = RB_N(tx), D = RB_C(tx) * RB_H(tx) * RB_W(tx), K = RB_C(ty);
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < K; k++) {
            double sum = b ? (double)b[k] : 0.0;
            for (int64_t d = 0; d < D; d++) sum += (double)x[n * D + d] * (double)w[k * D + d];
            y[n * K + k] = (real)sum;
        }
}

enum { CHUNK = 1024 }; /* columns whose sums are kept at a time: plain loops over d vectorize and stay in cache */

void RB_REF(linear_dx)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tx = rb_ref_tensor(c, op->out[0]), *ty = rb_ref_tensor(c, op->in[0]);
    const real *dy = rb_ref_data(c, op->in[0]), *w = rb_ref_data(c, op->in[1]);
    real *dx = rb_ref_data(c, op->out[0]);
    int64_t N = RB_N(tx), D = RB_C(tx) * RB_H(tx) * RB_W(tx), K = RB_C(ty);
    bool accumulate = op->flags & RB_OPF_ACCUMULATE;
    double sum[CHUNK];
    for (int64_t n = 0; n < N; n++)
        for (int64_t start = 0; start < D; start += CHUNK) {
            int64_t width = D - start < CHUNK ? D - start : CHUNK;
            real *to = dx + n * D + start;
            for (int64_t d = 0; d < width; d++) sum[d] = accumulate ? (double)to[d] : 0.0;
            for (int64_t k = 0; k < K; k++) {
                const real *from = w + k * D + start;
                double factor = (double)dy[n * K + k];
                for (int64_t d = 0; d < width; d++) sum[d] += factor * (double)from[d];
            }
            for (int64_t d = 0; d < width; d++) to[d] = (real)sum[d];
        }
}

void RB_REF(linear_dw)(const rb_ref_context *c, const rb_op *op) {
    const rb_tensor *tx = rb_ref_tensor(c, op->in[0]), *ty = rb_ref_tensor(c, op->in[1]);
    const real *x = rb_ref_data(c, op->in[0]), *dy = rb_ref_data(c, op->in[1]);
    real *dw = rb_ref_data(c, op->out[0]), *db = rb_ref_data(c, op->out[1]);
    int64_t N = RB_N(tx), D = RB_C(tx) * RB_H(tx) * RB_W(tx), K = RB_C(ty);
    double sum[CHUNK];
    for (int64_t k = 0; k < K; k++) {
        double bias = 0.0;
        for (int64_t start = 0; start < D; start += CHUNK) {
            int64_t width = D - start < CHUNK ? D - start : CHUNK;
            for (int64_t d = 0; d < width; d++) sum[d] = 0.0;
            for (int64_t n = 0; n < N; n++) {
                const real *from = x + n * D + start;
                double factor = (double)dy[n * K + k];
                for (int64_t d = 0; d < width; d++) sum[d] += factor * (double)from[d];
            }
            for (int64_t d = 0; d < width; d++) dw[k * D + start + d] = (real)sum[d];
        }
        for (int64_t n = 0; n < N; n++) bias += (double)dy[n * K + k];
        if (db) db[k] = (real)bias;
    }
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    if (layer->units < 1) {
        rb__build_error(b, RB_USAGE, "needs at least 1 unit, not %d", layer->units);
        return x;
    }
    rb_tensor rows = b->tensors[x];
    int64_t D = RB_C(&rows) * RB_H(&rows) * RB_W(&rows), K = layer->units;
    if (layer->in && layer->in != D) {
        rb__build_error(b, RB_MISMATCH, "is made for %d input features, but its input is %dx%dx%d = %d", layer->in,
                        (int)RB_C(&rows), (int)RB_H(&rows), (int)RB_W(&rows), (int)D);
        return x;
    }
    int64_t shape[4] = {K, RB_C(&rows), RB_H(&rows), RB_W(&rows)};
    int w = rb__param(b, RB_WEIGHT, RB_FORM_LINEAR, shape, &rows, D, false);
    int bias = layer->no_bias ? -1 : rb__param(b, RB_BIAS, RB_FORM_VECTOR, (int64_t[4]){K, 1, 1, 1}, NULL, D, false);
    int y = rb__value(b, "linear", RB_REAL, K, 1, 1);
    rb_op *op = rb__emit(b, RB_OP_LINEAR);
    op->in[0] = x, op->in[1] = w, op->in[2] = bias, op->out[0] = y;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    int dy = rb__grad_of(b, f.out[0]);
    const rb_tensor *w = &b->tensors[f.in[1]];
    int64_t shape[4], K = w->dims[0];
    for (int i = 0; i < 4; i++) shape[i] = w->dims[i];
    if (b->weight_grads) {
        rb_tensor rows = b->tensors[f.in[0]];
        int dw = rb__param(b, RB_WEIGHT, RB_FORM_LINEAR, shape, &rows, 0, true);
        int db = f.in[2] < 0 ? -1 : rb__param(b, RB_BIAS, RB_FORM_VECTOR, (int64_t[4]){K, 1, 1, 1}, NULL, 0, true);
        rb_op *op = rb__emit(b, RB_OP_LINEAR_DW);
        op->in[0] = f.in[0], op->in[1] = dy, op->out[0] = dw, op->out[1] = db;
    }
    uint32_t flags = 0;
    int dx = rb__grad_target(b, f.in[0], &flags);
    if (dx < 0) return;
    rb_op *op = rb__emit(b, RB_OP_LINEAR_DX);
    op->in[0] = dy, op->in[1] = f.in[1], op->out[0] = dx, op->flags = flags;
}

/* 2 N D K: batch rows times the elements of the weight. */
static double flops(const rb_variant *v, const rb_op *op) {
    int w = op->kind == RB_OP_LINEAR_DW ? op->out[0] : op->in[1];
    return 2.0 * (double)RB_N(&v->tensors[op->in[0]]) * (double)rb_tensor_count(&v->tensors[w]);
}

const rb_op_def rb_op_def_LINEAR = {
    .flops = flops, .model_flops = true, .forward = forward, .backward = backward, RB_REF_BOTH(linear)};
const rb_op_def rb_op_def_LINEAR_DX = {.flops = flops, .model_flops = true, RB_REF_BOTH(linear_dx)};
const rb_op_def rb_op_def_LINEAR_DW = {.flops = flops, .model_flops = true, RB_REF_BOTH(linear_dw)};
#endif
