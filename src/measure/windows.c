/* windows.c: the sampling protocol as a state machine. */
#include "measure/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "measure/statistics.h"

rb_window_limits rb_window_limits_default(void) {
    return (rb_window_limits){.window_min_s = 0.05,
                              .warm_windows = 3,
                              .warm_spread = 0.01,
                              .warm_cap_s = 10,
                              .windows_min = 20,
                              .measure_min_s = 2,
                              .half_width = 0.01,
                              .confidence = 0.95,
                              .measure_cap_s = 15,
                              .steps_max = 1000000,
                              .real_cap_s = 120};
}

const char *rb_window_stop_word(rb_window_stop stop) {
    static const char *const words[] = {"running", "precise", "time-cap"};
    return words[stop];
}

void rb_windows_begin(rb_windows *w, const rb_window_limits *limits) {
    memset(w, 0, sizeof *w);
    w->limits = limits ? *limits : rb_window_limits_default();
    w->steps = 1;
}

void rb_windows_free(rb_windows *w) {
    free(w->list);
    w->list = NULL;
    w->n = w->capacity = 0;
}

int rb_windows_next(const rb_windows *w) { return w->stop == RB_WINDOW_RUNNING ? w->steps : 0; }

static double per_step(const rb_window *window) { return (double)window->ns / window->steps; }

static bool lasted(const rb_windows *w, int64_t ns) { return (double)ns >= w->limits.window_min_s * 1e9; }

/* More steps, since a window of `ns` was too short: a fifth beyond the goal, so that the next ones stay above it, and
 * at most ten times as many, since the first steps of a device say little. */
static void grow(rb_windows *w, int64_t ns) {
    double goal = 1.2 * w->limits.window_min_s * 1e9;
    double factor = ns > 0 ? goal / (double)ns : 10;
    double steps = ceil(w->steps * fmin(factor, 10));
    if (steps <= w->steps) steps = w->steps + 1.0;
    w->steps = steps < w->limits.steps_max ? (int)steps : w->limits.steps_max;
}

/* The newest windows, all long enough, lie within warm_spread of each other. */
static bool agree(const rb_windows *w) {
    double low = INFINITY, high = 0;
    if (w->n < w->limits.warm_windows) return false;
    for (int i = w->n - w->limits.warm_windows; i < w->n; i++) {
        double x = per_step(&w->list[i]);
        if (!lasted(w, w->list[i].ns)) return false;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    return high - low <= w->limits.warm_spread * low;
}

static rb_status measured(const rb_windows *w, double **values) {
    int n = 0;
    *values = malloc((size_t)(w->n_measured + 1) * sizeof **values);
    if (!*values) return rb_fail(RB_MEMORY, "out of memory for %d windows", w->n_measured);
    for (int i = 0; i < w->n; i++)
        if (!w->list[i].warmup) (*values)[n++] = per_step(&w->list[i]);
    return RB_OK;
}

/* The interval's half width as a share of the median, which is above 0 since a window that counts has lasted. */
static bool interval(const rb_windows *w, const double *values, double *share) {
    double low, high;
    bool known = rb_median_interval(values, w->n_measured, w->limits.confidence, &low, &high);
    *share = (high - low) / 2 / rb_median(values, w->n_measured);
    return known;
}

/* After a measured window: is it enough? */
static rb_status judge(rb_windows *w) {
    const rb_window_limits *l = &w->limits;
    if (w->n_measured >= l->windows_min && w->measured_s >= l->measure_min_s) {
        double *values, share;
        rb_status status = measured(w, &values);
        if (status != RB_OK) return status;
        if (interval(w, values, &share) && share <= l->half_width) w->stop = RB_WINDOW_PRECISE;
        free(values);
    }
    if (w->stop == RB_WINDOW_RUNNING && w->measured_s >= l->measure_cap_s) w->stop = RB_WINDOW_TIME_CAP;
    return RB_OK;
}

static rb_status record(rb_windows *w, int64_t ns, bool warmup) {
    if (w->n == w->capacity) {
        int capacity = w->capacity ? 2 * w->capacity : 64;
        rb_window *list = realloc(w->list, (size_t)capacity * sizeof *list);
        if (!list) return rb_fail(RB_MEMORY, "out of memory for %d windows", capacity);
        w->list = list;
        w->capacity = capacity;
    }
    w->list[w->n++] = (rb_window){w->steps, ns, warmup};
    w->n_measured += !warmup;
    *(warmup ? &w->warm_s : &w->measured_s) += (double)ns * 1e-9;
    return RB_OK;
}

rb_status rb_windows_add(rb_windows *w, int64_t ns) {
    const rb_window_limits *l = &w->limits;
    rb_status status = RB_OK;
    bool enough = lasted(w, ns) && ns > 0;
    if (ns < 0)
        return rb_fail(RB_DEVICE, "the clock ran backwards by %lld ns during %d steps: no time can be measured",
                       -(long long)ns, w->steps);
    /* Nothing at all after 64 steps, or too little after as many as a window may have. */
    if ((ns == 0 && w->steps >= 64) || (!enough && w->steps >= l->steps_max))
        return rb_fail(RB_DEVICE,
                       "%d steps seem to take only %lld ns: the clock does not move, no time can be measured", w->steps,
                       (long long)ns);
    /* Also a window after warming can turn out too short, when the device got faster: it does not count either. */
    RB_TRY(record(w, ns, !w->warm || !enough));
    if (!enough)
        grow(w, ns);
    else if (w->warm)
        RB_TRY(judge(w));
    else {
        w->warm_agreed = agree(w);
        w->warm = w->warm_agreed || w->warm_s >= l->warm_cap_s;
    }
cleanup:
    return status;
}

rb_status rb_windows_measure(rb_windows *w, const rb_window_limits *limits,
                             rb_status (*run)(void *context, int n_steps, int64_t *ns), void *context) {
    rb_status status = RB_OK;
    double start = rb_clock_s();
    rb_windows_begin(w, limits);
    for (int steps; (steps = rb_windows_next(w)) > 0;) {
        int64_t ns = 0;
        if (w->limits.stop && *w->limits.stop) {
            status = rb_fail(RB_INTERRUPTED, "interrupted after %d windows", w->n);
            goto cleanup;
        }
        RB_TRY(run(context, steps, &ns));
        RB_TRY(rb_windows_add(w, ns));
        double real = rb_clock_s() - start;
        if (rb_windows_next(w) > 0 && real > w->limits.real_cap_s) {
            status = rb_fail(RB_TIMEOUT,
                             "%.3g s went by while the windows add up to %.3g s: their clock is not to be trusted",
                             real, w->warm_s + w->measured_s);
            goto cleanup;
        }
    }
cleanup:
    return status;
}

rb_status rb_windows_summarize(const rb_windows *w, rb_window_summary *out) {
    rb_status status = RB_OK;
    double *values = NULL;
    memset(out, 0, sizeof *out);
    if (w->n_measured == 0) return rb_fail(RB_INTERNAL, "no window was measured");
    RB_TRY(measured(w, &values));
    out->interval_known = interval(w, values, &out->half_width);
    out->windows = w->n_measured;
    for (int i = 0; i < w->n; i++) {
        if (w->list[i].warmup) continue;
        out->steps += w->list[i].steps;
        out->ns += w->list[i].ns;
    }
    out->median = rb_median(values, w->n_measured);
    out->mad = rb_mad(values, w->n_measured);
    out->p05 = rb_percentile(values, w->n_measured, 0.05);
    out->p95 = rb_percentile(values, w->n_measured, 0.95);
cleanup:
    free(values);
    return status;
}
