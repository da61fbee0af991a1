/* status.c: the pending failure of each thread. */
#include "regbench/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local rb_error pending;

rb_status rb__fail(rb_status status, const char *file, int line, long native, const char *fmt, ...) {
    if (pending.status != RB_OK) return status; /* the first failure is the cause */
    va_list args;
    va_start(args, fmt);
    vsnprintf(pending.text, sizeof pending.text, fmt, args);
    va_end(args);
    pending.status = status;
    pending.file = file;
    pending.line = line;
    pending.native = native;
    return status;
}

const rb_error *rb_error_last(void) { return pending.status == RB_OK ? NULL : &pending; }

void rb_error_clear(void) { memset(&pending, 0, sizeof pending); }

static const struct {
    int exit_code;
    const char *word;
} table[RB_STATUS_COUNT] = {
#define RB_STATUS(name, code, word) {code, word},
#include "regbench/status.def"
#undef RB_STATUS
};

int rb_status_exit_code(rb_status status) {
    return status >= 0 && status < RB_STATUS_COUNT ? table[status].exit_code : table[RB_INTERNAL].exit_code;
}

const char *rb_status_word(rb_status status) {
    return status >= 0 && status < RB_STATUS_COUNT ? table[status].word : table[RB_INTERNAL].word;
}

rb_status rb_status_from_word(const char *word) {
    for (int s = 0; s < RB_STATUS_COUNT; s++)
        if (strcmp(table[s].word, word) == 0) return (rb_status)s;
    return RB_INTERNAL;
}
