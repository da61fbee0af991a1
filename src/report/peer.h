/* peer.h: other libraries' rows among ours. */
#ifndef RB_REPORT_PEER_H
#define RB_REPORT_PEER_H

#include "regbench/report.h"

/* Whether this row of `runs` is another library's, timed beside ours by bench/peers/alternate: it did no work of ours,
 * so it has no hash of it, and no commit; ours has one also where it failed before its work was known. Google
 * Benchmark's rows, which may have neither, are none. It takes part in no comparison of builds, devices or commits. */
bool rb_run_is_peer(const rb_row *row);

#endif
