/* groups.c: runs of all sessions, sorted by what they have in common. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "page/internal.h"

/* A cell so that the order of the texts is that of the values, as far as whole numbers go. */
static void put_key(const rb_cell *cell, rb_text *key) {
    switch (cell->type) {
    case RB_CELL_INT:
        rb_text_printf(key, "%020lld", (long long)cell->u.i);
        break;
    case RB_CELL_REAL:
        rb_text_printf(key, "%.9g", cell->u.r);
        break;
    case RB_CELL_TEXT:
        rb_text_append(key, cell->u.s);
        break;
    case RB_CELL_EMPTY:
        break;
    }
    rb_text_append(key, "\n");
}

static int by_key(const void *a, const void *b) {
    const rb_page_run *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (!order)
        order = strcmp(rb_row_get_text(x->row, RB_COL(runs, started_utc)),
                       rb_row_get_text(y->row, RB_COL(runs, started_utc)));
    /* As they were read, so that the report is the same every time. */
    if (!order) order = (x->from > y->from) - (x->from < y->from);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

rb_status rb__page_runs(rb_report *r, rb_page_wanted *wanted, const int *columns, int n_columns, rb_page_run **out,
                        int *n) {
    rb_text key = {0};
    size_t most = 1;
    for (int s = 0; s < r->n_sessions; s++) most += (size_t)r->sessions[s].runs.n;
    rb_page_run *runs = malloc(most * sizeof *runs);
    *n = 0;
    *out = runs;
    if (!runs) return rb_fail(RB_MEMORY, "out of memory for %zu runs", most);
    for (int s = 0; s < r->n_sessions; s++)
        for (int i = 0; i < r->sessions[s].runs.n; i++) {
            const rb_row *row = &r->sessions[s].runs.rows[i];
            if (!wanted(row)) continue;
            rb_text_clear(&key);
            for (int c = 0; c < n_columns; c++)
                if (columns[c] == RB_COL(runs, settings)) { /* what no other column tells */
                    rb_run_choices(row, &key);
                    rb_text_append(&key, "\n");
                } else
                    put_key(&row->cells[columns[c]], &key);
            r->memory |= key.failed;
            runs[(*n)++] =
                (rb_page_run){.row = row, .from = &r->sessions[s], .key = rb__page_keep(r, rb_text_string(&key))};
        }
    rb_text_free(&key);
    qsort(runs, (size_t)*n, sizeof *runs, by_key);
    return rb__page_status(r);
}

int rb__page_group_end(const rb_page_run *runs, int from, int n) {
    int to = from + 1;
    while (to < n && !strcmp(runs[to].key, runs[from].key)) to++;
    return to;
}

double rb__page_median(const rb_page_run *runs, int n, int column, double *values) {
    int known = 0;
    for (int i = 0; i < n; i++) {
        double value = rb_row_number(runs[i].row, column);
        if (isfinite(value)) values[known++] = value;
    }
    return known ? rb_median(values, known) : NAN;
}

const char *rb__page_choices(rb_report *r, const rb_row *row) {
    rb_text words = {0};
    rb_run_choices(row, &words);
    const char *kept = words.length ? rb__page_keep(r, rb_text_string(&words)) : "";
    r->memory |= words.failed;
    rb_text_free(&words);
    return kept;
}
