/* text.h: growable strings, and the nearest name for "did you mean". */
#ifndef RB_CORE_TEXT_H
#define RB_CORE_TEXT_H

#include <stddef.h>

#include "regbench/status.h"

/* A zero-initialized rb_text is empty and valid; data is always NUL-terminated once something was added. A failed
 * allocation is remembered: later additions are ignored and rb_text_status says RB_MEMORY. */
typedef struct rb_text {
    char *data;
    size_t length, capacity;
    int failed;
} rb_text;

void rb_text_printf(rb_text *t, const char *fmt, ...) RB_PRINTF(2, 3);
void rb_text_append(rb_text *t, const char *s);
void rb_text_clear(rb_text *t); /* keeps the memory */
void rb_text_free(rb_text *t);
rb_status rb_text_status(const rb_text *t);
const char *rb_text_string(const rb_text *t); /* "" where nothing was added */

/* Adds a word so that a shell reads it back as it is. */
void rb_shell_quote(const char *word, rb_text *out);

/* The entry of `names` (count entries) nearest to `word` by edit distance, or NULL when none is near enough to suggest
 * (more than a third of the longer word, at least 2). */
const char *rb_text_nearest(const char *word, const char *const *names, int count);

#endif
