/* roofline.c: where steps stand under what their device can do at most. */
#include <math.h>
#include <string.h>

#include "page/internal.h"

/* Peaks of the run's device, from the table of devices. */
static void find_peaks(const rb_report *r, const rb_row *run, double *fma, double *triad) {
    *fma = *triad = NAN;
    for (int i = 0; i < r->tables[RB_PAGE_devices].n; i++) {
        if (strcmp(rb__page_text_at(r, RB_PAGE_devices, i, RB_PAGE_COL(devices, machine)),
                   rb_row_get_text(run, RB_COL(runs, machine))) != 0 ||
            strcmp(rb__page_text_at(r, RB_PAGE_devices, i, RB_PAGE_COL(devices, device_key)),
                   rb_row_get_text(run, RB_COL(runs, device_key))) != 0)
            continue;
        *fma = rb__page_number_at(r, RB_PAGE_devices, i, RB_PAGE_COL(devices, fma_gflop_per_s));
        *triad = rb__page_number_at(r, RB_PAGE_devices, i, RB_PAGE_COL(devices, triad_gbyte_per_s));
    }
}

void rb__page_set_place(rb_report *r, const rb_row *run, rb_page_cell *cells) {
    static const int from[] = {RB_COL(runs, case), RB_COL(runs, machine), RB_COL(runs, device_key),
                               RB_COL(runs, batch_size)};
    rb__page_set_text(&cells[0], rb__page_lab(r, rb_row_get_text(run, RB_COL(runs, case))));
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) rb__page_set_cell(&cells[1 + i], &run->cells[from[i]]);
}

rb_status rb__page_under_roof(rb_report *r, const rb_row *run, double flops, double bytes, double step_ns) {
    double fma, triad;
    if (!(flops > 0 && bytes > 0 && step_ns > 0)) return RB_OK;
    const char *precision = rb_row_get_text(run, RB_COL(runs, precision));
    if (*precision && strcmp(precision, "fp32") != 0) { /* the roof says nothing of it */
        rb__page_note(r, "%s on %s of %s (batch %.0f) in %s has no place under the roof, which is fp32's.",
                      rb_row_get_text(run, RB_COL(runs, case)), rb_row_get_text(run, RB_COL(runs, device_key)),
                      rb_row_get_text(run, RB_COL(runs, machine)), rb_row_number(run, RB_COL(runs, batch_size)),
                      precision);
        return RB_OK;
    }
    rb_page_cell *cells = rb__page_row(r, RB_PAGE_roofline);
    if (!cells) return rb__page_status(r);
    find_peaks(r, run, &fma, &triad);
    rb__page_set_place(r, run, cells);
    rb__page_set_real(&cells[RB_PAGE_COL(roofline, flop_per_byte)], flops / bytes);
    rb__page_set_real(&cells[RB_PAGE_COL(roofline, gflop_per_s)], flops / step_ns);
    rb__page_set_real(&cells[RB_PAGE_COL(roofline, fma_gflop_per_s)], fma);
    rb__page_set_real(&cells[RB_PAGE_COL(roofline, triad_gbyte_per_s)], triad);
    return RB_OK;
}
