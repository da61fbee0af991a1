/* gnuplot.h: the program that draws charts; optional, Debian's package gnuplot-nox. */
#ifndef RB_PLOT_GNUPLOT_H
#define RB_PLOT_GNUPLOT_H

#include "regbench/status.h"

/* Runs scripts of `folder`, a list of names that each end with "\n". One process does all, for its start takes longer
 * than a chart; where that fails each gets one of its own, so that a bad one costs no other. RB_MISSING: there is no
 * gnuplot; RB_OUTPUT: which script failed, and what gnuplot says. */
rb_status rb_gnuplot_run(const char *folder, const char *scripts);

#endif
