/* values.c: what stands behind a flag against the flag's rule: numbers, words, ranges, lists. */
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/flag_table.h"
#include "core/text.h"
#include "regbench/portable.h"

/* More items than this in one list are a typing error (1-600000000), not a wish. */
enum { LONGEST_LIST = 10000 };

/* What a number must be: [low, high], or open at the end that is marked. */
static const struct {
    bool whole;
    double low, high;
    bool low_open, high_open;
    const char *allowed;
} numbers[RULES] = {
    /* mt19937 takes 32 bits: a larger seed would be another name of a smaller one. */
    [RULE_SEED] = {true, 0, 4294967295.0, false, false, "an integer from 0 to 4294967295"},
    [RULE_COUNT] = {true, 1, 2147483647, false, false, "an integer from 1 to 2147483647"},
    [RULE_POSITIVE] = {false, 0, FLT_MAX, true, false, "a finite number above 0"},
    [RULE_AMOUNT] = {false, 0, FLT_MAX, false, false, "a finite number, 0 or more"},
    [RULE_FRACTION] = {false, 0, 1, false, true, "a number from 0 to 1, without 1"},
    [RULE_PROBABILITY] = {false, 0, 1, false, false, "a number from 0 to 1"},
    [RULE_ANGLE] = {false, 0, 180, false, false, "a number of degrees from 0 to 180"},
    [RULE_PIXELS] = {true, 0, RB_VIEW_MAX - 1, false, false, "an integer from 0 to 511"},
};

/* `source` is "--batch" or "REGBENCH_BATCH", for messages. */
static rb_status read_number(const char *source, rb_rule rule, const char *text, double *real, int64_t *whole) {
    char *end = NULL;
    bool bad = isspace((unsigned char)text[0]) || text[0] == '\0';
    errno = 0;
    if (numbers[rule].whole) {
        *whole = strtoll(text, &end, 10);
        *real = (double)*whole;
        bad |= errno != 0;
    } else {
        *real = strtod(text, &end);
        *whole = 0;
        /* What the device computes with is a float: 1e-60 would become 0 there. */
        if (!isfinite(*real) || ((float)*real == 0 && *real != 0)) bad = true;
    }
    bad |= end == text || *end != '\0' || *real < numbers[rule].low || *real > numbers[rule].high ||
           (numbers[rule].low_open && *real == numbers[rule].low) ||
           (numbers[rule].high_open && *real == numbers[rule].high);
    return bad ? rb_fail(RB_USAGE, "%s \"%s\": must be %s", source, text, numbers[rule].allowed) : RB_OK;
}

