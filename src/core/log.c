/* log.c: lines on stderr. */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>

rb_log_level rb_log_threshold = RB_LOG_INFO;

void rb_log(rb_log_level level, const char *fmt, ...) {
    static const char *const word[] = {"error: ", "warning: ", "", "debug: "};
    if (level > rb_log_threshold) return;
    char line[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    /* What others wrote (a file's cell, a driver's name) must not steer the terminal. */
    for (char *c = line; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f) *c = '?';
    fprintf(stderr, "regbench: %s%s\n", word[level], line);
}

void rb_log_error(void) {
    const rb_error *e = rb_error_last();
    if (!e) return;
    rb_log(RB_LOG_ERROR, "%s", e->text);
    rb_log(RB_LOG_DEBUG, "status %s, raised at %s:%d, native code %ld", rb_status_word(e->status), e->file, e->line,
           e->native);
    rb_error_clear();
}
