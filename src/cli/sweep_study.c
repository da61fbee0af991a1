/* sweep_study.c: a sweep that is no grid: its file becomes studies, one per case, with a strategy and axes.
 *
 *     {"cases": "size/mlp", "strategy": "bayes", "budget": 24,
 *      "axes": {"lr": {"low": 0.001, "high": 1, "log": true}, "batch": [64, 128, 256]}} */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sweep.h"
#include "core/text.h"

/* A key of an axis that is a number; `fallback` where it is absent. */
static rb_status read_number(const char *path, const cJSON *axis, const char *key, double fallback, double *out) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(axis, key);
    *out = fallback;
    if (!value) return RB_OK;
    if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble))
        return rb_fail(RB_INPUT, "%s: \"%s\" of axis \"%.60s\" must be a number", path, key, axis->string);
    *out = value->valuedouble;
    return RB_OK;
}

static rb_status read_switch(const char *path, const cJSON *axis, const char *key, bool *out) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(axis, key);
    *out = cJSON_IsTrue(value);
    if (value && !cJSON_IsBool(value))
        return rb_fail(RB_INPUT, "%s: \"%s\" of axis \"%.60s\" must be true or false", path, key, axis->string);
    return RB_OK;
}

/* {"low": 0.01, "high": 1, "log": true, "integer": false, "start": 0.1} */
static rb_status read_range(const char *path, const cJSON *json, rb_axis *axis) {
    static const char *const known[] = {"low", "high", "log", "integer", "start"};
    rb_status status = RB_OK;
    const cJSON *one;
    cJSON_ArrayForEach(one, json) {
        const char *near = rb_text_nearest(one->string, known, sizeof known / sizeof *known);
        if (near && !strcmp(near, one->string)) continue;
        return rb_fail(RB_INPUT, "%s: unknown key \"%.60s\" of axis \"%.60s\"; known: low, high, log, integer, start",
                       path, one->string, json->string);
    }
    RB_TRY(read_number(path, json, "low", NAN, &axis->low));
    RB_TRY(read_number(path, json, "high", NAN, &axis->high));
    RB_TRY(read_switch(path, json, "log", &axis->log));
    RB_TRY(read_switch(path, json, "integer", &axis->integer));
    if (!(axis->low < axis->high))
        return rb_fail(RB_INPUT, "%s: axis \"%.60s\" needs \"low\" and a \"high\" above it", path, json->string);
    if (axis->log && !(axis->low > 0))
        return rb_fail(RB_INPUT, "%s: axis \"%.60s\" is logarithmic: its \"low\" must be above 0", path, json->string);
    double middle = axis->log ? sqrt(axis->low * axis->high) : (axis->low + axis->high) / 2;
    RB_TRY(read_number(path, json, "start", middle, &axis->start));
    if (!(axis->start >= axis->low && axis->start <= axis->high))
        return rb_fail(RB_INPUT, "%s: \"start\" of axis \"%.60s\" must lie from low to high", path, json->string);
cleanup:
    return status;
}

static rb_status read_axes(const char *path, const cJSON *json, rb_sweep_studies *out) {
    rb_status status = RB_OK;
    rb_text text = {0};
    const cJSON *one;
    int n = 0;
    if (!cJSON_IsObject(json) || !json->child)
        return rb_fail(RB_INPUT,
                       "%s: \"axes\" must be an object {\"lr\": {\"low\": 0.01, \"high\": 1}, \"batch\": [64]}", path);
    cJSON_ArrayForEach(one, json) {
        if (n == RB_STUDY_AXES) {
            status = rb_fail(RB_INPUT, "%s: more than %d axes", path, RB_STUDY_AXES);
            goto cleanup;
        }
        rb_axis *axis = &out->axes[n];
        axis->name = one->string;
        for (int a = 0; a < n; a++)
            if (!strcmp(out->axes[a].name, axis->name)) {
                status = rb_fail(RB_INPUT, "%s: two axes \"%.60s\"", path, axis->name);
                goto cleanup;
            }
        if (cJSON_IsObject(one)) {
            RB_TRY(read_range(path, one, axis));
        } else {
            rb_text_clear(&text);
            RB_TRY(rb_sweep_text(path, one, axis->name, &text));
            axis->values = out->values[n] = strdup(text.data);
            if (!axis->values) status = rb_fail(RB_MEMORY, "out of memory for the axes of %s", path);
            RB_TRY(status);
        }
        n++;
    }
cleanup:
    rb_text_free(&text);
    return status;
}

/* Every parameter is one of the case's, and both ends of its range, or all its values, are possible. */
static rb_status check_axes(const char *path, const rb_case *c, const rb_axis *axes) {
    rb_status status = RB_OK;
    char text[32];
    rb_case_edit *edit = malloc(sizeof *edit);
    if (!edit) return rb_fail(RB_MEMORY, "out of memory for a case");
    bool optimizer = false; /* where it varies too, only the runs tell what goes with what */
    for (const rb_axis *axis = axes; axis->name; axis++) optimizer |= !strcmp(axis->name, "optimizer");
    for (const rb_axis *axis = axes; axis->name; axis++) {
        int tries = 2;
        for (const char *v = axis->values; v && *v; v++) tries += *v == ',';
        for (int i = 0; i < tries; i++) {
            rb_axis_text(axis, i / (tries - 1.0), text);
            RB_TRY(rb_case_edit_begin(edit, c));
            status = rb_case_edit_set(edit, axis->name, text);
            if (status == RB_OK && !optimizer) status = rb_case_edit_check(edit);
            if (status == RB_OK) continue;
            char why[1024];
            snprintf(why, sizeof why, "%s", rb_error_last() ? rb_error_last()->text : "");
            rb_error_clear();
            status = rb_fail(RB_INPUT, "%s, axis \"%.60s\": %s", path, axis->name, why);
            goto cleanup;
        }
    }
cleanup:
    free(edit);
    return status;
}

