/* test_data_search.c: where sets are found, partial sets, the stand-in, and the unpacked cache. */
#include <fcntl.h>

#include "core/log.h"
#include "data_files.h"

static char logged[8192]; /* what the last captured call wrote to stderr */

/* Loads with stderr captured; `level` is the log threshold meanwhile. */
static rb_status load_logged(const char *name, const rb_data_options *o, rb_log_level level, rb_dataset **data) {
    rb_log_level before = rb_log_threshold;
    int kept = dup(2), fd = open(below("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    fflush(stderr);
    dup2(fd, 2);
    rb_log_threshold = level;
    rb_status status = rb_dataset_load(name, o, data);
    rb_log_threshold = before;
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    ssize_t n = pread(fd, logged, sizeof logged - 1, 0);
    logged[n > 0 ? n : 0] = '\0';
    close(fd);
    return status;
}

static void expect_first_pixel(const char *name, const rb_data_options *o, int value, const char *source) {
    rb_dataset *data;
    char path[RB_PATH];
    expect_ok(rb_dataset_load(name, o, &data));
    assert_int_equal(*(const uint8_t *)data->x, value);
    assert_string_equal(data->source, below(source));
    rb_dataset_free(data);
    expect_ok(rb_dataset_path(name, o, path, sizeof path));
    assert_string_equal(path, below(source));
}

/* The set is put in the last place first, then in each earlier one: the earlier wins. */
static void order(void **state) {
    (void)state;
    rb_data_options none = {0}, dir = {.dir = below("dir")};
    char system_folders[600], path[64];
    rb_dataset *data;
    expect_error(rb_dataset_load("mnist", &none, &data), RB_MISSING, "`mnist`", "regbench data fetch mnist",
                 "--data DIR");
    expect_error(rb_dataset_path("fashion", NULL, path, sizeof path), RB_MISSING, "regbench data fetch fashion",
                 "dataset-fashion-mnist");
    snprintf(system_folders, sizeof system_folders, "%s:%s", below("system0"), below("system1"));
    rb__data_folders = system_folders;
    write_idx_set("system1/fashion-mnist", 10, 1);
    expect_first_pixel("fashion", &none, 10, "system1/fashion-mnist");
    write_idx_set("system1/mnist", 11, 1);
    expect_first_pixel("mnist", &none, 11, "system1/mnist");
    write_idx_set("cache/regbench/mnist", 12, 0);
    expect_first_pixel("mnist", &none, 12, "cache/regbench/mnist");
    write_idx_set("named", 13, 0); /* the folder itself */
    setenv("REGBENCH_DATA", below("named"), 1);
    expect_first_pixel("mnist", &none, 13, "named");
    write_idx_set("named/mnist", 14, 1); /* a folder of the set's name goes first */
    expect_first_pixel("mnist", &none, 14, "named/mnist");
    expect_error(rb_dataset_load("mnist", &dir, &data), RB_MISSING, "--data", "dir", "no such folder");
    expect_error(rb_dataset_load("sample", &dir, &data), RB_MISSING, "--data", "dir", "no such folder");
    assert_int_equal(mkdir(below("dir"), 0777), 0);
    expect_first_pixel("mnist", &dir, 14, "named/mnist"); /* absent in DIR: the search goes on */
    write_idx_set("dir/mnist", 15, 0);
    expect_first_pixel("mnist", &dir, 15, "dir/mnist");
    /* raw goes before .gz in one folder */
    write_idx_set("dir/mnist", 16, 1);
    expect_first_pixel("mnist", &dir, 15, "dir/mnist");
}

/* DIR itself is not taken for a set whose name another set bears; MNIST must not pass for Fashion-MNIST. */
static void not_another(void **state) {
    (void)state;
    rb_dataset *data;
    write_idx_set("mnist", 1, 0);
    write_idx_set("fashion-mnist", 2, 0);
    rb_data_options digits = {.dir = below("mnist")}, both = {.dir = temporary};
    expect_first_pixel("mnist", &digits, 1, "mnist");
    expect_ok(load_logged("fashion", &digits, RB_LOG_INFO, &data));
    assert_true(data->stand_in);
    rb_dataset_free(data);
    expect_first_pixel("fashion", &both, 2, "fashion-mnist");
}

/* Present but bad, or only in part, ends the search: the good set further on is not taken. */
static void no_silent_fallback(void **state) {
    (void)state;
    rb_dataset *data;
    write_idx_set("cache/regbench/fashion", 1, 0);
    write_idx_set("dir/fashion", 2, 0);
    rb_data_options dir = {.dir = below("dir")};
    assert_int_equal(truncate(below("dir/fashion/t10k-images-idx3-ubyte"), 1000), 0);
    expect_error(rb_dataset_load("fashion", &dir, &data), RB_INPUT, "dir/fashion/t10k-images",
                 "byte 1000:", "truncated");
    assert_int_equal(unlink(below("dir/fashion/t10k-images-idx3-ubyte")), 0);
    expect_error(rb_dataset_load("fashion", &dir, &data), RB_MISSING, "dir/fashion", "3 of the 4 files",
                 "t10k-images-idx3-ubyte (or .gz) is absent", "regbench data fetch fashion");
    if (geteuid() != 0) { /* root may look anywhere */
        assert_int_equal(chmod(below("dir/fashion"), 0), 0);
        expect_error(rb_dataset_load("fashion", &dir, &data), RB_INPUT, "cannot look for", "dir/fashion");
        assert_int_equal(chmod(below("dir/fashion"), 0700), 0);
    }
}

static void unknown(void **state) {
    (void)state;
    rb_dataset *data;
    expect_error(rb_dataset_load("fasion", NULL, &data), RB_USAGE, "`fasion`", "did you mean `fashion`");
    expect_error(rb_dataset_load("zzzzzzzz", NULL, &data), RB_USAGE, "regbench data list");
    const rb_dataset_entry *e = rb_dataset_registry();
    int n = 0;
    for (; e[n].name; n++) assert_true(e[n].n_train > 0 && e[n].title);
    assert_true(n >= 4);
}

static void stand_in(void **state) {
    (void)state;
    rb_dataset *data, *sample;
    expect_ok(load_logged("fashion", NULL, RB_LOG_INFO, &data));
    assert_true(data->stand_in);
    assert_string_equal(data->name, "fashion");
    assert_string_equal(data->source, "embedded sample");
    assert_non_null(strstr(logged, "stands in"));
    assert_non_null(strstr(logged, "regbench data fetch fashion"));
    assert_ptr_equal(strchr(logged, '\n'), logged + strlen(logged) - 1); /* exactly one line */
    expect_ok(load_logged("sample", NULL, RB_LOG_INFO, &sample));
    assert_string_equal(logged, "");
    assert_false(sample->stand_in);
    assert_string_equal(sample->sha256, data->sha256);
    assert_string_equal(sample->sha256, "fbe04760101a70ad277f529690c3fa8d49a619c27606a965111d599730a83fce");
    assert_int_equal(sample->n_train, 2500);
    assert_int_equal(sample->n_test, 500);
    int count[2][10] = {{0}};
    for (int i = 0; i < 3000; i++) count[i >= 2500][sample->labels[i]]++;
    for (int c = 0; c < 10; c++) {
        assert_int_equal(count[0][c], 250);
        assert_int_equal(count[1][c], 50);
    }
    /* the first training image of Fashion-MNIST is an ankle boot, whose first pixels are 0 */
    assert_int_equal(sample->labels[0], 9);
    rb_dataset_free(sample);
    rb_dataset_free(data);
    expect_error(rb_dataset_load("cifar", NULL, &data), RB_MISSING, "regbench data fetch cifar");
}

/* A damaged PNG in place of the embedded one: refused, never out of bounds. */
static void sample_fuzz(void **state) {
    (void)state;
    size_t bytes;
    const unsigned char *png = rb__sample_png(&bytes);
    unsigned char *copy = malloc(bytes + 64);
    uint64_t seed = 11;
    int failed = 0;
    for (int round = 0; round < 1000; round++) {
        rb_dataset data = {.name = "fuzz", .C = 1, .H = 28, .W = 28, .classes = 10};
        /* a short PNG fails early and fast; the whole one every 50 rounds */
        size_t part = round % 50 ? 4096 : bytes;
        memcpy(copy, png, part);
        part = mutate(copy, part, part + 64, &seed);
        rb_status status = rb__sample_decode(copy, part, &data);
        if (status != RB_OK) {
            failed++;
            assert_int_equal(status, RB_INPUT);
            assert_non_null(strstr(rb_error_last()->text, "embedded sample"));
            rb_error_clear();
        }
        rb__store_free(data.store);
    }
    assert_true(failed >= 980);
    free(copy);
}

/* Loads mnist from the temporary folder; is it from the cache (mapped)? */
static bool cached(const char *expected_log) {
    rb_dataset *data;
    rb_data_options o = {.dir = temporary};
    expect_ok(load_logged("mnist", &o, RB_LOG_DEBUG, &data));
    if (expected_log && !strstr(logged, expected_log)) fail_msg("\"%s\" is not in: %s", expected_log, logged);
    for (int i = 0; i < TRAIN_ROWS; i++) assert_int_equal(data->labels[i], i % 10);
    bool mapped = data->store->mapped;
    rb_dataset_free(data);
    return mapped;
}

static void cache(void **state) {
    (void)state;
    rb_dataset *first, *second;
    rb_data_options o = {.dir = temporary}, without = {.dir = temporary, .no_cache = true};
    const char *file = "cache/regbench/unpacked/mnist.set";
    write_idx_set("mnist", 5, 1);
    expect_ok(rb_dataset_load("mnist", &without, &first));
    assert_int_equal(access(below(file), F_OK), -1); /* no_cache writes none */
    rb_dataset_free(first);
    expect_ok(rb_dataset_load("mnist", &o, &first));
    assert_false(first->store->mapped);
    expect_ok(rb_dataset_load("mnist", &o, &second));
    assert_true(second->store->mapped);
    assert_string_equal(first->sha256, second->sha256);
    assert_memory_equal(first->x, second->x, 50 * IMAGE);
    assert_memory_equal(first->labels, second->labels, 50 * sizeof(int32_t));
    assert_int_equal(second->n_train, TRAIN_ROWS);
    rb_dataset_free(first);
    rb_dataset_free(second);
    expect_ok(rb_dataset_load("mnist", &without, &first));
    assert_false(first->store->mapped); /* nor reads one */
    rb_dataset_free(first);

    /* damage anywhere in the header, the labels or the length: ignored, written anew */
    size_t bytes;
    unsigned char *good = read_file(below(file), &bytes);
    for (size_t at = 0; at < 300; at += 7) {
        good[at] ^= 0x10;
        write_file(below(file), good, bytes, 0);
        good[at] ^= 0x10;
        bool padding = cached(NULL); /* a byte between fields or after the header changes nothing */
        if (at < 240) assert_false(padding);
        assert_true(cached(NULL));
    }
    good[bytes - 1] ^= 0x40; /* the last label */
    write_file(below(file), good, bytes, 0);
    good[bytes - 1] ^= 0x40;
    assert_false(cached("ignored: damaged"));
    assert_true(cached(NULL));
    static const size_t lengths[] = {0, 1, 100, 4096, 5000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        write_file(below(file), good, lengths[i], 0);
        assert_false(cached(NULL));
        assert_true(cached(NULL));
    }
    write_file(below(file), good, bytes - 4, 0);
    assert_false(cached("ignored: of another size"));
    /* a changed source makes it stale */
    assert_true(cached(NULL));
    free(good);
    write_idx_set("mnist", 6, 0);
    assert_false(cached("ignored: of other files"));
    assert_true(cached(NULL));
    /* the same name and size, another time: stale too */
    const struct timespec times[2] = {{1600000000, 0}, {1600000000, 1}};
    write_idx_set("mnist", 7, 0);
    assert_int_equal(utimensat(AT_FDCWD, below("mnist/t10k-images-idx3-ubyte"), times, 0), 0);
    assert_false(cached("ignored: of other files"));
    expect_first_pixel("mnist", &o, 7, "mnist");
    /* no leftovers of writing */
    assert_int_equal(unlink(below(file)), 0);
    assert_int_equal(rmdir(below("cache/regbench/unpacked")), 0);
    /* a cache that cannot be written costs a debug line, no more */
    write_file(below("cache/regbench/unpacked"), "", 0, 0);
    assert_false(cached("no unpacked copy: cannot write"));
    assert_null(rb_error_last());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order, begin, finish),
        cmocka_unit_test_setup_teardown(not_another, begin, finish),
        cmocka_unit_test_setup_teardown(no_silent_fallback, begin, finish),
        cmocka_unit_test_setup_teardown(unknown, begin, finish),
        cmocka_unit_test_setup_teardown(stand_in, begin, finish),
        cmocka_unit_test_setup_teardown(sample_fuzz, begin, finish),
        cmocka_unit_test_setup_teardown(cache, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
