/* test_history.c: steps in the speeds of a case over sessions: found where they are, nowhere else, told from a change
 * of the instrument, confirmed by a second session. */
#include "report_util.h"

#include "compare/history.h"
#include "compare/judge.h"
#include "made_session.h"

enum { MOST = 40 };
static rb_runs sessions[MOST];
static int n_sessions;

/* A session in memory: `values` processes around `level`, on day n. */
static void session_of(made m, const double *speeds, int n, const char *facts) {
    char path[32], started[32], session[16];
    rb_runs *s = &sessions[n_sessions++];
    memset(s, 0, sizeof *s);
    snprintf(path, sizeof path, "session%d", n_sessions);
    snprintf(started, sizeof started, "2026-01-%02dT00:00:00Z", n_sessions);
    snprintf(session, sizeof session, "%06x", n_sessions);
    s->path = strdup(path);
    m.started = started;
    m.session = session;
    for (int i = 0; i < n; i++) {
        rb_row row;
        m.speed = speeds[i];
        made_row(&m, &row);
        assert_int_equal(rb_runs_add(s, &row), RB_OK);
        rb_row_end(&row);
    }
    if (facts) {
        char *folder = util_folder();
        util_write(folder, "env.csv", "w", facts);
        char file[600];
        snprintf(file, sizeof file, "%s/env.csv", folder);
        assert_int_equal(rb_csv_read(file, &s->env), RB_OK);
        util_remove(folder);
    }
}

static void session_at(made m, double level, int n, const char *facts) {
    double speeds[64];
    for (int i = 0; i < n; i++) speeds[i] = made_speed(level, i + n_sessions);
    session_of(m, speeds, n, facts);
}

static void forget(void) {
    for (int i = 0; i < n_sessions; i++) rb_runs_free(&sessions[i]);
    n_sessions = 0;
}

static int fresh(void **state) {
    (void)state;
    forget(); /* what a failed test left */
    return 0;
}

static void history_of(rb_history *out) {
    const rb_runs *list[MOST];
    for (int i = 0; i < n_sessions; i++) list[i] = &sessions[i];
    assert_int_equal(rb_history_of(list, n_sessions, out), RB_OK);
}

static const char *step_at(const rb_history *h, int i) { return rb_row_get_text(&h->rows[i], RB_COL(history, step)); }

static const char *const commits[] = {"c00000000001", "c00000000002", "c00000000003", "c00000000004",
                                      "c00000000005", "c00000000006", "c00000000007", "c00000000008"};

static void suspected_then_confirmed(void **state) {
    rb_history h;
    rb_text text = {0};
    (void)state;
    for (int i = 0; i < 5; i++) session_at((made){.commit = commits[i]}, i < 4 ? 1000 : 940, 7, NULL);
    history_of(&h);
    assert_int_equal(h.n, 5);
    for (int i = 0; i < 4; i++) assert_string_equal(step_at(&h, i), "");
    assert_string_equal(step_at(&h, 4), "slower, suspected");
    assert_true(fabs(h.rows[4].cells[RB_COL(history, step_ratio)].u.r - 0.94) < 0.005);
    assert_int_equal(h.slower, 1);
    rb_history_free(&h);
    session_at((made){.commit = commits[5]}, 1000, 7, NULL); /* it was a bad day: nothing is left of the suspicion */
    history_of(&h);
    for (int i = 0; i < 6; i++) assert_string_equal(step_at(&h, i), "");
    rb_history_free(&h);
    rb_runs_free(&sessions[--n_sessions]);
    session_at((made){.commit = commits[4]}, 941, 7, NULL); /* the same commit, another day */
    history_of(&h);
    assert_string_equal(step_at(&h, 4), "slower, confirmed");
    rb_history_bisect(&h, &text);
    if (!strstr(text.data,
                "git bisect start c00000000005 c00000000004 && git bisect run sh -c 'regbench compare --build "
                "c00000000004 --build HEAD size/mlp -d cpu -B 512 -t 2 --provider own -r 10 --gate slower;"))
        fail_msg("%s", text.data);
    rb_text_free(&text);
    rb_history_free(&h);
    forget();
}

