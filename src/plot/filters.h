/* filters.h: weights of a first layer as pictures. */
#ifndef RB_PLOT_FILTERS_H
#define RB_PLOT_FILTERS_H

#include "regbench/status.h"

typedef struct rb_filters {
    const char *title;
    const float *weights; /* (n, C, H, W) */
    int n, C, H, W;       /* C: 1 or 3 */
} rb_filters;

/* A grid of the first 64, each divided by its largest |w|: one channel from blue (negative) over white to vermillion,
 * three as colours around grey. Weights that are not finite are black. RB_OUTPUT, RB_DISK. */
rb_status rb_filters_draw(const rb_filters *f, const char *png_path);

#endif
