/* quirks.c: settings by name, read from texts, with clear words about what is wrong in one. */
#include "kernel/quirks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

static rb_status unknown_name(const rb__kn_quirk *table, int n, const char *name) {
    const char *names[RB__KN_QUIRKS];
    rb_text all = {0};
    for (int i = 0; i < n; i++) {
        names[i] = table[i].name;
        rb_text_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = rb_text_nearest(name, names, n);
    rb_status status = near ? rb_fail(RB_USAGE, "unknown quirk \"%s\"; did you mean \"%s\"?", name, near)
                            : rb_fail(RB_USAGE, "unknown quirk \"%s\"; known: %s", name, rb_text_string(&all));
    rb_text_free(&all);
    return status;
}

static rb_status read_word(const rb__kn_quirk *q, const char *value, int64_t *out) {
    char copy[64];
    const char *words[8];
    int n = 0;
    snprintf(copy, sizeof copy, "%s", q->words);
    for (char *save = NULL, *word = strtok_r(copy, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
        *out = n;
        if (strcmp(word, value) == 0) return RB_OK;
        words[n++] = word;
    }
    const char *near = rb_text_nearest(value, words, n);
    return rb_fail(RB_USAGE, "quirk %s \"%s\": must be one of %s%s%s%s", q->name, value, q->words,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static rb_status read_size(const rb__kn_quirk *q, const char *value, int64_t *out) {
    char *end;
    errno = 0;
    *out = strtoll(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || *out < q->low)
        return rb_fail(RB_USAGE, "quirk %s \"%s\": must be a whole number, %lld or more", q->name, value,
                       (long long)q->low);
    return RB_OK;
}

rb_status rb__kn_quirks_apply(const rb__kn_quirk *table, int n, const char *text, const char *source, int64_t *values,
                              const char **from) {
    char word[128];
    bool mine[RB__KN_QUIRKS] = {0};
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        char *equals = strchr(word, '=');
        if (length >= sizeof word || !equals || equals == word)
            return rb_fail(RB_USAGE, "quirk \"%s\": must be NAME=VALUE, as in max_wg=64", word);
        *equals = '\0';
        int i = 0;
        int64_t value = 0;
        rb_status status;
        while (i < n && strcmp(table[i].name, word) != 0) i++;
        if (i == n) return unknown_name(table, n, word);
        status = table[i].words ? read_word(&table[i], equals + 1, &value) : read_size(&table[i], equals + 1, &value);
        if (status != RB_OK) return status;
        if (!from[i] || mine[i]) {
            values[i] = value;
            from[i] = source;
            mine[i] = true;
        }
        at += length;
        if (!*at) return RB_OK;
    }
}

void rb__kn_quirk_value(const rb__kn_quirk *quirk, int64_t value, char out[32]) {
    const char *word = quirk->words;
    if (!word) {
        snprintf(out, 32, "%lld", (long long)value);
        return;
    }
    while (value-- > 0) word += strcspn(word, "|") + 1;
    snprintf(out, 32, "%.*s", (int)strcspn(word, "|"), word);
}
