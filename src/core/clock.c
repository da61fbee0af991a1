/* clock.c: the monotonic clock, isolated. */
#include "core/clock.h"

#include <time.h>

int64_t rb_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double rb_clock_s(void) { return (double)rb_clock_ns() * 1e-9; }
