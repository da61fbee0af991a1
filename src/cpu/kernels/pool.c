/* pool.c: max and average pooling and their gradients, channels innermost.
 *
 * Shapes: x, dx (N,H,W,ldx), y, dy (N,P,Q,ldy), index (N,P,Q,ldy) u8 = r*R + s of the first maximum; a NaN wins.
 * Gradients are gathered or scattered per image; windows that tile the image exactly are assigned without zeroing it
 * first. act' of the input's activation is applied where a value is written. Pad lanes: equal inputs, index 0, zeros.
 */
#include "cpu/kernels/kernels.h"

/* A tensor that comes straight from the data set has one or three channels without padding: plain code for those. */
static bool wide(const rb__geometry *g) { return g->ldx == g->ldy; }

static void max_pool_plain(const rb__geometry *g, const float *x, float *y, uint8_t *index) {
    for (int p = 0; p < g->P; p++)
        for (int q = 0; q < g->Q; q++)
            for (int c = 0; c < g->ldy; c++) {
                const float *corner = x + ((int64_t)p * g->stride * g->W + q * g->stride) * g->ldx + c;
                int64_t at = ((int64_t)p * g->Q + q) * g->ldy + c;
                float best = c < g->C ? corner[0] : 0.0f;
                int where = 0;
                for (int i = 1; i < g->R * g->R && c < g->C; i++) {
                    float value = corner[((int64_t)(i / g->R) * g->W + i % g->R) * g->ldx];
                    if (value > best || (value != value && best == best)) best = value, where = i;
                }
                y[at] = best;
                if (index) index[at] = (uint8_t)where;
            }
}

RB_INLINE void max_pool_image(const rb__geometry *g, int R, const float *x, float *y, uint8_t *index) {
    for (int p = 0; p < g->P; p++)
        for (int q = 0; q < g->Q; q++) {
            const float *corner = x + ((int64_t)p * g->stride * g->W + q * g->stride) * g->ldx;
            int64_t at = ((int64_t)p * g->Q + q) * g->ldy;
            for (int c = 0; c < g->ldy; c += RB_LANES) {
                rb_vf best = rb_load(corner + c);
                rb_vi where = {0};
                for (int r = 0; r < R; r++)
                    for (int s = 0; s < R; s++) {
                        rb_vf value = rb_load(corner + ((int64_t)r * g->W + s) * g->ldx + c);
                        rb_vi wins = (value > best) | ((value != value) & (best == best));
                        best = rb_select(wins, value, best);
                        where = (wins & (r * R + s)) | (~wins & where);
                    }
                rb_store_v(y + at + c, best);
                if (index) *(rb_vb_any *)(index + at + c) = __builtin_convertvector(where, rb_vb);
            }
        }
}

void RB_KERNEL(max_pool)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int64_t in = (int64_t)g->H * g->W * g->ldx, out = (int64_t)g->P * g->Q * g->ldy;
    for (int n = 0; n < c->rows; n++) {
        const float *x = (const float *)c->in[0] + n * in;
        float *y = (float *)c->out[0] + n * out;
        uint8_t *index = c->out[1] ? (uint8_t *)c->out[1] + n * out : NULL;
        if (!wide(g))
            max_pool_plain(g, x, y, index);
        else if (g->R == 2)
            max_pool_image(g, 2, x, y, index);
        else
            max_pool_image(g, g->R, x, y, index);
    }
}

