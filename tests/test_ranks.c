/* test_ranks.c: rank tests against published examples and SciPy's values; laws that any such test obeys; how often the
 * verdicts made of them are wrong, on simulated processes. */
#include "report_util.h"

#include <math.h>

#include "compare/judge.h"
#include "report/csv_read.h"
#include "support.h"

static void close_to(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance * fmax(1, fabs(b)))) fail_msg("%.15g, expected %.15g", a, b);
}

static double p_of(const double *a, int n, const double *b, int m) {
    double p = NAN;
    assert_int_equal(rb_mann_whitney(a, n, b, m, &p), RB_OK);
    return p;
}

static rb_ratio ratio_of(const double *a, int n, const double *b, int m) {
    rb_ratio r;
    assert_int_equal(rb_ratio_of(a, n, b, m, 0.95, &r), RB_OK);
    return r;
}

/* Hollander and Wolfe, Nonparametric Statistical Methods (1973), chapter 4: permeability of the human chorioamnion at
 * term (x) and at 12 to 26 weeks (y): W = 35, one-sided p 0.1272; the estimate 0.305, its 95 % interval -0.15 .. 0.76.
 * The book's are differences, ours ratios: e^x. */
static void chorioamnion(void **state) {
    const double x[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
                 y[] = {1.15, 0.88, 0.90, 0.74, 1.21};
    double ex[10], ey[5];
    (void)state;
    for (int i = 0; i < 10; i++) ex[i] = exp(x[i]);
    for (int i = 0; i < 5; i++) ey[i] = exp(y[i]);
    close_to(p_of(x, 10, y, 5), 2 * 0.1272061, 1e-6);
    rb_ratio r = ratio_of(ey, 5, ex, 10);
    assert_true(r.bounded);
    close_to(log(r.estimate), 0.305, 1e-12);
    close_to(log(r.low), -0.15, 1e-12);
    close_to(log(r.high), 0.76, 1e-12);
}

/* Mann and Whitney, Annals of Mathematical Statistics 18 (1947), table I: P(U <= u). The samples interleave so that u
 * pairs are out of order. */
static void mann_whitney_table(void **state) {
    static const struct {
        int n, m, u;
        double p;
    } table[] = {{3, 3, 0, .050}, {3, 3, 1, .100},  {3, 3, 2, .200},  {3, 3, 3, .350}, {4, 4, 0, .014}, {4, 4, 1, .029},
                 {4, 4, 2, .057}, {4, 4, 4, .171},  {5, 5, 2, .016},  {5, 5, 4, .048}, {6, 6, 5, .021}, {6, 6, 7, .047},
                 {7, 7, 8, .019}, {7, 7, 11, .049}, {8, 8, 13, .025}, {8, 8, 15, .041}};
    (void)state;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        double a[8], b[8];
        int n = table[t].n, m = table[t].m, left = table[t].u;
        for (int j = 0; j < m; j++) b[j] = 10 * (j + 1);
        for (int i = n - 1; i >= 0; i--) { /* the largest go up first, past as many of b as are left to pass */
            int past = left < m ? left : m;
            a[i] = 10 * past + 1 + 0.1 * i;
            left -= past;
        }
        assert_true(fabs(p_of(a, n, b, m) / 2 - table[t].p) <= 0.00051);
    }
}

/* Benjamini and Hochberg, JRSS B 57 (1995), section 3.2: fifteen tests of a study of myocardial infarction, four of
 * them rejected at 5 %; adjusted values from SciPy's false_discovery_control. */
static void infarction(void **state) {
    const double p[] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
    const double adjusted[] = {0.0015, 0.003, 0.0095,     0.035625, 0.0603,     0.06385714, 0.06385714, 0.0645,
                               0.0765, 0.486, 0.58118182, 0.714875, 0.75323077, 0.81321429, 1.0};
    double shuffled[17], q[17];
    int rejected = 0;
    (void)state;
    for (int i = 0; i < 15; i++) shuffled[(i * 7) % 15] = p[i];
    shuffled[15] = shuffled[16] = NAN; /* tests that were not made */
    assert_int_equal(rb_benjamini_hochberg(shuffled, 17, q), RB_OK);
    for (int i = 0; i < 15; i++) {
        close_to(q[(i * 7) % 15], adjusted[i], 1e-7);
        rejected += q[i] <= 0.05;
    }
    assert_int_equal(rejected, 4);
    assert_true(isnan(q[15]) && isnan(q[16]));
}

