/* recorded.c: a session's CSV files as tables, groups of runs, and curves. */
#include "plot/recorded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "core/text.h"
#include "regbench/report.h"

static const char *const FILES[RB_SOURCES] = {"runs",   "epochs",  "steps", "outputs", "layers", "attacks",
                                              "trials", "effects", "ops",   "peaks",   "history"};

void rb_plot_plain(char *name) {
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=+-", *c)) *c = '-';
    if (*name == '.' || *name == '-') *name = '_'; /* neither hidden, nor a folder above, nor an option */
}

void rb_plot_name(const char *name, const char *device, const char *seed, const char *overrides, char out[128]) {
    enum { SHORT = 40 };
    char change[65] = "";
    if (strlen(overrides) <= SHORT)
        snprintf(change, sizeof change, "%s", overrides);
    else if (rb_sha256(overrides, strlen(overrides), change) == RB_OK)
        change[8] = '\0';
    snprintf(out, 128, "%.48s.%.16s%s%.20s%s%s", name, device, seed ? "." : "", seed ? seed : "", *change ? "." : "",
             change);
    for (char *c = out; *c; c++)
        if (*c == ' ') *c = '_';
    rb_plot_plain(out);
}

/* --- groups ---------------------------------------------------------------------------------------------------------
 */

static bool same(const rb_csv *runs, int a, int b, const char *column) {
    return strcmp(rb_csv_get(runs, a, column), rb_csv_get(runs, b, column)) == 0;
}

static bool several_devices(const rb_csv *runs) {
    for (int i = 1; i < runs->n_rows; i++)
        if (!same(runs, 0, i, "device_key")) return true;
    return false;
}

static rb_status new_group(rb_recorded *r, int row, bool device) {
    const rb_csv *runs = &r->csv[RB_FROM_RUNS];
    const char *overrides = rb_csv_get(runs, row, "overrides");
    rb_group *more = realloc(r->groups, (size_t)(r->n_groups + 1) * sizeof *more);
    if (!more) return rb_fail(RB_MEMORY, "out of memory for the runs of a session");
    r->groups = more;
    rb_group *g = &r->groups[r->n_groups++];
    *g = (rb_group){.first = row, .name = rb_csv_get(runs, row, "case")};
    rb_text label = {0};
    rb_text_append(&label, g->name);
    if (device) rb_text_printf(&label, ", %s", rb_csv_get(runs, row, "device_key"));
    if (*overrides) rb_text_printf(&label, ", %s", overrides);
    g->label = label.data;
    rb_plot_name(g->name, rb_csv_get(runs, row, "device_key"), NULL, overrides, g->file);
    return rb_text_status(&label);
}

static rb_status add_seed(rb_group *g, const char *seed, int *index) {
    for (int i = 0; i < g->n_seeds; i++)
        if (strcmp(g->seeds[i], seed) == 0) {
            *index = i;
            return RB_OK;
        }
    void *more = realloc(g->seeds, (size_t)(g->n_seeds + 1) * sizeof *g->seeds);
    if (!more) return rb_fail(RB_MEMORY, "out of memory for the seeds of a session");
    g->seeds = more;
    *index = g->n_seeds;
    g->seeds[g->n_seeds++] = seed;
    return RB_OK;
}

/* Whose a row is: group and seed of every row of a table, -1 where there is none. */
static rb_status new_owners(rb_recorded *r, rb_source t) {
    size_t n = (size_t)r->csv[t].n_rows + 1;
    r->group[t] = malloc(n * sizeof(int));
    r->seed[t] = malloc(n * sizeof(int));
    if (!r->group[t] || !r->seed[t]) return rb_fail(RB_MEMORY, "out of memory for %s.csv", FILES[t]);
    for (size_t i = 0; i < n; i++) r->group[t][i] = r->seed[t][i] = -1;
    return RB_OK;
}

