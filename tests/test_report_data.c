/* test_report_data.c: the data of `regbench report`: its numbers recomputed from the sessions' CSV files by other
 * means, and what it says about sessions that are empty, cut off, failed, old, hostile, many. */
#include "report_util.h"

#include "page_util.h"

#include "report/csv_read.h"

static char *base;
static rb_text csv, epochs;

static int begin(void **state) {
    (void)state;
    base = util_folder();
    return 0;
}

static int end(void **state) {
    (void)state;
    util_remove(base);
    rb_text_free(&csv);
    rb_text_free(&epochs);
    return 0;
}

/* --- other means ----------------------------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted values of a column of NAME/runs.csv, of rows whose column `key` is `value`. */
static int values_of(const char *name, const char *key, const char *value, const char *column, double *out) {
    char path[600];
    rb_csv file;
    int n = 0;
    snprintf(path, sizeof path, "%s/%s/runs.csv", base, name);
    assert_int_equal(rb_csv_read(path, &file), RB_OK);
    for (int i = 0; i < file.n_rows; i++)
        if (!strcmp(rb_csv_get(&file, i, key), value) && *rb_csv_get(&file, i, column))
            out[n++] = strtod(rb_csv_get(&file, i, column), NULL);
    rb_csv_free(&file);
    qsort(out, (size_t)n, sizeof *out, ascending);
    return n;
}

static double middle(const double *sorted, int n) { return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2; }

