/* statistics.h: statistics of samples.
 *
 * Contract: n >= 1 and every value is finite (the caller drops what is not); then every result is finite. The arrays
 * are not changed. */
#ifndef RB_MEASURE_STATISTICS_H
#define RB_MEASURE_STATISTICS_H

#include <stdbool.h>

double rb_median(const double *x /* (n) */, int n);
/* Median of |x - median|, without a factor for normal data. */
double rb_mad(const double *x, int n);
/* q in 0 .. 1, interpolated as R's type 7 and numpy's default: position (n-1) q between the sorted values. */
double rb_percentile(const double *x, int n, double q);
/* Interval of the median that holds for any distribution: from the k-th smallest to the k-th largest value, k the
 * largest with 2 P(Binomial(n, 1/2) < k) <= 1 - confidence. False where n is too small for any such k (under 6 for
 * 95 %): then low and high are the extremes. */
bool rb_median_interval(const double *x, int n, double confidence, double *low, double *high);
/* Mean and its 95 % interval by Student's t, for normal data. False for n = 1: low and high are the mean. */
bool rb_mean_interval(const double *x, int n, double *mean, double *low, double *high);
/* Two-sided p of Student's t with df >= 1 degrees of freedom, to 1e-15 (Abramowitz and Stegun 26.7.3 and 26.7.4). */
double rb_student_p(double t, int df);

#endif
