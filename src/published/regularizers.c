/* regularizers.c: the table of effects: what `regbench effects` says of the sets, and in which lines the runs stand. */
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"
#include "report/effects.h"

/* "case overrides precision", as table effects names arms. */
static bool is_arm(const rb_row *run, const char *arm) {
    const char *overrides = rb__cell(run, RB_COL(runs, overrides)), *precision = rb__cell(run, RB_COL(runs, precision));
    bool usual = !*precision || !strcmp(precision, "fp32"); /* needs no word */
    rb_text name = {0};
    rb_text_printf(&name, "%s%s%s%s%s", rb__cell(run, RB_COL(runs, case)), *overrides ? " " : "", overrides,
                   usual ? "" : " ", usual ? "" : precision);
    bool same = !strcmp(rb_text_string(&name), arm);
    rb_text_free(&name);
    return same;
}

static bool counts(const rb_row *run) {
    const char *status = rb__cell(run, RB_COL(runs, status));
    return !strcmp(rb__cell(run, RB_COL(runs, phase)), "run") &&
           (!strcmp(status, "ok") || !strcmp(status, "unexpected"));
}

static rb_status set_lines(const rb_published_file *file, const rb_row *effect, int arm, int column, rb_row *row) {
    rb_text text = {0};
    int *lines = malloc(((size_t)file->n + 1) * sizeof *lines), n = 0;
    if (!lines) return rb_fail(RB_MEMORY, "out of memory for %d lines", file->n);
    for (int i = 0; i < file->n; i++)
        if (counts(&file->rows[i]) && is_arm(&file->rows[i], rb__cell(effect, arm)) &&
            !strcmp(rb__cell(&file->rows[i], RB_COL(runs, machine)), rb__cell(effect, RB_COL(effects, machine))) &&
            !strcmp(rb__cell(&file->rows[i], RB_COL(runs, device_key)), rb__cell(effect, RB_COL(effects, device_key))))
            lines[n++] = i + 2;
    rb__lines(lines, n, &text);
    rb_row_text(row, column, rb_text_string(&text));
    free(lines);
    rb_text_free(&text);
    return RB_OK;
}

static rb_status add(const rb_published_set *set, const rb_published_file *file, const rb_row *effect, rb__list *list) {
    static const rb_cell_copy same[] = {
        RB_COPY(result_regularizers, effects, arm),        RB_COPY(result_regularizers, effects, base),
        RB_COPY(result_regularizers, effects, reg),        RB_COPY(result_regularizers, effects, machine),
        RB_COPY(result_regularizers, effects, device_key), RB_COPY(result_regularizers, effects, figure),
        RB_COPY(result_regularizers, effects, verdict),    RB_COPY(result_regularizers, effects, note),
        RB_COPY(result_regularizers, effects, pairs),      RB_COPY(result_regularizers, effects, base_mean),
        RB_COPY(result_regularizers, effects, arm_mean),   RB_COPY(result_regularizers, effects, change),
        RB_COPY(result_regularizers, effects, low),        RB_COPY(result_regularizers, effects, high)};
    rb_status status = RB_OK;
    rb_row *row = rb__list_next(list, RB_TABLE_result_regularizers);
    if (!row) return RB_MEMORY;
    rb_row_copy_cells(effect, row, same, sizeof same / sizeof *same);
    rb_row_text(row, RB_COL(result_regularizers, set_name), set->name);
    rb_row_text(row, RB_COL(result_regularizers, file), file->name);
    RB_TRY(set_lines(file, effect, RB_COL(effects, arm), RB_COL(result_regularizers, lines), row));
    RB_TRY(set_lines(file, effect, RB_COL(effects, base), RB_COL(result_regularizers, base_lines), row));
cleanup:
    return status;
}

/* One session of a set. */
static rb_status add_file(const rb_published_set *set, const rb_published_file *file, const rb_published_choice *choice,
                          rb__list *list) {
    rb_status status = RB_OK;
    rb_effect_runs runs = {0};
    rb_row *effects = NULL;
    int n = 0;
    RB_TRY(rb_effects_read(file->path, &runs));
    status = rb_effects_rows(&runs, NULL, &effects, &n);
    if (status == RB_USAGE) { /* nothing to compare */
        rb_error_clear();
        status = RB_OK;
    }
    for (int i = 0; i < n && status == RB_OK; i++) {
        char name[64];
        const char *arm = rb__cell(&effects[i], RB_COL(effects, arm));
        snprintf(name, sizeof name, "%.*s", (int)strcspn(arm, " "), arm);
        if (rb__number(&effects[i], RB_COL(effects, pairs)) > 0 && rb_published_chosen(choice->cases, name) &&
            rb_published_chosen(choice->machines, rb__cell(&effects[i], RB_COL(effects, machine))))
            status = add(set, file, &effects[i], list);
    }
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&effects[i]);
    free(effects);
    rb_effects_free(&runs);
    return status;
}

static bool has_runs(const rb_published_file *file) {
    if (file->table != RB_TABLE_runs || file->trouble || strcmp(strrchr(file->path, '/') + 1, "runs.csv") != 0)
        return false;
    for (int i = 0; i < file->n; i++)
        if (counts(&file->rows[i])) return true;
    return false;
}

/* What a regularizer changes is no matter of the machine: seeds draw the same on every one. */
static bool same_figure(const rb_row *a, const rb_row *b) {
    return rb__same(a, b, RB_COL(result_regularizers, arm)) && rb__same(a, b, RB_COL(result_regularizers, base)) &&
           rb__same(a, b, RB_COL(result_regularizers, figure));
}

static const rb_published_set *set_named(const rb_published *p, const char *name) {
    for (int s = 0; s < p->n; s++)
        if (!strcmp(p->sets[s].name, name)) return &p->sets[s];
    return NULL;
}

/* Of the same figure in several sessions: the one with more pairs, then the newer one. */
static bool better(const rb_published *p, const rb_row *b, const rb_row *a, bool later) {
    double pa = rb__number(a, RB_COL(result_regularizers, pairs)),
           pb = rb__number(b, RB_COL(result_regularizers, pairs));
    if (pa != pb) return pb > pa;
    const rb_published_set *x = set_named(p, rb__cell(a, RB_COL(result_regularizers, set_name))),
                           *y = set_named(p, rb__cell(b, RB_COL(result_regularizers, set_name)));
    int newer = x && y ? strcmp(y->latest, x->latest) : 0;
    return newer ? newer > 0 : later;
}

rb_status rb_published_regularizers(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    rb__list list = {0};
    for (int s = 0; s < p->n; s++)
        for (int f = 0; f < p->sets[s].n && rb_published_chosen(choice->sets, p->sets[s].name); f++)
            if (has_runs(&p->sets[s].files[f])) RB_TRY(add_file(&p->sets[s], &p->sets[s].files[f], choice, &list));
    int kept = 0;
    for (int i = 0; i < list.n; i++) {
        bool beaten = false;
        for (int k = 0; k < list.n && !beaten; k++)
            beaten =
                k != i && same_figure(&list.rows[i], &list.rows[k]) && better(p, &list.rows[k], &list.rows[i], k > i);
        list.rows[i].cells[0].u.i = beaten ? 0 : RB_SCHEMA_VERSION; /* a mark: the comparisons need all rows */
    }
    for (int i = 0; i < list.n; i++) {
        rb_row row = list.rows[i];
        if (row.cells[0].u.i)
            list.rows[kept++] = row;
        else
            rb_row_end(&row);
    }
    list.n = kept;
cleanup:
    *rows = list.rows;
    *n = list.n;
    return status;
}
