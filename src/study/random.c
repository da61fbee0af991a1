/* random.c: random search: every trial uniform in the unit cube, whatever came of the others. J. Bergstra and Y.
 * Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012. */
#include "study/strategy.h"

rb_status rb__random_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                          bool *done) {
    (void)budget, (void)trials, (void)done;
    for (int a = 0; a < rb_study_axes(s); a++) at[a] = rb__study_draw(seed, RB__DRAW_RANDOM, n, a);
    return RB_OK;
}
