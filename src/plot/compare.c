/* compare.c: cases of one lab side by side: validation accuracy (of a regression: loss) and parameter norm over epochs.
 */
#include <stdio.h>
#include <string.h>

#include "plot/kinds.h"

/* One column of every group of the lab of `first`, medians alone: bands would cover each other. *n: how many of them
 * have two epochs or more; *seeds: of the one that has most. */
static rb_status panel(const rb_plots *p, int first, const char *column, const char *name, double factor,
                       rb_chart *chart, int *n, int *seeds) {
    rb_status status = RB_OK;
    const rb_recorded *s = &p->session;
    rb_curves c = {0};
    double low = 0, high = 0, last = 0;
    *n = 0;
    for (int g = first; g < s->n_groups; g++) {
        if (s->groups[g].searched || !rb_same_lab(&s->groups[g], &s->groups[first])) continue;
        rb_curves_free(&c);
        RB_TRY(rb_curves_read(s, g, RB_FROM_EPOCHS, "epoch", column, &c));
        if (c.points < 2) continue;
        if (*n == 0 || c.low < low) low = c.low;
        if (*n == 0 || c.high > high) high = c.high;
        if (c.x[c.n - 1] > last) last = c.x[c.n - 1];
        rb_chart_curves(chart, &c, factor, false, rb_stroke_of(*n), s->groups[g].label);
        if (c.n_seeds > *seeds) *seeds = c.n_seeds;
        ++*n;
    }
    rb_chart_panel(chart, "epoch", name, rb_axis_whole(last) | rb_axis_of(low, high), "");
cleanup:
    rb_curves_free(&c);
    return status;
}

static rb_status draw(rb_plots *p, int first) {
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text title = {0};
    const rb_group *g = &p->session.groups[first];
    char lab[64];
    int n = 0, norms = 0, seeds = 0;
    snprintf(lab, sizeof lab, "%.*s", (int)strcspn(g->name, "/"), g->name);
    rb_chart_begin(&chart, lab, "compare");
    RB_TRY(panel(p, first, "val_acc", "validation accuracy, %", 100, &chart, &n, &seeds));
    if (n == 0) RB_TRY(panel(p, first, "val_loss", "validation loss", 1, &chart, &n, &seeds));
    if (n < 2) goto cleanup;
    RB_TRY(panel(p, first, "param_l2", "L2 norm of all parameters", 1, &chart, &norms, &seeds));
    rb_text_printf(&title, "%s: %d compared", lab, n);
    if (seeds > 1) rb_text_printf(&title, ", medians of %d seeds", seeds);
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&title);
    return status;
}

rb_status rb_plot_compare(rb_plots *p) {
    rb_status status = RB_OK;
    for (int g = 0; g < p->session.n_groups; g++) {
        bool seen = false;
        for (int k = 0; k < g; k++) seen = seen || rb_same_lab(&p->session.groups[k], &p->session.groups[g]);
        if (!seen) RB_TRY(draw(p, g));
    }
cleanup:
    return status;
}
