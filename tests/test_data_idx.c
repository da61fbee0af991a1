/* test_data_idx.c: IDX files: raw, gzip, each kind of bad file by what its message says, and a fuzz loop. */
#include "data_files.h"

static rb_data_options options(void) { return (rb_data_options){.dir = temporary, .no_cache = true}; }

static rb_status load(rb_dataset **data) {
    rb_data_options o = options();
    return rb_dataset_load("mnist", &o, data);
}

/* Replaces file `which` of a good set by `bytes`. */
static void replace(int which, const void *bytes, size_t count, int gzip) {
    char path[512];
    snprintf(path, sizeof path, "%s/mnist/%s%s", temporary, idx_names[which], gzip ? ".gz" : "");
    write_file(path, bytes, count, 0);
}

static void good(void **state) {
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        rb_dataset *data;
        char name[16];
        snprintf(name, sizeof name, "set%d/mnist", gzip);
        write_idx_set(name, 3, gzip);
        rb_data_options o = {.dir = below(gzip ? "set1" : "set0"), .no_cache = true};
        expect_ok(rb_dataset_load("mnist", &o, &data));
        assert_int_equal(data->n_train, TRAIN_ROWS);
        assert_int_equal(data->n_test, TEST_ROWS);
        assert_int_equal(data->C * data->H * data->W, IMAGE);
        assert_int_equal(data->x_dtype, RB_U8);
        assert_false(data->stand_in);
        assert_string_equal(data->class_names[7], "7");
        for (int i = 0; i < TRAIN_ROWS + TEST_ROWS; i++) {
            int row = i < TRAIN_ROWS ? i : i - TRAIN_ROWS;
            assert_int_equal(data->labels[i], row % 10);
            for (int k = 0; k < IMAGE; k++)
                assert_int_equal(((const uint8_t *)data->x)[i * IMAGE + k], (row * 7 + k + 3) & 255);
        }
        /* raw and gzip are the same data */
        assert_string_equal(data->sha256, "8eb4fe689853ed9cdaf6604b0584f4c6e40eae572993e16dbbb0d0d80825939d");
        rb_dataset_free(data);
    }
}

/* A gzip file by a raw name, and a raw file by a .gz name: content decides. */
static void misnamed(void **state) {
    (void)state;
    rb_dataset *data;
    size_t bytes;
    write_idx_set("mnist", 0, 1);
    unsigned char *b = idx_bytes(0, TRAIN_ROWS, 0, &bytes);
    replace(0, b, bytes, 1);
    free(b);
    assert_int_equal(rename(below("mnist/t10k-images-idx3-ubyte.gz"), below("mnist/t10k-images-idx3-ubyte")), 0);
    expect_ok(load(&data));
    assert_int_equal(data->n_test, TEST_ROWS);
    rb_dataset_free(data);
}

