/* survival.c: the product-limit estimator, straight from its definition. */
#include "measure/survival.h"

#include <math.h>

double rb_survival_median(const double *times, const bool *seen, int n) {
    double share = 1;
    for (double at = -INFINITY;;) {
        double next = INFINITY;
        int watched = 0, events = 0;
        for (int i = 0; i < n; i++)
            if (seen[i] && times[i] > at && times[i] < next) next = times[i];
        if (!isfinite(next)) return (double)NAN;
        for (int i = 0; i < n; i++) {
            watched += times[i] >= next;
            events += seen[i] && times[i] == next;
        }
        share *= 1 - (double)events / watched;
        if (share <= 0.5 + 1e-12) return next; /* products of thirds and the like */
        at = next;
    }
}
