/* history.c: series of sessions and the steps in them. */
#include "compare/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compare/more.h"
#include "compare/steps.h"
#include "core/text.h"
#include "measure/statistics.h"
#include "report/internal.h"

/* One run, and the session (with its facts) that it is from. */
typedef struct entry {
    const rb_row *row;
    const rb_runs *from;
    char *key;   /* what a series has in common */
    char *point; /* what the runs of a sitting have in common */
} entry;

static rb_status make_entry(const rb_runs *from, const rb_row *row, entry *out) {
    static const int same[] = {RB_COL(runs, case),      RB_COL(runs, machine),       RB_COL(runs, device_key),
                               RB_COL(runs, device),    RB_COL(runs, batch_size),    RB_COL(runs, phase),
                               RB_COL(runs, overrides), RB_COL(runs, workload_hash), RB_COL(runs, precision),
                               RB_COL(runs, provider),  RB_COL(runs, submit),        RB_COL(runs, threads),
                               RB_COL(runs, isa),       RB_COL(runs, quirks),        RB_COL(runs, schema_version)};
    rb_text key = {0}, session = {0};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        rb__csv_cell(&row->cells[same[i]], &key);
        rb_text_append(&key, "\n");
    }
    rb_run_choices(row, &key);
    /* Two sessions of one changed source need not be of the same change. */
    bool dirty = row->cells[RB_COL(runs, dirty)].u.i != 0;
    rb_text_printf(&session, "%s\n%s\n%s\n%s", from->path, rb_row_get_text(row, RB_COL(runs, commit)),
                   rb_row_get_text(row, RB_COL(runs, env_id)),
                   dirty ? rb_row_get_text(row, RB_COL(runs, session_id)) : "clean");
    *out = (entry){.row = row, .from = from, .key = key.data, .point = session.data};
    rb_status status = rb_text_status(&key);
    return status == RB_OK ? rb_text_status(&session) : status;
}

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (!order) order = strcmp(x->point, y->point);
    return order ? order
                 : strcmp(rb_row_get_text(x->row, RB_COL(runs, started_utc)),
                          rb_row_get_text(y->row, RB_COL(runs, started_utc)));
}

static int by_time(const void *a, const void *b) {
    const rb_sitting *x = a, *y = b;
    return strcmp(rb_row_get_text(x->row, RB_COL(runs, started_utc)),
                  rb_row_get_text(y->row, RB_COL(runs, started_utc)));
}

/* When a run began, seconds; NaN where that is no time. The machine is the same, so that its clock's zone is no matter.
 */
static double begin_of(const rb_row *row) {
    struct tm utc = {0};
    if (!strptime(rb_row_get_text(row, RB_COL(runs, started_utc)), "%Y-%m-%dT%H:%M:%S", &utc)) return NAN;
    return (double)timegm(&utc);
}

/* --- series ---------------------------------------------------------------------------------------------------------
 */

/* Facts about the source are what a history is over; all other stable ones are the instrument. */
static bool is_instrument(const rb_csv *env, int i) {
    static const char *const source[] = {"regbench_version", "commit", "dirty"};
    for (size_t k = 0; k < sizeof source / sizeof *source; k++)
        if (!strcmp(rb_csv_get(env, i, "name"), source[k])) return false;
    return !strcmp(rb_csv_get(env, i, "stable"), "1");
}

static const char *fact(const rb_csv *env, const char *env_id, const char *name) {
    for (int i = 0; i < env->n_rows; i++)
        if (!strcmp(rb_csv_get(env, i, "env_id"), env_id) && !strcmp(rb_csv_get(env, i, "name"), name))
            return rb_csv_get(env, i, "value");
    return "";
}

static void note(char *out, size_t size, const char *name, const char *old, const char *now) {
    size_t length = strlen(out);
    snprintf(out + length, size - length, "%s%s: %.40s -> %.40s", length ? "; " : "", name, *old ? old : "-",
             *now ? now : "-");
}

/* Which facts of the instrument differ; none where a session has no env.csv. */
static void changes(const rb_sitting *a, const rb_sitting *b, char *out, size_t size) {
    const char *id_a = rb_row_get_text(a->row, RB_COL(runs, env_id));
    const char *id_b = rb_row_get_text(b->row, RB_COL(runs, env_id));
    const rb_csv *x = &a->from->env, *y = &b->from->env;
    bool known_a = false, known_b = false;
    out[0] = '\0';
    for (int i = 0; i < x->n_rows; i++) known_a |= !strcmp(rb_csv_get(x, i, "env_id"), id_a);
    for (int i = 0; i < y->n_rows; i++) known_b |= !strcmp(rb_csv_get(y, i, "env_id"), id_b);
    if (!known_a || !known_b || !strcmp(id_a, id_b)) return;
    for (int i = 0; i < y->n_rows; i++) {
        const char *name = rb_csv_get(y, i, "name"), *now = rb_csv_get(y, i, "value");
        if (strcmp(rb_csv_get(y, i, "env_id"), id_b) != 0 || !is_instrument(y, i)) continue;
        if (strcmp(fact(x, id_a, name), now) != 0) note(out, size, name, fact(x, id_a, name), now);
    }
    for (int i = 0; i < x->n_rows; i++) { /* what is gone */
        const char *name = rb_csv_get(x, i, "name");
        if (strcmp(rb_csv_get(x, i, "env_id"), id_a) != 0 || !is_instrument(x, i)) continue;
        if (!*fact(y, id_b, name)) note(out, size, name, rb_csv_get(x, i, "value"), "");
    }
}

