/* strategy.h: what the strategies share: one function each, from the trials so far to the next place. */
#ifndef RB_STUDY_STRATEGY_H
#define RB_STUDY_STRATEGY_H

#include "regbench/portable.h"
#include "regbench/study.h"

/* Writes the next place to `at` (axes), or sets *done where nothing is left to try. n is below `budget`, the runs that
 * the study may take. */
typedef rb_status rb__strategy(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                               bool *done);
rb__strategy rb__grid_next, rb__random_next, rb__coordinate_next, rb__bayes_next;

/* How many values an axis lists. */
int rb__axis_values(const rb_axis *axis);
/* Moves a place to the nearest one that texts can name: integers, listed values, three digits. */
void rb__study_snap(const rb_study *s, double *at);
/* Whether one of the trials was made there. */
bool rb__study_tried(const rb_trial *trials, int n, const double *at, int axes);

/* Word `index` of draw (purpose, trial) in [0,1): no state, so that nothing must be replayed. */
enum { RB__DRAW_RANDOM, RB__DRAW_DESIGN, RB__DRAW_CANDIDATES };
static inline double rb__study_draw(uint64_t seed, int purpose, int trial, int index) {
    rb_philox4 x =
        rb_philox((rb_u32)index, (rb_u32)purpose, (rb_u32)trial, RB_STREAM_STUDY, (rb_u32)seed, (rb_u32)(seed >> 32));
    return (double)rb_unit(x.v[0]);
}

#endif
