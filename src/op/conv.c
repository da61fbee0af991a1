/* conv.c: 2-D cross-correlation with zero padding, and its gradients.
 *
 * y[n,k,p,q] = b[k] + sum over c,r,s of w[k,c,r,s] x[n,c, p*stride+r-pad, q*stride+s-pad]
 * Shapes: x (N,C,H,W), w (K,C,R,S), b (K), y (N,K,P,Q) with P = (H + 2 pad - R)/stride + 1.
 * FLOPs: 2 N K P Q C R S each. Sums run in double; loops over q are innermost so that plain code vectorizes. */
#include <string.h>

#include "op/op.h"

RB_REF_DECLARE(conv);
RB_REF_DECLARE(conv_dx);
RB_REF_DECLARE(conv_dw);

typedef struct geometry {
    int64_t N, C, H, W, K, P, Q, R, S, stride, pad;
} geometry;

static geometry measure(const rb_tensor *x, const rb_tensor *y, const rb_op *op) {
    return (geometry){RB_N(x),
                      RB_C(x),
                      RB_H(x),
                      RB_W(x),
                      RB_C(y),
                      RB_H(y),
                      RB_W(y),
                      op->u.window.kernel,
                      op->u.window.kernel,
                      op->u.window.stride,
                      op->u.window.pad};
}

/* The output columns q for which column q*stride + s - pad of the input exists: [*from, *to). */
static void columns(const geometry *g, int64_t s, int64_t *from, int64_t *to) {
    int64_t shift = s - g->pad, q = shift < 0 ? (-shift + g->stride - 1) / g->stride : 0;
    int64_t end = (g->W - 1 - shift) / g->stride + 1;
    *from = q;
    *to = g->W - 1 - shift < 0 ? q : end < g->Q ? end : g->Q;
}

enum { RB_REF_LONGEST_ROW = 4096 }; /* columns of input and output, checked by `forward` */

void RB_REF(conv)(const rb_ref_context *ctx, const rb_op *op) {
    geometry g = measure(rb_ref_tensor(ctx, op->in[0]), rb_ref_tensor(ctx, op->out[0]), op);
    const real *x = rb_ref_data(ctx, op->in[0]), *w = rb_ref_data(ctx, op->in[1]), *b = rb_ref_data(ctx, op->in[2]);
    real *y = rb_ref_data(ctx, op->out[0]);
    double row[RB_REF_LONGEST_ROW];
    for (int64_t n = 0; n < g.N; n++)
        for (int64_t k = 0; k < g.K; k++)
            for (int64_t p = 0; p < g.P; p++) {
                for (int64_t q = 0; q < g.Q; q++) row[q] = b ? (double)b[k] : 0.0;
                for (int64_t c = 0; c < g.C; c++)
                    for (int64_t r = 0; r < g.R; r++) {
                        int64_t h = p * g.stride + r - g.pad, from, to;
                        if (h < 0 || h >= g.H) continue;
                        for (int64_t s = 0; s < g.S; s++) {
                            double weight = (double)w[((k * g.C + c) * g.R + r) * g.S + s];
                            const real *line = x + ((n * g.C + c) * g.H + h) * g.W + s - g.pad;
                            columns(&g, s, &from, &to);
                            for (int64_t q = from; q < to; q++) row[q] += weight * (double)line[q * g.stride];
                        }
                    }
                for (int64_t q = 0; q < g.Q; q++) y[((n * g.K + k) * g.P + p) * g.Q + q] = (real)row[q];
            }
}

