/* devices.c: speeds of cases on every device, and of what else would be used, side by side: medians over processes with
 * their intervals. Dots, not bars: on a logarithmic axis a bar's length means nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "plot/kinds.h"

enum { MOST_ROWS = 30, ROW = 24, LETTER = 8, FIT_ROWS = 13, FIT_LETTERS = 8 };

/* What a row of the chart, and what a colour stands for: rows of runs.csv that have these columns in common. */
static const char *const CASE[] = {"case", "batch_size", "overrides", "precision"}, *const DEVICE[] = {"machine",
                                                                                                       "device_key",
                                                                                                       "backend"};
enum { CASES = 4, DEVICES = 3 };

typedef struct speeds {
    const rb_csv *runs;
    int *of_case, *of_device; /* (runs) of each row, -1: it says nothing about speed */
    int *cases, *devices;     /* the first row of each, in order of appearance */
    int n_cases, n_devices;
    bool machines; /* there are several */
} speeds;

static bool alike(const rb_csv *csv, int a, int b, const char *const *columns, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(rb_csv_get(csv, a, columns[i]), rb_csv_get(csv, b, columns[i])) != 0) return false;
    return true;
}

static int place(const rb_csv *csv, int row, const char *const *columns, int n, int *firsts, int *count) {
    for (int i = 0; i < *count; i++)
        if (alike(csv, row, firsts[i], columns, n)) return i;
    firsts[*count] = row;
    return (*count)++;
}

static void speeds_free(speeds *s) {
    free(s->of_case);
    free(s->of_device);
    free(s->cases);
    free(s->devices);
}

static rb_status speeds_read(const rb_csv *runs, speeds *s) {
    size_t n = (size_t)runs->n_rows + 1;
    int rate = rb_csv_column(runs, "samples_per_s");
    *s = (speeds){runs, malloc(n * sizeof(int)), malloc(n * sizeof(int)), malloc(n * sizeof(int)),
                  malloc(n * sizeof(int))};
    if (!s->of_case || !s->of_device || !s->cases || !s->devices)
        return rb_fail(RB_MEMORY, "out of memory for the speeds of %d runs", runs->n_rows);
    for (int i = 0; i < runs->n_rows; i++) {
        s->of_case[i] = s->of_device[i] = -1;
        if (strcmp(rb_csv_get(runs, i, "phase"), "bench") != 0 || strcmp(rb_csv_get(runs, i, "status"), "ok") != 0 ||
            !(rb_csv_number(runs, i, rate) > 0))
            continue;
        s->of_case[i] = place(runs, i, CASE, CASES, s->cases, &s->n_cases);
        s->of_device[i] = place(runs, i, DEVICE, DEVICES, s->devices, &s->n_devices);
        s->machines = s->machines || !alike(runs, i, s->devices[0], DEVICE, 1);
    }
    return RB_OK;
}

/* The values of one case on one device; returns how many. */
static int values_of(const speeds *s, int of_case, int device, double *values) {
    int n = 0, rate = rb_csv_column(s->runs, "samples_per_s");
    for (int i = 0; i < s->runs->n_rows; i++)
        if (s->of_case[i] == of_case && s->of_device[i] == device) values[n++] = rb_csv_number(s->runs, i, rate);
    return n;
}

/* A batch is named where another row of the same case has another one, other overrides and precisions always. */
static void case_name(const speeds *s, int of_case, rb_text *out) {
    const char *overrides = rb_csv_get(s->runs, s->cases[of_case], "overrides");
    const char *precision = rb_csv_get(s->runs, s->cases[of_case], "precision");
    bool batches = false;
    rb_text_append(out, rb_csv_get(s->runs, s->cases[of_case], "case"));
    for (int k = 0; k < s->n_cases; k++)
        batches = batches || (k != of_case && alike(s->runs, s->cases[k], s->cases[of_case], CASE, 1) &&
                              !alike(s->runs, s->cases[k], s->cases[of_case], CASE + 1, 1));
    if (*overrides)
        rb_text_printf(out, ", %s", overrides);
    else if (batches)
        rb_text_printf(out, ", batch=%s", rb_csv_get(s->runs, s->cases[of_case], "batch_size"));
    if (*precision && strcmp(precision, "fp32") != 0) rb_text_printf(out, ", %s", precision);
}

static bool of_lab(const speeds *s, int of_case, const char *lab) {
    const char *name = rb_csv_get(s->runs, s->cases[of_case], "case");
    size_t n = strcspn(name, "/");
    return !*lab || (strlen(lab) == n && strncmp(name, lab, n) == 0);
}

/* The names of the cases from top to bottom, as tics of the y axis. Returns how many; *longest letters. */
static int name_rows(const speeds *s, const char *lab, rb_text *tics, int *longest) {
    rb_text name = {0};
    int rows = 0, at = 0;
    *longest = 0;
    for (int k = 0; k < s->n_cases; k++) rows += of_lab(s, k, lab);
    for (int k = 0; k < s->n_cases; k++) {
        if (!of_lab(s, k, lab)) continue;
        rb_text_clear(&name);
        case_name(s, k, &name);
        rb_text_append(tics, at ? ", " : "");
        rb_gnuplot_quote(rb_text_string(&name), tics);
        rb_text_printf(tics, " %d", rows - 1 - at++);
        if ((int)name.length > *longest) *longest = (int)name.length;
    }
    rb_text_free(&name);
    return rows;
}

