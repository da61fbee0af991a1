/* test_report_speeds.c: what `regbench report` says of speeds: medians, intervals, rankings and history recomputed from
 * the sessions' CSV files by other means. */
#include "report_util.h"

#include "page_rig.h"

static void speeds_agree_with_the_csv(void **state) {
    double values[64];
    (void)state;
    made_begin(base, "two", &csv);
    made_arm(&csv, (made){.name = "size/mlp", .device_key = "opencl:0", .backend = "opencl"}, 500, 10);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 10);
    made_arm(&csv, (made){.name = "size/lenet", .hash = "bbbbbbbbbbbb"}, 300, 3);
    made_write(base, "two", "runs.csv", csv.data);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 3);
    /* size/lenet comes first by name: three processes have a range and no interval. */
    int n = values_of("two", "case", "size/lenet", "samples_per_s", values);
    assert_int_equal(n, 3);
    assert_string_equal(page_text(data, "speeds", 0, "case"), "size/lenet");
    assert_string_equal(page_text(data, "speeds", 0, "interval"), "range");
    assert_near(page_number(data, "speeds", 0, "samples_per_s"), middle(values, n));
    assert_near(page_number(data, "speeds", 0, "samples_per_s_low"), values[0]);
    assert_near(page_number(data, "speeds", 0, "samples_per_s_high"), values[2]);
    /* Of ten values the 2nd and the 9th enclose the median: 2 (1 + 10) / 1024 is below 5 %, 2 (1 + 10 + 45) / 1024 not.
     */
    for (int i = 1; i < 3; i++) {
        n = values_of("two", "device_key", page_text(data, "speeds", i, "device_key"), "samples_per_s", values);
        double *of = values + (n == 13 ? 3 : 0); /* of the cpu without size/lenet, which is slower */
        assert_near(page_number(data, "speeds", i, "n"), 10);
        assert_string_equal(page_text(data, "speeds", i, "interval"), "95 %");
        assert_near(page_number(data, "speeds", i, "samples_per_s"), middle(of, 10));
        assert_near(page_number(data, "speeds", i, "samples_per_s_low"), of[1]);
        assert_near(page_number(data, "speeds", i, "samples_per_s_high"), of[8]);
        assert_string_equal(page_text(data, "speeds", i, "mode"), "train");
        assert_string_equal(page_text(data, "speeds", i, "lab"), "size");
    }
    assert_string_equal(page_text(data, "speeds", 2, "repeat"),
                        "regbench bench size/mlp -d opencl:0 --provider own -r 10");
    /* A peak that drifted makes both doubtful: who is first, and what share of it was reached. */
    assert_false(page_says(data, "summary", "doubted"));
    made_write(base, "two", "peaks.csv", "schema_version,device_key,fma_gflop_per_s,drifted\n1,cpu,100,1\n");
    cJSON *doubtful = page_of(base);
    assert_says(doubtful, "summary", "1 of these rankings is to be doubted");
    cJSON_Delete(doubtful);
    /* The cpu is what others are compared with; the ratio is the median of all quotients. */
    assert_int_equal(page_rows(data, "compare"), 1);
    assert_string_equal(page_text(data, "compare", 0, "arm_a"), "cpu");
    assert_string_equal(page_text(data, "compare", 0, "verdict"), "slower");
    double quotients[100];
    for (int i = 0; i < 100; i++) quotients[i] = made_speed(500, i / 10) / made_speed(1000, i % 10);
    qsort(quotients, 100, sizeof *quotients, ascending);
    assert_true(fabs(page_number(data, "compare", 0, "ratio") - middle(quotients, 100)) < 1e-4);
    assert_says(data, "summary", "cpu of vm is fastest at size/mlp, batch 512: 2 times as fast as opencl:0");
    assert_says(data, "summary", "10 and 10 processes");
    cJSON_Delete(data);
}

