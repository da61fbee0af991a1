/* curves.c: loss and accuracy of a case over its epochs: training, training set in evaluation mode, validation. */
#include "plot/kinds.h"

static const struct {
    const char *title, *loss, *accuracy;
    rb_color color;
} SPLITS[] = {
    {"training (mean over the epoch's batches)", "train_loss", "train_acc", RB_BLUE},
    {"training set after the epoch", "train_eval_loss", "train_eval_acc", RB_SKY},
    {"validation", "val_loss", "val_acc", RB_VERMILLION},
};

/* One panel; *enough becomes true where two epochs are known. */
static rb_status panel(const rb_plots *p, int group, bool accuracy, rb_chart *chart, bool *enough) {
    rb_status status = RB_OK;
    rb_curves c = {0};
    double low = 0, high = 0, last = 0;
    for (int i = 0; i < 3; i++) {
        rb_curves_free(&c);
        RB_TRY(rb_curves_read(&p->session, group, RB_FROM_EPOCHS, "epoch",
                              accuracy ? SPLITS[i].accuracy : SPLITS[i].loss, &c));
        if (!rb_chart_curves(chart, &c, accuracy ? 100 : 1, true, (rb_stroke){.color = (int)SPLITS[i].color, .dash = 1},
                             SPLITS[i].title))
            continue;
        *enough = *enough || c.points >= 2;
        if (last == 0 || c.low < low) low = c.low;
        if (last == 0 || c.high > high) high = c.high;
        if (c.x[c.n - 1] > last) last = c.x[c.n - 1];
    }
    rb_chart_panel(chart, "epoch", accuracy ? "accuracy, %" : "loss",
                   rb_axis_whole(last) | (accuracy ? RB_AXIS_LINEAR : rb_axis_of(low, high)), "");
cleanup:
    rb_curves_free(&c);
    return status;
}

rb_status rb_plot_curves(rb_plots *p) {
    rb_status status = RB_OK;
    rb_chart chart = {0};
    rb_text title = {0};
    for (int g = 0; g < p->session.n_groups; g++) {
        bool enough = false;
        if (p->session.groups[g].searched) continue;
        rb_chart_begin(&chart, p->session.groups[g].file, "curves");
        RB_TRY(panel(p, g, false, &chart, &enough));
        RB_TRY(panel(p, g, true, &chart, &enough));
        rb_text_clear(&title);
        rb_plot_title(p, g, chart.panels > 1 ? "loss and accuracy" : "loss", false, &title);
        if (enough)
            RB_TRY(rb_chart_end(&chart, rb_text_string(&title), p->folder, &p->scripts));
        else
            rb_chart_free(&chart);
    }
cleanup:
    rb_chart_free(&chart);
    rb_text_free(&title);
    return status;
}
