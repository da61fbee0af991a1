/* test_report_ways.c: the report keeps apart what devices did in different ways, other libraries' sittings, and builds;
 * and of times to accuracy tells what two rows differ in. */
#include "report_util.h"

#include "page_rig.h"

#include "report/tta.h"

static void write_session(const char *name) { made_write(base, name, "runs.csv", csv.data); }

static const made torch = {.backend = "torch-eager", .provider = "torch 2.15", .hash = "", .commit = "", .env_id = ""};

/* A row's times of a library, each of a sitting of its own. */
static void another_library_is_of_its_sitting(void **state) {
    made peer = torch;
    (void)state;
    made_begin(base, "a", &csv);
    peer.started = "2026-01-01T00:00:00Z";
    made_arm(&csv, peer, 100, 10);
    made_arm(&csv, (made){0}, 1000, 10);
    write_session("a");
    made_begin(base, "b", &csv);
    peer.started = "2026-01-02T00:00:00Z";
    made_arm(&csv, peer, 2000, 8);
    made_arm(&csv, (made){.started = peer.started}, 1000, 8);
    write_session("b");
    cJSON *data = page_of(base);
    int row = page_find(data, "speeds", "backend", "torch-eager");
    assert_int_equal(page_rows(data, "speeds"), 2);
    assert_true(page_number(data, "speeds", row, "n") == 8); /* not 18: a day later it may be another program */
    assert_true(page_number(data, "speeds", row, "samples_per_s") > 1900);
    assert_says(data, "summary",
                "in 1 pair: regbench is faster in 0, slower in 1, the same in 0, not told apart in 0; ");
    cJSON_Delete(data);
    /* Today's speeds of ours are not held against yesterday's of another library. */
    made_begin(base, "b", &csv);
    made_arm(&csv, (made){.started = peer.started, .commit = "bbbbbbbbbbbb"}, 4000, 8);
    write_session("b");
    data = page_of(base);
    assert_says(data, "summary", "faster in 1, slower in 0");
    assert_says(data, "summary", "the ratios go from 10 to 10."); /* not 40 */
    cJSON_Delete(data);
    made_begin(base, "a", &csv);
    made_arm(&csv, peer, 100, 10);
    write_session("a");
    data = page_of(base);
    assert_false(page_says(data, "summary", "regbench is faster"));
    assert_says(data, "summary", "1 speed of other libraries has no ratio: regbench did not take turns with it");
    cJSON_Delete(data);
}

/* Of a newer version, in the same sitting: two rows, and the newer one is what counts. */
static void another_version_is_another_program(void **state) {
    made peer = torch;
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, peer, 100, 10);
    peer.provider = "torch 2.16";
    peer.started = "2026-01-02T00:00:00Z";
    made_arm(&csv, peer, 500, 10);
    made_arm(&csv, (made){0}, 1000, 10);
    write_session("a");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 3);
    assert_says(data, "summary", "the ratios go from 2 to 2.");
    cJSON_Delete(data);
}

/* What others ran meanwhile stands beside the speed, and below the page. */
static void doubtful_speeds_say_so(void **state) {
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){.name = "size/lenet"}, 500, 3);
    made_arm(&csv, (made){0}, 1000, 4);
    write_session("a");
    made_write(base, "a", "ratios.csv",
               "case,batch,others_cores_max,device\nsize/mlp,512,0.33,cpu\nsize/lenet,512,0.1,\n");
    cJSON *data = page_of(base);
    assert_true(page_number(data, "speeds", 0, "others_cores") == 0.1);
    assert_true(page_number(data, "speeds", 1, "others_cores") == 0.33);
    assert_says(data, "notes", "4 of 7 runs were timed while other programs used more than 0.15 cores");
    cJSON_Delete(data);
}

