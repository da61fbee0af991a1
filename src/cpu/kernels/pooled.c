/* pooled.c: gradient of batch norm + activation behind a max-pooling whose windows do not overlap.
 *
 * The gradient that the pooling hands back is zero but at one pixel of each window, whose output the pooling has kept:
 * v = act'(pooled) dpooled. Neither that gradient nor the activations are needed as images. The formulas are those of
 * batchnorm.c with dy = v at that pixel and 0 elsewhere; what no window covers has dy = 0.
 * Shapes: x, dx (N,H,W,ld), dpooled, pooled, index (N,I,J,ld). in: x dpooled gamma mean' rstd' pooled index. */
#include "cpu/kernels/batchnorm.h"
#include "cpu/kernels/kernels.h"

typedef struct place { /* one image */
    const float *x, *dpooled, *pooled;
    const uint8_t *index;
    float *dx;
} place;

static place image(const rb__item *it, const rb__call *c, int n) {
    int64_t whole = (int64_t)it->g.H * it->g.W * it->g.ldy, part = (int64_t)it->pooled_h * it->pooled_w * it->g.ldy;
    return (place){.x = (const float *)c->in[0] + n * whole,
                   .dpooled = (const float *)c->in[1] + n * part,
                   .pooled = (const float *)c->in[5] + n * part,
                   .index = (const uint8_t *)c->in[6] + n * part,
                   .dx = c->out[0] ? (float *)c->out[0] + n * whole : NULL};
}

RB_INLINE rb_vf incoming(const rb_op *op, const place *p, int64_t at) {
    return rb_derive(op->act, op->slope, rb_load(p->dpooled + at), rb_load(p->pooled + at));
}

/* A vector of channels of one image; R is a literal where it matters. */
RB_INLINE void sums_of(const rb__item *it, int R, const place *p, int j, rb_vf mean, rb_vf *sum, rb_vf *product) {
    int ld = it->g.ldy, W = it->g.W;
    for (int i = 0; i < it->pooled_h; i++)
        for (int q = 0; q < it->pooled_w; q++) {
            int64_t at = ((int64_t)i * it->pooled_w + q) * ld + j;
            const float *corner = p->x + ((int64_t)i * R * W + q * R) * ld + j;
            rb_vi where = rb_widen(p->index + at);
            rb_vf v = incoming(it->op, p, at), x = rb_load(corner);
            for (int w = 1; w < R * R; w++)
                x = rb_select(where == w, rb_load(corner + ((int64_t)(w / R) * W + w % R) * ld), x);
            *sum += v;
            *product += v * (x - mean);
        }
}

/* A group's partial: as batchnorm_dx_sums. */
void RB_KERNEL(batchnorm_pool_sums)(const rb__item *it, const rb__call *c) {
    const float *mean = c->in[3];
    double *sum = (double *)(void *)c->partial + 8, *product = sum + it->g.ldy;
    if (c->first) memset(c->partial, 0, sizeof(float) * it->partial_count);
    for (int n = 0; n < c->rows; n++) {
        place p = image(it, c, n);
        for (int j = 0; j < it->g.ldy; j += RB_LANES) {
            rb_vf s = {0}, t = {0};
            if (it->window == 2)
                sums_of(it, 2, &p, j, rb_load(mean + j), &s, &t);
            else
                sums_of(it, it->window, &p, j, rb_load(mean + j), &s, &t);
            *(rb_vd_any *)(sum + j) += __builtin_convertvector(s, rb_vd);
            *(rb_vd_any *)(product + j) += __builtin_convertvector(t, rb_vd);
        }
    }
}

RB_INLINE void apply(const rb__item *it, int R, const place *p, int j) {
    const rb__geometry *g = &it->g;
    const float *packed = it->packed + j;
    int ld = g->ldy;
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    rb_vf mean = rb_load(packed + (int64_t)RB__BN_MEAN * ld), scale = rb_load(packed + (int64_t)RB__BN_SCALE * ld);
    rb_vf slope = rb_load(packed + (int64_t)RB__BN_SLOPE * ld), offset = rb_load(packed + (int64_t)RB__BN_OFFSET * ld);
    for (int h = 0; h < g->H; h++)
        for (int w = 0; w < g->W; w++) {
            int i = h / R, q = w / R;
            int64_t to = ((int64_t)h * g->W + w) * ld + j;
            rb_vf dx = (rb_load(p->x + to) - mean) * slope + offset;
            if (i < it->pooled_h && q < it->pooled_w) {
                int64_t at = ((int64_t)i * it->pooled_w + q) * ld + j;
                rb_vf v = incoming(it->op, p, at) * scale;
                dx += rb_select(rb_widen(p->index + at) == h % R * R + w % R, v, (rb_vf){0});
            }
            rb_store_v(p->dx + to, add ? rb_load(p->dx + to) + dx : dx);
        }
}

void RB_KERNEL(batchnorm_pool_dx)(const rb__item *it, const rb__call *c) {
    for (int n = 0; n < c->rows; n++) {
        place p = image(it, c, n);
        for (int j = 0; j < it->g.ldy; j += RB_LANES)
            if (it->window == 2)
                apply(it, 2, &p, j);
            else
                apply(it, it->window, &p, j);
    }
}
