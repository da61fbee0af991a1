/* plot.c: all charts of a session. */
#include "plot/plot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "plot/gnuplot.h"
#include "plot/kinds.h"

void rb_plot_title(const rb_plots *p, int group, const char *what, bool first, rb_text *title) {
    const rb_recorded *s = &p->session;
    const rb_csv *runs = &s->csv[RB_FROM_RUNS];
    bool diverged = false;
    for (int i = 0; i < runs->n_rows; i++)
        diverged =
            diverged || (s->group[RB_FROM_RUNS][i] == group && strcmp(rb_csv_get(runs, i, "status"), "diverged") == 0);
    rb_text_printf(title, "%s: %s", s->groups[group].label, what);
    if (diverged) rb_text_append(title, " (diverged)");
    if (s->groups[group].n_seeds > 1 && first)
        rb_text_printf(title, " (seed %s)", s->groups[group].seeds[0]);
    else if (s->groups[group].n_seeds > 1)
        rb_text_printf(title, " (%d seeds: median, lowest to highest)", s->groups[group].n_seeds);
}

rb_status rb_plot_folder(const char *dir, char *path, int size) {
    int n = snprintf(path, (size_t)size, "%s/plots", dir);
    if (n < 0 || n >= size) return rb_fail(RB_USAGE, "the path is too long: %.200s...", dir);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) return rb__write_failed(errno, path);
    return RB_OK;
}

static rb_status animate(const rb_plots *p) {
    rb_status status = RB_OK;
    char *names = strdup(rb_text_string(&p->animations)), *rest = NULL;
    if (!names) return rb_fail(RB_MEMORY, "out of memory");
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        RB_TRY(rb_plot_animate(p->folder, name));
cleanup:
    free(names);
    return status;
}

rb_status rb_plot_session(const char *dir, int *charts) {
    static rb_status (*const kinds[])(rb_plots *) = {
#define RB_PLOT_KIND(name, doc) rb_plot_##name,
#include "plot/kinds.def"
#undef RB_PLOT_KIND
    };
    rb_status status = RB_OK;
    rb_plots p = {0};
    char folder[4096];
    if (charts) *charts = 0;
    RB_TRY(rb_recorded_read(dir, &p.session));
    RB_TRY(rb_plot_folder(dir, folder, sizeof folder));
    p.folder = folder;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) RB_TRY(kinds[i](&p));
    RB_TRY(rb_text_status(&p.scripts));
    RB_TRY(rb_text_status(&p.animations));
    for (const char *c = rb_text_string(&p.scripts); *c && charts; c++) *charts += *c == '\n';
    if (!p.scripts.length) {
        rmdir(folder); /* unless something else lies there */
        goto cleanup;
    }
    status = rb_gnuplot_run(folder, rb_text_string(&p.scripts));
    if (status != RB_MISSING) {
        rb_status moved = animate(&p);
        if (status == RB_OK) status = moved;
    }
cleanup:
    rb_recorded_free(&p.session);
    rb_text_free(&p.scripts);
    rb_text_free(&p.animations);
    return status;
}
