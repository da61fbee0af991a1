/* nvml.c: libnvidia-ml, function by function: one that a driver lacks, or that fails, leaves its value unknown.
 *
 * Its header is not part of the toolkit everywhere; the few functions in use are declared here. REGBENCH_NVML_LIBRARY
 * names another file, for tests. */
#include "measure/nvml.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NVML_OK = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2, NVML_TEMPERATURE_GPU = 0 };

static struct {
    int (*init)(void);
    int (*driver)(char *version, unsigned size);
    int (*device)(const char *bus, rb_nvml_device **device);
    int (*energy)(rb_nvml_device *device, unsigned long long *millijoules);
    int (*power)(rb_nvml_device *device, unsigned *milliwatts);
    int (*power_limit)(rb_nvml_device *device, unsigned *milliwatts);
    int (*temperature)(rb_nvml_device *device, int sensor, unsigned *degrees);
    int (*clock)(rb_nvml_device *device, int type, unsigned *mhz);
    int (*clock_most)(rb_nvml_device *device, int type, unsigned *mhz);
    int (*reasons)(rb_nvml_device *device, unsigned long long *bits);
} nvml;
static bool usable;

static void load_once(void) {
    const char *given = getenv("REGBENCH_NVML_LIBRARY");
    void *library = dlopen(given && given[0] ? given : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    const struct {
        const char *symbol;
        void *function;
    } list[] = {{"nvmlInit_v2", &nvml.init},
                {"nvmlSystemGetDriverVersion", &nvml.driver},
                {"nvmlDeviceGetHandleByPciBusId_v2", &nvml.device},
                {"nvmlDeviceGetTotalEnergyConsumption", &nvml.energy},
                {"nvmlDeviceGetPowerUsage", &nvml.power},
                {"nvmlDeviceGetPowerManagementLimit", &nvml.power_limit},
                {"nvmlDeviceGetTemperature", &nvml.temperature},
                {"nvmlDeviceGetClockInfo", &nvml.clock},
                {"nvmlDeviceGetMaxClockInfo", &nvml.clock_most},
                {"nvmlDeviceGetCurrentClocksThrottleReasons", &nvml.reasons},
                {"nvmlDeviceGetCurrentClocksEventReasons", &nvml.reasons}}; /* the newer name of the same */
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        void *function = dlsym(library, list[i].symbol);
        if (function) *(void **)list[i].function = function;
    }
    usable = nvml.init && nvml.device && nvml.init() == NVML_OK;
}

static bool load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_once);
    return usable;
}

rb_nvml_device *rb_nvml_find(const char *bus) {
    rb_nvml_device *device = NULL;
    return bus[0] && load() && nvml.device(bus, &device) == NVML_OK ? device : NULL;
}

void rb_nvml_driver(char *out, size_t size) {
    out[0] = '\0';
    if (!load() || !nvml.driver || nvml.driver(out, (unsigned)size) != NVML_OK) out[0] = '\0';
}

/* Some drivers answer "not available" by the largest number, some by 0, which none of these values can be. */
static double known(unsigned value, double unit) { return value != 0 && value != UINT_MAX ? value * unit : NAN; }

static double read_number(int (*function)(rb_nvml_device *, unsigned *), rb_nvml_device *device, double unit) {
    unsigned value = 0;
    return function && function(device, &value) == NVML_OK ? known(value, unit) : NAN;
}

static double read_of(int (*function)(rb_nvml_device *, int, unsigned *), rb_nvml_device *device, int which) {
    unsigned value = 0;
    return function && function(device, which, &value) == NVML_OK ? known(value, 1) : NAN;
}

/* What the user or an idle card chose (idle, application clocks, boost in step with others, display) is no throttling.
 */
static void read_reasons(rb_nvml_device *device, rb_nvml_reading *out) {
    static const struct {
        unsigned long long bit;
        const char *word;
    } list[] = {
        {0x04, "power"}, {0x08, "hw-slowdown"}, {0x20, "thermal"}, {0x40, "hw-thermal"}, {0x80, "hw-power-brake"}};
    unsigned long long bits = 0;
    if (!nvml.reasons || nvml.reasons(device, &bits) != NVML_OK || bits == ULLONG_MAX) return;
    out->throttled = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!(bits & list[i].bit)) continue;
        if (out->throttled) strcat(out->reasons, " ");
        strcat(out->reasons, list[i].word);
        out->throttled = 1;
    }
    if (!out->throttled) strcpy(out->reasons, "none");
}

void rb_nvml_read(rb_nvml_device *device, rb_nvml_reading *out) {
    unsigned long long millijoules = 0;
    *out = (rb_nvml_reading){.joules = NAN, .throttled = -1};
    if (nvml.energy && nvml.energy(device, &millijoules) == NVML_OK && millijoules && millijoules != ULLONG_MAX)
        out->joules = (double)millijoules * 1e-3;
    out->power_w = read_number(nvml.power, device, 1e-3);
    out->temperature_c = read_of(nvml.temperature, device, NVML_TEMPERATURE_GPU);
    out->clock_mhz = read_of(nvml.clock, device, NVML_CLOCK_SM);
    read_reasons(device, out);
}

static void describe(const char *name, double value, int digits, rb_text *out) {
    if (isfinite(value)) rb_text_printf(out, "; %s=%.*f", name, digits, value);
}

void rb_nvml_describe(const char *bus, rb_text *out) {
    rb_nvml_reading now;
    rb_nvml_device *device = rb_nvml_find(bus);
    if (!device) return;
    rb_nvml_read(device, &now);
    describe("power_limit_w", read_number(nvml.power_limit, device, 1e-3), 1, out);
    describe("power_w", now.power_w, 1, out);
    describe("energy_j", now.joules, 0, out);
    describe("temperature_c", now.temperature_c, 0, out);
    describe("sm_clock_now_mhz", now.clock_mhz, 0, out);
    describe("sm_clock_max_mhz", read_of(nvml.clock_most, device, NVML_CLOCK_SM), 0, out);
    describe("memory_clock_now_mhz", read_of(nvml.clock, device, NVML_CLOCK_MEMORY), 0, out);
    if (now.reasons[0]) rb_text_printf(out, "; throttle_reasons=%s", now.reasons);
}
