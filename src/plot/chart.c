/* chart.c: writes gnuplot scripts and their data. */
#include "plot/chart.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "report/internal.h"

enum { WIDTH = 900, HEIGHT = 440, LEGEND_ROW = 18, LETTER = 9, SAMPLE = 54 };

const uint32_t rb_colors[RB_CHART_COLORS] = {0x0072b2, 0xd55e00, 0x009e73, 0xe69f00, 0xcc79a7, 0x56b4e9, 0x000000};

rb_stroke rb_stroke_of(int k) { return (rb_stroke){.color = k % RB_CHART_COLORS, .dash = 1 + k / RB_CHART_COLORS % 4}; }

unsigned rb_axis_whole(double last) { return last <= 12 ? RB_WHOLE_X : RB_AXIS_LINEAR; }

unsigned rb_axis_of(double low, double high) { return low > 0 && high > 100 * low ? RB_LOG_Y : RB_AXIS_LINEAR; }

/* Within single quotes only the quote itself is special. What is no letter becomes a blank, what is no UTF-8 "?". */
void rb_gnuplot_quote(const char *text, rb_text *out) {
    rb_text_append(out, "'");
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = rb__utf8_length(s);
        if (n == 0)
            rb_text_append(out, "?");
        else if (*s == '\'')
            rb_text_append(out, "''");
        else if (*s < ' ' || *s == 0x7f)
            rb_text_append(out, " ");
        else
            rb_text_printf(out, "%.*s", n, (const char *)s);
        s += n ? n : 1;
    }
    rb_text_append(out, "'");
}

/* Of a long text the beginning: `longest` letters. */
static void quote_cut(const char *text, int longest, rb_text *out) {
    const char *end = text;
    rb_text cut = {0};
    for (int n = 0; *end && n < longest; n++)
        for (end++; ((unsigned char)*end & 0xc0) == 0x80;) end++;
    rb_text_printf(&cut, "%.*s%s", (int)(end - text), text, *end ? " .." : "");
    rb_gnuplot_quote(rb_text_string(&cut), out);
    rb_text_free(&cut);
}

/* Names go into comments of the data too: one line each. */
static void comment(const char *text, rb_text *out) {
    rb_text_append(out, "# ");
    for (; *text; text++) rb_text_printf(out, "%c", (unsigned char)*text < ' ' ? ' ' : *text);
    rb_text_append(out, "\n");
}

rb_status rb_plot_write(const char *folder, const char *name, const char *suffix, const rb_text *text) {
    rb_status status = rb_text_status(text);
    rb_text path = {0};
    rb_text_printf(&path, "%s/%s%s", folder, name, suffix);
    if (status == RB_OK) status = rb_text_status(&path);
    if (status == RB_OK) {
        errno = 0;
        FILE *file = fopen(path.data, "wbe");
        bool written = file && fwrite(rb_text_string(text), 1, text->length, file) == text->length;
        if ((file && fclose(file) != 0) || !written) status = rb__write_failed(errno, path.data);
    }
    rb_text_free(&path);
    return status;
}

void rb_chart_begin(rb_chart *c, const char *base, const char *kind) {
    *c = (rb_chart){0};
    snprintf(c->name, sizeof c->name, "%.127s.%.24s", base, kind);
    rb_plot_plain(c->name);
}

int rb_chart_set(rb_chart *c, const char *title, const char *columns) {
    if (c->sets > 0) rb_text_append(&c->data, "\n\n");
    comment(title, &c->data);
    comment(columns, &c->data);
    return c->sets++;
}

static void values_append(rb_chart *c, int n, const double *values) {
    for (int i = 0; i < n; i++) {
        if (isfinite(values[i]))
            rb_text_printf(&c->data, " %.9g", values[i]);
        else
            rb_text_append(&c->data, " NaN");
    }
}

void rb_chart_row(rb_chart *c, int n, const double *values) {
    values_append(c, n, values);
    rb_text_append(&c->data, "\n");
}

enum { LEGEND_LETTERS = 88 }; /* as many as fit beside a sample */

static bool in_legend(const rb_chart *c, const char *title) {
    for (int i = 0; i < c->entries; i++)
        if (strcmp(rb_text_string(&c->keys[i]), title) == 0) return true;
    return false;
}

bool rb_chart_takes(rb_chart *c, const char *title) {
    bool takes = c->entries < RB_CHART_LEGEND || in_legend(c, title);
    c->full |= !takes;
    return takes;
}

static void note_legend(rb_chart *c, const char *title, const char *with, rb_stroke stroke) {
    if (in_legend(c, title) || c->entries == RB_CHART_LEGEND) return;
    rb_text_append(&c->keys[c->entries], title);
    rb_text *t = &c->legend[c->entries++];
    rb_text_printf(t, "NaN with %s lc rgb '#%06x' dt %d title ", with, (unsigned)rb_colors[stroke.color], stroke.dash);
    quote_cut(title, LEGEND_LETTERS, t);
}

