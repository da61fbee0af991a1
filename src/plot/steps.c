/* steps.c: loss of every step, and the norms of parameters and gradient, where a run recorded its steps. */
#include "plot/kinds.h"

/* A panel with one column of steps.csv. */
static rb_status panel(const rb_plots *p, int group, const char *column, const char *name, rb_color color,
                       rb_chart *chart) {
    rb_status status = RB_OK;
    rb_curves c = {0};
    RB_TRY(rb_curves_read(&p->session, group, RB_FROM_STEPS, "step", column, &c));
    if (c.points >= 2 && rb_chart_curves(chart, &c, 1, true, (rb_stroke){.color = (int)color, .dash = 1}, name))
        rb_chart_panel(chart, "optimizer step", name, rb_axis_of(c.low, c.high), "");
cleanup:
    rb_curves_free(&c);
    return status;
}

static rb_status draw(rb_plots *p, int group) {
    rb_status status = RB_OK;
    rb_chart loss = {0}, norms = {0};
    rb_text title = {0};
    const char *file = p->session.groups[group].file;
    rb_plot_title(p, group, "loss of every step's batch", false, &title);
    rb_chart_begin(&loss, file, "steps");
    RB_TRY(panel(p, group, "train_loss", "training loss", RB_BLUE, &loss));
    RB_TRY(rb_chart_end(&loss, rb_text_string(&title), p->folder, &p->scripts));
    rb_text_clear(&title);
    rb_plot_title(p, group, "norms at every step", false, &title);
    rb_chart_begin(&norms, file, "norms");
    RB_TRY(panel(p, group, "param_l2", "L2 norm of all parameters", RB_BLUE, &norms));
    RB_TRY(panel(p, group, "grad_l2", "L2 norm of the gradient", RB_VERMILLION, &norms));
    RB_TRY(rb_chart_end(&norms, rb_text_string(&title), p->folder, &p->scripts));
cleanup:
    rb_chart_free(&loss);
    rb_chart_free(&norms);
    rb_text_free(&title);
    return status;
}

rb_status rb_plot_steps(rb_plots *p) {
    rb_status status = RB_OK;
    for (int g = 0; g < p->session.n_groups; g++)
        if (!p->session.groups[g].searched) RB_TRY(draw(p, g));
cleanup:
    return status;
}
