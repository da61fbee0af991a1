/* filters.c: filters of a convolution, or rows of a linear layer, as a grid of small pictures. */
#include "plot/filters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plot/chart.h"
#include "report/font.h"
#include "report/image.h"

enum {
    COLUMNS = 8,
    MOST = 64,
    TILE = 96, /* about this many pixels wide, by a whole factor */
    GAP = 8,
    MARGIN = 24,
    TITLE = 3,
    TEXT = 2,
    INK = 0x222222,
    FAINT = 0x777777,
    FRAME = 0xcccccc
};

/* White for 0, the full colour for 1. */
static uint32_t shade(uint32_t color, float amount) {
    uint32_t out = 0;
    for (int shift = 16; shift >= 0; shift -= 8)
        out |= (uint32_t)lrintf(255 - amount * (255 - (float)(color >> shift & 255))) << shift;
    return out;
}

/* One filter as planes (3, H, W). */
static void color(const float *w, int C, int pixels, uint8_t *planes) {
    float largest = 0;
    for (int i = 0; i < C * pixels; i++)
        if (isfinite(w[i]) && fabsf(w[i]) > largest) largest = fabsf(w[i]);
    for (int i = 0; i < pixels; i++) {
        uint32_t rgb = 0;
        for (int c = 0; c < C; c++) {
            float v = largest > 0 ? w[c * pixels + i] / largest : w[c * pixels + i];
            if (!isfinite(v)) {
                rgb = 0;
                break;
            }
            rgb |= C == 1 ? shade(rb_colors[v < 0 ? RB_BLUE : RB_VERMILLION], fabsf(v))
                          : (uint32_t)lrintf(127.5f + 127.5f * v) << (16 - 8 * c);
        }
        for (int c = 0; c < 3; c++) planes[c * pixels + i] = (uint8_t)(rgb >> (16 - 8 * c));
    }
}

rb_status rb_filters_draw(const rb_filters *f, const char *png_path) {
    rb_status status = RB_OK;
    rb_image image = {0};
    char title[160], key[160];
    int n = f->n < MOST ? f->n : MOST, columns = n < COLUMNS ? n : COLUMNS, rows = (n + columns - 1) / columns;
    int scale = (TILE + f->W / 2) / f->W, head = RB_FONT_HEIGHT * (TITLE + TEXT) + 24;
    if (scale < 1) scale = 1;
    int cell_width = f->W * scale + GAP, cell_height = f->H * scale + GAP;
    snprintf(title, sizeof title, "%.80s: first layer", f->title);
    snprintf(key, sizeof key, "%d of %d, each divided by its largest |w|; %s", n, f->n,
             f->C == 1 ? "blue < 0 < vermillion" : "grey is 0");
    int width = columns * cell_width - GAP;
    if (rb_image_text_width(TITLE, title) > width) width = rb_image_text_width(TITLE, title);
    if (rb_image_text_width(TEXT, key) > width) width = rb_image_text_width(TEXT, key);
    uint8_t *planes = malloc((size_t)f->H * (size_t)f->W * 3);
    if (!planes) return rb_fail(RB_MEMORY, "out of memory for a filter of %d x %d", f->H, f->W);
    RB_TRY(rb_image_new(width + 2 * MARGIN, head + rows * cell_height - GAP + 2 * MARGIN, &image));
    rb_image_text(&image, MARGIN, MARGIN, TITLE, INK, title);
    rb_image_text(&image, MARGIN, MARGIN + RB_FONT_HEIGHT * TITLE + 8, TEXT, FAINT, key);
    for (int i = 0; i < n; i++) {
        int x = MARGIN + i % columns * cell_width, y = MARGIN + head + i / columns * cell_height;
        color(f->weights + (size_t)i * (size_t)(f->C * f->H * f->W), f->C, f->H * f->W, planes);
        rb_image_fill(&image, x - 1, y - 1, f->W * scale + 2, f->H * scale + 2, FRAME);
        rb_image_tile(&image, x, y, scale, planes, 3, f->H, f->W);
    }
    RB_TRY(rb_image_write_png(&image, png_path));
cleanup:
    free(planes);
    rb_image_free(&image);
    return status;
}
