/* show.c: images of a set as a labelled grid: the first ones, as every lab document begins, or some with what a model
 * took them for. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "report/font.h"
#include "report/image.h"

enum {
    TILE = 112,  /* about this many pixels wide, by a whole factor */
    TEXT = 2,    /* scale of the names */
    TITLE = 3,   /* and of the title */
    GAP = 14,    /* between cells */
    MARGIN = 24, /* around all */
    INK = 0x222222,
    FAINT = 0x777777,
    FRAME = 3, /* around a tile with a prediction */
    LINE = RB_FONT_HEIGHT * TEXT + 4
};

static const char *class_name(const rb_dataset *data, int class, char number[16]) {
    snprintf(number, 16, "%d", class);
    return data->class_names ? data->class_names[class] : number;
}

static void describe(const rb_dataset *data, const int32_t *which, const int32_t *pred, int64_t n, char text[160]) {
    int64_t right = 0;
    char stand_in[64] = "";
    if (data->stand_in) snprintf(stand_in, sizeof stand_in, "; `%s` stands in", data->used);
    for (int64_t i = 0; pred && i < n; i++) right += pred[i] == data->labels[which[i]];
    if (pred)
        snprintf(text, 160, "%lld of %lld right: what they are, what they were taken for%s", (long long)right,
                 (long long)n, stand_in);
    else
        snprintf(text, 160, "%lld training, %lld test images, %d x %d x %d%s", (long long)data->n_train,
                 (long long)data->n_test, data->C, data->H, data->W, stand_in);
}

/* Images `which` (`images` of them; NULL: all, in their order); pred may be NULL. */
static rb_status draw(const rb_dataset *data, const char *title, const int32_t *which, const int32_t *pred,
                      int64_t images, int rows, int columns, const char *png_path) {
    rb_status status = RB_OK;
    rb_image image = {0};
    char counts[160], number[16];
    if (data->x_dtype != RB_U8 || !data->labels || (data->C != 1 && data->C != 3))
        return rb_fail(RB_MISMATCH, "data set `%s` has no images with labels to show", data->name);
    if (rows < 1 || columns < 1 || rows > 1000 || columns > 1000)
        return rb_fail(RB_USAGE, "a grid of %d x %d images: each side must be 1 to 1000", rows, columns);
    if (columns > images) columns = (int)images;
    if (rows > (images + columns - 1) / columns) rows = (int)((images + columns - 1) / columns);
    int scale = (TILE + data->W / 2) / data->W;
    if (scale < 1) scale = 1;
    int tile_width = data->W * scale, tile_height = data->H * scale, cell_width = tile_width;
    for (int c = 0; data->class_names && c < data->classes; c++) {
        int width =
            pred ? rb_image_verdict_width(TEXT, data->class_names[c]) : rb_image_text_width(TEXT, data->class_names[c]);
        if (width > cell_width) cell_width = width;
    }
    int cell_height = tile_height + 6 + RB_FONT_HEIGHT * TEXT + (pred ? LINE : 0);
    int head = RB_FONT_HEIGHT * TITLE + 8 + RB_FONT_HEIGHT * TEXT + 16;
    int64_t shown = (int64_t)rows * columns < images ? (int64_t)rows * columns : images;
    describe(data, which, pred, shown, counts);
    int title_width = rb_image_text_width(TITLE, title), counts_width = rb_image_text_width(TEXT, counts);
    int width = columns * cell_width + (columns - 1) * GAP,
        widest = title_width > counts_width ? title_width : counts_width;
    if (widest < width) widest = width;
    RB_TRY(rb_image_new(2 * MARGIN + widest, 2 * MARGIN + head + rows * cell_height + (rows - 1) * GAP, &image));
    rb_image_text(&image, MARGIN, MARGIN, TITLE, INK, title);
    rb_image_text(&image, MARGIN, MARGIN + RB_FONT_HEIGHT * TITLE + 8, TEXT, FAINT, counts);
    for (int64_t i = 0; i < shown; i++) {
        int x = MARGIN + (int)(i % columns) * (cell_width + GAP);
        int y = MARGIN + head + (int)(i / columns) * (cell_height + GAP);
        int64_t row = which ? which[i] : i;
        int middle = x + cell_width / 2, text = y + tile_height + 6, left = x + (cell_width - tile_width) / 2;
        const char *name = class_name(data, data->labels[row], number);
        bool right = pred && pred[i] == data->labels[row];
        if (pred)
            rb_image_fill(&image, left - FRAME, y - FRAME, tile_width + 2 * FRAME, tile_height + 2 * FRAME,
                          right ? RB_IMAGE_RIGHT : RB_IMAGE_WRONG);
        rb_image_tile(&image, left, y, scale, (const uint8_t *)data->x + row * data->C * data->H * data->W, data->C,
                      data->H, data->W);
        rb_image_text(&image, middle - rb_image_text_width(TEXT, name) / 2, text, TEXT, INK, name);
        if (pred) rb_image_verdict(&image, middle, text + LINE, TEXT, class_name(data, pred[i], number), right);
    }
    RB_TRY(rb_image_write_png(&image, png_path));
cleanup:
    rb_image_free(&image);
    return status;
}

rb_status rb_dataset_show(const rb_dataset *data, int rows, int columns, const char *png_path) {
    return draw(data, data->name, NULL, NULL, data->n_train + data->n_test, rows, columns, png_path);
}

rb_status rb_dataset_show_predictions(const rb_dataset *data, const char *title, const int32_t *which,
                                      const int32_t *pred, int64_t n, int rows, int columns, const char *png_path) {
    return draw(data, title, which, pred, n, rows, columns, png_path);
}
