/* windows.h: the sampling protocol inside of one process. Windows of several steps are timed whole; first until the
 * device runs evenly, then until the median is known well enough.
 *
 * The protocol is a state machine that knows no clock and no device: it says how many steps the next window takes and
 * is told how long they lasted. rb_windows_measure drives it with a callback.
 *
 *     warming    steps per window grow until a window is long enough; then until the last three windows agree, or the
 *                warm-up's time is over
 *     measuring  until the interval of the median is narrow, or the time is over */
#ifndef RB_MEASURE_WINDOWS_H
#define RB_MEASURE_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "regbench/status.h"

typedef struct rb_window_limits {
    double window_min_s;      /* shortest window that counts: 0.05 */
    int warm_windows;         /* so many windows in a row: 3 ... */
    double warm_spread;       /* ... within this share of each other: 0.01 */
    double warm_cap_s;        /* 10 */
    int windows_min;          /* 20 */
    double measure_min_s;     /* 2 */
    double half_width;        /* stop where the median's interval is +- this share of it: 0.01 */
    double confidence;        /* of that interval: 0.95 */
    double measure_cap_s;     /* 15 */
    int steps_max;            /* per window; a clock that shows too little after so many is broken: 1,000,000 */
    double real_cap_s;        /* rb_windows_measure gives up after this much of the host's own time: 120 */
    const volatile int *stop; /* rb_windows_measure: set by a signal handler; NULL = none */
} rb_window_limits;

/* The values above. */
rb_window_limits rb_window_limits_default(void);

typedef enum rb_window_stop {
    RB_WINDOW_RUNNING,
    RB_WINDOW_PRECISE,  /* the median's interval is narrow enough */
    RB_WINDOW_TIME_CAP, /* measure_cap_s is over: the interval is wider */
} rb_window_stop;
/* Word of the stop_reason column: "running", "precise", "time-cap". */
const char *rb_window_stop_word(rb_window_stop stop);

typedef struct rb_window {
    int steps;
    int64_t ns;
    bool warmup; /* does not count */
} rb_window;

typedef struct rb_windows {
    rb_window_limits limits;
    rb_window *list; /* (n), all windows in order */
    int n, capacity;
    int n_measured;
    int steps;        /* of the next window */
    bool warm;        /* measuring has begun ... */
    bool warm_agreed; /* ... because windows agreed, not because of warm_cap_s */
    double warm_s, measured_s;
    rb_window_stop stop;
} rb_windows;

void rb_windows_begin(rb_windows *w, const rb_window_limits *limits); /* NULL: the defaults */
void rb_windows_free(rb_windows *w);
/* Steps of the next window; 0 when done. */
int rb_windows_next(const rb_windows *w);
/* That window lasted `ns`. RB_DEVICE: the clock runs backwards or does not move. */
rb_status rb_windows_add(rb_windows *w, int64_t ns);

/* The whole protocol: `run` does n steps and says how long they took, from before the first is enqueued until all are
 * finished. Begins w, which is the caller's to free, also after a failure. RB_TIMEOUT: real_cap_s; RB_INTERRUPTED:
 * stop.
 */
rb_status rb_windows_measure(rb_windows *w, const rb_window_limits *limits,
                             rb_status (*run)(void *context, int n_steps, int64_t *ns), void *context);

/* Of the measured windows, ns per step. */
typedef struct rb_window_summary {
    int windows;
    int64_t steps, ns; /* sums */
    double median, mad, p05, p95;
    double half_width;   /* of the median's interval, as a share of the median */
    bool interval_known; /* false: too few windows for an interval, half_width is only their range */
} rb_window_summary;
/* RB_INTERNAL where no window was measured. */
rb_status rb_windows_summarize(const rb_windows *w, rb_window_summary *out);

#endif
