/* roofline.c: where the cases of `bench --profile` stand below what the device can do at most.
 *
 * A case's intensity is what its ops compute, divided by what they must move at least once, both summed over a step, as
 * ops.csv has them; its height what they compute over the time of a whole step, in runs.csv. The roof is the lower of
 * the multiply-adds' peak and intensity times the memory's rate, of peaks.csv: the best of all its rows of the device,
 * since a disturbance can only lower them. Small networks stand above the roof: their data stays in the caches. The
 * roof is fp32's: steps and matrix products of another precision are left out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "plot/kinds.h"

typedef struct point {
    const char *name, *overrides, *device;
    double intensity, gflop_per_s; /* NaN: not known */
} point;

typedef struct roof {
    double fma, gemm, triad; /* NaN: not measured */
} roof;

static double cell(const rb_csv *csv, int row, const char *column) {
    return rb_csv_number(csv, row, rb_csv_column(csv, column));
}

static bool is_fp32(const rb_csv *csv, int row) { /* also where nothing says */
    const char *precision = rb_csv_get(csv, row, "precision");
    return !*precision || !strcmp(precision, "fp32");
}

static double larger(double a, double b) { return !(b <= a) && isfinite(b) ? b : a; }

static roof roof_of(const rb_csv *peaks, const char *device) {
    roof r = {NAN, NAN, NAN};
    for (int i = 0; i < peaks->n_rows; i++) {
        if (strcmp(rb_csv_get(peaks, i, "device_key"), device) != 0) continue;
        r.fma = larger(r.fma, cell(peaks, i, "fma_gflop_per_s"));
        if (is_fp32(peaks, i)) r.gemm = larger(r.gemm, cell(peaks, i, "gemm_gflop_per_s"));
        r.triad = larger(r.triad, cell(peaks, i, "triad_gbyte_per_s"));
    }
    return r;
}

/* Profiled runs of the device that have no place under its roof. */
static int count_others(const rb_recorded *s, const char *device) {
    const rb_csv *ops = &s->csv[RB_FROM_OPS], *runs = &s->csv[RB_FROM_RUNS];
    int n = 0;
    for (int run = 0; run < runs->n_rows; run++) {
        bool profiled = false;
        for (int i = 0; i < ops->n_rows && !profiled; i++)
            profiled = !strcmp(rb_csv_get(ops, i, "run_id"), rb_csv_get(runs, run, "run_id"));
        n += profiled && !is_fp32(runs, run) && !strcmp(rb_csv_get(runs, run, "device_key"), device);
    }
    return n;
}

/* One profiled run. Bytes and operations of an op are its rates times its time. */
static point point_of(const rb_recorded *s, int run) {
    const rb_csv *ops = &s->csv[RB_FROM_OPS], *runs = &s->csv[RB_FROM_RUNS];
    const char *id = rb_csv_get(runs, run, "run_id");
    double flop = 0, byte = 0;
    for (int i = 0; i < ops->n_rows; i++) {
        double ns = cell(ops, i, "ns"), calls = cell(ops, i, "calls");
        double f = cell(ops, i, "gflop_per_s"), b = cell(ops, i, "gbyte_per_s");
        if (strcmp(rb_csv_get(ops, i, "run_id"), id) != 0 || !(ns > 0) || !(calls > 0)) continue;
        if (isfinite(f)) flop += f * ns / calls;
        if (isfinite(b)) byte += b * ns / calls;
    }
    double step = cell(runs, run, "step_wall_ns_median");
    bool known = flop > 0 && byte > 0 && step > 0 && is_fp32(runs, run);
    return (point){rb_csv_get(runs, run, "case"), rb_csv_get(runs, run, "overrides"),
                   rb_csv_get(runs, run, "device_key"), known ? flop / byte : NAN, known ? flop / step : NAN};
}

static void add_ceiling(rb_chart *chart, const char *name, double flat, double triad, double from, double to,
                        const char *with, rb_stroke stroke) {
    char title[120];
    if (!isfinite(flat)) return;
    snprintf(title, sizeof title, "%s: %.3g GFLOP/s", name, flat);
    int set = rb_chart_set(chart, title, "FLOP per byte, GFLOP/s");
    double ridge = fmin(fmax(flat / triad, from), to);
    if (ridge > from) rb_chart_row(chart, 2, (double[]){from, from * triad});
    rb_chart_row(chart, 2, (double[]){ridge, fmin(flat, ridge * triad)});
    rb_chart_row(chart, 2, (double[]){to, fmin(flat, to * triad)});
    rb_chart_line(chart, set, "1:2", with, stroke, title);
}

