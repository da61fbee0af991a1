/* ranks.h: two samples compared by ranks: no assumption about the distribution of timings, which have long tails.
 *
 * Contract: n, m >= 1 and every value is finite. The arrays are not changed. */
#ifndef RB_MEASURE_RANKS_H
#define RB_MEASURE_RANKS_H

#include <stdbool.h>
#include <stdint.h>

#include "regbench/status.h"

/* Samples up to this many values together have exact distributions, the test also a few values against more; larger
 * ones have the normal approximation with its corrections for ties and continuity, which errs to the safe side. */
enum { RB_RANKS_EXACT = 60 };

/* Two-sided p-value of Mann and Whitney's test (Wilcoxon's rank sum): twice the smaller tail, at most 1. Ties get
 * midranks and the exact distribution over all assignments of these ranks (the shift algorithm of Streitberg and
 * Roehmel: counts of subsets by size and sum). RB_MEMORY. */
rb_status rb_mann_whitney(const double *a /* (n) */, int n, const double *b /* (m) */, int m, double *p);

/* Hodges and Lehmann's estimate of how many times larger b's values are than a's (all positive): the median of all
 * b_j / a_i, taken on logarithms; and its distribution-free interval, the k-th smallest and k-th largest of them, k the
 * largest with P(U < k) <= (1 - confidence) / 2 under the null distribution of U without ties (with ties the interval
 * covers at least as often). */
typedef struct rb_ratio {
    double estimate, low, high;
    bool bounded; /* false: too few values for this confidence; low and high are the extremes */
} rb_ratio;
rb_status rb_ratio_of(const double *a /* (n) */, int n, const double *b /* (m) */, int m, double confidence,
                      rb_ratio *out);

/* Benjamini and Hochberg's adjusted p-values: rejecting where q <= level keeps the expected share of false alarms
 * among the alarms of the family at that level. NaN (no test was made) stays NaN and does not count. */
rb_status rb_benjamini_hochberg(const double *p /* (n) */, int n, double *q /* (n) */);

#endif
