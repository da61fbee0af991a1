/* shard.h: --shard I/N: one of N parts of the items, so that N processes on as many machines do all of them. */
#ifndef RB_CLI_SHARD_H
#define RB_CLI_SHARD_H

#include "cli/matrix.h"

/* Keeps every N-th item from the I-th on; all of them without --shard. RB_USAGE. */
rb_status rb_shard_keep(const rb_options *o, rb_matrix *m);

#endif
