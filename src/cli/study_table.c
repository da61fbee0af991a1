/* study_table.c: what a study found, as tables for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/study.h"
#include "cli/verb.h"
#include "core/text.h"

static const char *text_of(const rb_row *row, int column) { return rb_row_get_text(row, column); }

static bool has_value(const rb_row *row) { return row->cells[RB_COL(trials, val_acc)].type == RB_CELL_REAL; }

/* Best first; failed ones last; equals in the order in which they were run. */
static int compare(const void *a, const void *b) {
    const rb_row *x = *(const rb_row *const *)a, *y = *(const rb_row *const *)b;
    const rb_cell *u = &x->cells[RB_COL(trials, val_acc)], *v = &y->cells[RB_COL(trials, val_acc)];
    if (has_value(x) != has_value(y)) return has_value(x) ? -1 : 1;
    if (has_value(x) && u->u.r != v->u.r) return u->u.r > v->u.r ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Two parameters: the values of the first are rows, those of the second columns. */
static void print_grid(const rb_study *s, const rb_row *rows, int n, rb_text *out) {
    const rb_axis *down = &s->axes[0], *across = &s->axes[1];
    int columns = 1;
    for (const char *c = across->values; *c; c++) columns += *c == ',';
    rb_text_printf(out, "| %s \\ %s |", down->name, across->name);
    const char *value = across->values;
    for (int c = 0; c < columns; c++, value += strcspn(value, ",") + 1)
        rb_text_printf(out, " %.*s |", (int)strcspn(value, ","), value);
    rb_text_append(out, "\n|---|");
    for (int c = 0; c < columns; c++) rb_text_append(out, "---:|");
    value = down->values;
    for (int i = 0; i < n; i++) {
        if (i % columns == 0) {
            rb_text_printf(out, "\n| %.*s |", (int)strcspn(value, ","), value);
            value += strcspn(value, ",") + 1;
        }
        if (has_value(&rows[i]))
            rb_text_printf(out, " %.4f |", rows[i].cells[RB_COL(trials, val_acc)].u.r);
        else
            rb_text_printf(out, " %s |", text_of(&rows[i], RB_COL(trials, status)));
    }
    rb_text_append(out, "\n");
}

static rb_status print_list(const rb_row *const *sorted, int n) {
    static const int columns[] = {RB_COL(trials, trial),     RB_COL(trials, case),     RB_COL(trials, parameters),
                                  RB_COL(trials, val_acc),   RB_COL(trials, test_acc), RB_COL(trials, status),
                                  RB_COL(trials, duration_s)};
    rb_row *rows = malloc((size_t)n * sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d trials", n);
    for (int i = 0; i < n; i++) rows[i] = *sorted[i]; /* not owned */
    rb_status status =
        rb_print_table(RB_TABLE_trials, RB_FORMAT_MD, rows, n, columns, sizeof columns / sizeof *columns);
    free(rows);
    return status;
}

/* rows (n): of one study on one device with one seed. */
static rb_status print_study(const rb_row *rows, int n) {
    rb_status status = RB_OK;
    rb_text out = {0};
    const rb_study *s = rb_study_find(text_of(rows, RB_COL(trials, study)));
    const char *overrides = text_of(rows, RB_COL(trials, overrides));
    int axes = rb_study_axes(s);
    const rb_row **sorted = malloc((size_t)n * sizeof(rb_row *));
    if (!sorted) return rb_fail(RB_MEMORY, "out of memory for %d trials", n);
    for (int i = 0; i < n; i++) sorted[i] = &rows[i];
    rb_text_printf(&out, "\n%s on %s, seed %lld%s%s: %s, %d runs, best validation accuracy\n", s->name,
                   text_of(rows, RB_COL(trials, device_key)), (long long)rows->cells[RB_COL(trials, seed)].u.i,
                   overrides[0] ? ", " : "", overrides, rb_study_kind_name(s->kind), n);
    bool whole = rows[n - 1].cells[RB_COL(trials, trial)].u.i == n; /* no shard */
    if (s->kind == RB_STUDY_GRID && axes == 2 && whole) print_grid(s, rows, n, &out);
    RB_TRY(rb_text_status(&out));
    RB_TRY(rb_print_text(rb_text_string(&out)));
    /* Along one parameter the order is the story. */
    if (s->kind == RB_STUDY_GRID && axes == 1) RB_TRY(print_list(sorted, n));
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    if (s->kind != RB_STUDY_GRID || axes > 2 || (axes == 2 && !whole)) RB_TRY(print_list(sorted, n));
    rb_text_clear(&out);
    if (has_value(sorted[0])) {
        const rb_cell *test = &sorted[0]->cells[RB_COL(trials, test_acc)];
        rb_text_printf(&out, "best: %s, validation accuracy %.4f", text_of(sorted[0], RB_COL(trials, case)),
                       sorted[0]->cells[RB_COL(trials, val_acc)].u.r);
        if (test->type == RB_CELL_REAL) rb_text_printf(&out, ", test accuracy %.4f", test->u.r);
    } else {
        rb_text_append(&out, "no run ended well");
    }
    rb_text_append(&out, "\n");
    RB_TRY(rb_text_status(&out));
    RB_TRY(rb_print_text(rb_text_string(&out)));
cleanup:
    free(sorted);
    rb_text_free(&out);
    return status;
}

/* Whether the row after a trial's is the next trial of the same study. */
static bool goes_on(const rb_row *row, const rb_row *next) {
    static const int same[] = {RB_COL(trials, study), RB_COL(trials, device_key), RB_COL(trials, overrides)};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(text_of(row, same[i]), text_of(next, same[i])) != 0) return false;
    return row->cells[RB_COL(trials, seed)].u.i == next->cells[RB_COL(trials, seed)].u.i &&
           row->cells[RB_COL(trials, trial)].u.i < next->cells[RB_COL(trials, trial)].u.i;
}

rb_status rb_study_print(const rb_study_results *results) {
    rb_status status = RB_OK;
    for (int i = 0, n; i < results->n; i += n) {
        for (n = 1; i + n < results->n && goes_on(&results->rows[i + n - 1], &results->rows[i + n]);) n++;
        RB_TRY(print_study(&results->rows[i], n));
    }
cleanup:
    return status;
}
