/* test_statistics.c: medians, percentiles and intervals against worked values. */
#include "report_util.h"

#include <math.h>

#include "measure/statistics.h"

static void near(double a, double b) { assert_true(fabs(a - b) <= 1e-12 * fmax(1, fabs(b))); }

static void medians(void **state) {
    const double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, one[] = {7};
    const double skewed[] = {1, 1, 2, 2, 4, 6, 9}; /* median 2, deviations 1 1 0 0 2 4 7 */
    (void)state;
    near(rb_median(odd, 3), 2);
    near(rb_median(even, 4), 2.5);
    near(rb_median(one, 1), 7);
    near(rb_mad(skewed, 7), 1);
    near(rb_mad(one, 1), 0);
    near(odd[0], 3); /* the input is not sorted in place */
}

static void percentiles(void **state) {
    const double x[] = {5, 4, 3, 2, 1}, y[] = {1, 2, 3, 4};
    double many[1001];
    (void)state;
    near(rb_percentile(x, 5, 0), 1);
    near(rb_percentile(x, 5, 1), 5);
    near(rb_percentile(x, 5, 0.05), 1.2); /* position 4 * 0.05 */
    near(rb_percentile(x, 5, 0.95), 4.8);
    near(rb_percentile(y, 4, 0.25), 1.75); /* as numpy.percentile([1, 2, 3, 4], 25) */
    near(rb_percentile(y, 1, 0.95), 1);
    for (int i = 0; i < 1001; i++) many[i] = (i * 5) % 1001; /* more than fit on the stack */
    near(rb_percentile(many, 1001, 0.37), 370);
    near(rb_median(many, 1001), 500);
    near(rb_mad(many, 1001), 250);
}

/* Orders from tables of the binomial distribution. */
static void intervals(void **state) {
    static const struct {
        int n, k;
    } known[] = {{6, 1}, {8, 1}, {9, 2}, {10, 2}, {20, 6}, {30, 10}, {50, 18}, {100, 40}};
    double x[3000], low, high;
    (void)state;
    for (int i = 0; i < 3000; i++) x[i] = i + 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(rb_median_interval(x, known[i].n, 0.95, &low, &high));
        near(low, known[i].k);
        near(high, known[i].n + 1 - known[i].k);
    }
    for (int n = 1; n < 6; n++) {
        assert_false(rb_median_interval(x, n, 0.95, &low, &high));
        near(low, 1);
        near(high, n);
    }
    assert_true(rb_median_interval(x, 3000, 0.95, &low, &high)); /* 1500 -+ 1.96 sqrt(3000) / 2 */
    assert_true(fabs(low - 1446.8) < 2 && fabs(high - 1554.2) < 2);
}

/* scipy.stats.t.sf(t, df) * 2 */
static void student(void **state) {
    static const struct {
        double t;
        int df;
        double p;
    } known[] = {{1, 1, 0.5000000000000001},
                 {12.706204736432095, 1, 0.0499999999989913},
                 {2, 2, 0.18350341907227397},
                 {3, 3, 0.0576688856224373},
                 {2.5, 4, 0.06676654481198814},
                 {-2.5, 5, 0.05449009934237626},
                 {2.2281388519649385, 10, 0.05000000000180864},
                 {1.9839715184496334, 99, 0.050027799630526656},
                 {0, 7, 1.0}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (fabs(rb_student_p(known[i].t, known[i].df) - known[i].p) > 1e-12)
            fail_msg("t %g, df %d: %.15g", known[i].t, known[i].df, rb_student_p(known[i].t, known[i].df));
    assert_true(rb_student_p(INFINITY, 3) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(medians), cmocka_unit_test(percentiles),
                                       cmocka_unit_test(intervals), cmocka_unit_test(student)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
