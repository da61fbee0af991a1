/* machines.c: the table of machines whose results were sent in: who they are, and one speed of each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "published/internal.h"
#include "report/choices.h"

/* The cases that the headline is taken from, the first that a machine has: large enough to fill any device. */
static const char *const headlines[] = {"cnn/mnist", "size/mlp", "size/lenet"};

static int rank_of(const rb__group *g) {
    int n = (int)(sizeof headlines / sizeof *headlines), i = 0;
    while (i < n && strcmp(headlines[i], rb__cell(g->first, RB_COL(runs, case))) != 0) i++;
    return i;
}

static bool same_machine(const rb__group *a, const rb__group *b) {
    return rb__same(a->first, b->first, RB_COL(runs, machine)) &&
           rb__same(a->first, b->first, RB_COL(runs, device_key)) && rb__same(a->first, b->first, RB_COL(runs, device));
}

/* Its driver as env.csv of the set says; NULL. */
static const char *driver(const rb_published_set *set, const char *device_key) {
    char name[96];
    snprintf(name, sizeof name, "%s.driver", device_key);
    for (int f = 0; f < set->n; f++)
        for (int i = 0; set->files[f].table == RB_TABLE_env && i < set->files[f].n; i++)
            if (!strcmp(rb__cell(&set->files[f].rows[i], RB_COL(env, name)), name))
                return rb__cell(&set->files[f].rows[i], RB_COL(env, value));
    return NULL;
}

/* The largest that peaks.csv of the set says of the device; NaN. */
static double peak(const rb_published_set *set, const char *device_key) {
    double most = NAN;
    for (int f = 0; f < set->n; f++)
        for (int i = 0; set->files[f].table == RB_TABLE_peaks && i < set->files[f].n; i++)
            if (!strcmp(rb__cell(&set->files[f].rows[i], RB_COL(peaks, device_key)), device_key))
                most = fmax(most, rb__number(&set->files[f].rows[i], RB_COL(peaks, fma_gflop_per_s)));
    return most;
}

/* Nothing was asked of the device but what it does anyway: speeds that anybody gets. */
static bool is_usual(const rb__group *g) {
    rb_text choices = {0};
    rb_run_choices(g->first, &choices);
    bool usual =
        !choices.length && !*rb__cell(g->first, RB_COL(runs, quirks)) &&
        rb__usual_precision(rb__cell(g->first, RB_COL(runs, precision))) &&
        rb__usual_submit(rb__cell(g->first, RB_COL(runs, device_key)), rb__cell(g->first, RB_COL(runs, submit)));
    rb_text_free(&choices);
    return usual;
}

/* The group with which a machine's device is shown: of its newest set, by the headlines, then as it
 * works by itself, then with more processes. */
static bool better(const rb__group *b, const rb__group *a) {
    int newer = a->set == b->set ? 0 : strcmp(b->set->latest, a->set->latest);
    if (newer) return newer > 0;
    if (a->set != b->set) return b > a;
    if (rank_of(a) != rank_of(b)) return rank_of(b) < rank_of(a);
    if (is_usual(a) != is_usual(b)) return is_usual(b);
    return b->n != a->n ? b->n > a->n : b > a;
}

static bool is_own(const rb__group *g) { return !rb_run_is_peer(g->first); }

static bool stays(const rb__groups *all, const rb__group *g) {
    for (int i = 0; is_own(g) && i < all->n; i++) {
        const rb__group *other = &all->at[i];
        if (other != g && is_own(other) && same_machine(other, g) && better(other, g)) return false;
    }
    return is_own(g);
}

/* Cases and processes of the machine's device in the set. */
static void count(const rb__groups *all, const rb__group *g, int *cases, int *n) {
    *cases = *n = 0;
    for (int i = 0; i < all->n; i++) {
        const rb__group *other = &all->at[i];
        bool seen = false;
        if (!is_own(other) || other->set != g->set || !same_machine(other, g)) continue;
        for (int k = 0; k < i && !seen; k++)
            seen = is_own(&all->at[k]) && all->at[k].set == g->set && same_machine(&all->at[k], g) &&
                   rb__same(all->at[k].first, other->first, RB_COL(runs, case));
        *cases += !seen;
        *n += other->n;
    }
}

static void describe(const rb__groups *all, const rb__group *g, rb_row *row) {
    static const rb_cell_copy same[] = {RB_COPY(result_machines, runs, machine),
                                        RB_COPY(result_machines, runs, device_key),
                                        RB_COPY(result_machines, runs, device),
                                        RB_COPY(result_machines, runs, threads),
                                        RB_COPY(result_machines, runs, commit),
                                        RB_COPY(result_machines, runs, started_utc),
                                        {RB_COL(result_machines, headline_case), RB_COL(runs, case)}};
    rb_text lines = {0};
    int cases, n;
    const char *key = rb__cell(g->first, RB_COL(runs, device_key));
    rb_row_copy_cells(g->first, row, same, sizeof same / sizeof *same);
    count(all, g, &cases, &n);
    rb__lines(g->lines, g->n, &lines);
    double measured = peak(g->set, key);
    rb_row_text(row, RB_COL(result_machines, driver), driver(g->set, key));
    rb_row_int(row, RB_COL(result_machines, cases), cases);
    rb_row_int(row, RB_COL(result_machines, n), n);
    rb_row_real(row, RB_COL(result_machines, samples_per_s), rb_median(g->values, g->n));
    rb_row_real(row, RB_COL(result_machines, pct_peak_flops), g->pct_peak);
    rb_row_real(row, RB_COL(result_machines, fma_gflop_per_s), isfinite(measured) ? measured : g->peak);
    rb_row_text(row, RB_COL(result_machines, set_name), g->set->name);
    rb_row_text(row, RB_COL(result_machines, file), g->file->name);
    rb_row_text(row, RB_COL(result_machines, lines), rb_text_string(&lines));
    rb_text_free(&lines);
}

static int by_machine(const void *a, const void *b) {
    int order = strcmp(rb__cell(a, RB_COL(result_machines, machine)), rb__cell(b, RB_COL(result_machines, machine)));
    return order ? order
                 : strcmp(rb__cell(a, RB_COL(result_machines, device_key)),
                          rb__cell(b, RB_COL(result_machines, device_key)));
}

rb_status rb_published_machines(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    rb__groups all = {0};
    rb__list list = {0};
    RB_TRY(rb__groups_of(p, choice, &all));
    for (int i = 0; i < all.n; i++) {
        if (!stays(&all, &all.at[i])) continue;
        rb_row *row = rb__list_next(&list, RB_TABLE_result_machines);
        if (!row) {
            status = RB_MEMORY;
            goto cleanup;
        }
        describe(&all, &all.at[i], row);
    }
    if (list.n) qsort(list.rows, (size_t)list.n, sizeof *list.rows, by_machine);
cleanup:
    rb__groups_free(&all);
    *rows = list.rows;
    *n = list.n;
    return status;
}
