/* test_plot_images.c: pictures without gnuplot: the animation's chunks, grids of filters, predictions and attacks. */
#include <math.h>
#include <zlib.h>

#include "plot_util.h"

#include "plot/adversarial.h"
#include "plot/apng.h"
#include "plot/chart.h"
#include "plot/filters.h"
#include "regbench/data.h"

static const char *below(const char *name) {
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A whole file; its bytes. */
static uint8_t *bytes_of(const char *name, size_t *n) {
    FILE *f = fopen(below(name), "rb");
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(f);
    *n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    return bytes;
}

/* (height, width, 3) of a PNG file. */
static uint8_t *pixels_of(const char *name, int *width, int *height) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, below(name)));
    image.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    *width = (int)image.width;
    *height = (int)image.height;
    return rgb;
}

static int count(const uint8_t *rgb, int pixels, uint32_t color) {
    int n = 0;
    for (int i = 0; i < pixels; i++)
        n += big_endian((uint8_t[]){0, rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]}) == color;
    return n;
}

enum { FRAMES = 3, WIDE = 40, HIGH = 30 };

static void draw_frames(rb_image *frames) {
    for (int i = 0; i < FRAMES; i++) {
        expect_ok(rb_image_new(WIDE, HIGH, &frames[i]));
        rb_image_fill(&frames[i], 5 * i, 0, 10, 10, 0x102030u * (uint32_t)(i + 1));
    }
}

/* The chunks of the file: every check sum; acTL before the pixels, sequence numbers without a gap, a control before
 * every frame; and every frame, its data put back into a plain PNG, is what was drawn. */
static void animation(void **state) {
    (void)state;
    rb_image frames[FRAMES];
    const int delay_ms[FRAMES] = {100, 250, 2000};
    char order[200] = "";
    uint32_t sequence = 0;
    int frame = -1;
    uint8_t plain[FRAMES][4000];
    size_t bytes, length[FRAMES] = {0};
    draw_frames(frames);
    expect_ok(rb_apng_write(frames, FRAMES, delay_ms, below("a.png")));
    uint8_t *file = bytes_of("a.png", &bytes);
    assert_memory_equal(file, "\x89PNG\r\n\x1a\n", 8);
    for (int i = 0; i < FRAMES; i++) memcpy(plain[i], file, length[i] = 8 + 25); /* signature and IHDR */
    size_t at = 8;
    for (; at + 12 <= bytes; at += 12 + big_endian(file + at)) {
        uint32_t n = big_endian(file + at);
        const uint8_t *type = file + at + 4, *data = type + 4;
        assert_true(n <= bytes - at - 12);
        assert_int_equal(big_endian(data + n), crc32(crc32(0, NULL, 0), type, n + 4));
        bool control = !memcmp(type, "fcTL", 4), first = !memcmp(type, "IDAT", 4), later = !memcmp(type, "fdAT", 4);
        if (strlen(order) < sizeof order - 6 && !(first && strstr(order, "IDAT")))
            sprintf(order + strlen(order), "%.4s ", (const char *)type);
        if (!memcmp(type, "acTL", 4)) {
            assert_int_equal(n, 8);
            assert_int_equal(big_endian(data), FRAMES);
            assert_int_equal(big_endian(data + 4), 0);
        }
        if (control || later) assert_int_equal(big_endian(data), sequence++);
        if (control) {
            frame++;
            assert_int_equal(n, 26);
            assert_int_equal(big_endian(data + 4), WIDE);
            assert_int_equal(big_endian(data + 8), HIGH);
            assert_int_equal(big_endian(data + 12) | big_endian(data + 16), 0);
            assert_int_equal(data[20] << 8 | data[21], delay_ms[frame]);
            assert_int_equal(data[22] << 8 | data[23], 1000);
            assert_int_equal(data[24] | data[25], 0);
        }
        if (!first && !later) continue;
        assert_true(frame >= 0 && frame < FRAMES && (frame == 0) == first);
        uint32_t skip_bytes = later ? 4 : 0, m = n - skip_bytes;
        uint8_t *to = plain[frame] + length[frame];
        const uint8_t word[4] = {(uint8_t)(m >> 24), (uint8_t)(m >> 16), (uint8_t)(m >> 8), (uint8_t)m};
        memcpy(to, word, 4);
        memcpy(to + 4, "IDAT", 4);
        memcpy(to + 8, data + skip_bytes, m);
        uint32_t sum = (uint32_t)crc32(crc32(0, NULL, 0), to + 4, m + 4);
        for (int k = 0; k < 4; k++) to[8 + m + (uint32_t)k] = (uint8_t)(sum >> (24 - 8 * k));
        length[frame] += 12 + m;
    }
    assert_int_equal(at, bytes);
    /* libpng may write gAMA or the like between; what counts is the order of these */
    assert_non_null(strstr(order, "IHDR "));
    assert_non_null(strstr(order, "acTL fcTL IDAT fcTL fdAT fcTL fdAT IEND "));
    for (int i = 0; i < FRAMES; i++) {
        png_image image = {.version = PNG_IMAGE_VERSION};
        uint8_t rgb[WIDE * HIGH * 3];
        memcpy(plain[i] + length[i], "\0\0\0\0IEND\xae\x42\x60\x82", 12);
        assert_true(png_image_begin_read_from_memory(&image, plain[i], length[i] + 12));
        image.format = PNG_FORMAT_RGB;
        assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
        assert_memory_equal(rgb, frames[i].rgb, sizeof rgb);
        rb_image_free(&frames[i]);
    }
    free(file);
}