void rb_chart_line(rb_chart *c, int set, const char *using, const char *with, rb_stroke stroke, const char *title) {
    bool dashed = strncmp(with, "filledcurves", 12) != 0 && strncmp(with, "boxes", 5) != 0;
    rb_text_append(&c->lines, c->lines.length ? ", \\\n     " : "plot ");
    rb_text_printf(&c->lines, "data index %d using %s with %s lc rgb '#%06x'", set, using, with,
                   (unsigned)rb_colors[stroke.color]);
    if (dashed) rb_text_printf(&c->lines, " dt %d", stroke.dash);
    rb_text_append(&c->lines, " notitle");
    if (title && ++c->titled > c->most) c->most = c->titled;
    if (title) note_legend(c, title, dashed ? with : "lines lw 6", stroke);
}

bool rb_chart_curves(rb_chart *c, const rb_curves *curves, double factor, bool band, rb_stroke stroke,
                     const char *title) {
    enum { FEW = 40 };
    char using[48];
    bool one = curves->n_seeds == 1;
    if (curves->points == 0 || !rb_chart_takes(c, title)) return false;
    int set = rb_chart_set(c, title, one ? "x value" : "x median lowest highest, then every seed's");
    for (int i = 0; i < curves->n; i++) {
        const double *y = curves->y + (size_t)i * (size_t)curves->n_seeds;
        double spread[3];
        rb_curves_spread(curves, i, spread);
        values_append(c, 1, &curves->x[i]);
        if (!one) values_append(c, 3, (double[]){spread[1], spread[0], spread[2]});
        rb_chart_row(c, curves->n_seeds, y);
    }
    if (!one && band) {
        snprintf(using, sizeof using, "1:(%g*$3):(%g*$4)", factor, factor);
        rb_chart_line(c, set, using, "filledcurves fs transparent solid 0.2 noborder", stroke, NULL);
    }
    snprintf(using, sizeof using, factor == 1 ? "1:2" : "1:(%g*$2)", factor);
    rb_chart_line(c, set, using, curves->n <= FEW ? "linespoints lw 2 pt 7 ps 0.6" : "lines lw 2", stroke, title);
    return true;
}

void rb_chart_panel(rb_chart *c, const char *x, const char *y, unsigned axis, const char *more) {
    c->titled = 0;
    if (!c->lines.length || c->panels == RB_CHART_PANELS) {
        rb_text_clear(&c->lines);
        return;
    }
    rb_text *p = &c->panel[c->panels++];
    rb_text_append(p, "set xlabel ");
    rb_gnuplot_quote(x, p);
    rb_text_append(p, "\nset ylabel ");
    rb_gnuplot_quote(y, p);
    rb_text_printf(p, "\n%s\n%s\n%s\n", axis & RB_LOG_X ? "set logscale x" : "unset logscale x",
                   axis & RB_LOG_Y ? "set logscale y" : "unset logscale y",
                   axis & RB_WHOLE_X ? "set xtics 1" : "set xtics autofreq");
    rb_text_printf(p, "set yrange [%s:*]\n", axis & RB_FROM_ZERO && !(axis & RB_LOG_Y) ? "0" : "*");
    rb_text_append(p, more);
    rb_text_append(p, rb_text_string(&c->lines));
    rb_text_clear(&c->lines);
}

void rb_chart_log_range(char axis, double low, double high, rb_text *more) {
    static const double STEPS[] = {1, 2, 5};
    const double MANY_DECADES = 2.5;
    rb_text_printf(more, "set %crange [%.9g:%.9g]\n", axis, low, high);
    if (log10(high / low) > MANY_DECADES) return;
    const char *comma = "";
    rb_text_printf(more, "set %ctics (", axis);
    for (int e = (int)floor(log10(low)); e <= (int)floor(log10(high)); e++)
        for (int k = 0; k < 3; k++) {
            double at = STEPS[k] * pow(10, e);
            if (at < low || at > high) continue;
            rb_text_printf(more, "%s%.9g", comma, at);
            comma = ", ";
        }
    rb_text_append(more, ")\n");
}

/* As many columns as the longest title leaves room for, by gnuplot's own reckoning. */
static int legend_columns(const rb_chart *c) {
    int longest = 1;
    for (int i = 0; i < c->entries; i++) {
        int n = rb__text_width(rb_text_string(&c->keys[i]));
        if (n > longest) longest = n < LEGEND_LETTERS ? n : LEGEND_LETTERS;
    }
    int fit = (WIDTH - 10) / (longest * LETTER + SAMPLE);
    return fit < 1 ? 1 : fit < c->entries ? fit : c->entries;
}

