/* test_meter.c: energy, clock and throttling of machines that are played from a folder. */
#include "report_util.h"

#include <math.h>
#include <sched.h>
#include <sys/stat.h>

#include "measure/meter.h"
#include "measure/system.h"

static char *root;

static void put(const char *path, const char *text) {
    char whole[900];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(whole, 0700);
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state) {
    (void)state;
    rb_system_root = root = util_folder();
    return 0;
}

static int end(void **state) {
    (void)state;
    rb_system_root = "";
    util_remove(root);
    return 0;
}

static void nothing_is_guessed(void **state) {
    (void)state;
    rb_meter m;
    for (int gpu = 0; gpu < 2; gpu++) {
        rb_meter_open(&m, gpu ? "gpu" : "cpu", "");
        rb_reading r = rb_meter_read(&m, 1);
        assert_true(isnan(r.joules) && isnan(r.clock_mhz));
        assert_int_equal(r.throttled, -1);
    }
}

#define RAPL "/sys/class/powercap/intel-rapl:"

static void packages_and_their_memory(void **state) {
    (void)state;
    rb_meter m;
    put(RAPL "0/name", "package-0\n");
    put(RAPL "0/energy_uj", "1000000\n");
    put(RAPL "0/max_energy_range_uj", "262143328850\n");
    put(RAPL "0:0/name", "core\n"); /* in the package already */
    put(RAPL "0:0/energy_uj", "500000\n");
    put(RAPL "0:1/name", "dram\n");
    put(RAPL "0:1/energy_uj", "9000000\n");
    put(RAPL "0:1/max_energy_range_uj", "10000000\n");
    put(RAPL "1/name", "psys\n"); /* everything again */
    put(RAPL "1/energy_uj", "7\n");
    rb_meter_open(&m, "cpu", "");
    put(RAPL "0/energy_uj", "4000000\n");
    put(RAPL "0:0/energy_uj", "900000\n");
    put(RAPL "0:1/energy_uj", "500000\n"); /* past its end: 1.5 J */
    put(RAPL "1/energy_uj", "99000000\n");
    assert_true(fabs(rb_meter_read(&m, 1).joules - 4.5) < 1e-9);
    assert_true(rb_meter_read(&m, 1).joules == 0);
    put(RAPL "0/energy_uj", "");
    assert_true(isnan(rb_meter_read(&m, 1).joules)); /* not the memory's alone */
}

static void clocks_and_throttling(void **state) {
    (void)state;
    cpu_set_t set;
    rb_meter m;
    char path[160];
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", i);
        put(path, CPU_ISSET(i, &set) ? "2400000\n" : "800000\n");
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", i);
        put(path, "5\n");
    }
    put("/sys/fs/cgroup/cpu.stat", "usage_usec 99\nnr_periods 7\nnr_throttled 3\nnr_throttled_usec 900\n");
    rb_meter_open(&m, "cpu", "");
    rb_reading r = rb_meter_read(&m, 1);
    assert_true(r.clock_mhz == 2400);
    assert_int_equal(r.throttled, 0);
    put("/sys/fs/cgroup/cpu.stat", "usage_usec 99\nnr_periods 7\nnr_throttled 4\nnr_throttled_usec 900\n");
    assert_int_equal(rb_meter_read(&m, 1).throttled, 1);
    assert_int_equal(rb_meter_read(&m, 1).throttled, 0);
    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", i);
        put(path, "6\n");
    }
    assert_int_equal(rb_meter_read(&m, 1).throttled, 1);
    rb_meter_open(&m, "gpu", ""); /* the processor's troubles are not the GPU's */
    assert_int_equal(rb_meter_read(&m, 1).throttled, -1);
}

static void one_gpu_not_two(void **state) {
    (void)state;
    rb_meter m;
    put("/sys/class/hwmon/hwmon0/name", "nvme\n");
    put("/sys/class/hwmon/hwmon2/name", "amdgpu\n");
    put("/sys/class/hwmon/hwmon2/power1_average", "150000000\n");
    put("/sys/class/hwmon/hwmon2/freq1_input", "1750000000\n");
    rb_meter_open(&m, "gpu", "");
    rb_reading r = rb_meter_read(&m, 0.5);
    assert_true(fabs(r.joules - 75) < 1e-9);
    assert_true(fabs(r.clock_mhz - 1750) < 1e-9);
    put("/sys/class/hwmon/hwmon2/energy1_input", "1000000\n"); /* a counter is better than a moment's power */
    rb_meter_open(&m, "gpu", "");
    put("/sys/class/hwmon/hwmon2/energy1_input", "3000000\n");
    assert_true(fabs(rb_meter_read(&m, 0.5).joules - 2) < 1e-9);
    put("/sys/class/hwmon/hwmon3/name", "i915\n");
    rb_meter_open(&m, "gpu", "");
    assert_true(isnan(rb_meter_read(&m, 0.5).joules));
    /* .. unless the bus tells which is which */
    put("/sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon2/name", "amdgpu\n");
    rb_meter_open(&m, "gpu", "0000:03:00.0");
    assert_true(rb_meter_has_energy(&m));
    put("/sys/class/hwmon/hwmon2/energy1_input", "4000000\n");
    r = rb_meter_read(&m, 0.5);
    assert_true(fabs(r.joules - 1) < 1e-9 && fabs(r.power_w - 150) < 1e-9);
    rb_meter_open(&m, "gpu", "0000:04:00.0"); /* another one */
    assert_false(rb_meter_has_energy(&m));
}

/* Intel's GPUs have a counter and neither power nor clock; a counter that starts again tells nothing for once. */
static void intel_counts_energy(void **state) {
    (void)state;
    rb_meter m;
    put("/sys/class/hwmon/hwmon1/name", "i915\n");
    put("/sys/class/hwmon/hwmon1/energy1_input", "5000000\n");
    rb_meter_open(&m, "gpu", "");
    put("/sys/class/hwmon/hwmon1/energy1_input", "12500000\n");
    rb_reading r = rb_meter_read(&m, 1);
    assert_true(fabs(r.joules - 7.5) < 1e-9);
    assert_true(isnan(r.clock_mhz));
    put("/sys/class/hwmon/hwmon1/energy1_input", "100\n");
    assert_true(isnan(rb_meter_read(&m, 1).joules));
    put("/sys/class/hwmon/hwmon1/energy1_input", "1000100\n");
    assert_true(fabs(rb_meter_read(&m, 1).joules - 1) < 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_guessed, begin, end),
        cmocka_unit_test_setup_teardown(packages_and_their_memory, begin, end),
        cmocka_unit_test_setup_teardown(clocks_and_throttling, begin, end),
        cmocka_unit_test_setup_teardown(one_gpu_not_two, begin, end),
        cmocka_unit_test_setup_teardown(intel_counts_energy, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