static rb_status draw(rb_plots *p, const point *points, int n, const char *device, roof r) {
    static const int symbols[] = {7, 5, 9, 11, 13}; /* filled: disc, square, triangles, rhombus */
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text more = {0}, title = {0}, name = {0};
    double left = INFINITY, right = 0, low = INFINITY, high = larger(r.fma, r.gemm);
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(points[i].device, device) != 0 || !isfinite(points[i].intensity)) continue;
        left = fmin(left, points[i].intensity);
        right = fmax(right, points[i].intensity);
        low = fmin(low, points[i].gflop_per_s);
        high = fmax(high, points[i].gflop_per_s);
    }
    left = fmin(left, r.fma / r.triad) / 3; /* the ridge is in the picture */
    right = fmax(right, r.fma / r.triad) * 3;
    low = fmin(fmin(low, left * r.triad) / 1.5, high / 20);
    rb_chart_begin(&chart, device, "roofline");
    add_ceiling(&chart, "multiply-adds", r.fma, r.triad, left, right, "lines lw 2.5",
                (rb_stroke){.color = RB_BLACK, .dash = 1});
    add_ceiling(&chart, "best matrix product", r.gemm, r.triad, left, right, "lines lw 1.5",
                (rb_stroke){.color = RB_BLACK, .dash = 2});
    for (int i = 0; i < n; i++) {
        char with[48];
        if (strcmp(points[i].device, device) != 0 || !isfinite(points[i].intensity)) continue;
        rb_text_clear(&name);
        rb_text_printf(&name, "%s%s%s", points[i].name, *points[i].overrides ? ", " : "", points[i].overrides);
        RB_TRY(rb_text_status(&name));
        if (!rb_chart_takes(&chart, name.data)) continue;
        int set = rb_chart_set(&chart, name.data, "FLOP per byte, GFLOP/s");
        rb_chart_row(&chart, 2, (double[]){points[i].intensity, points[i].gflop_per_s});
        snprintf(with, sizeof with, "points pt %d ps 1.5", symbols[count / (RB_CHART_COLORS - 1) % 5]);
        rb_chart_line(&chart, set, "1:2", with, (rb_stroke){.color = count++ % (RB_CHART_COLORS - 1), .dash = 1},
                      name.data);
    }
    rb_chart_log_range('x', left, right, &more);
    rb_chart_log_range('y', low, high * 1.5, &more);
    rb_text_append(&more, "set grid xtics ytics lt 1 lw 1 lc rgb '#e0e0e0'\n");
    rb_chart_panel(&chart, "floating-point operations per byte that must be moved", "GFLOP/s over a whole step",
                   RB_LOG_X | RB_LOG_Y, rb_text_string(&more));
    rb_text_printf(&title, "roofline of %s; memory %.3g GB/s", device, r.triad);
    const int others = count_others(&p->session, device);
    if (others) rb_text_printf(&title, "; not shown: %d of another precision than the roof's", others);
    if (count > 0) RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&more);
    rb_text_free(&title);
    rb_text_free(&name);
    return status;
}

rb_status rb_plot_roofline(rb_plots *p) {
    rb_status status = RB_OK;
    const rb_csv *runs = &p->session.csv[RB_FROM_RUNS];
    if (p->session.csv[RB_FROM_OPS].n_rows == 0) return RB_OK;
    point *points = calloc((size_t)runs->n_rows + 1, sizeof *points);
    if (!points) return rb_fail(RB_MEMORY, "out of memory for %d points", runs->n_rows);
    for (int i = 0; i < runs->n_rows; i++) points[i] = point_of(&p->session, i);
    for (int i = 0; i < runs->n_rows; i++) {
        bool seen = !isfinite(points[i].intensity);
        for (int k = 0; k < i && !seen; k++)
            seen = isfinite(points[k].intensity) && strcmp(points[k].device, points[i].device) == 0;
        roof r = roof_of(&p->session.csv[RB_FROM_PEAKS], points[i].device);
        if (seen || !isfinite(r.fma) || !isfinite(r.triad)) continue; /* no roof, no picture */
        RB_TRY(draw(p, points, runs->n_rows, points[i].device, r));
    }
cleanup:
    free(points);
    return status;
}