static void animation_refused(void **state) {
    (void)state;
    rb_image frames[FRAMES];
    int delay_ms[FRAMES] = {1, 2, 70000};
    draw_frames(frames);
    assert_fails(rb_apng_write(frames, 0, delay_ms, below("a.png")), RB_USAGE, "no frames");
    assert_fails(rb_apng_write(frames, 3, delay_ms, below("a.png")), RB_USAGE, "frame 3 is shown for 70000 ms");
    frames[1].width--;
    assert_fails(rb_apng_write(frames, 2, delay_ms, below("a.png")), RB_USAGE,
                 "frame 2 is 39 x 30 pixels, the first is 40 x 30");
    assert_false(there("a.png"));
    assert_fails(rb_apng_write(frames, 1, delay_ms, below("absent/a.png")), RB_OUTPUT, "absent/a.png");
    for (int i = 0; i < FRAMES; i++) rb_image_free(&frames[i]);
}

/* Each filter by its own largest weight: 2 and -2 of the first, 0.5 of the second are full colours, 0 is white; what is
 * not finite is black. Of 70 filters 64 are there. */
static void filters(void **state) {
    (void)state;
    static float weights[70 * 4] = {2, -2, 0, 1, 0.5f, 0, 0, NAN};
    rb_filters f = {.title = "a/b", .weights = weights, .n = 70, .C = 1, .H = 2, .W = 2};
    int width, height;
    enum { PIXEL = 48 * 48 };
    expect_ok(rb_filters_draw(&f, below("f.png")));
    uint8_t *rgb = pixels_of("f.png", &width, &height);
    assert_int_equal(count(rgb, width * height, rb_colors[RB_VERMILLION]), 2 * PIXEL);
    assert_int_equal(count(rgb, width * height, rb_colors[RB_BLUE]), PIXEL);
    assert_int_equal(count(rgb, width * height, 0xeaae80), PIXEL); /* half of vermillion, half white */
    assert_int_equal(count(rgb, width * height, 0), PIXEL);
    assert_true(width < 8 * 110 + 48 && height > 8 * 96 && height < 9 * 110 + 48);
    free(rgb);
    /* three channels: red is largest, blue as far below 0, green 0 */
    const float color[3] = {4, 0, -4};
    f = (rb_filters){.title = "c", .weights = color, .n = 1, .C = 3, .H = 1, .W = 1};
    expect_ok(rb_filters_draw(&f, below("f.png")));
    rgb = pixels_of("f.png", &width, &height);
    assert_int_equal(count(rgb, width * height, 0xff8000), 96 * 96);
    free(rgb);
}

