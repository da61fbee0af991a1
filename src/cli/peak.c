/* peak.c: the verb `peak`: what each device can do at most, measured. */
#include "cli/peak.h"

#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/place.h"
#include "cli/verb.h"
#include "core/log.h"
#include "measure/peak.h"

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

rb_status rb_peak_send(void *context, FILE *to) {
    const rb_peak_work *w = context;
    rb_status status = RB_OK;
    rb_place place = {0};
    rb_peak peak;
    rb_row about, row; /* rb_place_device describes the device in a runs row */
    rb_row_begin(&about, RB_TABLE_runs);
    rb_row_begin(&row, RB_TABLE_peaks);
    RB_TRY(rb_place_device(&place, w->o, w->selector, &about));
    if (w->not_only_named && rb_backend_only_named(place.id.backend)) goto cleanup;
    RB_TRY(rb_peak_measure(place.id.backend, place.device, w->seconds, &peak));
    rb_row_text(&row, RB_COL(peaks, device_key), w->selector);
    rb_row_text(&row, RB_COL(peaks, device), place.info.name);
    rb_row_text(&row, RB_COL(peaks, isa), place.info.isa);
    rb_row_int(&row, RB_COL(peaks, threads), place.info.threads);
    rb_row_text(&row, RB_COL(peaks, provider), peak.gemm_provider);
    rb_row_real(&row, RB_COL(peaks, fma_gflop_per_s), peak.fma_gflop_per_s);
    rb_row_real(&row, RB_COL(peaks, gemm_gflop_per_s), peak.gemm_gflop_per_s);
    rb_row_real(&row, RB_COL(peaks, triad_gbyte_per_s), peak.triad_gbyte_per_s);
    bool rounds = place.info.product_roundoff > 0 && strcmp(peak.gemm_provider, "own") != 0; /* own kernels do not */
    rb_row_text(&row, RB_COL(peaks, precision), rounds ? rb_value(w->o, RB_FLAG_PRECISION) : "fp32");
    RB_TRY(rb_send_row(to, &row));
cleanup:
    rb_place_close(&place);
    rb_row_end(&about);
    rb_row_end(&row);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

typedef struct peak_rows {
    rb_row rows[64];
    int n;
} peak_rows;

static rb_status keep_row(void *context, const rb_row *row) {
    peak_rows *list = context;
    if (list->n < 64) rb_row_copy(row, &list->rows[list->n++]);
    return RB_OK;
}

rb_status rb_verb_peak(const rb_options *o) {
    rb_status status = RB_OK;
    rb_words selectors = {0};
    peak_rows *list = calloc(1, sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory for the peaks of devices");
    RB_TRY(rb_no_names(o));
    RB_TRY(rb_devices_chosen(o, &selectors));
    for (int i = 0; i < selectors.n; i++) {
        rb_child_end end;
        rb_child_hooks hooks = {.context = list, .row = keep_row};
        rb_peak_work w = {.o = o, .selector = selectors.at[i], .seconds = 1};
        RB_TRY(rb_child_run(rb_peak_send, &w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 0), &end));
        if (end.status == RB_UNSUPPORTED && !rb_given(o, RB_FLAG_DEVICE)) {
            rb_log(RB_LOG_WARN, "%s: %s", selectors.at[i], end.text); /* nobody asked for it by name */
            continue;
        }
        if (end.status != RB_OK) {
            status = rb_fail(end.status, "%s: %s", selectors.at[i], end.text);
            goto cleanup;
        }
    }
    RB_TRY(rb_print_table(RB_TABLE_peaks, rb_output_format(o), list->rows, list->n, NULL, 0));
cleanup:
    for (int i = 0; i < list->n; i++) rb_row_end(&list->rows[i]);
    free(list);
    rb_words_free(&selectors);
    return status;
}
