/* test_data_cifar.c: CIFAR-10's binary batches: good, each kind of bad file, and a fuzz loop. The files of a whole set
 * are sparse: rows of zeros, with a few rows written. */
#include <fcntl.h>

#include "data_files.h"

static const char *const files[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                    "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
enum { BATCH_BYTES = RB_CIFAR_BATCH * RB_CIFAR_ROW };

/* A file of zeros, `bytes` long, with one byte set. */
static void write_sparse(const char *name, off_t bytes, off_t at, unsigned char value) {
    char path[512];
    snprintf(path, sizeof path, "%s/cifar-10-batches-bin/%s", temporary, name);
    write_file(path, "", 0, 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    assert_int_equal(pwrite(fd, &value, 1, at), 1);
    close(fd);
}

static rb_status load(rb_dataset **data) {
    rb_data_options o = {.dir = temporary, .no_cache = true};
    return rb_dataset_load("cifar", &o, data);
}

static void whole(void **state) {
    (void)state;
    rb_dataset *data;
    /* row 2 of batch i has label i + 1; then its first red pixel in batch 4 */
    for (int i = 0; i < 6; i++) write_sparse(files[i], BATCH_BYTES, 2 * RB_CIFAR_ROW, (unsigned char)(i + 1));
    write_sparse(files[3], BATCH_BYTES, 5 * RB_CIFAR_ROW + 1 + 1024, 77);
    expect_ok(load(&data));
    assert_int_equal(data->n_train, 50000);
    assert_int_equal(data->n_test, 10000);
    assert_int_equal(data->C, 3);
    for (int i = 0; i < 6; i++) assert_int_equal(data->labels[i * RB_CIFAR_BATCH + 2], i == 3 ? 0 : i + 1);
    /* planes R, G, B: byte 1024 of a row's pixels is green of pixel 0 */
    assert_int_equal(((const uint8_t *)data->x)[((size_t)(3 * RB_CIFAR_BATCH + 5) * 3 + 1) * 1024], 77);
    assert_string_equal(data->class_names[9], "truck");
    rb_dataset_free(data);

    write_sparse(files[1], BATCH_BYTES - 100, 0, 0);
    expect_error(load(&data), RB_INPUT, "data_batch_2.bin", "byte 30729900:", "expected 30730000 bytes",
                 "found 30729900 (truncated)", "regbench data fetch cifar");
    write_sparse(files[1], BATCH_BYTES + RB_CIFAR_ROW, 0, 0);
    expect_error(load(&data), RB_INPUT, "data_batch_2.bin", "byte 30730000:", "expected 30730000 bytes",
                 "found 30733073 (oversized)");
    write_sparse(files[1], BATCH_BYTES, 9999 * (off_t)RB_CIFAR_ROW, 10);
    expect_error(load(&data), RB_INPUT, "data_batch_2.bin", "byte 30726927:", "expected a label below 10 (row 9999)",
                 "found 10");
    assert_int_equal(unlink(below("cifar-10-batches-bin/data_batch_2.bin")), 0);
    expect_error(load(&data), RB_MISSING, "cifar-10-batches-bin", "5 of the 6 files", "data_batch_2.bin is absent");
}

static void fuzz(void **state) {
    (void)state;
    enum { ROWS = 4 };
    static unsigned char good[ROWS * RB_CIFAR_ROW], copy[sizeof good + 64];
    static uint8_t pixels[ROWS * 3 * 32 * 32];
    int32_t labels[ROWS];
    uint64_t seed = 7;
    int failed = 0, read = 0;
    for (size_t i = 0; i < sizeof good; i++) good[i] = (unsigned char)(i % RB_CIFAR_ROW ? i * 31 : i / RB_CIFAR_ROW);
    for (int round = 0; round < 4000; round++) {
        rb__reader *r;
        memcpy(copy, good, sizeof good);
        size_t bytes = mutate(copy, sizeof good, sizeof copy, &seed);
        FILE *f = bytes ? fmemopen(copy, bytes, "rb") : fopen("/dev/null", "rb");
        expect_ok(rb__reader_stream(f, "fuzz", "cifar", false, &r));
        rb_status status = rb__cifar_parse(r, ROWS, 10, pixels, labels);
        rb__reader_close(r);
        if (status == RB_OK) {
            read++;
            for (int i = 0; i < ROWS; i++) assert_in_range(labels[i], 0, 9);
        } else {
            failed++;
            assert_int_equal(status, RB_INPUT);
            rb_error_clear();
        }
    }
    print_message("CIFAR fuzz: %d refused, %d read\n", failed, read);
    assert_true(failed > 500 && read > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole, begin, finish),
        cmocka_unit_test_setup_teardown(fuzz, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
