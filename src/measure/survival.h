/* survival.h: times to an event of which some were not seen, because watching ended before (they are censored). */
#ifndef RB_MEASURE_SURVIVAL_H
#define RB_MEASURE_SURVIVAL_H

#include <stdbool.h>

/* Kaplan and Meier's estimate of the median: the earliest time at which at most half are estimated to be still without
 * the event. times (n): of the event where `seen`, else of the end of watching (INFINITY: it can never come). A run
 * that ends at the very time of an event was still watched then. NaN where more than half never come to it. n >= 1. */
double rb_survival_median(const double *times, const bool *seen, int n);

#endif
