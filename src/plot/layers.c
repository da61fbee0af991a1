/* layers.c: norms of the parameter tensors as bars, before training and after it, and their share of small weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/kinds.h"

/* What layers.csv has of one run of a group: its first and its last epoch. */
typedef struct bars {
    int n;
    const char **tensor; /* (n) names */
    double *value[2][2]; /* column, first or last: (n) */
    double first, last;
} bars;

static const char *const COLUMNS[2] = {"l2", "near_zero"};

static void bars_free(bars *b) {
    free(b->tensor);
    for (int i = 0; i < 4; i++) free(b->value[i / 2][i % 2]);
    *b = (bars){0};
}

/* Rows of seed 0 of the group. */
static rb_status bars_read(const rb_recorded *s, int group, bars *b) {
    rb_status status = RB_OK;
    const rb_csv *csv = &s->csv[RB_FROM_LAYERS];
    int epoch = rb_csv_column(csv, "epoch"), tensor = rb_csv_column(csv, "tensor");
    *b = (bars){.first = (double)NAN, .last = (double)NAN};
    if (csv->n_rows == 0 || epoch < 0 || tensor < 0 || !s->group[RB_FROM_LAYERS]) return RB_OK;
#define OURS(i) (s->group[RB_FROM_LAYERS][i] == group && s->seed[RB_FROM_LAYERS][i] == 0)
    for (int i = 0; i < csv->n_rows; i++) {
        double e = rb_csv_number(csv, i, epoch);
        if (!OURS(i) || !isfinite(e)) continue;
        b->first = isfinite(b->first) ? fmin(b->first, e) : e;
        b->last = isfinite(b->last) ? fmax(b->last, e) : e;
    }
    size_t room = (size_t)csv->n_rows;
    b->tensor = malloc(room * sizeof *b->tensor);
    for (int k = 0; k < 4; k++) {
        double *values = b->value[k / 2][k % 2] = malloc(room * sizeof(double));
        for (size_t i = 0; values && i < room; i++) values[i] = (double)NAN;
        if (!values || !b->tensor) {
            status = rb_fail(RB_MEMORY, "out of memory for the norms of layers");
            goto cleanup;
        }
    }
    for (int i = 0; i < csv->n_rows; i++) {
        double e = rb_csv_number(csv, i, epoch);
        int t = 0;
        if (!OURS(i) || !(e == b->first || e == b->last)) continue;
        while (t < b->n && strcmp(b->tensor[t], rb_csv_at(csv, i, tensor)) != 0) t++;
        if (t == b->n) b->tensor[b->n++] = rb_csv_at(csv, i, tensor);
        for (int c = 0; c < 2; c++)
            b->value[c][e == b->last][t] = rb_csv_number(csv, i, rb_csv_column(csv, COLUMNS[c]));
    }
#undef OURS
cleanup:
    if (status != RB_OK) bars_free(b);
    return status;
}

/* Names of tensors below the axis; along it where they fit, upwards where not. Returns the pixels that they need. */
static int tics(const bars *b, int panels, rb_text *out) {
    enum { WIDE = 800, LETTER = 8, MANY = 45 };
    size_t longest = 0;
    for (int t = 0; t < b->n; t++)
        if (strlen(b->tensor[t]) > longest) longest = strlen(b->tensor[t]);
    bool along = (size_t)(b->n * panels) * (longest + 1) * LETTER < WIDE;
    rb_text_printf(out, "set boxwidth 0.38\nset xrange [-0.7:%g]\nset xtics scale 0 %s font ',%d' (", b->n - 0.3,
                   along ? "norotate" : "rotate by 90 right", b->n > MANY ? 8 : 11);
    for (int t = 0; t < b->n; t++) {
        rb_text_append(out, t ? ", " : "");
        rb_gnuplot_quote(b->tensor[t], out);
        rb_text_printf(out, " %d", t);
    }
    rb_text_append(out, ")\n");
    return along ? 0 : (int)longest * LETTER - 10;
}

static rb_status draw(rb_plots *p, int group) {
    enum { NARROW = 12 };
    static const char *const names[2] = {"L2 norm", "share of |w| < 0.001, %"};
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text title = {0}, more = {0};
    bars b;
    char ends[2][48];
    RB_TRY(bars_read(&p->session, group, &b));
    if (b.n == 0 || b.first == b.last) goto cleanup;
    snprintf(ends[0], sizeof ends[0], b.first == 0 ? "before training" : "epoch %g", b.first);
    snprintf(ends[1], sizeof ends[1], "after epoch %g", b.last);
    rb_chart_begin(&chart, p->session.groups[group].file, "layers");
    int panels = b.n <= NARROW ? 2 : 1;
    chart.room = tics(&b, panels, &more);
    for (int c = 0; c < panels; c++) {
        for (int end = 0; end < 2; end++) {
            int set = rb_chart_set(&chart, ends[end], end ? "tensor + 0.2, value" : "tensor - 0.2, value");
            for (int t = 0; t < b.n; t++)
                rb_chart_row(&chart, 2, (double[]){t + (end ? 0.2 : -0.2), b.value[c][end][t]});
            rb_chart_line(&chart, set, c ? "1:(100*$2)" : "1:2", "boxes fs solid 1 noborder",
                          (rb_stroke){.color = end ? RB_VERMILLION : RB_BLUE, .dash = 1}, ends[end]);
        }
        rb_chart_panel(&chart, "parameter tensor", names[c], RB_FROM_ZERO, rb_text_string(&more));
    }
    rb_plot_title(p, group, "norm of each parameter tensor", true, &title);
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    bars_free(&b);
    rb_chart_free(&chart);
    rb_text_free(&title);
    rb_text_free(&more);
    return status;
}

rb_status rb_plot_layers(rb_plots *p) {
    rb_status status = RB_OK;
    for (int g = 0; g < p->session.n_groups; g++)
        if (!p->session.groups[g].searched) RB_TRY(draw(p, g));
cleanup:
    return status;
}
