/* plot.h: pictures of a session in its folder plots/: charts from its CSV files by gnuplot, grids of images by libpng.
 */
#ifndef RB_PLOT_PLOT_H
#define RB_PLOT_PLOT_H

#include "regbench/status.h"

/* Every chart for which the CSV files of session `dir` have data, into dir/plots: NAME.gp and NAME.dat, and what
 * gnuplot makes of them, NAME.png. `charts` (may be NULL): how many; with nothing to draw there is no folder.
 * RB_MISSING: no session, or no gnuplot (scripts and data are written); RB_OUTPUT: gnuplot failed, the other charts are
 * drawn. */
rb_status rb_plot_session(const char *dir, int *charts);
/* The folder plots/ of a session, made where it is not there. */
rb_status rb_plot_folder(const char *dir, char *path, int size);

#endif
