/* nvml.c: clocks, power and temperature as NVIDIA's management library tells them, where it is installed.
 *
 * Its header is not part of the toolkit everywhere; the few functions in use are declared here. REGBENCH_NVML_LIBRARY
 * names another file, for tests. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cuda/cuda.h"

typedef struct nvml_device *nvml_device;
enum { NVML_OK = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2, NVML_TEMPERATURE_GPU = 0 };

static struct {
    int (*init)(void);
    int (*driver)(char *version, unsigned size);
    int (*device)(const char *bus, nvml_device *device);
    int (*power_limit)(nvml_device device, unsigned *milliwatts);
    int (*power)(nvml_device device, unsigned *milliwatts);
    int (*temperature)(nvml_device device, int sensor, unsigned *degrees);
    int (*clock)(nvml_device device, int type, unsigned *mhz);
    int (*clock_most)(nvml_device device, int type, unsigned *mhz);
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
                {"nvmlDeviceGetPowerManagementLimit", &nvml.power_limit},
                {"nvmlDeviceGetPowerUsage", &nvml.power},
                {"nvmlDeviceGetTemperature", &nvml.temperature},
                {"nvmlDeviceGetClockInfo", &nvml.clock},
                {"nvmlDeviceGetMaxClockInfo", &nvml.clock_most}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!(*(void **)list[i].function = dlsym(library, list[i].symbol))) return;
    usable = nvml.init() == NVML_OK;
}

static bool load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_once);
    return usable;
}

void rb__nvml_driver(char *out, size_t size) {
    out[0] = '\0';
    if (!load() || nvml.driver(out, (unsigned)size) != NVML_OK) out[0] = '\0';
}

void rb__nvml_describe(const char *bus, rb_text *out) {
    nvml_device device;
    unsigned value;
    if (!load() || nvml.device(bus, &device) != NVML_OK) return;
    if (nvml.power_limit(device, &value) == NVML_OK) rb_text_printf(out, "; power_limit_w=%.1f", value / 1000.0);
    if (nvml.power(device, &value) == NVML_OK) rb_text_printf(out, "; power_w=%.1f", value / 1000.0);
    if (nvml.temperature(device, NVML_TEMPERATURE_GPU, &value) == NVML_OK)
        rb_text_printf(out, "; temperature_c=%u", value);
    if (nvml.clock(device, NVML_CLOCK_SM, &value) == NVML_OK) rb_text_printf(out, "; sm_clock_now_mhz=%u", value);
    if (nvml.clock_most(device, NVML_CLOCK_SM, &value) == NVML_OK) rb_text_printf(out, "; sm_clock_max_mhz=%u", value);
    if (nvml.clock(device, NVML_CLOCK_MEMORY, &value) == NVML_OK)
        rb_text_printf(out, "; memory_clock_now_mhz=%u", value);
}
