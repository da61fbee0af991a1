/* test_compare.c: recorded sessions read back, paired and judged; what must not be compared is told apart; files that
 * are no sessions are refused. */
#include "report_util.h"

#include <time.h>

#include "compare/pair.h"
#include "made_session.h"

static char *dir;   /* of the running test */
static rb_text csv; /* of the session that is made */

static int set_up(void **state) {
    (void)state;
    dir = util_folder();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    util_remove(dir);
    rb_text_free(&csv);
    return 0;
}

static void keep(const char *name) { made_write(dir, name, "runs.csv", rb_text_string(&csv)); }

static const char *at(const char *name) {
    static char paths[4][1200];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static rb_status read_session(const char *name, rb_runs *out) { return rb_runs_read(at(name), out); }

/* Compares the sessions of these names (b NULL: one session). */
static rb_status compare(const char *a, const char *b, rb_across across, rb_gate gate, rb_compared *out) {
    rb_runs runs[2] = {{0}};
    const rb_runs *list[] = {&runs[0], &runs[1]};
    assert_int_equal(read_session(a, &runs[0]), RB_OK);
    if (b) assert_int_equal(read_session(b, &runs[1]), RB_OK);
    rb_status status = rb_compare_runs(list, b ? 2 : 1, across, gate, out);
    rb_runs_free(&runs[0]);
    rb_runs_free(&runs[1]);
    return status;
}

static const char *text_of(const rb_compared *c, int row, int column) { return rb_row_get_text(&c->rows[row], column); }

#define assert_text(c, row, column, expected)                                                                          \
    assert_string_equal(text_of((c), (row), RB_COL(compare, column)), (expected))
#define assert_part(c, row, column, part)                                                                              \
    do {                                                                                                               \
        if (!strstr(text_of((c), (row), RB_COL(compare, column)), (part)))                                             \
            fail_msg("row %d: %s", (row), text_of((c), (row), RB_COL(compare, column)));                               \
    } while (0)

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
    made torch = {.backend = "torch-eager", .provider = "torch 2.15", .hash = ""};
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

static void not_compared(void **state) {
    rb_compared c;
    (void)state;
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){.name = "a/hash", .hash = "111111111111"}, 1000, 7);
    made_arm(&csv, (made){.name = "b/schema"}, 1000, 7);
    made_arm(&csv, (made){.name = "c/alone"}, 1000, 7);
    made_arm(&csv, (made){.name = "d/broken"}, 1000, 7);
    made_arm(&csv, (made){.name = "e/partly"}, 1000, 7);
    made_arm(&csv, (made){.name = "f/never", .status = "oom", .why = "out of memory"}, 1, 2);
    made_arm(&csv, (made){.name = "g/both", .hash = "111111111111"}, 1000, 7);
    made_arm(&csv, (made){.name = "g/both", .hash = "222222222222"}, 2000, 7);
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.name = "a/hash", .hash = "222222222222"}, 1000, 7);
    made_arm(&csv, (made){.name = "b/schema", .schema = 7}, 1000, 7);
    made_arm(&csv, (made){.name = "d/broken", .status = "crash", .why = "died by signal 11"}, 1, 7);
    made_arm(&csv, (made){.name = "e/partly"}, 1000, 7);
    made_arm(&csv, (made){.name = "e/partly", .status = "timeout"}, 1, 2);
    made_arm(&csv, (made){.name = "f/never"}, 1000, 7);
    made_arm(&csv, (made){.name = "g/both", .hash = "222222222222"}, 2000, 7);
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    int seen = 0;
    for (int i = 0; i < c.n; i++) {
        const char *name = text_of(&c, i, RB_COL(compare, case));
        seen |= 1 << (name[0] - 'a');
        if (name[0] == 'a') assert_part(&c, i, reason, "another workload_hash, 111111111111 and 222222222222");
        if (name[0] == 'b') assert_part(&c, i, reason, "another schema_version, 1 and 7");
        if (name[0] == 'c') assert_text(&c, i, reason, "only in A");
        if (name[0] == 'd') assert_text(&c, i, reason, "B: 7 of 7 crash (died by signal 11)");
        if (name[0] == 'e') assert_text(&c, i, reason, "B: 2 of 9 timeout");
        if (name[0] == 'f') assert_text(&c, i, reason, "A: 2 of 2 oom (out of memory)");
        bool judged = name[0] == 'e' ||
                      (name[0] == 'g' && !strcmp(text_of(&c, i, RB_COL(compare, workload_hash)), "222222222222"));
        assert_text(&c, i, verdict, judged ? "same" : "");
        assert_int_equal(c.rows[i].cells[RB_COL(compare, ratio)].type == RB_CELL_REAL, judged);
    }
    assert_int_equal(seen, 0x7f);
    assert_int_equal(c.n, 8);
    assert_int_equal(c.judged, 2);
    assert_int_equal(c.broken, 1);
    assert_fails(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_REGRESSION, "1 that run no more in B");
    rb_compared_free(&c);
}

