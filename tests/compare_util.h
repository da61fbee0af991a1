/* compare_util.h: what the tests of compare share: a folder of made-up sessions for each, their comparison, its cells.
 */
#ifndef COMPARE_UTIL_H
#define COMPARE_UTIL_H

#include "report_util.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline void keep(const char *name) { made_write(dir, name, "runs.csv", rb_text_string(&csv)); }

static const char *at(const char *name) {
    static char paths[4][1200];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static inline rb_status read_session(const char *name, rb_runs *out) { return rb_runs_read(at(name), out); }

/* Compares the sessions of these names (b NULL: one session). */
static inline rb_status compare(const char *a, const char *b, rb_across across, rb_gate gate, rb_compared *out) {
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

#endif
