/* rates.h: how fast cases ran on this machine, remembered from session to session: what `list` tells times from.
 *
 * One small CSV in the XDG cache. It is a convenience: whatever is wrong with it is told at debug level, no more. */
#ifndef RB_MEASURE_RATES_H
#define RB_MEASURE_RATES_H

#include <stdint.h>

#include "report/csv_read.h"

void rb_rate_remember(const char *device_key, const char *case_name, int64_t batch, double samples_per_s);
/* Empty where there is none; freed by rb_csv_free. */
void rb_rates_read(rb_csv *out);
/* Samples per second of the case with this batch on the backend's first device that has run it, NaN where none has. */
double rb_rates_find(const rb_csv *rates, const char *backend, const char *case_name, int64_t batch);

#endif
