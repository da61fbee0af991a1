/* matrix.c: names, globs and overrides become a list of items. */
#include "cli/matrix.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/devices.h"
#include "cli/foresee.h"
#include "cli/shard.h"

/* A product beyond this is a typing error. */
enum { MOST_ITEMS = 10000, MOST_AXES = 48 };

/* --- cases ----------------------------------------------------------------------------------------------------------
 */

static rb_status add_case(rb_case_list *list, const rb_case *c) {
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == c) return RB_OK;
    const rb_case **at = realloc(list->at, (size_t)(list->n + 1) * sizeof *at);
    if (!at) return rb_fail(RB_MEMORY, "out of memory for the list of cases");
    list->at = at;
    list->at[list->n++] = c;
    return RB_OK;
}

static rb_status add_matches(rb_case_list *list, const char *glob) {
    rb_status status = RB_OK;
    bool found = false;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++) {
            if (fnmatch(glob, c->name, 0) != 0) continue;
            found = true;
            RB_TRY(add_case(list, c));
        }
    if (!found) status = rb_fail(RB_USAGE, "\"%s\" matches no case; `regbench list` shows all", glob);
cleanup:
    return status;
}

rb_status rb_cases_match(const rb_options *o, bool all_if_none, rb_case_list *out) {
    rb_status status = RB_OK;
    memset(out, 0, sizeof *out);
    if (o->names.n == 0) {
        if (all_if_none) return add_matches(out, "*");
        return rb_fail(RB_USAGE, "`regbench %s` needs a case, as in: regbench %s size/mlp; `regbench list` shows all",
                       rb_verb_name(o->verb), rb_verb_name(o->verb));
    }
    for (int i = 0; i < o->names.n; i++) {
        const rb_case *c;
        if (strpbrk(o->names.at[i], "*?[")) {
            RB_TRY(add_matches(out, o->names.at[i]));
        } else {
            RB_TRY(rb_case_find(o->names.at[i], &c));
            RB_TRY(add_case(out, c));
        }
    }
cleanup:
    return status;
}

void rb_cases_free(rb_case_list *list) {
    free(list->at);
    memset(list, 0, sizeof *list);
}

rb_status rb_cases_one(const rb_options *o, const rb_case **out) {
    rb_case_list list = {0};
    rb_status status = RB_OK;
    RB_TRY(rb_cases_match(o, false, &list));
    if (list.n != 1)
        status = rb_fail(RB_USAGE, "`regbench %s` takes one case, these are %d", rb_verb_name(o->verb), list.n);
    else
        *out = list.at[0];
cleanup:
    rb_cases_free(&list);
    return status;
}

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
                                    RB_FLAG_TRAIN_SIZE, RB_FLAG_VALID_SIZE,   RB_FLAG_DATASET,  RB_FLAG_BATCH};

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

rb_status rb_matrix_edits(const rb_options *o, const rb_case_list *cases, rb_matrix *out) {
    rb_status status = RB_OK;
    axis axes[MOST_AXES] = {0};
    int n = 0;
    int64_t count = cases->n;
    RB_TRY(collect_axes(o, axes, &n));
    for (int a = 0; a < n && count <= MOST_ITEMS; a++) count *= axes[a].values.n;
    if (count > MOST_ITEMS) {
        status = rb_fail(RB_USAGE, "more than %d combinations of cases and overrides", MOST_ITEMS);
        goto cleanup;
    }
    out->edits = calloc((size_t)count, sizeof *out->edits); /* in place: an edit points into itself */
    if (!out->edits) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld edited cases", (long long)count);
        goto cleanup;
    }
    for (int c = 0; c < cases->n; c++) {
        do {
            rb_case_edit *edit = &out->edits[out->n_edits++];
            RB_TRY(rb_case_edit_begin(edit, cases->at[c]));
            for (int a = 0; a < n; a++) RB_TRY(rb_case_edit_set(edit, axes[a].name, axes[a].values.at[axes[a].at]));
        } while (turn(axes, n));
    }
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
    for (int e = 0; e < out->n_edits; e++) {
        rb_item item = {.edit = &out->edits[e], .limits = out->limits};
        RB_TRY(rb_foresee_case(o, &item.edit->c, &item.dataset, &item.mflop));
        for (int d = 0; d < out->devices.n; d++)
            for (int s = 0; s < seeds->n; s++) {
                item.device = out->devices.at[d];
                item.seed = strtoll(seeds->at[s], NULL, 10);
                out->items[out->n++] = item;
            }
    }
    RB_TRY(rb_shard_keep(o, out));
    if (!rb_given(o, RB_FLAG_DRY_RUN)) RB_TRY(rb_foresee_devices(o, &out->devices));
cleanup:
    rb_cases_free(&cases);
    return status;
}

void rb_matrix_free(rb_matrix *m) {
    free(m->edits);
    free(m->items);
    rb_words_free(&m->devices);
    rb_words_free(&m->seeds);
    memset(m, 0, sizeof *m);
}

