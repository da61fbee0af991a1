/* test_compare_files.c: what compare reads: damaged, newer, older, foreign files; output of Google Benchmark. */
#include "compare_util.h"

static void bad_files(void **state) {
    rb_runs r;
    (void)state;
    made_begin(dir, "s", &csv);
    made_arm(&csv, (made){0}, 1000, 2);
    keep("s");
    char *good = strdup(csv.data);
    assert_fails(read_session("nowhere", &r), RB_MISSING, "nowhere");
    mkdir(at("empty"), 0777);
    assert_fails(read_session("empty", &r), RB_MISSING, "neither a runs.csv nor JSON");
    made_write(dir, "s", "other.csv", "schema_version,run_id,epoch\n1,a,2\n");
    assert_fails(read_session("s/other.csv", &r), RB_INPUT, "no column \"status\"");
    made_write(dir, "s", "foreign.csv", "city,people\nRome,3\n");
    assert_fails(read_session("s/foreign.csv", &r), RB_INPUT, "it is no runs.csv of regbench");
    made_write(dir, "s", "binary.csv",
               "\x7f"
               "ELF\n\"");
    assert_fails(read_session("s/binary.csv", &r), RB_INPUT, "not CSV");
    made_write(dir, "s", "cut.csv", good);
    assert_int_equal(truncate(at("s/cut.csv"), (off_t)strlen(good) - 20), 0);
    assert_fails(read_session("s/cut.csv", &r), RB_INPUT, "not as many fields");
    /* A newer version: of the table, and of the session. */
    made_begin(dir, "new", &csv);
    made_arm(&csv, (made){.schema = 9}, 1000, 2);
    keep("new");
    assert_fails(read_session("new", &r), RB_INPUT, "schema_version 9, this program knows 1");
    made_write(dir, "s", "session.json", "{\"schema_version\": 2}");
    assert_fails(read_session("s", &r), RB_INPUT, "session of a newer regbench (schema_version 2");
    made_write(dir, "s", "session.json", "{\"schema_ver");
    assert_fails(read_session("s", &r), RB_INPUT, "session.json is damaged");
    made_write(dir, "s", "session.json", "{\"schema_version\": 1}");
    assert_int_equal(read_session("s", &r), RB_OK);
    assert_int_equal(r.n, 2);
    rb_runs_free(&r);
    /* events.jsonl: cut inside of a line, cut between lines, whole. */
    const char *line = "{\"table\":\"runs\",\"row\":{\"status\":\"ok\"}}\n";
    char events[256];
    snprintf(events, sizeof events, "%s%.20s", line, line);
    made_write(dir, "s", "events.jsonl", events);
    assert_fails(read_session("s", &r), RB_INPUT, "ends in half a line");
    made_write(dir, "s", "events.jsonl", line);
    assert_fails(read_session("s", &r), RB_INPUT, "holds 1 runs, but runs.csv beside it 2");
    snprintf(events, sizeof events, "%s%s", line, line);
    made_write(dir, "s", "events.jsonl", events);
    assert_int_equal(read_session("s", &r), RB_OK);
    rb_runs_free(&r);
    assert_int_equal(unlink(at("s/runs.csv")), 0);
    assert_fails(read_session("s", &r), RB_MISSING, "a session without runs.csv");
    /* A number that is none, an older file that lacks the latest columns, one with columns that we do not know. */
    made_write(dir, "s", "runs.csv",
               "schema_version,status,case,device_key,workload_hash,samples_per_s\n1,ok,a/b,cpu,aa,fast\n");
    assert_fails(read_session("s/runs.csv", &r), RB_INPUT, "row 2, column samples_per_s: \"fast\" is no number");
    made_write(dir, "s", "runs.csv",
               "schema_version,status,case,device_key,workload_hash,samples_per_s,threads\n1,ok,a/b,cpu,aa,12.5,1e3\n");
    assert_fails(read_session("s/runs.csv", &r), RB_INPUT, "column threads: \"1e3\" is no whole number");
    made_write(dir, "s", "runs.csv",
               "schema_version,status,case,device_key,workload_hash,samples_per_s,of_2030\n1,ok,a/b,cpu,aa,12.5,x\n");
    assert_int_equal(read_session("s/runs.csv", &r), RB_OK);
    assert_true(rb_row_number(&r.rows[0], RB_COL(runs, samples_per_s)) == 12.5);
    rb_runs_free(&r);
    free(good);
}

/* --- Google Benchmark -----------------------------------------------------------------------------------------------
 */

