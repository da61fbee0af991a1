/* steps.c: steps in a series of sittings: found among all processes, kept where sittings bear them out, confirmed. */
#include "compare/steps.h"

#include <stdlib.h>
#include <string.h>

#include "compare/history.h"
#include "compare/judge.h"
#include "measure/statistics.h"

#define SITTINGS_LEVEL 0.05 /* of the test whether sittings differ by chance alone, over a series */
/* What that test wants: sittings beside those that the segments need. As many sittings have them with a single step. */
enum { LEAST_DF = 3, LEAST_SITTINGS = LEAST_DF + 2 };

bool rb_is_later(double begin, const rb_sitting *than) { return begin - than->end >= RB_HISTORY_PAUSE_S; }

static double threshold_of(const rb_sitting *p) {
    bool gpu = !strcmp(rb_row_get_text(p->row, RB_COL(runs, backend)), "cuda");
    return fmax(gpu ? RB_THRESHOLD_GPU : RB_THRESHOLD_CPU, 2 * p->from->aa_noise);
}

/* The values of points [from, to), which are appended one after another in one array. */
static int values_between(const rb_sitting *points, int from, int to) {
    int n = 0;
    for (int i = from; i < to; i++) n += points[i].n;
    return n;
}

/* Where a step could be: before each sitting but the first; one without values has seen nothing. */
static int places_of(const rb_sitting *points, int from, int to) {
    int sittings = 0;
    for (int i = from; i < to; i++) sittings += points[i].n > 0;
    return sittings > 0 ? sittings - 1 : 0;
}

static rb_status find_steps(rb_sitting *points, int from, int to) {
    rb_status status = RB_OK;
    int best = -1, places = places_of(points, from, to);
    double best_p = 2, best_ratio = 1;
    for (int s = from + 1; s < to; s++) {
        int before = values_between(points, from, s), after = values_between(points, s, to);
        double p;
        rb_ratio ratio;
        if (before == 0 || points[s].n == 0) continue;
        RB_TRY(rb_mann_whitney(points[from].values, before, points[s].values, after, &p));
        if (p > best_p || p * places > RB_COMPARE_LEVEL) continue;
        RB_TRY(rb_ratio_of(points[from].values, before, points[s].values, after, RB_COMPARE_CONFIDENCE, &ratio));
        double effect = fabs(log(ratio.estimate));
        /* What is certain but small must not hide what is large and less certain, since it lasted shorter. */
        if (effect < log1p(threshold_of(&points[s]))) continue;
        if (p == best_p && effect <= fabs(log(best_ratio))) continue;
        best = s;
        best_p = p;
        best_ratio = ratio.estimate;
    }
    if (best < 0) return RB_OK;
    points[best].step_ratio = best_ratio;
    points[best].step_p = best_p * places;
    RB_TRY(find_steps(points, from, best));
    RB_TRY(find_steps(points, best, to));
cleanup:
    return status;
}

/* The sittings of a series, each as one value: the logarithm of its median. A segment is what lies between steps. */
typedef struct scatter {
    double squares; /* of the deviations from the means of their segments */
    int df;         /* sittings less segments */
} scatter;

/* Mean and number of the sittings of the segment that begins at `from`; its end. */
static int segment(const rb_sitting *points, int from, int to, double *mean, int *n, scatter *all) {
    int i = from;
    *mean = *n = 0;
    do {
        if (points[i].n > 0) {
            double x = log(rb_median(points[i].values, points[i].n)), off = x - *mean;
            *mean += off / ++*n; /* Welford's */
            all->squares += off * (x - *mean);
            all->df += *n > 1;
        }
    } while (++i < to && !rb_is_step(&points[i]));
    return i;
}

static scatter scatter_of(const rb_sitting *points, int from, int to) {
    scatter all = {0};
    double mean;
    int n;
    for (int i = from; i < to;) i = segment(points, i, to, &mean, &n, &all);
    return all;
}