/* Right and wrong differ in colour and in sign; the frame says it too. */
static void predictions(void **state) {
    (void)state;
    rb_dataset *data;
    int width, height;
    const int32_t which[3] = {0, 1, 2};
    expect_ok(rb_dataset_load("sample", NULL, &data));
    int32_t pred[3] = {data->labels[0], data->labels[1], data->labels[2]};
    int right[4], wrong[4];
    for (int bad = 0; bad <= 3; bad++) {
        if (bad) pred[bad - 1] = (pred[bad - 1] + 1) % data->classes;
        expect_ok(rb_dataset_show_predictions(data, "t", which, pred, 3, 1, 3, below("p.png")));
        uint8_t *rgb = pixels_of("p.png", &width, &height);
        right[bad] = count(rgb, width * height, RB_IMAGE_RIGHT);
        wrong[bad] = count(rgb, width * height, RB_IMAGE_WRONG);
        free(rgb);
    }
    assert_true(right[0] > right[1] && right[1] > right[2] && right[2] > 0 && right[3] == 0);
    assert_true(wrong[0] == 0 && wrong[1] > 0 && wrong[2] > wrong[1] && wrong[3] > wrong[2]);
    rb_dataset_free(data);
    /* the signs alone, of one colour's count: a tick has fewer dots than a cross */
    rb_image image;
    expect_ok(rb_image_new(60, 20, &image));
    rb_image_verdict(&image, 30, 0, 1, "", true);
    assert_int_equal(count(image.rgb, 60 * 20, RB_IMAGE_RIGHT), 14);
    rb_image_verdict(&image, 30, 10, 1, "", false);
    assert_int_equal(count(image.rgb, 60 * 20, RB_IMAGE_WRONG), 33);
    rb_image_free(&image);
}

/* Two grey images of 2 x 2: the change of a quarter is magnified twofold, to black and white. */
static void adversarial(void **state) {
    (void)state;
    static const float clean[8] = {0.2f, 0.2f, 0.2f, 0.2f, 0.6f, 0.6f, 0.6f, 0.6f},
                       attacked[8] = {0.45f, 0.2f, 0.2f, -0.05f, 0.6f, 0.6f, 0.6f, 0.6f};
    static const int32_t labels[2] = {0, 1}, before[2] = {0, 1}, after[2] = {1, 1};
    static const char *const names[2] = {"cat", "dog"};
    rb_adversarial a = {.title = "FGSM",
                        .n = 2,
                        .C = 1,
                        .H = 2,
                        .W = 2,
                        .clean = clean,
                        .attacked = attacked,
                        .labels = labels,
                        .before = before,
                        .after = after,
                        .class_names = names};
    int width, height;
    enum { PIXEL = 48 * 48 };
    expect_ok(rb_adversarial_draw(&a, below("a.png")));
    uint8_t *rgb = pixels_of("a.png", &width, &height);
    assert_int_equal(count(rgb, width * height, 0x333333), (4 + 2) * PIXEL);
    assert_int_equal(count(rgb, width * height, 0x999999), (4 + 4) * PIXEL);
    assert_int_equal(count(rgb, width * height, 0x737373), PIXEL);
    assert_int_equal(count(rgb, width * height, 0x808080), (2 + 4) * PIXEL);
    assert_int_equal(count(rgb, width * height, 0), 2 * PIXEL); /* the change downwards, and what it led to */
    assert_true(count(rgb, width * height, RB_IMAGE_WRONG) > 0);
    free(rgb);
    a.n = 33;
    assert_fails(rb_adversarial_draw(&a, below("a.png")), RB_USAGE, "33 adversarial images");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(animation, begin, finish),
        cmocka_unit_test_setup_teardown(animation_refused, begin, finish),
        cmocka_unit_test_setup_teardown(filters, begin, finish),
        cmocka_unit_test_setup_teardown(predictions, begin, finish),
        cmocka_unit_test_setup_teardown(adversarial, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
