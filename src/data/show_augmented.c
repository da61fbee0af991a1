/* show_augmented.c: what augmentation makes of images, as a grid: the first row as they are, below it each as the run's
 * epochs see it. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "regbench/portable.h"

static void see(const rb_dataset *data, const rb_augment *a, uint64_t seed, int64_t row, int epoch, uint8_t *to) {
    const uint8_t *from = (const uint8_t *)data->x + row * data->C * data->H * data->W;
    rb_view view = rb_view_drawn((uint32_t)row, (uint32_t)epoch, (uint32_t)seed, (uint32_t)(seed >> 32), a->hflip,
                                 a->vflip, a->crop_pad, rb_augment_turn(a));
    for (int c = 0; c < data->C; c++, from += data->H * data->W)
        for (int y = 0; y < data->H; y++)
            for (int x = 0; x < data->W; x++) {
                int source = rb_view_source(view, y, x, data->H, data->W);
                *to++ = source < 0 ? 0 : from[source];
            }
}

rb_status rb_dataset_show_augmented(const rb_dataset *data, const rb_augment *a, uint64_t seed, int rows, int columns,
                                    const char *png_path) {
    rb_status status = RB_OK;
    size_t bytes = (size_t)data->C * (size_t)data->H * (size_t)data->W;
    rb_dataset seen = *data;
    uint8_t *images = NULL;
    int32_t *labels = NULL;
    RB_TRY(rb_augment_check(a, data->x_dtype, data->C, data->H, data->W));
    if (data->labels && rows > 0 && columns > 0 && rows <= 1000 &&
        columns <= 1000) { /* else the grid says what is wrong */
        if (columns > data->n_train + data->n_test) columns = (int)(data->n_train + data->n_test);
        images = malloc(bytes * (size_t)rows * (size_t)columns);
        labels = malloc(sizeof *labels * (size_t)rows * (size_t)columns);
        if (!images || !labels) {
            status = rb_fail(RB_MEMORY, "out of memory for %d images", rows * columns);
            goto cleanup;
        }
        for (int i = 0; i < rows * columns; i++) {
            int row = i % columns, epoch = i / columns - 1;
            uint8_t *to = images + (size_t)i * bytes;
            labels[i] = data->labels[row];
            if (epoch < 0)
                memcpy(to, (const uint8_t *)data->x + (size_t)row * bytes, bytes);
            else
                see(data, a, seed, row, epoch, to);
        }
        seen.x = images, seen.labels = labels;
    }
    RB_TRY(rb_dataset_show(&seen, rows, columns, png_path));
cleanup:
    free(images);
    free(labels);
    return status;
}
