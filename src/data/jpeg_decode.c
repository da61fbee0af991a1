/* jpeg_decode.c: JPEG to 8-bit RGB through libjpeg: baseline or progressive, grey, YCbCr, RGB, CMYK, YCCK. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "data/picture.h"

enum { MOST_SCANS = 256 }; /* a progressive file has about ten; thousands of empty ones are an attack on our time */

/* Outside of the function that libjpeg jumps back to: what changed in it keeps its value. */
typedef struct decoder {
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr error;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    rb_status status; /* of our own failures; they have their text already */
    char why[JMSG_LENGTH_MAX];
} decoder;

static void on_error(j_common_ptr info) {
    decoder *j = info->client_data;
    j->error.format_message(info, j->why);
    longjmp(j->jump, 1);
}

/* libjpeg fills up what a damaged file lacks with grey, and only warns. */
static void on_message(j_common_ptr info, int level) {
    int code = info->err->msg_code;
    bool whole = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR; /* all pixels are there */
    if (level < 0 && !whole) on_error(info);
}

static void on_text(j_common_ptr info) { (void)info; }

static void on_progress(j_common_ptr info) {
    decoder *j = info->client_data;
    if (j->d.input_scan_number <= MOST_SCANS) return;
    snprintf(j->why, sizeof j->why, "more than %d scans", (int)MOST_SCANS);
    longjmp(j->jump, 1);
}

/* a * b / 255, rounded. */
static unsigned scaled(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Adobe writes CMYK inverted: what is stored is the light that an ink lets through. (width, 4) to (width, 3) */
static void from_cmyk(const uint8_t *cmyk, int width, uint8_t *rgb) {
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) {
            unsigned light = cmyk[3], kept = scaled(255u - cmyk[c], light);
            rgb[c] = (uint8_t)(light - kept);
        }
}

/* False where libjpeg jumped out, or j->status says why. */
static bool decode(decoder *j, const void *bytes, size_t count, const char *path, rb__picture *out) {
    struct jpeg_decompress_struct *d = &j->d;
    if (setjmp(j->jump)) return false;
    jpeg_create_decompress(d);
    d->progress = &j->progress;
    jpeg_mem_src(d, (unsigned char *)bytes, (unsigned long)count);
    jpeg_read_header(d, TRUE);
    j->status = rb__picture_new(d->image_width, d->image_height, path, out);
    if (j->status != RB_OK) return false;
    bool cmyk = d->num_components == 4;
    d->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(d);
    size_t stride = (size_t)out->width * 3;
    JSAMPARRAY inks = cmyk ? d->mem->alloc_sarray((j_common_ptr)d, JPOOL_IMAGE, d->output_width * 4, 1) : NULL;
    while (d->output_scanline < d->output_height) {
        uint8_t *row = out->rgb + d->output_scanline * stride;
        JSAMPROW to = cmyk ? inks[0] : row;
        jpeg_read_scanlines(d, &to, 1);
        if (cmyk) from_cmyk(inks[0], out->width, row);
    }
    jpeg_finish_decompress(d);
    return true;
}

int rb__jpeg_version(void) { return JPEG_LIB_VERSION; }

rb_status rb__jpeg_decode(const void *bytes, size_t count, const char *path, rb__picture *out) {
    rb_status status = RB_OK;
    decoder j = {.status = RB_OK};
    j.d.err = jpeg_std_error(&j.error);
    j.d.client_data = &j;
    j.error.error_exit = on_error;
    j.error.emit_message = on_message;
    j.error.output_message = on_text;
    j.progress.progress_monitor = on_progress;
    if (!decode(&j, bytes, count, path, out))
        status = j.status != RB_OK ? j.status : rb_fail(RB_INPUT, "%s: damaged JPEG (libjpeg: %s)", path, j.why);
    jpeg_destroy_decompress(&j.d);
    return status;
}
