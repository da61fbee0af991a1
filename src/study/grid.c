/* grid.c: all combinations of the axes' values, in order, the last axis fastest. A list of cases has no axes. */
#include "study/strategy.h"

rb_status rb__grid_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                        bool *done) {
    (void)budget, (void)seed, (void)trials, (void)done;
    for (int a = rb_study_axes(s) - 1, rest = n; a >= 0; a--) {
        int values = rb__axis_values(&s->axes[a]);
        at[a] = (rest % values + 0.5) / values;
        rest /= values;
    }
    return RB_OK;
}
