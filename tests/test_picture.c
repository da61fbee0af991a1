/* test_picture.c: pictures of every kind against what Pillow makes of them, resizing by hand, and what is damaged, huge
 * or hostile. */
#include <png.h>

#include "data/picture.h"
#include "data_files.h"

#define IMAGES TEST_FOLDER "/images/"
enum { SIDE = 32, PLANE = SIDE * SIDE };

/* In the order of expected.png; make.py says how each was made. */
static const char *const PICTURES[] = {
    "rgb.png",     "grey.png",   "rgba.png",  "grey-alpha.png", "palette.png",     "palette-alpha.png",
    "bilevel.png", "grey16.png", "rgb16.png", "interlaced.png", "gamma.png",       "dot.png",
    "wide.png",    "tall.png",   "same.png",  "baseline.jpg",   "progressive.jpg", "full.jpg",
    "grey.jpg",    "cmyk.jpg",   "ycck.jpg"};
enum { N_PICTURES = sizeof PICTURES / sizeof *PICTURES };

static bool is_jpeg(const char *name) { return strstr(name, ".jpg") != NULL; }

static void as_pillow(void **state) {
    (void)state;
    png_image image = {.version = PNG_IMAGE_VERSION};
    static uint8_t expected[N_PICTURES][SIDE][SIDE][3], planes[3][SIDE][SIDE];
    assert_true(png_image_begin_read_from_file(&image, IMAGES "expected.png"));
    assert_int_equal(image.height, N_PICTURES * SIDE);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, expected, 0, NULL));
    for (int i = 0; i < N_PICTURES; i++) {
        char path[300];
        rb__picture picture;
        if (is_jpeg(PICTURES[i]) && !rb__jpeg_version()) continue;
        snprintf(path, sizeof path, IMAGES "%s", PICTURES[i]);
        expect_ok(rb__picture_read(path, &picture));
        expect_ok(rb__picture_resize(&picture, SIDE, SIDE, &planes[0][0][0]));
        rb__picture_free(&picture);
        /* decoders of JPEG may differ in the last bit, PNG and the resizing must not */
        int allowed = is_jpeg(PICTURES[i]) ? 1 : 0;
        for (int k = 0; k < 3 * PLANE; k++) {
            int y = k / 3 / SIDE, x = k / 3 % SIDE, c = k % 3, got = planes[c][y][x], want = expected[i][y][x][c];
            if (abs(got - want) > allowed)
                fail_msg("%s: row %d, column %d, channel %d is %d, Pillow has %d", PICTURES[i], y, x, c, got, want);
        }
    }
}

/* Four pixels to two: scale 2, so the triangle reaches 2 pixels to each side of the centers 1 and 3. For the first:
 * distances 0.5 0.5 1.5 weigh 0.75 0.75 0.25, in all 1.75: (3*0 + 3*70 + 1*140) / 7 = 50; for the second (70 + 3*140 +
 * 3*210) / 7 = 160. Two pixels to four: centers 0.25, 0.75, 1.25, 1.75, and a reach of 1: 0 (the other pixel is 1.25
 * away), then 0.75 of one and 0.25 of the other, which rounds 52.5 up. */
static void by_hand(void **state) {
    (void)state;
    uint8_t four[4][3] = {{0, 210, 7}, {70, 140, 7}, {140, 70, 7}, {210, 0, 7}}, out[3 * 4];
    rb__picture row = {.width = 4, .height = 1, .rgb = four[0]}, column = {.width = 1, .height = 4, .rgb = four[0]};
    const uint8_t half[] = {50, 160, 160, 50, 7, 7};
    expect_ok(rb__picture_resize(&row, 2, 1, out));
    assert_memory_equal(out, half, sizeof half);
    expect_ok(rb__picture_resize(&column, 1, 2, out));
    assert_memory_equal(out, half, sizeof half);
    uint8_t two[2][3] = {{0, 210, 7}, {210, 0, 7}};
    rb__picture pair = {.width = 2, .height = 1, .rgb = two[0]};
    const uint8_t twice[] = {0, 53, 158, 210, 210, 158, 53, 0, 7, 7, 7, 7};
    expect_ok(rb__picture_resize(&pair, 4, 1, out));
    assert_memory_equal(out, twice, sizeof twice);
}

/* Every part of a file that lacks its end is damaged, and none is read beyond its end. */
static void truncated(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.png",      "interlaced.png",  "palette-alpha.png",
                                        "baseline.jpg", "progressive.jpg", "cmyk.jpg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t bytes;
        char path[300];
        rb__picture picture;
        if (is_jpeg(names[i]) && !rb__jpeg_version()) continue;
        snprintf(path, sizeof path, IMAGES "%s", names[i]);
        unsigned char *whole = read_file(path, &bytes);
        for (size_t cut = 0; cut < bytes; cut += cut < 200 || cut > bytes - 40 ? 1 : 37) {
            if (is_jpeg(names[i]) && cut >= bytes - 2) continue; /* all pixels, but no end marker: decoders shrug */
            unsigned char *part = malloc(cut ? cut : 1);         /* so that the sanitizer sees a byte too far */
            memcpy(part, whole, cut);
            expect_error(rb__picture_decode(part, cut, names[i], &picture), RB_INPUT, names[i]);
            assert_null(picture.rgb);
            free(part);
        }
        free(whole);
    }
}

