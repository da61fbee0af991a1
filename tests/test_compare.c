/* test_compare.c: recorded sessions compared: verdicts, thresholds, gates, groups of one session, and how long it
 * takes. */
#include "compare_util.h"

#include <time.h>

static void two_sessions(void **state) {
    rb_compared c;
    (void)state;
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, 7);
    made_arm(&csv, (made){.name = "size/lenet"}, 500, 7);
    made_arm(&csv, (made){.name = "cnn/mnist", .batch = 64}, 70, 7);
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.name = "cnn/mnist", .batch = 64, .commit = "bbbbbbbbbbbb"}, 77, 7);
    made_arm(&csv, (made){.name = "size/lenet", .commit = "bbbbbbbbbbbb"}, 450, 7);
    made_arm(&csv, (made){.name = "size/mlp", .commit = "bbbbbbbbbbbb"}, 1001, 7);
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.judged, 3);
    assert_text(&c, 0, case, "cnn/mnist");
    assert_text(&c, 0, verdict, "faster");
    assert_text(&c, 1, verdict, "slower");
    assert_text(&c, 2, verdict, "same");
    assert_text(&c, 1, kind, "same algorithm");
    assert_text(&c, 1, commit, "0123456789ab / bbbbbbbbbbbb");
    assert_text(&c, 1, device_key, "cpu");
    assert_true(fabs(c.rows[1].cells[RB_COL(compare, ratio)].u.r - 0.9) < 0.005);
    assert_int_equal(c.rows[1].cells[RB_COL(compare, n_a)].u.i, 7);
    assert_true(c.rows[1].cells[RB_COL(compare, threshold_pct)].u.r == 3);
    assert_fails(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_REGRESSION, "1 slower");
    assert_int_equal(rb_compared_verdict(&c, RB_GATE_NONE), RB_OK);
    rb_compared_free(&c);
    /* A with itself: nothing but "same". */
    assert_int_equal(compare("a", "a", RB_ACROSS_SESSIONS, RB_GATE_UNCLEAR, &c), RB_OK);
    for (int i = 0; i < c.n; i++) assert_text(&c, i, verdict, "same");
    assert_int_equal(rb_compared_verdict(&c, RB_GATE_UNCLEAR), RB_OK);
    rb_compared_free(&c);
}

/* Another library's rows beside ours, from bench/peers/alternate: what became of PyTorch is no business of a gate. */
static void other_libraries_are_left_out(void **state) {
    rb_compared c;
    made torch = {.backend = "torch-eager", .provider = "torch 2.15", .hash = "", .commit = ""};
    (void)state;
    for (int i = 0; i < 2; i++) {
        made_begin(dir, i ? "b" : "a", &csv);
        made_arm(&csv, (made){0}, 1000, 7);
        made_arm(&csv, torch, i ? 100 : 500, 7);
        keep(i ? "b" : "a");
    }
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_UNCLEAR, &c), RB_OK);
    assert_int_equal(c.n, 1);
    assert_text(&c, 0, verdict, "same");
    assert_int_equal(rb_compared_verdict(&c, RB_GATE_UNCLEAR), RB_OK);
    rb_compared_free(&c);
}

/* What others ran meanwhile may be all that two sessions differ by; arms that took turns both had it. */
static void doubtful_values_are_unclear(void **state) {
    static const char others[] = "case,batch,others_cores_max,device\nsize/mlp,512,0.33,cpu\nsize/lenet,512,0.15,\n"
                                 "size/lenet,64,0.9,cpu\nsize/lenet,512,0.9,opencl:0\n";
    rb_compared c;
    (void)state;
    for (int i = 0; i < 2; i++) {
        made_begin(dir, i ? "b" : "a", &csv);
        made_arm(&csv, (made){.name = "size/lenet"}, i ? 400 : 500, 7);
        made_arm(&csv, (made){.name = "size/mlp"}, i ? 800 : 1000, 7);
        keep(i ? "b" : "a");
    }
    made_write(dir, "b", "ratios.csv", others);
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, case, "size/lenet");
    assert_text(&c, 0, verdict, "slower");
    assert_text(&c, 1, verdict, "unclear");
    assert_text(&c, 1, reason, "others used up to 0.33 cores while B was measured");
    assert_part(&c, 1, more, "--build 0123456789ab");
    assert_true(fabs(c.rows[1].cells[RB_COL(compare, ratio)].u.r - 0.8) < 0.005);
    rb_compared_free(&c);
    made_begin(dir, "d", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, (made){.device_key = "opencl:0", .backend = "opencl"}, 800, 7);
    keep("d");
    made_write(dir, "d", "ratios.csv", others);
    assert_int_equal(compare("d", NULL, RB_ACROSS_DEVICE, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, verdict, "slower");
    assert_text(&c, 0, reason, "others used up to 0.33 cores while A was measured");
    rb_compared_free(&c);
}

