/* options.h: the command line: one table of flags (flags.def), the environment, checked values. */
#ifndef RB_CLI_OPTIONS_H
#define RB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "regbench/report.h"
#include "regbench/status.h"

typedef enum rb_verb {
#define RB_VERB(name, takes, help, examples) RB_VERB_##name,
#include "cli/verbs.def"
#undef RB_VERB
    RB_VERBS
} rb_verb;

typedef enum rb_flag {
#define RB_FLAG(id, name, letter, often, rule, argument, verbs, help) RB_FLAG_##id,
#include "cli/flags.def"
#undef RB_FLAG
    RB_FLAGS
} rb_flag;

/* A growing list of strings that it owns. */
typedef struct rb_words {
    int n;
    char **at;
} rb_words;
rb_status rb_words_add(rb_words *w, const char *word, size_t length);
rb_status rb_words_add_once(rb_words *w, const char *word, size_t length); /* unless it is there */
void rb_words_free(rb_words *w);

/* What the user asked for. Values are checked against the flag's rule, lists and ranges are expanded; `words` of a flag
 * that was not given is empty. */
typedef struct rb_options {
    rb_verb verb;
    rb_words flag[RB_FLAGS];
    rb_words names;   /* cases, globs, data sets: what stands without a flag, comma lists split */
    rb_words command; /* the command line, word by word as a shell takes it */
} rb_options;

/* argv[0] is the program. RB_USAGE with one line that names what, what is allowed, and the nearest known name.
 * *done is set where help or the version was printed and nothing is left to do. */
rb_status rb_options_parse(int argc, char **argv, rb_options *out, bool *done);
void rb_options_free(rb_options *o);

bool rb_given(const rb_options *o, rb_flag flag);
const char *rb_value(const rb_options *o, rb_flag flag); /* the last value, or NULL */
int64_t rb_value_int(const rb_options *o, rb_flag flag, int64_t otherwise);
double rb_value_real(const rb_options *o, rb_flag flag, double otherwise);
/* -o, else md on a terminal and csv in a pipe. */
rb_format rb_output_format(const rb_options *o);

/* For verbs whose -o is not md|csv|json: RB_USAGE where it is none of `choices`. */
rb_status rb_output_choice(const rb_options *o, const char *choices);

struct rb_text;
/* The command line, fit to be pasted; `more` (may be NULL) comes right after the verb. */
void rb_command_line(const rb_options *o, const char *more, struct rb_text *out);

const char *rb_flag_name(rb_flag flag); /* "batch" */
bool rb_flag_is_switch(rb_flag flag);   /* takes no argument */

/* What the flags of a verb look like to a user. */
void rb_help(FILE *to);
void rb_help_verb(FILE *to, rb_verb verb);
const char *rb_verb_name(rb_verb verb);

#endif
