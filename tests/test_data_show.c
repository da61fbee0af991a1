/* test_data_show.c: pictures: the grid of a set, text, clipping, and files that cannot be written. */
#include <png.h>

#include "data_files.h"
#include "regbench/portable.h"
#include "report/font.h"
#include "report/image.h"

/* Reads a PNG back; (height, width, 3). */
static uint8_t *read_png(const char *path, int *width, int *height) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    *width = (int)image.width;
    *height = (int)image.height;
    return rgb;
}

static void grid(void **state) {
    (void)state;
    rb_dataset *data;
    int width, height;
    expect_ok(rb_dataset_load("sample", NULL, &data));
    expect_ok(rb_dataset_show(data, 3, 6, below("grid.png")));
    uint8_t *rgb = read_png(below("grid.png"), &width, &height);
    assert_true(width > 6 * 112 && height > 3 * 112);
    for (int k = 0; k < 3 * width; k++) assert_int_equal(rgb[k], 255); /* a white margin */
    free(rgb);
    /* more cells than images */
    data->n_train = 3;
    data->n_test = 1;
    expect_ok(rb_dataset_show(data, 100, 3, below("few.png")));
    free(read_png(below("few.png"), &width, &height));
    assert_true(height < 500);
    expect_error(rb_dataset_show(data, 0, 3, below("none.png")), RB_USAGE, "0 x 3");
    expect_error(rb_dataset_show(data, 1, 1, below("absent/x.png")), RB_OUTPUT, "cannot write", "absent/x.png");
    const int32_t *labels = data->labels;
    data->labels = NULL;
    expect_error(rb_dataset_show(data, 1, 1, below("x.png")), RB_MISMATCH, "no images with labels");
    data->labels = labels;
    rb_dataset_free(data);
}

static void color(void **state) {
    (void)state;
    static uint8_t pixels[2][3][32][32];
    static const int32_t labels[] = {3, 8};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    memset(pixels[0][0], 200, sizeof pixels[0][0]); /* red, then blue */
    memset(pixels[1][2], 100, sizeof pixels[1][2]);
    rb_dataset data = {.name = "color",
                       .n_train = 1,
                       .n_test = 1,
                       .C = 3,
                       .H = 32,
                       .W = 32,
                       .classes = 9,
                       .x_dtype = RB_U8,
                       .class_names = names,
                       .x = pixels,
                       .labels = labels};
    int width, height, red = 0, blue = 0;
    expect_ok(rb_dataset_show(&data, 1, 2, below("color.png")));
    uint8_t *rgb = read_png(below("color.png"), &width, &height);
    for (int i = 0; i < width * height; i++) {
        red += rgb[3 * i] == 200 && rgb[3 * i + 1] == 0 && rgb[3 * i + 2] == 0;
        blue += rgb[3 * i] == 0 && rgb[3 * i + 1] == 0 && rgb[3 * i + 2] == 100;
    }
    assert_int_equal(red, 128 * 128);
    assert_int_equal(blue, 128 * 128);
    free(rgb);
}

