/* sample.c: the embedded sample: 2,500 training and 500 test images of Fashion-MNIST in one PNG.
 *
 * 8-bit gray, 1680 x 1402: 60 x 50 tiles of 28 x 28 pixels, row by row, training images first; the last two rows of
 * pixels hold the labels, pixel i of them the label of tile i. make_sample.py made it and says how rows were chosen;
 * sample_png.c embeds it, sample.license is its licence. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

enum { TRAIN = 2500, TEST = 500, SIDE = 28, COLUMNS = 60, LABEL_ROWS = 2 };
enum { ROWS = TRAIN + TEST, WIDTH = COLUMNS * SIDE, HEIGHT = ROWS / COLUMNS * SIDE + LABEL_ROWS };

rb_status rb__sample_decode(const void *png, size_t bytes, rb_dataset *data) {
    rb_status status = RB_OK;
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t *gray = NULL; /* (HEIGHT, WIDTH) */
    if (!png_image_begin_read_from_memory(&image, png, bytes)) {
        status = rb_fail(RB_INPUT, "embedded sample: not a PNG of 8-bit gray (libpng: %s)", image.message);
        goto cleanup;
    }
    if (image.width != WIDTH || image.height != HEIGHT || image.format != PNG_FORMAT_GRAY) {
        status = rb_fail(RB_INPUT, "embedded sample: expected %d x %d pixels of 8-bit gray, found %u x %u (format %u)",
                         (int)WIDTH, (int)HEIGHT, image.width, image.height, image.format);
        goto cleanup;
    }
    gray = malloc((size_t)WIDTH * HEIGHT);
    if (!gray) {
        status = rb_fail(RB_MEMORY, "out of memory while decoding the embedded sample");
        goto cleanup;
    }
    if (!png_image_finish_read(&image, NULL, gray, WIDTH, NULL)) {
        status = rb_fail(RB_INPUT, "embedded sample: damaged PNG (libpng: %s)", image.message);
        goto cleanup;
    }
    RB_TRY(rb__store_new(data, TRAIN, TEST));
    uint8_t *pixels = rb__pixels(data);
    int32_t *labels = rb__labels(data);
    const uint8_t *label_row = gray + (size_t)WIDTH * (HEIGHT - LABEL_ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const uint8_t *tile = gray + i / COLUMNS * SIDE * WIDTH + i % COLUMNS * SIDE;
        for (size_t y = 0; y < SIDE; y++) memcpy(pixels + (i * SIDE + y) * SIDE, tile + y * WIDTH, SIDE);
        if (label_row[i] >= data->classes) {
            status = rb_fail(RB_INPUT, "embedded sample: image %zu: expected a label below %d, found %d", i,
                             data->classes, label_row[i]);
            goto cleanup;
        }
        labels[i] = label_row[i];
    }
cleanup:
    png_image_free(&image);
    free(gray);
    return status;
}

rb_status rb__sample_read(rb_dataset *data) {
    size_t bytes;
    const unsigned char *png = rb__sample_png(&bytes);
    return rb__sample_decode(png, bytes, data);
}
