/* apng.c: libpng compresses each frame as a PNG of its own; its data chunks (IDAT) are put into one file, from the
 * second frame on as fdAT, with acTL and fcTL around them as https://wiki.mozilla.org/APNG_Specification has it. */
#include "plot/apng.h"

#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/file.h"

enum { SIGNATURE = 8, AROUND = 12 /* bytes of a chunk besides its data */ };

typedef struct buffer {
    uint8_t *at;
    size_t n, room;
    uint32_t sequence; /* of the next fcTL or fdAT: one count for both */
} buffer;

static void put32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *from) {
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static rb_status put(buffer *b, const void *bytes, size_t n) {
    if (b->n + n > b->room) {
        size_t room = 2 * (b->n + n);
        uint8_t *more = realloc(b->at, room);
        if (!more) return rb_fail(RB_MEMORY, "out of memory for an animation of %zu bytes", room);
        b->at = more;
        b->room = room;
    }
    if (n) memcpy(b->at + b->n, bytes, n);
    b->n += n;
    return RB_OK;
}

/* A chunk: length, type, [sequence number], data, check sum of type and data. */
static rb_status put_chunk(buffer *b, const char type[4], const uint8_t *data, uint32_t n, bool numbered) {
    rb_status status = RB_OK;
    uint8_t word[4];
    put32(word, n + (numbered ? 4 : 0));
    RB_TRY(put(b, word, 4));
    size_t begin = b->n;
    RB_TRY(put(b, type, 4));
    if (numbered) {
        put32(word, b->sequence++);
        RB_TRY(put(b, word, 4));
    }
    RB_TRY(put(b, data, n));
    put32(word, (uint32_t)crc32(crc32(0, NULL, 0), b->at + begin, (uInt)(b->n - begin)));
    RB_TRY(put(b, word, 4));
cleanup:
    return status;
}

/* fcTL: size, offset 0, delay as a fraction of a second, dispose none, blend source. */
static rb_status put_control(buffer *b, const rb_image *frame, int delay_ms) {
    uint8_t data[22] = {0};
    put32(data, (uint32_t)frame->width);
    put32(data + 4, (uint32_t)frame->height);
    data[16] = (uint8_t)(delay_ms >> 8);
    data[17] = (uint8_t)delay_ms;
    data[18] = 1000 >> 8;
    data[19] = 1000 & 255;
    return put_chunk(b, "fcTL", data, sizeof data, true);
}

static rb_status as_png(const rb_image *frame, uint8_t **out, size_t *bytes) {
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)frame->width,
                     .height = (png_uint_32)frame->height,
                     .format = PNG_FORMAT_RGB};
    png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(png);
    *out = malloc(n);
    if (!*out) return rb_fail(RB_MEMORY, "out of memory for a frame of %zu bytes", (size_t)n);
    if (!png_image_write_to_memory(&png, *out, &n, 0, frame->rgb, 0, NULL))
        return rb_fail(RB_INTERNAL, "libpng does not compress a frame: %s", png.message);
    *bytes = n;
    return RB_OK;
}

/* Chunks of the compressed frame number i into the file; the first also gives the head. */
static rb_status put_frame(buffer *b, const rb_image *frames, int n, int i, int delay_ms) {
    rb_status status = RB_OK;
    uint8_t *png = NULL, counts[8] = {0};
    size_t bytes = 0;
    bool controlled = false;
    RB_TRY(as_png(&frames[i], &png, &bytes));
    if (i == 0) RB_TRY(put(b, png, SIGNATURE));
    put32(counts, (uint32_t)n); /* plays: 0, without end */
    for (size_t at = SIGNATURE; at + AROUND <= bytes; at += AROUND + get32(png + at)) {
        const char *type = (const char *)png + at + 4;
        const uint8_t *data = png + at + 8;
        bool pixels = !memcmp(type, "IDAT", 4);
        if (pixels && !controlled) {
            if (i == 0) RB_TRY(put_chunk(b, "acTL", counts, sizeof counts, false));
            RB_TRY(put_control(b, &frames[i], delay_ms));
            controlled = true;
        }
        if (i == 0 && memcmp(type, "IEND", 4) != 0) RB_TRY(put(b, png + at, AROUND + get32(png + at)));
        if (i > 0 && pixels) RB_TRY(put_chunk(b, "fdAT", data, get32(png + at), true));
    }
cleanup:
    free(png);
    return status;
}

rb_status rb_apng_write(const rb_image *frames, int n, const int *delay_ms, const char *path) {
    rb_status status = RB_OK;
    buffer b = {0};
    if (n < 1) return rb_fail(RB_USAGE, "%s: an animation of no frames", path);
    for (int i = 0; i < n; i++) {
        if (frames[i].width != frames[0].width || frames[i].height != frames[0].height)
            return rb_fail(RB_USAGE, "%s: frame %d is %d x %d pixels, the first is %d x %d", path, i + 1,
                           frames[i].width, frames[i].height, frames[0].width, frames[0].height);
        if (delay_ms[i] < 0 || delay_ms[i] > 65535)
            return rb_fail(RB_USAGE, "%s: frame %d is shown for %d ms: must be 0 to 65535", path, i + 1, delay_ms[i]);
    }
    for (int i = 0; i < n; i++) RB_TRY(put_frame(&b, frames, n, i, delay_ms[i]));
    RB_TRY(put_chunk(&b, "IEND", NULL, 0, false));
    RB_TRY(rb_file_replace(path, b.at, b.n));
cleanup:
    free(b.at);
    return status;
}
