/* test_report_places.c: what `regbench report` says of where it ran: sessions, machines, devices, ops under the roof.
 */
#include "report_util.h"

#include "page_rig.h"

/* A set with a part of its own below it has both, each once; what its runs.csv was put together from is in it. */
static void sessions_below_a_session(void **state) {
    (void)state;
    static const struct {
        const char *folder, *session;
        int rows;
    } sets[] = {{"set", "one", 3}, {"set/ops", "two", 2}, {"set/sessions", NULL, 0}, {"set/sessions/a", "one", 3}};
    for (int i = 0; i < 4; i++) {
        made_begin(base, sets[i].folder, &csv);
        if (!sets[i].rows) continue;
        made_arm(&csv, (made){.session = sets[i].session}, 1000 + i % 3 * 500, sets[i].rows);
        made_write(base, sets[i].folder, "runs.csv", csv.data);
    }
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "sessions"), 2);
    assert_near(page_number(data, "sessions", 0, "runs"), 3);
    assert_near(page_number(data, "sessions", 1, "runs"), 2);
    cJSON_Delete(data);
}

/* Files that a newer program set aside beside the events from which it made runs.csv anew hold nothing more. */
static void what_was_set_aside_counts_once(void **state) {
    static const char event[] = "{\"table\":\"runs\"}\n";
    char events[128];
    (void)state;
    made_begin(base, "set", &csv);
    made_arm(&csv, (made){.session = "one"}, 1000, 3);
    made_write(base, "set", "runs.csv", csv.data);
    made_write(base, "set", "runs.1.csv", csv.data);
    cJSON *data = page_of(base);
    assert_near(page_number(data, "speeds", 0, "n"), 6); /* who knows what else it held */
    cJSON_Delete(data);
    snprintf(events, sizeof events, "%s%s%s", event, event, event);
    made_write(base, "set", "events.jsonl", events);
    data = page_of(base);
    assert_near(page_number(data, "speeds", 0, "n"), 3);
    cJSON_Delete(data);
}

static void several_machines(void **state) {
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){.machine = "one"}, 1000, 10);
    made_write(base, "a", "runs.csv", csv.data);
    made_write(base, "a", "peaks.csv",
               "schema_version,device_key,fma_gflop_per_s,triad_gbyte_per_s,drifted\n1,cpu,100,10,\n1,cpu,90,11,1\n");
    made_begin(base, "b", &csv);
    made_arm(&csv, (made){.machine = "two", .dirty = 1}, 100, 10);
    made_write(base, "b", "runs.csv", csv.data);
    made_write(
        base, "b", "env.csv",
        "schema_version,env_id,name,value,stable\n1,e00000000000,cpu.driver,driver 7,1\n1,e00000000000,os,Debian,1\n"
        "1,e00000000000,load,0.1,0\n1,e00000000001,os,Debian,1\n1,e00000000001,commit,abc,1\n");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "devices"), 2);
    assert_int_equal(page_rows(data, "speeds"), 2);
    assert_false(
        page_says(data, "summary", "fastest")); /* what they may say of each other depends on more than devices */
    int one = page_find(data, "devices", "machine", "one"), two = page_find(data, "devices", "machine", "two");
    assert_near(page_number(data, "devices", one, "fma_gflop_per_s"), 100);
    assert_near(page_number(data, "devices", one, "triad_gbyte_per_s"), 11);
    assert_near(page_number(data, "devices", one, "drifted"), 1);
    assert_true(cJSON_IsNull(page_cell(data, "devices", two, "fma_gflop_per_s")));
    assert_string_equal(page_text(data, "devices", two, "driver"), "driver 7");
    assert_int_equal(page_rows(data, "environment"), 2); /* stable facts, once */
    assert_says(data, "notes", "The peak of cpu of one changed by more than 5 %");
    assert_says(data, "notes", "10 of 20 runs come from a build whose source differed from its commit");
    assert_false(page_says(data, "notes", "were not checked"));
    cJSON_Delete(data);
}

