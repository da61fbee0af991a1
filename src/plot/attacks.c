/* attacks.c: against the strength of attacks, one panel per kind of attack: accuracy, one line per case, and what a
 * detector refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/kinds.h"

/* One line per case. */
typedef struct measure {
    const char *column, *of; /* `of`: follows the case in the legend */
} measure;

/* Rows of the group whose attack is `name`; several seeds: their mean at each strength. */
static rb_status line(const rb_plots *p, int group, const char *name, const measure *m, int *n, rb_chart *chart) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_ATTACKS];
    int attack = rb_csv_column(csv, "attack"), eps = rb_csv_column(csv, "eps_255"),
        column = rb_csv_column(csv, m->column), set = -1;
    rb_text label = {0}, columns = {0};
    rb_text_printf(&label, "%s%s", p->session.groups[group].label, m->of);
    rb_text_printf(&columns, "epsilon in 1/255, mean %s", m->column);
    bool *done = calloc((size_t)csv->n_rows + 1, sizeof *done);
    if (!done) {
        status = rb_fail(RB_MEMORY, "out of memory for attacks.csv");
        goto cleanup;
    }
    for (;;) {
        double at = (double)NAN, sum = 0;
        int found = 0;
        for (int i = 0; i < csv->n_rows; i++) { /* the smallest strength that is left */
            double e = rb_csv_number(csv, i, eps);
            bool ours = p->session.group[RB_FROM_ATTACKS][i] == group && !strcmp(rb_csv_at(csv, i, attack), name);
            if (ours && !done[i] && !(e >= at)) at = e;
        }
        if (!isfinite(at)) break;
        for (int i = 0; i < csv->n_rows; i++) {
            bool ours = p->session.group[RB_FROM_ATTACKS][i] == group && !strcmp(rb_csv_at(csv, i, attack), name);
            double value = rb_csv_number(csv, i, column);
            if (!ours || rb_csv_number(csv, i, eps) != at) continue;
            done[i] = true;
            if (!isfinite(value)) continue;
            sum += value;
            found++;
        }
        if (found == 0) continue;
        if (set < 0 && !rb_chart_takes(chart, rb_text_string(&label))) break;
        if (set < 0) set = rb_chart_set(chart, rb_text_string(&label), rb_text_string(&columns));
        rb_chart_row(chart, 2, (double[]){at, sum / found});
    }
    if (set >= 0)
        rb_chart_line(chart, set, "1:(100*$2)", "linespoints lw 2 pt 7 ps 0.8", rb_stroke_of((*n)++),
                      rb_text_string(&label));
    RB_TRY(rb_text_status(&label));
    RB_TRY(rb_text_status(&columns));
cleanup:
    rb_text_free(&label);
    rb_text_free(&columns);
    free(done);
    return status;
}

/* A chart NAME of these measures, up to one without a column. */
static rb_status draw(rb_plots *p, const char *name, const measure *measures, const char *y, const char *title) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_ATTACKS];
    int attack = rb_csv_column(csv, "attack"), n = 0; /* the panels share one legend: no stroke stands for two cases */
    rb_chart chart;
    rb_chart_begin(&chart, "attacks", name);
    for (int i = 0; i < csv->n_rows; i++) {
        const char *kind = rb_csv_at(csv, i, attack);
        char strength[96];
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || !strcmp(rb_csv_at(csv, k, attack), kind);
        for (int g = 0; !seen && g < p->session.n_groups; g++)
            for (const measure *m = measures; m->column; m++) RB_TRY(line(p, g, kind, m, &n, &chart));
        snprintf(strength, sizeof strength, "%.60s: epsilon, 1/255", kind);
        rb_chart_panel(&chart, strength, y, RB_FROM_ZERO, "");
    }
    RB_TRY(rb_chart_end(&chart, title, p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    return status;
}

rb_status rb_plot_attacks(rb_plots *p) {
    static const measure accuracy[] = {{"accuracy", ""}, {0}};
    static const measure detector[] = {
        {"detector_tpr", ": of the images that fool"}, {"detector_fpr", ": of the clean images"}, {0}};
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_ATTACKS];
    if (csv->n_rows == 0 || rb_csv_column(csv, "attack") < 0 || !p->session.group[RB_FROM_ATTACKS]) return RB_OK;
    RB_TRY(draw(p, "accuracy", accuracy, "accuracy, %", "accuracy under attack against its strength"));
    RB_TRY(draw(p, "detector", detector, "refused, %", "what the detector refuses, against the attack's strength"));
cleanup:
    return status;
}
