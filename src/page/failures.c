/* failures.c: runs that did not end well, and how to run them again; and the time that others took to an accuracy. */
#include <math.h>
#include <stdlib.h>

#include "page/internal.h"
#include "report/tta.h"

static bool is_failure(const rb_row *row) { return !rb_run_ok(row) && !rb__page_as_foreseen(row); }

rb_status rb__page_failures(rb_report *r) {
    static const int columns[] = {RB_COL(runs, case), RB_COL(runs, machine), RB_COL(runs, device_key)};
    static const rb_cell_copy same[] = {
        RB_PAGE_COPY(failures, runs, case),          RB_PAGE_COPY(failures, runs, machine),
        RB_PAGE_COPY(failures, runs, device_key),    RB_PAGE_COPY(failures, runs, status),
        RB_PAGE_COPY(failures, runs, status_reason), RB_PAGE_COPY(failures, runs, seed),
        RB_PAGE_COPY(failures, runs, batch_size),    RB_PAGE_COPY(failures, runs, overrides),
        RB_PAGE_COPY(failures, runs, phase),         RB_PAGE_COPY(failures, runs, run_id)};
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
        rb__page_copy_cells(row, cells, same, sizeof same / sizeof *same);
        rb__page_set_text(&cells[RB_PAGE_COL(failures, repeat)], rb__page_repeat(r, &runs[i], 1));
    }
    status = rb__page_status(r);
cleanup:
    free(runs);
    return status;
}

static bool has_target(const rb_row *row) { return isfinite(rb_row_number(row, RB_COL(runs, target_value))); }

static rb_status put_times(rb_report *r, const rb_page_run *runs, int n, const rb_row **list) {
    static const rb_cell_copy same[] = {RB_PAGE_COPY(tta, tta, case),         RB_PAGE_COPY(tta, tta, machine),
                                        RB_PAGE_COPY(tta, tta, device_key),   RB_PAGE_COPY(tta, tta, dataset),
                                        RB_PAGE_COPY(tta, tta, overrides),    RB_PAGE_COPY(tta, tta, precision),
                                        RB_PAGE_COPY(tta, tta, provider),     RB_PAGE_COPY(tta, tta, submit),
                                        RB_PAGE_COPY(tta, tta, threads),      RB_PAGE_COPY(tta, tta, quirks),
                                        RB_PAGE_COPY(tta, tta, settings),     RB_PAGE_COPY(tta, tta, commit),
                                        RB_PAGE_COPY(tta, tta, dirty),        RB_PAGE_COPY(tta, tta, device),
                                        RB_PAGE_COPY(tta, tta, target_value), RB_PAGE_COPY(tta, tta, n),
                                        RB_PAGE_COPY(tta, tta, reached),      RB_PAGE_COPY(tta, tta, epochs_to_target),
                                        RB_PAGE_COPY(tta, tta, s_per_epoch),  RB_PAGE_COPY(tta, tta, tta_train_s),
                                        RB_PAGE_COPY(tta, tta, tta_total_s)};
    rb_status status = RB_OK;
    rb_row *rows = NULL;
    int n_rows = 0;
    for (int i = 0; i < n; i++) list[i] = runs[i].row;
    RB_TRY(rb_tta_rows(list, n, &rows, &n_rows));
    for (int i = 0; i < n_rows; i++) {
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_tta);
        if (!cells) break;
        rb__page_copy_cells(&rows[i], cells, same, sizeof same / sizeof *same);
        for (int c = 0; c < rb__page_columns(RB_PAGE_tta); c++) /* the rows end here */
            if (cells[c].type == RB_CELL_TEXT) cells[c].u.s = rb__page_keep(r, cells[c].u.s);
        rb__page_set_text(&cells[RB_PAGE_COL(tta, lab)],
                          rb__page_lab(r, rb_row_get_text(runs[0].row, RB_COL(runs, case))));
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
