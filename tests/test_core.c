/* test_core.c: what everything else leans on: the pending failure, texts, the arena, SHA-256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/sha256.h"
#include "core/text.h"
#include "regbench/status.h"

static int clear(void **state) {
    (void)state;
    rb_error_clear();
    return 0;
}

static void test_first_failure_is_kept(void **state) {
    (void)state;
    assert_null(rb_error_last());
    assert_int_equal(rb_fail_native(RB_INPUT, 42, "file %s", "a"), RB_INPUT);
    assert_int_equal(rb_fail(RB_MEMORY, "on the way up"), RB_MEMORY); /* returns its own status, records nothing */
    const rb_error *e = rb_error_last();
    assert_non_null(e);
    assert_int_equal(e->status, RB_INPUT);
    assert_string_equal(e->text, "file a");
    assert_int_equal(e->native, 42);
    assert_non_null(strstr(e->file, "test_core.c"));
    assert_true(e->line > 0);
    rb_error_clear();
    assert_null(rb_error_last());
    rb_fail(RB_DISK, "next");
    assert_int_equal(rb_error_last()->status, RB_DISK);
    assert_int_equal(rb_error_last()->native, 0);
}

static void test_long_failure_is_cut(void **state) {
    (void)state;
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rb_fail(RB_INTERNAL, "%s", text);
    assert_int_equal(strlen(rb_error_last()->text), sizeof rb_error_last()->text - 1);
}

static rb_status tried(rb_status result, int *reached) {
    rb_status status = RB_OK;
    RB_TRY(result);
    *reached = 1;
cleanup:
    return status;
}

static void test_try(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(tried(RB_DISK, &reached), RB_DISK);
    assert_int_equal(reached, 0);
    assert_int_equal(tried(RB_OK, &reached), RB_OK);
    assert_int_equal(reached, 1);
}

static void test_status_words(void **state) {
    (void)state;
    for (int s = 0; s < RB_STATUS_COUNT; s++)
        assert_int_equal(rb_status_from_word(rb_status_word((rb_status)s)), s); /* so words are unique */
    assert_int_equal(rb_status_from_word("no such word"), RB_INTERNAL);
    assert_int_equal(rb_status_exit_code(RB_OK), 0);
    assert_int_equal(rb_status_exit_code(RB_USAGE), 2);
    assert_int_equal(rb_status_exit_code(RB_VERIFY), 3);
    assert_int_equal(rb_status_exit_code(RB_NO_DEVICE), 77);
    assert_int_equal(rb_status_exit_code(RB_INTERRUPTED), 130);
    assert_int_equal(rb_status_exit_code(RB_STATUS_COUNT), rb_status_exit_code(RB_INTERNAL));
    assert_int_equal(rb_status_exit_code((rb_status)-1), rb_status_exit_code(RB_INTERNAL));
    assert_string_equal(rb_status_word(RB_STATUS_COUNT), rb_status_word(RB_INTERNAL));
}

static void test_text(void **state) {
    (void)state;
    rb_text t = {0};
    char expected[3001] = "";
    assert_string_equal(rb_text_string(&t), "");
    for (int i = 0; i < 1000; i++) { /* grows over several capacities, by both ways of adding */
        if (i % 2)
            rb_text_printf(&t, "%03d", i);
        else {
            char three[4] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10), 0};
            rb_text_append(&t, three);
        }
        sprintf(expected + 3 * i, "%03d", i);
    }
    assert_int_equal(t.length, 3000);
    assert_string_equal(rb_text_string(&t), expected);
    assert_int_equal(rb_text_status(&t), RB_OK);
    rb_text_clear(&t);
    assert_string_equal(rb_text_string(&t), "");
    rb_text_append(&t, "");
    assert_int_equal(t.length, 0);
    t.failed = 1; /* as after a failed allocation */
    rb_text_append(&t, "lost");
    rb_text_printf(&t, "lost");
    assert_string_equal(rb_text_string(&t), "");
    assert_int_equal(rb_text_status(&t), RB_MEMORY);
    rb_text_free(&t);
    assert_null(t.data);
}

