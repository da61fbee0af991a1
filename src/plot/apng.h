/* apng.h: animated PNG: what shows a plain picture elsewhere moves in every browser. */
#ifndef RB_PLOT_APNG_H
#define RB_PLOT_APNG_H

#include "report/image.h"

/* Frames of one size, each shown for delay_ms, again and again. RB_USAGE: no frame, sizes that differ; RB_OUTPUT,
 * RB_DISK. */
rb_status rb_apng_write(const rb_image *frames, int n, const int *delay_ms, const char *path);

#endif
