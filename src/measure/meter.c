/* meter.c: reads NVML, powercap, hwmon, cpufreq, throttle counters. A counter that was readable and then is not gives
 * NaN: half of the packages is no energy. */
#include "measure/meter.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/system.h"

#define POWERCAP "/sys/class/powercap/intel-rapl:"

static void add_energy(rb_meter *m, const char *folder, const char *file, const char *range) {
    rb_meter_counter *c = &m->energy[m->n_energy];
    double value;
    if (m->n_energy == RB_METER_COUNTERS || !rb_system_number(&value, "%s/%s", folder, file)) return;
    snprintf(c->path, sizeof c->path, "%s/%s", folder, file);
    c->last = value;
    if (!range || !rb_system_number(&c->range, "%s/%s", folder, range)) c->range = 0;
    m->n_energy++;
}

/* Zones are packages, with cores, uncore and memory below; "psys" counts the packages again. */
static void open_rapl(rb_meter *m) {
    char folder[96], name[64];
    for (int package = 0; package < 8; package++) {
        snprintf(folder, sizeof folder, POWERCAP "%d", package);
        if (!rb_system_line(name, sizeof name, "%s/name", folder) || strncmp(name, "package", 7) != 0) continue;
        add_energy(m, folder, "energy_uj", "max_energy_range_uj");
        for (int zone = 0; zone < 4; zone++) {
            snprintf(folder, sizeof folder, POWERCAP "%d:%d", package, zone);
            if (rb_system_line(name, sizeof name, "%s/name", folder) && !strcmp(name, "dram"))
                add_energy(m, folder, "energy_uj", "max_energy_range_uj");
        }
    }
}

static void open_hwmon(rb_meter *m, const char *bus) {
    static const char *const drivers[] = {"amdgpu", "i915", "xe", "nouveau"};
    char folder[96], name[64], found[96] = "", place[128];
    double value;
    for (int i = 0; i < 64; i++) {
        snprintf(folder, sizeof folder, "/sys/class/hwmon/hwmon%d", i);
        if (!rb_system_line(name, sizeof name, "%s/name", folder)) continue;
        snprintf(place, sizeof place, "/sys/bus/pci/devices/%.32s/hwmon/hwmon%d", bus, i);
        bool here = bus[0] && rb_system_there(place);
        for (size_t k = 0; k < sizeof drivers / sizeof *drivers; k++) {
            if (strcmp(name, drivers[k]) != 0 || (bus[0] && !here)) continue;
            if (found[0]) return;
            strcpy(found, folder);
        }
    }
    if (!found[0]) return;
    add_energy(m, found, "energy1_input", NULL);
    if (rb_system_number(&value, "%s/power1_average", found))
        snprintf(m->power, sizeof m->power, "%s/power1_average", found);
    if (rb_system_number(&value, "%s/freq1_input", found)) snprintf(m->clock, sizeof m->clock, "%s/freq1_input", found);
}

/* Sum over the processors that this process may use; false where none tells. */
static bool over_cpus(double *sum, int *n, const char *file) {
    cpu_set_t set;
    double value;
    *sum = *n = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return false;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set) && rb_system_number(&value, "/sys/devices/system/cpu/cpu%d/%s", i, file)) {
            *sum += value;
            ++*n;
        }
    return *n > 0;
}

/* All reasons together: counts that only grow. */
static bool throttle_count(double *count) {
    static const char *const files[] = {"thermal_throttle/core_throttle_count",
                                        "thermal_throttle/package_throttle_count"};
    static const char *const groups[] = {"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"};
    char text[32];
    double value;
    bool known = false;
    int n;
    *count = 0;
    for (size_t i = 0; i < 2; i++)
        if (over_cpus(&value, &n, files[i])) known = true, *count += value;
    for (size_t i = 0; i < 2; i++)
        if (rb_system_entry(text, sizeof text, groups[i], "nr_throttled", ' ')) known = true, *count += atof(text);
    return known;
}

static rb_nvml_reading now_of(const rb_meter *m) {
    rb_nvml_reading now;
    rb_nvml_read(m->nvml, &now);
    return now;
}

void rb_meter_open(rb_meter *m, const char *type, const char *bus) {
    memset(m, 0, sizeof *m);
    m->gpu = strcmp(type, "cpu") != 0;
    if (!m->gpu)
        open_rapl(m);
    else if ((m->nvml = rb_nvml_find(bus)))
        m->nvml_joules = now_of(m).joules;
    else
        open_hwmon(m, bus);
    m->throttles_known = !m->gpu && throttle_count(&m->throttles);
}

static double read_joules(rb_meter *m, double seconds) {
    double sum = 0, value;
    for (int i = 0; i < m->n_energy; i++) {
        rb_meter_counter *c = &m->energy[i];
        if (!rb_system_number(&value, "%s", c->path)) return NAN;
        double grown = value - c->last;
        c->last = value;
        if (grown < 0) grown += c->range;
        sum += grown >= 0 ? grown : NAN; /* it was set back */
    }
    if (m->n_energy > 0) return sum * 1e-6;
    return m->power[0] && rb_system_number(&value, "%s", m->power) ? value * 1e-6 * seconds : NAN;
}

/* A counter that was there and fails, or was set back with the driver, says nothing of this time. */
static rb_reading read_nvml(rb_meter *m, double seconds) {
    rb_nvml_reading now = now_of(m);
    double grown = now.joules - m->nvml_joules;
    bool counts = isfinite(m->nvml_joules);
    rb_reading r = {.joules = counts ? grown : now.power_w * seconds,
                    .clock_mhz = now.clock_mhz,
                    .power_w = now.power_w,
                    .temperature_c = now.temperature_c,
                    .throttled = now.throttled};
    if (counts && grown < 0) r.joules = NAN;
    if (counts && isfinite(now.joules)) m->nvml_joules = now.joules;
    snprintf(r.reasons, sizeof r.reasons, "%s", now.reasons);
    return r;
}

bool rb_meter_has_energy(const rb_meter *m) {
    if (!m->nvml) return m->n_energy || m->power[0];
    return isfinite(m->nvml_joules) || isfinite(now_of(m).power_w);
}

rb_reading rb_meter_read(rb_meter *m, double seconds) {
    if (m->nvml) return read_nvml(m, seconds);
    rb_reading r = {
        .joules = read_joules(m, seconds), .clock_mhz = NAN, .power_w = NAN, .temperature_c = NAN, .throttled = -1};
    double value, count;
    int n;
    if (m->gpu && m->power[0] && rb_system_number(&value, "%s", m->power)) r.power_w = value * 1e-6;
    if (m->gpu && m->clock[0] && rb_system_number(&value, "%s", m->clock)) r.clock_mhz = value * 1e-6;
    if (!m->gpu && over_cpus(&value, &n, "cpufreq/scaling_cur_freq")) r.clock_mhz = value / n * 1e-3;
    if (m->throttles_known && throttle_count(&count)) {
        r.throttled = count > m->throttles;
        m->throttles = count;
    }
    return r;
}
