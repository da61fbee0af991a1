/* test_report_trouble.c: what `regbench report` says of sessions that are empty, cut off, failed, old, hostile, many.
 */
#include "report_util.h"

#include <sys/resource.h>

#include "measure/build.h"
#include "page_rig.h"

/* --- sessions as they come ------------------------------------------------------------------------------------------
 */

static rb_status read_only(const char *folder) {
    rb_report *report = NULL;
    rb_status status = rb_report_read(&folder, 1, NULL, &report);
    rb_report_free(report);
    return status;
}

static void nothing_and_failures_only(void **state) {
    (void)state;
    assert_fails(read_only(base), RB_MISSING, "holds no session");
    assert_fails(read_only("/nowhere/at/all"), RB_MISSING, "cannot open /nowhere/at/all");
    made_begin(base, "empty", &csv);
    made_write(base, "empty", "runs.csv", csv.data);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 0);
    assert_int_equal(page_rows(data, "sessions"), 1);
    assert_says(data, "summary", "Nothing was run: 1 session without a row of results.");
    cJSON_Delete(data);
    made_begin(base, "begun", &csv);
    made_write(base, "begun", "session.json",
               "{\"schema_version\":1,\"session_id\":\"abc\",\"command\":\"regbench run x\"}");
    data = page_of(base);
    assert_string_equal(page_text(data, "sessions", 0, "session_id"), "abc");
    assert_string_equal(page_text(data, "sessions", 0, "command"), "regbench run x");
    assert_says(data, "notes", "is a session without runs.csv");
    cJSON_Delete(data);
    made_begin(base, "failed", &csv);
    for (int i = 0; i < 3; i++) made_add(&csv, &(made){.status = i ? "timeout" : "oom", .why = "not today"});
    made_write(base, "failed", "runs.csv", csv.data);
    data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 0);
    assert_int_equal(page_rows(data, "failures"), 3);
    assert_int_equal(page_rows(data, "devices"), 1);
    assert_says(data, "summary", "3 of 3 runs failed: 1 oom, 2 timeout.");
    cJSON_Delete(data);
}

/* Cut off, damaged, newer, older: each as far as it can be read, and a note about what cannot. */
static void damaged_sessions(void **state) {
    (void)state;
    made_begin(base, "newer", &csv);
    made_arm(&csv, (made){.schema = RB_SCHEMA_VERSION + 1}, 1000, 3);
    made_write(base, "newer", "runs.csv", csv.data);
    assert_fails(read_only(base), RB_INPUT, "schema_version");
    made_begin(base, "damaged", &csv);
    made_write(base, "damaged", "runs.csv", "schema_version,run_id\n\"1,2\n");
    assert_fails(read_only(base), RB_INPUT, "no other session can be read");
    made_begin(base, "partial", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 3);
    made_write(base, "partial", "runs.csv", csv.data);
    made_write(base, "partial", "events.jsonl", "{\"table\":\"runs\",\"row\":{}}\n{\"table\":\"ru");
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    made_add_epoch(&epochs, 77, 1, 0.5, 0.4);
    made_write(base, "partial", "epochs.csv", epochs.data);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "sessions"), 1);
    assert_int_equal(page_rows(data, "speeds"), 1);
    assert_int_equal(page_rows(data, "curves"), 0);
    assert_says(data, "notes", "ends in half a line");
    assert_says(data, "notes", "1 run began and did not come to an end");
    assert_says(data, "notes", "newer/runs.csv has schema_version 2");
    assert_says(data, "notes", "damaged/runs.csv, row");
    cJSON_Delete(data);
    /* What an early version wrote had fewer columns. */
    made_begin(base, "old", &csv);
    made_write(base, "old", "runs.csv",
               "schema_version,run_id,status,case,device_key,workload_hash,samples_per_s,phase\n"
               "1,o-0001,ok,cnn/mnist,cpu,cccccccccccc,50,bench\n");
    data = page_of(base);
    int row = page_find(data, "speeds", "case", "cnn/mnist");
    assert_near(page_number(data, "speeds", row, "samples_per_s"), 50);
    assert_true(cJSON_IsNull(page_cell(data, "speeds", row, "threads")));
    cJSON_Delete(data);
}

/* Its copy, as published sets are, is no second sample; the same folder given twice neither. */
static void copies_count_once(void **state) {
    char path[600];
    rb_report *report = NULL;
    rb_text json = {0};
    (void)state;
    for (int k = 0; k < 2; k++) {
        made_begin(base, k ? "copy" : "first", &csv);
        for (int s = 0; s < 3; s++)
            made_add_run(&csv, &(made_run){.name = "toy/x", .seed = s, .number = s, .accuracy = 0.5 + 0.1 * s});
        made_write(base, k ? "copy" : "first", "runs.csv", csv.data);
    }
    snprintf(path, sizeof path, "%s/first", base);
    const char *paths[] = {base, path};
    assert_int_equal(rb_report_read(paths, 2, NULL, &report), RB_OK);
    assert_int_equal(rb_report_json(report, &json), RB_OK);
    cJSON *data = cJSON_Parse(json.data);
    assert_int_equal(page_rows(data, "sessions"), 2);
    assert_near(page_number(data, "speeds", 0, "n"), 3);
    assert_says(data, "notes", "3 runs stand in another session too and count once");
    cJSON_Delete(data);
    rb_text_free(&json);
    rb_report_free(report);
}

/* --- hostile strings ------------------------------------------------------------------------------------------------
 */

