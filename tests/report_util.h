/* report_util.h: what the tests of report and measure share: folders that go away, whole files, failures. */
#ifndef REPORT_UTIL_H
#define REPORT_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "regbench/status.h"

/* The call fails with this status and a text that holds `part`. */
#define assert_fails(call, expected, part)                                                                             \
    do {                                                                                                               \
        rb_error_clear();                                                                                              \
        assert_int_equal((call), (expected));                                                                          \
        assert_non_null(rb_error_last());                                                                              \
        if (!strstr(rb_error_last()->text, (part))) fail_msg("text: %s", rb_error_last()->text);                       \
        rb_error_clear();                                                                                              \
    } while (0)

static inline char *util_folder(void) {
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/regbench-test-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
    return strdup(path);
}

static inline void util_remove(char *folder) {
    char command[2048];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    free(folder);
}

/* "" where there is no such file. */
static inline char *util_read(const char *folder, const char *name) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    if (file) {
        size_t n = fread(text, 1, (1 << 20) - 1, file);
        text[n] = '\0';
        fclose(file);
    }
    return text;
}

static inline void util_write(const char *folder, const char *name, const char *mode, const char *text) {
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

#endif
