/* pointwise.c: the batch built from the data set, activations, sums and copies: one read and one write per element.
 *
 * gather: x[k] = (data[row k]/255 - mean)/stddev for u8 rows, rounded at every step as PyTorch does: images are full of
 * equal values, and a last bit decides ties further on. A row of -1 gives zeros. Augmented images are put together from
 * bytes first, in scratch: a copy of the image as it is seen. act, act', add and copy walk over rows
 * of channels with their pad lanes, which stay zero. */
#include "cpu/kernels/kernels.h"
#include "regbench/portable.h"

/* x/255 rounded as a division is: an estimate, corrected by its exact remainder, which a fused multiply-add gives. */
RB_INLINE rb_vf divide_255(rb_vf x) {
#ifdef __FP_FAST_FMAF
    const float inverse = 1.0f / 255.0f;
    rb_vf q = x * inverse;
    return q + (x - q * 255.0f) * inverse;
#else
    return x / 255.0f;
#endif
}

RB_INLINE void normalize_bytes(const rb_op *op, const uint8_t *from, int width, float *to) {
    float mean = op->u.normalize.mean, stddev = op->u.normalize.stddev;
    bool scaled = mean != 0.0f || stddev != 1.0f;
    int i = 0;
    while (i < width && width >= RB_LANES) { /* the last vector overlaps the one before */
        if (i + RB_LANES > width) i = width - RB_LANES;
        rb_vf x = divide_255(rb_to_float(rb_widen(from + i)));
        rb_store_v(to + i, scaled ? (x - mean) / stddev : x);
        i += RB_LANES;
    }
    for (; i < width; i++) to[i] = ((float)from[i] / 255.0f - mean) / stddev;
}

void RB_KERNEL(gather_row)(const rb__item *it, const rb__step *step, int k, int d, int width, float *to) {
    const rb_tensor *data = &it->variant->tensors[it->op->in[0]];
    const int32_t *order = (const int32_t *)(const void *)it->in[1].base;
    int64_t row = order[rb_position(it, step, k)], D = it->g.D;
    if (row < 0)
        memset(to, 0, sizeof(float) * (size_t)width);
    else if (data->dtype == RB_U8)
        normalize_bytes(it->op, it->in[0].base + row * D + d, width, to);
    else
        memcpy(to, (const float *)(const void *)it->in[0].base + row * D + d, sizeof(float) * (size_t)width);
}

/* Pixels of C bytes from where `sources` say, black where that is nowhere. */
RB_INLINE void copy_pixels(const uint8_t *from, const int *sources, int n, int C, uint8_t *to) {
    for (int i = 0; i < n; i++)
        for (int c = 0; c < C; c++) to[i * C + c] = sources[i] < 0 ? 0 : from[sources[i] * C + c];
}

/* Batch row k as it is seen in this epoch; false: as it lies in the data set. */
static bool augment_row(const rb__item *it, const rb__step *step, int k, uint8_t *to) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    int64_t row = ((const int32_t *)(const void *)it->in[1].base)[rb_position(it, step, k)];
    uint32_t epoch = ((uint32_t)step->cursor->step + (uint32_t)step->slot) / (uint32_t)step->cursor->wrap;
    rb_view view = rb_view_drawn((uint32_t)row, epoch, step->seed[0], step->seed[1], op->u.normalize.hflip,
                                 op->u.normalize.vflip, op->u.normalize.crop_pad, op->u.normalize.rotate);
    if (row < 0 || rb_view_is_plain(view)) return false;
    const uint8_t *from = it->in[0].base + row * g->D;
    for (int y = 0; y < g->H; y++) {
        int sources[RB_VIEW_MAX];
        for (int x = 0; x < g->W; x++) sources[x] = rb_view_source(view, y, x, g->H, g->W); /* in vectors */
        if (g->C == 3)
            copy_pixels(from, sources, g->W, 3, to);
        else
            copy_pixels(from, sources, g->W, g->C, to);
        to += g->W * g->C;
    }
    return true;
}

/* Rows lie anywhere in a data set larger than the caches: ask for those of the next chunk while this one is built. */
static void fetch_row(const rb__item *it, const rb__step *step, int k) {
    const rb_tensor *data = &it->variant->tensors[it->op->in[0]];
    const int32_t *order = (const int32_t *)(const void *)it->in[1].base;
    size_t bytes = (size_t)it->g.D * rb_dtype_bytes(data->dtype, 4);
    if (k >= it->g.N) return;
    int64_t row = order[rb_position(it, step, k)];
    for (size_t i = 0; row >= 0 && i < bytes; i += 64)
        __builtin_prefetch(it->in[0].base + (size_t)row * bytes + i, 0, 2);
}

