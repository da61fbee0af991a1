/* options.c: the command line and the environment become checked values. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/flag_table.h"
#include "core/text.h"
#include "measure/build.h"

#define ON(verb) (1u << RB_VERB_##verb)
#define ON_ALL   (~0u)
const rb_flag_entry rb__flags[RB_FLAGS] = {
#define RB_FLAG(id, name, letter, often, rule, argument, verbs, help)                                                  \
    {name, letter, often, rule, argument, verbs, help},
#include "cli/flags.def"
#undef RB_FLAG
};

/* More items than this in one list are a typing error (1-600000000), not a wish. */
enum { LONGEST_LIST = 10000 };

/* What a number must be: [low, high], or open at the end that is marked. */
static const struct {
    bool whole;
    double low, high;
    bool low_open, high_open;
    const char *allowed;
} numbers[RULES] = {
    [RULE_NATURAL] = {true, 0, 9.2e18, false, false, "an integer from 0 on"},
    [RULE_COUNT] = {true, 1, 2147483647, false, false, "an integer from 1 to 2147483647"},
    [RULE_POSITIVE] = {false, 0, FLT_MAX, true, false, "a finite number above 0"},
    [RULE_AMOUNT] = {false, 0, FLT_MAX, false, false, "a finite number, 0 or more"},
    [RULE_FRACTION] = {false, 0, 1, false, true, "a number from 0 to 1, without 1"},
};

static const char *const verb_names[RB_VERBS] = {
#define RB_VERB(name, takes, help, examples) #name,
#include "cli/verbs.def"
#undef RB_VERB
};

const char *rb_verb_name(rb_verb verb) { return verb_names[verb]; }
const char *rb_flag_name(rb_flag flag) { return rb__flags[flag].name; }

rb_status rb_words_add(rb_words *w, const char *word, size_t length) {
    char **at = realloc(w->at, (size_t)(w->n + 1) * sizeof *at);
    char *copy = malloc(length + 1);
    if (at) w->at = at;
    if (!at || !copy) {
        free(copy);
        return rb_fail(RB_MEMORY, "out of memory while reading the command line");
    }
    memcpy(copy, word, length);
    copy[length] = '\0';
    w->at[w->n++] = copy;
    return RB_OK;
}

void rb_words_free(rb_words *w) {
    for (int i = 0; i < w->n; i++) free(w->at[i]);
    free(w->at);
    memset(w, 0, sizeof *w);
}

void rb__flag_variable(rb_flag flag, char out[64]) {
    int n = snprintf(out, 64, "REGBENCH_%s", rb__flags[flag].name);
    for (int i = 0; i < n && i < 63; i++) out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

/* --- one value against its rule: `source` is "--batch" or "REGBENCH_BATCH", for messages ------------------------- */

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
static rb_status check_choice(const char *source, const char *choices, const char *word) {
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
    if (f->rule >= RULE_NATURAL) return read_number(source, f->rule, text, &real, &whole);
    if (text[0] == '\0') return rb_fail(RB_USAGE, "%s: the value is empty; it takes %s", source, f->argument);
    if (f->rule == RULE_CHOICE) return check_choice(source, f->argument, text);
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
    RB_TRY(read_number(source, rule, low_text, &real, &low));
    RB_TRY(read_number(source, rule, high_text, &real, &high));
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
        RB_TRY(rb_words_add(words, number, (size_t)n));
        if (v == high) break;
        int64_t next = factor > 0 ? (int64_t)floor((double)v * factor + 0.5) : v + 1;
        v = next > v ? next : v + 1;
    }
cleanup:
    return status;
}

