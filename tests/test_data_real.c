/* test_data_real.c: the published sets, where they are at hand: REGBENCH_TEST_DATA names a folder with mnist/ and
 * cifar-10-batches-bin/; Fashion-MNIST is taken from Debian's package. Each test skips by name without its set. */
#include "core/clock.h"
#include "core/sha256.h"
#include "data_files.h"

/* Loads from `folder`, or skips the test; the second time from the cache, timed. */
static rb_dataset *load(const char *name, const char *folder) {
    rb_dataset *data, *again;
    char path[RB_PATH];
    rb_data_options o = {.dir = folder};
    if (!folder || access(folder, R_OK)) skip();
    rb_status status = rb_dataset_path(name, &o, path, sizeof path);
    if (status == RB_MISSING) skip();
    expect_ok(status);
    double t0 = rb_clock_s();
    expect_ok(rb_dataset_load(name, &o, &data));
    double t1 = rb_clock_s();
    expect_ok(rb_dataset_load(name, &o, &again));
    print_message("%s: read in %.0f ms, from the cache in %.1f ms\n", name, (t1 - t0) * 1e3, (rb_clock_s() - t1) * 1e3);
    assert_true(again->store->mapped);
    assert_string_equal(data->sha256, again->sha256);
    size_t rows = (size_t)(data->n_train + data->n_test), sample = (size_t)(data->C * data->H * data->W);
    assert_memory_equal(data->x, again->x, rows * sample);
    assert_memory_equal(data->labels, again->labels, rows * sizeof(int32_t));
    rb_dataset_free(again);
    return data;
}

/* sha256 of the IDX file that these images were: its header and `count` images from row `first` on. */
static void expect_images(const rb_dataset *data, size_t first, uint32_t count, const char *sha256) {
    unsigned char head[16];
    char hex[65];
    const uint32_t fields[] = {0x803, count, 28, 28};
    for (int i = 0; i < 4; i++) big_endian(head + 4 * i, fields[i]);
    const void *piece[] = {head, (const uint8_t *)data->x + first * IMAGE};
    const size_t bytes[] = {sizeof head, (size_t)count * IMAGE};
    expect_ok(rb_sha256_pieces(piece, bytes, 2, hex));
    assert_string_equal(hex, sha256);
}

static void mnist(void **state) {
    (void)state;
    rb_dataset *data = load("mnist", getenv("REGBENCH_TEST_DATA"));
    assert_int_equal(data->n_train, 60000);
    assert_int_equal(data->n_test, 10000);
    expect_images(data, 0, 60000, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db");
    expect_images(data, 60000, 10000, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7");
    static const int32_t train[] = {5, 0, 4, 1, 9}, test[] = {7, 2, 1, 0, 4};
    assert_memory_equal(data->labels, train, sizeof train);
    assert_memory_equal(data->labels + 60000, test, sizeof test);
    assert_string_equal(data->sha256, rb__set_find("mnist")->sha256);
    rb_dataset_free(data);
}

static void cifar(void **state) {
    (void)state;
    rb_dataset *data = load("cifar", getenv("REGBENCH_TEST_DATA"));
    assert_int_equal(data->n_train, 50000);
    assert_int_equal(data->n_test, 10000);
    int train[10] = {0}, test[10] = {0};
    for (int i = 0; i < 60000; i++) (i < 50000 ? train : test)[data->labels[i]]++;
    for (int c = 0; c < 10; c++) {
        assert_int_equal(train[c], 5000);
        assert_int_equal(test[c], 1000);
    }
    rb_dataset_free(data);
}

static void fashion(void **state) {
    (void)state;
    rb__data_folders = "/usr/share/datasets"; /* where Debian's package puts it */
    rb_dataset *data = load("fashion", "/usr/share/datasets");
    assert_string_equal(data->source, "/usr/share/datasets/fashion-mnist");
    assert_string_equal(data->sha256, rb__set_find("fashion")->sha256);
    assert_false(data->stand_in);
    static const int32_t first[] = {9, 0, 0, 3, 0};
    assert_memory_equal(data->labels, first, sizeof first);
    /* the sample is the first 250 + 50 rows of each class: its first image is this set's */
    rb_dataset *sample;
    expect_ok(rb_dataset_load("sample", NULL, &sample));
    assert_memory_equal(data->x, sample->x, IMAGE);
    assert_memory_equal((const uint8_t *)data->x + 60000 * IMAGE, (const uint8_t *)sample->x + 2500 * IMAGE, IMAGE);
    rb_dataset_free(sample);
    rb_dataset_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mnist, begin, finish),
        cmocka_unit_test_setup_teardown(cifar, begin, finish),
        cmocka_unit_test_setup_teardown(fashion, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
