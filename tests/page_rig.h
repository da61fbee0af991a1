/* page_rig.h: what the tests of the report's data share: a folder of made-up sessions for each, and numbers computed
 * anew from their CSV files. Include after report_util.h. */
#ifndef PAGE_RIG_H
#define PAGE_RIG_H

#include "page_util.h"
#include "report/csv_read.h"

static char *base;          /* of the running test */
static rb_text csv, epochs; /* of the session that is made */

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

static inline void assert_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-8 * fmax(1, fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

static inline int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted values of a column of NAME/runs.csv, of rows whose column `key` is `value`. */
static inline int values_of(const char *name, const char *key, const char *value, const char *column, double *out) {
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

static inline double middle(const double *sorted, int n) { return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2; }

#endif