/* What is looked for is the work that became slower: its batch, its overrides and by whose code. */
static void bisect_keeps_choices(void **state) {
    static const char changes[] = "batch=64 lr=0.5 hidden1.units=64 patience=3 dataset=my max-steps=9 no-eval";
    rb_history h;
    rb_text text = {0};
    (void)state;
    for (int i = 0; i < 6; i++)
        session_at((made){.commit = commits[i], .batch = 64, .overrides = changes, .provider = "onednn"},
                   i < 3 ? 1000 : 900, 7, NULL);
    history_of(&h);
    rb_history_bisect(&h, &text);
    if (!strstr(text.data,
                "regbench compare --build c00000000003 --build HEAD size/mlp -d cpu -B 64 --lr 0.5 --set "
                "hidden1.units=64 --set patience=3 --dataset my -t 2 --provider onednn -r 10 --gate slower;"))
        fail_msg("%s", text.data);
    rb_text_free(&text);
    rb_history_free(&h);
    forget();
}

/* Two steps, up and down, each at its session; the order of the files is not that of time. */
static void several_steps(void **state) {
    static const double levels[] = {1000, 1000, 1100, 1100, 1100, 1000, 1000, 1000};
    rb_history h;
    (void)state;
    for (int i = 0; i < 8; i++) session_at((made){.commit = commits[i]}, levels[i], 7, NULL);
    rb_runs first = sessions[0];
    sessions[0] = sessions[6];
    sessions[6] = first;
    history_of(&h);
    assert_int_equal(h.n, 8);
    for (int i = 0; i < 8; i++) {
        assert_string_equal(rb_row_get_text(&h.rows[i], RB_COL(history, commit)), commits[i]);
        assert_string_equal(step_at(&h, i), i == 2 ? "faster, confirmed" : i == 5 ? "slower, confirmed" : "");
    }
    assert_true(fabs(h.rows[2].cells[RB_COL(history, step_ratio)].u.r - 1.1) < 0.005);
    assert_true(fabs(h.rows[5].cells[RB_COL(history, step_ratio)].u.r - 1 / 1.1) < 0.005);
    rb_history_free(&h);
    forget();
}

/* 1.5 % for half of the time is certain and no matter; the 10 % of the last sitting are less certain, but a step. */
static void what_is_small_hides_nothing(void **state) {
    rb_history h;
    (void)state;
    for (int i = 0; i < 20; i++)
        session_at((made){.commit = commits[i % 8]}, i < 10 ? 1000 : i < 19 ? 1015 : 900, 7, NULL);
    history_of(&h);
    assert_int_equal(h.n, 20);
    for (int i = 0; i < 20; i++) assert_string_equal(step_at(&h, i), i == 19 ? "slower, suspected" : "");
    rb_history_free(&h);
    forget();
}

/* A machine whose sittings differ by 4 % while their processes agree within 1 %: there is no change of the code, and of
 * such histories most had a confirmed step while processes alone were asked. A 20 % step is still confirmed there. */
static void restless_machines(void **state) {
    enum { HISTORIES = 60, SITTINGS = 10 };
    int confirmed[2] = {0};
    stream random = {11};
    (void)state;
    for (int t = 0; t < 2 * HISTORIES; t++) {
        rb_history h;
        bool found = false, step = t >= HISTORIES;
        for (int i = 0; i < SITTINGS; i++) {
            double speeds[7], day = 0;
            for (int k = 0; k < 12; k++) day += stream_unit(&random) - 0.5; /* of deviation 1 */
            for (int k = 0; k < 7; k++)
                speeds[k] = 1000 * exp(0.04 * day) * (1 + 0.02 * (stream_unit(&random) - 0.5)) *
                            (step && i >= SITTINGS / 2 ? 0.8 : 1);
            session_of((made){.commit = commits[i % 8]}, speeds, 7, NULL);
        }
        history_of(&h);
        for (int i = 0; i < h.n; i++) found |= strstr(step_at(&h, i), "confirmed") != NULL;
        confirmed[step] += found;
        rb_history_free(&h);
        forget();
    }
    if (confirmed[0] > HISTORIES / 6 || confirmed[1] < HISTORIES * 3 / 4)
        fail_msg("%d of %d without a step, %d with one", confirmed[0], HISTORIES, confirmed[1]);
}

