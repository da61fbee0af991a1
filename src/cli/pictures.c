/* pictures.c: grids that a trained model gives, and the charts of a session. */
#include "cli/pictures.h"

#include <stdlib.h>

#include "core/log.h"
#include "plot/adversarial.h"
#include "plot/filters.h"
#include "plot/plot.h"
#include "plot/recorded.h"
#include "regbench/attack.h"
#include "regbench/study.h"

enum { ROWS = 4, COLUMNS = 10, ATTACKED = 10 };

static rb_status predictions(rb_trainer *t, const char *title, const char *path) {
    rb_status status = RB_OK;
    rb_split split = rb_trainer_rows(t, RB_SPLIT_TEST) > 0 ? RB_SPLIT_TEST : RB_SPLIT_VALID;
    int64_t n = rb_trainer_rows(t, split);
    double loss, accuracy;
    if (n < 1) return RB_OK;
    if (n > ROWS * COLUMNS) n = ROWS * COLUMNS;
    int32_t pred[ROWS * COLUMNS];
    RB_TRY(rb_trainer_eval(t, split, n, &loss, &accuracy, pred));
    RB_TRY(rb_dataset_show_predictions(rb_trainer_data(t), title, rb_trainer_split(t, split), pred, n, ROWS, COLUMNS,
                                       path));
cleanup:
    return status;
}

/* The first parameter tensor, where it belongs to the layer that sees the images. */
static rb_status filters(rb_trainer *t, const char *title, const char *path) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(t);
    const rb_dataset *data = rb_trainer_data(t);
    rb_filters f = {.title = title, .C = data->C, .H = data->H, .W = data->W};
    if (p->n_params == 0) return RB_OK;
    const rb_tensor *w = &p->params[0].tensor;
    f.n = (int)w->dims[0];
    if (p->spec.layers[p->params[0].layer].kind == RB_LAYER_CONV) {
        f.H = (int)w->dims[2];
        f.W = (int)w->dims[3];
    }
    if (rb_tensor_count(w) != (int64_t)f.n * f.C * f.H * f.W || (f.C != 1 && f.C != 3)) return RB_OK;
    float *values = malloc(sizeof *values * (size_t)rb_tensor_count(w));
    if (!values) return rb_fail(RB_MEMORY, "out of memory for %s", w->name);
    RB_TRY(rb_trainer_get_param(t, 0, values));
    f.weights = values;
    RB_TRY(rb_filters_draw(&f, path));
cleanup:
    free(values);
    return status;
}

/* The first validation images before and after an attack of the strongest strength but one: 8/255 in the labs' sweeps,
 * which fools nearly always and is hardly seen. */
static rb_status adversarial(rb_trainer *t, const char *title, const char *path) {
    const rb_attack_sweep *sweep = &rb_trainer_case(t)->attack;
    if (sweep->kind == RB_ATTACK_NONE) return RB_OK;
    rb_status status = RB_OK;
    const rb_dataset *data = rb_trainer_data(t);
    rb_attack_strength how = rb_attack_of(sweep, sweep->n_eps > 1 ? sweep->n_eps - 2 : 0);
    int32_t labels[ATTACKED], before[ATTACKED], after[ATTACKED];
    rb_attack_result result;
    char what[192];
    int64_t n = rb_trainer_rows(t, RB_SPLIT_VALID);
    if (n > ATTACKED) n = ATTACKED;
    size_t values = (size_t)n * (size_t)(data->C * data->H * data->W);
    float *clean = malloc(2 * values * sizeof *clean), *attacked = clean + values;
    if (!clean) return rb_fail(RB_MEMORY, "out of memory for %lld attacked images", (long long)n);
    rb_trainer_labels(t, RB_SPLIT_VALID, n, labels);
    RB_TRY(rb_attack(t, RB_SPLIT_VALID, n, &(rb_attack_strength){0},
                     &(rb_attack_outputs){.pred = before, .images = clean}, &result));
    RB_TRY(rb_attack(t, RB_SPLIT_VALID, n, &how, &(rb_attack_outputs){.pred = after, .images = attacked}, &result));
    snprintf(what, sizeof what, "%s: %s, epsilon %g/255", title, rb_attack_name(sweep->kind), how.eps);
    rb_adversarial a = {.title = what,
                        .n = (int)n,
                        .C = data->C,
                        .H = data->H,
                        .W = data->W,
                        .clean = clean,
                        .attacked = attacked,
                        .labels = labels,
                        .before = before,
                        .after = after,
                        .class_names = data->class_names};
    RB_TRY(rb_adversarial_draw(&a, path));
cleanup:
    free(clean);
    return status;
}

static rb_status grids(rb_trainer *t, const char *session_dir, const rb_row *row) {
    rb_status status = RB_OK;
    char folder[4096], name[128], path[4400], seed[24], title[128];
    const rb_dataset *data = rb_trainer_data(t);
    const char *of = rb_row_get_text(row, RB_COL(runs, case));
    const char *overrides = rb_row_get_text(row, RB_COL(runs, overrides));
    const rb_study *study = rb_study_of_run(of);
    if (!data->labels || data->x_dtype != RB_U8) return RB_OK; /* no images */
    if (study && !rb_study_foreseen(study)) return RB_OK;      /* what a strategy tries is not for looking at */
    RB_TRY(rb_plot_folder(session_dir, folder, sizeof folder));
    snprintf(seed, sizeof seed, "%lld", (long long)row->cells[RB_COL(runs, seed)].u.i);
    snprintf(title, sizeof title, "%s%s%.40s", of, *overrides ? ", " : "", overrides);
    rb_plot_name(of, rb_row_get_text(row, RB_COL(runs, device_key)), seed, overrides, name);
    snprintf(path, sizeof path, "%s/%s.predictions.png", folder, name);
    RB_TRY(predictions(t, title, path));
    snprintf(path, sizeof path, "%s/%s.filters.png", folder, name);
    RB_TRY(filters(t, title, path));
    snprintf(path, sizeof path, "%s/%s.adversarial.png", folder, name);
    RB_TRY(adversarial(t, title, path));
cleanup:
    return status;
}

/* A failure becomes a line. */
static void tell(rb_status status) {
    if (status != RB_OK) rb_log(RB_LOG_WARN, "%s", rb_error_last() ? rb_error_last()->text : rb_status_word(status));
    if (status != RB_OK) rb_error_clear();
}

void rb_pictures_of_run(const rb_options *o, rb_trainer *t, const char *session_dir, const rb_row *row) {
    /* Models of other seeds look alike; their grids would only be many. */
    const rb_words *seeds = &o->flag[RB_FLAG_SEED];
    int64_t seed = row->cells[RB_COL(runs, seed)].u.i;
    if (rb_given(o, RB_FLAG_NO_PLOTS) || (seeds->n > 0 && strtoll(seeds->at[0], NULL, 10) != seed)) return;
    tell(grids(t, session_dir, row));
}

void rb_pictures_of_session(const rb_options *o, const char *session_dir) {
    if (!rb_given(o, RB_FLAG_NO_PLOTS)) tell(rb_plot_session(session_dir, NULL));
}