/* Whoever is paired: the row of compare is that of the same way. */
static void a_ranking_is_of_the_rows_it_names(void **state) {
    made gpu = {.device_key = "opencl:0", .backend = "opencl"};
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){0}, 1000, 10);
    made_arm(&csv, (made){.settings = "fastest"}, 1100, 10);
    made_arm(&csv, gpu, 500, 10);
    gpu.settings = "fastest";
    made_arm(&csv, gpu, 100, 10);
    write_session("a");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "speeds"), 4);
    int row = page_find(data, "speeds", "settings", "fastest");
    assert_string_equal(page_text(data, "speeds", row, "device_key"), "cpu");
    assert_says(data, "summary", "cpu of vm is fastest at size/mlp, batch 512: 2.2 times as fast as opencl:0 (");
    cJSON_Delete(data);
}

/* Who else used the cores belongs to the session of each row. */
static void disturbed_devices_are_told(void **state) {
    static const char others[] = "case,batch,others_cores_max,device\nsize/mlp,512,0.33,opencl:0\n";
    (void)state;
    made_begin(base, "a", &csv);
    made_arm(&csv, (made){0}, 1000, 10);
    write_session("a");
    made_begin(base, "b", &csv);
    made_arm(&csv, (made){.device_key = "opencl:0", .backend = "opencl"}, 800, 10);
    write_session("b");
    made_write(base, "b", "ratios.csv", others);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "compare"), 1);
    const char *reason = page_text(data, "compare", 0, "reason");
    if (!strstr(reason, "others used up to 0.33 cores while B was measured")) fail_msg("%s", reason);
    cJSON_Delete(data);
}

/* --- time to accuracy -----------------------------------------------------------------------------------------------
 */

typedef struct timed {
    int seed, threads, epochs; /* epochs until the target; 0: not reached */
    double train_s;
    const char *provider, *settings, *commit;
    bool stopped; /* early stopping ended it */
} timed;

static void time_row(const timed *t, rb_row *row) {
    made m = {.provider = t->provider, .settings = t->settings, .commit = t->commit, .phase = "run", .speed = 10};
    made_row(&m, row);
    rb_row_int(row, RB_COL(runs, seed), t->seed);
    rb_row_int(row, RB_COL(runs, threads), t->threads ? t->threads : 2);
    rb_row_real(row, RB_COL(runs, target_value), 0.9);
    rb_row_int(row, RB_COL(runs, target_reached), t->epochs > 0);
    rb_row_int(row, RB_COL(runs, epochs_run), 10);
    rb_row_real(row, RB_COL(runs, train_s), t->train_s);
    rb_row_real(row, RB_COL(runs, eval_s), 1);
    if (t->stopped) rb_row_int(row, RB_COL(runs, stop_epoch), 10);
    if (!t->epochs) return;
    rb_row_int(row, RB_COL(runs, epochs_to_target), t->epochs);
    rb_row_real(row, RB_COL(runs, tta_train_s), t->train_s * t->epochs / 10);
    rb_row_real(row, RB_COL(runs, tta_total_s), t->train_s * t->epochs / 10 + 0.5);
}

static void times_of(const timed *list, int n) {
    made_begin(base, "times", &csv);
    for (int i = 0; i < n; i++) {
        rb_row row;
        time_row(&list[i], &row);
        rb_csv_row(&row, &csv);
        rb_row_end(&row);
    }
    write_session("times");
}

static void times_differ_in_what_is_told(void **state) {
    static const timed list[] = {
        {1, 2, 4, 20, "own", "", NULL, false},           {1, 1, 4, 40, "own", "", NULL, false},
        {1, 2, 4, 10, "own onednn", "", NULL, false},    {1, 2, 4, 8, "own", "fastest", NULL, false},
        {1, 2, 4, 30, "own", "", "bbbbbbbbbbbb", false}, {2, 2, 6, 20, "own", "threads=2", NULL, false}};
    (void)state;
    times_of(list, 6);
    rb_row row;
    time_row(&list[0], &row);
    rb_row_text(&row, RB_COL(runs, device), "Other CPU");
    rb_row_text(&row, RB_COL(runs, run_id), "y-0001"); /* else it were a copy */
    made_begin(base, "elsewhere", &csv);
    rb_csv_row(&row, &csv);
    rb_row_end(&row);
    write_session("elsewhere");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "tta"), 6); /* the last of the list is another seed of the first */
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++) {
            bool told = page_number(data, "tta", i, "threads") != page_number(data, "tta", k, "threads");
            static const char *const columns[] = {"provider", "settings", "commit", "device"};
            for (int c = 0; c < 4; c++)
                told |= strcmp(page_text(data, "tta", i, columns[c]), page_text(data, "tta", k, columns[c])) != 0;
            assert_true(told);
        }
    assert_true(page_number(data, "tta", page_find(data, "tta", "provider", "own onednn"), "s_per_epoch") == 1);
    assert_true(page_number(data, "tta", page_find(data, "tta", "settings", "fastest"), "tta_train_s") == 3.2);
    cJSON_Delete(data);
}