/* --- rows -----------------------------------------------------------------------------------------------------------
 */

static void put_point(const rb_sitting *p, rb_row *row) {
    static const rb_cell_copy same[] = {
        RB_COPY(history, runs, case),       RB_COPY(history, runs, machine),       RB_COPY(history, runs, device_key),
        RB_COPY(history, runs, device),     RB_COPY(history, runs, precision),     RB_COPY(history, runs, provider),
        RB_COPY(history, runs, overrides),  RB_COPY(history, runs, workload_hash), RB_COPY(history, runs, started_utc),
        RB_COPY(history, runs, session_id), RB_COPY(history, runs, phase),         RB_COPY(history, runs, submit),
        RB_COPY(history, runs, isa),        RB_COPY(history, runs, quirks),        RB_COPY(history, runs, batch_size),
        RB_COPY(history, runs, threads)};
    char commit[80], step[32];
    rb_text settings = {0};
    rb_row_begin(row, RB_TABLE_history);
    rb_row_copy_cells(p->row, row, same, sizeof same / sizeof *same);
    snprintf(commit, sizeof commit, "%s%s", rb_row_get_text(p->row, RB_COL(runs, commit)),
             p->row->cells[RB_COL(runs, dirty)].u.i ? "-dirty" : "");
    rb_row_text(row, RB_COL(history, commit), commit);
    rb_run_choices(p->row, &settings);
    rb_row_text(row, RB_COL(history, settings), rb_text_string(&settings));
    rb_text_free(&settings);
    rb_row_int(row, RB_COL(history, series), p->series);
    rb_row_text(row, RB_COL(history, changed), p->changed);
    rb_row_int(row, RB_COL(history, n), p->n);
    rb_row_int(row, RB_COL(history, failed), p->failed);
    if (p->n > 0) {
        rb_row_real(row, RB_COL(history, samples_per_s), rb_median(p->values, p->n));
        rb_row_real(row, RB_COL(history, samples_per_s_low), rb_percentile(p->values, p->n, 0));
        rb_row_real(row, RB_COL(history, samples_per_s_high), rb_percentile(p->values, p->n, 1));
    }
    if (!rb_is_step(p)) return;
    rb_row_real(row, RB_COL(history, step_ratio), p->step_ratio);
    rb_row_real(row, RB_COL(history, step_p), p->step_p);
    snprintf(step, sizeof step, "%s, %s", p->step_ratio < 1 ? "slower" : "faster",
             p->confirmed ? "confirmed" : "suspected");
    rb_row_text(row, RB_COL(history, step), step);
}

/* Points of one key: their values lie one after another in the order of time, as find_steps wants them. */
static rb_status one_key(rb_sitting *points, int n, double *values, rb_history *out) {
    rb_status status = RB_OK;
    qsort(points, (size_t)n, sizeof *points, by_time);
    for (int i = 0; i < n; i++) {
        if (points[i].n > 0) memcpy(values, points[i].values, (size_t)points[i].n * sizeof *values);
        points[i].values = values;
        values += points[i].n;
        points[i].series = i ? points[i - 1].series : 1;
        if (i > 0) changes(&points[i - 1], &points[i], points[i].changed, sizeof points[i].changed);
        if (points[i].changed[0]) points[i].series++;
    }
    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && points[to].series == points[from].series;) to++;
        RB_TRY(rb_steps_find(points, from, to));
    }
    for (int i = 0; i < n; i++) {
        out->slower += rb_is_step(&points[i]) && points[i].step_ratio < 1;
        out->run[out->n] = points[i].row;
        put_point(&points[i], &out->rows[out->n++]);
    }
cleanup:
    return status;
}

/* Whether a run that comes after those of a point is of another session and another sitting. */
static bool is_another(const entry *e, double begin, const rb_sitting *p) {
    const char *session = rb_row_get_text(e->row, RB_COL(runs, session_id));
    return rb_is_later(begin, p) && strcmp(session, rb_row_get_text(e[-1].row, RB_COL(runs, session_id))) != 0;
}

