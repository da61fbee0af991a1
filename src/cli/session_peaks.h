/* session_peaks.h: the peaks of a session's devices at its begin and at its end: a machine that became slower or faster
 * meanwhile has other numbers at the end than at the begin, whatever was measured. */
#ifndef RB_CLI_SESSION_PEAKS_H
#define RB_CLI_SESSION_PEAKS_H

#include "cli/recorder.h"

typedef struct rb_session_peaks {
    rb_row *rows; /* (n) of the begin; empty where a device could not be measured */
    int n;
} rb_session_peaks;

/* Measures every device and writes the rows to peaks.csv. What cannot be measured is told and left out, as are devices
 * that nobody times (reference). */
rb_status rb_session_peaks_begin(rb_session_peaks *p, rb_recorder *r, const rb_words *devices);
/* The same again, each row with its drift; a warning where it is large. */
rb_status rb_session_peaks_end(rb_session_peaks *p, rb_recorder *r, const rb_words *devices);
/* What a device could do at the begin: the better of multiply-adds and matrix product, 10^9 FLOPs per second, and
 * 10^9 bytes per second; NaN where unknown. */
typedef struct rb_roof {
    double gflop_per_s, gbyte_per_s;
} rb_roof;
rb_roof rb_session_peaks_roof(const rb_session_peaks *p, const char *device);
void rb_session_peaks_free(rb_session_peaks *p);

#endif