/* One argument of a flag: a comma list for MANY, checked and expanded. */
static rb_status add_value(const char *source, rb_flag flag, const char *text, rb_words *words) {
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
    for (const char *at = text;; at++) {
        size_t n = strcspn(at, ",");
        bool is_range = false;
        item = strndup(at, n);
        if (!item) return rb_fail(RB_MEMORY, "out of memory while reading the command line");
        if (numbers[f->rule].whole) RB_TRY(add_range(source, f->rule, item, words, &is_range));
        if (!is_range) {
            RB_TRY(check_text(source, flag, item));
            RB_TRY(rb_words_add(words, item, n));
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

/* --- words of the command line --------------------------------------------------------------------------------------
 */

static rb_status unknown_flag(rb_verb verb, const char *word, size_t length) {
    const char *names[RB_FLAGS];
    char name[64];
    int n = 0;
    for (int f = 0; f < RB_FLAGS; f++)
        if (rb__flags[f].verbs & (1u << verb)) names[n++] = rb__flags[f].name;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    const char *near = rb_text_nearest(name, names, n);
    if (near) return rb_fail(RB_USAGE, "unknown flag --%s; did you mean --%s?", name, near);
    return rb_fail(RB_USAGE, "unknown flag --%s; `regbench %s --help` lists them", name, rb_verb_name(verb));
}

/* The flag is known, but not to this verb. */
static rb_status wrong_verb(rb_verb verb, rb_flag flag) {
    rb_text verbs = {0};
    for (int v = 0; v < RB_VERBS; v++)
        if (rb__flags[flag].verbs & (1u << v)) rb_text_printf(&verbs, "%s%s", verbs.length ? ", " : "", verb_names[v]);
    rb_status status = rb_fail(RB_USAGE, "`regbench %s` takes no --%s; it belongs to: %s", rb_verb_name(verb),
                               rb__flags[flag].name, rb_text_string(&verbs));
    rb_text_free(&verbs);
    return status;
}

/* Reads the flag at argv[*i], with its argument there or in argv[*i + 1]. */
static rb_status read_flag(rb_options *o, char **argv, int argc, int *i, rb_words given[RB_FLAGS]) {
    const char *word = argv[*i], *value = NULL;
    char source[64];
    int flag = -1;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        for (int f = 0; f < RB_FLAGS; f++)
            if (strlen(rb__flags[f].name) == length && !strncmp(rb__flags[f].name, word + 2, length)) flag = f;
        if (flag < 0) return unknown_flag(o->verb, word + 2, length);
        if (word[2 + length] == '=') value = word + 3 + length;
    } else {
        for (int f = 0; f < RB_FLAGS; f++)
            if (rb__flags[f].letter == word[1]) flag = f;
        if (flag < 0)
            return rb_fail(RB_USAGE, "unknown flag -%c; `regbench %s --help` lists them", word[1],
                           rb_verb_name(o->verb));
        if (word[2]) value = word + 2;
    }
    const rb_flag_entry *f = &rb__flags[flag];
    if (!(f->verbs & (1u << o->verb))) return wrong_verb(o->verb, (rb_flag)flag);
    snprintf(source, sizeof source, "--%s", f->name);
    if (f->rule == RULE_SWITCH) {
        if (value) return rb_fail(RB_USAGE, "--%s takes no argument", f->name);
        return given[flag].n ? RB_OK : rb_words_add(&given[flag], "1", 1);
    }
    if (!value) {
        const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
        /* "-1" is a (bad) number, "-r" and "--lr" are flags whose predecessor lacks its argument. */
        if (!next || (next[0] == '-' && next[1] && !isdigit((unsigned char)next[1]) && next[1] != '.'))
            return rb_fail(RB_USAGE, "--%s needs an argument: %s", f->name, f->argument);
        value = next;
        ++*i;
    }
    /* `data show -o FILE` is the one place where -o names a file; data.c checks the formats of `data list`. */
    if (flag == RB_FLAG_OUTPUT && o->verb == RB_VERB_data && value[0]) {
        rb_words_free(&given[flag]);
        return rb_words_add(&given[flag], value, strlen(value));
    }
    return add_value(source, (rb_flag)flag, value, &given[flag]);
}

/* Flags that the command line leaves open, from REGBENCH_*. */
static rb_status read_environment(rb_options *o) {
    rb_status status = RB_OK;
    for (int f = 0; f < RB_FLAGS; f++) {
        char name[64];
        if (f == RB_FLAG_HELP || o->flag[f].n || !(rb__flags[f].verbs & (1u << o->verb))) continue;
        rb__flag_variable((rb_flag)f, name);
        const char *value = getenv(name);
        if (!value || !value[0]) continue;
        if (rb__flags[f].rule != RULE_SWITCH) {
            /* -o of `data show` is a file: a general wish for csv does not concern it. */
            if (!(f == RB_FLAG_OUTPUT && o->verb == RB_VERB_data))
                RB_TRY(add_value(name, (rb_flag)f, value, &o->flag[f]));
        } else if (!strcmp(value, "1")) {
            RB_TRY(rb_words_add(&o->flag[f], "1", 1));
        } else if (strcmp(value, "0") != 0) {
            return rb_fail(RB_USAGE, "%s \"%s\": must be 1 or 0", name, value);
        }
    }
cleanup:
    return status;
}

static rb_status read_verb(const char *word, rb_verb *verb) {
    for (int v = 0; v < RB_VERBS; v++)
        if (!strcmp(word, verb_names[v])) {
            *verb = (rb_verb)v;
            return RB_OK;
        }
    const char *near = rb_text_nearest(word, verb_names, RB_VERBS);
    if (near) return rb_fail(RB_USAGE, "unknown verb \"%s\"; did you mean \"%s\"?", word, near);
    return rb_fail(RB_USAGE, "unknown verb \"%s\"; `regbench --help` lists them", word);
}

static rb_status add_names(rb_words *names, const char *text) {
    rb_status status = RB_OK;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ",");
        if (n) RB_TRY(rb_words_add(names, at, n));
        at += n + (at[n] == ',');
    }
cleanup:
    return status;
}