void RB_KERNEL(avg_pool)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int64_t in = (int64_t)g->H * g->W * g->ldx, out = (int64_t)g->P * g->Q * g->ldy;
    float share = 1.0f / (float)(g->R * g->R);
    for (int n = 0; n < c->rows; n++)
        for (int p = 0; p < g->P; p++)
            for (int q = 0; q < g->Q; q++) {
                const float *corner =
                    (const float *)c->in[0] + n * in + ((int64_t)p * g->stride * g->W + q * g->stride) * g->ldx;
                float *y = (float *)c->out[0] + n * out + ((int64_t)p * g->Q + q) * g->ldy;
                if (!wide(g)) {
                    for (int i = 0; i < g->ldy; i++) {
                        float sum = 0.0f;
                        for (int k = 0; k < g->R * g->R && i < g->C; k++)
                            sum += corner[((int64_t)(k / g->R) * g->W + k % g->R) * g->ldx + i];
                        y[i] = sum * share;
                    }
                    continue;
                }
                for (int i = 0; i < g->ldy; i += RB_LANES) {
                    rb_vf sum = {0};
                    for (int r = 0; r < g->R; r++)
                        for (int s = 0; s < g->R; s++) sum += rb_load(corner + ((int64_t)r * g->W + s) * g->ldx + i);
                    rb_store_v(y + i, sum * share);
                }
            }
}

typedef struct source {
    const float *dy;
    const uint8_t *index; /* NULL: equal shares */
    const float *saved;   /* NULL: no activation */
    float *dx;
} source;

/* Windows that do not overlap: every position has at most one writer. */
RB_INLINE void spread(const rb__geometry *g, const rb_op *op, int R, bool max, bool add, source s) {
    float share = 1.0f / (float)(R * R);
    for (int p = 0; p < g->P; p++)
        for (int q = 0; q < g->Q; q++)
            for (int c = 0; c < g->ldy; c += RB_LANES) {
                int64_t at = ((int64_t)p * g->Q + q) * g->ldy + c;
                int64_t corner = ((int64_t)p * g->stride * g->W + q * g->stride) * g->ldx + c;
                rb_vf dy = rb_load(s.dy + at);
                rb_vi index = {0};
                if (max)
                    index = __builtin_convertvector(*(const rb_vb_any *)(s.index + at), rb_vi);
                else
                    dy *= share;
                for (int i = 0; i < R; i++)
                    for (int j = 0; j < R; j++) {
                        int64_t to = corner + ((int64_t)i * g->W + j) * g->ldx;
                        rb_vf value = max ? rb_select(index == i * R + j, dy, (rb_vf){0}) : dy;
                        if (s.saved) value = rb_derive(op->act, op->slope, value, rb_load(s.saved + to));
                        if (add) value += rb_load(s.dx + to);
                        rb_store_v(s.dx + to, value);
                    }
            }
}

static void pool_dx(const rb__item *it, const rb__call *c, bool max, const float *saved) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    int64_t in = (int64_t)g->H * g->W * g->ldx, out = (int64_t)g->P * g->Q * g->ldy;
    bool accumulate = op->flags & RB_OPF_ACCUMULATE, overlap = g->stride < g->R;
    bool exact = g->stride == g->R && g->P * g->R == g->H && g->Q * g->R == g->W;
    for (int n = 0; n < c->rows; n++) {
        source s = {.dy = (const float *)c->in[0] + n * out, .dx = (float *)c->out[0] + n * in};
        s.index = max ? (const uint8_t *)c->in[1] + n * out : NULL;
        s.saved = saved && !overlap ? saved + n * in : NULL;
        if (!accumulate && !exact) memset(s.dx, 0, sizeof(float) * (size_t)in);
        bool add = accumulate || overlap;
        if (g->R == 2 && max && !add)
            spread(g, op, 2, true, false, s);
        else if (g->R == 2 && !max && !add)
            spread(g, op, 2, false, false, s);
        else
            spread(g, op, g->R, max, add, s);
        if (saved && overlap) RB_KERNEL(derive_rows)(op, s.dx, saved + n * in, s.dx, in);
    }
}

void RB_KERNEL(max_pool_dx)(const rb__item *it, const rb__call *c) {
    pool_dx(it, c, true, it->op->act != RB_ACT_NONE ? c->in[2] : NULL);
}

void RB_KERNEL(avg_pool_dx)(const rb__item *it, const rb__call *c) {
    pool_dx(it, c, false, it->op->act != RB_ACT_NONE ? c->in[1] : NULL);
}
