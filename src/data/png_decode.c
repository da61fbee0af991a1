/* png_decode.c: PNG to 8-bit RGB, through libpng's plain interface: its simplified one would apply gamma, and blend
 * alpha with a background. */
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture.h"

/* Outside of the function that libpng jumps back to: what changed in it keeps its value. */
typedef struct reader {
    const unsigned char *at;
    size_t left;
    const char *path;
    rb__picture *out;
    rb_status status; /* of our own failures; they have their text already */
    png_structp png;
    png_infop info;
    png_bytep *rows; /* (height) */
    char why[128];
} reader;

static void on_error(png_structp png, png_const_charp text) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->why, sizeof r->why, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void on_read(png_structp png, png_bytep to, size_t count) {
    reader *r = png_get_io_ptr(png);
    if (count > r->left) png_error(png, "truncated");
    memcpy(to, r->at, count);
    r->at += count;
    r->left -= count;
}

/* False where libpng jumped out, or r->status says why. */
static bool decode(reader *r) {
    png_structp png = r->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff); /* rb__picture_new has the limits, and says them */
    png_set_chunk_malloc_max(png, 1 << 24);           /* texts and profiles that unpack to more are hostile */
    png_read_info(png, r->info);
    png_uint_32 width = png_get_image_width(png, r->info), height = png_get_image_height(png, r->info);
    r->status = rb__picture_new(width, height, r->path, r->out);
    if (r->status != RB_OK) return false;
    png_set_expand(png); /* palettes to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha */
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    if (png_get_rowbytes(png, r->info) != (size_t)width * 3) png_error(png, "not three channels of 8 bits");
    r->rows = malloc(sizeof *r->rows * height);
    if (!r->rows) {
        r->status = rb_fail(RB_MEMORY, "out of memory for the pixels of %s", r->path);
        return false;
    }
    for (png_uint_32 y = 0; y < height; y++) r->rows[y] = r->out->rgb + (size_t)y * width * 3;
    png_read_image(png, r->rows);
    png_read_end(png, NULL); /* the end is there, and its check sums are right */
    return true;
}

rb_status rb__png_decode(const void *bytes, size_t count, const char *path, rb__picture *out) {
    rb_status status = RB_OK;
    reader r = {.at = bytes, .left = count, .path = path, .out = out};
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (!r.info)
        status = rb_fail(RB_MEMORY, "out of memory while decoding %s", path);
    else if (!decode(&r))
        status = r.status != RB_OK ? r.status : rb_fail(RB_INPUT, "%s: damaged PNG (libpng: %s)", path, r.why);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    return status;
}