/* Two hosts may go by one name: what one reaches is no peak of the other. */
static void hardware_under_one_name(void **state) {
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){.device = "Old CPU", .started = "2026-01-01T00:00:00Z", .session = "a"}, 1000, 3);
    made_write(base, "a", "runs.csv", csv.data);
    made_write(base, "a", "peaks.csv", "device_key,device,fma_gflop_per_s,drifted\ncpu,Old CPU,900,1\n");
    made_begin(base, "b", &csv);
    made_arm(&csv, (made){.device = "New CPU", .started = "2026-01-02T00:00:00Z", .session = "b"}, 1000, 3);
    made_write(base, "b", "runs.csv", csv.data);
    made_write(base, "b", "peaks.csv", "device_key,device,fma_gflop_per_s,drifted\ncpu,New CPU,100,0\n");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "devices"), 1);
    assert_string_equal(page_text(data, "devices", 0, "device"), "New CPU");
    assert_near(page_number(data, "devices", 0, "fma_gflop_per_s"), 100);
    assert_near(page_number(data, "devices", 0, "drifted"), 0);
    assert_says(data, "notes", "cpu of vm is New CPU in some runs and Old CPU in others");
    cJSON_Delete(data);
}

/* Profiled ops: shares, and where the step stands under the roofline. */
static void ops_and_roofline(void **state) {
    rb_row row;
    (void)state;
    made_begin(base, "ops", &csv);
    made_row(&(made){.speed = 1000}, &row);
    rb_row_text(&row, RB_COL(runs, run_id), "p-0001");
    rb_row_int(&row, RB_COL(runs, step_wall_ns_median), 2000);
    rb_csv_row(&row, &csv);
    rb_row_end(&row);
    made_write(base, "ops", "runs.csv", csv.data);
    made_write(base, "ops", "ops.csv",
               "schema_version,run_id,op,provider,calls,ns,gflop_per_s,gbyte_per_s\n"
               "1,p-0001,0 conv,own,10,15000,40,4\n1,p-0001,1 linear,own,10,5000,20,8\n1,gone-0001,0 "
               "conv,own,10,15000,40,4\n");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "ops"), 2);
    assert_near(page_number(data, "ops", 0, "share_pct"), 75);
    /* 15000 ns x 40 + 5000 ns x 20 = 700,000 FLOPs and 100,000 bytes in 10 steps; 70,000 FLOPs in 2000 ns. */
    assert_near(page_number(data, "roofline", 0, "flop_per_byte"), 7);
    assert_near(page_number(data, "roofline", 0, "gflop_per_s"), 35);
    cJSON_Delete(data);
    /* Rows of today say it themselves. */
    made_begin(base, "ops", &csv);
    made_row(&(made){.speed = 1000}, &row);
    rb_row_text(&row, RB_COL(runs, run_id), "p-0001");
    rb_row_int(&row, RB_COL(runs, step_wall_ns_median), 2000);
    rb_row_real(&row, RB_COL(runs, step_mflop), 0.08);
    rb_row_real(&row, RB_COL(runs, step_mbyte), 0.02);
    rb_row_real(&row, RB_COL(runs, peak_gflops), 55);
    rb_csv_row(&row, &csv);
    rb_row_end(&row);
    made_write(base, "ops", "runs.csv", csv.data);
    data = page_of(base);
    assert_int_equal(page_rows(data, "roofline"), 1);
    assert_near(page_number(data, "devices", 0, "fma_gflop_per_s"), 55); /* without peaks.csv too */
    assert_near(page_number(data, "roofline", 0, "flop_per_byte"), 4);
    assert_near(page_number(data, "roofline", 0, "gflop_per_s"), 40);
    cJSON_Delete(data);
    /* What rounds its operands is not held against fp32's peaks. */
    made_begin(base, "ops", &csv);
    made_row(&(made){.speed = 1000}, &row);
    rb_row_int(&row, RB_COL(runs, step_wall_ns_median), 2000);
    rb_row_real(&row, RB_COL(runs, step_mflop), 0.08);
    rb_row_real(&row, RB_COL(runs, step_mbyte), 0.02);
    rb_row_text(&row, RB_COL(runs, precision), "bf16");
    rb_csv_row(&row, &csv);
    rb_row_end(&row);
    made_write(base, "ops", "runs.csv", csv.data);
    made_write(base, "ops", "peaks.csv",
               "device_key,fma_gflop_per_s,gemm_gflop_per_s,precision\ncpu,100,80,fp32\ncpu,100,900,bf16\n");
    data = page_of(base);
    assert_int_equal(page_rows(data, "roofline"), 0);
    assert_near(page_number(data, "devices", 0, "gemm_gflop_per_s"), 80);
    assert_says(data, "notes", "in bf16 has no place under the roof, which is fp32's");
    cJSON_Delete(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(sessions_below_a_session), TEST(what_was_set_aside_counts_once),
                                       TEST(several_machines), TEST(hardware_under_one_name), TEST(ops_and_roofline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
