/* outcomes.c: what became of whole runs: medians over seeds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "page/internal.h"
#include "page/outcomes.h"

static bool is_run(const rb_row *row) { return !strcmp(rb_row_get_text(row, RB_COL(runs, phase)), "run"); }

/* It ended by itself, so that its accuracy is an outcome: well, or otherwise than its case expects. */
static bool ended(const rb_row *row) {
    rb_status word = rb_status_from_word(rb_row_get_text(row, RB_COL(runs, status)));
    return word == RB_OK || word == RB_UNEXPECTED || word == RB_DIVERGED;
}

/* Groups hold runs of one case on one device; where two did other work (another build of the case) the newer counts. */
static int keep_newest_work(rb_page_run *runs, int n) {
    const char *hash = "";
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (*rb_row_get_text(runs[i].row, RB_COL(runs, workload_hash)))
            hash = rb_row_get_text(runs[i].row, RB_COL(runs, workload_hash));
    for (int i = 0; i < n; i++) {
        const char *own = rb_row_get_text(runs[i].row, RB_COL(runs, workload_hash));
        if (!*own || !strcmp(own, hash)) runs[kept++] = runs[i];
    }
    return kept;
}

static int by_seed(const void *a, const void *b) {
    const rb_page_run *x = a, *y = b;
    int64_t s = x->row->cells[RB_COL(runs, seed)].u.i, t = y->row->cells[RB_COL(runs, seed)].u.i;
    if (s != t) return s < t ? -1 : 1;
    /* Of one seed the last is kept: one that ended before others, then the newer. */
    if (ended(x->row) != ended(y->row)) return ended(x->row) ? 1 : -1;
    int order =
        strcmp(rb_row_get_text(x->row, RB_COL(runs, started_utc)), rb_row_get_text(y->row, RB_COL(runs, started_utc)));
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* One run per seed. */
static int keep_seeds(rb_page_run *runs, int n) {
    int kept = 0;
    qsort(runs, (size_t)n, sizeof *runs, by_seed);
    for (int i = 0; i < n; i++) {
        bool last =
            i + 1 == n || runs[i].row->cells[RB_COL(runs, seed)].u.i != runs[i + 1].row->cells[RB_COL(runs, seed)].u.i;
        if (last) runs[kept++] = runs[i];
    }
    return kept;
}

/* "ok", or "4 ok, 2 diverged". */
static const char *status_of(rb_report *r, const rb_page_run *runs, int n) {
    rb_text words = {0};
    const char *kept = "ok";
    int ok = 0;
    for (int i = 0; i < n; i++) ok += rb_run_ok(runs[i].row);
    if (ok < n) {
        if (ok) rb_text_printf(&words, "%d ok", ok);
        for (int i = 0; i < n; i++) {
            const char *word = rb_row_get_text(runs[i].row, RB_COL(runs, status));
            int same = 0;
            bool told = rb_run_ok(runs[i].row);
            for (int k = 0; k < n; k++) {
                bool equal = !strcmp(rb_row_get_text(runs[k].row, RB_COL(runs, status)), word);
                same += equal;
                told |= equal && k < i;
            }
            if (!told) rb_text_printf(&words, "%s%d %s", words.length ? ", " : "", same, word);
        }
        r->memory |= words.failed;
        kept = rb__page_keep(r, rb_text_string(&words));
    }
    rb_text_free(&words);
    return kept;
}

/* Medians of what the last epochs say; NaN where epochs.csv does not. */
static void put_last_epochs(const rb_page_run *runs, int n, double *values, rb_page_cell *cells) {
    int counts[3] = {0};
    double *of[3] = {values, values + n, values + 2 * n};
    static const int to[3] = {RB_PAGE_COL(outcomes, train_acc), RB_PAGE_COL(outcomes, gap),
                              RB_PAGE_COL(outcomes, param_l2)};
    for (int i = 0; i < n; i++) {
        rb_page_last last;
        rb__page_last_epoch(&runs[i], &last);
        const double found[3] = {last.train_acc, last.train_acc - last.val_acc, last.param_l2};
        for (int k = 0; k < 3; k++)
            if (isfinite(found[k])) of[k][counts[k]++] = found[k];
    }
    for (int k = 0; k < 3; k++)
        if (counts[k]) rb__page_set_real(&cells[to[k]], rb_median(of[k], counts[k]));
}

/* `all` (n_all): a run per seed; the first `n` of them ended by themselves. */
static rb_status put_group(rb_report *r, const rb_page_run *all, int n_all, int n, double *values) {
    static const rb_cell_copy same[] = {
        RB_PAGE_COPY(outcomes, runs, case),       RB_PAGE_COPY(outcomes, runs, machine),
        RB_PAGE_COPY(outcomes, runs, device_key), RB_PAGE_COPY(outcomes, runs, overrides),
        RB_PAGE_COPY(outcomes, runs, precision),  RB_PAGE_COPY(outcomes, runs, reg),
        RB_PAGE_COPY(outcomes, runs, dataset),    RB_PAGE_COPY(outcomes, runs, model),
        RB_PAGE_COPY(outcomes, runs, batch_size), RB_PAGE_COPY(outcomes, runs, optimizer),
        RB_PAGE_COPY(outcomes, runs, lr),         RB_PAGE_COPY(outcomes, runs, commit),
        RB_PAGE_COPY(outcomes, runs, run_id)};
    static const rb_cell_copy medians[] = {
        RB_PAGE_COPY(outcomes, runs, epochs_run), RB_PAGE_COPY(outcomes, runs, val_acc_best),
        RB_PAGE_COPY(outcomes, runs, test_acc), RB_PAGE_COPY(outcomes, runs, duration_s)};
    const rb_row *row = all[0].row;
    rb_page_cell *cells = rb__page_row(r, RB_PAGE_outcomes);
    if (!cells) return rb__page_status(r);
    rb__page_set_text(&cells[RB_PAGE_COL(outcomes, lab)], rb__page_lab(r, rb_row_get_text(row, RB_COL(runs, case))));
    rb__page_copy_cells(row, cells, same, sizeof same / sizeof *same);
    rb__page_set_int(&cells[RB_PAGE_COL(outcomes, seeds)], n);
    rb__page_set_text(&cells[RB_PAGE_COL(outcomes, status)], status_of(r, all, n_all));
    for (size_t i = 0; i < sizeof medians / sizeof *medians; i++)
        rb__page_set_number(&cells[medians[i].to], rb__page_median(all, n, medians[i].from, values));
    double median = rb__page_median(all, n, RB_COL(runs, val_acc_final), values), low, high;
    if (isfinite(median)) {
        int known = 0;
        for (int i = 0; i < n; i++) known += isfinite(rb_row_number(all[i].row, RB_COL(runs, val_acc_final)));
        rb_median_interval(values, known, 0.95, &low, &high);
        rb__page_set_real(&cells[RB_PAGE_COL(outcomes, val_acc_final)], median);
        rb__page_set_real(&cells[RB_PAGE_COL(outcomes, val_acc_final_low)], low);
        rb__page_set_real(&cells[RB_PAGE_COL(outcomes, val_acc_final_high)], high);
    }
    put_last_epochs(all, n, values, cells);
    rb__page_set_text(&cells[RB_PAGE_COL(outcomes, repeat)], rb__page_repeat(r, all, n_all));
    return RB_OK;
}

static int failures_last(const void *a, const void *b) {
    const rb_page_run *x = a, *y = b;
    bool good = ended(x->row), better = ended(y->row);
    if (good != better) return good ? -1 : 1;
    return by_seed(a, b);
}

rb_status rb__page_outcomes(rb_report *r) {
    static const int columns[] = {RB_COL(runs, case),      RB_COL(runs, machine), RB_COL(runs, device_key),
                                  RB_COL(runs, overrides), RB_COL(runs, dataset), RB_COL(runs, precision)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    double *values = NULL;
    rb_page_curves curves = {0};
    int n = 0;
    RB_TRY(rb__page_runs(r, is_run, columns, sizeof columns / sizeof *columns, &runs, &n));
    values = malloc((3 * (size_t)n + 1) * sizeof *values);
    if (!values) {
        status = rb_fail(RB_MEMORY, "out of memory for %d runs", n);
        goto cleanup;
    }
    for (int from = 0, to; from < n; from = to) {
        to = rb__page_group_end(runs, from, n);
        rb_page_run *group = runs + from;
        int kept = keep_seeds(group, keep_newest_work(group, to - from)), good = 0;
        qsort(group, (size_t)kept, sizeof *group, failures_last);
        for (int i = 0; i < kept; i++) good += ended(group[i].row);
        RB_TRY(put_group(r, group, kept, good, values));
        RB_TRY(rb__page_curves_add(&curves, group, kept));
    }
    RB_TRY(rb__page_curves_end(r, &curves));
cleanup:
    rb__page_curves_free(&curves);
    free(runs);
    free(values);
    return status;
}
