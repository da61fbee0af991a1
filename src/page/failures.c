/* failures.c: runs that did not end well, and how to run them again; and the time that others took to an accuracy. */
#include <math.h>
#include <stdlib.h>

#include "page/internal.h"
#include "report/tta.h"

static bool is_failure(const rb_row *row) { return !rb_run_ok(row) && !rb__page_as_foreseen(row); }

rb_status rb__page_failures(rb_report *r) {
    static const int columns[] = {RB_COL(runs, case), RB_COL(runs, machine), RB_COL(runs, device_key)};
    static const struct {
        int to, from;
    } same[] = {{RB_PAGE_COL(failures, case), RB_COL(runs, case)},
                {RB_PAGE_COL(failures, machine), RB_COL(runs, machine)},
                {RB_PAGE_COL(failures, device_key), RB_COL(runs, device_key)},
                {RB_PAGE_COL(failures, status), RB_COL(runs, status)},
                {RB_PAGE_COL(failures, status_reason), RB_COL(runs, status_reason)},
                {RB_PAGE_COL(failures, seed), RB_COL(runs, seed)},
                {RB_PAGE_COL(failures, batch_size), RB_COL(runs, batch_size)},
                {RB_PAGE_COL(failures, overrides), RB_COL(runs, overrides)},
                {RB_PAGE_COL(failures, phase), RB_COL(runs, phase)},
                {RB_PAGE_COL(failures, run_id), RB_COL(runs, run_id)}};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    int n = 0;
    RB_TRY(rb__page_runs(r, is_failure, columns, sizeof columns / sizeof *columns, &runs, &n));
    for (int i = 0; i < n; i++) {
        const rb_row *row = runs[i].row;
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_failures);
        if (!cells) break;
        rb__page_set_text(&cells[RB_PAGE_COL(failures, lab)],
                          rb__page_lab(r, rb_row_get_text(row, RB_COL(runs, case))));
        for (size_t k = 0; k < sizeof same / sizeof *same; k++)
            rb__page_set_cell(&cells[same[k].to], &row->cells[same[k].from]);
        rb__page_set_text(&cells[RB_PAGE_COL(failures, repeat)], rb__page_repeat(r, &runs[i], 1));
    }
    status = rb__page_status(r);
cleanup:
    free(runs);
    return status;
}

static bool has_target(const rb_row *row) { return isfinite(rb_row_number(row, RB_COL(runs, target_value))); }

static rb_status put_times(rb_report *r, const rb_page_run *runs, int n, const rb_row **list) {
    static const struct {
        int to, from;
    } numbers[] = {{RB_PAGE_COL(tta, target_value), RB_COL(tta, target_value)},
                   {RB_PAGE_COL(tta, n), RB_COL(tta, n)},
                   {RB_PAGE_COL(tta, reached), RB_COL(tta, reached)},
                   {RB_PAGE_COL(tta, epochs_to_target), RB_COL(tta, epochs_to_target)},
                   {RB_PAGE_COL(tta, s_per_epoch), RB_COL(tta, s_per_epoch)},
                   {RB_PAGE_COL(tta, tta_train_s), RB_COL(tta, tta_train_s)},
                   {RB_PAGE_COL(tta, tta_total_s), RB_COL(tta, tta_total_s)}},
      texts[] = {{RB_PAGE_COL(tta, case), RB_COL(runs, case)},
                 {RB_PAGE_COL(tta, machine), RB_COL(runs, machine)},
                 {RB_PAGE_COL(tta, device_key), RB_COL(runs, device_key)},
                 {RB_PAGE_COL(tta, overrides), RB_COL(runs, overrides)}};
    rb_status status = RB_OK;
    rb_row *rows = NULL;
    int n_rows = 0;
    for (int i = 0; i < n; i++) list[i] = runs[i].row;
    RB_TRY(rb_tta_rows(list, n, &rows, &n_rows));
    for (int i = 0; i < n_rows; i++) {
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_tta);
        if (!cells) break;
        rb__page_set_text(&cells[RB_PAGE_COL(tta, lab)],
                          rb__page_lab(r, rb_row_get_text(runs[0].row, RB_COL(runs, case))));
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            rb__page_set_cell(&cells[texts[k].to], &runs[0].row->cells[texts[k].from]);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            rb__page_set_cell(&cells[numbers[k].to], &rows[i].cells[numbers[k].from]);
    }
    status = rb__page_status(r);
cleanup:
    for (int i = 0; i < n_rows; i++) rb_row_end(&rows[i]);
    free(rows);
    return status;
}

rb_status rb__page_tta(rb_report *r) {
    static const int columns[] = {RB_COL(runs, case),    RB_COL(runs, machine),   RB_COL(runs, device_key),
                                  RB_COL(runs, dataset), RB_COL(runs, overrides), RB_COL(runs, target_value)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    const rb_row **list = NULL;
    int n = 0;
    RB_TRY(rb__page_runs(r, has_target, columns, sizeof columns / sizeof *columns, &runs, &n));
    list = malloc(((size_t)n + 1) * sizeof *list);
    if (!list) {
        status = rb_fail(RB_MEMORY, "out of memory for %d runs", n);
        goto cleanup;
    }
    for (int from = 0, to; from < n; from = to) {
        to = rb__page_group_end(runs, from, n);
        RB_TRY(put_times(r, runs + from, to - from, list));
    }
cleanup:
    free(runs);
    free(list);
    return status;
}
