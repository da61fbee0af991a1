/* matrix.c: cases, studies and overrides become a list of items. */
#include "cli/matrix.h"

#include <stdlib.h>
#include <string.h>

#include "cli/devices.h"
#include "cli/foresee.h"
#include "cli/shard.h"
#include "cli/study_runs.h"

/* A product beyond this is a typing error. */
enum { MOST_ITEMS = 10000, MOST_AXES = 48 };

/* --- overrides ------------------------------------------------------------------------------------------------------
 */

typedef struct axis {
    char name[64];
    rb_words values;
    int at; /* of the odometer */
} axis;

/* Flags whose long name is an override's name; the batch comes last, so that it varies fastest. */
static const rb_flag overrides[] = {RB_FLAG_EPOCHS,     RB_FLAG_LR,           RB_FLAG_MOMENTUM, RB_FLAG_L1,
                                    RB_FLAG_L2,         RB_FLAG_WEIGHT_DECAY, RB_FLAG_DROPOUT,  RB_FLAG_OPTIMIZER,
                                    RB_FLAG_TRAIN_SIZE, RB_FLAG_VALID_SIZE,   RB_FLAG_DATASET,  RB_FLAG_BATCH,
                                    RB_FLAG_HFLIP,      RB_FLAG_VFLIP,        RB_FLAG_CROP_PAD, RB_FLAG_ROTATE};

static rb_status add_to_axis(axis *axes, int *n, const char *name, size_t name_length, const char *values) {
    rb_status status = RB_OK;
    int a = 0;
    if (name_length >= sizeof axes->name) return rb_fail(RB_USAGE, "--set: \"%.40s..\" is too long a name", name);
    while (a < *n && (strlen(axes[a].name) != name_length || strncmp(axes[a].name, name, name_length) != 0)) a++;
    if (a == MOST_AXES) return rb_fail(RB_USAGE, "more than %d different overrides", MOST_AXES);
    if (a == *n) {
        snprintf(axes[a].name, sizeof axes[a].name, "%.*s", (int)name_length, name);
        ++*n;
    }
    for (const char *at = values;; at++) {
        size_t length = strcspn(at, ",");
        RB_TRY(rb_words_add_once(&axes[a].values, at, length));
        at += length;
        if (!*at) break;
    }
cleanup:
    return status;
}

static rb_status collect_axes(const rb_options *o, axis *axes, int *n) {
    rb_status status = RB_OK;
    const rb_words *sets = &o->flag[RB_FLAG_SET];
    for (int i = 0; i < sets->n; i++) {
        const char *equals = strchr(sets->at[i], '='); /* options.c made sure */
        RB_TRY(add_to_axis(axes, n, sets->at[i], (size_t)(equals - sets->at[i]), equals + 1));
    }
    for (size_t f = 0; f < sizeof overrides / sizeof *overrides; f++) {
        const char *name = rb_flag_name(overrides[f]);
        for (int i = 0; i < o->flag[overrides[f]].n; i++)
            RB_TRY(add_to_axis(axes, n, name, strlen(name), o->flag[overrides[f]].at[i]));
    }
cleanup:
    return status;
}

/* The next combination, last axis fastest; false after the last. */
static bool turn(axis *axes, int n) {
    for (int a = n - 1; a >= 0; a--) {
        if (++axes[a].at < axes[a].values.n) return true;
        axes[a].at = 0;
    }
    return false;
}

static bool varies(const rb_study *study, const char *name) {
    for (const rb_axis *x = study ? study->axes : NULL; x && x->name; x++)
        if (strcmp(x->name, name) == 0) return true;
    return false;
}

/* Appends an edited case, with the overrides' values of this turn. */
static rb_status add_edit(rb_matrix *out, const rb_case *c, const rb_study *study, const axis *axes, int n) {
    rb_status status = RB_OK;
    rb_case_edit *edit = &out->edits[out->n_edits];
    out->studies[out->n_edits++] = study;
    RB_TRY(rb_case_edit_begin(edit, c));
    for (int a = 0; a < n; a++) {
        if (varies(study, axes[a].name))
            return rb_fail(RB_USAGE, "%s is what %s varies: it cannot be overridden", axes[a].name, study->name);
        RB_TRY(rb_case_edit_set(edit, axes[a].name, axes[a].values.at[axes[a].at]));
    }
    if (!varies(study, "optimizer")) RB_TRY(rb_case_edit_check(edit)); /* else each of its runs is asked */
cleanup:
    return status;
}

/* The edits of one entry of the list, one turn: all cases of a LIST, one run of a study, the base case of a study. */
static rb_status add_edits(rb_matrix *out, const rb_case_list *cases, int i, const axis *axes, int n) {
    rb_status status = RB_OK;
    const rb_study *study = cases->study ? cases->study[i] : NULL;
    if (study && study->kind == RB_STUDY_LIST) {
        for (int k = 0; study->cases[k]; k++) {
            const rb_case *c;
            RB_TRY(rb_case_find(study->cases[k], &c));
            RB_TRY(add_edit(out, c, study, axes, n));
        }
        return RB_OK;
    }
    RB_TRY(add_edit(out, cases->at[i], study, axes, n));
    if (study && cases->run[i] >= 0) {
        RB_TRY(rb_study_run_apply(study, cases->run[i], &out->edits[out->n_edits - 1]));
        out->studies[out->n_edits - 1] = NULL;
    }
cleanup:
    return status;
}

