/* nvml.h: what NVIDIA's management library tells of a GPU, where that library is installed: opened when it is first
 * asked, never needed. */
#ifndef RB_MEASURE_NVML_H
#define RB_MEASURE_NVML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"

typedef struct rb_nvml_device rb_nvml_device;

/* At this moment. NaN, throttled -1 and "" where library, card or permissions do not tell. */
typedef struct rb_nvml_reading {
    double joules; /* since the driver was loaded; of a GPU in parts (MIG), as all below, the whole card's */
    double power_w, temperature_c, clock_mhz;
    int throttled;    /* 1: one of the reasons holds the clock down; an idle card's low clock is none */
    char reasons[64]; /* "power thermal", "none" */
} rb_nvml_reading;

/* The GPU on a PCI bus ("0000:01:00.0"); NULL: no library, it does not start, or it knows no such GPU. */
rb_nvml_device *rb_nvml_find(const char *bus);
void rb_nvml_read(rb_nvml_device *device, rb_nvml_reading *out);
/* "580.65.06", or "". */
void rb_nvml_driver(char *out, size_t size);
/* "; power_limit_w=700.0; ..", for `devices -v`: what is known. */
void rb_nvml_describe(const char *bus, rb_text *out);

#endif