/* `a|b|c` holds `word`? */
rb_status rb__check_choice(const char *source, const char *choices, const char *word) {
    char copy[128];
    const char *names[16];
    int n = 0;
    snprintf(copy, sizeof copy, "%s", choices);
    for (char *save = NULL, *name = strtok_r(copy, "|", &save); name && n < 16; name = strtok_r(NULL, "|", &save)) {
        if (strcmp(name, word) == 0) return RB_OK;
        names[n++] = name;
    }
    const char *near = rb_text_nearest(word, names, n);
    return rb_fail(RB_USAGE, "%s \"%s\": must be one of %s%s%s%s", source, word, choices,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static rb_status check_text(const char *source, rb_flag flag, const char *text) {
    const rb_flag_entry *f = &rb__flags[flag];
    double real;
    int64_t whole;
    if (f->rule >= RULE_SEED) return read_number(source, f->rule, text, &real, &whole);
    if (text[0] == '\0') return rb_fail(RB_USAGE, "%s: the value is empty; it takes %s", source, f->argument);
    if (f->rule == RULE_CHOICE) return rb__check_choice(source, f->argument, text);
    if (f->rule == RULE_WORD && strpbrk(text, " \t,/"))
        return rb_fail(RB_USAGE, "%s \"%s\": must be a word without blanks, commas and slashes", source, text);
    if (f->rule == RULE_NAME) {
        for (const char *c = text; *c; c++)
            if ((!isalnum((unsigned char)*c) && !strchr("._-", *c)) || text[0] == '.')
                return rb_fail(RB_USAGE, "%s \"%s\": must consist of letters, digits, \".\", \"_\" and \"-\"", source,
                               text);
    }
    return RB_OK;
}

/* "1-6" and "64-1024*2" into `words`; false in *is_range where `text` is no range. */
static rb_status add_range(const char *source, rb_rule rule, const char *text, rb_words *words, bool *is_range) {
    char low_text[64], high_text[64], number[32];
    const char *dash = text[0] ? strchr(text + 1, '-') : NULL; /* not the sign of the first number */
    double real, factor = 0;
    int64_t low, high;
    rb_status status = RB_OK;
    *is_range = dash != NULL;
    if (!dash) return RB_OK;
    const char *star = strchr(dash + 1, '*');
    size_t low_n = (size_t)(dash - text), high_n = star ? (size_t)(star - dash - 1) : strlen(dash + 1);
    if (low_n >= sizeof low_text || high_n >= sizeof high_text) return rb_fail(RB_USAGE, "%s: number too long", source);
    snprintf(low_text, sizeof low_text, "%.*s", (int)low_n, text);
    snprintf(high_text, sizeof high_text, "%.*s", (int)high_n, dash + 1);
    if (read_number(source, rule, low_text, &real, &low) != RB_OK ||
        read_number(source, rule, high_text, &real, &high) != RB_OK) {
        rb_error_clear(); /* it names the half, which nobody wrote alone */
        return rb_fail(RB_USAGE, "%s \"%s\": must be %s, or a range of them as 1-6", source, text,
                       numbers[rule].allowed);
    }
    if (star) {
        char *end;
        factor = strtod(star + 1, &end);
        if (end == star + 1 || *end || !(factor >= 1.01) || !isfinite(factor) || low < 1)
            return rb_fail(RB_USAGE, "%s \"%s\": a range LOW-HIGH*FACTOR needs LOW from 1 and FACTOR from 1.01 on",
                           source, text);
    }
    if (low > high) return rb_fail(RB_USAGE, "%s \"%s\": the range runs backwards", source, text);
    for (int64_t v = low, count = 0; v <= high; count++) {
        if (count == LONGEST_LIST)
            return rb_fail(RB_USAGE, "%s \"%s\": more than %d values", source, text, LONGEST_LIST);
        int n = snprintf(number, sizeof number, "%lld", (long long)v);
        RB_TRY(rb_words_add_once(words, number, (size_t)n));
        if (v == high) break;
        int64_t next = factor > 0 ? (int64_t)floor((double)v * factor + 0.5) : v + 1;
        v = next > v ? next : v + 1;
    }
cleanup:
    return status;
}

/* Equal numbers become equal texts, so that 0.1 and 0.10 are one item and --resume knows it again. */
static rb_status add_one(rb_rule rule, const char *item, rb_words *words) {
    char number[32];
    if (rule < RULE_SEED) return rb_words_add_once(words, item, strlen(item));
    if (numbers[rule].whole)
        snprintf(number, sizeof number, "%lld", strtoll(item, NULL, 10));
    else
        snprintf(number, sizeof number, "%.9g", rb_float_shortest(strtof(item, NULL)));
    return rb_words_add_once(words, number, strlen(number));
}

/* One argument of a flag: a comma list for MANY, checked and expanded. */
rb_status rb__add_value(const char *source, rb_flag flag, const char *text, rb_words *words) {
    const rb_flag_entry *f = &rb__flags[flag];
    rb_status status = RB_OK;
    char *item = NULL;
    if (f->rule == RULE_SETTING) {
        const char *equals = strchr(text, '=');
        if (!equals || equals == text || equals[1] == '\0')
            return rb_fail(RB_USAGE, "%s \"%s\": must be NAME=VALUE, as in hidden1.units=64", source, text);
        return rb_words_add(words, text, strlen(text)); /* its comma list multiplies in matrix.c */
    }
    if (f->often == ONCE) {
        RB_TRY(check_text(source, flag, text));
        rb_words_free(words); /* the last one counts */
        return rb_words_add(words, text, strlen(text));
    }
    if (f->rule == RULE_TEXT) { /* paths: a comma is part of one, and two may be the same */
        RB_TRY(check_text(source, flag, text));
        return rb_words_add(words, text, strlen(text));
    }
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        bool is_range = false;
        item = strndup(at, n);
        if (!item) return rb_fail(RB_MEMORY, "out of memory while reading the command line");
        if (numbers[f->rule].whole) RB_TRY(add_range(source, f->rule, item, words, &is_range));
        if (!is_range) {
            RB_TRY(check_text(source, flag, item));
            RB_TRY(add_one(f->rule, item, words));
        }
        free(item);
        item = NULL;
        if (words->n > LONGEST_LIST) return rb_fail(RB_USAGE, "%s: more than %d values", source, LONGEST_LIST);
        at += n;
        if (*at == '\0') break;
    }
cleanup:
    free(item);
    return status;
}