static rb_status group_runs(rb_recorded *r) {
    static const char *const key[] = {"case", "device_key", "overrides", "dataset"};
    rb_status status = RB_OK;
    const rb_csv *runs = &r->csv[RB_FROM_RUNS];
    bool device = several_devices(runs);
    RB_TRY(new_owners(r, RB_FROM_RUNS));
    for (int i = 0; i < runs->n_rows; i++) {
        int found = -1;
        if (strcmp(rb_csv_get(runs, i, "phase"), "run") != 0) continue;
        for (int g = 0; g < r->n_groups && found < 0; g++) {
            bool equal = true;
            for (int k = 0; k < 4; k++) equal = equal && same(runs, i, r->groups[g].first, key[k]);
            if (equal) found = g;
        }
        if (found < 0) {
            RB_TRY(new_group(r, i, device));
            found = r->n_groups - 1;
        }
        r->group[RB_FROM_RUNS][i] = found;
        RB_TRY(add_seed(&r->groups[found], rb_csv_get(runs, i, "seed"), &r->seed[RB_FROM_RUNS][i]));
    }
cleanup:
    return status;
}

/* Rows of one run follow each other: the search begins with the run of the row before. */
static rb_status find_owners(rb_recorded *r, rb_source t) {
    rb_status status = RB_OK;
    const rb_csv *csv = &r->csv[t], *runs = &r->csv[RB_FROM_RUNS];
    int id = rb_csv_column(csv, "run_id"), run_id = rb_csv_column(runs, "run_id"), run = 0;
    if (id < 0 || run_id < 0) return RB_OK;
    RB_TRY(new_owners(r, t));
    for (int i = 0; i < csv->n_rows; i++) {
        int tried = 0;
        for (; tried < runs->n_rows; tried++, run = (run + 1) % runs->n_rows)
            if (strcmp(rb_csv_at(csv, i, id), rb_csv_at(runs, run, run_id)) == 0) break;
        if (tried == runs->n_rows) continue;
        r->group[t][i] = r->group[RB_FROM_RUNS][run];
        r->seed[t][i] = r->seed[RB_FROM_RUNS][run];
    }
cleanup:
    return status;
}

/* Grids and lists of runs were chosen by a person, to be looked at; what a strategy tries was not. */
static void note_searched(rb_recorded *r) {
    const rb_csv *csv = &r->csv[RB_FROM_TRIALS];
    for (int i = 0; i < csv->n_rows && r->group[RB_FROM_TRIALS]; i++) {
        const char *strategy = rb_csv_get(csv, i, "strategy");
        int g = r->group[RB_FROM_TRIALS][i];
        if (g >= 0 && *strategy && strcmp(strategy, "grid") != 0 && strcmp(strategy, "list") != 0)
            r->groups[g].searched = true;
    }
}

rb_status rb_recorded_read(const char *dir, rb_recorded *out) {
    rb_status status = RB_OK;
    rb_text path = {0};
    unsigned absent = 0; /* a bit per table */
    memset(out, 0, sizeof *out);
    RB_TRY(rb_session_refuse_newer(dir));
    for (int t = 0; t < RB_SOURCES; t++) {
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/%s.csv", dir, FILES[t]);
        RB_TRY(rb_text_status(&path));
        status = rb_csv_read(path.data, &out->csv[t]);
        if (status == RB_MISSING) {
            rb_error_clear();
            status = RB_OK;
            absent |= 1u << t;
        }
        RB_TRY(status);
        RB_TRY(rb_csv_check_version(&out->csv[t], path.data));
    }
    const rb_csv *runs = &out->csv[RB_FROM_RUNS];
    bool no_runs = absent & 1u << RB_FROM_RUNS;
    if (no_runs && absent & 1u << RB_FROM_HISTORY) {
        status = rb_fail(RB_MISSING, "%s holds no session: there is no runs.csv", dir);
        goto cleanup;
    }
    if (!no_runs && (rb_csv_column(runs, "run_id") < 0 || rb_csv_column(runs, "case") < 0)) {
        status = rb_fail(RB_INPUT, "%s/runs.csv is no table of runs: it has no columns run_id and case", dir);
        goto cleanup;
    }
    RB_TRY(group_runs(out));
    for (int t = RB_FROM_EPOCHS; t < RB_SOURCES; t++)
        if (out->csv[t].n_rows > 0) RB_TRY(find_owners(out, (rb_source)t));
    note_searched(out);
cleanup:
    rb_text_free(&path);
    if (status != RB_OK) rb_recorded_free(out);
    return status;
}