/* In small letters where it is long. */
static void write_title(const char *title, int height, rb_text *out) {
    enum { LONG = 95, LONGEST = 125 };
    rb_text_append(out, "set label 1 ");
    quote_cut(title, LONGEST, out);
    rb_text_printf(out, " at screen 0.5, screen %.4f center font ',%d' textcolor rgb '#222222'\n", 1 - 23.0 / height,
                   rb__text_width(title) > LONG ? 10 : 13);
}

void rb_gnuplot_head(const char *name, int width, int height, rb_text *out) {
    rb_text_printf(out,
                   "# %s.gp: draws %s.png from %s.dat, when gnuplot runs it in this folder.\n"
                   "reset\n"
                   "set encoding utf8\n"
                   "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) set terminal pngcairo size %d,%d noenhanced font "
                   "'Sans,11'; else set terminal png size %d,%d noenhanced\n"
                   "data = '%s.dat'\n"
                   "set border 3 lc rgb '#555555'\n"
                   "set tics nomirror textcolor rgb '#222222'\n"
                   "set format '%%g'\n"
                   "set grid ytics lt 1 lw 1 lc rgb '#e0e0e0'\n",
                   name, name, name, width, height, width, height, name);
}

static void write_head(const rb_chart *c, const char *title, int height, rb_text *out) {
    rb_gnuplot_head(c->name, WIDTH, height, out);
    rb_text_printf(out,
                   "set output '%s.png'\n"
                   "set autoscale xfix\n"
                   "set multiplot\n",
                   c->name);
    write_title(title, height, out);
}

/* Once, across the whole picture below all panels: a plot of nothing, whose key it is. */
static void write_legend(const rb_chart *c, int columns, rb_text *out) {
    rb_text_printf(out,
                   "\nunset label 1\nunset border\nunset tics\nunset xlabel\nunset ylabel\nunset grid\nunset logscale\n"
                   "set lmargin at screen 0.01\nset rmargin at screen 0.99\n"
                   "set key at screen 0.5, screen 0.015 center bottom horizontal maxcols %d Left reverse samplen 3\n"
                   "plot [0:1] [0:1] ",
                   columns);
    for (int k = 0; k < c->entries; k++)
        rb_text_printf(out, "%s%s", k ? ", \\\n     " : "", rb_text_string(&c->legend[k]));
    rb_text_append(out, "\n");
}

rb_status rb_chart_end(rb_chart *c, const char *title, const char *folder, rb_text *drawn) {
    rb_status status = RB_OK;
    rb_text script = {0}, whole = {0};
    if (c->panels == 0) goto cleanup;
    rb_text_append(&whole, title);
    if (c->full) rb_text_printf(&whole, "; these are the first %d", RB_CHART_LEGEND);
    RB_TRY(rb_text_status(&whole));
    int columns = legend_columns(c), rows = c->most > 1 ? (c->entries + columns - 1) / columns : 0;
    int height = HEIGHT + rows * LEGEND_ROW + c->room + c->taller;
    double bottom = (rows * LEGEND_ROW + c->room + 74.0) / height, top = 1 - 48.0 / height;
    double left = (96.0 + c->left) / WIDTH, right = 30.0 / WIDTH, width = 1.0 / c->panels;
    write_head(c, whole.data, height, &script);
    for (int i = 0; i < c->panels; i++) {
        rb_text_printf(&script,
                       "\n%sset lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\n"
                       "set tmargin at screen %.4f\n",
                       i == 1 ? "unset label 1\n" : "", i * width + left, (i + 1) * width - right, bottom, top);
        rb_text_append(&script, rb_text_string(&c->panel[i]));
        rb_text_append(&script, "\n");
    }
    if (rows > 0) write_legend(c, columns, &script);
    rb_text_append(&script, "unset multiplot\nunset output\n");
    RB_TRY(rb_plot_write(folder, c->name, ".dat", &c->data));
    RB_TRY(rb_plot_write(folder, c->name, ".gp", &script));
    rb_text_printf(drawn, "%s.gp\n", c->name);
cleanup:
    rb_text_free(&script);
    rb_text_free(&whole);
    rb_chart_free(c);
    return status;
}

void rb_chart_free(rb_chart *c) {
    rb_text_free(&c->data);
    rb_text_free(&c->lines);
    for (int i = 0; i < RB_CHART_PANELS; i++) rb_text_free(&c->panel[i]);
    for (int i = 0; i < RB_CHART_LEGEND; i++) {
        rb_text_free(&c->legend[i]);
        rb_text_free(&c->keys[i]);
    }
    memset(c, 0, sizeof *c);
}
