/* conv_dx.c: gradient of a convolution by its input, in one of two forms; both add in an order fixed by the shape.
 *
 * dx[n,h,w,c] = act'(saved) * sum over r,s,k of dy[n,p,q,k] w[r,s,c,k] where h = p*stride+r-pad, w = q*stride+s-pad.
 * Plain: the forward product again: dy, spread by the stride inside a border of zeros, and turned weights.
 * Columns: for few channels (C = 6 would use 6 of 16 lanes). The lanes are one filter row (s,c) instead: for an image
 * row h and a column q, v(h,q) = sum over r,k of dy[h+pad-r,q,k] w[r,:,:,k] is a run of S*C values of row h that begins
 * at pixel q-pad. Runs overlap: they go to a few lines, in each of which they do not, and the lines are added.
 * Shapes: dy (N,P,Q,ldy), w (R,S,C,ldw), dx (N,H,W,ldx). */
#include "cpu/kernels/conv.h"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/tile.h"

/* WORK.packed, plain: (R,S,K,C16) = w[R-1-r][S-1-s][c][k]. Columns: (R,K,run16) = w[R-1-r][s][c][k]. A unit is one
 * (r,s). */
void RB_KERNEL(pack_conv)(const rb__item *it, int unit, const rb__call *c) {
    const rb__geometry *g = &it->g;
    const float *w = c->in[1];
    if (rb_conv_columns(g)) {
        int run = g->R * g->C, ld = rb_round16(run), r = unit / g->R, part = unit % g->R;
        for (int k = part; k < g->K; k += g->R)
            for (int i = 0; i < ld; i++)
                it->packed[((int64_t)r * g->K + k) * ld + i] =
                    i < run ? w[((int64_t)(g->R - 1 - r) * run + i) * g->ldw + k] : 0.0f;
        return;
    }
    int ld = rb_round16(g->C);
    float *to = it->packed + (int64_t)unit * g->K * ld;
    w += (int64_t)(g->R * g->R - 1 - unit) * g->C * g->ldw;
    for (int k = 0; k < g->K; k++)
        for (int i = 0; i < ld; i++) to[(int64_t)k * ld + i] = i < g->C ? w[(int64_t)i * g->ldw + k] : 0.0f;
}

static void plain(const rb__item *it, const float *dy, float *dx, float *scratch) {
    const rb__geometry *g = &it->g;
    int Wp = g->W + g->R - 1, ld = rb_round16(g->C), edge = g->R - 1 - g->pad;
    RB_KERNEL(embed)(dy, g->P, g->Q, g->K, g->ldy, scratch, Wp, edge, edge, g->stride);
    rb__tile t = {.a = scratch, .b = it->packed, .lda = g->K, .ldb = ld, .runs = g->R, .run = g->R * g->K};
    t.pitch = (ptrdiff_t)Wp * g->K, t.c = dx, t.ldc = g->ldx, t.accumulate = it->op->flags & RB_OPF_ACCUMULATE;
    RB_KERNEL(conv_image)(&t, g->H, g->W, ld, Wp, g->K, 1);
}

/* dy as it lies (dense if ldy == K); lines: zeroed, `n_lines` of `length` values, run q in line q % n_lines. */
static void columns(const rb__item *it, const float *dy, float *dx, float *v, float *lines, int n_lines, int length) {
    const rb__geometry *g = &it->g;
    int ld = rb_round16(g->R * g->C), tiles = rb_tile_count(g->Q);
    bool add = it->op->flags & RB_OPF_ACCUMULATE;
    rb_vi lane = rb_iota();
    for (int h = 0; h < g->H; h++) {
        int first = h + g->pad - (g->R - 1),
            skip = first < 0 ? -first : 0; /* rows first .. first+R-1 of dy, r falling */
        int rows = first + g->R > g->P ? g->P - first : g->R;
        for (int i = 0; i < tiles; i++)
            for (int j = 0, nv; j < ld; j += nv * RB_LANES) {
                int q = rb_tile_start(g->Q, tiles, i), m = rb_tile_start(g->Q, tiles, i + 1) - q;
                nv = rb_tile_vectors(j, ld);
                rb__tile t = {.lda = g->ldy, .ldb = ld, .pitch = (ptrdiff_t)g->Q * g->ldy};
                t.runs = rows - skip, t.run = g->K;
                t.a = dy + ((int64_t)(first + skip) * g->Q + q) * g->ldy,
                t.b = it->packed + (int64_t)skip * g->K * ld + j;
                t.c = v + (int64_t)q * ld + j, t.ldc = ld;
                RB_KERNEL(tile_rows)[m - 1][nv - 1](&t);
            }
        for (int q = 0; q < g->Q; q++) {
            float *to = lines + (int64_t)(q % n_lines) * length + q * g->C;
            for (int j = 0; j < ld; j += RB_LANES) rb_store_v(to + j, rb_load(v + (int64_t)q * ld + j));
        }
        for (int i = 0; i < length; i += RB_LANES) {
            rb_vf sum = rb_load(lines + i);
            for (int k = 1; k < n_lines; k++) sum += rb_load(lines + (int64_t)k * length + i);
            rb_store_v(v + i, sum);
        }
        for (int x = 0; x < g->W; x++)
            for (int j = 0; j < g->ldx; j += RB_LANES) {
                float *to = dx + ((int64_t)h * g->W + x) * g->ldx + j;
                rb_vf value = rb_select(lane + j < g->C, rb_load(v + (x + g->pad) * g->C + j), (rb_vf){0});
                rb_store_v(to, add ? value + rb_load(to) : value);
            }
    }
}

void RB_KERNEL(conv_dx)(const rb__item *it, const rb__call *c) {
    const rb__geometry *g = &it->g;
    int64_t size = (int64_t)g->H * g->W * g->ldx;
    float *scratch = (float *)(void *)c->scratch;
    bool by_columns = rb_conv_columns(g);
    int length = rb_conv_line(g), n_lines = rb_conv_lines(g), ld = rb_round16(g->R * g->C);
    float *v = scratch + (int64_t)n_lines * length; /* (Q,ld), then a whole line */
    (void)ld;
    memset(scratch, 0, sizeof(float) * rb_conv_dx_scratch(g));
    for (int n = 0; n < c->rows; n++) {
        const float *dy = (const float *)c->in[0] + (int64_t)n * g->P * g->Q * g->ldy;
        float *dx = (float *)c->out[0] + n * size;
        if (by_columns)
            columns(it, dy, dx, v, scratch, n_lines, length);
        else
            plain(it, dy, dx, scratch);
        if (it->op->act != RB_ACT_NONE)
            RB_KERNEL(derive_rows)(it->op, dx, (const float *)c->in[2] + n * size, dx, size);
    }
}
