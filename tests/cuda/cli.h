/* cli.h: what tests of the program over the stand-ins for NVIDIA's libraries share. */
#ifndef TESTS_CUDA_CLI_H
#define TESTS_CUDA_CLI_H

#include "cli_util.h"

#define HOST                                                                                                           \
    "REGBENCH_CUDA_LIBRARY=" TEST_HOST_DRIVER " REGBENCH_NVRTC_LIBRARY=" TEST_HOST_NVRTC " XDG_CACHE_HOME=$PWD/cache "
#define NVML   "REGBENCH_NVML_LIBRARY=" TEST_HOST_NVML " "
#define LISTED "$R devices -d cuda -o csv"
/* data that needs no file, a small network */
#define RUN "$R run size/mlp --dataset sample -B 8 --train-size 16 --max-steps 3 --verify off -o csv "

/* What is left of a test where the backend, or what it needs, is not built. */
static inline void no_backend(void **state) {
    (void)state;
    print_message("this build has no backend cuda, or not the headers of its libraries\n");
    skip();
}

/* One line on stderr, nothing on stdout. */
static inline void assert_refused(int code, const char *part) {
    assert_int_equal(code, 77);
    assert_has(err, part);
    assert_int_equal(lines(rb_text_string(&err)), 1);
    assert_string_equal(rb_text_string(&out), "");
}

static inline int count(const rb_text *text, const char *part) {
    int n = 0;
    for (const char *at = rb_text_string(text); (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

#endif
