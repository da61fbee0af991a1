/* cli_util.h: what the tests of the program share: a folder of their own, a shell in it, what it printed. */
#ifndef CLI_UTIL_H
#define CLI_UTIL_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/text.h"
#include "regbench/report.h"

static char folder[64];  /* of this test program, removed at the end */
static rb_text out, err; /* of the last command */

#define SMALL "run size/mlp -d reference --train-size 128 --epochs 1 -B 64"
/* Two dozen of the pictures that test_data_folder reads. */
#define PICTURES                                                                                                       \
    "for c in cat dog wild; do mkdir -p animals/train/$c animals/val/$c; cp " TEST_FOLDER                              \
    "/images/*.png animals/train/$c; rm -f animals/train/$c/bad*; cp " TEST_FOLDER                                     \
    "/images/rgb.png animals/val/$c; done"

static inline void slurp(const char *name, rb_text *text) {
    char path[512], bytes[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    rb_text_clear(text);
    FILE *f = fopen(path, "r");
    if (!f) return;
    while ((n = fread(bytes, 1, sizeof bytes - 1, f)) > 0) {
        bytes[n] = '\0';
        rb_text_append(text, bytes);
    }
    fclose(f);
}

/* Runs `shell` in the test's folder with $R as the program; stdout and stderr go to `out` and `err`. */
static inline int shell(const char *fmt, ...) RB_PRINTF(1, 2);
static inline int shell(const char *fmt, ...) {
    char command[4096];
    int n = snprintf(command, sizeof command, "cd %s && { ", folder);
    va_list args;
    va_start(args, fmt);
    n += vsnprintf(command + n, sizeof command - (size_t)n, fmt, args);
    va_end(args);
    snprintf(command + n, sizeof command - (size_t)n, "\n} >out 2>err </dev/null");
    int status = system(command);
    slurp("out", &out);
    slurp("err", &err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int lines(const char *text) {
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        if (!strstr(rb_text_string(&(text)), (part))) {                                                                \
            print_message("expected \"%s\" in:\n%s\n", (part), rb_text_string(&(text)));                               \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

static inline int begin(void **state) {
    (void)state;
    /* What the user has set must not change what is tested. */
    static const char *const mine[] = {"REGBENCH_BATCH", "REGBENCH_DEVICE",   "REGBENCH_SEED",      "REGBENCH_OUTPUT",
                                       "REGBENCH_QUIET", "REGBENCH_VERBOSE",  "REGBENCH_OUT_DIR",   "REGBENCH_TIMEOUT",
                                       "REGBENCH_QUIRK", "REGBENCH_PROVIDER", "REGBENCH_PRECISION", "REGBENCH_FASTEST"};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) unsetenv(mine[i]);
    snprintf(folder, sizeof folder, "/tmp/regbench-cli-XXXXXX");
    setenv("R", REGBENCH_PROGRAM, 1);
    return mkdtemp(folder) ? 0 : -1;
}

static inline int end(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    rb_text_free(&out);
    rb_text_free(&err);
    return system(command);
}

#endif
