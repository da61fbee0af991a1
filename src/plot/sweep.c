/* sweep.c: runs that differ in one number alone: accuracy and parameter norm against it. What counts is what the rows
 * of runs say, be the runs overrides of one case, children of a study, or cases of a lab. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "plot/kinds.h"

/* Numbers in which runs may differ: column of runs.csv, name among the overrides, name for people. */
static const struct {
    const char *column, *override, *name;
} KNOBS[] = {
    {"lr", "lr", "learning rate"},
    {"momentum", "momentum", "momentum"},
    {"weight_decay", "weight-decay", "weight decay"},
    {"l1", "l1", "lambda of L1 (sum |w|)"},
    {"l2", "l2", "lambda of L2 (sum w^2)"},
    {"dropout_p", "dropout", "dropout probability"},
    {"batch_size", "batch", "batch size"},
    {"n_train", "train-size", "training samples"},
    {"label_noise", "label-noise", "share of random labels"},
};
enum { KNOWN = sizeof KNOBS / sizeof *KNOBS, POINTS = 3 /* of a line, at least */ };

/* A knob by its name among the overrides: one of KNOBS, or a layer's property as hidden1.units. */
typedef struct knob {
    int known; /* -1: not among KNOBS */
    char name[64];
} knob;

/* Value of override `name` in "name=value name=value"; NaN where it is none, or no number. */
static double override_of(const char *overrides, const char *name) {
    size_t n = strlen(name);
    for (const char *at = overrides; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            char *end;
            double value = strtod(at + n + 1, &end);
            return *end == ' ' || !*end ? value : (double)NAN;
        }
    return (double)NAN;
}

static double value_of(const rb_csv *runs, int row, const knob *k) {
    return k->known < 0 ? override_of(rb_csv_get(runs, row, "overrides"), k->name)
                        : rb_csv_number(runs, row, rb_csv_column(runs, KNOBS[k->known].column));
}

/* Overrides but for the knob: "name=value name=value". */
static void others_of(const char *overrides, const knob *k, rb_text *out) {
    for (const char *at = overrides; *at;) {
        size_t n = strcspn(at, " "), word = strcspn(at, "= ");
        if (strlen(k->name) != word || strncmp(at, k->name, word) != 0)
            rb_text_printf(out, "%s%.*s", out->length ? " " : "", (int)n, at);
        at += n + (at[n] == ' ');
    }
}

/* All that must be equal along a line: everything but the knob. Overrides that are no knobs of KNOBS count by word. */
static void key_of(const rb_csv *runs, const rb_group *g, const knob *k, rb_text *key) {
    static const char *const same[] = {"model",     "dataset",   "device_key", "optimizer",
                                       "batchnorm", "precision", "augment",    "early_stop"};
    rb_text_printf(key, "%.*s", (int)strcspn(g->name, "/"), g->name);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        rb_text_printf(key, "|%s", rb_csv_get(runs, g->first, same[i]));
    for (int i = 0; i < KNOWN; i++)
        if (i != k->known) rb_text_printf(key, "|%s", rb_csv_get(runs, g->first, KNOBS[i].column));
    rb_text others = {0};
    others_of(rb_csv_get(runs, g->first, "overrides"), k, &others);
    for (const char *at = rb_text_string(&others); *at; at += strcspn(at, " "), at += *at == ' ') {
        bool counts = true;
        for (int i = 0; i < KNOWN; i++)
            counts = counts && (strlen(KNOBS[i].override) != strcspn(at, "= ") ||
                                strncmp(at, KNOBS[i].override, strcspn(at, "= ")) != 0);
        if (counts) rb_text_printf(key, "|%.*s", (int)strcspn(at, " "), at);
    }
    rb_text_free(&others);
}

/* A number of a group: the median of what its seeds end with, whose runs may end at different epochs. */
static rb_status result_of(const rb_recorded *s, int group, const char *column, double *out) {
    rb_status status = RB_OK;
    rb_curves c = {0};
    double *last = NULL;
    int n = 0;
    *out = (double)NAN;
    RB_TRY(rb_curves_read(s, group, RB_FROM_EPOCHS, "epoch", column, &c));
    last = malloc(((size_t)c.n_seeds + 1) * sizeof *last);
    if (!last) {
        status = rb_fail(RB_MEMORY, "out of memory for %d seeds", c.n_seeds);
        goto cleanup;
    }
    for (int seed = 0; seed < c.n_seeds; seed++) {
        int i = c.n - 1;
        while (i >= 0 && !isfinite(c.y[i * c.n_seeds + seed])) i--;
        if (i >= 0) last[n++] = c.y[i * c.n_seeds + seed];
    }
    if (n) *out = rb_median(last, n);
cleanup:
    free(last);
    rb_curves_free(&c);
    return status;
}

enum { RESULTS = 3 };
static const struct {
    const char *column, *title;
} OF[RESULTS] = {{"train_acc", "training"}, {"val_acc", "validation"}, {"param_l2", "norm of the parameters"}};

typedef struct point {
    double x, result[RESULTS];
} point;

static int by_x(const void *a, const void *b) {
    double x = ((const point *)a)->x, y = ((const point *)b)->x;
    return (x > y) - (x < y);
}