static void assert_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-8 * fmax(1, fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

/* --- speeds ---------------------------------------------------------------------------------------------------------
 */

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

/* No ranking without intervals, none where they overlap; other libraries are no devices. */
static void claims_need_values(void **state) {
    (void)state;
    made gpu = {.name = "size/mlp", .device_key = "opencl:0", .backend = "opencl"};
    made_begin(base, "few", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 4);
    made_arm(&csv, gpu, 100, 4);
    made_write(base, "few", "runs.csv", csv.data);
    cJSON *data = page_of(base);
    assert_false(page_says(data, "summary", "fastest"));
    assert_says(data, "summary", "Not enough processes to rank the devices in 1 case");
    cJSON_Delete(data);
    made_begin(base, "few", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 10);
    made_arm(&csv, gpu, 1003, 10);
    made_write(base, "few", "runs.csv", csv.data);
    data = page_of(base);
    assert_false(page_says(data, "summary", "of vm is fastest"));
    assert_says(data, "summary", "In 1 case no device can be called fastest");
    cJSON_Delete(data);
    /* Five on each side are enough for compare's test, though not for intervals of the medians. */
    made_begin(base, "few", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 5);
    made_arm(&csv, gpu, 100, 5);
    made_write(base, "few", "runs.csv", csv.data);
    data = page_of(base);
    assert_says(data, "summary",
                "cpu of vm is fastest at size/mlp, batch 512: 10 times as fast as opencl:0 (95 % interval ");
    assert_says(data, "summary", "5 and 5 processes");
    cJSON_Delete(data);
    /* compare does not pair own kernels with a library's: then both intervals must lie apart. */
    for (int few = 0; few < 2; few++) {
        made_begin(base, "few", &csv);
        made_arm(&csv, (made){.name = "size/mlp", .provider = "own onednn"}, 1000, few ? 5 : 6);
        made_arm(&csv, gpu, 500, 6);
        made_write(base, "few", "runs.csv", csv.data);
        data = page_of(base);
        assert_int_equal(page_rows(data, "compare"), 0);
        assert_int_equal(page_says(data, "summary", "(95 % intervals of both medians apart, "), !few);
        assert_int_equal(page_says(data, "summary", "Not enough processes"), few);
        cJSON_Delete(data);
    }
    made_begin(base, "few", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 10);
    made peer = {.name = "size/mlp", .backend = "torch-eager", .provider = "torch 2", .hash = "", .env_id = ""};
    made_arm(&csv, peer, 100, 10);
    peer.device_key = "opencl:0";
    made_arm(&csv, peer, 300, 10);
    made_write(base, "few", "runs.csv", csv.data);
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
        made_arm(&csv, (made){.commit = commit, .started = started, .session = session}, levels[i], i ? 10 : 12);
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

/* --- whole runs -----------------------------------------------------------------------------------------------------
 */

enum { SEEDS = 7, EPOCHS = 1000 };
static double accuracy_of(int seed, int epoch) { return 0.5 + 0.01 * ((seed * 5) % 7) + 0.0001 * epoch; }

static void outcomes_and_curves_agree(void **state) {
    double values[SEEDS], gaps[SEEDS];
    (void)state;
    made_begin(base, "runs", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < SEEDS; s++) {
        made_add_run(&csv,
                     &(made_run){.name = "toy/x", .seed = s + 1, .number = s, .accuracy = accuracy_of(s, EPOCHS)});
        for (int e = 1; e <= EPOCHS; e++) made_add_epoch(&epochs, s, e, 0.9 + 0.001 * s, accuracy_of(s, e));
    }
    /* An eighth seed failed; a ninth diverged as its case foresees, which is no failure. */
    made_add_run(&csv, &(made_run){.name = "toy/x", .seed = 8, .number = 8, .status = "timeout", .why = "5 s"});
    made_add_run(&csv,
                 &(made_run){.name = "toy/y", .seed = 1, .number = 9, .status = "diverged", .why = RB_FORESEEN "nan"});
    made_write(base, "runs", "runs.csv", csv.data);
    made_write(base, "runs", "epochs.csv", epochs.data);
    cJSON *data = page_of(base);
    int n = values_of("runs", "case", "toy/x", "val_acc_final", values);
    assert_int_equal(n, SEEDS);
    assert_near(page_number(data, "outcomes", 0, "seeds"), SEEDS);
    assert_string_equal(page_text(data, "outcomes", 0, "status"), "7 ok, 1 timeout");
    assert_near(page_number(data, "outcomes", 0, "val_acc_final"), middle(values, n));
    /* Of seven values the extremes enclose the median: 2 / 128 is below 5 %, 2 (1 + 7) / 128 is not. */
    assert_near(page_number(data, "outcomes", 0, "val_acc_final_low"), values[0]);
    assert_near(page_number(data, "outcomes", 0, "val_acc_final_high"), values[n - 1]);
    for (int s = 0; s < SEEDS; s++) gaps[s] = 0.9 + 0.001 * s - accuracy_of(s, EPOCHS);
    qsort(gaps, SEEDS, sizeof *gaps, ascending);
    assert_near(page_number(data, "outcomes", 0, "gap"), middle(gaps, SEEDS));
    assert_string_equal(page_text(data, "outcomes", 0, "repeat"),
                        "regbench run toy/x -d cpu -t 2 --provider own -s 1,2,3,4,5,6,7,8");
    int points = page_rows(data, "curves");
    assert_true(points > 100 && points <= 122);
    assert_near(page_number(data, "curves", 0, "epoch"), 1);
    assert_near(page_number(data, "curves", points - 1, "epoch"), EPOCHS);
    for (int i = 0; i < points; i++) {
        int epoch = (int)page_number(data, "curves", i, "epoch");
        assert_near(page_number(data, "curves", i, "val_acc"),
                    accuracy_of(2, epoch)); /* 10 mod 7 = 3: the middle one */
        assert_near(page_number(data, "curves", i, "val_acc_low"), accuracy_of(0, epoch));
        assert_near(page_number(data, "curves", i, "val_acc_high"), 0.56 + 0.0001 * epoch);
    }
    assert_int_equal(page_rows(data, "failures"), 1);
    assert_string_equal(page_text(data, "failures", 0, "repeat"), "regbench run toy/x -d cpu -s 8");
    assert_says(data, "summary",
                "1 of 9 runs failed: 1 timeout. 1 more ended otherwise than well, as the case foresees.");
    cJSON_Delete(data);
}

/* Six seeds of a known regularizer and its base. */
static void effects_are_told_with_their_interval(void **state) {
    double differences[6], mean = 0, squares = 0;
    char part[128];
    (void)state;
    made_begin(base, "effects", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < 6; s++) {
        double without = 0.4 + 0.01 * s, with = without + 0.03 + 0.002 * ((s * 3) % 5);
        differences[s] = with - without;
        mean += differences[s] / 6;
        made_add_run(&csv,
                     &(made_run){.name = "animals/unregularized", .seed = s, .number = 2 * s, .accuracy = without});
        made_add_run(&csv,
                     &(made_run){.name = "animals/l1", .reg = "l1", .seed = s, .number = 2 * s + 1, .accuracy = with});
        made_add_epoch(&epochs, 2 * s, 2, 0.9, without);
        made_add_epoch(&epochs, 2 * s + 1, 2, 0.8, with);
    }
    /* One seed has no interval, and three that contradict each other have a wide one. */
    made_add_run(&csv, &(made_run){.name = "animals/l2", .reg = "l2", .seed = 0, .number = 20, .accuracy = 0.5});
    made_add_epoch(&epochs, 20, 2, 0.8, 0.5);
    for (int s = 0; s < 3; s++) {
        double change = 0.1 * (s - 1) + 0.02;
        made_add_run(&csv,
                     &(made_run){.name = "animals/l1l2", .reg = "l1 l2", .seed = s, .number = 21 + s, .accuracy = 0.5});
        made_add_epoch(&epochs, 21 + s, 2, 0.8, 0.4 + 0.01 * s + change);
    }
    made_write(base, "effects", "runs.csv", csv.data);
    made_write(base, "effects", "epochs.csv", epochs.data);
    for (int s = 0; s < 6; s++) squares += (differences[s] - mean) * (differences[s] - mean);
    double half = 2.571 * sqrt(squares / 5 / 6); /* Student's t for 5 degrees of freedom */
    cJSON *data = page_of(base);
    int row = page_find(data, "effects", "figure", "val_acc_final");
    assert_string_equal(page_text(data, "effects", row, "case"), "animals/l1");
    assert_true(fabs(page_number(data, "effects", row, "change") - mean) < 1e-8);
    assert_true(fabs(page_number(data, "effects", row, "low") - (mean - half)) < 1e-6);
    assert_true(fabs(page_number(data, "effects", row, "high") - (mean + half)) < 1e-6);
    snprintf(part, sizeof part, "%+.1f points, 95 %% interval %+.1f to %+.1f, 6 seeds", 100 * mean, 100 * (mean - half),
             100 * (mean + half));
    assert_says(data, "summary", "animals/l1 (l1) raises the final validation accuracy of animals/unregularized: ");
    assert_says(data, "summary", part);
    assert_says(data, "summary", "Of one seed, so without a verdict: animals/l2 (+10.0 points, 1 seed).");
    assert_says(data, "summary", "can be shown (95 % intervals) for animals/l1l2 (-22.8 to +26.8 points, 3 seeds).");
    cJSON_Delete(data);
}

/* Of many arms without an effect a few are named. */
static void many_effects_are_not_all_named(void **state) {
    (void)state;
    static const char *const names[] = {"animals/unregularized", "animals/no-dropout", "animals/l1", "animals/l2",
                                        "animals/l1l2",          "animals/dropout"};
    int number = 0;
    made_begin(base, "effects", &csv);
    rb_text_clear(&epochs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int s = 0; s < 3; s++, number++) {
        made_add_run(&csv, &(made_run){.name = "animals/unregularized", .seed = s, .number = number, .accuracy = 0.4});
        made_add_epoch(&epochs, number, 2, 0.8, 0.4);
    }
    for (int k = 0; k < 6; k++)
        for (int s = 0; s < 3; s++, number++) {
            double accuracy = k < 2 ? 0.4 : 0.4 + 0.1 * (s - 1) + 0.01;
            const char *reg = k < 2 ? NULL : strchr(names[k], '/') + 1;
            made_add_run(&csv,
                         &(made_run){.name = names[k], .reg = reg, .seed = s, .number = number, .accuracy = accuracy});
            made_add_epoch(&epochs, number, 2, 0.8, accuracy);
        }
    made_write(base, "effects", "runs.csv", csv.data);
    made_write(base, "effects", "epochs.csv", epochs.data);
    cJSON *data = page_of(base);
    if (!page_says(data, "summary", ", and 1 more: see Regularizers."))
        fail_msg("%s", cJSON_Print(cJSON_GetObjectItem(data, "summary")));
    cJSON_Delete(data);
}

/* --- places ---------------------------------------------------------------------------------------------------------
 */

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(speeds_agree_with_the_csv),
                                       TEST(claims_need_values),
                                       TEST(rows_stand_by_name_and_size),
                                       TEST(the_newest_build_counts),
                                       TEST(one_process_hides_no_ten),
                                       TEST(whole_runs_have_a_history_of_their_own),
                                       TEST(kinds_do_not_make_a_history),
                                       TEST(sessions_below_a_session),
                                       TEST(what_was_set_aside_counts_once),
                                       TEST(many_effects_are_not_all_named),
                                       TEST(hardware_under_one_name),
                                       TEST(outcomes_and_curves_agree),
                                       TEST(effects_are_told_with_their_interval),
                                       TEST(several_machines),
                                       TEST(ops_and_roofline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