rb_status rb_options_parse(int argc, char **argv, rb_options *out, bool *done) {
    rb_status status = RB_OK;
    bool flags_end = false;
    memset(out, 0, sizeof *out);
    *done = false;
    for (int i = 0, n = 0; i < argc && n < (int)sizeof out->command - 1; i++)
        n +=
            snprintf(out->command + n, sizeof out->command - (size_t)n, "%s%s", i ? " " : "", i ? argv[i] : "regbench");
    if (argc < 2) {
        rb_help(stderr);
        return rb_fail(RB_USAGE, "no verb given");
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V") || !strcmp(argv[1], "version")) {
        printf("regbench %s\n", rb_build_version());
        *done = true;
        return RB_OK;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        rb_verb verb;
        *done = true;
        if (argc < 3) {
            rb_help(stdout);
        } else {
            RB_TRY(read_verb(argv[2], &verb));
            rb_help_verb(stdout, verb);
        }
        return RB_OK;
    }
    if (argv[1][0] == '-')
        return rb_fail(RB_USAGE,
                       "the verb comes first, then %s: `regbench VERB %s ..`; `regbench --help` lists the verbs",
                       argv[1], argv[1]);
    RB_TRY(read_verb(argv[1], &out->verb));
    for (int i = 2; i < argc; i++) {
        if (!flags_end && !strcmp(argv[i], "--"))
            flags_end = true;
        else if (!flags_end && argv[i][0] == '-' && argv[i][1])
            RB_TRY(read_flag(out, argv, argc, &i, out->flag));
        else
            RB_TRY(add_names(&out->names, argv[i]));
    }
    if (rb_given(out, RB_FLAG_HELP)) {
        rb_help_verb(stdout, out->verb);
        *done = true;
        return RB_OK;
    }
    RB_TRY(read_environment(out));
cleanup:
    return status;
}

void rb_options_free(rb_options *o) {
    for (int f = 0; f < RB_FLAGS; f++) rb_words_free(&o->flag[f]);
    rb_words_free(&o->names);
}

bool rb_given(const rb_options *o, rb_flag flag) { return o->flag[flag].n > 0; }

const char *rb_value(const rb_options *o, rb_flag flag) {
    return rb_given(o, flag) ? o->flag[flag].at[o->flag[flag].n - 1] : NULL;
}

int64_t rb_value_int(const rb_options *o, rb_flag flag, int64_t otherwise) {
    return rb_given(o, flag) ? strtoll(rb_value(o, flag), NULL, 10) : otherwise;
}

double rb_value_real(const rb_options *o, rb_flag flag, double otherwise) {
    return rb_given(o, flag) ? strtod(rb_value(o, flag), NULL) : otherwise;
}

rb_format rb_output_format(const rb_options *o) {
    const char *value = rb_value(o, RB_FLAG_OUTPUT);
    if (!value) return isatty(STDOUT_FILENO) ? RB_FORMAT_MD : RB_FORMAT_CSV;
    return !strcmp(value, "csv") ? RB_FORMAT_CSV : !strcmp(value, "json") ? RB_FORMAT_JSON : RB_FORMAT_MD;
}
