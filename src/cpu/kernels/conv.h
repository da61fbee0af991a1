/* conv.h: what the planner and the kernels must agree on: which form a gradient takes, and the sizes of its scratch. */
#ifndef RB_CPU_KERNELS_CONV_H
#define RB_CPU_KERNELS_CONV_H

#include "cpu/cpu.h"

static inline int rb_round16(int n) { return (n + 15) / 16 * 16; }

/* dx by columns (see conv_dx.c): where lanes over (s,c) multiply clearly less than lanes over c. */
static inline bool rb_conv_columns(const rb__geometry *g) {
    return g->stride == 1 && 4 * g->Q * rb_round16(g->R * g->C) < 3 * g->W * g->R * rb_round16(g->C);
}
/* Lines in which runs of an image row do not overlap, and the length of one, with room behind the last run. */
static inline int rb_conv_lines(const rb__geometry *g) { return (rb_round16(g->R * g->C) + g->C - 1) / g->C; }
static inline int rb_conv_line(const rb__geometry *g) {
    return rb_round16((g->W + 2 * g->pad) * g->C + rb_round16(g->R * g->C));
}
/* Floats that conv_dx wants. */
static inline size_t rb_conv_dx_scratch(const rb__geometry *g) {
    if (!rb_conv_columns(g)) return (size_t)(g->H + g->R - 1) * (size_t)(g->W + g->R - 1) * (size_t)g->K;
    size_t line = (size_t)rb_conv_line(g), v = (size_t)g->Q * (size_t)rb_round16(g->R * g->C);
    return (size_t)rb_conv_lines(g) * line + (v > line ? v : line) + 64;
}
/* Floats of its turned weights. */
static inline size_t rb_conv_dx_packed(const rb__geometry *g) {
    if (rb_conv_columns(g)) return (size_t)(g->R * g->K) * (size_t)rb_round16(g->R * g->C);
    return (size_t)(g->R * g->R * g->K) * (size_t)rb_round16(g->C);
}

/* sparse.c: floats of a bordered image. */
static inline size_t rb_sparse_image(const rb__geometry *g) {
    return (size_t)(g->H + 2 * g->pad) * (size_t)(g->W + 2 * g->pad) * (size_t)g->C + 16;
}
/* planar.c: floats of a bordered image, of the activations of one image. */
static inline size_t rb_planar_image(const rb__geometry *g) {
    return (size_t)rb_round16((g->H + 2 * g->pad) * (g->W + 2 * g->pad) + 32);
}
static inline size_t rb_planar_row(const rb__geometry *g) {
    return (size_t)g->P * (size_t)g->K * (size_t)rb_round16(g->Q);
}

#endif