/* One result of all points; a value of zero has no place on a logarithmic axis and becomes a level across it. */
static void add_line(rb_chart *chart, const point *points, int n, bool log, int result, rb_color color) {
    char zero[64];
    int set = -1, first = log && points[0].x == 0 ? 1 : 0;
    double factor = result == 2 ? 1 : 100;
    for (int i = first; i < n; i++) {
        if (!isfinite(points[i].result[result])) continue;
        if (set < 0) set = rb_chart_set(chart, OF[result].title, "value, result");
        rb_chart_row(chart, 2, (double[]){points[i].x, factor * points[i].result[result]});
    }
    if (set >= 0)
        rb_chart_line(chart, set, "1:2", "linespoints lw 2 pt 7 ps 0.8", (rb_stroke){.color = (int)color, .dash = 1},
                      OF[result].title);
    if (first == 0 || set < 0 || !isfinite(points[0].result[result])) return;
    snprintf(zero, sizeof zero, "%s, at 0", OF[result].title);
    set = rb_chart_set(chart, zero, "value, result at 0");
    rb_chart_row(chart, 2, (double[]){points[1].x, factor * points[0].result[result]});
    rb_chart_row(chart, 2, (double[]){points[n - 1].x, factor * points[0].result[result]});
    rb_chart_line(chart, set, "1:2", "lines lw 1", (rb_stroke){.color = (int)color, .dash = 2}, zero);
}

static rb_status draw(rb_plots *p, int group, const knob *k, point *points, int n) {
    rb_status status = RB_OK;
    rb_chart chart;
    rb_text title = {0}, others = {0};
    const rb_csv *runs = &p->session.csv[RB_FROM_RUNS];
    const rb_group *g = &p->session.groups[group];
    const char *name = k->known < 0 ? k->name : KNOBS[k->known].name;
    char file[128];
    qsort(points, (size_t)n, sizeof *points, by_x);
    double smallest = points[points[0].x == 0].x;
    bool log = points[0].x >= 0 && smallest > 0 && points[n - 1].x >= 8 * smallest;
    others_of(rb_csv_get(runs, g->first, "overrides"), k, &others);
    rb_plot_name(g->name, rb_csv_get(runs, g->first, "device_key"), NULL, rb_text_string(&others), file);
    rb_chart_begin(&chart, file, k->name);
    add_line(&chart, points, n, log, 0, RB_BLUE);
    add_line(&chart, points, n, log, 1, RB_VERMILLION);
    rb_chart_panel(&chart, name, "accuracy at the end, %", log ? RB_LOG_X : RB_AXIS_LINEAR, "");
    add_line(&chart, points, n, log, 2, RB_GREEN);
    rb_chart_panel(&chart, name, "L2 norm of all parameters at the end", log ? RB_LOG_X : RB_AXIS_LINEAR, "");
    rb_text_printf(&title, "%.*s, %s: %d runs that differ in the %s", (int)strcspn(g->name, "/"), g->name,
                   rb_csv_get(runs, g->first, "model"), n, name);
    RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&title);
    rb_text_free(&others);
    return status;
}

/* Lines along one knob: groups of equal key, in order of their first. */
static rb_status along(rb_plots *p, const knob *k) {
    rb_status status = RB_OK;
    const rb_recorded *s = &p->session;
    const rb_csv *runs = &s->csv[RB_FROM_RUNS];
    int groups = s->n_groups;
    rb_text *keys = calloc((size_t)groups + 1, sizeof *keys);
    point *points = calloc((size_t)groups + 1, sizeof *points);
    if (!keys || !points) {
        status = rb_fail(RB_MEMORY, "out of memory for %d runs", groups);
        goto cleanup;
    }
    for (int g = 0; g < groups; g++) {
        key_of(runs, &s->groups[g], k, &keys[g]);
        RB_TRY(rb_text_status(&keys[g]));
    }
    for (int g = 0; g < groups; g++) {
        int n = 0;
        bool seen = false;
        for (int h = 0; h < g; h++) seen = seen || !strcmp(rb_text_string(&keys[h]), rb_text_string(&keys[g]));
        for (int h = g; h < groups && !seen; h++) {
            double x = value_of(runs, s->groups[h].first, k);
            bool taken = !isfinite(x) || strcmp(rb_text_string(&keys[h]), rb_text_string(&keys[g])) != 0;
            for (int i = 0; i < n && !taken; i++) taken = points[i].x == x; /* the first case speaks */
            if (taken) continue;
            points[n].x = x;
            for (int i = 0; i < RESULTS; i++) RB_TRY(result_of(s, h, OF[i].column, &points[n].result[i]));
            n++;
        }
        if (n >= POINTS) RB_TRY(draw(p, g, k, points, n));
    }
cleanup:
    for (int g = 0; keys && g < groups; g++) rb_text_free(&keys[g]);
    free(keys);
    free(points);
    return status;
}

rb_status rb_plot_sweep(rb_plots *p) {
    rb_status status = RB_OK;
    rb_text tried = {0}; /* "|NAME|" of overrides that are no knobs of KNOBS */
    const rb_csv *runs = &p->session.csv[RB_FROM_RUNS];
    for (int i = 0; i < KNOWN; i++) {
        knob k = {.known = i};
        snprintf(k.name, sizeof k.name, "%s", KNOBS[i].override);
        rb_text_printf(&tried, "|%s|", k.name);
        RB_TRY(along(p, &k));
    }
    rb_text_append(&tried, "|epochs|"); /* the curves show those */
    for (int g = 0; g < p->session.n_groups; g++)
        for (const char *at = rb_csv_get(runs, p->session.groups[g].first, "overrides"); *at;) {
            knob k = {.known = -1};
            char mark[80];
            size_t n = strcspn(at, " "), word = strcspn(at, "= ");
            snprintf(k.name, sizeof k.name, "%.*s", (int)word, at);
            snprintf(mark, sizeof mark, "|%s|", k.name);
            if (!strstr(rb_text_string(&tried), mark)) {
                rb_text_append(&tried, mark);
                RB_TRY(along(p, &k));
            }
            at += n + (at[n] == ' ');
        }
    RB_TRY(rb_text_status(&tried));
cleanup:
    rb_text_free(&tried);
    return status;
}