static const char hostile[] =
    "</script><img src=x onerror=alert(1)> \"'`|&amp; \xe2\x80\xa8 \\ $(touch hacked) {{data}}";

static void hostile_strings(void **state) {
    char broken[300];
    rb_report *report = NULL;
    rb_text html = {0}, md = {0};
    const char *paths[] = {base};
    (void)state;
    /* Rows would mend what is no UTF-8 when they are written: here it stands in the file. */
    made_begin(base, "hostile", &csv);
    made_arm(&csv,
             (made){.device = hostile,
                    .device_key = hostile,
                    .name = hostile,
                    .overrides = "--x=1 $(touch hacked)=`id` a'b=c",
                    .machine = hostile},
             1000, 10);
    made_add(&csv, &(made){.device = "BYTES", .name = "size/mlp", .speed = 5});
    made_add(&csv, &(made){.status = "crash", .why = "line one\nline | two </script>", .name = hostile});
    char *bytes = strstr(csv.data, "BYTES");
    memcpy(bytes, "\xff\xc0\x80\xed\xa0", 5);
    made_write(base, "hostile", "runs.csv", csv.data);
    assert_int_equal(rb_report_read(paths, 1, hostile, &report), RB_OK);
    assert_int_equal(rb_report_html(report, &html), RB_OK);
    assert_null(strstr(html.data, "<img src=x"));
    assert_null(strstr(html.data, "\xff"));
    cJSON *data = page_data(html.data);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "title")), hostile);
    int row = page_find(data, "speeds", "case", hostile); /* comes back as it was */
    assert_string_equal(page_text(data, "speeds", row, "device"), hostile);
    snprintf(broken, sizeof broken, "%s",
             page_text(data, "speeds", page_find(data, "speeds", "case", "size/mlp"), "device"));
    assert_non_null(strstr(broken, "\xef\xbf\xbd"));
    /* The command is words for a shell, nothing that it would run. */
    char command[2000];
    snprintf(command, sizeof command,
             "cd %s && set -- %s && [ \"$1\" = regbench ] && [ $# -gt 5 ] && printf %%s \"$3\" >seen", base,
             page_text(data, "speeds", row, "repeat"));
    assert_int_equal(system(command), 0);
    char *seen = util_read(base, "seen");
    assert_string_equal(seen, hostile);
    free(seen);
    snprintf(command, sizeof command, "[ ! -e %s/hacked ]", base);
    assert_int_equal(system(command), 0);
    assert_int_equal(rb_report_md(report, &md), RB_OK);
    assert_null(strstr(md.data, "<img"));
    assert_null(strstr(md.data, "line one\nline"));
    assert_non_null(strstr(md.data, "line \\| two"));
    cJSON_Delete(data);
    rb_report_free(report);
    rb_text_free(&html);
    rb_text_free(&md);
}

/* --- size -----------------------------------------------------------------------------------------------------------
 */

static double processor_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + 1e-6 * (double)usage.ru_utime.tv_usec;
}

/* 10,000 rows, as many different things as there can be: under 2 s of processor time, under 5 MB. */
static void ten_thousand_rows(void **state) {
    (void)state;
    const char *paths[] = {base};
    static const int different[] = {50, 2500, 10000}; /* names: in the last round no two rows are of a kind */
    for (int round = 0; round < 3; round++) {
        rb_report *report = NULL;
        rb_text html = {0};
        made_begin(base, "large", &csv);
        rb_text_clear(&epochs);
        rb_csv_header(RB_TABLE_epochs, &epochs);
        for (int i = 0; i < 10000; i++) {
            char name[64], change[64], hash[16];
            snprintf(name, sizeof name, round ? "animals/a-rather-long-name-%d" : "size/case%d", i % different[round]);
            snprintf(change, sizeof change, "hidden1.units=%d lr=0.%d", i % (round ? 2500 : 10),
                     i % (round ? 2500 : 10));
            snprintf(hash, sizeof hash, "%012x", i % 500);
            if (round == 1) {
                made_add_run(
                    &csv,
                    &(made_run){.name = name, .overrides = change, .seed = i / 2500, .number = i, .accuracy = 0.5});
                for (int e = 1; e <= 5; e++) made_add_epoch(&epochs, i, e, 0.9, 0.5 + 0.01 * e);
            } else
                made_add(&csv, &(made){.name = name,
                                       .overrides = change,
                                       .hash = hash,
                                       .speed = made_speed(1000, i % 17),
                                       .device_key = i % 1000 < 500 ? "cpu" : "opencl:0",
                                       .backend = i % 1000 < 500 ? "cpu" : "opencl"});
        }
        made_write(base, "large", "runs.csv", csv.data);
        made_write(base, "large", "epochs.csv", epochs.data);
        double before = processor_s();
        assert_int_equal(rb_report_read(paths, 1, NULL, &report), RB_OK);
        assert_int_equal(rb_report_html(report, &html), RB_OK);
        double took = processor_s() - before;
        print_message("round %d: %.2f s, %.2f MB\n", round, took, (double)html.length / 1e6);
        if (!strstr(rb_build_flags(), "sanitized")) assert_true(took < 2);
        assert_true(html.length < 5000000);
        cJSON *data = page_data(html.data);
        assert_true(page_rows(data, "speeds") > 400);
        assert_int_equal(page_says(data, "notes", "rows are left out here"), round > 0);
        cJSON_Delete(data);
        rb_report_free(report);
        rb_text_free(&html);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(nothing_and_failures_only), TEST(damaged_sessions), TEST(copies_count_once),
                                       TEST(hostile_strings), TEST(ten_thousand_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