rb_status rb_matrix_edits(const rb_options *o, const rb_case_list *cases, rb_matrix *out) {
    rb_status status = RB_OK;
    axis axes[MOST_AXES] = {0};
    int n = 0;
    int64_t count = 0;
    for (int i = 0; i < cases->n; i++) {
        const rb_study *study = cases->study ? cases->study[i] : NULL;
        count += study && study->kind == RB_STUDY_LIST ? rb_study_runs(study, 0) : 1;
    }
    RB_TRY(collect_axes(o, axes, &n));
    for (int a = 0; a < n && count <= MOST_ITEMS; a++) count *= axes[a].values.n;
    if (count > MOST_ITEMS) {
        status = rb_fail(RB_USAGE, "more than %d combinations of cases and overrides", MOST_ITEMS);
        goto cleanup;
    }
    out->edits = calloc((size_t)count, sizeof *out->edits); /* in place: an edit points into itself */
    out->studies = calloc((size_t)count, sizeof *out->studies);
    if (!out->edits || !out->studies) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld edited cases", (long long)count);
        goto cleanup;
    }
    for (int c = 0; c < cases->n; c++) {
        do {
            RB_TRY(add_edits(out, cases, c, axes, n));
        } while (turn(axes, n));
    }
    for (int e = 0; e < out->n_edits; e++) out->edits[e].c.precision = rb_value(o, RB_FLAG_PRECISION);
cleanup:
    for (int a = 0; a < MOST_AXES; a++) rb_words_free(&axes[a].values);
    return status;
}

/* --- items ----------------------------------------------------------------------------------------------------------
 */

/* What makes a run less than whole belongs to its name as overrides do: --resume must not take it for the whole. */
static void name_limits(const rb_options *o, char *out, size_t size) {
    const char *steps = rb_value(o, RB_FLAG_MAX_STEPS);
    bool no_eval = rb_given(o, RB_FLAG_NO_EVAL);
    snprintf(out, size, "%s%s%s%s", steps ? "max-steps=" : "", steps ? steps : "", steps && no_eval ? " " : "",
             no_eval ? "no-eval" : "");
}

rb_status rb_matrix_build(const rb_options *o, rb_matrix *out) {
    rb_status status = RB_OK;
    rb_case_list cases = {0};
    const rb_words *seeds = &out->seeds;
    memset(out, 0, sizeof *out);
    RB_TRY(rb_cases_match(o, false, &cases));
    RB_TRY(rb_matrix_edits(o, &cases, out));
    RB_TRY(rb_devices_chosen(o, &out->devices));
    for (int i = 0; i < o->flag[RB_FLAG_SEED].n; i++)
        RB_TRY(rb_words_add_once(&out->seeds, o->flag[RB_FLAG_SEED].at[i], strlen(o->flag[RB_FLAG_SEED].at[i])));
    if (seeds->n == 0) RB_TRY(rb_words_add(&out->seeds, "2021", 4));
    int64_t count = (int64_t)out->n_edits * out->devices.n * seeds->n;
    if (count > MOST_ITEMS) {
        status = rb_fail(RB_USAGE, "%lld items; at most %d in one session", (long long)count, MOST_ITEMS);
        goto cleanup;
    }
    out->items = calloc((size_t)count, sizeof *out->items);
    if (!out->items) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld items", (long long)count);
        goto cleanup;
    }
    name_limits(o, out->limits, sizeof out->limits);
    for (int e = 0, more = 0; e < out->n_edits; e++) {
        rb_item item = {.edit = &out->edits[e], .study = out->studies[e], .limits = out->limits};
        if (rb_given(o, RB_FLAG_EVAL_TRAIN)) out->edits[e].c.eval_train = true;
        if (item.study) RB_TRY(rb_study_foresee(o, item.study));
        RB_TRY(rb_foresee_case(o, &item.edit->c, &item.dataset, &item.mflop));
        if (more > 0 && more--) continue; /* another case of the LIST whose item there is */
        if (item.study && item.study->kind == RB_STUDY_LIST) more = rb_study_runs(item.study, 0) - 1;
        for (int d = 0; d < out->devices.n; d++)
            for (int s = 0; s < seeds->n; s++) {
                item.device = out->devices.at[d];
                item.seed = strtoll(seeds->at[s], NULL, 10);
                out->items[out->n++] = item;
            }
    }
    RB_TRY(rb_shard_keep(o, out->items, &out->n));
    if (!rb_given(o, RB_FLAG_DRY_RUN)) RB_TRY(rb_foresee_devices(o, &out->devices));
cleanup:
    rb_cases_free(&cases);
    return status;
}

void rb_matrix_free(rb_matrix *m) {
    free(m->edits);
    free(m->studies);
    free(m->items);
    rb_words_free(&m->devices);
    rb_words_free(&m->seeds);
    memset(m, 0, sizeof *m);
}

rb_status rb_matrix_print(const rb_options *o, const rb_matrix *m, rb_format format) {
    static const int columns[] = {RB_COL(runs, case),     RB_COL(runs, device_key), RB_COL(runs, dataset),
                                  RB_COL(runs, model),    RB_COL(runs, batch_size), RB_COL(runs, seed),
                                  RB_COL(runs, overrides)};
    rb_status status = RB_OK;
    int count = rb_matrix_runs(o, m), n = 0;
    rb_row *rows = calloc((size_t)(count > 0 ? count : 1), sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", count);
    for (int i = 0; i < m->n; i++) {
        if (m->items[i].study)
            RB_TRY(rb_study_rows(o, &m->items[i], rows, &n));
        else
            rb_item_row(&m->items[i], NULL, &rows[n++]);
    }
    RB_TRY(rb_print_rows(stdout, format, rows, n, columns, sizeof columns / sizeof *columns));
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    return status;
}

int rb_matrix_runs(const rb_options *o, const rb_matrix *m) {
    int n = 0;
    for (int i = 0; i < m->n; i++) n += m->items[i].study ? rb_study_mine(o, &m->items[i]) : 1;
    return n;
}
