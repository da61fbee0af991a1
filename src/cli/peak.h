/* peak.h: a device's measured peaks, in a child. */
#ifndef RB_CLI_PEAK_H
#define RB_CLI_PEAK_H

#include <stdio.h>

#include "cli/options.h"

typedef struct rb_peak_work {
    const rb_options *o;
    const char *selector;
    double seconds;      /* for each of the three */
    bool not_only_named; /* send nothing about a device that takes part only when it is named */
} rb_peak_work;
/* Sends a row of peaks; an rb_child_work whose context is an rb_peak_work. */
rb_status rb_peak_send(void *context, FILE *to);

#endif
