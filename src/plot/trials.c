/* trials.c: studies: the best validation accuracy so far against runs spent; all studies of the session in one chart,
 * for they are to be compared. */
#include <math.h>
#include <string.h>

#include "plot/kinds.h"

/* What one line is of, besides the study: named where a study has several. */
static const char *const APART[] = {"device_key", "seed", "overrides"};
enum { N_APART = sizeof APART / sizeof *APART };

static bool same(const rb_csv *csv, int a, int b, const char *column) {
    return !strcmp(rb_csv_get(csv, a, column), rb_csv_get(csv, b, column));
}

static bool same_line(const rb_csv *csv, int a, int b) {
    bool equal = same(csv, a, b, "study");
    for (int i = 0; i < N_APART; i++) equal = equal && same(csv, a, b, APART[i]);
    return equal;
}

static void name_of(const rb_csv *csv, int row, rb_text *name) {
    rb_text_append(name, rb_csv_get(csv, row, "study"));
    for (int i = 0; i < N_APART; i++) {
        bool several = false;
        for (int k = 0; k < csv->n_rows; k++)
            several = several || (same(csv, k, row, "study") && !same(csv, k, row, APART[i]));
        if (several)
            rb_text_printf(name, ", %s%s", !strcmp(APART[i], "seed") ? "seed " : "", rb_csv_get(csv, row, APART[i]));
    }
}

/* The line that begins with this row: its data, then how it is drawn. */
static void add_line(const rb_csv *csv, int first, const char *name, int *n, rb_chart *chart) {
    int trial = rb_csv_column(csv, "trial"), best = rb_csv_column(csv, "best_so_far"),
        own = rb_csv_column(csv, "val_acc"), rows = 0, set = 0;
    for (int k = first; k < csv->n_rows; k++) {
        double row[3] = {rb_csv_number(csv, k, trial), rb_csv_number(csv, k, best), rb_csv_number(csv, k, own)};
        bool counts = same_line(csv, k, first) && isfinite(row[0]) && isfinite(row[1]);
        for (int later = k + 1; later < csv->n_rows && counts; later++) /* decided anew: the last row holds */
            counts = !same_line(csv, later, first) || rb_csv_number(csv, later, trial) != row[0];
        if (!counts) continue;
        if (rows++ == 0) set = rb_chart_set(chart, name, "trial, best so far, its own validation accuracy");
        rb_chart_row(chart, 3, row);
    }
    if (rows < 2) return;
    rb_stroke stroke = rb_stroke_of((*n)++);
    rb_chart_line(chart, set, "1:(100*$2)", "steps lw 2", stroke, name);
    rb_chart_line(chart, set, "1:(100*$3)", "points pt 7 ps 0.5", stroke, NULL);
}

rb_status rb_plot_trials(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_TRIALS];
    rb_text name = {0};
    rb_chart chart;
    int n = 0;
    rb_chart_begin(&chart, "studies", "trials");
    for (int i = 0; i < csv->n_rows; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = same_line(csv, k, i);
        if (seen) continue;
        rb_text_clear(&name);
        name_of(csv, i, &name);
        RB_TRY(rb_text_status(&name));
        if (rb_chart_takes(&chart, rb_text_string(&name))) add_line(csv, i, rb_text_string(&name), &n, &chart);
    }
    rb_chart_panel(&chart, "runs spent", "validation accuracy, %", RB_AXIS_LINEAR, "");
    RB_TRY(rb_chart_end(&chart, "best validation accuracy so far against runs spent (dots: each run by itself)",
                        p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&name);
    return status;
}