/* Points of the entries of one key: one per sitting. `values` has room for one value per entry. */
static int make_points(const entry *entries, int n, rb_sitting *points, double *values) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        const rb_row *row = entries[i].row;
        double speed = rb_row_number(row, RB_COL(runs, samples_per_s)), begin = begin_of(row);
        double took = rb_row_number(row, RB_COL(runs, duration_s));
        if (i == 0 || strcmp(entries[i].point, entries[i - 1].point) != 0 ||
            is_another(&entries[i], begin, &points[count - 1]))
            points[count++] = (rb_sitting){.row = row,
                                           .from = entries[i].from,
                                           .begin = begin,
                                           .end = begin,
                                           .values = values,
                                           .step_ratio = NAN,
                                           .step_p = NAN};
        rb_sitting *p = &points[count - 1];
        p->end = fmax(p->end, isfinite(took) ? begin + took : begin);
        if (rb_run_ok(row) && speed > 0)
            p->n++, *values++ = speed;
        else
            p->failed++;
    }
    return count;
}

rb_status rb_history_of(const rb_runs *const *sessions, int n, rb_history *out) {
    rb_status status = RB_OK;
    int rows = 0, used = 0;
    memset(out, 0, sizeof *out);
    for (int s = 0; s < n; s++) rows += sessions[s]->n;
    size_t room = (size_t)rows + 1;
    entry *entries = calloc(room, sizeof *entries);
    rb_sitting *points = malloc(room * sizeof *points);
    double *found = malloc(room * sizeof *found), *sorted = malloc(room * sizeof *sorted);
    out->rows = calloc(room, sizeof *out->rows);
    out->run = calloc(room, sizeof *out->run);
    if (!entries || !points || !found || !sorted || !out->rows || !out->run) {
        status = rb_fail(RB_MEMORY, "out of memory for %d runs", rows);
        goto cleanup;
    }
    for (int s = 0; s < n; s++)
        for (int i = 0; i < sessions[s]->n; i++) {
            const rb_row *row = &sessions[s]->rows[i];
            if (*rb_row_get_text(row, RB_COL(runs, arm))) continue;
            /* Failures before the device was open have no hash: they are nobody's history. */
            if (!*rb_row_get_text(row, RB_COL(runs, workload_hash))) continue;
            RB_TRY(make_entry(sessions[s], row, &entries[used++]));
        }
    qsort(entries, (size_t)used, sizeof *entries, by_key);
    for (int from = 0, to; from < used; from = to) {
        for (to = from + 1; to < used && !strcmp(entries[to].key, entries[from].key);) to++;
        RB_TRY(one_key(points, make_points(entries + from, to - from, points, found), sorted, out));
    }
cleanup:
    for (int i = 0; entries && i < used; i++) {
        free(entries[i].key);
        free(entries[i].point);
    }
    free(entries);
    free(points);
    free(found);
    free(sorted);
    if (status != RB_OK) rb_history_free(out);
    return status;
}

void rb_history_free(rb_history *history) {
    for (int i = 0; i < history->n; i++) rb_row_end(&history->rows[i]);
    free(history->rows);
    free(history->run);
    memset(history, 0, sizeof *history);
}

/* --- bisect ---------------------------------------------------------------------------------------------------------
 */

static bool can_build(const char *commit) { return *commit && !strchr(commit, '-') && strcmp(commit, "unknown") != 0; }

/* What git runs at each commit: 125 tells it that this one cannot be judged. */
static void put_test(const rb_row *run, const char *good, rb_text *out) {
    rb_text_printf(out, "regbench compare --build %s --build HEAD", good);
    rb_work_as_flags(run, "", true, out);
    rb_text_append(out, " -r 10 --gate slower; c=$?; [ $c -le 1 ] || c=125; exit $c");
}

void rb_history_bisect(const rb_history *history, rb_text *out) {
    rb_text test = {0};
    for (int i = 1; i < history->n; i++) {
        const rb_row *row = &history->rows[i], *before = row - 1;
        const char *step = rb_row_get_text(row, RB_COL(history, step)),
                   *name = rb_row_get_text(row, RB_COL(history, case));
        const char *bad = rb_row_get_text(row, RB_COL(history, commit));
        const char *good = rb_row_get_text(before, RB_COL(history, commit));
        if (strncmp(step, "slower", 6) != 0) continue;
        rb_text_printf(out, "# %s on %s, batch %lld: %s, %.3g times as fast\n", name,
                       rb_row_get_text(row, RB_COL(history, device_key)),
                       (long long)row->cells[RB_COL(history, batch_size)].u.i, step,
                       row->cells[RB_COL(history, step_ratio)].u.r);
        if (!can_build(good) || !can_build(bad) || !strcmp(good, bad)) {
            rb_text_printf(out, "# no commits to search between %s and %s\n", *good ? good : "unknown",
                           *bad ? bad : "unknown");
            continue;
        }
        rb_text_clear(&test);
        put_test(history->run[i], good, &test);
        rb_text_printf(out, "git bisect start %s %s && git bisect run sh -c ", bad, good);
        rb_shell_quote(rb_text_string(&test), out);
        rb_text_append(out, "\n");
    }
    out->failed |= test.failed;
    rb_text_free(&test);
}
