/* kinds.h: what the kinds of charts share: the session, the folder for pictures, and what was written so far. */
#ifndef RB_PLOT_KINDS_H
#define RB_PLOT_KINDS_H

#include "plot/chart.h"

typedef struct rb_plots {
    rb_recorded session;
    const char *folder; /* of the pictures */
    rb_text scripts;    /* to be run, each ends with "\n" */
    rb_text animations; /* names of those whose frames a script draws, each ends with "\n" */
} rb_plots;

/* Writes the scripts and data of its kind for all that the session has of it. */
#define RB_PLOT_KIND(name, doc) rb_status rb_plot_##name(rb_plots *p);
#include "plot/kinds.def"
#undef RB_PLOT_KIND

/* "CASE, OVERRIDES: WHAT", and that a run diverged; of several seeds how many, or, where only the first is drawn,
 * which. */
void rb_plot_title(const rb_plots *p, int group, const char *what, bool first, rb_text *title);
/* After gnuplot: frames that were drawn become the animation NAME.png, and go. */
rb_status rb_plot_animate(const char *folder, const char *name);

#endif