/* Training in tf32 is another experiment than in fp32, of the same seed too. */
static void precisions_have_outcomes_of_their_own(void **state) {
    (void)state;
    made_begin(base, "a", &csv);
    for (int i = 0; i < 4; i++) {
        rb_row row;
        made_row(&(made){.phase = "run", .speed = 10}, &row);
        rb_row_int(&row, RB_COL(runs, seed), i / 2);
        rb_row_real(&row, RB_COL(runs, val_acc_final), i % 2 ? 0.5 : 0.9);
        if (i % 2) rb_row_text(&row, RB_COL(runs, precision), "tf32");
        rb_csv_row(&row, &csv);
        rb_row_end(&row);
    }
    write_session("a");
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "outcomes"), 2);
    int row = page_find(data, "outcomes", "precision", "tf32");
    assert_true(page_number(data, "outcomes", row, "val_acc_final") == 0.5);
    assert_true(page_number(data, "outcomes", !row, "seeds") == 2);
    cJSON_Delete(data);
}

/* A seed that was trained twice is one sample. */
static void a_seed_counts_once(void **state) {
    static const timed list[] = {{1, 2, 2, 20, "own", "", NULL, false},
                                 {1, 2, 2, 20, "own", "", NULL, false},
                                 {1, 2, 2, 22, "own", "", NULL, false},
                                 {2, 2, 8, 20, "own", "", NULL, false},
                                 {3, 2, 9, 20, "own", "", NULL, false}};
    (void)state;
    times_of(list, 5);
    cJSON *data = page_of(base);
    assert_int_equal(page_rows(data, "tta"), 1);
    assert_true(page_number(data, "tta", 0, "n") == 3 && page_number(data, "tta", 0, "reached") == 3);
    assert_true(page_number(data, "tta", 0, "epochs_to_target") == 8);
    cJSON_Delete(data);
}

/* A run that gave up will not come to it: of three one did, which is no median. One that ran out of epochs might have.
 */
static void who_gave_up_is_not_censored(void **state) {
    timed list[] = {{1, 2, 8, 20, "own", "", NULL, false},
                    {2, 2, 0, 12, "own", "", NULL, true},
                    {3, 2, 0, 12, "own", "", NULL, true}};
    const rb_row *rows[3];
    rb_row made_rows[3], *found = NULL;
    int n = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        time_row(&list[i], &made_rows[i]);
        rows[i] = &made_rows[i];
    }
    assert_int_equal(rb_tta_rows(rows, 3, &found, &n), RB_OK);
    assert_int_equal(n, 1);
    assert_true(isnan(rb_row_number(&found[0], RB_COL(tta, tta_train_s)))); /* 16 s, were they censored at 12 */
    assert_true(rb_row_number(&found[0], RB_COL(tta, s_per_epoch)) == 1.2); /* of all, not of the slow one that came */
    for (int i = 0; i < 3; i++) rb_row_end(&made_rows[i]);
    for (int i = 0; i < n; i++) rb_row_end(&found[i]);
    free(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(another_library_is_of_its_sitting),
                                       TEST(another_version_is_another_program),
                                       TEST(a_ranking_is_of_the_rows_it_names),
                                       TEST(doubtful_speeds_say_so),
                                       TEST(disturbed_devices_are_told),
                                       TEST(times_differ_in_what_is_told),
                                       TEST(precisions_have_outcomes_of_their_own),
                                       TEST(a_seed_counts_once),
                                       TEST(who_gave_up_is_not_censored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
