/* clock.h: the monotonic clock, isolated. */
#ifndef RB_CORE_CLOCK_H
#define RB_CORE_CLOCK_H

#include <stdint.h>

int64_t rb_clock_ns(void); /* monotonic */
double rb_clock_s(void);   /* the same in seconds */

#endif
