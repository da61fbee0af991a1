/* slow_wait.c: preloaded by tests. With REGBENCH_TEST_SLEEP the program sleeps that share of the time it works, after
 * every window of training steps: what a slower build looks like from outside. With REGBENCH_TEST_THROTTLE every third
 * reading of the meter says that the machine was throttled. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "measure/meter.h"
#include "regbench/train.h"

rb_reading rb_meter_read(rb_meter *meter, double seconds) {
    static rb_reading (*real)(rb_meter *, double);
    static int n;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "rb_meter_read");
    rb_reading reading = real(meter, seconds);
    if (getenv("REGBENCH_TEST_THROTTLE")) reading.throttled = n++ % 3 == 0;
    return reading;
}

rb_status rb_trainer_wait(rb_trainer *trainer) {
    static rb_status (*real)(rb_trainer *);
    static int64_t last;
    const char *share = getenv("REGBENCH_TEST_SLEEP");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "rb_trainer_wait");
    rb_status status = real(trainer);
    int64_t now = rb_clock_ns(), ns = last && share ? (int64_t)((double)(now - last) * atof(share)) : 0;
    if (ns > 0 && ns < 1000000000) {
        struct timespec pause = {.tv_nsec = (long)ns};
        nanosleep(&pause, NULL);
    }
    last = rb_clock_ns();
    return status;
}