/* Sittings so restless that each looks like a step leave none to tell how they differ: they are no steps either. A step
 * beyond their restlessness is one. */
static void steps_everywhere_are_none(void **state) {
    static const double levels[2][6] = {{1000, 1100, 950, 1080, 1010, 930}, {1000, 1040, 990, 600, 620, 590}};
    rb_history h;
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int n = 5; n <= 6; n++) {
            for (int i = 0; i < n; i++) session_at((made){.commit = commits[i]}, levels[k][i], 7, NULL);
            history_of(&h);
            assert_int_equal(h.slower, k);
            for (int i = 0; i < n; i++)
                assert_string_equal(step_at(&h, i), k == 1 && i == 3 ? "slower, confirmed" : "");
            rb_history_free(&h);
            forget();
        }
}

/* Places where a step could have been are those with values: twenty sittings that failed make a step no less sure. */
static void failures_are_no_places(void **state) {
    rb_history h;
    (void)state;
    for (int i = 0; i < 8; i++)
        session_at((made){.commit = commits[i]}, (i < 4 ? 1000 : 929) * (i % 2 ? 1.02 : 0.98), 7, NULL);
    for (int i = 8; i < 28; i++) {
        session_of((made){.commit = commits[7]}, (double[]){929}, 1, NULL);
        rb_row_text(&sessions[i].rows[0], RB_COL(runs, status), "crash");
    }
    history_of(&h);
    assert_int_equal(h.n, 28);
    for (int i = 0; i < 28; i++) assert_string_equal(step_at(&h, i), i == 4 ? "slower, confirmed" : "");
    rb_history_free(&h);
    forget();
}

/* A sitting of which every run failed has seen no step, and confirms none. */
static void failures_are_no_step(void **state) {
    rb_history h;
    (void)state;
    for (int i = 0; i < 5; i++) session_at((made){.commit = commits[i]}, i < 4 ? 1000 : 900, 7, NULL);
    for (int i = 0; i < 7; i++) rb_row_text(&sessions[3].rows[i], RB_COL(runs, status), "crash");
    history_of(&h);
    for (int i = 0; i < 5; i++) assert_string_equal(step_at(&h, i), i == 4 ? "slower, suspected" : "");
    rb_history_free(&h);
    forget();
}

/* Another compiler is another instrument: no step across it. Another commit is not. */
static void another_instrument(void **state) {
    static const char old[] = "schema_version,env_id,name,value,stable\n1,e1,compiler,GNU 12.2.0,1\n1,e1,commit,c1,1\n"
                              "1,e1,regbench_version,0.1.0,1\n1,e1,load,0.5,0\n";
    static const char commit[] =
        "schema_version,env_id,name,value,stable\n1,e2,compiler,GNU 12.2.0,1\n1,e2,commit,c2,1\n"
        "1,e2,regbench_version,0.2.0,1\n1,e2,load,3.5,0\n";
    static const char compiler[] = "schema_version,env_id,name,value,stable\n1,e3,compiler,GNU 14.1.0,1\n"
                                   "1,e3,commit,c2,1\n1,e3,cuda_driver,570,1\n";
    rb_history h;
    (void)state;
    session_at((made){.commit = commits[0], .env_id = "e1"}, 1000, 7, old);
    session_at((made){.commit = commits[1], .env_id = "e2"}, 1000, 7, commit);
    session_at((made){.commit = commits[2], .env_id = "e3"}, 800, 7, compiler);
    session_at((made){.commit = commits[3], .env_id = "e3"}, 800, 7, compiler);
    history_of(&h);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(step_at(&h, i), "");
        assert_int_equal(h.rows[i].cells[RB_COL(history, series)].u.i, i < 2 ? 1 : 2);
        assert_string_equal(rb_row_get_text(&h.rows[i], RB_COL(history, changed)),
                            i == 2 ? "compiler: GNU 12.2.0 -> GNU 14.1.0; cuda_driver: - -> 570" : "");
    }
    rb_history_free(&h);
    forget();
}

