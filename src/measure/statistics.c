/* statistics.c: median, deviation, percentiles, the median's interval. */
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