rb_status rb_matrix_print(const rb_matrix *m, rb_format format) {
    static const int columns[] = {RB_COL(runs, case),     RB_COL(runs, device_key), RB_COL(runs, dataset),
                                  RB_COL(runs, model),    RB_COL(runs, batch_size), RB_COL(runs, seed),
                                  RB_COL(runs, overrides)};
    rb_row *rows = calloc((size_t)(m->n > 0 ? m->n : 1), sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", m->n);
    for (int i = 0; i < m->n; i++) rb_item_row(&m->items[i], NULL, &rows[i]);
    rb_status status = rb_print_rows(stdout, format, rows, m->n, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < m->n; i++) rb_row_end(&rows[i]);
    free(rows);
    return status;
}

/* The regularizers of a case in words, for people who read the CSV. */
static void describe_regularizers(const rb_case *c, char *out, size_t size, float *dropout, bool *batchnorm) {
    int n = 0;
    out[0] = '\0';
    *dropout = 0;
    *batchnorm = false;
    for (const rb_layer *l = c->layers; l->kind != RB_LAYER_END; l++) {
        if (l->kind == RB_LAYER_DROPOUT && l->p > *dropout) *dropout = l->p;
        if (l->kind == RB_LAYER_BATCHNORM) *batchnorm = true;
    }
    const struct {
        bool used;
        const char *word;
    } parts[] = {{c->l1 > 0, "l1"},
                 {c->l2 > 0, "l2"},
                 {c->weight_decay > 0, "weight-decay"},
                 {*dropout > 0, "dropout"},
                 {c->stop.kind != RB_STOP_NEVER, "early-stop"},
                 {*batchnorm, "batchnorm"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].used && n < (int)size)
            n += snprintf(out + n, size - (size_t)n, "%s%s", n ? " " : "", parts[i].word);
}

/* Overrides and limits, separated by blanks. */
static void describe_changes(const rb_item *item, char *out, size_t size) {
    const char *limits = item->limits ? item->limits : "", *edits = item->edit->overrides;
    snprintf(out, size, "%s%s%s", edits, edits[0] && limits[0] ? " " : "", limits);
}

void rb_item_row(const rb_item *item, const char *phase, rb_row *row) {
    const rb_case *c = &item->edit->c;
    char reg[96], backend[32], changes[600], stop[48];
    float dropout;
    bool batchnorm;
    rb_row_begin(row, RB_TABLE_runs);
    describe_changes(item, changes, sizeof changes);
    describe_regularizers(c, reg, sizeof reg, &dropout, &batchnorm);
    snprintf(backend, sizeof backend, "%.*s", (int)strcspn(item->device, ":"), item->device);
    rb_row_text(row, RB_COL(runs, case), c->name);
    rb_row_text(row, RB_COL(runs, device_key), item->device);
    rb_row_text(row, RB_COL(runs, backend), backend);
    rb_row_text(row, RB_COL(runs, dataset), item->dataset ? item->dataset : c->dataset);
    rb_row_text(row, RB_COL(runs, model), c->model);
    rb_row_text(row, RB_COL(runs, reg), reg[0] ? reg : NULL);
    rb_row_text(row, RB_COL(runs, overrides), changes);
    rb_row_text(row, RB_COL(runs, precision), "fp32");
    rb_row_int(row, RB_COL(runs, ranks), 1);
    rb_row_int(row, RB_COL(runs, batch_size), c->batch);
    rb_row_text(row, RB_COL(runs, optimizer), c->optimizer == RB_ADAM ? "adam" : "sgd");
    rb_row_float(row, RB_COL(runs, lr), c->lr);
    if (c->optimizer == RB_SGD) rb_row_float(row, RB_COL(runs, momentum), c->momentum);
    rb_row_float(row, RB_COL(runs, weight_decay), c->weight_decay);
    rb_row_float(row, RB_COL(runs, l1), c->l1);
    rb_row_float(row, RB_COL(runs, l2), c->l2);
    rb_row_float(row, RB_COL(runs, dropout_p), dropout);
    rb_row_int(row, RB_COL(runs, batchnorm), batchnorm);
    rb_stop_describe(&c->stop, stop);
    rb_row_text(row, RB_COL(runs, early_stop), stop[0] ? stop : NULL);
    if (c->label_noise > 0) rb_row_float(row, RB_COL(runs, label_noise), c->label_noise);
    rb_row_int(row, RB_COL(runs, seed), item->seed);
    rb_row_text(row, RB_COL(runs, phase), phase);
}

void rb_item_label(const rb_item *item, char *out, size_t size) {
    char changes[600];
    describe_changes(item, changes, sizeof changes);
    snprintf(out, size, "%s on %s, seed %lld%s%s", item->edit->c.name, item->device, (long long)item->seed,
             changes[0] ? ", " : "", changes);
}