/* One value among six crashes judges nothing, and is no way through a gate. */
static void some_failed(void **state) {
    rb_compared c;
    (void)state;
    made_begin(dir, "m", &csv);
    made_arm(&csv, (made){.name = "e/partly"}, 1000, 7);
    keep("m");
    made_begin(dir, "n", &csv);
    made_arm(&csv, (made){.name = "e/partly"}, 1000, 1);
    made_arm(&csv, (made){.name = "e/partly", .status = "crash"}, 1, 6);
    keep("n");
    assert_int_equal(compare("m", "n", RB_ACROSS_SESSIONS, RB_GATE_SLOWER, &c), RB_OK);
    assert_int_equal(c.failing, 1);
    assert_fails(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_REGRESSION, "1 that run no more in B");
    rb_compared_free(&c);
    /* A number beside a failed check is none. */
    rb_row bad;
    made_begin(dir, "p", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_row(&(made){.speed = 9000}, &bad);
    rb_row_text(&bad, RB_COL(runs, status), "verify-failed");
    rb_csv_row(&bad, &csv);
    rb_row_end(&bad);
    keep("p");
    assert_int_equal(compare("p", "p", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.rows[0].cells[RB_COL(compare, n_a)].u.i, 7);
    assert_text(&c, 0, reason, "A: 1 of 8 verify-failed; B: 1 of 8 verify-failed");
    rb_compared_free(&c);
}

static void no_partner(void **state) {
    rb_compared c;
    (void)state;
    made_begin(dir, "p", &csv);
    made_arm(&csv, (made){.provider = "own onednn"}, 1000, 7);
    keep("p");
    made_begin(dir, "q", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, (made){.status = "timeout"}, 1, 1); /* it runs, so it is not broken */
    keep("q");
    assert_int_equal(compare("p", "q", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.n, 2);
    assert_text(&c, 0, reason, "only in B; the other arm differs in provider");
    assert_text(&c, 1, reason, "only in A; the other arm differs in provider");
    assert_int_equal(c.broken, 0);
    rb_compared_free(&c);
    /* Nothing at all that may be compared is no success, with or without a gate. */
    made_begin(dir, "x", &csv);
    made_arm(&csv, (made){.hash = "111111111111"}, 1000, 7);
    keep("x");
    made_begin(dir, "y", &csv);
    made_arm(&csv, (made){.hash = "222222222222"}, 1000, 7);
    keep("y");
    assert_int_equal(compare("x", "y", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.n, 1);
    assert_fails(rb_compared_verdict(&c, RB_GATE_NONE), RB_MISMATCH, "another workload_hash");
    assert_fails(rb_compared_verdict(&c, RB_GATE_SLOWER), RB_MISMATCH, "another workload_hash");
    rb_compared_free(&c);
}

/* Takes the column out of lines without quotes: a file of an older version. */
static void drop_column(rb_text *text, const char *name) {
    char *copy = strdup(rb_text_string(text)), *rest = NULL;
    int wanted = -1;
    rb_text_clear(text);
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        bool last = false;
        for (int column = 0; !last; column++) {
            size_t n = strcspn(line, ",");
            last = !line[n];
            line[n] = '\0';
            if (wanted < 0 && !strcmp(line, name)) wanted = column;
            if (column != wanted) rb_text_printf(text, "%s%s", column ? "," : "", line);
            line += n + 1;
        }
        rb_text_append(text, "\n");
    }
    assert_true(wanted > 0);
    free(copy);
}

/* Where no other column tells what was asked of the device, column settings does; across devices it may differ. */
static void settings(void **state) {
    static const struct {
        const char *provider, *a, *b, *differs;
    } tries[] = {{"own", "threads=2", NULL, NULL},
                 {"own", "provider=own", "provider=auto", NULL},
                 {"own onednn", "provider=onednn", NULL, "settings (provider=onednn and none)"},
                 {"own onednn", "provider=onednn", "provider=onednn submit=eager", NULL},
                 {"own", "fastest", "threads=2", "settings (fastest and none)"}};
    rb_compared c;
    (void)state;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        for (int arm = 0; arm < 2; arm++) {
            made_begin(dir, arm ? "b" : "a", &csv);
            made_arm(&csv, (made){.provider = tries[i].provider, .settings = arm ? tries[i].b : tries[i].a}, 1000, 7);
            keep(arm ? "b" : "a");
        }
        assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
        assert_int_equal(c.judged, !tries[i].differs);
        if (tries[i].differs) {
            bool told = false;
            for (int row = 0; row < c.n; row++)
                told |= strstr(text_of(&c, row, RB_COL(compare, reason)), tries[i].differs) != NULL;
            assert_true(told);
            assert_fails(rb_compared_verdict(&c, RB_GATE_NONE), RB_MISMATCH, "the other arm differs in settings");
        }
        rb_compared_free(&c);
    }
    /* A file from before the column: the others decide. */
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){.provider = "own onednn", .settings = "provider=onednn"}, 1000, 7);
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.provider = "own onednn"}, 900, 7);
    drop_column(&csv, "settings");
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_text(&c, 0, verdict, "slower");
    rb_compared_free(&c);
    made_begin(dir, "d", &csv);
    made_arm(&csv, (made){.provider = "own onednn", .settings = "provider=onednn"}, 1000, 7);
    made_arm(&csv, (made){.provider = "own clblast", .device_key = "opencl:0", .backend = "opencl"}, 900, 7);
    keep("d");
    assert_int_equal(compare("d", NULL, RB_ACROSS_DEVICE, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.judged, 1);
    rb_compared_free(&c);
}