static int numbers(const char *text, double *out) {
    int n = 0;
    for (char *end; *text; text = end) {
        out[n++] = strtod(text, &end);
        if (end == text) fail_msg("no number: %s", text);
    }
    return n;
}

/* SciPy 1.17, see goldens/rank_tests.py: half of the samples are whole numbers, so that there are ties. */
static void scipy_values(void **state) {
    rb_csv csv;
    int with_ties = 0;
    (void)state;
    assert_int_equal(rb_csv_read(TEST_FOLDER "/goldens/rank_tests.csv", &csv), RB_OK);
    assert_int_equal(csv.n_rows, 20);
    for (int i = 0; i < csv.n_rows; i++) {
        double a[16], b[16];
        int n = numbers(rb_csv_get(&csv, i, "a"), a), m = numbers(rb_csv_get(&csv, i, "b"), b);
        with_ties += a[0] == floor(a[0]);
        close_to(p_of(a, n, b, m), strtod(rb_csv_get(&csv, i, "p"), NULL), 1e-12);
        rb_ratio r = ratio_of(a, n, b, m);
        close_to(r.estimate, strtod(rb_csv_get(&csv, i, "ratio"), NULL), 1e-12);
        close_to(r.low, strtod(rb_csv_get(&csv, i, "low"), NULL), 1e-12);
        close_to(r.high, strtod(rb_csv_get(&csv, i, "high"), NULL), 1e-12);
        assert_int_equal(r.bounded, n + m > 6 && (n != 2 || m > 7));
    }
    assert_int_equal(with_ties, 10);
    rb_csv_free(&csv);
    /* Beyond the exact sizes: scipy.stats.mannwhitneyu(method="asymptotic") with ties and continuity. */
    double a[40], b[35];
    for (int i = 0; i < 40; i++) a[i] = 100 + ((i * 37) % 41) * 0.25;
    for (int i = 0; i < 35; i++) b[i] = 101 + ((i * 29) % 43) * 0.25;
    close_to(p_of(a, 40, b, 35), 0.22389489785282968, 1e-12);
}

/* Three values against a hundred, all larger: one of the binomial(103, 3) choices of ranks, twice. The normal
 * distribution would say 0.0034, and a step of a long history would have to wait. */
static void few_against_many(void **state) {
    double a[300], b[3] = {1000, 1001, 1002};
    (void)state;
    for (int i = 0; i < 300; i++) a[i] = i;
    close_to(p_of(a, 100, b, 3) * 176851, 2, 1e-9);
    close_to(p_of(b, 3, a, 100) * 176851, 2, 1e-9);
    b[0] = 98.5; /* below one of them: that choice and the one before */
    close_to(p_of(a, 100, b, 3) * 176851, 4, 1e-9);
    b[0] = 1000;
    assert_true(p_of(a, 300, b, 3) < 0.01); /* too many for the exact one */
}

/* --- laws -----------------------------------------------------------------------------------------------------------
 */