static const char gbench[] =
    "{\"context\": {\"date\": \"2026-01-01T00:00:00+00:00\", \"host_name\": \"vm\", \"num_cpus\": 2},\n"
    " \"benchmarks\": [\n"
    "  {\"name\": \"mlp/cpu/512\", \"run_name\": \"mlp/cpu/512\", \"run_type\": \"iteration\", \"repetitions\": 3,\n"
    "   \"repetition_index\": 0, \"real_time\": 2.0, \"cpu_time\": 9.0, \"time_unit\": \"ms\"},\n"
    "  {\"name\": \"mlp/cpu/512\", \"run_name\": \"mlp/cpu/512\", \"run_type\": \"iteration\", \"repetitions\": 3,\n"
    "   \"repetition_index\": 1, \"real_time\": 2.5, \"cpu_time\": 9.0, \"time_unit\": \"ms\"},\n"
    "  {\"name\": \"mlp/cpu/512\", \"run_name\": \"mlp/cpu/512\", \"run_type\": \"iteration\", \"repetitions\": 3,\n"
    "   \"repetition_index\": 2, \"real_time\": 20, \"cpu_time\": 9.0, \"time_unit\": \"ms\"},\n"
    "  {\"name\": \"mlp/cpu/512_mean\", \"run_name\": \"mlp/cpu/512\", \"run_type\": \"aggregate\",\n"
    "   \"aggregate_name\": \"mean\", \"real_time\": 8, \"cpu_time\": 9.0, \"time_unit\": \"ms\"},\n"
    "  {\"name\": \"lenet\", \"run_name\": \"lenet\", \"run_type\": \"iteration\", \"real_time\": 1e6,\n"
    "   \"time_unit\": \"ns\", \"samples_per_s\": 75600.5,\n"
    "   \"label\": \"workload_hash=0011223344aa verify=quick provider=own onednn\"},\n"
    "  {\"name\": \"broken\", \"run_name\": \"broken\", \"run_type\": \"iteration\", \"error_occurred\": true,\n"
    "   \"error_message\": \"no such device\", \"real_time\": 0, \"time_unit\": \"ns\"}\n"
    " ]}\n";

static void google_benchmark(void **state) {
    rb_runs r;
    rb_compared c;
    char text[2048];
    (void)state;
    mkdir(at("g"), 0777);
    made_write(dir, "g", "a.json", gbench);
    assert_int_equal(read_session("g/a.json", &r), RB_OK);
    assert_int_equal(r.n, 3);
    assert_string_equal(rb_row_get_text(&r.rows[0], RB_COL(runs, case)), "mlp/cpu/512");
    assert_true(fabs(rb_row_number(&r.rows[0], RB_COL(runs, samples_per_s)) - 400) < 1e-9); /* 1 / median 2.5 ms */
    assert_true(rb_row_number(&r.rows[1], RB_COL(runs, samples_per_s)) == 75600.5);
    assert_string_equal(rb_row_get_text(&r.rows[0], RB_COL(runs, workload_hash)), "");
    assert_string_equal(rb_row_get_text(&r.rows[1], RB_COL(runs, workload_hash)), "0011223344aa");
    assert_string_equal(rb_row_get_text(&r.rows[1], RB_COL(runs, verify)), "quick");
    assert_string_equal(rb_row_get_text(&r.rows[1], RB_COL(runs, provider)), "own onednn");
    assert_false(rb_run_ok(&r.rows[2]));
    assert_string_equal(rb_row_get_text(&r.rows[2], RB_COL(runs, status_reason)), "no such device");
    rb_runs_free(&r);
    /* Repetitions in one process are one value: two files decide nothing, and the way out is told. */
    assert_int_equal(compare("g/a.json", "g/a.json", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.unclear, 2);
    for (int i = 0; i < c.n; i++)
        if (*text_of(&c, i, RB_COL(compare, verdict))) assert_part(&c, i, more, "--benchmark_out");
    rb_compared_free(&c);
    /* Folders, one file per process. */
    for (int arm = 0; arm < 2; arm++)
        for (int i = 0; i < 7; i++) {
            char file[32];
            mkdir(at(arm ? "new" : "old"), 0777);
            snprintf(file, sizeof file, "%d.json", i);
            snprintf(text, sizeof text,
                     "{\"benchmarks\": [{\"name\": \"mlp\", \"real_time\": %.9g, \"time_unit\": \"us\"}]}",
                     made_speed(arm ? 110 : 100, i));
            made_write(dir, arm ? "new" : "old", file, text);
        }
    assert_int_equal(compare("old", "new", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_int_equal(c.n, 1);
    assert_text(&c, 0, verdict, "slower");
    assert_int_equal(c.rows[0].cells[RB_COL(compare, n_a)].u.i, 7);
    rb_compared_free(&c);
    made_write(dir, "g", "b.json", "{\"benchmarks\": [{\"name\": \"x\", ");
    assert_fails(read_session("g/b.json", &r), RB_INPUT, "damaged: no whole JSON text");
    assert_fails(read_session("g", &r), RB_INPUT, "b.json");
    made_write(dir, "g", "b.json", "{\"benches\": []}");
    assert_fails(read_session("g/b.json", &r), RB_INPUT, "no output of Google Benchmark");
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(bad_files), TEST(google_benchmark)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