static void hostile(void **state) {
    (void)state;
    rb__picture picture;
    size_t bytes;
    /* 0x0000ea60 = 60,000 on each side, in the header of a small file; then the check sum that it needs */
    unsigned char *png = read_file(IMAGES "rgb.png", &bytes);
    memcpy(png + 16, "\0\0\xea\x60\0\0\xea\x60", 8);
    uint32_t sum = (uint32_t)crc32(crc32(0, NULL, 0), png + 12, 17);
    big_endian(png + 29, sum);
    expect_error(rb__picture_decode(png, bytes, "huge.png", &picture), RB_INPUT, "huge.png", "60000 x 60000 pixels",
                 "at most 67108864");
    memcpy(png + 16, "\x7f\xff\xff\xff\0\0\0\1", 8);
    big_endian(png + 29, (uint32_t)crc32(crc32(0, NULL, 0), png + 12, 17));
    expect_error(rb__picture_decode(png, bytes, "long.png", &picture), RB_INPUT, "2147483647 x 1 pixels");
    memcpy(png + 16, "\0\0\0\0\0\0\0\1", 8);
    big_endian(png + 29, (uint32_t)crc32(crc32(0, NULL, 0), png + 12, 17));
    expect_error(rb__picture_decode(png, bytes, "none.png", &picture), RB_INPUT, "none.png", "damaged PNG");
    free(png);
    expect_error(rb__picture_decode("", 0, "empty.png", &picture), RB_INPUT, "empty.png: empty");
    expect_error(rb__picture_decode("GIF89a", 6, "x.png", &picture), RB_INPUT, "x.png: neither PNG nor JPEG");
    expect_error(rb__picture_read(temporary, &picture), RB_INPUT, "is not a regular file");
    expect_error(rb__picture_read(below("absent.png"), &picture), RB_INPUT, "cannot open", "absent.png");
    write_file(below("sparse.png"), "", 0, 0);
    assert_int_equal(truncate(below("sparse.png"), (off_t)1 << 40), 0);
    expect_error(rb__picture_read(below("sparse.png"), &picture), RB_INPUT, "1099511627776 bytes");
    assert_int_equal(mkfifo(below("pipe.png"), 0600), 0);
    expect_error(rb__picture_read(below("pipe.png"), &picture), RB_INPUT, "is not a regular file");
}

/* JPEG's own: a claim of 65,500 x 65,500 pixels, thousands of scans, and a file of a build that knows none. */
static void hostile_jpeg(void **state) {
    (void)state;
    rb__picture picture;
    size_t bytes;
    unsigned char *jpeg = read_file(IMAGES "baseline.jpg", &bytes);
    if (!rb__jpeg_version()) {
        expect_error(rb__picture_decode(jpeg, bytes, "a.jpg", &picture), RB_INPUT, "a.jpg",
                     "JPEG is not supported by this build");
        free(jpeg);
        return;
    }
    for (size_t i = 0; i + 9 < bytes; i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) {
            memcpy(jpeg + i + 5, "\xff\xdc\xff\xdc", 4);
            break;
        }
    expect_error(rb__picture_decode(jpeg, bytes, "huge.jpg", &picture), RB_INPUT, "huge.jpg", "65500 x 65500 pixels");
    free(jpeg);
    /* The first scan of the progressive file (DC of all components), made to have all bits of its coefficients, again
     * and again: no rule of JPEG forbids it. */
    unsigned char *scans = read_file(IMAGES "progressive.jpg", &bytes);
    size_t first = 0, next = 0;
    for (size_t i = 0; i + 1 < bytes && !next; i++) {
        if (scans[i] != 0xff || (scans[i + 1] != 0xda && scans[i + 1] != 0xc4)) continue;
        if (scans[i + 1] == 0xda && !first)
            first = i;
        else if (first)
            next = i;
    }
    assert_true(first && next);
    scans[first + 2 + 256 * scans[first + 2] + scans[first + 3] - 1] = 0; /* successive approximation: no bit is left */
    size_t scan = next - first, many = first + 2000 * scan + (bytes - next);
    unsigned char *bomb = malloc(many);
    memcpy(bomb, scans, first);
    for (int i = 0; i < 2000; i++) memcpy(bomb + first + (size_t)i * scan, scans + first, scan);
    memcpy(bomb + first + 2000 * scan, scans + next, bytes - next);
    expect_error(rb__picture_decode(bomb, many, "scans.jpg", &picture), RB_INPUT, "scans.jpg", "more than 256 scans");
    free(bomb);
    free(scans);
}

static void fuzz(void **state) {
    (void)state;
    static const char *const names[] = {"palette-alpha.png", "interlaced.png", "grey.jpg", "progressive.jpg",
                                        "cmyk.jpg"};
    uint64_t seed = 11;
    int failed = 0, read = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t bytes, n;
        char path[300];
        snprintf(path, sizeof path, IMAGES "%s", names[i]);
        unsigned char *whole = read_file(path, &bytes), *copy = malloc(bytes + 64);
        for (int round = 0; round < 600; round++) {
            rb__picture picture;
            memcpy(copy, whole, bytes);
            n = mutate(copy, bytes, bytes + 64, &seed);
            rb_status status = rb__picture_decode(copy, n, "fuzz", &picture);
            failed += status != RB_OK;
            read += status == RB_OK;
            if (status != RB_OK) assert_int_equal(status, RB_INPUT);
            rb_error_clear();
            rb__picture_free(&picture);
        }
        free(whole);
        free(copy);
    }
    print_message("picture fuzz: %d refused, %d read\n", failed, read);
    assert_true(failed > 500 && read > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_pillow, begin, finish),
        cmocka_unit_test_setup_teardown(by_hand, begin, finish),
        cmocka_unit_test_setup_teardown(truncated, begin, finish),
        cmocka_unit_test_setup_teardown(hostile, begin, finish),
        cmocka_unit_test_setup_teardown(hostile_jpeg, begin, finish),
        cmocka_unit_test_setup_teardown(fuzz, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
