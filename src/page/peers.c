/* peers.c: how fast regbench is beside another library, in words: of rows that one session took by turns, as `compare`
 * judges. A library's older rows, or those of a newer version, are another sitting's: no ratio is made of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/judge.h"
#include "measure/statistics.h"
#include "page/summary.h"

static bool is_steps(const rb_row *row) {
    return rb_run_ok(row) && !strcmp(rb_row_get_text(row, RB_COL(runs, phase)), "bench") &&
           rb_row_number(row, RB_COL(runs, samples_per_s)) > 0 && !*rb_row_get_text(row, RB_COL(runs, arm));
}

/* One case on one device. */
static bool same_place(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case), RB_COL(runs, machine), RB_COL(runs, device_key),
                                  RB_COL(runs, precision), RB_COL(runs, batch_size)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

static bool same_library(const rb_row *a, const rb_row *b) {
    return !strcmp(rb_row_get_text(a, RB_COL(runs, backend)), rb_row_get_text(b, RB_COL(runs, backend)));
}

/* Values of one key in one session; `values` has room for n. */
static int values_of(const rb_page_run *runs, int n, const rb_page_run *like, double *values) {
    int found = 0;
    for (int i = 0; i < n; i++)
        if (runs[i].from == like->from && !strcmp(runs[i].key, like->key))
            values[found++] = rb_row_number(runs[i].row, RB_COL(runs, samples_per_s));
    return found;
}

/* The library's newest run in the place, NULL where runs[at] is not the first of the library: told already. */
static const rb_page_run *newest_of(const rb_page_run *runs, int n, int at) {
    const rb_page_run *newest = &runs[at];
    for (int i = 0; i < n; i++) {
        if (!rb_run_is_peer(runs[i].row) || !same_library(runs[i].row, runs[at].row)) continue;
        if (i < at) return NULL;
        if (strcmp(rb_row_get_text(runs[i].row, RB_COL(runs, started_utc)),
                   rb_row_get_text(newest->row, RB_COL(runs, started_utc))) > 0)
            newest = &runs[i];
    }
    return newest;
}

/* Of several ways in which regbench ran in that session the fastest: the place of its values is `values` (n, with room
 * for twice as many). 0: it did not take turns. */
static int fastest_of(const rb_page_run *runs, int n, const rb_page_session *from, double *values) {
    double most = 0;
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (runs[i].from != from || rb_run_is_peer(runs[i].row)) continue;
        if (i > 0 && runs[i - 1].from == from && !strcmp(runs[i - 1].key, runs[i].key)) continue; /* was in it */
        int found = values_of(runs, n, &runs[i], values + n);
        double median = rb_median(values + n, found);
        if (median <= most) continue;
        most = median;
        kept = found;
        memcpy(values, values + n, (size_t)found * sizeof *values);
    }
    return kept;
}

static double threshold_of(const rb_page_run *run) {
    bool gpu = !strncmp(rb_row_get_text(run->row, RB_COL(runs, device_key)), "cuda", 4);
    return fmax(gpu ? RB_THRESHOLD_GPU : RB_THRESHOLD_CPU, 2 * run->from->runs.aa_noise);
}

static void tell(rb_report *r, const rb_contrast *pairs, int n, int apart, rb_text *s) {
    int verdicts[RB_UNCLEAR + 1] = {0};
    double least = INFINITY, most = 0;
    for (int i = 0; i < n; i++) {
        verdicts[pairs[i].verdict]++;
        least = fmin(least, pairs[i].ratio.estimate);
        most = fmax(most, pairs[i].ratio.estimate);
    }
    if (n)
        rb_text_printf(s,
                       "Beside other libraries on the same device, by turns in one session, in %d pair%s: regbench is "
                       "faster in %d, slower in %d, the same in %d, not told apart in %d; the ratios go from %.3g to "
                       "%.3g.",
                       n, rb__page_plural(n), verdicts[RB_FASTER], verdicts[RB_SLOWER], verdicts[RB_SAME],
                       verdicts[RB_UNCLEAR], least, most);
    if (apart)
        rb_text_printf(s,
                       "%s%d speed%s of other libraries %s no ratio: regbench did not take turns with %s in the same "
                       "session.",
                       n ? " " : "", apart, rb__page_plural(apart), apart == 1 ? "has" : "have",
                       apart == 1 ? "it" : "them");
    rb__page_say(r, s);
}

/* Adds the pairs of one place; each owns the values at its `a`. `room`: for three times n values. */
static rb_status add_place(const rb_page_run *runs, int n, double *room, rb_contrast *pairs, int *n_pairs, int *apart) {
    for (int i = 0; i < n; i++) {
        const rb_page_run *peer = rb_run_is_peer(runs[i].row) ? newest_of(runs, n, i) : NULL;
        if (!peer) continue;
        int theirs = values_of(runs, n, peer, room), ours = fastest_of(runs, n, peer->from, room + n);
        if (ours == 0) {
            ++*apart;
            continue;
        }
        double *values = malloc((size_t)(theirs + ours) * sizeof *values);
        if (!values) return rb_fail(RB_MEMORY, "out of memory for %d speeds", theirs + ours);
        memcpy(values, room, (size_t)theirs * sizeof *values);
        memcpy(values + theirs, room + n, (size_t)ours * sizeof *values);
        pairs[(*n_pairs)++] = (rb_contrast){
            .a = values, .n_a = theirs, .b = values + theirs, .n_b = ours, .threshold = threshold_of(peer)};
    }
    return RB_OK;
}

rb_status rb__page_tell_peers(rb_report *r, rb_text *sentence) {
    static const int columns[] = {RB_COL(runs, case),      RB_COL(runs, machine),       RB_COL(runs, device_key),
                                  RB_COL(runs, precision), RB_COL(runs, batch_size),    RB_COL(runs, backend),
                                  RB_COL(runs, provider),  RB_COL(runs, submit),        RB_COL(runs, threads),
                                  RB_COL(runs, quirks),    RB_COL(runs, isa),           RB_COL(runs, ranks),
                                  RB_COL(runs, overrides), RB_COL(runs, workload_hash), RB_COL(runs, commit),
                                  RB_COL(runs, dirty),     RB_COL(runs, settings)};
    rb_status status = RB_OK;
    rb_page_run *runs = NULL;
    rb_contrast *pairs = NULL;
    double *room = NULL;
    int n = 0, n_pairs = 0, apart = 0;
    RB_TRY(rb__page_runs(r, is_steps, columns, sizeof columns / sizeof *columns, &runs, &n));
    pairs = malloc(((size_t)n + 1) * sizeof *pairs);
    room = malloc((3 * (size_t)n + 1) * sizeof *room);
    if (!pairs || !room) {
        status = rb_fail(RB_MEMORY, "out of memory for %d speeds", n);
        goto cleanup;
    }
    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && same_place(runs[from].row, runs[to].row);) to++;
        RB_TRY(add_place(runs + from, to - from, room, pairs, &n_pairs, &apart));
    }
    RB_TRY(rb_judge(pairs, n_pairs, false));
    tell(r, pairs, n_pairs, apart, sentence);
cleanup:
    for (int i = 0; i < n_pairs; i++) free((double *)pairs[i].a);
    free(pairs);
    free(room);
    free(runs);
    return status;
}
