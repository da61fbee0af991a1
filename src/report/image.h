/* image.h: RGB pictures in memory: rectangles, tiles, text; written as PNG. */
#ifndef RB_REPORT_IMAGE_H
#define RB_REPORT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "regbench/status.h"

typedef struct rb_image {
    int width, height;
    uint8_t *rgb; /* (height, width, 3) */
} rb_image;

/* White. RB_USAGE where a side is below 1 or over 32,768; freed by rb_image_free. */
rb_status rb_image_new(int width, int height, rb_image *image);
void rb_image_free(rb_image *image);
/* What follows is clipped to the picture; colors are 0xRRGGBB; (x, y) is the top left corner in pixels. */
void rb_image_fill(rb_image *image, int x, int y, int width, int height, uint32_t color);
/* `pixels` (C, H, W), C = 1 (gray) or 3 (RGB); every pixel becomes scale x scale. */
void rb_image_tile(rb_image *image, int x, int y, int scale, const uint8_t *pixels, int C, int H, int W);
void rb_image_text(rb_image *image, int x, int y, int scale, uint32_t color, const char *text);
int rb_image_text_width(int scale, const char *text); /* in pixels, without the last gap */
/* Colours of right and wrong that colour-blind people tell apart (Okabe and Ito's); the sign says it once more. */
enum { RB_IMAGE_RIGHT = 0x009e73, RB_IMAGE_WRONG = 0xd55e00 };
/* A tick or a cross, then the text, both in that colour, centered at `middle`. */
void rb_image_verdict(rb_image *image, int middle, int y, int scale, const char *text, bool right);
int rb_image_verdict_width(int scale, const char *text);
/* Through a temporary file that is renamed, so that nobody sees half a picture. RB_OUTPUT, RB_DISK. */
rb_status rb_image_write_png(const rb_image *image, const char *path);

#endif
