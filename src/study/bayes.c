/* bayes.c: Bayesian optimization: a space-filling design first, then the place where a Gaussian process expects the
 * largest improvement over what it takes for the best so far. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/gp.h"
#include "study/strategy.h"

/* Designs to choose from; places to compare before refining; of these, how many near the best trial. */
enum { DESIGNS = 32, CANDIDATES = 1000, NEAR = 200 };

/* Place `trial` of Latin hypercube number `which`: along each axis every one of `size` slices is used once. */
static void latin(uint64_t seed, int which, int size, int trial, int axes, double *at) {
    for (int a = 0; a < axes; a++) {
        double mine = rb__study_draw(seed, RB__DRAW_DESIGN, which, 2 * (trial * axes + a));
        int slice = 0; /* the rank of a draw among the others' is a permutation */
        for (int i = 0; i < size; i++) {
            double other = rb__study_draw(seed, RB__DRAW_DESIGN, which, 2 * (i * axes + a));
            slice += other < mine || (other == mine && i < trial);
        }
        at[a] = (slice + rb__study_draw(seed, RB__DRAW_DESIGN, which, 2 * (trial * axes + a) + 1)) / size;
    }
}

/* Square of the least distance between two places of a design. */
static double spread(uint64_t seed, int which, int size, int axes) {
    double least = INFINITY, x[RB_STUDY_AXES], y[RB_STUDY_AXES];
    for (int i = 0; i < size; i++) {
        latin(seed, which, size, i, axes, x);
        for (int j = 0; j < i; j++) {
            double square = 0;
            latin(seed, which, size, j, axes, y);
            for (int a = 0; a < axes; a++) square += (x[a] - y[a]) * (x[a] - y[a]);
            least = fmin(least, square);
        }
    }
    return least;
}

static void design(uint64_t seed, int size, int trial, int axes, double *at) {
    int best = 0;
    double widest = -1;
    for (int which = 0; which < DESIGNS; which++) {
        double now = spread(seed, which, size, axes);
        if (now > widest) widest = now, best = which;
    }
    latin(seed, best, size, trial, axes, at);
}

typedef struct search {
    const rb__gp *gp;
    double best; /* what improvement is measured from */
    int axes;
} search;

static double improvement(const search *s, const double *at) {
    double mean, deviation;
    rb__gp_predict(s->gp, at, &mean, &deviation);
    return rb__expected_improvement(mean, deviation, s->best);
}

static double inside(double x) { return fmin(fmax(x, 0), 1); }

static double lack_of_improvement(const gsl_vector *v, void *context) {
    const search *s = context;
    double at[RB_STUDY_AXES];
    for (int a = 0; a < s->axes; a++) at[a] = inside(gsl_vector_get(v, (size_t)a));
    return -improvement(s, at);
}

/* A candidate: anywhere, or near the best trial, with distances of all sizes. */
static void candidate(uint64_t seed, int n, int number, const double *near, int axes, double *at) {
    for (int a = 0; a < axes; a++) {
        double u = rb__study_draw(seed, RB__DRAW_CANDIDATES, n, number * axes + a);
        if (number < NEAR) u = inside(near[a] + pow(2 * u - 1, 3) / 2);
        at[a] = u;
    }
}

/* Finished trials as numbers: a failed one is as bad as the worst. */
static rb_trial *without_gaps(const rb_trial *trials, int n) {
    double worst = INFINITY;
    rb_trial *copy = malloc((size_t)n * sizeof *copy);
    if (!copy) return NULL;
    memcpy(copy, trials, (size_t)n * sizeof *copy);
    for (int i = 0; i < n; i++)
        if (isfinite(copy[i].objective)) worst = fmin(worst, copy[i].objective);
    for (int i = 0; i < n; i++)
        if (!isfinite(copy[i].objective)) copy[i].objective = isfinite(worst) ? worst : 0;
    return copy;
}

/* Accuracies on few samples are noisy: the best is where the process says so, not where one run was lucky. */
static int best_trial(const rb__gp *gp, const rb_trial *trials, int n, double *mean) {
    int best = 0;
    double deviation, now;
    *mean = -INFINITY;
    for (int i = 0; i < n; i++) {
        rb__gp_predict(gp, trials[i].at, &now, &deviation);
        if (now > *mean) *mean = now, best = i;
    }
    return best;
}

rb_status rb__bayes_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                         bool *done) {
    rb_status status = RB_OK;
    int axes = rb_study_axes(s), first = axes + 3 < budget ? axes + 3 : budget;
    double refined[RB_STUDY_AXES], place[RB_STUDY_AXES], most = -1;
    rb__gp gp = {0};
    rb_trial *known = NULL;
    if (n < first) {
        design(seed, first, n, axes, at);
        return RB_OK;
    }
    known = without_gaps(trials, n);
    if (!known) return rb_fail(RB_MEMORY, "out of memory for %d trials", n);
    RB_TRY(rb__gp_fit(known, n, axes, &gp));
    search look = {.gp = &gp, .axes = axes};
    int best = best_trial(&gp, known, n, &look.best);
    for (int i = 0; i < CANDIDATES; i++) {
        candidate(seed, n, i, trials[best].at, axes, place);
        rb__study_snap(s, place);
        if (rb__study_tried(trials, n, place, axes)) continue;
        double now = improvement(&look, place);
        if (now <= most) continue;
        most = now;
        memcpy(at, place, sizeof *at * (size_t)axes);
    }
    if (most < 0) { /* few values, all tried */
        *done = true;
        goto cleanup;
    }
    memcpy(refined, at, sizeof *at * (size_t)axes);
    RB_TRY(rb__simplex(lack_of_improvement, &look, axes, 0.05, 100, refined));
    for (int a = 0; a < axes; a++) refined[a] = inside(refined[a]);
    rb__study_snap(s, refined);
    if (!rb__study_tried(trials, n, refined, axes) && improvement(&look, refined) > most)
        memcpy(at, refined, sizeof *at * (size_t)axes);
cleanup:
    free(known);
    rb__gp_free(&gp);
    return status;
}
