/* verb.h: one function per verb of verbs.def, and what several verbs need. */
#ifndef RB_CLI_VERB_H
#define RB_CLI_VERB_H

#include "cli/options.h"
#include "regbench/backend.h"
#include "regbench/data.h"
#include "regbench/train.h"

#define RB_VERB(name, takes, help, examples) rb_status rb_verb_##name(const rb_options *o);
#include "cli/verbs.def"
#undef RB_VERB

/* RB_USAGE if anything stands on the command line that this verb does not take. */
rb_status rb_no_names(const rb_options *o);
/* Rows of `table` on stdout: the given columns for people, all of them for machines, and their header where n = 0. */
rb_status rb_print_table(rb_table table, rb_format format, const rb_row *rows, int n, const int *columns,
                         int n_columns);
/* The table of that name. RB_USAGE with the nearest one. */
rb_status rb_table_named(const char *name, rb_table *out);
/* `status` of printing on stdout, or RB_OK where it failed only because the reader has seen enough (`| head`). */
rb_status rb_unless_reader_left(rb_status status);
/* A whole text on stdout. RB_DISK, RB_OUTPUT. */
rb_status rb_print_text(const char *text);
/* A part of one: some of it may stay in the buffer. RB_OUTPUT also where the reader left: more of it helps nobody. */
rb_status rb_print_part(const char *text);
/* What was printed without looking is written, or the reason is told. */
rb_status rb_stdout_finish(void);
/* --data and its siblings. */
rb_data_options rb_data_choice(const rb_options *o);
/* --threads, --provider, --precision, --fastest and --quirk. */
rb_open_options rb_open_choice(const rb_options *o);
/* Column `settings` of a runs row: those that were asked for, so that a session takes up again what was measured the
 * same way alone. Threads count where the item is `timed`: they change no bits of a run. */
void rb_note_settings(const rb_options *o, bool timed, rb_row *row);

/* Model FLOPs of a training step per sample, in 10^6. */
double rb_program_mflop_per_sample(const rb_program *program);

#endif