void RB_KERNEL(gather)(const rb__item *it, const rb__call *c) {
    bool augments = rb_op_augments(it->op);
    for (int k = 0; k < c->rows; k++) {
        fetch_row(it, c->step, c->row + k + c->rows);
        float *to = (float *)c->out[0] + (int64_t)k * it->g.D;
        if (augments && augment_row(it, c->step, c->row + k, c->scratch))
            normalize_bytes(it->op, c->scratch, it->g.D, to);
        else
            RB_KERNEL(gather_row)(it, c->step, c->row + k, 0, it->g.D, to);
    }
}

/* `act` is a literal where this is used. */
RB_INLINE void activate_as(rb_act act, float slope, const float *from, float *to, int64_t n) {
    int64_t i = 0;
    for (; i + RB_LANES <= n; i += RB_LANES) rb_store_v(to + i, rb_activate(act, slope, rb_load(from + i)));
    for (; i < n; i++) to[i] = rb_activate(act, slope, rb_splat(from[i]))[0];
}

static void activate(const rb_op *op, const float *from, float *to, int64_t n) {
    switch (op->act) {
    case RB_ACT_SIGMOID:
        activate_as(RB_ACT_SIGMOID, 0.0f, from, to, n);
        break;
    case RB_ACT_RELU:
        activate_as(RB_ACT_RELU, 0.0f, from, to, n);
        break;
    case RB_ACT_LEAKY_RELU:
        activate_as(RB_ACT_LEAKY_RELU, op->slope, from, to, n);
        break;
    case RB_ACT_NONE:
        if (from != to) memcpy(to, from, sizeof(float) * (size_t)n);
        break;
    }
}

void RB_KERNEL(activate_rows)(const rb_op *op, const float *from, float *to, int64_t pixels, int channels, int ld) {
    activate(op, from, to, pixels * ld);
    if (op->act != RB_ACT_SIGMOID || channels == ld) return;
    for (int64_t i = 0; i < pixels; i++) /* sigmoid(0) is not 0 */
        memset(to + i * ld + channels, 0, sizeof(float) * (size_t)(ld - channels));
}

RB_INLINE void derive_as(rb_act act, float slope, const float *dy, const float *y, float *to, int64_t n, bool add) {
    int64_t i = 0;
    for (; i + RB_LANES <= n; i += RB_LANES) {
        rb_vf v = rb_derive(act, slope, rb_load(dy + i), rb_load(y + i));
        rb_store_v(to + i, add ? v + rb_load(to + i) : v);
    }
    for (; i < n; i++) to[i] = (add ? to[i] : 0.0f) + rb_derive(act, slope, rb_splat(dy[i]), rb_splat(y[i]))[0];
}

void RB_KERNEL(derive_rows)(const rb_op *op, const float *dy, const float *y, float *to, int64_t n) {
    switch (op->act) {
    case RB_ACT_SIGMOID:
        derive_as(RB_ACT_SIGMOID, 0.0f, dy, y, to, n, false);
        break;
    case RB_ACT_RELU:
        derive_as(RB_ACT_RELU, 0.0f, dy, y, to, n, false);
        break;
    default:
        derive_as(op->act, op->slope, dy, y, to, n, false);
    }
}

/* Extents of a call: all elements of its rows, of an output whose channels are padded to ldy. */
static int64_t elements(const rb__item *it, const rb__call *c) {
    return (int64_t)c->rows * it->g.H * it->g.W * it->g.ldy;
}
const float *RB_KERNEL(padded)(const rb__item *it, const rb__call *c, int input, int ld, int slot) {
    const rb__geometry *g = &it->g;
    const float *x = c->in[input];
    if (ld == g->ldy) return x;
    float *to = (float *)(void *)c->scratch + slot * elements(it, c);
    memset(to, 0, sizeof(float) * (size_t)elements(it, c));
    for (int64_t i = 0; i < (int64_t)c->rows * g->H * g->W; i++)
        memcpy(to + i * g->ldy, x + i * ld, sizeof(float) * (size_t)g->C);
    return to;
}

