/* compared.c: what other verbs tell of the same sessions: compare across devices, history, effects. */
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"
#include "report/effects.h"
#include "report/others.h"

/* The sessions as compare and history want them; freed by the caller. */
static const rb_runs **list_of(const rb_report *r) {
    const rb_runs **list = malloc(((size_t)r->n_sessions + 1) * sizeof *list);
    for (int k = 0; list && k < r->n_sessions; k++) list[k] = &r->sessions[k].runs;
    return list;
}

/* A row after the lab of its case. */
static rb_status put_row(rb_report *r, rb_page_table table, const char *case_name, const rb_row *row) {
    rb_page_cell *cells = rb__page_row(r, table);
    if (!cells) return rb__page_status(r);
    rb__page_set_text(&cells[0], rb__page_lab(r, case_name));
    rb__page_set_source(cells, table, row);
    return RB_OK;
}

/* By the device's name, so that the cpu is what others are compared with; then as they were read. */
static int by_device(const void *a, const void *b) {
    const rb_page_run *x = a, *y = b;
    int order =
        strcmp(rb_row_get_text(x->row, RB_COL(runs, device_key)), rb_row_get_text(y->row, RB_COL(runs, device_key)));
    return order ? order : strcmp(x->key, y->key);
}

/* Two builds by turns are another comparison. */
static bool is_ours(const rb_row *row) { return !*rb_row_get_text(row, RB_COL(runs, arm)); }

/* All sessions' runs as one, whose rows still belong to the sessions. */
static rb_status merge(rb_report *r, rb_runs *out) {
    static const int columns[] = {RB_COL(runs, machine), RB_COL(runs, started_utc), RB_COL(runs, run_id)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    int n = 0;
    memset(out, 0, sizeof *out);
    RB_TRY(rb__page_runs(r, is_ours, columns, sizeof columns / sizeof *columns, &runs, &n));
    qsort(runs, (size_t)n, sizeof *runs, by_device);
    out->rows = malloc(((size_t)n + 1) * sizeof *out->rows);
    out->others = malloc(((size_t)n + 1) * sizeof *out->others);
    if (!out->rows || !out->others) {
        status = rb_fail(RB_MEMORY, "out of memory for %d runs", n);
        goto cleanup;
    }
    for (int i = 0; i < n; i++) {
        out->rows[i] = *runs[i].row;
        out->others[i] = rb_others_cores(&runs[i].from->runs.ratios, runs[i].row);
    }
    out->n = n;
    for (int k = 0; k < r->n_sessions; k++)
        if (r->sessions[k].runs.aa_noise > out->aa_noise) out->aa_noise = r->sessions[k].runs.aa_noise;
cleanup:
    free(runs);
    return status;
}

/* Pairs with values in both arms: that a case ran on one device only needs no row. */
rb_status rb__page_compared(rb_report *r) {
    rb_status status = RB_OK;
    rb_runs all = {0};
    const rb_runs *list[] = {&all};
    RB_TRY(merge(r, &all));
    status = rb_compare_runs(list, 1, RB_ACROSS_DEVICE, RB_GATE_NONE, &r->compared);
    if (status == RB_MISMATCH) { /* a single device */
        rb_error_clear();
        status = RB_OK;
    }
    for (int i = 0; i < r->compared.n && status == RB_OK; i++) {
        const rb_row *row = &r->compared.rows[i];
        if (row->cells[RB_COL(compare, ratio)].type == RB_CELL_EMPTY) continue;
        status = put_row(r, RB_PAGE_compare, rb_row_get_text(row, RB_COL(compare, case)), row);
    }
cleanup:
    free(all.rows);
    free(all.others);
    return status;
}

static bool same_series(const rb_row *a, const rb_row *b) {
    static const int columns[] = {
        RB_COL(history, case),      RB_COL(history, machine),       RB_COL(history, device_key),
        RB_COL(history, precision), RB_COL(history, provider),      RB_COL(history, overrides),
        RB_COL(history, device),    RB_COL(history, workload_hash), RB_COL(history, phase),
        RB_COL(history, submit),    RB_COL(history, isa),           RB_COL(history, quirks),
        RB_COL(history, settings),  RB_COL(history, batch_size),    RB_COL(history, threads)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* What was measured in one session alone has no history yet. */
rb_status rb__page_history(rb_report *r) {
    rb_status status = RB_OK;
    const rb_runs **list = list_of(r);
    if (!list) return rb_fail(RB_MEMORY, "out of memory");
    status = rb_history_of(list, r->n_sessions, &r->history);
    for (int i = 0; i < r->history.n && status == RB_OK; i++) {
        const rb_row *row = &r->history.rows[i];
        bool more = (i > 0 && same_series(row, row - 1)) || (i + 1 < r->history.n && same_series(row, row + 1));
        if (more) status = put_row(r, RB_PAGE_history, rb_row_get_text(row, RB_COL(history, case)), row);
    }
    free(list);
    return status;
}

rb_status rb__page_effects(rb_report *r) {
    rb_status status = RB_OK;
    rb_effect_runs runs = {0};
    for (int k = 0; k < r->n_sessions; k++) {
        if (r->sessions[k].runs.n == 0) continue;
        status = rb_effects_read(r->sessions[k].dir, &runs);
        if (status == RB_INPUT || status == RB_MISSING) {
            rb__page_note(r, "Left out of the effects: %s", rb_error_last()->text);
            rb_error_clear();
            status = RB_OK;
        }
        RB_TRY(status);
    }
    status = rb_effects_rows(&runs, NULL, &r->effects, &r->n_effects);
    if (status == RB_USAGE) { /* no regularizer among the runs */
        rb_error_clear();
        status = RB_OK;
    }
    RB_TRY(status);
    for (int i = 0; i < r->n_effects; i++) {
        const char *arm = rb_row_get_text(&r->effects[i], RB_COL(effects, arm));
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(arm, " "), arm);
        RB_TRY(put_row(r, RB_PAGE_effects, name, &r->effects[i]));
        rb_page_cell *cells = r->tables[RB_PAGE_effects].cells +
                              (size_t)(r->tables[RB_PAGE_effects].n - 1) * (size_t)rb__page_columns(RB_PAGE_effects);
        rb__page_set_text(&cells[RB_PAGE_COL(effects, case)], rb__page_keep(r, name));
    }
cleanup:
    rb_effects_free(&runs);
    return status;
}
