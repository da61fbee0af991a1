/* coordinate.c: coordinate-wise search as document 003 puts it: start at one set of parameters, change one at a time,
 * accept what lowers the validation error.
 *
 * A step up the axis; while that is better, another one; else a step down; then the next axis. A round over all axes
 * without a better place halves the step. Nothing is tried twice. What the trials so far led to is found by walking
 * through them again. */
#include <math.h>
#include <string.h>

#include "study/strategy.h"

static const double FIRST_STEP = 0.25, LAST_STEP = 1.0 / 64;

typedef struct walk {
    double at[RB_STUDY_AXES]; /* best place so far */
    double best, step;
    int axis;
    bool down, improved; /* direction; anything better in this round */
} walk;

/* Turns to the other direction, the next axis, the next round. */
static void turn(walk *w, int axes) {
    w->down = !w->down;
    if (w->down) return;
    if (++w->axis < axes) return;
    w->axis = 0;
    if (!w->improved) w->step /= 2;
    w->improved = false;
}

/* The next place that nobody tried; false where the steps have become too small. */
static bool propose(const rb_study *s, walk *w, const rb_trial *trials, int n, double *at) {
    int axes = rb_study_axes(s);
    for (; w->step >= LAST_STEP; turn(w, axes)) {
        memcpy(at, w->at, sizeof w->at);
        at[w->axis] = fmin(fmax(at[w->axis] + (w->down ? -w->step : w->step), 0), 1);
        rb__study_snap(s, at);
        if (!rb__study_tried(trials, n, at, axes)) return true;
    }
    return false;
}

static void begin(const rb_study *s, double *at) {
    for (int a = 0; a < rb_study_axes(s); a++) {
        const rb_axis *x = &s->axes[a];
        if (x->values)
            at[a] = 0; /* the first of them */
        else
            at[a] = x->log ? log(x->start / x->low) / log(x->high / x->low) : (x->start - x->low) / (x->high - x->low);
    }
    rb__study_snap(s, at);
}

rb_status rb__coordinate_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                              bool *done) {
    (void)budget, (void)seed;
    walk w = {.step = FIRST_STEP};
    double next[RB_STUDY_AXES] = {0};
    begin(s, w.at);
    memcpy(next, w.at, sizeof next);
    for (int i = 0; i < n; i++) {
        double got = trials[i].objective;
        bool better = i == 0 || (isfinite(got) && !(got <= w.best));
        if (better) {
            memcpy(w.at, next, sizeof w.at);
            w.best = got;
            w.improved = i > 0;
        } else {
            turn(&w, rb_study_axes(s));
        }
        if (!propose(s, &w, trials, i + 1, next)) {
            *done = true;
            return RB_OK;
        }
    }
    memcpy(at, next, sizeof *at * (size_t)rb_study_axes(s));
    return RB_OK;
}
