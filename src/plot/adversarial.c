/* adversarial.c: clean images, the perturbation magnified, adversarial images, with predicted classes. */
#include "plot/adversarial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/font.h"
#include "report/image.h"

enum {
    TILE = 96,
    GAP = 14,
    MARGIN = 24,
    TITLE = 3,
    TEXT = 2,
    MOST = 32,
    INK = 0x222222,
    FAINT = 0x777777,
    LINE = RB_FONT_HEIGHT * TEXT + 6
};

static uint8_t byte(float v) { return (uint8_t)lrintf(255 * (v > 0 ? v < 1 ? v : 1 : 0)); } /* NaN becomes 0 */

static const char *class_name(const rb_adversarial *a, int32_t class, char number[16]) {
    snprintf(number, 16, "%d", (int)class);
    return a->class_names ? a->class_names[class] : number;
}

/* Wide enough for a tile and every name. */
static int cell_width(const rb_adversarial *a, int tile) {
    int widest = tile;
    char number[16];
    for (int i = 0; i < 2 * a->n; i++) {
        int width = rb_image_verdict_width(TEXT, class_name(a, (i % 2 ? a->before : a->after)[i / 2], number));
        if (width > widest) widest = width;
    }
    return widest;
}

/* The change of all images by one factor, so that they compare: the largest becomes black or white. */
static float magnification(const rb_adversarial *a) {
    float largest = 0;
    for (size_t i = 0; i < (size_t)a->n * (size_t)(a->C * a->H * a->W); i++)
        largest = fmaxf(largest, fabsf(a->attacked[i] - a->clean[i]));
    return largest > 0 ? 0.5f / largest : 1.0f;
}

rb_status rb_adversarial_draw(const rb_adversarial *a, const char *png_path) {
    rb_status status = RB_OK;
    rb_image image = {0};
    char change[64], number[16];
    uint8_t *tile = NULL;
    if (a->n < 1 || a->n > MOST || (a->C != 1 && a->C != 3))
        return rb_fail(RB_USAGE, "%d adversarial images of %d channels: 1 to %d of 1 or 3", a->n, a->C, (int)MOST);
    int scale = (TILE + a->W / 2) / a->W, pixels = a->C * a->H * a->W;
    if (scale < 1) scale = 1;
    float factor = magnification(a);
    snprintf(change, sizeof change, "change x %.3g", (double)factor);
    const char *const names[3] = {"clean", change, "attacked"};
    int left = rb_image_text_width(TEXT, change) + GAP, wide = cell_width(a, a->W * scale),
        head = RB_FONT_HEIGHT * TITLE + 16;
    int high[3] = {a->H * scale + 6 + LINE, a->H * scale + 6, a->H * scale + 6 + LINE};
    int width = left + a->n * (wide + GAP) - GAP, title = rb_image_text_width(TITLE, a->title);
    if (title > width) width = title;
    tile = malloc((size_t)pixels);
    if (!tile) return rb_fail(RB_MEMORY, "out of memory for an image of %d x %d", a->H, a->W);
    RB_TRY(rb_image_new(width + 2 * MARGIN, head + high[0] + high[1] + high[2] + 2 * GAP + 2 * MARGIN, &image));
    rb_image_text(&image, MARGIN, MARGIN, TITLE, INK, a->title);
    for (int row = 0, y = MARGIN + head; row < 3; y += high[row++] + GAP) {
        rb_image_text(&image, MARGIN, y + a->H * scale / 2 - RB_FONT_HEIGHT, TEXT, FAINT, names[row]);
        for (int i = 0; i < a->n; i++) {
            const float *clean = a->clean + (size_t)i * (size_t)pixels, *now = a->attacked + (size_t)i * (size_t)pixels;
            int x = MARGIN + left + i * (wide + GAP);
            for (int k = 0; k < pixels; k++)
                tile[k] = byte(row == 0 ? clean[k] : row == 1 ? 0.5f + factor * (now[k] - clean[k]) : now[k]);
            rb_image_tile(&image, x + (wide - a->W * scale) / 2, y, scale, tile, a->C, a->H, a->W);
            int32_t class = (row == 0 ? a->before : a->after)[i];
            if (row != 1)
                rb_image_verdict(&image, x + wide / 2, y + a->H * scale + 6, TEXT, class_name(a, class, number),
                                 class == a->labels[i]);
        }
    }
    RB_TRY(rb_image_write_png(&image, png_path));
cleanup:
    free(tile);
    rb_image_free(&image);
    return status;
}
