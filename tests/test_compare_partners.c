/* test_compare_partners.c: what must not be compared is told apart, with the reason: other work, failed runs, missing
 * partners, other settings, mixed builds and devices. */
#include "compare_util.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {TEST(not_compared), TEST(some_failed), TEST(no_partner), TEST(settings),
                                       TEST(mixtures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
