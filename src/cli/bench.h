/* bench.h: a session of timed processes, for `bench` and for who wants its values. */
#ifndef RB_CLI_BENCH_H
#define RB_CLI_BENCH_H

#include "cli/recorder.h"

/* All that `bench` does with these options. Instead of being printed, the results go to `see` (NULL: printed), which
 * gets the session's rows, before it is closed. The status is that of `bench`: also that of its worst item. */
rb_status rb_bench_session(const rb_options *o, rb_status (*see)(void *context, const rb_recorder *r), void *context);

#endif