static rb_status add_study(const char *path, const rb_case *c, rb_study_kind kind, int budget, rb_sweep_studies *out) {
    rb_status status = RB_OK;
    for (int i = 0; i < out->n; i++)
        if (out->list[i].base == c->name) return RB_OK;
    char *name = out->names[out->n];
    int length = snprintf(name, sizeof *out->names, "%s-%s", c->name, rb_study_kind_name(kind));
    if (length > 80 || rb_study_find(name)) /* a run's name adds its number */
        return rb_fail(RB_INPUT, "%s: a sweep of %s would be called %s, which is %s", path, c->name, name,
                       length > 80 ? "too long" : "a study of a lab: `regbench run` takes it");
    RB_TRY(check_axes(path, c, out->axes));
    out->list[out->n++] = (rb_study){.name = name,
                                     .title = "from a configuration file",
                                     .kind = kind,
                                     .base = c->name,
                                     .axes = out->axes,
                                     .budget = budget};
cleanup:
    return status;
}

/* A study for each case of a comma list of names and globs. */
static rb_status add_studies(const char *path, char *cases, rb_study_kind kind, int budget, rb_sweep_studies *out) {
    rb_status status = RB_OK;
    size_t all = 0;
    const rb_case *c;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (c = (*lab)->cases; c->name; c++) all++;
    out->list = calloc(all + 1, sizeof *out->list);
    out->names = calloc(all + 1, sizeof *out->names);
    if (!out->list || !out->names) return rb_fail(RB_MEMORY, "out of memory for the studies of %s", path);
    for (char *save = NULL, *name = strtok_r(cases, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        int before = out->n;
        if (!strpbrk(name, "*?[")) {
            RB_TRY(rb_case_find(name, &c));
            RB_TRY(add_study(path, c, kind, budget, out));
            continue;
        }
        for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
            for (c = (*lab)->cases; c->name; c++)
                if (fnmatch(name, c->name, 0) == 0) RB_TRY(add_study(path, c, kind, budget, out));
        if (out->n == before) {
            status = rb_fail(RB_INPUT, "%s: \"%.60s\" matches no case; `regbench list` shows all", path, name);
            goto cleanup;
        }
    }
cleanup:
    return status;
}

static rb_status find_kind(const char *path, const cJSON *strategy, rb_study_kind *kind) {
    *kind = RB_STUDY_GRID;
    if (!strategy) return RB_OK;
    for (int k = RB_STUDY_GRID; k < RB_STUDY_KINDS && cJSON_IsString(strategy); k++)
        if (!strcmp(strategy->valuestring, rb_study_kind_name((rb_study_kind)k))) {
            *kind = (rb_study_kind)k;
            return RB_OK;
        }
    return rb_fail(RB_INPUT, "%s: \"strategy\" must be \"grid\", \"random\", \"coordinate\" or \"bayes\"", path);
}

rb_status rb_sweep_studies_read(const rb_options *o, const char *path, const cJSON *json, rb_sweep_studies *out) {
    rb_status status = RB_OK;
    rb_text cases = {0};
    rb_study_kind kind;
    const cJSON *axes = cJSON_GetObjectItemCaseSensitive(json, "axes");
    const cJSON *budget = cJSON_GetObjectItemCaseSensitive(json, "budget");
    memset(out, 0, sizeof *out);
    RB_TRY(find_kind(path, cJSON_GetObjectItemCaseSensitive(json, "strategy"), &kind));
    if (kind == RB_STUDY_GRID) {
        if (axes || budget || rb_given(o, RB_FLAG_BUDGET))
            status = rb_fail(RB_INPUT, "%s: a grid has no %s: lists in \"flags\" and \"set\" multiply, all are run",
                             path, axes ? "\"axes\"" : "budget");
        goto cleanup;
    }
    if (budget && !(cJSON_IsNumber(budget) && budget->valuedouble >= 1 && budget->valuedouble <= 10000 &&
                    budget->valuedouble == floor(budget->valuedouble))) {
        status = rb_fail(RB_INPUT, "%s: \"budget\" must be a number of runs from 1 to 10000", path);
        goto cleanup;
    }
    if (!budget && !rb_given(o, RB_FLAG_BUDGET)) {
        status = rb_fail(RB_INPUT, "%s: \"%s\" wants a \"budget\", the number of runs, or --budget", path,
                         rb_study_kind_name(kind));
        goto cleanup;
    }
    RB_TRY(read_axes(path, axes, out));
    RB_TRY(rb_sweep_text(path, cJSON_GetObjectItemCaseSensitive(json, "cases"), "cases", &cases));
    RB_TRY(add_studies(path, cases.data, kind, budget ? (int)budget->valuedouble : 0, out));
cleanup:
    rb_text_free(&cases);
    if (status != RB_OK) rb_sweep_studies_free(out);
    return status;
}

void rb_sweep_studies_free(rb_sweep_studies *studies) {
    free(studies->list);
    free(studies->names);
    for (int i = 0; i < RB_STUDY_AXES; i++) free(studies->values[i]);
    memset(studies, 0, sizeof *studies);
}
