/* study.c: studies by name, their runs by name and number, and texts for places in the unit cube. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/strategy.h"

static const struct {
    const char *name;
    rb__strategy *next;
} strategies[RB_STUDY_KINDS] = {
    [RB_STUDY_LIST] = {"list", rb__grid_next},       [RB_STUDY_GRID] = {"grid", rb__grid_next},
    [RB_STUDY_RANDOM] = {"random", rb__random_next}, [RB_STUDY_COORDINATE] = {"coordinate", rb__coordinate_next},
#ifdef REGBENCH_HAVE_GSL
    [RB_STUDY_BAYES] = {"bayes", rb__bayes_next},
#else
    [RB_STUDY_BAYES] = {"bayes", NULL},
#endif
};

const char *rb_study_kind_name(rb_study_kind kind) { return strategies[kind].name; }

static const rb_study *added; /* rb_studies_add */

void rb_studies_add(const rb_study *list) { added = list; }

/* Lists of studies, lab by lab; the added ones come last. NULL after them. */
static const rb_study *list_at(int i) {
    const rb_lab *const *labs = rb_labs();
    static const rb_study none = {0};
    for (int k = 0; labs[k]; k++)
        if (k == i) return labs[k]->studies ? labs[k]->studies : &none;
    int n = 0;
    while (labs[n]) n++;
    return i == n ? added : NULL;
}