/* Fewer than seven values decide no gate; the command for more interleaves both commits. */
static void unclear(void **state) {
    rb_compared c;
    (void)state;
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){.overrides = "lr=0.5 hidden1.units=64"}, 1000, 6);
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.overrides = "lr=0.5 hidden1.units=64", .commit = "bbbbbbbbbbbb"}, 800, 6);
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, verdict, "slower");
    rb_compared_free(&c);
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_text(&c, 0, verdict, "unclear");
    assert_part(&c, 0, reason, "a gate wants 7");
    assert_text(&c, 0, more,
                "regbench compare --build 0123456789ab --build bbbbbbbbbbbb size/mlp -d cpu -B 512 --lr 0.5 "
                "--set hidden1.units=64 -t 2 --provider own -r 7");
    assert_int_equal(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_OK);
    assert_fails(rb_compared_verdict(&c, RB_GATE_UNCLEAR), RB_REGRESSION, "1 unclear");
    rb_compared_free(&c);
    /* A dirty build cannot be had again. */
    made_begin(dir, "d", &csv);
    made_arm(&csv, (made){.overrides = "lr=0.5 hidden1.units=64", .dirty = 1}, 800, 3);
    keep("d");
    assert_int_equal(compare("a", "d", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, verdict, "unclear");
    assert_part(&c, 0, reason, "too few values: 6 and 3");
    assert_text(&c, 0, more,
                "regbench bench size/mlp -d cpu -B 512 --lr 0.5 --set hidden1.units=64 -t 2 --provider own -r 10");
    rb_compared_free(&c);
    /* Builds are named by paths, which may be anything. */
    made_begin(dir, "e", &csv);
    made_arm(&csv, (made){.arm = "A: old build/regbench"}, 1000, 3);
    made_arm(&csv, (made){.arm = "B: it's;new"}, 800, 3);
    keep("e");
    assert_int_equal(compare("e", NULL, RB_ACROSS_BUILDS, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, more,
                "regbench compare --build 'old build/regbench' --build 'it'\\''s;new' size/mlp -d cpu -B 512 -t 2 "
                "--provider own -r 10");
    rb_compared_free(&c);
}

static void machines_and_thresholds(void **state) {
    rb_compared c;
    made gpu = {.device_key = "cuda:0", .device = "Some GPU", .backend = "cuda"};
    (void)state;
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, gpu, 5000, 10);
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.machine = "other", .device = "Another CPU"}, 500, 7);
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_text(&c, 0, verdict, "");
    assert_part(&c, 0, reason, "another machine: no verdict");
    assert_text(&c, 0, machine, "vm / other");
    assert_true(fabs(c.rows[0].cells[RB_COL(compare, ratio)].u.r - 0.5) < 0.005);
    assert_true(c.rows[0].cells[RB_COL(compare, ratio_low)].u.r < 0.5);
    assert_int_equal(rb_compared_verdict(&c, RB_GATE_NONE), RB_OK);
    assert_fails(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_MISMATCH, "could be judged"); /* no gate closes on that */
    rb_compared_free(&c);
    assert_int_equal(compare("a", "b", RB_ACROSS_MACHINE, RB_GATE_NONE, &c), RB_OK); /* the same by another way */
    assert_text(&c, 0, arm_a, "vm");
    assert_text(&c, 0, arm_b, "other");
    assert_text(&c, 0, verdict, "");
    assert_true(fabs(c.rows[0].cells[RB_COL(compare, ratio)].u.r - 0.5) < 0.005);
    rb_compared_free(&c);
    /* 2.5 % are something on a GPU, nothing on a CPU, and nothing where the machine is 2 % from itself. */
    made_begin(dir, "g", &csv);
    made_arm(&csv, (made){0}, 975, 10);
    made_arm(&csv, gpu, 4875, 10);
    keep("g");
    assert_int_equal(compare("a", "g", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_int_equal(c.n, 2);
    assert_text(&c, 0, device_key, "cpu");
    assert_true(strcmp(text_of(&c, 0, RB_COL(compare, verdict)), "slower") != 0);
    assert_text(&c, 1, verdict, "slower");
    assert_true(c.rows[1].cells[RB_COL(compare, threshold_pct)].u.r == 2);
    rb_compared_free(&c);
    made_write(dir, "g", "env.csv",
               "schema_version,env_id,name,value,stable\n1,e00000000000,compiler,GNU 12,1\n"
               "1,e00000000000,aa_noise_pct,2.5,0\n");
    assert_int_equal(compare("a", "g", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(c.rows[i].cells[RB_COL(compare, threshold_pct)].u.r - 5) < 1e-9);
        assert_text(&c, i, verdict, "same");
    }
    rb_compared_free(&c);
}

/* One session, its groups against each other. */
static void across(void **state) {
    rb_compared c;
    made opencl = {.device_key = "opencl:0", .backend = "opencl", .device = "pocl"}, library = opencl;
    (void)state;
    library.provider = "own clblast";
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){.provider = "own onednn"}, 1100, 7);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, opencl, 800, 7);
    made_arm(&csv, library, 900, 7);
    made_arm(&csv, (made){.reg = "l2", .overrides = "l2=0.01", .hash = "222222222222"}, 950, 7);
    made_arm(&csv, (made){.commit = "bbbbbbbbbbbb", .started = "2025-01-01T00:00:00Z"}, 1200, 7);
    keep("a");
    for (int backend = 0; backend < 2; backend++) {
        assert_int_equal(compare("a", NULL, backend ? RB_ACROSS_BACKEND : RB_ACROSS_DEVICE, RB_GATE_NONE, &c), RB_OK);
        /* Own against own, library against library, never crosswise. */
        assert_int_equal(c.judged, 2);
        assert_text(&c, 0, kind, "same algorithm");
        assert_text(&c, 0, arm_a, "cpu");
        assert_text(&c, 0, arm_b, backend ? "opencl" : "opencl:0");
        assert_text(&c, 0, device_key, "cpu / opencl:0");
        int vendors = 0;
        for (int i = 0; i < c.n; i++) {
            double ratio = c.rows[i].cells[RB_COL(compare, ratio)].u.r;
            if (c.rows[i].cells[RB_COL(compare, ratio)].type != RB_CELL_REAL) continue;
            bool vendor = !strcmp(text_of(&c, i, RB_COL(compare, kind)), "vendor's best");
            vendors += vendor;
            assert_true(fabs(ratio - (vendor ? 900.0 / 1100 : 0.8)) < 0.01);
            assert_text(&c, i, provider, vendor ? "own onednn / own clblast" : "own");
        }
        assert_int_equal(vendors, 1);
        rb_compared_free(&c);
    }
    assert_int_equal(compare("a", NULL, RB_ACROSS_COMMIT, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.judged, 1); /* the oldest is A */
    for (int i = 0; i < c.n; i++)
        if (*text_of(&c, i, RB_COL(compare, verdict))) {
            assert_text(&c, i, arm_a, "bbbbbbbbbbbb");
            assert_text(&c, i, verdict, "slower");
            assert_true(fabs(c.rows[i].cells[RB_COL(compare, ratio)].u.r - 1000.0 / 1200) < 0.01);
        }
    rb_compared_free(&c);
    assert_int_equal(compare("a", NULL, RB_ACROSS_REG, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.judged, 0);
    assert_int_equal(c.ratios, 1);
    for (int i = 0; i < c.n; i++)
        if (c.rows[i].cells[RB_COL(compare, ratio)].type == RB_CELL_REAL) {
            assert_text(&c, i, arm_a, "none");
            assert_text(&c, i, arm_b, "l2");
            assert_part(&c, i, reason, "price of the regularizer");
        }
    rb_compared_free(&c);
    rb_runs runs;
    const rb_runs *list[] = {&runs};
    assert_int_equal(read_session("a", &runs), RB_OK);
    assert_fails(rb_compare_runs(list, 1, RB_ACROSS_MACHINE, RB_GATE_NONE, &c), RB_MISMATCH,
                 "all runs have the same, vm");
    rb_runs_free(&runs);
}

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Two sessions of 1,000 runs each, in 100 rows and in 4, are read, compared and printed within a second (of processor
 * time: other programs' is not ours). */
static void thousand_runs(void **state) {
    static const int per_row[] = {10, 250};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        rb_compared c;
        for (int arm = 0; arm < 2; arm++) {
            made_begin(dir, arm ? "b" : "a", &csv);
            for (int i = 0; i < 1000 / per_row[k]; i++) {
                char name[32];
                snprintf(name, sizeof name, "case/%d", i);
                made_arm(&csv, (made){.name = name}, 1000 + i, per_row[k]);
            }
            keep(arm ? "b" : "a");
        }
        double before = cpu_seconds();
        assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
        assert_int_equal(c.judged, 1000 / per_row[k]);
        FILE *to = fopen("/dev/null", "w");
        assert_int_equal(rb_print_rows(to, RB_FORMAT_CSV, c.rows, c.n, NULL, 0), RB_OK);
        fclose(to);
        double seconds = cpu_seconds() - before;
        print_message("%d rows of 1,000 runs: %.3f s\n", c.n, seconds);
        assert_true(seconds < 1);
        for (int i = 0; i < c.n; i++) assert_text(&c, i, verdict, "same");
        rb_compared_free(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(two_sessions), TEST(other_libraries_are_left_out), TEST(doubtful_values_are_unclear),
        TEST(unclear),      TEST(machines_and_thresholds),      TEST(across),
        TEST(thousand_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
