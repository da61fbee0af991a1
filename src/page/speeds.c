/* speeds.c: how fast each case runs where: medians over processes, with intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "page/internal.h"
#include "report/others.h"

static bool is_timed(const rb_row *row) {
    return rb_run_ok(row) && rb_row_number(row, RB_COL(runs, samples_per_s)) > 0 &&
           !*rb_row_get_text(row, RB_COL(runs, arm)); /* of two builds by turns: `compare` is for that */
}

/* Another library has no commit: what one session measured of it is one build, whose version the provider tells. */
static bool same_build(const rb_page_run *a, const rb_page_run *b) {
    if (rb_run_is_peer(a->row)) return a->from == b->from;
    return !strcmp(rb_row_get_text(a->row, RB_COL(runs, commit)), rb_row_get_text(b->row, RB_COL(runs, commit))) &&
           a->row->cells[RB_COL(runs, dirty)].u.i == b->row->cells[RB_COL(runs, dirty)].u.i;
}

static bool same_place(const rb_page_run *a, const rb_page_run *b) {
    return same_build(a, b) &&
           !strcmp(rb_row_get_text(a->row, RB_COL(runs, env_id)), rb_row_get_text(b->row, RB_COL(runs, env_id)));
}

static int count_of(const rb_page_run *runs, int n, const rb_page_run *like) {
    int found = 0;
    for (int i = 0; i < n; i++) found += same_place(&runs[i], like);
    return found;
}

/* A median over builds or environments speaks of none. Runs are in order of time: those of the last one's build, of the
 * environment that has most of them (a single process with `--profile` does not hide ten), are moved to the front. */
static int keep_newest(rb_page_run *runs, int n) {
    rb_page_run best = runs[n - 1], last = best;
    int most = 0, kept = 0;
    for (int i = n - 1; i >= 0; i--) {
        if (i < n - 1 && same_place(&runs[i], &runs[i + 1])) continue; /* counted with it */
        int count = same_build(&runs[i], &last) ? count_of(runs, n, &runs[i]) : 0;
        if (count > most) best = runs[i];
        if (count > most) most = count;
    }
    for (int i = 0; i < n; i++)
        if (same_place(&runs[i], &best)) runs[kept++] = runs[i];
    return kept;
}

static const rb_row *nearest(const rb_page_run *runs, int n, double median) {
    const rb_row *best = runs[0].row;
    for (int i = 1; i < n; i++)
        if (fabs(rb_row_number(runs[i].row, RB_COL(runs, samples_per_s)) - median) <
            fabs(rb_row_number(best, RB_COL(runs, samples_per_s)) - median))
            best = runs[i].row;
    return best;
}

static const char *mode_of(const rb_row *row) {
    const char *phase = rb_row_get_text(row, RB_COL(runs, phase));
    return !strcmp(phase, "bench") ? "train" : phase;
}