static double normal(stream *s) {
    double u = 1 - stream_unit(s), v = stream_unit(s);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Speeds of processes: around `level`, with this relative deviation, and now and then one that was disturbed. */
static void draw(stream *s, double level, double noise, double *x, int n) {
    for (int i = 0; i < n; i++) {
        x[i] = level * exp(noise * normal(s));
        if (stream_unit(s) < 0.05) x[i] *= 1 - 3 * noise * stream_unit(s);
    }
}

static void laws(void **state) {
    stream s = {1};
    (void)state;
    for (int t = 0; t < 300; t++) {
        double a[40], b[40], c[40], d[40];
        int n = stream_int(&s, 1, 12), m = stream_int(&s, 1, 12);
        if (t % 20 == 0) n = 40, m = 25 + t / 20; /* normal approximation */
        draw(&s, 100, 0.03, a, n);
        draw(&s, 102, 0.03, b, m);
        if (t % 2)
            for (int i = 0; i < (n > m ? n : m); i++) a[i] = round(a[i]), b[i] = round(b[i]);
        for (int i = 0; i < n; i++) c[i] = a[n - 1 - i] * 1024; /* another unit and order: exact in binary */
        for (int i = 0; i < m; i++) d[i] = b[i] * 1024;
        double p = p_of(a, n, b, m);
        rb_ratio ab = ratio_of(a, n, b, m), ba = ratio_of(b, m, a, n), cd = ratio_of(c, n, d, m);
        assert_true(p > 0 && p <= 1);
        close_to(p_of(b, m, a, n), p, 1e-12);
        close_to(p_of(c, n, d, m), p, 1e-12);
        close_to(ab.estimate * ba.estimate, 1, 1e-12);
        close_to(ab.low * ba.high, 1, 1e-12);
        close_to(ab.high * ba.low, 1, 1e-12);
        close_to(cd.estimate, ab.estimate, 1e-12);
        close_to(cd.low, ab.low, 1e-12);
        close_to(cd.high, ab.high, 1e-12);
        assert_true(ab.low <= ab.estimate && ab.estimate <= ab.high);
        assert_true(p_of(a, n, a, n) == 1 && ratio_of(a, n, a, n).estimate == 1);
    }
    const double equal[] = {5, 5, 5, 5};
    assert_true(p_of(equal, 4, equal, 4) == 1);
}

/* 95 % intervals hold the true ratio in 95 % of the samples or more; not in all, or they would be needlessly wide. */
static void coverage(void **state) {
    static const int sizes[][2] = {{5, 5}, {7, 7}, {10, 10}, {7, 12}, {40, 30}};
    enum { SAMPLES = 2000 };
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        stream s = {100 + k};
        int held = 0;
        for (int t = 0; t < SAMPLES; t++) {
            double a[40], b[40];
            draw(&s, 100, 0.02, a, sizes[k][0]);
            draw(&s, 95, 0.02, b, sizes[k][1]);
            rb_ratio r = ratio_of(a, sizes[k][0], b, sizes[k][1]);
            held += r.low <= 0.95 && 0.95 <= r.high;
        }
        double deviation = sqrt(0.95 * 0.05 / SAMPLES), share = (double)held / SAMPLES;
        if (!(share >= 0.95 - 3 * deviation && share <= 0.985)) fail_msg("%d of %d", held, SAMPLES);
    }
}

/* --- verdicts -------------------------------------------------------------------------------------------------------
 */

static rb_verdict verdict_of(const double *a, int n, const double *b, int m, double threshold, bool gate) {
    rb_contrast c = {.a = a, .n_a = n, .b = b, .n_b = m, .threshold = threshold};
    assert_int_equal(rb_judge(&c, 1, gate), RB_OK);
    assert_true((c.verdict == RB_UNCLEAR) == (c.wanted > 0));
    if (c.verdict == RB_UNCLEAR) assert_true(c.reason[0] != '\0');
    return c.verdict;
}

/* How many of `times` comparisons, each alone as a gate sees it, find b slower or faster. */
static void tally(uint64_t seed, double noise, double level, int n, int times, int verdicts[5]) {
    stream s = {seed};
    memset(verdicts, 0, 5 * sizeof *verdicts);
    for (int t = 0; t < times; t++) {
        double a[40], b[40];
        draw(&s, 1000, noise, a, n);
        draw(&s, 1000 * level, noise, b, n);
        verdicts[verdict_of(a, n, b, n, RB_THRESHOLD_CPU, true)]++;
    }
}

/* A build against itself, a hundred times: at most one false alarm, as one family at any noise, and each comparison by
 * itself up to 1.5 %. At more noise the threshold no longer helps: then alarms are as rare as the level says. */