void RB_REF(conv_dx)(const rb_ref_context *ctx, const rb_op *op) {
    geometry g = measure(rb_ref_tensor(ctx, op->out[0]), rb_ref_tensor(ctx, op->in[0]), op);
    const real *dy = rb_ref_data(ctx, op->in[0]), *w = rb_ref_data(ctx, op->in[1]);
    real *dx = rb_ref_data(ctx, op->out[0]);
    double row[RB_REF_LONGEST_ROW];
    bool accumulate = op->flags & RB_OPF_ACCUMULATE;
    for (int64_t n = 0; n < g.N; n++)
        for (int64_t c = 0; c < g.C; c++)
            for (int64_t h = 0; h < g.H; h++) {
                real *line = dx + ((n * g.C + c) * g.H + h) * g.W;
                for (int64_t i = 0; i < g.W; i++) row[i] = accumulate ? (double)line[i] : 0.0;
                for (int64_t k = 0; k < g.K; k++)
                    for (int64_t r = 0; r < g.R; r++) {
                        int64_t p = (h + g.pad - r) / g.stride, from, to;
                        if (h + g.pad - r < 0 || (h + g.pad - r) % g.stride || p >= g.P) continue;
                        for (int64_t s = 0; s < g.S; s++) {
                            double weight = (double)w[((k * g.C + c) * g.R + r) * g.S + s];
                            const real *gradient = dy + ((n * g.K + k) * g.P + p) * g.Q;
                            columns(&g, s, &from, &to);
                            for (int64_t q = from; q < to; q++)
                                row[q * g.stride + s - g.pad] += weight * (double)gradient[q];
                        }
                    }
                for (int64_t i = 0; i < g.W; i++) line[i] = (real)row[i];
            }
}

void RB_REF(conv_dw)(const rb_ref_context *ctx, const rb_op *op) {
    geometry g = measure(rb_ref_tensor(ctx, op->in[0]), rb_ref_tensor(ctx, op->in[1]), op);
    const real *x = rb_ref_data(ctx, op->in[0]), *dy = rb_ref_data(ctx, op->in[1]);
    real *dw = rb_ref_data(ctx, op->out[0]), *db = rb_ref_data(ctx, op->out[1]);
    for (int64_t k = 0; k < g.K; k++) {
        for (int64_t c = 0; c < g.C; c++)
            for (int64_t r = 0; r < g.R; r++)
                for (int64_t s = 0; s < g.S; s++) {
                    int64_t from, to;
                    double sum = 0.0;
                    columns(&g, s, &from, &to);
                    for (int64_t n = 0; n < g.N; n++)
                        for (int64_t p = 0; p < g.P; p++) {
                            int64_t h = p * g.stride + r - g.pad;
                            if (h < 0 || h >= g.H) continue;
                            const real *line = x + ((n * g.C + c) * g.H + h) * g.W + s - g.pad;
                            const real *gradient = dy + ((n * g.K + k) * g.P + p) * g.Q;
                            for (int64_t q = from; q < to; q++) sum += (double)gradient[q] * (double)line[q * g.stride];
                        }
                    dw[((k * g.C + c) * g.R + r) * g.S + s] = (real)sum;
                }
        double sum = 0.0;
        for (int64_t n = 0; n < g.N; n++)
            for (int64_t i = 0; i < g.P * g.Q; i++) sum += (double)dy[(n * g.K + k) * g.P * g.Q + i];
        if (db) db[k] = (real)sum;
    }
}

#if RB_DEFINITIONS