/* How far apart the sittings before and after the step at `s` are, in standard deviations of one sitting if that is 1:
 * the further, the surer. */
static double distance_of(const rb_sitting *points, int from, int s, int to) {
    scatter ignored = {0};
    double before, after;
    int first = s - 1, n_before, n_after;
    while (first > from && !rb_is_step(&points[first])) first--;
    segment(points, first, s, &before, &n_before, &ignored);
    segment(points, s, to, &after, &n_after, &ignored);
    return fabs(after - before) / sqrt(1.0 / n_before + 1.0 / n_after);
}

/* How likely sittings that differ by nothing but their day's chance are to be as far apart as those before and after
 * the step at `s`: Student's p, times the places where a step could have been. */
static double chance_of(const rb_sitting *points, int from, int s, int to, const scatter *all) {
    if (all->df < 1) return 1;
    double t = distance_of(points, from, s, to) / sqrt(all->squares / all->df);
    return rb_student_p(t, all->df) * places_of(points, from, to);
}

/* Processes of one sitting share its day: where sittings differ among themselves by as much as a step, it is none. The
 * least sure one goes first, since between false ones true ones look weak. Steps at nearly every sitting leave none
 * that would tell how sittings differ, as restless ones do: then the least sure one goes untested. In fewer sittings
 * than a single step needs nobody can say how they differ: there a suspicion stays one. */
static void drop_chance(rb_sitting *points, int from, int to) {
    if (places_of(points, from, to) + 1 < LEAST_SITTINGS) return;
    for (;;) {
        scatter all = scatter_of(points, from, to);
        int weakest = -1;
        double least = INFINITY;
        for (int s = from + 1; s < to; s++) {
            double distance = rb_is_step(&points[s]) ? distance_of(points, from, s, to) : INFINITY;
            if (distance < least) least = distance, weakest = s;
        }
        if (weakest < 0) return;
        if (all.df >= LEAST_DF && !(chance_of(points, from, weakest, to, &all) > SITTINGS_LEVEL)) return;
        points[weakest].step_ratio = points[weakest].step_p = NAN;
    }
}

/* `from` .. `to` is a series with its steps marked: do later sittings see each of them too? The ratio is told anew
 * against the part right before it: while it was looked for, other steps may have stood there. */
static rb_status confirm_steps(rb_sitting *points, int from, int to) {
    rb_status status = RB_OK;
    scatter all = scatter_of(points, from, to);
    for (int s = from + 1, before = from; s < to; s++) {
        rb_ratio ratio;
        bool seen = false;
        int end = s + 1, n = values_between(points, before, s);
        if (!rb_is_step(&points[s])) continue;
        while (end < to && !rb_is_step(&points[end])) end++;
        RB_TRY(rb_ratio_of(points[before].values, n, points[s].values, values_between(points, s, end),
                           RB_COMPARE_CONFIDENCE, &ratio));
        points[s].step_ratio = ratio.estimate;
        for (int later = s + 1; later < end; later++) {
            rb_ratio alone;
            if (points[later].n == 0 || !rb_is_later(points[later].begin, &points[s])) continue;
            RB_TRY(rb_ratio_of(points[before].values, n, points[later].values, points[later].n, RB_COMPARE_CONFIDENCE,
                               &alone));
            double effect = log(alone.estimate) * (ratio.estimate < 1 ? -1 : 1);
            seen |= effect >= log1p(threshold_of(&points[s]));
        }
        points[s].confirmed = seen && chance_of(points, from, s, to, &all) <= SITTINGS_LEVEL;
        before = s;
    }
cleanup:
    return status;
}

rb_status rb_steps_find(rb_sitting *points, int from, int to) {
    rb_status status = RB_OK;
    RB_TRY(find_steps(points, from, to));
    drop_chance(points, from, to);
    RB_TRY(confirm_steps(points, from, to));
cleanup:
    return status;
}