/* cpu, opencl:0; of a peer its name first: torch-eager on cpu. */
static void device_name(const speeds *s, int device, rb_text *out) {
    int row = s->devices[device];
    const char *key = rb_csv_get(s->runs, row, "device_key"), *backend = rb_csv_get(s->runs, row, "backend");
    size_t n = strlen(backend);
    bool own = strncmp(key, backend, n) == 0 && (key[n] == ':' || !key[n]);
    rb_text_printf(out, "%s%s%s", own ? "" : backend, own ? "" : " on ", key);
    if (s->machines) rb_text_printf(out, ", %s", rb_csv_get(s->runs, row, "machine"));
}

/* What a picture spans: the lowest and highest of its intervals, how many processes stand behind a dot. */
typedef struct span {
    double low, high;
    int fewest, most;
} span;

/* One device's dots: row, median, interval. */
static void add_device(const speeds *s, int device, const char *lab, int rows, double *values, rb_chart *chart,
                       span *all) {
    static const int symbols[] = {7, 5, 9, 11}; /* filled: disc, square, triangles */
    rb_text title = {0};
    double apart = 0.6 / s->n_devices, shift = apart * ((s->n_devices - 1) / 2.0 - device);
    int at = rows;
    device_name(s, device, &title);
    int set = rb_chart_takes(chart, rb_text_string(&title))
                  ? rb_chart_set(chart, rb_text_string(&title), "row, median, low, high, processes")
                  : -1;
    for (int k = 0; set >= 0 && k < s->n_cases; k++) {
        double low, high;
        if (!of_lab(s, k, lab)) continue;
        at--;
        int n = values_of(s, k, device, values);
        if (n == 0) continue;
        rb_median_interval(values, n, 0.95, &low, &high);
        rb_chart_row(chart, 5, (double[]){at + shift, rb_median(values, n), low, high, n});
        if (all->most == 0 || low < all->low) all->low = low;
        if (all->most == 0 || high > all->high) all->high = high;
        if (all->most == 0 || n < all->fewest) all->fewest = n;
        if (n > all->most) all->most = n;
    }
    char points[48];
    rb_stroke stroke = {.color = device % RB_CHART_COLORS, .dash = 1};
    snprintf(points, sizeof points, "points pt %d ps 1.1", symbols[device % 4]);
    if (set >= 0) {
        rb_chart_line(chart, set, "2:1:3:4", "xerrorbars lw 1.5 pt 7 ps 0", stroke, NULL);
        rb_chart_line(chart, set, "2:1", points, stroke, rb_text_string(&title));
    }
    rb_text_free(&title);
}

static bool has_lab(const speeds *s, int device, const char *lab) {
    for (int i = 0; i < s->runs->n_rows; i++)
        if (s->of_device[i] == device && of_lab(s, s->of_case[i], lab)) return true;
    return false;
}

static rb_status draw(rb_plots *p, const speeds *s, const char *lab) {
    enum { LEAST = -200 }; /* pixels: so much lower a picture may be */
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text more = {0}, title = {0};
    int longest;
    span all = {0};
    double *values = malloc(((size_t)s->runs->n_rows + 1) * sizeof *values);
    if (!values) return rb_fail(RB_MEMORY, "out of memory for the speeds of %d runs", s->runs->n_rows);
    rb_chart_begin(&chart, *lab ? lab : "speeds", "devices");
    rb_text_append(&more, "set ytics scale 0 (");
    int rows = name_rows(s, lab, &more, &longest);
    rb_text_printf(&more,
                   ")\nset yrange [-0.6:%g]\nset format x '%%.0s %%c'\n"
                   "set grid xtics ytics lt 1 lw 1 lc rgb '#e0e0e0'\n",
                   rows - 0.4);
    if (longest > FIT_LETTERS) chart.left = (longest - FIT_LETTERS) * LETTER;
    chart.taller = (rows - FIT_ROWS) * ROW > LEAST ? (rows - FIT_ROWS) * ROW : LEAST;
    for (int d = 0; d < s->n_devices; d++)
        if (has_lab(s, d, lab)) add_device(s, d, lab, rows, values, &chart, &all);
    rb_chart_log_range('x', all.low / 1.3, all.high * 1.3, &more);
    rb_chart_panel(&chart, "samples per second of whole training steps", "", RB_LOG_X, rb_text_string(&more));
    if (s->n_devices == 1) device_name(s, 0, &title);
    rb_text_printf(&title, "%s%s%s", title.length && *lab ? ", " : "", lab, title.length || *lab ? ": " : "");
    if (all.most > all.fewest)
        rb_text_printf(&title, "speed, medians of %d to %d processes", all.fewest, all.most);
    else
        rb_text_printf(&title, all.most == 1 ? "speed of one process each" : "speed, medians of %d processes",
                       all.most);
    if (all.most > 1)
        rb_text_append(&title,
                       all.fewest < 6 ? ", 95 % interval; of fewer than 6: lowest to highest" : ", 95 % interval");
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    free(values);
    rb_chart_free(&chart);
    rb_text_free(&more);
    rb_text_free(&title);
    return status;
}

/* Few cases in one picture, many in one per lab. */
rb_status rb_plot_devices(rb_plots *p) {
    rb_status status = RB_OK;
    speeds s;
    RB_TRY(speeds_read(&p->session.csv[RB_FROM_RUNS], &s));
    if (s.n_cases * s.n_devices < 2) goto cleanup;
    if (s.n_cases <= MOST_ROWS) {
        RB_TRY(draw(p, &s, ""));
        goto cleanup;
    }
    for (int k = 0; k < s.n_cases; k++) {
        char lab[64];
        const char *name = rb_csv_get(s.runs, s.cases[k], "case");
        bool seen = false;
        snprintf(lab, sizeof lab, "%.*s", (int)strcspn(name, "/"), name);
        for (int i = 0; i < k; i++) seen = seen || of_lab(&s, i, lab);
        if (!seen) RB_TRY(draw(p, &s, lab));
    }
cleanup:
    speeds_free(&s);
    return status;
}