/* The report of one session: n_a processes around a level, n_b around another. */
static cJSON *report_of_two(made a, double level_a, int n_a, made b, double level_b, int n_b) {
    made_begin(base, "two", &csv);
    made_arm(&csv, a, level_a, n_a);
    made_arm(&csv, b, level_b, n_b);
    made_write(base, "two", "runs.csv", csv.data);
    return page_of(base);
}

/* No ranking without intervals, none where they overlap; other libraries are no devices. */
static void claims_need_values(void **state) {
    (void)state;
    made gpu = {.name = "size/mlp", .device_key = "opencl:0", .backend = "opencl"};
    cJSON *data = report_of_two((made){.name = "size/mlp"}, 1000, 4, gpu, 100, 4);
    assert_false(page_says(data, "summary", "fastest"));
    assert_says(data, "summary", "Not enough processes to rank the devices in 1 case");
    cJSON_Delete(data);
    data = report_of_two((made){.name = "size/mlp"}, 1000, 10, gpu, 1003, 10);
    assert_false(page_says(data, "summary", "of vm is fastest"));
    assert_says(data, "summary", "In 1 case no device can be called fastest");
    cJSON_Delete(data);
    /* Five on each side are enough for compare's test, though not for intervals of the medians. */
    data = report_of_two((made){.name = "size/mlp"}, 1000, 5, gpu, 100, 5);
    assert_says(data, "summary",
                "cpu of vm is fastest at size/mlp, batch 512: 10 times as fast as opencl:0 (95 % interval ");
    assert_says(data, "summary", "5 and 5 processes");
    cJSON_Delete(data);
    /* compare does not pair own kernels with a library's: then both intervals must lie apart. */
    for (int few = 0; few < 2; few++) {
        data = report_of_two((made){.name = "size/mlp", .provider = "own onednn"}, 1000, few ? 5 : 6, gpu, 500, 6);
        assert_int_equal(page_rows(data, "compare"), 0);
        assert_int_equal(page_says(data, "summary", "(95 % intervals of both medians apart, "), !few);
        assert_int_equal(page_says(data, "summary", "Not enough processes"), few);
        cJSON_Delete(data);
    }
    made_begin(base, "two", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 10);
    made peer = {
        .name = "size/mlp", .backend = "torch-eager", .provider = "torch 2", .hash = "", .commit = "", .env_id = ""};
    made_arm(&csv, peer, 100, 10);
    peer.device_key = "opencl:0";
    made_arm(&csv, peer, 300, 10);
    made_write(base, "two", "runs.csv", csv.data);
    data = page_of(base);
    assert_false(page_says(data, "summary", "is fastest"));
    assert_says(data, "summary", "regbench is faster in 1, slower in 0");
    assert_int_equal(page_rows(data, "compare"), 0); /* of two devices of another library too */
    int row = page_find(data, "speeds", "backend", "torch-eager");
    assert_string_equal(page_text(data, "speeds", row, "repeat"),
                        "bench/peers/alternate size/mlp --peer torch-eager -d cpu -t 2 -n 10");
    cJSON_Delete(data);
}

static void rows_stand_by_name_and_size(void **state) {
    static const int batches[] = {1024, 64, 512};
    (void)state;
    made_begin(base, "sizes", &csv);
    for (int i = 0; i < 3; i++) made_arm(&csv, (made){.batch = batches[i]}, 1000, 2);
    made_write(base, "sizes", "runs.csv", csv.data);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 3);
    for (int i = 1; i < 3; i++)
        assert_true(page_number(data, "speeds", i - 1, "batch_size") < page_number(data, "speeds", i, "batch_size"));
    cJSON_Delete(data);
}