/* A row of one group; `values` has room for n. */
static rb_status put_group(rb_report *r, const rb_page_run *runs, int n, double *values) {
    static const rb_cell_copy medians[] = {{RB_PAGE_COL(speeds, step_ns), RB_COL(runs, step_wall_ns_median)},
                                           RB_PAGE_COPY(speeds, runs, model_mflop_per_sample),
                                           RB_PAGE_COPY(speeds, runs, gflop_per_s),
                                           RB_PAGE_COPY(speeds, runs, pct_peak_flops),
                                           RB_PAGE_COPY(speeds, runs, pct_roofline),
                                           RB_PAGE_COPY(speeds, runs, power_w_mean),
                                           RB_PAGE_COPY(speeds, runs, energy_j_per_sample),
                                           RB_PAGE_COPY(speeds, runs, mem_peak_mib)};
    static const rb_cell_copy same[] = {
        RB_PAGE_COPY(speeds, runs, case),          RB_PAGE_COPY(speeds, runs, machine),
        RB_PAGE_COPY(speeds, runs, device_key),    RB_PAGE_COPY(speeds, runs, backend),
        RB_PAGE_COPY(speeds, runs, device),        RB_PAGE_COPY(speeds, runs, batch_size),
        RB_PAGE_COPY(speeds, runs, precision),     RB_PAGE_COPY(speeds, runs, provider),
        RB_PAGE_COPY(speeds, runs, submit),        RB_PAGE_COPY(speeds, runs, threads),
        RB_PAGE_COPY(speeds, runs, quirks),        RB_PAGE_COPY(speeds, runs, overrides),
        RB_PAGE_COPY(speeds, runs, verify),        RB_PAGE_COPY(speeds, runs, commit),
        RB_PAGE_COPY(speeds, runs, workload_hash), RB_PAGE_COPY(speeds, runs, run_id)};
    double median = rb__page_median(runs, n, RB_COL(runs, samples_per_s), values), low, high;
    bool interval = rb_median_interval(values, n, 0.95, &low, &high);
    const rb_row *row = nearest(runs, n, median);
    rb_page_cell *cells = rb__page_row(r, RB_PAGE_speeds);
    if (!cells) return rb__page_status(r);
    rb__page_copy_cells(row, cells, same, sizeof same / sizeof *same);
    rb__page_set_text(&cells[RB_PAGE_COL(speeds, lab)], rb__page_lab(r, rb_row_get_text(row, RB_COL(runs, case))));
    rb__page_set_text(&cells[RB_PAGE_COL(speeds, mode)], mode_of(row));
    rb__page_set_text(&cells[RB_PAGE_COL(speeds, settings)], rb__page_choices(r, row));
    double others = NAN;
    for (int i = 0; i < n; i++) others = fmax(others, rb_others_cores(&runs[i].from->runs.ratios, runs[i].row));
    rb__page_set_real(&cells[RB_PAGE_COL(speeds, others_cores)], others);
    rb__page_set_int(&cells[RB_PAGE_COL(speeds, n)], n);
    rb__page_set_real(&cells[RB_PAGE_COL(speeds, samples_per_s)], median);
    rb__page_set_real(&cells[RB_PAGE_COL(speeds, samples_per_s_low)], low);
    rb__page_set_real(&cells[RB_PAGE_COL(speeds, samples_per_s_high)], high);
    rb__page_set_text(&cells[RB_PAGE_COL(speeds, interval)], interval ? "95 %" : n > 1 ? "range" : NULL);
    for (size_t i = 0; i < sizeof medians / sizeof *medians; i++)
        rb__page_set_real(&cells[medians[i].to], rb__page_median(runs, n, medians[i].from, values));
    rb__page_set_text(&cells[RB_PAGE_COL(speeds, repeat)], rb__page_repeat(r, runs, n));
    if (strcmp(mode_of(row), "train") != 0) return RB_OK;
    return rb__page_under_roof(r, row, 1e6 * rb__page_median(runs, n, RB_COL(runs, step_mflop), values),
                               1e6 * rb__page_median(runs, n, RB_COL(runs, step_mbyte), values),
                               rb__page_median(runs, n, RB_COL(runs, step_wall_ns_median), values));
}

rb_status rb__page_speeds(rb_report *r) {
    static const int columns[] = {
        RB_COL(runs, case),          RB_COL(runs, machine),   RB_COL(runs, device_key), RB_COL(runs, backend),
        RB_COL(runs, batch_size),    RB_COL(runs, precision), RB_COL(runs, provider),   RB_COL(runs, submit),
        RB_COL(runs, threads),       RB_COL(runs, phase),     RB_COL(runs, overrides),  RB_COL(runs, quirks),
        RB_COL(runs, workload_hash), RB_COL(runs, ranks),     RB_COL(runs, isa),        RB_COL(runs, settings)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    double *values = NULL;
    int n = 0, older = 0;
    RB_TRY(rb__page_runs(r, is_timed, columns, sizeof columns / sizeof *columns, &runs, &n));
    values = malloc(((size_t)n + 1) * sizeof *values);
    if (!values) {
        status = rb_fail(RB_MEMORY, "out of memory for %d speeds", n);
        goto cleanup;
    }
    for (int from = 0, to; from < n; from = to) {
        to = rb__page_group_end(runs, from, n);
        int kept = keep_newest(runs + from, to - from);
        older += to - from > kept;
        RB_TRY(put_group(r, runs + from, kept, values));
    }
    if (older)
        rb__page_note(
            r,
            "%d of the %d speeds were measured by several builds or in several environments, those of other libraries "
            "in several sessions: shown is the newest, regbench's others stand in the history.",
            older, r->tables[RB_PAGE_speeds].n);
cleanup:
    free(runs);
    free(values);
    return status;
}