void RB_KERNEL(act)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *x = RB_KERNEL(padded)(it, c, 0, g->ldx, 0);
    RB_KERNEL(activate_rows)(it->op, x, c->out[0], (int64_t)c->rows * g->H * g->W, g->C, g->ldy);
}

void RB_KERNEL(act_dx)(const rb__item *it, const rb__call *c) {
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    derive_as(it->op->act, it->op->slope, c->in[0], c->in[1], c->out[0], elements(it, c), add);
}

void RB_KERNEL(add)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *a = RB_KERNEL(padded)(it, c, 0, g->ldx, 0), *b = RB_KERNEL(padded)(it, c, 1, g->ldw, 1);
    float *y = c->out[0];
    int64_t n = elements(it, c), i = 0;
    for (; i + RB_LANES <= n; i += RB_LANES) rb_store_v(y + i, rb_load(a + i) + rb_load(b + i));
    for (; i < n; i++) y[i] = a[i] + b[i];
    if (it->op->act != RB_ACT_NONE)
        RB_KERNEL(activate_rows)(it->op, y, y, (int64_t)c->rows * g->H * g->W, g->C, g->ldy);
}

void RB_KERNEL(copy)(const rb__item *it, const rb__call *c) {
    const float *x = c->in[0];
    float *y = c->out[0];
    int64_t n = elements(it, c);
    if (!(it->op->flags & RB_OPF_ACCUMULATE))
        memcpy(y, x, sizeof(float) * (size_t)n);
    else
        for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

/* The gradient's pixels and rows may be padded, those of the other three are not: x' = clip(x + step sign(g)). */
void RB_KERNEL(attack)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const rb_tensor *dx = &it->variant->tensors[it->op->in[1]];
    const float *x = c->in[0], *x0 = c->in[2], *strength = c->in[3];
    float *to = c->out[0];
    float mean = it->op->u.normalize.mean, stddev = it->op->u.normalize.stddev;
    rb_vf black = rb_splat((0 - mean) / stddev), white = rb_splat((1 - mean) / stddev);
    rb_vf step = rb_splat(strength[RB_STRENGTH_STEP]), eps = rb_splat(strength[RB_STRENGTH_EPS]);
    bool dense = g->ldx == g->C;
    int D = g->H * g->W * g->C, run = dense ? D : g->C;
    for (int n = 0; n < c->rows; n++)
        for (int at = 0; at < D; at += run) {
            const float *from = (const float *)c->in[1] + n * dx->stride[0] + at / g->C * g->ldx;
            int64_t row = (int64_t)n * D + at;
            for (int i = 0; i < run; i += RB_LANES) {
                int lanes = run - i < RB_LANES ? run - i : RB_LANES;
                float in[3][RB_LANES] = {{0}}, out[RB_LANES];
                const float *p[3] = {x + row + i, from + i, x0 + row + i};
                rb_vf v[3];
                for (int k = 0; k < 3; k++) {
                    if (lanes < RB_LANES) memcpy(in[k], p[k], sizeof(float) * (size_t)lanes);
                    v[k] = rb_load(lanes < RB_LANES ? in[k] : p[k]);
                }
                rb_vf low = v[2] - eps, high = v[2] + eps;
                rb_vf sign = rb_select(v[1] > 0.0f, rb_splat(1.0f), rb_select(v[1] < 0.0f, rb_splat(-1.0f), v[1]));
                low = rb_select(low < black, black, low), high = rb_select(high > white, white, high);
                rb_vf value = v[0] + step * sign;
                value = rb_select(value < low, low, rb_select(value > high, high, value));
                rb_store_v(lanes < RB_LANES ? out : to + row + i, value);
                if (lanes < RB_LANES) memcpy(to + row + i, out, sizeof(float) * (size_t)lanes);
            }
        }
}

/* Flat views of whole segments: snapshots. A unit is RB__FLAT_BLOCK values. */
void RB_KERNEL(copy_flat)(const rb__item *it, int unit, const rb__call *c) {
    int64_t count = rb_tensor_count(&it->variant->tensors[it->op->out[0]]), from = (int64_t)unit * RB__FLAT_BLOCK;
    int64_t n = count - from < RB__FLAT_BLOCK ? count - from : RB__FLAT_BLOCK;
    const float *x = (const float *)c->in[0] + from;
    float *y = (float *)c->out[0] + from;
    for (int64_t i = 0; i < n; i++) y[i] = (it->op->flags & RB_OPF_ACCUMULATE ? y[i] : 0.0f) + x[i];
}