const rb_study *rb_study_find(const char *name) {
    const rb_study *list;
    for (int i = 0; (list = list_at(i)); i++)
        for (const rb_study *s = list; s->name; s++)
            if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

const rb_study *rb_study_of_run(const char *name) {
    const rb_study *found = NULL, *list;
    size_t longest = 0;
    for (int i = 0; (list = list_at(i)); i++)
        for (const rb_study *s = list; s->name; s++) {
            size_t n = strlen(s->name);
            if (s->kind == RB_STUDY_LIST || n <= longest || strncmp(s->name, name, n) != 0 || name[n] != '-') continue;
            found = s;
            longest = n;
        }
    return found;
}

bool rb_study_base_of_run(const char *run, char base[96]) {
    const char *number = strrchr(run, '-');
    if (!number || !number[1] || number[1 + strspn(number + 1, "0123456789")]) return false;
    for (int kind = RB_STUDY_RANDOM; kind < RB_STUDY_KINDS; kind++) {
        size_t n = strlen(strategies[kind].name), length = (size_t)(number - run);
        if (length < n + 2 || length - n - 1 >= 96) continue;
        if (run[length - n - 1] != '-' || strncmp(number - n, strategies[kind].name, n) != 0) continue;
        snprintf(base, 96, "%.*s", (int)(length - n - 1), run);
        return true;
    }
    return false;
}

int rb_study_axes(const rb_study *s) {
    int n = 0;
    while (s->axes && s->axes[n].name) n++;
    return n;
}

bool rb_study_foreseen(const rb_study *s) { return s->kind == RB_STUDY_LIST || s->kind == RB_STUDY_GRID; }

bool rb_study_independent(const rb_study *s) { return s->kind != RB_STUDY_COORDINATE && s->kind != RB_STUDY_BAYES; }

int rb__axis_values(const rb_axis *axis) {
    int n = 1;
    for (const char *c = axis->values; *c; c++) n += *c == ',';
    return n;
}

int rb_study_runs(const rb_study *s, int budget) {
    int all = 1;
    if (!rb_study_foreseen(s)) return budget > 0 ? budget : s->budget;
    if (s->kind == RB_STUDY_LIST)
        for (all = 0; s->cases[all];) all++;
    for (int a = 0; a < rb_study_axes(s); a++) all *= rb__axis_values(&s->axes[a]);
    return budget > 0 && budget < all ? budget : all;
}

/* --- places ---------------------------------------------------------------------------------------------------------
 */

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

double rb_axis_text(const rb_axis *axis, double at, char text[32]) {
    double low = axis->low, high = axis->high;
    at = clamp(at, 0, 1);
    if (axis->values) { /* each value has its share of the unit interval, and stands in the middle of it */
        int n = rb__axis_values(axis), index = (int)fmin(at * n, n - 1);
        const char *value = axis->values;
        for (int i = 0; i < index; i++) value = strchr(value, ',') + 1;
        snprintf(text, 32, "%.*s", (int)strcspn(value, ","), value);
        return (index + 0.5) / n;
    }
    double value = axis->log ? low * pow(high / low, at) : low + (high - low) * at;
    if (axis->integer)
        snprintf(text, 32, "%.0f", clamp(round(value), low, high));
    else
        snprintf(text, 32, "%.3g", value); /* what people can read and type again */
    value = clamp(strtod(text, NULL), low, high);
    return clamp(axis->log ? log(value / low) / log(high / low) : (value - low) / (high - low), 0, 1);
}

void rb__study_snap(const rb_study *s, double *at) {
    char text[32];
    for (int a = 0; a < rb_study_axes(s); a++) at[a] = rb_axis_text(&s->axes[a], at[a], text);
}

bool rb__study_tried(const rb_trial *trials, int n, const double *at, int axes) {
    for (int i = 0; i < n; i++) {
        int a = 0;
        while (a < axes && fabs(trials[i].at[a] - at[a]) < 1e-9) a++;
        if (a == axes) return true;
    }
    return false;
}

rb_status rb_study_next(const rb_study *s, int budget, uint64_t seed, const rb_trial *trials, int n, double *at,
                        bool *done) {
    int runs = rb_study_runs(s, budget);
    rb__strategy *next = strategies[s->kind].next;
    if (runs < 1) return rb_fail(RB_USAGE, "%s has a budget of %d runs: at least 1 is needed", s->name, runs);
    if (!next)
        return rb_fail(RB_USAGE,
                       "%s wants the strategy %s, but this regbench was built without GSL (Debian: libgsl-dev)",
                       s->name, strategies[s->kind].name);
    *done = n >= runs;
    if (*done) return RB_OK;
    rb_status status = next(s, runs, seed, trials, n, at, done);
    if (status == RB_OK && !*done) rb__study_snap(s, at);
    return status;
}

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

/* "cnn/grid-lr0.1-b256", or by number where the parameters are many digits: "animals/tune-bayes-07". */
static void name_run(const rb_study *s, int trial, const double *at, char *name, size_t size) {
    char text[32];
    int n = snprintf(name, size, "%s", s->name);
    if (s->kind != RB_STUDY_GRID) snprintf(name + n, size - (size_t)n, "-%02d", trial + 1);
    for (int a = 0; s->kind == RB_STUDY_GRID && a < rb_study_axes(s) && n < (int)size; a++) {
        const rb_axis *axis = &s->axes[a];
        rb_axis_text(axis, at[a], text);
        n += snprintf(name + n, size - (size_t)n, "-%s%s", axis->label ? axis->label : axis->name, text);
    }
}

rb_status rb_study_apply(const rb_study *s, int trial, const double *at, rb_case_edit *edit, char *parameters) {
    rb_status status = RB_OK;
    char text[32], name[160];
    int n = 0;
    if (parameters) parameters[0] = '\0';
    if (s->kind == RB_STUDY_LIST) return RB_OK;
    for (int a = 0; a < rb_study_axes(s); a++) {
        rb_axis_text(&s->axes[a], at[a], text);
        RB_TRY(rb_case_edit_set(edit, s->axes[a].name, text));
        if (parameters && n < RB_STUDY_PARAMETERS)
            n += snprintf(parameters + n, (size_t)(RB_STUDY_PARAMETERS - n), "%s%s=%s", a ? " " : "", s->axes[a].name,
                          text);
    }
    RB_TRY(rb_case_edit_check(edit));
    name_run(s, trial, at, name, sizeof name);
    RB_TRY(rb_case_edit_rename(edit, name));
cleanup:
    return status;
}

bool rb_study_run_find(const rb_study *s, const char *name, int *trial, double *at) {
    char candidate[160];
    bool done = s->kind != RB_STUDY_GRID;
    for (int i = 0; !done; i++) {
        if (rb_study_next(s, 0, 0, NULL, i, at, &done) != RB_OK || done) return false;
        name_run(s, i, at, candidate, sizeof candidate);
        *trial = i;
        if (strcmp(candidate, name) == 0) return true;
    }
    return false;
}
