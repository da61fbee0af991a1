/* test_nvml.c: what becomes of the readings of NVIDIA's management library: energy, power, clock, throttling; what is
 * missing, refused or not available stays empty, never 0.
 *
 * tests/cuda/host_nvml.c stands in for the library; it reads TEST_NVML at every call. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/meter.h"

#define BUS "0000:01:00.0"

static bool is(double value, double expected) { return fabs(value - expected) < 1e-9; }

static rb_reading first(rb_meter *m, const char *setting) {
    setenv("TEST_NVML", setting, 1);
    rb_meter_open(m, "gpu", BUS);
    assert_non_null(m->nvml);
    return rb_meter_read(m, 0.05);
}

static void what_a_card_tells(void **state) {
    (void)state;
    rb_meter m;
    rb_reading r = first(&m, "");
    assert_true(rb_meter_has_energy(&m));
    assert_true(is(r.power_w, 123.4) && is(r.temperature_c, 41) && is(r.clock_mhz, 1980));
    assert_int_equal(r.throttled, 0); /* an idle card's clock is low by its own wish */
    assert_string_equal(r.reasons, "none");
    first(&m, "grow=2500");
    assert_true(is(rb_meter_read(&m, 0.05).joules, 2.5));
    assert_true(is(rb_meter_read(&m, 99).joules, 2.5)); /* a counter needs no time */
}

static void throttling_has_reasons(void **state) {
    (void)state;
    rb_meter m;
    rb_reading r = first(&m, "reasons=36");
    assert_int_equal(r.throttled, 1);
    assert_string_equal(r.reasons, "power thermal");
    r = first(&m, "reasons=200");
    assert_string_equal(r.reasons, "hw-slowdown hw-thermal hw-power-brake");
    r = first(&m, "reasons=274"); /* application clocks, boost in step, display: somebody chose that */
    assert_int_equal(r.throttled, 0);
}

static void a_counter_that_goes_back(void **state) {
    (void)state;
    rb_meter m;
    setenv("TEST_NVML", "wrap=0", 1); /* as after the driver's restart */
    rb_meter_open(&m, "gpu", BUS);
    setenv("TEST_NVML", "energy=9000000000", 1);
    rb_meter_open(&m, "gpu", BUS);
    setenv("TEST_NVML", "wrap=0", 1);
    assert_true(isnan(rb_meter_read(&m, 1).joules));
    double after = rb_meter_read(&m, 1).joules; /* it counts on from there */
    assert_true(is(after, 5));
}

/* Each value by itself: refused (4: no permission), not supported (3), the largest number, 0. */
static void what_is_not_told_stays_empty(void **state) {
    (void)state;
    rb_meter m;
    rb_reading r;
    r = first(&m, "fail=nvmlDeviceGetPowerUsage:4");
    assert_true(isnan(r.power_w) && isfinite(r.joules) && isfinite(r.clock_mhz));
    assert_true(isnan(first(&m, "power=-2").power_w));
    assert_true(isnan(first(&m, "power=0").power_w));
    r = first(&m, "fail=nvmlDeviceGetClockInfo:3");
    assert_true(isnan(r.clock_mhz) && is(r.power_w, 123.4));
    assert_true(isnan(first(&m, "clock=-2").clock_mhz));
    assert_true(isnan(first(&m, "clock=0").clock_mhz));
    assert_true(isnan(first(&m, "temperature=-2").temperature_c));
    assert_true(isnan(first(&m, "fail=nvmlDeviceGetTemperature:4").temperature_c));
    r = first(&m, "fail=nvmlDeviceGetCurrentClocksEventReasons:4");
    assert_int_equal(r.throttled, -1);
    assert_string_equal(r.reasons, "");
    assert_int_equal(first(&m, "reasons=-2").throttled, -1);
    /* without a counter power and time tell the energy; without both nothing does */
    r = first(&m, "fail=nvmlDeviceGetTotalEnergyConsumption:3");
    assert_true(is(r.joules, 123.4 * 0.05));
    assert_true(is(first(&m, "energy=-2").joules, 123.4 * 0.05));
    r = first(&m, "energy=-2,fail=nvmlDeviceGetPowerUsage:4");
    assert_true(isnan(r.joules));
    assert_false(rb_meter_has_energy(&m));
    /* a counter that was there and fails */
    first(&m, "");
    setenv("TEST_NVML", "fail=nvmlDeviceGetTotalEnergyConsumption:15", 1);
    assert_true(isnan(rb_meter_read(&m, 1).joules));
}

static void another_card(void **state) {
    (void)state;
    rb_meter m;
    setenv("TEST_NVML", "", 1);
    rb_meter_open(&m, "gpu", "0000:02:00.0");
    assert_null(m.nvml);
    rb_meter_open(&m, "gpu", "");
    assert_null(m.nvml);
    rb_meter_open(&m, "cpu", BUS);
    assert_null(m.nvml);
    setenv("TEST_NVML", "fail=nvmlDeviceGetHandleByPciBusId_v2:4", 1);
    rb_meter_open(&m, "gpu", BUS);
    assert_null(m.nvml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_card_tells),
        cmocka_unit_test(throttling_has_reasons),
        cmocka_unit_test(a_counter_that_goes_back),
        cmocka_unit_test(what_is_not_told_stays_empty),
        cmocka_unit_test(another_card),
    };
    setenv("REGBENCH_NVML_LIBRARY", TEST_HOST_NVML, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
