/* history.c: the speed of each case over sessions in order of time, from history.csv (`regbench history -o csv`): a
 * line per device, cut where driver, compiler or machine changed, with marks where a commit made it faster or slower.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot/kinds.h"

/* What a picture, a line, and an unbroken piece of it have in common. */
static const char *const SAME[] = {"case",  "machine", "device_key", "batch_size", "precision", "overrides", "provider",
                                   "phase", "submit",  "threads",    "isa",        "quirks",    "settings"};
enum { PICTURE = 2, LINE = 13, NAMED = 8, SHORT_COMMIT = 7, MOST_TICS = 30, LETTER = 8, NO_AXIS_NAME = 20 };

static bool alike(const rb_csv *csv, int a, int b, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(rb_csv_get(csv, a, SAME[i]), rb_csv_get(csv, b, SAME[i])) != 0) return false;
    return true;
}

/* The sessions of a picture in order of time: each of their rows says which it belongs to. */
typedef struct sessions {
    int *rows; /* (n) a row of each */
    int n;
} sessions;

static bool before(const rb_csv *csv, int a, int b) {
    int order = strcmp(rb_csv_get(csv, a, "started_utc"), rb_csv_get(csv, b, "started_utc"));
    return order < 0 || (order == 0 && a < b);
}

static int session_of(const rb_csv *csv, const sessions *s, int row) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(rb_csv_get(csv, s->rows[i], "session_id"), rb_csv_get(csv, row, "session_id")) == 0) return i;
    return -1;
}

static void find_sessions(const rb_csv *csv, int first, sessions *s) {
    s->n = 0;
    for (int row = 0; row < csv->n_rows; row++) {
        int at = session_of(csv, s, row);
        if (!alike(csv, row, first, PICTURE)) continue;
        if (at >= 0 && before(csv, row, s->rows[at])) s->rows[at] = row;
        if (at < 0) s->rows[s->n++] = row;
    }
    for (int i = 1; i < s->n; i++)
        for (int k = i; k > 0 && before(csv, s->rows[k], s->rows[k - 1]); k--) {
            int other = s->rows[k];
            s->rows[k] = s->rows[k - 1];
            s->rows[k - 1] = other;
        }
}

static double cell(const rb_csv *csv, int row, const char *column) {
    return rb_csv_number(csv, row, rb_csv_column(csv, column));
}

static void line_name(const rb_csv *csv, int row, rb_text *out) {
    rb_text_printf(out, "%s, batch %s", rb_csv_get(csv, row, "device_key"), rb_csv_get(csv, row, "batch_size"));
    for (int i = 4; i < NAMED; i++) {
        const char *word = rb_csv_get(csv, row, SAME[i]);
        bool usual = !*word || !strcmp(word, "fp32") || !strcmp(word, "own") || !strcmp(word, "bench");
        if (!usual) rb_text_printf(out, ", %s", !strcmp(word, "run") ? "whole runs" : word);
    }
}

/* What the picture spans, and in which unit it shows it. */
typedef struct span {
    double low, high, unit;
    const char *name;
} span;

static void find_span(const rb_csv *csv, int first, span *all) {
    *all = (span){INFINITY, 0, 1, "samples per second"};
    for (int row = 0; row < csv->n_rows; row++) {
        if (!alike(csv, row, first, PICTURE)) continue;
        all->low = fmin(all->low, cell(csv, row, "samples_per_s_low"));
        all->high = fmax(all->high, cell(csv, row, "samples_per_s_high"));
    }
    if (all->high >= 1e4) all->unit = 1e3, all->name = "thousand samples per second";
    if (all->high >= 1e6) all->unit = 1e6, all->name = "million samples per second";
}

/* Rows of one line follow each other in time; a new series leaves a gap. */
static void add_line(const rb_csv *csv, const sessions *s, int first, int number, rb_chart *chart, const span *all) {
    rb_text name = {0};
    rb_stroke stroke = rb_stroke_of(number);
    const char *series = "";
    line_name(csv, first, &name);
    if (!name.failed && rb_chart_takes(chart, rb_text_string(&name))) {
        int set = rb_chart_set(chart, rb_text_string(&name), "session, median, lowest, highest");
        for (int row = first; row < csv->n_rows; row++) {
            if (!alike(csv, row, first, LINE)) continue;
            const char *now = rb_csv_get(csv, row, "series");
            double low = cell(csv, row, "samples_per_s_low"), high = cell(csv, row, "samples_per_s_high");
            if (*series && strcmp(series, now) != 0) rb_chart_row(chart, 4, (double[]){NAN, NAN, NAN, NAN});
            rb_chart_row(chart, 4, (double[]){session_of(csv, s, row) + 1, cell(csv, row, "samples_per_s"), low, high});
            series = now;
        }
        char using[80];
        snprintf(using, sizeof using, "1:($2/%g):($3/%g):($4/%g)", all->unit, all->unit, all->unit);
        rb_chart_line(chart, set, using, "yerrorbars lw 1 pt 7 ps 0", stroke, NULL);
        snprintf(using, sizeof using, "1:($2/%g)", all->unit);
        rb_chart_line(chart, set, using, "linespoints lw 2 pt 7 ps 0.8", stroke, rb_text_string(&name));
    }
    rb_text_free(&name);
}

