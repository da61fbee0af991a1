/* shard.h: --shard I/N: one of N parts of the runs, so that N processes on as many machines do all of them.
 *
 * Runs are dealt out like cards, neighbours, which often take equally long, to different processes. The runs of a study
 * are dealt out one by one where none depends on the others; where a strategy decides from what came of the runs before
 * (coordinate, bayes), the whole study is one card. */
#ifndef RB_CLI_SHARD_H
#define RB_CLI_SHARD_H

#include "cli/item.h"

/* Numbers the cards and keeps the items of which this process has any. RB_USAGE: no I/N, or fewer cards than processes
 * where studies cannot be divided. */
rb_status rb_shard_keep(const rb_options *o, rb_item *items, int *n);
/* Whether run `trial` (0 where the item is no study) is one of this process's. */
bool rb_shard_mine(const rb_options *o, const rb_item *item, int trial);

#endif
