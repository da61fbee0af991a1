/* compare.c: the comparator of all checks: relative to the largest expected value, blind to nothing. */
#include <math.h>

#include "regbench/check.h"

double rb_max_relative_error(const float *got, const float *expected, int64_t n, int64_t *where) {
    double scale = 0.0, worst = 0.0;
    *where = n ? 0 : -1;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(expected[i]) && fabs((double)expected[i]) > scale) scale = fabs((double)expected[i]);
    if (scale < 1e-30) scale = 1.0;
    for (int64_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - (double)expected[i]) / scale;
        if (!isfinite(got[i]) || !isfinite(expected[i])) error = INFINITY;
        if (error > worst) worst = error, *where = i;
    }
    return worst;
}
