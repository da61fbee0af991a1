/* plot.c: the verb `plot`: pictures of a recorded session. */
#include "plot/plot.h"

#include "cli/verb.h"
#include "core/log.h"

rb_status rb_verb_plot(const rb_options *o) {
    rb_status status = RB_OK;
    int charts;
    if (o->names.n != 1)
        return rb_fail(RB_USAGE, "`regbench plot` takes one folder, that of a session, as `regbench run` names it");
    RB_TRY(rb_plot_session(o->names.at[0], &charts));
    if (charts == 0)
        rb_log(RB_LOG_WARN, "%s has nothing to draw: charts need two epochs, recorded steps, or speeds",
               o->names.at[0]);
    else
        rb_log(RB_LOG_INFO, "%d chart%s in %s/plots", charts, charts == 1 ? "" : "s", o->names.at[0]);
cleanup:
    return status;
}