/* Marks on the lines where `word` (faster, slower) is what a step says. */
static void add_steps(const rb_csv *csv, const sessions *s, int first, const char *word, double unit, rb_chart *chart,
                      const char *points, rb_color color) {
    char using[40];
    int set = -1;
    for (int row = 0; row < csv->n_rows; row++) {
        if (!alike(csv, row, first, PICTURE) || !strstr(rb_csv_get(csv, row, "step"), word)) continue;
        if (set < 0 && !rb_chart_takes(chart, word)) return;
        if (set < 0) set = rb_chart_set(chart, word, "session, median, ratio");
        rb_chart_row(
            chart, 3,
            (double[]){session_of(csv, s, row) + 1, cell(csv, row, "samples_per_s"), cell(csv, row, "step_ratio")});
    }
    snprintf(using, sizeof using, "1:($2/%g)", unit);
    if (set >= 0) rb_chart_line(chart, set, using, points, (rb_stroke){.color = color, .dash = 1}, word);
}

static rb_status draw(rb_plots *p, const rb_csv *csv, int first, sessions *s) {
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text base = {0}, more = {0}, title = {0};
    span all;
    int lines = 0;
    find_sessions(csv, first, s);
    find_span(csv, first, &all);
    if (s->n < 2) return RB_OK; /* no history yet */
    rb_text_printf(&base, "%s.%s", rb_csv_get(csv, first, "case"), rb_csv_get(csv, first, "machine"));
    rb_text_printf(&title, "%s on %s, medians of sessions, lowest to highest", rb_csv_get(csv, first, "case"),
                   rb_csv_get(csv, first, "machine"));
    RB_TRY(rb_text_status(&base));
    rb_chart_begin(&chart, base.data, "history");
    for (int row = first; row < csv->n_rows; row++) {
        bool seen = !alike(csv, row, first, PICTURE);
        for (int k = first; k < row && !seen; k++) seen = alike(csv, k, row, LINE);
        if (!seen) add_line(csv, s, row, lines++, &chart, &all);
    }
    add_steps(csv, s, first, "faster", all.unit, &chart, "points pt 9 ps 2.2", RB_GREEN);
    add_steps(csv, s, first, "slower", all.unit, &chart, "points pt 11 ps 2.2", RB_BLACK);
    rb_text_printf(&more, "set xrange [0.5:%g]\nset xtics scale 0 rotate by 90 right font ',11' (", s->n + 0.5);
    for (int i = 0, every = 1 + (s->n - 1) / MOST_TICS; i < s->n; i += every) {
        char commit[SHORT_COMMIT + 1];
        snprintf(commit, sizeof commit, "%s", rb_csv_get(csv, s->rows[i], "commit"));
        rb_text_append(&more, i ? ", " : "");
        rb_gnuplot_quote(commit, &more);
        rb_text_printf(&more, " %d", i + 1);
    }
    rb_text_append(&more, ")\n");
    chart.room = SHORT_COMMIT * LETTER - NO_AXIS_NAME;
    rb_chart_panel(&chart, "", all.name, rb_axis_of(all.low, all.high), rb_text_string(&more));
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&base);
    rb_text_free(&more);
    rb_text_free(&title);
    return status;
}

rb_status rb_plot_history(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *csv = &p->session.csv[RB_FROM_HISTORY];
    sessions s = {.rows = malloc(((size_t)csv->n_rows + 1) * sizeof(int))};
    if (!s.rows) return rb_fail(RB_MEMORY, "out of memory for %d sessions", csv->n_rows);
    for (int row = 0; row < csv->n_rows; row++) {
        bool seen = false;
        for (int k = 0; k < row && !seen; k++) seen = alike(csv, k, row, PICTURE);
        if (!seen) RB_TRY(draw(p, csv, row, &s));
    }
cleanup:
    free(s.rows);
    return status;
}
