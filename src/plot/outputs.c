/* outputs.c: a regression of one input at its decision points: a contact sheet, and frames that become an animation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/picture.h"
#include "plot/apng.h"
#include "plot/kinds.h"
#include "regbench/data.h"

enum {
    SHEET_COLUMNS = 5,
    SHEET_PANELS = 20,
    FRAME_WIDTH = 640,
    FRAME_HEIGHT = 440,
    FRAMES = 200,
    FRAME_MS = 250,
    LAST_MS = 2000
};

typedef struct fit {
    rb_chart data;     /* its sets: one per epoch, then the training points */
    rb_text epochs;    /* "1 500 1000" */
    int n;             /* epochs */
    bool train;        /* the training points are known */
    double x[2], y[2]; /* what the axes span */
} fit;

static void span(double range[2], double value) {
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

/* The points that the run was trained on, made from its seed as it made them. */
static rb_status training_points(const rb_csv *runs, int row, fit *f) {
    rb_status status = RB_OK;
    rb_dataset *data = NULL;
    rb_data_options options = {.seed = strtoull(rb_csv_get(runs, row, "seed"), NULL, 10)};
    RB_TRY(rb_dataset_load(rb_csv_get(runs, row, "dataset"), &options, &data));
    if (!data->regression || data->C * data->H * data->W != 1 || data->x_dtype != RB_F32) goto cleanup;
    int set = rb_chart_set(&f->data, "training points", "x target");
    for (int64_t i = 0; i < data->n_train; i++) {
        double x = (double)((const float *)data->x)[i], y = (double)data->targets[i * data->classes];
        rb_chart_row(&f->data, 2, (double[]){x, y});
        span(f->x, x);
        span(f->y, y);
    }
    f->train = set == f->n;
cleanup:
    rb_dataset_free(data);
    return status;
}

/* Rows of outputs.csv of the group's first seed: a set per epoch, at most FRAMES of them. */
static void read_fit(const rb_recorded *s, int group, fit *f) {
    const rb_csv *csv = &s->csv[RB_FROM_OUTPUTS];
    int epoch = rb_csv_column(csv, "epoch"), x = rb_csv_column(csv, "x"), target = rb_csv_column(csv, "target"),
        predicted = rb_csv_column(csv, "predicted");
    double last = -1;
    for (int i = 0; i < csv->n_rows && s->group[RB_FROM_OUTPUTS]; i++) {
        double at = rb_csv_number(csv, i, epoch),
               row[3] = {rb_csv_number(csv, i, x), rb_csv_number(csv, i, predicted), rb_csv_number(csv, i, target)};
        if (s->group[RB_FROM_OUTPUTS][i] != group || s->seed[RB_FROM_OUTPUTS][i] != 0) continue;
        if (!isfinite(row[0]) || !isfinite(row[1]) || !isfinite(at) || at < last) continue;
        if (at > last) {
            char title[48];
            if (f->n == FRAMES) return;
            snprintf(title, sizeof title, "epoch %g", at);
            rb_chart_set(&f->data, title, "x predicted target");
            rb_text_printf(&f->epochs, "%s%.0f", f->n ? " " : "", at);
            f->n++;
            last = at;
        }
        rb_chart_row(&f->data, 3, row);
        span(f->x, row[0]);
        span(f->y, row[1]);
        if (isfinite(row[2])) span(f->y, row[2]);
    }
}

/* One epoch, number i of gnuplot's loop. */
static void plot_epoch(const fit *f, bool titles, rb_text *out) {
    rb_text_printf(out,
                   "    plot data index i-1 using 1:3 smooth unique with lines lw 1.5 dt 2 lc rgb '#%06x' %s, \\\n"
                   "         data index i-1 using 1:2 smooth unique with lines lw 2.5 lc rgb '#%06x' %s",
                   (unsigned)rb_colors[RB_BLACK], titles ? "title 'true line'" : "notitle",
                   (unsigned)rb_colors[RB_VERMILLION], titles ? "title 'prediction'" : "notitle");
    if (f->train)
        rb_text_printf(out, ", \\\n         data index %d using 1:2 with points pt 7 ps %s lc rgb '#%06x' %s", f->n,
                       titles ? "1" : "0.6", (unsigned)rb_colors[RB_BLUE],
                       titles ? "title 'training points'" : "notitle");
    rb_text_append(out, "\n");
}

static void ranges(const fit *f, rb_text *out) {
    double dx = 0.03 * (f->x[1] - f->x[0]), dy = 0.05 * (f->y[1] - f->y[0]);
    rb_text_printf(out, "epochs = '%s'\nset xrange [%g:%g]\nset yrange [%g:%g]\n", rb_text_string(&f->epochs),
                   f->x[0] - dx, f->x[1] + dx, f->y[0] - dy, f->y[1] + dy);
}

static void write_sheet(const fit *f, const char *title, rb_text *out) {
    /* Evenly spaced, the first and the last among them. */
    int shown = f->n < SHEET_PANELS ? f->n : SHEET_PANELS;
    int columns = shown < SHEET_COLUMNS ? shown : SHEET_COLUMNS, rows = (shown + columns - 1) / columns;
    rb_gnuplot_head(f->data.name, 900, 90 + rows * 165, out);
    rb_text_printf(out, "set output '%s.png'\n", f->data.name);
    ranges(f, out);
    rb_text_printf(out,
                   "set tics font ',8'\nset xtics autofreq offset 0,0.4\nunset key\n"
                   "set multiplot layout %d,%d title ",
                   rows, columns);
    rb_gnuplot_quote(title, out);
    rb_text_printf(out,
                   " font ',13' noenhanced\nset lmargin 4.5\nset rmargin 0.8\nset tmargin 2.6\nset bmargin 1.6\n"
                   "do for [k=0:%d] {\n    i = 1 + int(floor(k * %d.0 / %d + 0.5))\n"
                   "    set title 'epoch '.word(epochs, i) font ',10' offset 0,-0.6\n",
                   shown - 1, f->n - 1, shown > 1 ? shown - 1 : 1);
    plot_epoch(f, false, out);
    rb_text_append(out, "}\nunset multiplot\nunset output\n");
}

static void write_frames(const fit *f, const char *name, const char *title, rb_text *out) {
    rb_gnuplot_head(f->data.name, FRAME_WIDTH, FRAME_HEIGHT, out);
    ranges(f, out);
    rb_text_append(out, "set xlabel 'x'\nset ylabel 'y'\nset key top right Left reverse\nset tmargin 3\ntext = ");
    rb_gnuplot_quote(title, out);
    rb_text_printf(
        out,
        "\ndo for [i=1:words(epochs)] {\n    set output sprintf('%s-%%03d.png', i)\n"
        "    set label 1 sprintf('%%s: epoch %%s', text, word(epochs, i)) at screen 0.12, screen 0.94 font ',13'\n",
        name);
    plot_epoch(f, true, out);
    rb_text_append(out, "}\nunset output\n");
}

static rb_status draw(rb_plots *p, int group) {
    rb_status status = RB_OK;
    fit f = {.x = {INFINITY, -INFINITY}, .y = {INFINITY, -INFINITY}};
    rb_text sheet = {0}, frames = {0}, title = {0};
    char name[180];
    const rb_group *g = &p->session.groups[group];
    rb_chart_begin(&f.data, g->file, "fit");
    read_fit(&p->session, group, &f);
    if (f.n < 2) goto cleanup;
    RB_TRY(training_points(&p->session.csv[RB_FROM_RUNS], g->first, &f));
    rb_plot_title(p, group, "fit over x (line: prediction, dots: training points, dashed: truth)", true, &title);
    write_sheet(&f, rb_text_string(&title), &sheet);
    snprintf(name, sizeof name, "%s-frames", f.data.name);
    write_frames(&f, name, g->label, &frames);
    RB_TRY(rb_plot_write(p->folder, f.data.name, ".dat", &f.data.data));
    RB_TRY(rb_plot_write(p->folder, f.data.name, ".gp", &sheet));
    RB_TRY(rb_plot_write(p->folder, name, ".gp", &frames));
    rb_text_printf(&p->scripts, "%s.gp\n%s.gp\n", f.data.name, name);
    rb_text_printf(&p->animations, "%s\n", name);
cleanup:
    rb_chart_free(&f.data);
    rb_text_free(&f.epochs);
    rb_text_free(&sheet);
    rb_text_free(&frames);
    rb_text_free(&title);
    return status;
}

rb_status rb_plot_outputs(rb_plots *p) {
    rb_status status = RB_OK;
    for (int g = 0; g < p->session.n_groups && p->session.csv[RB_FROM_OUTPUTS].n_rows > 0; g++) RB_TRY(draw(p, g));
cleanup:
    return status;
}

rb_status rb_plot_animate(const char *folder, const char *name) {
    rb_status status = RB_OK;
    rb_image *frames = calloc(FRAMES, sizeof *frames);
    int delay_ms[FRAMES], n = 0;
    rb_text path = {0};
    if (!frames) return rb_fail(RB_MEMORY, "out of memory for the frames of %s", name);
    for (; n < FRAMES; n++) {
        rb__picture picture;
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/%s-%03d.png", folder, name, n + 1);
        RB_TRY(rb_text_status(&path));
        if (access(path.data, F_OK) != 0) break;
        RB_TRY(rb__picture_read(path.data, &picture));
        frames[n] = (rb_image){.width = picture.width, .height = picture.height, .rgb = picture.rgb};
        delay_ms[n] = FRAME_MS;
    }
    if (n == 0) goto cleanup;
    delay_ms[n - 1] = LAST_MS;
    rb_text_clear(&path);
    rb_text_printf(&path, "%s/%.*s-animation.png", folder, (int)(strlen(name) - strlen("-frames")), name);
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_apng_write(frames, n, delay_ms, path.data));
    for (int i = 1; i <= n; i++) {
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/%s-%03d.png", folder, name, i);
        unlink(rb_text_string(&path));
    }
cleanup:
    for (int i = 0; i < FRAMES; i++) rb_image_free(&frames[i]);
    free(frames);
    rb_text_free(&path);
    return status;
}
