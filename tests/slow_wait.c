/* slow_wait.c: preloaded by test_compare_live: a program that sleeps REGBENCH_TEST_SLEEP of the time it works, after
 * every window of training steps. That is what a slower build looks like from outside. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "regbench/train.h"

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