static void false_alarms(void **state) {
    enum { ROWS = 100 };
    static const double noises[] = {0.005, 0.01, 0.015, 0.02, 0.05, 0.1};
    static const int sizes[] = {RB_GATE_VALUES, 10};
    static double a[ROWS][10], b[ROWS][10];
    int v[5];
    (void)state;
    for (size_t k = 0; k < sizeof noises / sizeof *noises; k++)
        for (size_t i = 0; i < 2; i++) {
            for (uint64_t seed = 1; seed <= 10; seed++) {
                stream s = {seed};
                rb_contrast c[ROWS];
                int alarms = 0;
                for (int t = 0; t < ROWS; t++) {
                    draw(&s, 1000, noises[k], a[t], sizes[i]);
                    draw(&s, 1000, noises[k], b[t], sizes[i]);
                    c[t] = (rb_contrast){.a = a[t], .b = b[t], .n_a = sizes[i], .n_b = sizes[i], .threshold = 0.03};
                }
                assert_int_equal(rb_judge(c, ROWS, true), RB_OK);
                for (int t = 0; t < ROWS; t++) alarms += c[t].verdict == RB_SLOWER || c[t].verdict == RB_FASTER;
                assert_true(alarms <= 1);
                if (noises[k] > 0.015) continue;
                tally(seed, noises[k], 1, sizes[i], 100, v);
                assert_true(v[RB_SLOWER] + v[RB_FASTER] <= 1);
            }
            tally(99, noises[k], 1, sizes[i], 2000, v);
            double most = 2000 * RB_COMPARE_LEVEL;
            assert_true(v[RB_SLOWER] + v[RB_FASTER] <= most + 3 * sqrt(most));
            if (noises[k] <= 0.01) assert_true(v[RB_SAME] >= 1800); /* and a quiet machine says so */
        }
}

/* 5 % fewer samples per second, 10 processes per arm. */
static void slowdowns(void **state) {
    static const double noises[] = {0.01, 0.015, 0.02};
    int v[5];
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        tally(3, noises[k], 1 / 1.05, 10, 1000, v);
        assert_true(v[RB_SLOWER] >= 900);
        assert_true(v[RB_FASTER] == 0 && v[RB_SAME] <= 5);
        tally(4, noises[k], 1.05, 10, 1000, v);
        assert_true(v[RB_FASTER] >= 900 && v[RB_SLOWER] == 0);
    }
    tally(5, 0.1, 1 / 1.05, 10, 500, v); /* a machine that cannot tell */
    assert_true(v[RB_UNCLEAR] >= 450 && v[RB_SAME] == 0 && v[RB_FASTER] <= 5);
}

/* Recorded: samples per second of 40 processes of `bench trajectory/mlp-b256 -t 1 --quick` one after another on two
 * cores, while other programs came and took them: a drift of which no test of two samples knows. */
static const double recorded[] = {543624, 422280, 304432, 428001, 601563, 441551, 514410, 394836, 405931, 337038,
                                  333779, 127758, 126873, 98620,  133097, 118275, 119042, 108207, 104941, 107016,
                                  107329, 86208,  101956, 99890,  113550, 99715,  108361, 108332, 100535, 114345,
                                  130482, 115372, 101479, 109288, 140362, 169558, 135457, 120941, 118990, 126955};
enum { RECORDED = sizeof recorded / sizeof *recorded };

/* One program against itself on that machine. By turns, A B B A, it is never slower or faster; one arm after the other
 * it would be: that is why builds take turns. */
static void turns(void **state) {
    int by_turns = 0, in_sequence = 0, comparisons = 0, random = 0;
    stream s = {5};
    (void)state;
    for (int n = RB_GATE_VALUES; n <= 10; n++)
        for (int from = 0; from + 2 * n <= RECORDED; from++, comparisons++) {
            double a[10], b[10];
            for (int i = 0; i < 2 * n; i++) *(i % 4 == 0 || i % 4 == 3 ? &a[i / 2] : &b[i / 2]) = recorded[from + i];
            rb_verdict v = verdict_of(a, n, b, n, RB_THRESHOLD_CPU, true);
            by_turns += v == RB_SLOWER || v == RB_FASTER;
            v = verdict_of(recorded + from, n, recorded + from + n, n, RB_THRESHOLD_CPU, true);
            in_sequence += v == RB_SLOWER || v == RB_FASTER;
            for (int i = 0; i < n; i++) b[i] *= 0.1;
            assert_int_equal(verdict_of(a, n, b, n, RB_THRESHOLD_CPU, true), RB_SLOWER); /* it is not blind, either */
        }
    assert_true(comparisons >= 90);
    assert_int_equal(by_turns, 0);
    assert_true(in_sequence > comparisons / 4);
    for (int t = 0; t < 1000; t++) { /* and in any order: at most as often as the level says */
        double drawn[RECORDED];
        memcpy(drawn, recorded, sizeof recorded);
        for (int i = RECORDED - 1; i > 0; i--) {
            int k = stream_int(&s, 0, i);
            double x = drawn[i];
            drawn[i] = drawn[k];
            drawn[k] = x;
        }
        rb_verdict v = verdict_of(drawn, 10, drawn + 10, 10, RB_THRESHOLD_CPU, true);
        random += v == RB_SLOWER || v == RB_FASTER;
    }
    double most = 1000 * RB_COMPARE_LEVEL;
    assert_true(random <= most + 3 * sqrt(most));
}

