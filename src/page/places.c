/* places.c: where it ran: sessions, devices, facts about the machines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"

bool rb__page_as_foreseen(const rb_row *row) {
    return !strncmp(rb_row_get_text(row, RB_COL(runs, status_reason)), RB_FORESEEN, sizeof RB_FORESEEN - 1);
}

static const char *text_of(const rb_row *row, int column) { return rb_row_get_text(row, column); }

rb_status rb__page_sessions_table(rb_report *r) {
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_page_session *s = &r->sessions[k];
        const rb_row *newest = NULL;
        const char *started = s->started ? s->started : "", *id = NULL;
        int ok = 0, failed = 0, ids = 0;
        char several[32];
        for (int i = 0; i < s->runs.n; i++) {
            const rb_row *row = &s->runs.rows[i];
            const char *at = text_of(row, RB_COL(runs, started_utc)), *its = text_of(row, RB_COL(runs, session_id));
            if (*at && (!*started || strcmp(at, started) < 0)) started = at;
            if (!newest || strcmp(at, text_of(newest, RB_COL(runs, started_utc))) > 0) newest = row;
            ok += rb_run_ok(row);
            failed += !rb_run_ok(row) && !rb__page_as_foreseen(row);
            if (!id || strcmp(its, id) != 0) ids++; /* rows of one session follow each other */
            id = its;
        }
        snprintf(several, sizeof several, "%d sessions", ids);
        rb_page_cell *row = rb__page_row(r, RB_PAGE_sessions);
        if (!row) return rb__page_status(r);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, session_id)], ids > 1     ? rb__page_keep(r, several)
                                                                   : id && *id ? id
                                                                               : s->id);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, dir)], s->dir);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, machine)],
                          newest ? text_of(newest, RB_COL(runs, machine)) : s->machine);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, started_utc)], started);
        if (newest) {
            rb__page_set_cell(&row[RB_PAGE_COL(sessions, commit)], &newest->cells[RB_COL(runs, commit)]);
            rb__page_set_cell(&row[RB_PAGE_COL(sessions, dirty)], &newest->cells[RB_COL(runs, dirty)]);
        }
        rb__page_set_text(&row[RB_PAGE_COL(sessions, command)], s->command);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, runs)], s->runs.n);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, ok)], ok);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, failed)], failed);
    }
    return RB_OK;
}

/* --- devices --------------------------------------------------------------------------------------------------------
 */

static bool has_device(const rb_row *row) { return *text_of(row, RB_COL(runs, device_key)); }

/* Fact "opencl:0.driver" of the row's environment. */
static const char *driver_of(const rb_page_run *run) {
    const rb_csv *env = &run->from->runs.env;
    int id = rb_csv_column(env, "env_id"), name = rb_csv_column(env, "name"), value = rb_csv_column(env, "value");
    char wanted[96];
    snprintf(wanted, sizeof wanted, "%.60s.driver", text_of(run->row, RB_COL(runs, device_key)));
    for (int i = 0; i < env->n_rows && id >= 0 && name >= 0 && value >= 0; i++)
        if (!strcmp(rb_csv_at(env, i, name), wanted) &&
            !strcmp(rb_csv_at(env, i, id), text_of(run->row, RB_COL(runs, env_id))))
            return rb_csv_at(env, i, value);
    return NULL;
}

/* The largest counts: what disturbs a measurement can only lower it. */
static void raise_to(double value, double *best) {
    if (isfinite(value) && !(*best >= value)) *best = value;
}

static void raise_peak(const rb_csv *peaks, int i, const char *column, double *best) {
    const char *text = rb_csv_get(peaks, i, column);
    raise_to(*text ? strtod(text, NULL) : NAN, best);
}

/* The machine of a session: its rows carry the name. */
static const char *machine_of(const rb_page_session *s) {
    return s->runs.n ? text_of(&s->runs.rows[0], RB_COL(runs, machine)) : s->machine ? s->machine : "";
}

/* A device is doubted if its peak changed in one of so many sessions: medians bear fewer. */
enum { DRIFTED_OF = 5 };

