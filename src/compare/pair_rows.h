/* pair_rows.h: what was paired and judged, and its rows. */
#ifndef RB_COMPARE_PAIR_ROWS_H
#define RB_COMPARE_PAIR_ROWS_H

#include "compare/judge.h"
#include "compare/pair.h"

/* Two arms of one thing: ranges of entries, sorted by arm within one key. */
typedef struct rb_pair {
    const rb_entry *a, *b; /* first entry of each arm, NULL where it has none */
    int n_a, n_b;          /* entries, with those that failed */
    double *values;        /* of a, then of b */
    rb_contrast contrast;
    char apart[256]; /* why it is not compared; empty = it is */
    char mixed[192]; /* of what an arm is a mixture; empty = of nothing */
    char doubt[128]; /* "others used up to 0.33 cores while B was measured"; empty = nobody did, as far as is known */
    bool rivals;     /* of one machine, doing the same work: there may be a verdict */
    bool disturbed;  /* so that the arms cannot be told apart from who else ran */
    bool broken, failing;
} rb_pair;

/* Own kernels first, then libraries, then what does not say; counts them too. */
rb_status rb_pairs_write(const rb_pair *pairs, int n, const rb_arms *arms, rb_compared *out);

#endif