/* Below an image as it is, what each epoch sees of it: with a probability of 1 its mirror image, in all of them. */
static void augmented(void **state) {
    (void)state;
    enum { TILE = 8 * 14 };
    static uint8_t pixels[3][8][8];
    static const int32_t labels[3];
    for (int i = 0; i < 3; i++)
        for (int y = 0; y < 8; y++) memset(pixels[i][y], 60 + i, 3); /* a bar on the left, 3 of 8 pixels */
    rb_dataset data = {.name = "bars",
                       .n_train = 200,
                       .C = 1,
                       .H = 8,
                       .W = 8,
                       .classes = 1,
                       .x_dtype = RB_U8,
                       .x = pixels,
                       .labels = labels};
    const rb_augment mirror = {.hflip = 1}, too_far = {.crop_pad = 8};
    int width, height, head = 0; /* head: where the first tile begins */
    expect_ok(rb_dataset_show_augmented(&data, &mirror, 5, 3, 3, below("augmented.png")));
    uint8_t *rgb = read_png(below("augmented.png"), &width, &height);
    for (int i = 0; i < 3; i++) {
        int first = -1, last = -1, left = 24 + i * (TILE + 14), sides[2] = {0};
        for (int k = 0; k < width * height; k++)
            if (rgb[3 * k] == 60 + i && rgb[3 * k + 1] == 60 + i) {
                if (first < 0) first = k;
                last = k;
                sides[k % width - left >= TILE / 2]++;
            }
        assert_true(first >= 0 && first % width == left);
        head = first / width;
        assert_int_equal(last % width, left + TILE - 1);
        assert_int_equal(sides[0], 3 * 14 * TILE);
        assert_int_equal(sides[1], 2 * 3 * 14 * TILE);
    }
    free(rgb);
    /* each tile is what a run with this seed sees in that epoch: the middles of its pixels */
    const rb_augment all = {.hflip = 0.5f, .vflip = 0.5f, .crop_pad = 3, .rotate = 90};
    expect_ok(rb_dataset_show_augmented(&data, &all, 0x300000005, 4, 3, below("augmented.png")));
    rgb = read_png(below("augmented.png"), &width, &height);
    for (int i = 0; i < 3 * 3 * 64; i++) {
        int row = i / 64 % 3, epoch = i / 192, y = i / 8 % 8, x = i % 8;
        rb_view v = rb_view_drawn((uint32_t)row, (uint32_t)epoch, 5, 3, 0.5f, 0.5f, 3, RB_TURN / 4);
        int source = rb_view_source(v, y, x, 8, 8), left = 24 + row * (TILE + 14) + x * 14 + 7;
        int top = head + (epoch + 1) * (TILE + 6 + 2 * RB_FONT_HEIGHT + 14) + y * 14 + 7;
        assert_int_equal(rgb[3 * (top * width + left)], source < 0 ? 0 : pixels[row][source / 8][source % 8]);
    }
    free(rgb);
    expect_error(rb_dataset_show_augmented(&data, &too_far, 5, 3, 3, below("x.png")), RB_USAGE, "crop-pad 8");
    expect_error(rb_dataset_show_augmented(&data, &mirror, 5, 0, 3, below("x.png")), RB_USAGE, "0 x 3");
}

static void drawing(void **state) {
    (void)state;
    rb_image image;
    expect_error(rb_image_new(0, 5, &image), RB_USAGE, "0 x 5");
    expect_error(rb_image_new(5, 40000, &image), RB_USAGE, "5 x 40000");
    expect_ok(rb_image_new(20, 10, &image));
    rb_image_fill(&image, -5, -5, 7, 7, 0x102030);
    assert_int_equal(image.rgb[0], 0x10);
    assert_int_equal(image.rgb[2], 0x30);
    assert_int_equal(image.rgb[3 * (1 * 20 + 1)], 0x10);
    assert_int_equal(image.rgb[3 * (2 * 20 + 2)], 255);
    rb_image_text(&image, -3, -3, 2, 0, "clipped at every side \x80\xff");
    rb_image_text(&image, 15, 7, 3, 0, "W");
    rb_image_free(&image);
    rb_image_free(&image);
    assert_int_equal(rb_image_text_width(2, ""), 0);
    assert_int_equal(rb_image_text_width(2, "ab"), 22);
    assert_ptr_equal(rb_font_columns('\n'), rb_font_columns('?'));
    assert_ptr_not_equal(rb_font_columns('~'), rb_font_columns('?'));
    /* no two letters look alike */
    for (char a = '!'; a <= '~'; a++)
        for (char b = '!'; b < a; b++) assert_memory_not_equal(rb_font_columns(a), rb_font_columns(b), RB_FONT_WIDTH);
    if (access("/dev/full", W_OK)) return;
    expect_ok(rb_image_new(200, 200, &image));
    expect_error(rb_image_write_png(&image, "/dev/full"), RB_DISK, "cannot write /dev/full");
    rb_image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(grid, begin, finish),
        cmocka_unit_test_setup_teardown(color, begin, finish),
        cmocka_unit_test_setup_teardown(augmented, begin, finish),
        cmocka_unit_test_setup_teardown(drawing, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