/* Cases, devices, batches, machines and workloads have histories of their own; what failed is counted; sessions that
 * compared builds are not history. */
static void apart(void **state) {
    rb_history h;
    (void)state;
    session_at((made){0}, 1000, 7, NULL);
    session_at((made){.name = "size/lenet"}, 500, 7, NULL);
    session_at((made){.batch = 64}, 300, 7, NULL);
    session_at((made){.machine = "other"}, 200, 7, NULL);
    session_at((made){.hash = "222222222222"}, 100, 7, NULL);
    session_at((made){.device_key = "opencl:0", .backend = "opencl"}, 50, 7, NULL);
    session_at((made){.arm = "B: build/slow"}, 700, 7, NULL);
    session_at((made){.status = "timeout"}, 1, 7, NULL);
    session_at((made){0}, 1000, 7, NULL);
    history_of(&h);
    assert_int_equal(h.n, 7);
    for (int i = 0; i < h.n; i++) {
        assert_string_equal(step_at(&h, i), "");
        assert_int_equal(h.rows[i].cells[RB_COL(history, n)].u.i, 7);
    }
    rb_history_free(&h);
    forget();
}

/* A folder as bench/peers/alternate makes them: a session per process, five minutes apart; `minutes` after the new
 * year. */
static void sitting_at(made m, const char *name, int minutes, double level, int n) {
    rb_runs *s = &sessions[n_sessions++];
    memset(s, 0, sizeof *s);
    s->path = strdup(name);
    for (int i = 0; i < n; i++, minutes += 5) {
        char started[32], session[16];
        rb_row row;
        snprintf(started, sizeof started, "2026-01-%02dT%02d:%02d:00Z", 1 + minutes / 1440, minutes / 60 % 24,
                 minutes % 60);
        snprintf(session, sizeof session, "%.3s%03d", name, i);
        m.started = started;
        m.session = session;
        m.speed = made_speed(level, i + n_sessions);
        made_row(&m, &row);
        assert_int_equal(rb_runs_add(s, &row), RB_OK);
        rb_row_end(&row);
    }
}

enum { HOUR = 60, DAY = 24 * HOUR };

/* Processes of one sitting are one point, and do not confirm each other, nor do other folders and commits of the same
 * hour: what disturbs the machine disturbs them all. */
static void confirmed_by_another_sitting_alone(void **state) {
    rb_history h;
    (void)state;
    for (int i = 0; i < 3; i++) sitting_at((made){.commit = commits[i]}, "good", i * DAY, 1000, 7);
    sitting_at((made){.commit = commits[3]}, "bad", 3 * DAY, 940, 7); /* ends after half an hour */
    sitting_at((made){.commit = commits[3]}, "again", 3 * DAY + 40, 940, 7);
    sitting_at((made){.commit = commits[4]}, "next", 3 * DAY + 80, 940, 7);
    history_of(&h);
    assert_int_equal(h.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(h.rows[i].cells[RB_COL(history, n)].u.i, 7);
        assert_string_equal(step_at(&h, i), i == 3 ? "slower, suspected" : "");
    }
    rb_history_free(&h);
    sitting_at((made){.commit = commits[4]}, "later", 3 * DAY + 30 + HOUR, 940, 1); /* an hour after "bad" ended */
    history_of(&h);
    assert_string_equal(step_at(&h, 3), "slower, confirmed");
    rb_history_free(&h);
    rb_runs_free(&sessions[--n_sessions]);
    sitting_at((made){.commit = commits[4]}, "later", 3 * DAY + 29 + HOUR, 940, 1);
    history_of(&h);
    assert_string_equal(step_at(&h, 3), "slower, suspected");
    rb_history_free(&h);
    forget();
}