static void bad_headers(void **state) {
    (void)state;
    static const struct {
        int which, at;
        uint32_t value;
        const char *offset, *expected, *found;
    } cases[] = {
        {0, 0, 0x801, "byte 0:", "0x00000803", "found 0x00000801"},
        {1, 0, 0x803, "byte 0:", "0x00000801", "found 0x00000803"},
        {2, 0, 0x89504e47, "byte 0:", "0x00000803", "found 0x89504e47"},
        {0, 8, 32, "byte 8:", "28 pixels high", "found 32"},
        {2, 12, 27, "byte 12:", "28 pixels wide", "found 27"},
        {0, 4, 0, "byte 4:", "at least 1", "found 0"},
        {0, 4, 31, "byte 23536:", "expected 24320 bytes", "found 23536 (truncated)"},
        {0, 4, 0xffffffff, "byte 23536:", "4294967295 images", "found 23536"},
        {0, 4, 29, "byte 22752:", "expected the end after the 29 images", "found 784 further bytes"},
        {3, 4, 19, "byte 27:", "expected the end after the 19 labels", "found 1 further bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rb_dataset *data;
        size_t bytes;
        write_idx_set("mnist", 0, 0);
        unsigned char *b = idx_bytes(cases[i].which, cases[i].which < 2 ? TRAIN_ROWS : TEST_ROWS, 0, &bytes);
        big_endian(b + cases[i].at, cases[i].value);
        replace(cases[i].which, b, bytes, 0);
        expect_error(load(&data), RB_INPUT, idx_names[cases[i].which], cases[i].offset, cases[i].expected,
                     cases[i].found, "replace or remove it (`regbench data fetch mnist`)");
        assert_null(data);
        free(b);
    }
}

static void bad_bodies(void **state) {
    (void)state;
    rb_dataset *data;
    size_t bytes;
    write_idx_set("mnist", 0, 0);
    /* mislabelled */
    unsigned char *b = idx_bytes(1, TRAIN_ROWS, 0, &bytes);
    b[8 + 17] = 10;
    replace(1, b, bytes, 0);
    expect_error(load(&data), RB_INPUT, idx_names[1], "byte 25:", "expected a label below 10", "found 10");
    /* labels of another number of images */
    free(b);
    b = idx_bytes(1, TRAIN_ROWS - 1, 0, &bytes);
    replace(1, b, bytes, 0);
    expect_error(load(&data), RB_INPUT, idx_names[1], "byte 4:", "expected 30 labels", "found 29");
    /* header cut, file empty, a folder in its place */
    replace(1, b, 6, 0);
    expect_error(load(&data), RB_INPUT, idx_names[1], "byte 6:", "header of 8 bytes", "found the end of the file");
    replace(1, b, 0, 0);
    expect_error(load(&data), RB_INPUT, idx_names[1], "byte 0:", "header of 8 bytes", "found the end of the file");
    free(b);
    assert_int_equal(unlink(below("mnist/train-labels-idx1-ubyte")), 0);
    assert_int_equal(mkdir(below("mnist/train-labels-idx1-ubyte"), 0777), 0);
    expect_error(load(&data), RB_INPUT, "cannot read", idx_names[1], "directory");
    /* a link to nothing is bad, not absent */
    assert_int_equal(rmdir(below("mnist/train-labels-idx1-ubyte")), 0);
    assert_int_equal(symlink("nowhere", below("mnist/train-labels-idx1-ubyte")), 0);
    expect_error(load(&data), RB_INPUT, "cannot open", idx_names[1]);
}

static void bad_gzip(void **state) {
    (void)state;
    rb_dataset *data;
    size_t packed;
    write_idx_set("mnist", 0, 1);
    const char *path = below("mnist/train-images-idx3-ubyte.gz");
    unsigned char *b = read_file(path, &packed);
    char at_end[64];
    snprintf(at_end, sizeof at_end, "byte %zu of the gzip file", packed / 2);
    replace(0, b, packed / 2, 1);
    expect_error(load(&data), RB_INPUT, idx_names[0], at_end, "expected more of the gzip stream", "found the end");
    b[packed - 6] ^= 1; /* the check sum */
    replace(0, b, packed, 1);
    expect_error(load(&data), RB_INPUT, idx_names[0], "of the gzip file", "incorrect data check");
    b[packed - 6] ^= 1;
    unsigned char *more = calloc(1, packed + 3);
    memcpy(more, b, packed);
    replace(0, more, packed + 3, 1);
    snprintf(at_end, sizeof at_end, "byte %zu of the gzip file", packed);
    expect_error(load(&data), RB_INPUT, idx_names[0], at_end, "expected the end of the file", "found further bytes");
    free(more);
    free(b);
    /* content longer or shorter than the header says */
    for (int longer = 0; longer < 2; longer++) {
        size_t bytes;
        b = idx_bytes(0, TRAIN_ROWS + 1, 0, &bytes);
        big_endian(b + 4, TRAIN_ROWS);
        write_file(below("mnist/train-images-idx3-ubyte.gz"), b, longer ? bytes : bytes - 2 * IMAGE, 1);
        if (longer)
            expect_error(load(&data), RB_INPUT, "byte 23536 of the unpacked content", "expected the end");
        else
            expect_error(load(&data), RB_INPUT, "byte 22752 of the unpacked content", "expected 23520 bytes",
                         "found 22736 (truncated)");
        free(b);
    }
    /* a header that asks for more than deflate can hold */
    size_t bytes;
    b = idx_bytes(0, TRAIN_ROWS, 0, &bytes);
    big_endian(b + 4, 0xffffffff);
    write_file(below("mnist/train-images-idx3-ubyte.gz"), b, bytes, 1);
    expect_error(load(&data), RB_INPUT, "byte 4 of the unpacked content", "4294967295 images", "found at most");
    free(b);
}

static void fuzz(void **state) {
    (void)state;
    uint64_t seed = 2021;
    unsigned char *raw[4], *packed[4];
    size_t raw_bytes[4], packed_bytes[4];
    int failed = 0, read = 0;
    for (int i = 0; i < 4; i++) {
        raw[i] = idx_bytes(i, i < 2 ? 3 : 2, 0, &raw_bytes[i]);
        write_file(below("one.gz"), raw[i], raw_bytes[i], 1);
        packed[i] = read_file(below("one.gz"), &packed_bytes[i]);
    }
    for (int round = 0; round < 6000; round++) {
        rb__reader *r[4] = {0};
        rb_dataset data = {.name = "fuzz", .C = 1, .H = 28, .W = 28, .classes = 10};
        rb_status status = RB_OK;
        unsigned char *copy[4] = {0};
        int victim = (int)(draw(&seed) % 4), gzip = (int)(draw(&seed) % 2);
        for (int i = 0; i < 4; i++) {
            size_t bytes = gzip ? packed_bytes[i] : raw_bytes[i];
            copy[i] = malloc(bytes + 64);
            memcpy(copy[i], gzip ? packed[i] : raw[i], bytes);
            if (i == victim) bytes = mutate(copy[i], bytes, bytes + 64, &seed);
            FILE *f = bytes ? fmemopen(copy[i], bytes, "rb") : fopen("/dev/null", "rb");
            assert_non_null(f);
            if (status == RB_OK)
                status = rb__reader_stream(f, "fuzz", "mnist", true, &r[i]);
            else
                fclose(f);
        }
        if (status == RB_OK) status = rb__idx_parse(r, &data);
        if (status == RB_OK) {
            read++;
            for (int i = 0; i < data.n_train + data.n_test; i++) assert_in_range(data.labels[i], 0, 9);
        } else {
            failed++;
            assert_int_equal(status, RB_INPUT);
            assert_non_null(rb_error_last());
            rb_error_clear();
        }
        rb__store_free(data.store);
        for (int i = 0; i < 4; i++) {
            rb__reader_close(r[i]);
            free(copy[i]);
        }
    }
    print_message("IDX fuzz: %d refused, %d read\n", failed, read);
    assert_true(failed > 1000 && read > 100);
    for (int i = 0; i < 4; i++) {
        free(raw[i]);
        free(packed[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good, begin, finish),
        cmocka_unit_test_setup_teardown(misnamed, begin, finish),
        cmocka_unit_test_setup_teardown(bad_headers, begin, finish),
        cmocka_unit_test_setup_teardown(bad_bodies, begin, finish),
        cmocka_unit_test_setup_teardown(bad_gzip, begin, finish),
        cmocka_unit_test_setup_teardown(fuzz, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