void rb_recorded_free(rb_recorded *r) {
    for (int t = 0; t < RB_SOURCES; t++) {
        rb_csv_free(&r->csv[t]);
        free(r->group[t]);
        free(r->seed[t]);
    }
    for (int g = 0; g < r->n_groups; g++) {
        free(r->groups[g].label);
        free(r->groups[g].seeds);
    }
    free(r->groups);
    memset(r, 0, sizeof *r);
}

bool rb_same_lab(const rb_group *a, const rb_group *b) {
    size_t n = strcspn(a->name, "/");
    return n == strcspn(b->name, "/") && strncmp(a->name, b->name, n) == 0;
}

/* --- curves ---------------------------------------------------------------------------------------------------------
 */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

rb_status rb_curves_read(const rb_recorded *r, int group, rb_source table, const char *x, const char *y,
                         rb_curves *out) {
    rb_status status = RB_OK;
    const rb_csv *csv = &r->csv[table];
    int cx = rb_csv_column(csv, x), cy = rb_csv_column(csv, y), n = 0;
    int n_seeds = r->groups[group].n_seeds;
    *out = (rb_curves){.n_seeds = n_seeds, .low = INFINITY, .high = -INFINITY};
    if (csv->n_rows == 0 || cx < 0 || cy < 0 || !r->group[table]) return RB_OK;
    out->x = malloc((size_t)csv->n_rows * sizeof(double));
    if (!out->x) return rb_fail(RB_MEMORY, "out of memory for %d values", csv->n_rows);
    for (int i = 0; i < csv->n_rows; i++)
        if (r->group[table][i] == group && isfinite(out->x[n] = rb_csv_number(csv, i, cx))) n++;
    qsort(out->x, (size_t)n, sizeof(double), ascending);
    for (int i = 0; i < n; i++)
        if (out->n == 0 || out->x[i] > out->x[out->n - 1]) out->x[out->n++] = out->x[i];
    size_t values = (size_t)out->n * (size_t)n_seeds;
    out->y = malloc((values + 1) * sizeof(double));
    if (!out->y) {
        status = rb_fail(RB_MEMORY, "out of memory for %zu values", values);
        goto cleanup;
    }
    for (size_t i = 0; i < values; i++) out->y[i] = (double)NAN;
    for (int i = 0; i < csv->n_rows; i++) {
        if (r->group[table][i] != group) continue;
        double at = rb_csv_number(csv, i, cx), value = rb_csv_number(csv, i, cy);
        if (!isfinite(at) || !isfinite(value)) continue;
        double *found = bsearch(&at, out->x, (size_t)out->n, sizeof(double), ascending);
        out->y[(found - out->x) * n_seeds + r->seed[table][i]] = value;
        if (value < out->low) out->low = value;
        if (value > out->high) out->high = value;
    }
    for (int i = 0; i < out->n; i++) {
        double spread[3];
        rb_curves_spread(out, i, spread);
        out->points += isfinite(spread[1]);
    }
cleanup:
    if (status != RB_OK) rb_curves_free(out);
    return status;
}

void rb_curves_free(rb_curves *c) {
    free(c->x);
    free(c->y);
    *c = (rb_curves){0};
}

/* By selection: seeds are few. */
void rb_curves_spread(const rb_curves *c, int i, double spread[3]) {
    const double *y = c->y + (size_t)i * (size_t)c->n_seeds;
    int known = 0;
    for (int k = 0; k < c->n_seeds; k++) known += isfinite(y[k]);
    double low = (double)NAN, high = (double)NAN, middle[2] = {(double)NAN, (double)NAN};
    for (int k = 0; k < c->n_seeds; k++) {
        int rank = 0;
        if (!isfinite(y[k])) continue;
        for (int j = 0; j < c->n_seeds; j++) rank += isfinite(y[j]) && (y[j] < y[k] || (y[j] == y[k] && j < k));
        if (rank == 0) low = y[k];
        if (rank == known - 1) high = y[k];
        if (rank == (known - 1) / 2) middle[0] = y[k];
        if (rank == known / 2) middle[1] = y[k];
    }
    spread[0] = low;
    spread[1] = (middle[0] + middle[1]) / 2;
    spread[2] = high;
}
