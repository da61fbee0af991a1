/* options.c: the command line and the environment become checked values. */
#include "cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/flag_table.h"
#include "core/text.h"
#include "measure/build.h"

#define ON(verb) (1u << RB_VERB_##verb)
#define ON_ALL   (~0u)
/* `compare --build` measures as bench does: what bench takes it hands on. */
#define WITH_COMPARE(verbs) ((verbs)&ON(bench) ? (verbs) | ON(compare) : (verbs))
const rb_flag_entry rb__flags[RB_FLAGS] = {
#define RB_FLAG(id, name, letter, often, rule, argument, verbs, help)                                                  \
    {name, letter, often, rule, argument, WITH_COMPARE(verbs), help},
#include "cli/flags.def"
#undef RB_FLAG
};

static const char *const verb_names[RB_VERBS] = {
#define RB_VERB(name, takes, help, examples) #name,
#include "cli/verbs.def"
#undef RB_VERB
};

const char *rb_verb_name(rb_verb verb) { return verb_names[verb]; }
const char *rb_flag_name(rb_flag flag) { return rb__flags[flag].name; }
bool rb_flag_is_switch(rb_flag flag) { return rb__flags[flag].rule == RULE_SWITCH; }

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

rb_status rb_words_add_once(rb_words *w, const char *word, size_t length) {
    for (int i = 0; i < w->n; i++)
        if (strncmp(w->at[i], word, length) == 0 && w->at[i][length] == '\0') return RB_OK;
    return rb_words_add(w, word, length);
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

bool rb__own_output(rb_verb verb) {
    return verb == RB_VERB_data || verb == RB_VERB_export || verb == RB_VERB_columns || verb == RB_VERB_report;
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
    if (flag == RB_FLAG_OUTPUT && rb__own_output(o->verb) && value[0]) {
        rb_words_free(&given[flag]);
        return rb_words_add(&given[flag], value, strlen(value));
    }
    return rb__add_value(source, (rb_flag)flag, value, &given[flag]);
}

/* Flags that the command line leaves open, from REGBENCH_*. */
static rb_status read_environment(rb_options *o) {
    rb_status status = RB_OK;
    for (int f = 0; f < RB_FLAGS; f++) {
        char name[64];
        /* REGBENCH_DATA is one of the places where data/search.c looks: it may be absent, --data may not. */
        if (f == RB_FLAG_HELP || f == RB_FLAG_DATA || o->flag[f].n || !(rb__flags[f].verbs & (1u << o->verb))) continue;
        rb__flag_variable((rb_flag)f, name);
        const char *value = getenv(name);
        if (!value || !value[0]) continue;
        if (rb__flags[f].rule != RULE_SWITCH) {
            /* A general wish for csv does not concern those. */
            if (!(f == RB_FLAG_OUTPUT && rb__own_output(o->verb)))
                RB_TRY(rb__add_value(name, (rb_flag)f, value, &o->flag[f]));
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

static const char *const verb_takes[RB_VERBS] = {
#define RB_VERB(name, takes, help, examples) takes,
#include "cli/verbs.def"
#undef RB_VERB
};

/* Cases may be a comma list. A comma of a path is part of it: of what is there, and of verbs that take nothing else. An
 * empty word is a variable that was not set ("$DIR"): to leave it out would mean something else. */
static rb_status add_names(rb_verb verb, rb_words *names, const char *text) {
    rb_status status = RB_OK;
    const char *takes = verb_takes[verb];
    bool paths = (strstr(takes, "DIR") || strstr(takes, "FILE")) && !strstr(takes, "CASE");
    if (!text[0] && takes[0])
        return rb_fail(RB_USAGE, "an empty word is no name: `regbench %s` takes %s", verb_names[verb], takes);
    if (paths || !takes[0] || access(text, F_OK) == 0) return rb_words_add(names, text, strlen(text));
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
    for (int i = 0; i < argc; i++) RB_TRY(rb__command_add(&out->command, argv[i]));
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
            RB_TRY(add_names(out->verb, &out->names, argv[i]));
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
    rb_words_free(&o->command);
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

rb_status rb_output_choice(const rb_options *o, const char *choices) {
    const char *value = rb_value(o, RB_FLAG_OUTPUT);
    return value ? rb__check_choice("--output", choices, value) : RB_OK;
}

rb_format rb_output_format(const rb_options *o) {
    const char *value = rb_value(o, RB_FLAG_OUTPUT);
    if (!value) return isatty(STDOUT_FILENO) ? RB_FORMAT_MD : RB_FORMAT_CSV;
    return !strcmp(value, "csv") ? RB_FORMAT_CSV : !strcmp(value, "json") ? RB_FORMAT_JSON : RB_FORMAT_MD;
}