/* A long pause ends a sitting also within one folder; sessions of changed sources are not taken for one build. */
static void sittings_of_one_folder(void **state) {
    rb_history h;
    (void)state;
    sitting_at((made){0}, "gathered", 0, 1000, 3);
    rb_runs *first = &sessions[0];
    sitting_at((made){0}, "gathered", 2 * HOUR, 1000, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(rb_runs_add(first, &sessions[1].rows[i]), RB_OK);
    rb_runs_free(&sessions[--n_sessions]);
    history_of(&h);
    assert_int_equal(h.n, 2);
    assert_int_equal(h.rows[0].cells[RB_COL(history, n)].u.i, 3);
    assert_int_equal(h.rows[1].cells[RB_COL(history, n)].u.i, 4);
    rb_history_free(&h);
    forget();
    sitting_at((made){.dirty = 1}, "changing", 0, 1000, 3);
    history_of(&h);
    assert_int_equal(h.n, 3);
    rb_history_free(&h);
    forget();
}

/* What was asked of the device makes a series of its own where no other column tells it. */
static void other_settings_are_another_series(void **state) {
    static const struct {
        const char *provider, *settings;
        int slower; /* 1: one series with runs for which nothing was asked, and so a step */
    } tries[] = {{"own", "threads=2", 1},
                 {"own", "provider=own", 1},
                 {"own onednn", "provider=auto submit=eager", 1},
                 {"own onednn", "provider=onednn", 0},
                 {"own", "threads=2 fastest", 0},
                 {"own", "fastest", 0}};
    rb_history h;
    (void)state;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        session_at((made){.provider = tries[i].provider}, 1000, 7, NULL);
        session_at((made){.provider = tries[i].provider}, 1000, 7, NULL);
        session_at((made){.provider = tries[i].provider, .settings = tries[i].settings}, 900, 7, NULL);
        session_at((made){.provider = tries[i].provider, .settings = tries[i].settings}, 900, 7, NULL);
        history_of(&h);
        assert_int_equal(h.n, 4);
        assert_int_equal(h.slower, tries[i].slower);
        rb_history_free(&h);
        forget();
    }
}

/* Twelve sessions of seven processes with this noise, 5 % slower from the eighth on or not at all. */
static void noisy_history(uint64_t seed, double noise, bool step, rb_history *out) {
    stream s = {seed};
    for (int i = 0; i < 12; i++) {
        double speeds[7];
        for (int k = 0; k < 7; k++) {
            double u = 1 - stream_unit(&s), v = stream_unit(&s);
            double normal = sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
            speeds[k] = 1000 * (step && i >= 7 ? 1 / 1.05 : 1) * exp(noise * normal);
        }
        session_of((made){.commit = commits[i % 8]}, speeds, 7, NULL);
    }
    history_of(out);
    forget();
}

/* Sessions that differ by nothing but noise have steps as rarely as the level says, on a machine so noisy that the
 * threshold does not help; a step of 5 % at 2 % noise is found where it is. */
static void no_false_steps(void **state) {
    enum { HISTORIES = 400 };
    int with_steps = 0, found = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        rb_history h;
        int steps = 0;
        noisy_history(seed, 0.1, false, &h);
        for (int i = 0; i < h.n; i++) steps += *step_at(&h, i) != '\0';
        with_steps += steps > 0;
        rb_history_free(&h);
        if (seed > 40) continue;
        noisy_history(seed, 0.02, true, &h);
        steps = 0;
        for (int i = 0; i < h.n; i++) steps += *step_at(&h, i) != '\0';
        found += steps == 1 && !strcmp(step_at(&h, 7), "slower, confirmed");
        rb_history_free(&h);
    }
    double most = HISTORIES * RB_COMPARE_LEVEL;
    print_message("%d of %d histories without a step have one; %d of 40 steps found\n", with_steps, HISTORIES, found);
    assert_true(with_steps <= most + 3 * sqrt(most));
    assert_true(found >= 36); /* at the very session; a neighbour is as good, but not counted */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {TEST(suspected_then_confirmed),
                                       TEST(bisect_keeps_choices),
                                       TEST(several_steps),
                                       TEST(what_is_small_hides_nothing),
                                       TEST(failures_are_no_step),
                                       TEST(failures_are_no_places),
                                       TEST(steps_everywhere_are_none),
                                       TEST(restless_machines),
                                       TEST(another_instrument),
                                       TEST(apart),
                                       TEST(confirmed_by_another_sitting_alone),
                                       TEST(sittings_of_one_folder),
                                       TEST(other_settings_are_another_series),
                                       TEST(no_false_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
