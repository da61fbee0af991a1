/* meter.h: what the machine tells of energy, clock and throttling while something runs; read between windows. */
#ifndef RB_MEASURE_METER_H
#define RB_MEASURE_METER_H

#include <stdbool.h>

#include "measure/nvml.h"

enum { RB_METER_COUNTERS = 32 };

/* A file with a number that grows: microjoules, or how often something was throttled. */
typedef struct rb_meter_counter {
    char path[128];
    double range; /* the number starts again behind it; 0 = never */
    double last;
} rb_meter_counter;

typedef struct rb_meter {
    bool gpu;
    rb_meter_counter energy[RB_METER_COUNTERS];
    int n_energy;
    char power[128];      /* where there is no counter: microwatts now; "" = none */
    char clock[128];      /* of a GPU, Hz; "" = none */
    rb_nvml_device *nvml; /* NULL: none; then it tells all there is */
    double nvml_joules;   /* at the reading before */
    bool throttles_known;
    double throttles; /* at the reading before */
} rb_meter;

/* Joules since the reading before, all else at this moment; NaN, throttled -1 and "" where the machine does not tell.
 */
typedef struct rb_reading {
    double joules, clock_mhz;
    double power_w, temperature_c; /* of a GPU */
    int throttled;    /* 1: the hardware was too hot or took too much power, or the container used up its processors */
    char reasons[64]; /* of an NVIDIA GPU, as rb_nvml_reading has them */
} rb_reading;

/* `type` of the device, "cpu" or "gpu"; `bus` its place on the PCI bus, "" where that is unknown. A CPU's energy is
 * that of all packages and their memory (RAPL through powercap); a GPU's comes from NVIDIA's library, or from hwmon: of
 * the GPU on that bus, or of the only one that offers it.
 */
void rb_meter_open(rb_meter *m, const char *type, const char *bus);
bool rb_meter_has_energy(const rb_meter *m);
/* `seconds`: how long the device worked since the reading before, to tell energy from power. */
rb_reading rb_meter_read(rb_meter *m, double seconds);

#endif