/* Exactly full, one less, one more: the terminating NUL must have its place (seen by the sanitizers). */
static void test_text_edges(void **state) {
    (void)state;
    char s[300];
    for (int n = 120; n < 140; n++) {
        rb_text a = {0}, b = {0};
        memset(s, 'y', (size_t)n);
        s[n] = '\0';
        rb_text_append(&a, s);
        rb_text_printf(&b, "%s", s);
        assert_string_equal(rb_text_string(&a), s);
        assert_string_equal(rb_text_string(&b), s);
        assert_true(a.capacity > a.length && b.capacity > b.length);
        rb_text_free(&a);
        rb_text_free(&b);
    }
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = {"size/lenet", "size/mlp", "size/deep-mlp", "cnn/mnist", "ab"};
    assert_string_equal(rb_text_nearest("size/lenett", names, 5), "size/lenet"); /* one too many */
    assert_string_equal(rb_text_nearest("ize/mlp", names, 5), "size/mlp");       /* one missing */
    assert_string_equal(rb_text_nearest("cnn/mnits", names, 5), "cnn/mnist");    /* two swapped */
    assert_string_equal(rb_text_nearest("size/mlp", names, 5), "size/mlp");
    assert_string_equal(rb_text_nearest("size/dep-mlp", names, 5), "size/deep-mlp"); /* nearer than size/mlp */
    assert_string_equal(rb_text_nearest("cn/mnisst!", names, 5), "cnn/mnist");       /* three of ten: a third */
    assert_null(rb_text_nearest("c/mnisst!!", names, 5));                            /* five of ten */
    assert_null(rb_text_nearest("quantum", names, 5));
    assert_null(rb_text_nearest("xy", names, 5)); /* nothing in common is no suggestion, however short */
    assert_null(rb_text_nearest("size/mlp", names, 0));
    assert_null(rb_text_nearest("", names, 5));
    char longer[200];
    memset(longer, 'z', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(rb_text_nearest(longer, names, 5));
}

static void test_arena(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 1000, 64 * 1024 - 16, 64 * 1024, 64 * 1024 + 1, 300000, 1, 0, 8};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    unsigned char *p[COUNT];
    rb_arena *a = rb_arena_new();
    assert_non_null(a);
    for (int i = 0; i < COUNT; i++) {
        p[i] = rb_arena_alloc(a, sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t j = 0; j < sizes[i]; j++) assert_int_equal(p[i][j], 0);
        memset(p[i], i + 1, sizes[i]);
    }
    for (int i = 0; i < COUNT; i++) /* no piece reaches into another */
        for (size_t j = 0; j < sizes[i]; j++) assert_int_equal(p[i][j], i + 1);
    char word[] = "copy";
    char *copy = rb_arena_string(a, word);
    word[0] = 'C';
    assert_string_equal(copy, "copy");
    rb_arena_free(a);
    rb_arena_free(NULL);
}

/* FIPS 180-4 examples. */
static const char ABC[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char NOTHING[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void test_sha256(void **state) {
    (void)state;
    char hex[65];
    assert_int_equal(rb_sha256("abc", 3, hex), RB_OK);
    assert_string_equal(hex, ABC);
    assert_int_equal(rb_sha256("", 0, hex), RB_OK);
    assert_string_equal(hex, NOTHING);
    assert_int_equal(rb_sha256_pieces((const void *const[]){"a", "", "bc"}, (const size_t[]){1, 0, 2}, 3, hex), RB_OK);
    assert_string_equal(hex, ABC);
}

static void test_sha256_file(void **state) {
    (void)state;
    char hex[65], whole[65], path[] = "/tmp/regbench-test-XXXXXX";
    enum { BYTES = 200000 }; /* more than one buffer */
    unsigned char *bytes = malloc(BYTES);
    assert_non_null(bytes);
    for (int i = 0; i < BYTES; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, BYTES), BYTES);
    close(fd);
    rb_status status = rb_sha256_file(path, hex);
    unlink(path); /* before anything can fail: nothing is left behind */
    assert_int_equal(status, RB_OK);
    assert_int_equal(rb_sha256(bytes, BYTES, whole), RB_OK);
    assert_string_equal(hex, whole);
    free(bytes);
    assert_int_equal(rb_sha256_file(path, hex), RB_INPUT); /* gone: the text names it */
    assert_non_null(strstr(rb_error_last()->text, path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_failure_is_kept, clear, clear),
        cmocka_unit_test_setup_teardown(test_long_failure_is_cut, clear, clear),
        cmocka_unit_test_setup_teardown(test_try, clear, clear),
        cmocka_unit_test_setup_teardown(test_status_words, clear, clear),
        cmocka_unit_test_setup_teardown(test_text, clear, clear),
        cmocka_unit_test_setup_teardown(test_text_edges, clear, clear),
        cmocka_unit_test_setup_teardown(test_nearest, clear, clear),
        cmocka_unit_test_setup_teardown(test_arena, clear, clear),
        cmocka_unit_test_setup_teardown(test_sha256, clear, clear),
        cmocka_unit_test_setup_teardown(test_sha256_file, clear, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
