/* curves.c: epochs of whole runs, medians over seeds, thinned so that the page stays small. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "page/outcomes.h"

enum { MOST_POINTS = 120, FEWEST_POINTS = 8, ALL_POINTS = 10000 /* of all curves together */ };

/* Columns of epochs.csv that a point is made of, and where they go. */
static const struct {
    const char *name;
    int to;
} parts[] = {{"train_s_cum", RB_PAGE_COL(curves, train_s)},
             {"train_loss", RB_PAGE_COL(curves, train_loss)},
             {"val_loss", RB_PAGE_COL(curves, val_loss)},
             {"train_acc", RB_PAGE_COL(curves, train_acc)},
             {"val_acc", RB_PAGE_COL(curves, val_acc)},
             {"param_l2", RB_PAGE_COL(curves, param_l2)},
             {"lr", RB_PAGE_COL(curves, lr)}};
enum { PARTS = sizeof parts / sizeof *parts };

static const rb_csv *epochs_of(const rb_page_run *run) { return &run->from->csv[RB_PAGE_EPOCHS]; }

/* First and end of the rows of epochs.csv that may be the run's; others in between bear another run_id. */
static void range_of(const rb_page_session *s, const rb_row *row, int *from, int *to) {
    ptrdiff_t i = row - s->runs.rows;
    *from = s->epochs_from[i];
    *to = s->epochs_to[i];
}

static bool is_of(const rb_csv *csv, int i, int id, const rb_row *row) {
    return !strcmp(rb_csv_at(csv, i, id), rb_row_get_text(row, RB_COL(runs, run_id)));
}

void rb__page_last_epoch(const rb_page_run *run, rb_page_last *out) {
    const rb_csv *csv = epochs_of(run);
    int from, to, found = -1, id = rb_csv_column(csv, "run_id"), at = rb_csv_column(csv, "epoch");
    double wanted = rb_row_number(run->row, RB_COL(runs, kept_epoch)), last = 0;
    *out = (rb_page_last){NAN, NAN, NAN};
    range_of(run->from, run->row, &from, &to);
    for (int i = from; i < to; i++) {
        double epoch = rb_csv_number(csv, i, at);
        if (!is_of(csv, i, id, run->row)) continue;
        if (isfinite(wanted) ? epoch == wanted : epoch >= last) last = epoch, found = i;
    }
    if (found < 0) return;
    out->train_acc = rb_csv_number(csv, found, rb_csv_column(csv, "train_eval_acc"));
    if (!isfinite(out->train_acc)) out->train_acc = rb_csv_number(csv, found, rb_csv_column(csv, "train_acc"));
    out->val_acc = rb_csv_number(csv, found, rb_csv_column(csv, "val_acc"));
    out->param_l2 = rb_csv_number(csv, found, rb_csv_column(csv, "param_l2"));
}

/* --- one curve ------------------------------------------------------------------------------------------------------
 */

/* A row of epochs.csv of one of the seeds. */
typedef struct point {
    double epoch;
    const rb_csv *csv;
    int row, seed;
} point;

typedef struct points {
    point *at;
    int n, capacity;
} points;

static int by_epoch(const void *a, const void *b) {
    const point *x = a, *y = b;
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    return x->seed - y->seed;
}

/* The rows of a run with an epoch below `end`. */
static rb_status add_run(points *p, const rb_page_session *s, const rb_row *row, int seed, double end, double *first) {
    const rb_csv *csv = &s->csv[RB_PAGE_EPOCHS];
    int from, to, id = rb_csv_column(csv, "run_id"), at = rb_csv_column(csv, "epoch");
    range_of(s, row, &from, &to);
    for (int i = from; i < to; i++) {
        double epoch = rb_csv_number(csv, i, at);
        if (!is_of(csv, i, id, row) || !isfinite(epoch) || !(epoch < end)) continue;
        if (p->n == p->capacity) {
            int capacity = p->capacity ? 2 * p->capacity : 256;
            point *more = realloc(p->at, (size_t)capacity * sizeof *more);
            if (!more) return rb_fail(RB_MEMORY, "out of memory for %d epochs", capacity);
            p->at = more;
            p->capacity = capacity;
        }
        p->at[p->n++] = (point){epoch, csv, i, seed};
        *first = fmin(*first, epoch);
    }
    return RB_OK;
}

static bool same_item(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case),      RB_COL(runs, device_key), RB_COL(runs, overrides),
                                  RB_COL(runs, precision), RB_COL(runs, phase),      RB_COL(runs, seed)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* A run with what it went on from: the epochs before its first are those of the interrupted ones. */
static rb_status add_seed(points *p, const rb_page_run *run, int seed) {
    rb_status status = RB_OK;
    double first = INFINITY;
    const rb_page_session *s = run->from;
    RB_TRY(add_run(p, s, run->row, seed, INFINITY, &first));
    if (!*rb_row_get_text(run->row, RB_COL(runs, resumed_from))) return RB_OK;
    for (int i = s->runs.n - 1; i >= 0; i--)
        if (&s->runs.rows[i] != run->row && same_item(&s->runs.rows[i], run->row))
            RB_TRY(add_run(p, s, &s->runs.rows[i], seed, first, &first));
cleanup:
    return status;
}

