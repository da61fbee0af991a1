/* attacks.c: accuracy against the strength of attacks, one panel per kind of attack, one line per case. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/kinds.h"

/* Rows of the group whose attack is `name`; several seeds: their mean at each strength. */
static rb_status line(const rb_plots *p, int group, const char *name, int *n, rb_chart *chart) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_ATTACKS];
    int attack = rb_csv_column(csv, "attack"), eps = rb_csv_column(csv, "eps_255"),
        accuracy = rb_csv_column(csv, "accuracy"), set = -1;
    bool *done = calloc((size_t)csv->n_rows + 1, sizeof *done);
    if (!done) return rb_fail(RB_MEMORY, "out of memory for attacks.csv");
    for (;;) {
        double at = (double)NAN, sum = 0;
        int found = 0;
        for (int i = 0; i < csv->n_rows; i++) { /* the smallest strength that is left */
            double e = rb_recorded_value(csv, i, eps);
            bool ours = p->session.group[RB_FROM_ATTACKS][i] == group && !strcmp(rb_csv_at(csv, i, attack), name);
            if (ours && !done[i] && !(e >= at)) at = e;
        }
        if (!isfinite(at)) break;
        for (int i = 0; i < csv->n_rows; i++) {
            bool ours = p->session.group[RB_FROM_ATTACKS][i] == group && !strcmp(rb_csv_at(csv, i, attack), name);
            double value = rb_recorded_value(csv, i, accuracy);
            if (!ours || rb_recorded_value(csv, i, eps) != at) continue;
            done[i] = true;
            if (!isfinite(value)) continue;
            sum += value;
            found++;
        }
        if (found == 0) continue;
        if (set < 0) set = rb_chart_set(chart, p->session.groups[group].label, "epsilon in 1/255, mean accuracy");
        rb_chart_row(chart, 2, (double[]){at, sum / found});
    }
    if (set >= 0)
        rb_chart_line(chart, set, "1:(100*$2)", "linespoints lw 2 pt 7 ps 0.8", rb_stroke_of((*n)++),
                      p->session.groups[group].label);
    free(done);
    return status;
}

rb_status rb_plot_attacks(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_ATTACKS];
    int attack = rb_csv_column(csv, "attack");
    rb_chart chart;
    if (csv->n_rows == 0 || attack < 0 || !p->session.group[RB_FROM_ATTACKS]) return RB_OK;
    rb_chart_begin(&chart, "attacks", "accuracy");
    for (int i = 0; i < csv->n_rows; i++) {
        const char *name = rb_csv_at(csv, i, attack);
        char strength[96];
        int n = 0;
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || !strcmp(rb_csv_at(csv, k, attack), name);
        for (int g = 0; !seen && g < p->session.n_groups; g++) RB_TRY(line(p, g, name, &n, &chart));
        snprintf(strength, sizeof strength, "%.60s: epsilon, 1/255", name);
        rb_chart_panel(&chart, strength, "accuracy, %", RB_FROM_ZERO, "");
    }
    RB_TRY(rb_chart_end(&chart, "accuracy under attack against its strength", p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    return status;
}