/* From peaks.csv of the machine's sessions, and from what its (n) runs were held against. */
static void put_peaks(rb_report *r, const rb_page_run *runs, int n, const rb_row *row, rb_page_cell *cells) {
    double fma = NAN, gemm = NAN, triad = NAN;
    int drifted = 0, known = 0;
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_csv *peaks = &r->sessions[k].csv[RB_PAGE_PEAKS];
        if (peaks->n_rows == 0 || strcmp(machine_of(&r->sessions[k]), text_of(row, RB_COL(runs, machine))) != 0)
            continue;
        for (int i = 0; i < peaks->n_rows; i++) {
            if (strcmp(rb_csv_get(peaks, i, "device_key"), text_of(row, RB_COL(runs, device_key))) != 0) continue;
            const char *hardware = rb_csv_get(peaks, i, "device");
            if (*hardware && strcmp(hardware, text_of(row, RB_COL(runs, device))) != 0) continue;
            raise_peak(peaks, i, "fma_gflop_per_s", &fma);
            const char *precision = rb_csv_get(peaks, i, "precision"); /* of the matrix product; "": fp32 */
            if (!*precision || !strcmp(precision, "fp32")) raise_peak(peaks, i, "gemm_gflop_per_s", &gemm);
            raise_peak(peaks, i, "triad_gbyte_per_s", &triad);
            known += *rb_csv_get(peaks, i, "drifted") != '\0';
            drifted += !strcmp(rb_csv_get(peaks, i, "drifted"), "1");
        }
    }
    for (int i = 0; i < n; i++)
        if (!strcmp(text_of(runs[i].row, RB_COL(runs, device)), text_of(row, RB_COL(runs, device))))
            raise_to(rb_row_number(runs[i].row, RB_COL(runs, peak_gflops)), &fma);
    rb__page_set_real(&cells[RB_PAGE_COL(devices, fma_gflop_per_s)], fma);
    rb__page_set_real(&cells[RB_PAGE_COL(devices, gemm_gflop_per_s)], gemm);
    rb__page_set_real(&cells[RB_PAGE_COL(devices, triad_gbyte_per_s)], triad);
    if (known) rb__page_set_int(&cells[RB_PAGE_COL(devices, drifted)], drifted * DRIFTED_OF >= known && drifted);
    if (drifted)
        rb__page_note(
            r,
            "The peak of %s of %s changed by more than 5 %% during %d of %d sessions: something else ran, or its "
            "clock changed.",
            text_of(row, RB_COL(runs, device_key)), text_of(row, RB_COL(runs, machine)), drifted, known);
}

/* Runs of small networks may have used fewer of the device's threads. */
static double most_threads(const rb_page_run *runs, int n, const rb_row *best) {
    double most = NAN;
    for (int i = 0; i < n; i++)
        if (!strcmp(text_of(runs[i].row, RB_COL(runs, device)), text_of(best, RB_COL(runs, device))))
            raise_to(rb_row_number(runs[i].row, RB_COL(runs, threads)), &most);
    return most;
}

/* Hosts that share a name, or a host whose hardware was changed: numbers of both stand side by side. */
static void note_other_hardware(rb_report *r, const rb_page_run *runs, int n, const rb_row *best) {
    const char *hardware = text_of(best, RB_COL(runs, device));
    for (int i = 0; i < n; i++) {
        const char *other = text_of(runs[i].row, RB_COL(runs, device));
        if (!*other || !strcmp(other, hardware) || rb_run_is_peer(runs[i].row)) continue;
        rb__page_note(r, "%s of %s is %s in some runs and %s in others: give each host a name of its own (--machine).",
                      text_of(best, RB_COL(runs, device_key)), text_of(best, RB_COL(runs, machine)), hardware, other);
        return;
    }
}

