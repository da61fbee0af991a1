/* host_nvml.c: libnvidia-ml for tests without a GPU: one card whose readings are made up.
 *
 * TEST_NVML, words separated by commas: energy=MJ of the counter at the first reading, grow=MJ how much it counts from
 * reading to reading (default 5000), wrap=N: reading N and all behind it begin at 1 again; power=MW, temperature=C,
 * clock=MHZ, reasons=BITS other values than those below, -2 for the largest number, which means "not available";
 * fail=FUNCTION:CODE: that function fails. Built with HOST_NVML_OLD it lacks what old drivers lack. */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cuda/setting.h"

enum { BAD_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

static int card; /* the only one */

static int trouble(const char *function) {
    const char *text = setting_text("TEST_NVML", "fail");
    const size_t length = strlen(function);
    return text && strncmp(text, function, length) == 0 && text[length] == ':' ? atoi(text + length + 1) : 0;
}

static long value_of(const char *name, long otherwise) {
    long given = setting("TEST_NVML", name);
    return given == -1 ? otherwise : given;
}

static int tell(const char *function, const void *device, unsigned *out, long value) {
    int error = device == &card ? trouble(function) : BAD_ARGUMENT;
    *out = error ? 77 : value == -2 ? UINT_MAX : (unsigned)value; /* what a failure leaves behind means nothing */
    return error;
}

int nvmlInit_v2(void) { return trouble(__func__); }

int nvmlSystemGetDriverVersion(char *version, unsigned size) {
    snprintf(version, size, "580.65.06");
    return trouble(__func__);
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) {
    *device = &card;
    return strcmp(bus, "0000:01:00.0") ? NOT_FOUND : trouble(__func__);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *mw) {
    return tell(__func__, device, mw, value_of("power", 123400));
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *mw) { return tell(__func__, device, mw, 700000); }

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *c) {
    return sensor ? BAD_ARGUMENT : tell(__func__, device, c, value_of("temperature", 41));
}

int nvmlDeviceGetClockInfo(void *device, int type, unsigned *mhz) {
    return tell(__func__, device, mhz, type == 1 ? value_of("clock", 1980) : type == 2 ? 3201 : 0);
}

int nvmlDeviceGetMaxClockInfo(void *device, int type, unsigned *mhz) {
    (void)device, (void)type, (void)mhz;
    return NOT_SUPPORTED;
}

#ifndef HOST_NVML_OLD
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj) {
    static long n;
    long wrap = setting("TEST_NVML", "wrap"), begin = value_of("energy", 1000000), grow = value_of("grow", 5000);
    bool again = wrap >= 0 && n >= wrap;
    *mj = begin == -2 ? ULLONG_MAX : (unsigned long long)(again ? 1 + (n - wrap) * grow : begin + n * grow);
    n++;
    return device == &card ? trouble(__func__) : BAD_ARGUMENT;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *bits) {
    long given = value_of("reasons", 1); /* idle */
    *bits = given == -2 ? ULLONG_MAX : (unsigned long long)given;
    return device == &card ? trouble(__func__) : BAD_ARGUMENT;
}
#endif
