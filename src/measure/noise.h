/* noise.h: the machine's A/A noise: how far two arms of the same build seem to be apart although they are the same.
 * `regbench doctor --aa` measures it, sessions carry it in env.csv (aa_noise_pct), compare asks for twice as much. */
#ifndef RB_MEASURE_NOISE_H
#define RB_MEASURE_NOISE_H

#include "regbench/status.h"

enum { RB_NOISE_VALUES = 20 }; /* most values; 184,756 ways to split them */

/* Of n values of one thing (even, 4 to RB_NOISE_VALUES, all above 0), one from each process: the 95th percentile, over
 * all ways to split them into two arms, of how far the arms' medians are apart, in percent. */
rb_status rb_noise_of(const double *values, int n, double *pct);

/* Kept in aa.csv of the XDG cache, one row per host and device. RB_OUTPUT, RB_DISK. */
rb_status rb_noise_remember(const char *device_key, const char *device, const char *case_name, int n, double pct);
/* NaN where it was never measured on this host. */
double rb_noise_find(const char *device_key, const char *device);

#endif
