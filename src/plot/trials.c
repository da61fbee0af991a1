/* trials.c: studies: the best validation accuracy so far against runs spent; all studies of the session in one chart,
 * for they are to be compared. */
#include <math.h>
#include <string.h>

#include "plot/kinds.h"

rb_status rb_plot_trials(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_TRIALS];
    int study = rb_csv_column(csv, "study"), trial = rb_csv_column(csv, "trial"),
        best = rb_csv_column(csv, "best_so_far"), own = rb_csv_column(csv, "val_acc"), n = 0;
    rb_chart chart;
    if (csv->n_rows == 0 || study < 0 || trial < 0 || best < 0) return RB_OK;
    rb_chart_begin(&chart, "studies", "trials");
    for (int i = 0; i < csv->n_rows; i++) {
        const char *name = rb_csv_at(csv, i, study);
        bool seen = false;
        int rows = 0, set = 0;
        for (int k = 0; k < i; k++) seen = seen || !strcmp(rb_csv_at(csv, k, study), name);
        for (int k = i; k < csv->n_rows && !seen; k++) {
            double row[3] = {rb_recorded_value(csv, k, trial), rb_recorded_value(csv, k, best),
                             rb_recorded_value(csv, k, own)};
            if (strcmp(rb_csv_at(csv, k, study), name) != 0 || !isfinite(row[0]) || !isfinite(row[1])) continue;
            if (rows++ == 0) set = rb_chart_set(&chart, name, "trial, best so far, its own validation accuracy");
            rb_chart_row(&chart, 3, row);
        }
        if (rows < 2) continue;
        rb_stroke stroke = rb_stroke_of(n++);
        rb_chart_line(&chart, set, "1:(100*$2)", "steps lw 2", stroke, name);
        rb_chart_line(&chart, set, "1:(100*$3)", "points pt 7 ps 0.5", stroke, NULL);
    }
    rb_chart_panel(&chart, "runs spent", "best validation accuracy so far, % (dots: each run's own)", RB_AXIS_LINEAR,
                   "");
    RB_TRY(rb_chart_end(&chart, "best validation accuracy against runs spent", p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    return status;
}