static int forward(rb_builder *b, const rb_layer *layer, int x) {
    const rb_tensor *t = &b->tensors[x];
    int64_t C = RB_C(t), H = RB_H(t), W = RB_W(t), K = layer->units, R = layer->kernel;
    int64_t stride = layer->stride ? layer->stride : 1, pad = layer->pad;
    if (K < 1 || R < 1 || stride < 1 || pad < 0 || pad >= R) {
        rb__build_error(b, RB_USAGE,
                        "needs units, kernel and stride of at least 1 and 0 <= pad < kernel; got units %d, kernel %d, "
                        "stride %d, pad %d",
                        layer->units, layer->kernel, layer->stride, layer->pad);
        return x;
    }
    if (layer->in && layer->in != C) {
        rb__build_error(b, RB_MISMATCH, "is made for %d input channels, but its input is %dx%dx%d", layer->in, (int)C,
                        (int)H, (int)W);
        return x;
    }
    if (H + 2 * pad < R || W + 2 * pad < R) {
        rb__build_error(b, RB_MISMATCH, "a %dx%d kernel with padding %d does not fit on an input of %dx%dx%d",
                        layer->kernel, layer->kernel, layer->pad, (int)C, (int)H, (int)W);
        return x;
    }
    int64_t P = (H + 2 * pad - R) / stride + 1, Q = (W + 2 * pad - R) / stride + 1, fan_in = C * R * R;
    if (W > RB_REF_LONGEST_ROW || Q > RB_REF_LONGEST_ROW) {
        rb__build_error(b, RB_MISMATCH, "rows of %d pixels in and %d out: at most %d are supported", (int)W, (int)Q,
                        RB_REF_LONGEST_ROW);
        return x;
    }
    int w = rb__param(b, RB_WEIGHT, RB_FORM_CONV, (int64_t[4]){K, C, R, R}, NULL, fan_in, false);
    int bias =
        layer->no_bias ? -1 : rb__param(b, RB_BIAS, RB_FORM_VECTOR, (int64_t[4]){K, 1, 1, 1}, NULL, fan_in, false);
    int y = rb__value(b, "conv", RB_REAL, K, P, Q);
    rb_op *op = rb__emit(b, RB_OP_CONV);
    op->in[0] = x, op->in[1] = w, op->in[2] = bias, op->out[0] = y;
    op->u.window.kernel = (int)R, op->u.window.stride = (int)stride, op->u.window.pad = (int)pad;
    return y;
}

static void backward(rb_builder *b, const rb_op *fwd) {
    rb_op f = *fwd;
    int dy = rb__grad_of(b, f.out[0]);
    if (b->weight_grads) {
        int64_t shape[4];
        for (int i = 0; i < 4; i++) shape[i] = b->tensors[f.in[1]].dims[i];
        int dw = rb__param(b, RB_WEIGHT, RB_FORM_CONV, shape, NULL, 0, true);
        int db =
            f.in[2] < 0 ? -1 : rb__param(b, RB_BIAS, RB_FORM_VECTOR, (int64_t[4]){shape[0], 1, 1, 1}, NULL, 0, true);
        rb_op *op = rb__emit(b, RB_OP_CONV_DW);
        op->in[0] = f.in[0], op->in[1] = dy, op->out[0] = dw, op->out[1] = db, op->u = f.u;
    }
    uint32_t flags = 0;
    int dx = rb__grad_target(b, f.in[0], &flags);
    if (dx < 0) return;
    rb_op *op = rb__emit(b, RB_OP_CONV_DX);
    op->in[0] = dy, op->in[1] = f.in[1], op->out[0] = dx, op->flags = flags, op->u = f.u;
}

/* 2 N P Q times the elements of the weight. */
static double flops(const rb_variant *v, const rb_op *op) {
    const rb_tensor *y = &v->tensors[op->kind == RB_OP_CONV ? op->out[0] : op->in[op->kind == RB_OP_CONV_DW]];
    const rb_tensor *w = &v->tensors[op->kind == RB_OP_CONV_DW ? op->out[0] : op->in[1]];
    return 2.0 * (double)(RB_N(y) * RB_H(y) * RB_W(y)) * (double)rb_tensor_count(w);
}

const rb_op_def rb_op_def_CONV = {
    .flops = flops, .model_flops = true, .forward = forward, .backward = backward, RB_REF_BOTH(conv)};
const rb_op_def rb_op_def_CONV_DX = {.flops = flops, .model_flops = true, RB_REF_BOTH(conv_dx)};
const rb_op_def rb_op_def_CONV_DW = {.flops = flops, .model_flops = true, RB_REF_BOTH(conv_dw)};
#endif
