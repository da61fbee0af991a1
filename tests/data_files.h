/* data_files.h: what the tests of src/data share: temporary folders, files to read, errors to expect. Every test gets a
 * cache folder of its own; the user's is never touched. */
#ifndef DATA_FILES_H
#define DATA_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/data.h"

static char temporary[256]; /* the folder of the running test */

static inline int unlink_one(const char *path, const struct stat *s, int kind, struct FTW *ftw) {
    (void)s, (void)kind, (void)ftw;
    return remove(path);
}

/* A path below the temporary folder, good until the test ends (256 of them). */
static inline const char *below(const char *name) {
    static char path[256][512];
    static int next;
    char *p = path[next++ % 256];
    snprintf(p, sizeof path[0], "%s/%s", temporary, name);
    return p;
}

static inline int begin(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(temporary, sizeof temporary, "%s/regbench-data-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(temporary)) return -1;
    setenv("XDG_CACHE_HOME", below("cache"), 1);
    unsetenv("REGBENCH_DATA");
    unsetenv("REGBENCH_FETCH_BASE");
    rb__data_folders = "";
    rb_error_clear();
    return 0;
}

static inline int finish(void **state) {
    (void)state;
    rb_error_clear();
    return nftw(temporary, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The call fails as `status`, and its one line has each part (NULL ends); clears it. */
static inline void expect_error_(rb_status got, rb_status status, const char *file, int line, ...) {
    const rb_error *e = rb_error_last();
    va_list args;
    if (got != status || !e) _fail(file, line);
    va_start(args, line);
    for (const char *part; (part = va_arg(args, const char *));)
        if (!strstr(e->text, part)) {
            print_error("\"%s\" is not in: %s\n", part, e->text);
            _fail(file, line);
        }
    va_end(args);
    if (strchr(e->text, '\n')) _fail(file, line);
    rb_error_clear();
}
#define expect_error(call, status, ...) expect_error_((call), (status), __FILE__, __LINE__, __VA_ARGS__, (char *)NULL)

static inline void expect_ok_(rb_status got, const char *file, int line) {
    if (got == RB_OK) return;
    print_error("%s\n", rb_error_last() ? rb_error_last()->text : "(no text)");
    _fail(file, line);
}
#define expect_ok(call) expect_ok_((call), __FILE__, __LINE__)

static inline void write_file(const char *path, const void *bytes, size_t count, int gzip) {
    char folder[512];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(rb__make_folders(folder), 0);
    if (gzip) {
        gzFile f = gzopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(gzwrite(f, bytes, (unsigned)count), (int)count);
        assert_int_equal(gzclose(f), Z_OK);
    } else {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, count, f), count);
        assert_int_equal(fclose(f), 0);
    }
}

static inline void *read_file(const char *path, size_t *count) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *count = (size_t)ftell(f);
    rewind(f);
    void *bytes = malloc(*count + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *count, f), *count);
    fclose(f);
    return bytes;
}

static inline void big_endian(unsigned char *b, uint32_t v) {
    for (int i = 0; i < 4; i++) b[i] = (unsigned char)(v >> (24 - 8 * i));
}

enum { IMAGE = 28 * 28 };
static const char *const idx_names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                         "t10k-labels-idx1-ubyte"};

/* File `which` of a small set (count rows); pixel k of row i is (i * 7 + k + shift) & 255, its label i % 10. */
static inline unsigned char *idx_bytes(int which, uint32_t count, int shift, size_t *bytes) {
    int images = which % 2 == 0;
    *bytes = images ? 16 + (size_t)count * IMAGE : 8 + (size_t)count;
    unsigned char *b = malloc(*bytes);
    assert_non_null(b);
    big_endian(b, images ? 0x803 : 0x801);
    big_endian(b + 4, count);
    if (images) {
        big_endian(b + 8, 28);
        big_endian(b + 12, 28);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!images)
            b[8 + i] = (unsigned char)(i % 10);
        else
            for (uint32_t k = 0; k < IMAGE; k++) b[16 + i * IMAGE + k] = (unsigned char)(i * 7 + k + (uint32_t)shift);
    return b;
}

/* A whole set of 30 + 20 rows in `folder` (below the temporary one). */
enum { TRAIN_ROWS = 30, TEST_ROWS = 20 };
static inline void write_idx_set(const char *folder, int shift, int gzip) {
    for (int i = 0; i < 4; i++) {
        char path[512];
        size_t bytes;
        unsigned char *b = idx_bytes(i, i < 2 ? TRAIN_ROWS : TEST_ROWS, shift, &bytes);
        snprintf(path, sizeof path, "%s/%s/%s%s", temporary, folder, idx_names[i], gzip ? ".gz" : "");
        write_file(path, b, bytes, gzip);
        free(b);
    }
}

/* A small generator for the fuzz loops: the same bytes on every run. */
static inline uint32_t draw(uint64_t *s) {
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*s >> 33);
}

/* One of: bytes changed, cut, a piece repeated at the end. Returns the new length, at most `room`. */
static inline size_t mutate(unsigned char *b, size_t bytes, size_t room, uint64_t *s) {
    uint32_t kind = draw(s) % 8;
    if (kind == 0) return draw(s) % (bytes + 1);
    if (kind == 1 && bytes < room) {
        size_t extra = draw(s) % (room - bytes) + 1;
        for (size_t i = 0; i < extra; i++) b[bytes + i] = (unsigned char)draw(s);
        return bytes + extra;
    }
    /* headers are short: half of the changes go there */
    for (uint32_t n = draw(s) % 4 + 1; n; n--)
        b[draw(s) % (draw(s) % 2 && bytes > 32 ? 32 : bytes)] ^= (unsigned char)(1u << draw(s) % 8);
    return bytes;
}

#endif
