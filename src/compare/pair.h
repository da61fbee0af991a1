/* pair.h: recorded runs, paired by what they do, become rows of `compare`. */
#ifndef RB_COMPARE_PAIR_H
#define RB_COMPARE_PAIR_H

#include "compare/arms.h"

typedef enum rb_gate { RB_GATE_NONE, RB_GATE_SLOWER, RB_GATE_UNCLEAR } rb_gate;

typedef struct rb_compared {
    rb_row *rows; /* (n) of `compare`: "same algorithm" first, then "vendor's best", then what is not known */
    int n;
    int judged; /* rows with values in both arms and a verdict */
    int ratios; /* rows with a ratio but no verdict: other machine, other work */
    int faster, slower, unclear;
    int broken;  /* rows whose arm A ended well and whose arm B never did */
    int failing; /* rows whose arm A always ended well and whose arm B mostly did not */
    int apart;   /* rows that were not compared */
} rb_compared;

/* Other libraries' rows (rb_run_is_peer) are left out. RB_MISMATCH where there are fewer than two arms. Rows that have
 * no partner, or only one with another workload_hash or schema_version, or only failures, say so in `reason` and have
 * no verdict. */
rb_status rb_compare_runs(const rb_runs *const *sessions, int n, rb_across across, rb_gate gate, rb_compared *out);
void rb_compared_free(rb_compared *compared);
/* RB_REGRESSION where the gate closes: a row is slower, or runs no more in arm B; with RB_GATE_UNCLEAR also a row that
 * is unclear or was not compared. RB_MISMATCH where there was nothing at all to compare, gate or not. */
rb_status rb_compared_verdict(const rb_compared *compared, rb_gate gate);

#endif
