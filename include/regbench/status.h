/* status.h: how a call says that it failed, and where the first failure is kept.
 *
 * Every fallible call returns rb_status. The first failure of a thread keeps file, line, native code and a text that
 * names what, where and what to do; later failures on the way up do not overwrite it. Who handles a failure (instead of
 * passing it on) calls rb_error_clear. One `cleanup:` label per function:
 *
 *     rb_status status = RB_OK;
 *     RB_TRY(rb_open(...));
 *     cleanup:
 *         rb_close(...);
 *         return status;
 */
#ifndef REGBENCH_STATUS_H
#define REGBENCH_STATUS_H

typedef enum rb_status {
#define RB_STATUS(name, code, word) RB_##name,
#include "regbench/status.def"
#undef RB_STATUS
    RB_STATUS_COUNT
} rb_status;

typedef struct rb_error {
    rb_status status;
    const char *file; /* source file and line of the first failure */
    int line;
    long native;     /* errno, dnnl_status_t, cl_int, cudaError_t ...; 0 where there is none */
    char text[1024]; /* one line: what, where, what to do */
} rb_error;

#if defined(__GNUC__)
#define RB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define RB_PRINTF(fmt, args)
#endif

/* Records the failure (if none is pending on this thread) and returns `status`. */
rb_status rb__fail(rb_status status, const char *file, int line, long native, const char *fmt, ...) RB_PRINTF(5, 6);
#define rb_fail(status, ...)                rb__fail((status), __FILE__, __LINE__, 0, __VA_ARGS__)
#define rb_fail_native(status, native, ...) rb__fail((status), __FILE__, __LINE__, (long)(native), __VA_ARGS__)

/* Evaluates a fallible call; on failure jumps to the function's `cleanup:` with `status` set. */
#define RB_TRY(call)                                                                                                   \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != RB_OK) goto cleanup;                                                                             \
    } while (0)

/* The pending failure of this thread, or NULL. */
const rb_error *rb_error_last(void);
void rb_error_clear(void);

int rb_status_exit_code(rb_status status);       /* process exit code, see status.def */
const char *rb_status_word(rb_status status);    /* word of the `status` column */
rb_status rb_status_from_word(const char *word); /* RB_INTERNAL where the word is unknown */

#endif
