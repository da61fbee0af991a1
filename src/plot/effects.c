/* effects.c: what regularizers change, with 95 % intervals: the arms of one base side by side (`regbench effects`). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot/kinds.h"

static const struct {
    const char *figure, *axis;
    double factor;
} PANELS[RB_CHART_PANELS] = {
    {"val_acc_best", "best validation accuracy, points", 100},
    {"train_valid_gap", "training minus validation accuracy, points", 100},
    {"param_l2", "L2 norm of all parameters", 1},
};

/* Of one base on one device of one machine: the chart of row `first`. */
static bool same_chart(const rb_csv *csv, int row, int first) {
    static const char *const columns[] = {"base", "machine", "device_key"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(rb_csv_get(csv, row, columns[i]), rb_csv_get(csv, first, columns[i])) != 0) return false;
    return true;
}

static double number(const rb_csv *csv, int row, const char *column) {
    return rb_csv_number(csv, row, rb_csv_column(csv, column));
}

/* One figure of all arms; their names stand below, where they come upwards. Returns the longest name's length. */
static size_t panel(rb_chart *chart, const rb_csv *csv, int first, int k) {
    rb_text more = {0};
    size_t longest = 0;
    int n = 0, set = rb_chart_set(chart, PANELS[k].figure, "arm change low high");
    rb_text_append(
        &more,
        "set xzeroaxis lt 1 lc rgb '#888888'\nset yrange [*<0:0<*]\nset xtics scale 0 rotate by 90 right font ',11' (");
    for (int i = first; i < csv->n_rows; i++) {
        const char *arm = rb_csv_get(csv, i, "arm");
        if (!same_chart(csv, i, first) || strcmp(rb_csv_get(csv, i, "figure"), PANELS[k].figure) != 0) continue;
        rb_text_append(&more, n ? ", " : "");
        rb_gnuplot_quote(arm, &more);
        rb_text_printf(&more, " %d", n);
        if (strlen(arm) > longest) longest = strlen(arm);
        rb_chart_row(chart, 4,
                     (double[]){n++, number(csv, i, "change"), number(csv, i, "low"), number(csv, i, "high")});
    }
    rb_text_printf(&more, ")\nset xrange [-0.6:%g]\n", n - 0.4);
    char points[32], bars[64];
    snprintf(points, sizeof points, "1:(%g*$2)", PANELS[k].factor);
    snprintf(bars, sizeof bars, "1:(%g*$2):(%g*$3):(%g*$4)", PANELS[k].factor, PANELS[k].factor, PANELS[k].factor);
    rb_stroke stroke = {.color = RB_BLUE, .dash = 1};
    if (n > 0) {
        rb_chart_line(chart, set, bars, "yerrorbars lw 2 pt 7 ps 0", stroke, NULL);
        rb_chart_line(chart, set, points, "points pt 7 ps 1.2", stroke, NULL); /* one pair has no interval */
        rb_chart_panel(chart, "", PANELS[k].axis, RB_AXIS_LINEAR, rb_text_string(&more));
    }
    rb_text_free(&more);
    return longest;
}

static rb_status draw(rb_plots *p, int first) {
    enum { LETTER = 8, NO_AXIS_NAME = 50 }; /* pixels */
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text title = {0}, name = {0};
    const rb_csv *csv = &p->session.csv[RB_FROM_EFFECTS];
    const char *base = rb_csv_get(csv, first, "base"), *device = rb_csv_get(csv, first, "device_key");
    rb_text_printf(&name, "%s.%s", base, device);
    rb_chart_begin(&chart, rb_text_string(&name), "effects");
    for (int k = 0; k < RB_CHART_PANELS; k++) {
        int room = (int)panel(&chart, csv, first, k) * LETTER - NO_AXIS_NAME;
        if (room > chart.room) chart.room = room;
    }
    rb_text_printf(&title, "change against %s on %s, mean and 95 %% interval over seeds", base, device);
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&title);
    rb_text_free(&name);
    return status;
}

rb_status rb_plot_effects(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_EFFECTS];
    for (int i = 0; i < csv->n_rows; i++) {
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = same_chart(csv, k, i);
        if (!seen) RB_TRY(draw(p, i));
    }
cleanup:
    return status;
}
