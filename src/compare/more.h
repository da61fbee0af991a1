/* more.h: the command that gets more data for a comparison. */
#ifndef RB_COMPARE_MORE_H
#define RB_COMPARE_MORE_H

#include "compare/arms.h"

struct rb_text;

/* " --lr 0.5 --set hidden1.units=64 --no-eval" of "lr=0.5 hidden1.units=64 no-eval": overrides and limits of a run,
 * each word fit for a shell. */
void rb_overrides_as_flags(const char *overrides, struct rb_text *out);

/* " -t 2 --provider own --mode inference": how a recorded run was made, beside its case, device, batch and overrides:
 * threads, provider, precision, quirks, mode; each only where it was, or may have been, a choice. */
void rb_choices_as_flags(const rb_row *run, struct rb_text *out);

/* " size/mlp -d cpu -B 512 --lr 0.5 -t 2": all that says what a recorded run did, and by which choices; on two devices
 * where `other` is another one, and then without choices, which only one of them may have. `timed`: for bench and
 * compare, which know no limits of a run. */
void rb_work_as_flags(const rb_row *run, const char *other, bool timed, struct rb_text *out);

/* Where both builds can be had again the command interleaves them, since what is measured at another time of day is
 * another machine; else it measures both arms in one session, or says what to repeat. */
void rb_more_command(const rb_arms *arms, const rb_entry *a, const rb_entry *b, int repetitions, struct rb_text *out);

#endif
