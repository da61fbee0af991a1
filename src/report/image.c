/* image.c: pictures in memory, and libpng's writer behind one call. */
#include "report/image.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/font.h"

rb_status rb_image_new(int width, int height, rb_image *image) {
    enum { LONGEST = 32768 };
    *image = (rb_image){0};
    if (width < 1 || height < 1 || width > LONGEST || height > LONGEST)
        return rb_fail(RB_USAGE, "a picture of %d x %d pixels: each side must be 1 to %d", width, height, (int)LONGEST);
    size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = malloc(bytes);
    if (!rgb) return rb_fail(RB_MEMORY, "out of memory: a picture of %d x %d pixels", width, height);
    memset(rgb, 255, bytes);
    *image = (rb_image){.width = width, .height = height, .rgb = rgb};
    return RB_OK;
}

void rb_image_free(rb_image *image) {
    free(image->rgb);
    *image = (rb_image){0};
}

void rb_image_fill(rb_image *image, int x, int y, int width, int height, uint32_t color) {
    int left = x > 0 ? x : 0, right = x + width < image->width ? x + width : image->width;
    int top = y > 0 ? y : 0, bottom = y + height < image->height ? y + height : image->height;
    for (int v = top; v < bottom; v++)
        for (int u = left; u < right; u++) {
            uint8_t *p = image->rgb + ((size_t)v * (size_t)image->width + (size_t)u) * 3;
            p[0] = (uint8_t)(color >> 16);
            p[1] = (uint8_t)(color >> 8);
            p[2] = (uint8_t)color;
        }
}

void rb_image_tile(rb_image *image, int x, int y, int scale, const uint8_t *pixels, int C, int H, int W) {
    const uint8_t *green = pixels + (C == 3 ? H * W : 0), *blue = pixels + (C == 3 ? 2 * H * W : 0);
    for (int i = 0; i < H; i++)
        for (int j = 0; j < W; j++) {
            int k = i * W + j;
            uint32_t color = (uint32_t)pixels[k] << 16 | (uint32_t)green[k] << 8 | blue[k];
            rb_image_fill(image, x + j * scale, y + i * scale, scale, scale, color);
        }
}

void rb_image_text(rb_image *image, int x, int y, int scale, uint32_t color, const char *text) {
    for (; *text; text++, x += RB_FONT_ADVANCE * scale) {
        const uint8_t *column = rb_font_columns(*text);
        for (int i = 0; i < RB_FONT_WIDTH; i++)
            for (int j = 0; j < RB_FONT_HEIGHT; j++)
                if (column[i] >> j & 1) rb_image_fill(image, x + i * scale, y + j * scale, scale, scale, color);
    }
}

int rb_image_text_width(int scale, const char *text) {
    int n = (int)strlen(text);
    return n ? (n * RB_FONT_ADVANCE - (RB_FONT_ADVANCE - RB_FONT_WIDTH)) * scale : 0;
}

enum { MARK = 7 /* dots: a sign is a square of them */, MARK_ADVANCE = MARK + 3 };

int rb_image_verdict_width(int scale, const char *text) {
    return MARK_ADVANCE * scale + rb_image_text_width(scale, text);
}

void rb_image_verdict(rb_image *image, int middle, int y, int scale, const char *text, bool right) {
    static const char *const tick[MARK] = {"......#", ".....##", "....##.", "#..##..", "####...", ".##....", "......."};
    static const char *const cross[MARK] = {"##...##", "###.###", ".#####.", "..###..",
                                            ".#####.", "###.###", "##...##"};
    uint32_t color = right ? RB_IMAGE_RIGHT : RB_IMAGE_WRONG;
    int x = middle - rb_image_verdict_width(scale, text) / 2;
    for (int i = 0; i < MARK; i++)
        for (int j = 0; j < MARK; j++)
            if ((right ? tick : cross)[i][j] == '#')
                rb_image_fill(image, x + j * scale, y + i * scale, scale, scale, color);
    rb_image_text(image, x + MARK_ADVANCE * scale, y, scale, color, text);
}

rb_status rb_image_write_png(const rb_image *image, const char *path) {
    rb_status status = RB_OK;
    char temporary[1200];
    struct stat s;
    /* a terminal or pipe cannot be replaced by renaming: written directly */
    bool direct = stat(path, &s) == 0 && !S_ISREG(s.st_mode);
    int n = snprintf(temporary, sizeof temporary, direct ? "%s" : "%s.part-%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary) return rb_fail(RB_USAGE, "the path is too long: %.200s...", path);
    FILE *file = fopen(temporary, "wb");
    if (!file) return rb_fail_native(RB_OUTPUT, errno, "cannot write %s: %s", path, strerror(errno));
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)image->width,
                     .height = (png_uint_32)image->height,
                     .format = PNG_FORMAT_RGB};
    errno = 0;
    int written = png_image_write_to_stdio(&png, file, 0, image->rgb, 0, NULL);
    int code = errno, flushed = fflush(file) == 0;
    if (!flushed) code = errno;
    flushed = fclose(file) == 0 && flushed;
    if (!written || !flushed)
        status = rb_fail_native(code == ENOSPC ? RB_DISK : RB_OUTPUT, code, "cannot write %s: %s", path,
                                code ? strerror(code) : png.message);
    else if (!direct && rename(temporary, path))
        status = rb_fail_native(RB_OUTPUT, errno, "cannot rename %s to %s: %s", temporary, path, strerror(errno));
    if (status != RB_OK && !direct) unlink(temporary);
    return status;
}