/* One row per machine and device, from its newest run that names the hardware; peers' libraries are no devices. */
rb_status rb__page_devices(rb_report *r) {
    static const int columns[] = {RB_COL(runs, machine), RB_COL(runs, device_key)};
    static const rb_cell_copy same[] = {RB_PAGE_COPY(devices, runs, machine), RB_PAGE_COPY(devices, runs, device_key),
                                        RB_PAGE_COPY(devices, runs, backend), RB_PAGE_COPY(devices, runs, device),
                                        RB_PAGE_COPY(devices, runs, isa),     RB_PAGE_COPY(devices, runs, threads)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    int n = 0;
    RB_TRY(rb__page_runs(r, has_device, columns, sizeof columns / sizeof *columns, &runs, &n));
    for (int from = 0, to; from < n; from = to) {
        const rb_page_run *best = NULL;
        to = rb__page_group_end(runs, from, n);
        for (int i = from; i < to; i++) {
            bool named = *text_of(runs[i].row, RB_COL(runs, device)) && !rb_run_is_peer(runs[i].row);
            if (!best || named) best = &runs[i];
        }
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_devices);
        if (!cells) break;
        rb__page_copy_cells(best->row, cells, same, sizeof same / sizeof *same);
        rb__page_set_text(&cells[RB_PAGE_COL(devices, driver)], driver_of(best));
        rb__page_set_real(&cells[RB_PAGE_COL(devices, threads)], most_threads(runs + from, to - from, best->row));
        put_peaks(r, runs + from, to - from, best->row, cells);
        note_other_hardware(r, runs + from, to - from, best->row);
    }
    status = rb__page_status(r);
cleanup:
    free(runs);
    return status;
}

/* --- environment ----------------------------------------------------------------------------------------------------
 */

typedef struct fact {
    const char *machine, *session, *key, *value;
} fact;

static int by_fact(const void *a, const void *b) {
    const fact *x = a, *y = b;
    int order = strcmp(x->machine, y->machine);
    if (!order) order = strcmp(x->key, y->key);
    if (!order) order = strcmp(x->value, y->value);
    return order ? order : strcmp(x->session, y->session);
}

/* The table of sessions has these. */
static bool is_source(const char *name) { return !strcmp(name, "commit") || !strcmp(name, "dirty"); }

rb_status rb__page_environment(rb_report *r) {
    rb_status status = RB_OK;
    size_t most = 1;
    int n = 0;
    for (int k = 0; k < r->n_sessions; k++) most += (size_t)r->sessions[k].runs.env.n_rows;
    fact *facts = malloc(most * sizeof *facts);
    if (!facts) return rb_fail(RB_MEMORY, "out of memory for %zu facts", most);
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_csv *env = &r->sessions[k].runs.env;
        int name = rb_csv_column(env, "name"), value = rb_csv_column(env, "value"),
            stable = rb_csv_column(env, "stable");
        for (int i = 0; i < env->n_rows && name >= 0 && value >= 0 && stable >= 0; i++)
            if (!strcmp(rb_csv_at(env, i, stable), "1") && !is_source(rb_csv_at(env, i, name)))
                facts[n++] = (fact){machine_of(&r->sessions[k]), rb__page_text_at(r, RB_PAGE_sessions, k, 0),
                                    rb_csv_at(env, i, name), rb_csv_at(env, i, value)};
    }
    qsort(facts, (size_t)n, sizeof *facts, by_fact);
    for (int i = 0; i < n; i++) {
        if (i && !strcmp(facts[i].machine, facts[i - 1].machine) && !strcmp(facts[i].key, facts[i - 1].key) &&
            !strcmp(facts[i].value, facts[i - 1].value))
            continue;
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_environment);
        if (!cells) break;
        rb__page_set_text(&cells[RB_PAGE_COL(environment, machine)], facts[i].machine);
        rb__page_set_text(&cells[RB_PAGE_COL(environment, session_id)], facts[i].session);
        rb__page_set_text(&cells[RB_PAGE_COL(environment, key)], facts[i].key);
        rb__page_set_text(&cells[RB_PAGE_COL(environment, value)], facts[i].value);
    }
    free(facts);
    status = rb__page_status(r);
    return status;
}
