/* meter.h: what the machine tells of energy, clock and throttling while something runs; read between windows. */
#ifndef RB_MEASURE_METER_H
#define RB_MEASURE_METER_H

#include <stdbool.h>

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
    char power[128]; /* where there is no counter: microwatts now; "" = none */
    char clock[128]; /* of a GPU, Hz; "" = none */
    bool throttles_known;
    double throttles; /* at the reading before */
} rb_meter;

/* Since the reading before; NaN, and throttled -1, where the machine does not tell. */
typedef struct rb_reading {
    double joules, clock_mhz;
    int throttled; /* 1: the hardware was too hot, or the container used up its share of processors */
} rb_reading;

/* `type` of the device, "cpu" or "gpu". A CPU's energy is that of all packages and their memory (RAPL through
 * powercap); a GPU's is read through hwmon where the machine has one GPU that offers it: with several nothing tells
 * which is which.
 */
void rb_meter_open(rb_meter *m, const char *type);
/* `seconds`: how long the device worked since the reading before, to tell energy from power. */
rb_reading rb_meter_read(rb_meter *m, double seconds);

#endif
