/* choices.h: what was asked of a device and no other column of `runs` tells. */
#ifndef RB_REPORT_CHOICES_H
#define RB_REPORT_CHOICES_H

#include "regbench/report.h"

struct rb_text;
/* What was asked of the device (column settings) and no other column tells, "provider=onednn fastest": runs that differ
 * in it do not compare. Threads, submission and quirks have columns that say what became of them; so has a provider
 * that ran every op, but one of several may have run more or fewer of them. Rows from before the column say nothing. */
void rb_run_choices(const rb_row *row, struct rb_text *out);
/* Both were asked to work alike, so far. */
bool rb_run_same_choices(const rb_row *a, const rb_row *b);

#endif
