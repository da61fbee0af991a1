/* cases.c: names and globs on the command line become cases, studies and runs of studies. */
#include "cli/cases.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/study_runs.h"

static rb_status add_entry(rb_case_list *list, const rb_case *c, const rb_study *study, int run) {
    size_t n = (size_t)list->n + 1;
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == c && list->study[i] == study && list->run[i] == run) return RB_OK;
    const rb_case **at = realloc(list->at, n * sizeof *at);
    if (at) list->at = at;
    const rb_study **studies = realloc(list->study, n * sizeof *studies);
    if (studies) list->study = studies;
    int *runs = realloc(list->run, n * sizeof *runs);
    if (runs) list->run = runs;
    if (!at || !studies || !runs) return rb_fail(RB_MEMORY, "out of memory for the list of cases");
    list->at[list->n] = c;
    list->study[list->n] = study;
    list->run[list->n++] = run;
    return RB_OK;
}

/* A study, or the run of it with this number. */
static rb_status add_study(rb_case_list *list, const rb_study *s, int run) {
    rb_status status = RB_OK;
    const rb_case *base;
    RB_TRY(rb_case_find(s->kind == RB_STUDY_LIST ? s->cases[0] : s->base, &base));
    RB_TRY(add_entry(list, base, s, run));
cleanup:
    return status;
}

static bool takes_studies(const rb_options *o) { return o->verb == RB_VERB_run || o->verb == RB_VERB_list; }

static rb_status add_matches(const rb_options *o, rb_case_list *list, const char *glob) {
    rb_status status = RB_OK;
    bool found = false;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++) {
        for (const rb_case *c = (*lab)->cases; c->name; c++) {
            if (fnmatch(glob, c->name, 0) != 0) continue;
            found = true;
            RB_TRY(add_entry(list, c, NULL, -1));
        }
        for (const rb_study *s = takes_studies(o) ? (*lab)->studies : NULL; s && s->name; s++) {
            if (fnmatch(glob, s->name, 0) != 0) continue;
            found = true;
            RB_TRY(add_study(list, s, -1));
        }
    }
    if (!found) status = rb_fail(RB_USAGE, "\"%s\" matches no case; `regbench list` shows all", glob);
cleanup:
    return status;
}

/* A case, a study, or one run of a study. */
static rb_status add_name(const rb_options *o, rb_case_list *list, const char *name) {
    rb_status status = RB_OK;
    const rb_study *study = rb_study_find(name);
    const rb_case *c;
    int run = -1;
    bool exact = rb_case_find(name, &c) == RB_OK;
    if (exact) return add_entry(list, c, NULL, -1);
    if (!study) {
        study = rb_study_of_run(name);
        if (!study) return RB_USAGE; /* rb_case_find has said why */
        rb_error_clear();
        RB_TRY(rb_study_run_named(study, name, &run));
    }
    rb_error_clear();
    if (!takes_studies(o))
        status = rb_fail(
            RB_USAGE, "%s is %s study: `regbench %s` takes its base case, %s, with --set for its parameters", name,
            run < 0 ? "a" : "a run of a", rb_verb_name(o->verb), study->base ? study->base : study->cases[0]);
    else
        RB_TRY(add_study(list, study, run));
cleanup:
    return status;
}

rb_status rb_cases_match(const rb_options *o, bool all_if_none, rb_case_list *out) {
    rb_status status = RB_OK;
    memset(out, 0, sizeof *out);
    if (o->names.n == 0) {
        if (all_if_none) return add_matches(o, out, "*");
        return rb_fail(RB_USAGE, "`regbench %s` needs a case, as in: regbench %s size/mlp; `regbench list` shows all",
                       rb_verb_name(o->verb), rb_verb_name(o->verb));
    }
    for (int i = 0; i < o->names.n; i++)
        RB_TRY(strpbrk(o->names.at[i], "*?[") ? add_matches(o, out, o->names.at[i]) : add_name(o, out, o->names.at[i]));
cleanup:
    return status;
}

void rb_cases_free(rb_case_list *list) {
    free(list->at);
    free(list->study);
    free(list->run);
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
