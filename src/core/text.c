/* text.c: growable strings, and the nearest name for "did you mean". */
#include "core/text.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int reserve(rb_text *t, size_t extra) {
    if (t->failed) return 0;
    size_t need = t->length + extra + 1;
    if (need <= t->capacity) return 1;
    size_t capacity = t->capacity ? t->capacity : 128;
    while (capacity < need) capacity *= 2;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = 1;
        return 0;
    }
    t->data = data;
    t->capacity = capacity;
    return 1;
}

void rb_text_printf(rb_text *t, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        t->failed = 1;
    else if (reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, fmt, again);
        t->length += (size_t)n;
    }
    va_end(again);
}

void rb_text_append(rb_text *t, const char *s) {
    size_t n = strlen(s);
    if (!reserve(t, n)) return;
    memcpy(t->data + t->length, s, n + 1);
    t->length += n;
}

void rb_text_clear(rb_text *t) {
    t->length = 0;
    t->failed = 0;
    if (t->data) t->data[0] = '\0';
}

void rb_text_free(rb_text *t) {
    free(t->data);
    memset(t, 0, sizeof *t);
}

rb_status rb_text_status(const rb_text *t) {
    return t->failed ? rb_fail(RB_MEMORY, "out of memory while building a text of %zu bytes", t->length) : RB_OK;
}

const char *rb_text_string(const rb_text *t) { return t->data ? t->data : ""; }

void rb_shell_quote(const char *word, rb_text *out) {
    bool plain = word[0] != '\0';
    for (const char *c = word; *c; c++) plain &= isalnum((unsigned char)*c) || strchr("_./:=,@%+-", *c);
    if (plain) {
        rb_text_append(out, word);
        return;
    }
    rb_text_append(out, "'");
    for (const char *c = word; *c; c++) rb_text_printf(out, *c == '\'' ? "'\\''" : "%c", *c);
    rb_text_append(out, "'");
}

/* Levenshtein distance, two rows; words over 63 characters are not worth a suggestion. */
static int distance(const char *a, const char *b) {
    enum { LONGEST = 63 };
    int la = (int)strlen(a), lb = (int)strlen(b), row[LONGEST + 1];
    if (la > LONGEST || lb > LONGEST) return INT_MAX;
    for (int j = 0; j <= lb; j++) row[j] = j;
    for (int i = 1; i <= la; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int above = row[j], cost = diagonal + (a[i - 1] != b[j - 1]);
            int best = cost < above + 1 ? cost : above + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            diagonal = above;
        }
    }
    return row[lb];
}

const char *rb_text_nearest(const char *word, const char *const *names, int count) {
    const char *best = NULL;
    int best_distance = 0;
    for (int i = 0; i < count; i++) {
        int longer = (int)(strlen(word) > strlen(names[i]) ? strlen(word) : strlen(names[i]));
        int limit = longer / 3 > 2 ? longer / 3 : 2, d = distance(word, names[i]);
        if (d <= limit && d < longer && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