/* The speeds of two builds, or of two devices, are no sample of one. */
static void mixtures(void **state) {
    rb_compared c;
    made opencl = {.device_key = "opencl:0", .backend = "opencl", .device = "pocl"}, other = opencl;
    (void)state;
    other.device_key = "opencl:1", other.device = "Some GPU";
    made_begin(dir, "a", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, (made){.commit = "bbbbbbbbbbbb"}, 900, 7); /* resumed by another build */
    keep("a");
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){.commit = "bbbbbbbbbbbb"}, 700, 7);
    made_arm(&csv, opencl, 600, 7);
    made_arm(&csv, other, 800, 7);
    keep("b");
    assert_int_equal(compare("a", "b", RB_ACROSS_SESSIONS, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.unclear, 1);
    for (int i = 0; i < c.n; i++)
        if (*text_of(&c, i, RB_COL(compare, verdict))) {
            assert_text(&c, i, verdict, "unclear");
            assert_text(&c, i, reason, "A mixes commit (0123456789ab and bbbbbbbbbbbb)");
            assert_text(&c, i, more, "");
            assert_int_equal(c.rows[i].cells[RB_COL(compare, q_value)].type, RB_CELL_EMPTY);
        }
    assert_fails(rb_compared_verdict(&c, RB_GATE_UNCLEAR), RB_REGRESSION, "1 unclear");
    rb_compared_free(&c);
    made_begin(dir, "b", &csv);
    made_arm(&csv, (made){0}, 1000, 7);
    made_arm(&csv, opencl, 600, 7);
    made_arm(&csv, other, 800, 7);
    keep("b");
    assert_int_equal(compare("b", NULL, RB_ACROSS_BACKEND, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.n, 1);
    assert_text(&c, 0, verdict, "unclear");
    assert_text(&c, 0, reason, "B mixes device (pocl and Some GPU)");
    rb_compared_free(&c);
    assert_int_equal(compare("b", NULL, RB_ACROSS_DEVICE, RB_GATE_NONE, &c), RB_OK);
    assert_int_equal(c.slower, 2);
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

/* --- files ----------------------------------------------------------------------------------------------------------
 */

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_sessions),
        TEST(other_libraries_are_left_out),
        TEST(doubtful_values_are_unclear),
        TEST(unclear),
        TEST(not_compared),
        TEST(some_failed),
        TEST(no_partner),
        TEST(settings),
        TEST(mixtures),
        TEST(machines_and_thresholds),
        TEST(across),
        TEST(thousand_runs),
        TEST(bad_files),
        TEST(google_benchmark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
