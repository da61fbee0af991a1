/* chart.h: a chart in the making: one gnuplot script NAME.gp with its data NAME.dat, which draw NAME.png.
 *
 * Lines are added, then the panel that holds them is closed; a panel without a line and a chart without a panel do not
 * come to be. Text from outside (names of cases, devices, tensors) reaches gnuplot only in single quotes, where nothing
 * is special, and with its markup switched off. */
#ifndef RB_PLOT_CHART_H
#define RB_PLOT_CHART_H

#include "core/text.h"
#include "plot/recorded.h"

enum { RB_CHART_PANELS = 3, RB_CHART_LEGEND = 16, RB_CHART_COLORS = 7 };

/* Okabe and Ito's colours without yellow, which is lost on white: told apart by everybody. */
typedef enum rb_color { RB_BLUE, RB_VERMILLION, RB_GREEN, RB_ORANGE, RB_PURPLE, RB_SKY, RB_BLACK } rb_color;
extern const uint32_t rb_colors[RB_CHART_COLORS]; /* 0xRRGGBB */

typedef struct rb_chart {
    char name[160];
    rb_text data, panel[RB_CHART_PANELS];
    rb_text lines;                   /* of the open panel: elements of its plot command */
    rb_text legend[RB_CHART_LEGEND]; /* each line's title once, with its style */
    rb_text keys[RB_CHART_LEGEND];   /* the titles alone */
    int sets, panels, entries;
    bool full;        /* lines were left out, because the legend could not have named them */
    int titled, most; /* lines with a title in the open panel; most of them in one: a single one needs no legend */
    int room;         /* pixels between the panels and their names below, for long names of tics */
    int left;         /* more pixels at the left of each panel, likewise */
    int taller;       /* more pixels of each panel's height */
} rb_chart;

typedef enum rb_chart_axis {
    RB_AXIS_LINEAR = 0,
    RB_LOG_X = 1,
    RB_LOG_Y = 2,
    RB_WHOLE_X = 4, /* a tic at every whole number */
    RB_FROM_ZERO = 8,
} rb_chart_axis;

/* Number k of many lines: colours first, then the next dash type, so that 28 differ. */
typedef struct rb_stroke {
    int color, dash;
} rb_stroke;
rb_stroke rb_stroke_of(int k);

/* `base` is made plain. */
void rb_chart_begin(rb_chart *c, const char *base, const char *kind);
/* A new set of data rows, told apart by gnuplot's `index`, which is returned. `columns`: their names, for people. */
int rb_chart_set(rb_chart *c, const char *title, const char *columns);
void rb_chart_row(rb_chart *c, int n, const double *values); /* NaN is a gap */
/* Whether the legend names a line of this title, or has room to. Where it has none, the line is to be left out, and the
 * chart's title says that only the first are there. */
bool rb_chart_takes(rb_chart *c, const char *title);
/* A line `'FILE' index SET using USING with WITH`; colour and dash follow. title NULL: not in the legend. */
void rb_chart_line(rb_chart *c, int set, const char *using, const char *with, rb_stroke stroke, const char *title);
/* The curves as a line of their own; several seeds: their median, and with `band` an area from lowest to highest.
 * Values are multiplied by `factor` (100: percent). False where nothing is known, or the chart does not take it. */
bool rb_chart_curves(rb_chart *c, const rb_curves *curves, double factor, bool band, rb_stroke stroke,
                     const char *title);
/* `more`: further commands of gnuplot for this panel, may be "". */
void rb_chart_panel(rb_chart *c, const char *x, const char *y, unsigned axis, const char *more);
/* Writes both files, if there is a panel, and adds the name to *drawn: "NAME.gp\n". Frees the chart. */
rb_status rb_chart_end(rb_chart *c, const char *title, const char *folder, rb_text *drawn);
void rb_chart_free(rb_chart *c);

/* RB_WHOLE_X where epochs up to `last` are few. */
unsigned rb_axis_whole(double last);
/* RB_LOG_Y where values of a positive range spread over more than two decades. */
unsigned rb_axis_of(double low, double high);

/* Commands for a logarithmic axis from low to high, 'x' or 'y': its range, and tics at 1, 2, 5 where decades alone are
 * too few. */
void rb_chart_log_range(char axis, double low, double high, rb_text *more);

/* What every script begins with: its comment, terminal, style; `data` is NAME.dat. Output is the script's to set. */
void rb_gnuplot_head(const char *name, int width, int height, rb_text *out);
void rb_gnuplot_quote(const char *text, rb_text *out);
rb_status rb_plot_write(const char *folder, const char *name, const char *suffix, const rb_text *text);

#endif