/* A median over two builds would speak of neither: the newest counts, the older is history. */
static void the_newest_build_counts(void **state) {
    (void)state;
    static const double levels[] = {1000, 800, 805};
    for (int i = 0; i < 3; i++) {
        char name[8], commit[16], started[32], session[8];
        snprintf(name, sizeof name, "s%d", 3 - i); /* read in the other order */
        snprintf(commit, sizeof commit, "c%011d", i);
        snprintf(session, sizeof session, "%06d", i);
        snprintf(started, sizeof started, "2026-01-0%dT00:00:00Z", i + 1);
        made_begin(base, name, &csv);
        /* The one before has more values. */
        made_arm(&csv, (made){.commit = commit, .started = started, .session = session}, levels[i], i == 1 ? 12 : 10);
        made_write(base, name, "runs.csv", csv.data);
    }
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 1);
    assert_near(page_number(data, "speeds", 0, "n"), 10);
    assert_string_equal(page_text(data, "speeds", 0, "commit"), "c00000000002");
    assert_true(fabs(page_number(data, "speeds", 0, "samples_per_s") - 805) < 10);
    assert_says(data, "notes", "1 of the 1 speeds were measured by several builds");
    assert_int_equal(page_rows(data, "history"), 3);
    assert_says(data, "summary", "size/mlp on cpu of vm is 0.8");
    assert_says(data, "summary", "slower, confirmed");
    cJSON_Delete(data);
}

/* A later process with a profile has an environment of its own: it hides nothing. One peak of six that drifted casts no
 * doubt on the others, and is told. */
static void one_process_hides_no_ten(void **state) {
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){.session = "a"}, 1000, 10);
    made_write(base, "a", "runs.csv", csv.data);
    made_write(base, "a", "peaks.csv",
               "device_key,fma_gflop_per_s,drifted\ncpu,90,1\ncpu,90,0\ncpu,90,0\ncpu,90,0\ncpu,90,0\ncpu,90,0\n");
    made_begin(base, "b", &csv);
    made_arm(&csv, (made){.env_id = "e00000000009", .started = "2026-12-02T00:00:00Z", .session = "b"}, 500, 1);
    made_write(base, "b", "runs.csv", csv.data);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 1);
    assert_near(page_number(data, "speeds", 0, "n"), 10);
    assert_near(page_number(data, "devices", 0, "drifted"), 0);
    assert_says(data, "notes", "changed by more than 5 % during 1 of 6 sessions");
    cJSON_Delete(data);
}

/* Whole runs evaluate in between: slower windows of steps they are not, in one series they would be a step. */
static void whole_runs_have_a_history_of_their_own(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        char name[8], started[32], session[8];
        bool whole = i < 2;
        snprintf(name, sizeof name, "s%d", i);
        snprintf(session, sizeof session, "%06d", i);
        snprintf(started, sizeof started, "2026-01-0%dT00:00:00Z", i + 1);
        made_begin(base, name, &csv);
        made_arm(&csv, (made){.phase = whole ? "run" : "bench", .started = started, .session = session},
                 whole ? 50 : 1000, 10);
        made_write(base, name, "runs.csv", csv.data);
    }
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "history"), 4);
    int whole = 0;
    for (int i = 0; i < 4; i++) {
        bool run = !strcmp(page_text(data, "history", i, "phase"), "run");
        whole += run;
        assert_true(fabs(page_number(data, "history", i, "samples_per_s") / (run ? 50 : 1000) - 1) < 0.02);
    }
    assert_int_equal(whole, 2);
    assert_says(data, "summary", "No step of a speed can be shown");
    cJSON_Delete(data);
}

/* One session of each kind is nobody's history. */
static void kinds_do_not_make_a_history(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "bench" : "run";
        made_begin(base, name, &csv);
        made_arm(&csv, (made){.phase = name, .session = name}, 1000, 10);
        made_write(base, name, "runs.csv", csv.data);
    }
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "history"), 0);
    cJSON_Delete(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(speeds_agree_with_the_csv),   TEST(claims_need_values),
                                       TEST(rows_stand_by_name_and_size), TEST(the_newest_build_counts),
                                       TEST(one_process_hides_no_ten),    TEST(whole_runs_have_a_history_of_their_own),
                                       TEST(kinds_do_not_make_a_history)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