static void reasons(void **state) {
    const double a[] = {100, 101, 99, 100.5, 99.5, 100.2, 99.8, 100.1, 99.9, 100.3};
    double b[10], far[10], near_[10], wild[10];
    rb_contrast c = {.a = a, .b = b, .n_a = 10, .n_b = 10, .threshold = 0.03};
    (void)state;
    for (int i = 0; i < 10; i++) {
        b[i] = a[i] * 0.9;
        far[i] = a[i] * 0.96;
        near_[i] = a[i] * 0.98;
        wild[i] = 100 + (i % 2 ? 1 : -1) * (3 + i);
    }
    assert_int_equal(verdict_of(a, 10, b, 10, 0.03, true), RB_SLOWER);
    assert_int_equal(verdict_of(b, 10, a, 10, 0.03, true), RB_FASTER);
    assert_int_equal(verdict_of(a, 10, far, 10, 0.05, true), RB_SAME); /* real, but below this machine's threshold */
    assert_int_equal(verdict_of(a, 10, near_, 10, 0.03, true), RB_SAME);
    assert_int_equal(verdict_of(a, 6, b, 10, 0.03, true), RB_UNCLEAR); /* no gate without seven ... */
    assert_int_equal(verdict_of(a, 6, b, 10, 0.03, false), RB_SLOWER);
    assert_int_equal(verdict_of(a, 3, b, 3, 0.03, false), RB_UNCLEAR); /* ... and nothing from three */
    c.n_a = 6;
    assert_int_equal(rb_judge(&c, 1, true), RB_OK);
    assert_non_null(strstr(c.reason, "a gate wants 7"));
    c = (rb_contrast){.a = a, .b = wild, .n_a = 10, .n_b = 10, .threshold = 0.03};
    assert_int_equal(rb_judge(&c, 1, true), RB_OK);
    assert_int_equal(c.verdict, RB_UNCLEAR);
    if (!strstr(c.reason, "noisy") || !strstr(c.reason, "slower")) fail_msg("%s", c.reason);
    assert_true(c.wanted > 10);
    c = (rb_contrast){.a = a, .b = b, .n_a = 10, .n_b = 10, .threshold = 0.03, .only_ratio = true};
    assert_int_equal(rb_judge(&c, 1, true), RB_OK);
    assert_int_equal(c.verdict, RB_NO_VERDICT);
    close_to(c.ratio.estimate, 0.9, 0.005);
    assert_true(isnan(c.p) && isnan(c.q));
}

/* One slowdown among many equal rows is found in spite of the adjustment; a family of equal rows has no alarm. */
static void families(void **state) {
    enum { ROWS = 40 };
    static double a[ROWS][10], b[ROWS][10];
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        stream s = {seed};
        rb_contrast c[ROWS];
        memset(c, 0, sizeof c);
        for (int i = 0; i < ROWS; i++) {
            draw(&s, 1000, 0.05, a[i], 10);
            draw(&s, i == 7 && seed % 2 ? 800 : 1000, 0.05, b[i], 10);
            c[i] = (rb_contrast){.a = a[i], .b = b[i], .n_a = 10, .n_b = 10, .threshold = 0.03};
        }
        assert_int_equal(rb_judge(c, ROWS, true), RB_OK);
        for (int i = 0; i < ROWS; i++) {
            assert_true(c[i].q >= c[i].p);
            bool slow = i == 7 && seed % 2;
            assert_int_equal(c[i].verdict == RB_SLOWER, slow);
            assert_true(c[i].verdict != RB_FASTER);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chorioamnion),     cmocka_unit_test(mann_whitney_table),
        cmocka_unit_test(infarction),       cmocka_unit_test(scipy_values),
        cmocka_unit_test(few_against_many), cmocka_unit_test(laws),
        cmocka_unit_test(coverage),         cmocka_unit_test(false_alarms),
        cmocka_unit_test(slowdowns),        cmocka_unit_test(turns),
        cmocka_unit_test(reasons),          cmocka_unit_test(families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