/* Points [from, to) have one epoch. `values` has room for as many. */
static rb_status put_point(rb_report *r, const rb_row *row, const point *p, int n, double *values) {
    static const rb_cell_copy same[] = {RB_PAGE_COPY(curves, runs, case), RB_PAGE_COPY(curves, runs, machine),
                                        RB_PAGE_COPY(curves, runs, device_key), RB_PAGE_COPY(curves, runs, overrides),
                                        RB_PAGE_COPY(curves, runs, precision)};
    rb_page_cell *cells = rb__page_row(r, RB_PAGE_curves);
    if (!cells) return rb__page_status(r);
    rb__page_copy_cells(row, cells, same, sizeof same / sizeof *same);
    rb__page_set_int(&cells[RB_PAGE_COL(curves, seeds)], n);
    rb__page_set_number(&cells[RB_PAGE_COL(curves, epoch)], p->epoch);
    for (int k = 0; k < PARTS; k++) {
        int known = 0;
        for (int i = 0; i < n; i++) {
            double value = rb_csv_number(p[i].csv, p[i].row, rb_csv_column(p[i].csv, parts[k].name));
            if (isfinite(value)) values[known++] = value;
        }
        if (!known) continue;
        rb__page_set_real(&cells[parts[k].to], rb_median(values, known));
        if (parts[k].to != RB_PAGE_COL(curves, val_acc)) continue;
        rb__page_set_real(&cells[RB_PAGE_COL(curves, val_acc_low)], rb_percentile(values, known, 0));
        rb__page_set_real(&cells[RB_PAGE_COL(curves, val_acc_high)], rb_percentile(values, known, 1));
    }
    return RB_OK;
}

/* Of `n` epochs about `most`, evenly, the last among them. */
static bool is_kept(long long i, long long n, long long most) {
    return n <= most || i + 1 == n || i == 0 || (i * most) / n != ((i - 1) * most) / n;
}

static rb_status put_curve(rb_report *r, const rb_page_run *runs, int n, int most) {
    rb_status status = RB_OK;
    points p = {0};
    double *values = NULL;
    int epochs = 0, number = 0;
    for (int i = 0; i < n; i++) RB_TRY(add_seed(&p, &runs[i], i));
    if (p.n == 0) goto cleanup;
    qsort(p.at, (size_t)p.n, sizeof *p.at, by_epoch);
    values = malloc((size_t)p.n * sizeof *values);
    if (!values) {
        status = rb_fail(RB_MEMORY, "out of memory for %d epochs", p.n);
        goto cleanup;
    }
    for (int i = 0; i < p.n; i++) epochs += i == 0 || p.at[i].epoch != p.at[i - 1].epoch;
    const char *lab = rb__page_lab(r, rb_row_get_text(runs[0].row, RB_COL(runs, case)));
    for (int from = 0, to; from < p.n; from = to, number++) {
        for (to = from + 1; to < p.n && p.at[to].epoch == p.at[from].epoch;) to++;
        if (!is_kept(number, epochs, most)) continue;
        RB_TRY(put_point(r, runs[0].row, p.at + from, to - from, values));
        const rb_page_rows *rows = &r->tables[RB_PAGE_curves];
        rb__page_set_text(&rows->cells[(size_t)(rows->n - 1) * (size_t)rb__page_columns(RB_PAGE_curves)], lab);
    }
cleanup:
    free(p.at);
    free(values);
    return status;
}

/* --- all curves -----------------------------------------------------------------------------------------------------
 */

static bool has_epochs(const rb_page_run *runs, int n) {
    for (int i = 0; i < n; i++) {
        int from, to;
        range_of(runs[i].from, runs[i].row, &from, &to);
        if (to > from) return true;
    }
    return false;
}

rb_status rb__page_curves_add(rb_page_curves *c, const rb_page_run *runs, int n) {
    if (!has_epochs(runs, n)) return RB_OK;
    if (c->n == c->capacity) {
        int capacity = c->capacity ? 2 * c->capacity : 64;
        void *more = realloc(c->at, (size_t)capacity * sizeof *c->at);
        if (!more) return rb_fail(RB_MEMORY, "out of memory for %d curves", capacity);
        c->at = more;
        c->capacity = capacity;
    }
    c->at[c->n].runs = runs;
    c->at[c->n++].n = n;
    return RB_OK;
}

rb_status rb__page_curves_end(rb_report *r, const rb_page_curves *c) {
    rb_status status = RB_OK;
    int most = c->n ? ALL_POINTS / c->n : MOST_POINTS;
    most = most > MOST_POINTS ? MOST_POINTS : most < FEWEST_POINTS ? FEWEST_POINTS : most;
    for (int i = 0; i < c->n; i++) RB_TRY(put_curve(r, c->at[i].runs, c->at[i].n, most));
cleanup:
    return status;
}

void rb__page_curves_free(rb_page_curves *c) {
    free(c->at);
    memset(c, 0, sizeof *c);
}
