/* flag_table.h: flags.def as a table; shared by options.c (parsing) and help.c (printing). */
#ifndef RB_CLI_FLAG_TABLE_H
#define RB_CLI_FLAG_TABLE_H

#include "cli/options.h"

typedef enum rb_rule {
    RULE_SWITCH,  /* no argument */
    RULE_TEXT,    /* anything but nothing */
    RULE_WORD,    /* no comma, no blank */
    RULE_NAME,    /* may be part of a path: letters, digits, . _ - */
    RULE_CHOICE,  /* one of the words in the flag's argument */
    RULE_SETTING, /* KEY=VALUE */
    RULE_SEED,    /* numbers from here on */
    RULE_COUNT,
    RULE_POSITIVE,
    RULE_AMOUNT,
    RULE_FRACTION,
    RULE_PROBABILITY,
    RULE_ANGLE,
    RULE_PIXELS,
    RULES
} rb_rule;
enum { ONCE, MANY };

typedef struct rb_flag_entry {
    const char *name;
    char letter;
    int often;
    rb_rule rule;
    const char *argument;
    unsigned verbs;
    const char *help;
} rb_flag_entry;

extern const rb_flag_entry rb__flags[RB_FLAGS];

/* One argument of a flag, a comma list for MANY: checked, ranges expanded, each value once. `source` is "--batch" or
 * "REGBENCH_BATCH", for messages. */
rb_status rb__add_value(const char *source, rb_flag flag, const char *text, rb_words *words);
/* RB_USAGE where `choices`, "a|b|c", does not hold the word, with the nearest that it does. */
rb_status rb__check_choice(const char *source, const char *choices, const char *word);
/* A word of the command line as a shell takes it. */
rb_status rb__command_add(rb_words *command, const char *word);

/* Verbs whose -o takes other words than the rest, or a file (`data show`): they check it by rb_output_choice. */
bool rb__own_output(rb_verb verb);

/* "REGBENCH_TRAIN_SIZE" */
void rb__flag_variable(rb_flag flag, char out[64]);

#endif
