/* peak.h: what a device can do at most, measured and never computed from units and clocks. */
#ifndef RB_MEASURE_PEAK_H
#define RB_MEASURE_PEAK_H

#include "regbench/backend.h"

typedef struct rb_peak {
    double fma_gflop_per_s;   /* NaN where the backend has no such kernel */
    double gemm_gflop_per_s;  /* (1024,1024) x (1024,1024), through the program's own LINEAR op */
    double triad_gbyte_per_s; /* c = a + b, 64 MiB each, through the program's own ADD op */
    char gemm_provider[32];
} rb_peak;

/* About `seconds` for each of the three; the best of many short windows counts. */
rb_status rb_peak_measure(const rb_backend *backend, rb_device *device, double seconds, rb_peak *out);

/* Whether a peak changed by more than 5 % from before a session to after it; *pct: by how much. False where either is
 * not known (NaN). */
bool rb_peak_drifted(double before, double after, double *pct);

#endif
