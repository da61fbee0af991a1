/* statistics.c: median, deviation, percentiles, intervals of median and mean. */
#include "measure/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 512 }; /* samples that need no heap */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted(const double *x, int n, double small[SMALL]) {
    double *copy = n <= SMALL ? small : malloc((size_t)n * sizeof *copy);
    if (!copy) abort(); /* a few kB: without them nothing else would go on either */
    memcpy(copy, x, (size_t)n * sizeof *copy);
    qsort(copy, (size_t)n, sizeof *copy, ascending);
    return copy;
}

static double at(const double *s, int n, double q) {
    double position = q * (n - 1);
    int below = (int)position;
    if (position <= 0) return s[0];
    if (below >= n - 1) return s[n - 1];
    return s[below] + (position - below) * (s[below + 1] - s[below]);
}

double rb_percentile(const double *x, int n, double q) {
    double small[SMALL], *s = sorted(x, n, small), result = at(s, n, q);
    if (s != small) free(s);
    return result;
}

double rb_median(const double *x, int n) { return rb_percentile(x, n, 0.5); }

double rb_mad(const double *x, int n) {
    double small[SMALL], *s = sorted(x, n, small), middle = at(s, n, 0.5);
    for (int i = 0; i < n; i++) s[i] = fabs(s[i] - middle);
    qsort(s, (size_t)n, sizeof *s, ascending);
    double result = at(s, n, 0.5);
    if (s != small) free(s);
    return result;
}

/* Largest k with 2 P(Binomial(n, 1/2) < k) <= 1 - confidence; through logarithms, so that any n works. */
static int order(int n, double confidence) {
    double tail = 0, all = lgamma(n + 1.0);
    for (int k = 0; k < n / 2; k++) {
        tail += exp(all - lgamma(k + 1.0) - lgamma(n - k + 1.0) - n * log(2.0));
        if (2 * tail > 1 - confidence) return k;
    }
    return n / 2;
}

bool rb_median_interval(const double *x, int n, double confidence, double *low, double *high) {
    double small[SMALL], *s = sorted(x, n, small);
    int k = order(n, confidence);
    *low = s[k > 0 ? k - 1 : 0];
    *high = s[k > 0 ? n - k : n - 1];
    if (s != small) free(s);
    return k > 0;
}

/* 97.5 % quantile of Student's t with df degrees of freedom: a table (NIST/SEMATECH e-Handbook of Statistical Methods,
 * 1.3.6.7.2), beyond it the expansion around the normal quantile (Abramowitz and Stegun 26.7.5), good to 1e-4 there. */
static double t_quantile(int df) {
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const double z = 1.959964, z2 = z * z;
    if (df <= 30) return table[df - 1];
    return z * (1 + (z2 + 1) / (4.0 * df) + (5 * z2 * z2 + 16 * z2 + 3) / (96.0 * df * df));
}

bool rb_mean_interval(const double *x, int n, double *mean, double *low, double *high) {
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    *mean = *low = *high = sum / n;
    if (n < 2) return false;
    for (int i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    double half = t_quantile(n - 1) * sqrt(squares / (n - 1) / n);
    *low -= half;
    *high += half;
    return true;
}

double rb_student_p(double t, int df) {
    double angle = atan(fabs(t) / sqrt(df)), c = cos(angle), term = 1, sum = 0;
    bool odd = df % 2;
    if (odd) term = c;
    for (int k = odd ? 3 : 2; k <= df; k += 2) { /* up to the power df - 2 of the cosine */
        sum += term;
        term *= c * c * (k - 1) / k;
    }
    double inside = odd ? (angle + sin(angle) * sum) * 2 / acos(-1) : sin(angle) * sum;
    return fmin(1, fmax(0, 1 - inside));
}
