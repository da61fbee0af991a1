/* ranking.c: which device is fastest at what, in words: only where `compare` gives that verdict or, where it does not
 * pair the two (a library's kernels and own ones), the 95 % intervals of both medians lie apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/summary.h"

static const char *text(const rb_report *r, int row, int column) {
    return rb__page_text_at(r, RB_PAGE_speeds, row, column);
}
static double number(const rb_report *r, int row, int column) {
    return rb__page_number_at(r, RB_PAGE_speeds, row, column);
}
#define TEXT(row, column)   text(r, row, RB_PAGE_COL(speeds, column))
#define NUMBER(row, column) number(r, row, RB_PAGE_COL(speeds, column))

static bool is_steps(const rb_report *r, int row) { return !strcmp(TEXT(row, mode), "train"); }

/* Another library's row: it did no work of ours, so it has no hash of it. */
static bool is_peer(const rb_report *r, int row) { return !*TEXT(row, workload_hash); }

/* One thing on one machine, done by several devices. */
static bool same_contest(const rb_report *r, int a, int b) {
    return !strcmp(TEXT(a, case), TEXT(b, case)) && !strcmp(TEXT(a, machine), TEXT(b, machine)) &&
           !strcmp(TEXT(a, overrides), TEXT(b, overrides)) && !strcmp(TEXT(a, precision), TEXT(b, precision)) &&
           !strcmp(TEXT(a, workload_hash), TEXT(b, workload_hash)) && NUMBER(a, batch_size) == NUMBER(b, batch_size);
}

/* Both medians have an interval, and a's lies above b's. */
static bool above(const rb_report *r, int a, int b) {
    return !strcmp(TEXT(a, interval), "95 %") && !strcmp(TEXT(b, interval), "95 %") &&
           NUMBER(a, samples_per_s_low) > NUMBER(b, samples_per_s_high);
}

/* The device's peak changed by more than 5 % during many of its sessions: 1 in the table of devices. */
static bool has_drifted(const rb_report *r, const char *machine, const char *key) {
    for (int d = 0; d < r->tables[RB_PAGE_devices].n; d++)
        if (!strcmp(rb__page_text_at(r, RB_PAGE_devices, d, RB_PAGE_COL(devices, machine)), machine) &&
            !strcmp(rb__page_text_at(r, RB_PAGE_devices, d, RB_PAGE_COL(devices, device_key)), key))
            return rb__page_number_at(r, RB_PAGE_devices, d, RB_PAGE_COL(devices, drifted)) == 1;
    return false;
}

/* What `compare` says of two rows: how many times faster a is than b, with its interval. */
typedef struct pair_verdict {
    bool known, faster; /* a row of compare is there; it says that a is faster */
    double ratio, low, high;
} pair_verdict;

/* The columns of compare, in the order of its names here. */
enum {
    CASE,
    MACHINE,
    BATCH,
    OVERRIDES,
    PROVIDER,
    PRECISION,
    SUBMIT,
    THREADS,
    SETTINGS,
    PHASE,
    ARM_A,
    ARM_B,
    RATIO,
    LOW,
    HIGH,
    VERDICT,
    NAMES
};

/* The row's cell says of A and B what these two do: "x", or "x / y" where they differ. */
static bool says(const rb_report *r, int row, int column, const char *a, const char *b) {
    char both[700];
    snprintf(both, sizeof both, !strcmp(a, b) ? "%s" : "%s / %s", *a || !strcmp(a, b) ? a : "-", *b ? b : "-");
    return !strcmp(rb__page_text_at(r, RB_PAGE_compare, row, column), both);
}

static const char *threads_of(const rb_report *r, int row, char out[24]) {
    double threads = NUMBER(row, threads);
    snprintf(out, 24, isfinite(threads) ? "%.0f" : "", threads);
    return out;
}

static bool is_pair(const rb_report *r, const int *at, int row, int a, int b) {
    char x[24], y[24];
    return !strcmp(rb__page_text_at(r, RB_PAGE_compare, row, at[ARM_A]), TEXT(a, device_key)) &&
           !strcmp(rb__page_text_at(r, RB_PAGE_compare, row, at[ARM_B]), TEXT(b, device_key)) &&
           says(r, row, at[PROVIDER], TEXT(a, provider), TEXT(b, provider)) &&
           says(r, row, at[PRECISION], TEXT(a, precision), TEXT(b, precision)) &&
           says(r, row, at[SUBMIT], TEXT(a, submit), TEXT(b, submit)) &&
           says(r, row, at[SETTINGS], TEXT(a, settings), TEXT(b, settings)) &&
           says(r, row, at[THREADS], threads_of(r, a, x), threads_of(r, b, y));
}

static pair_verdict judge(const rb_report *r, int a, int b) {
    static const char *const names[NAMES] = {"case",   "machine",   "batch_size", "overrides", "provider", "precision",
                                             "submit", "threads",   "settings",   "phase",     "arm_a",    "arm_b",
                                             "ratio",  "ratio_low", "ratio_high", "verdict"};
    int at[NAMES];
    pair_verdict j = {0};
    for (int c = 0; c < NAMES; c++) at[c] = rb__page_column(RB_PAGE_compare, names[c]);
    for (int i = 0; i < r->tables[RB_PAGE_compare].n; i++) {
        if (strcmp(rb__page_text_at(r, RB_PAGE_compare, i, at[CASE]), TEXT(a, case)) != 0 ||
            strcmp(rb__page_text_at(r, RB_PAGE_compare, i, at[MACHINE]), TEXT(a, machine)) != 0 ||
            strcmp(rb__page_text_at(r, RB_PAGE_compare, i, at[OVERRIDES]), TEXT(a, overrides)) != 0 ||
            strcmp(rb__page_text_at(r, RB_PAGE_compare, i, at[PHASE]), "bench") != 0 ||
            rb__page_number_at(r, RB_PAGE_compare, i, at[BATCH]) != NUMBER(a, batch_size))
            continue;
        bool as_is = is_pair(r, at, i, a, b), swapped = is_pair(r, at, i, b, a);
        if (!as_is && !swapped) continue;
        double ratio = rb__page_number_at(r, RB_PAGE_compare, i, at[RATIO]);
        double low = rb__page_number_at(r, RB_PAGE_compare, i, at[LOW]);
        double high = rb__page_number_at(r, RB_PAGE_compare, i, at[HIGH]);
        /* It tells how many times faster B is than A. */
        j.known = true;
        j.faster = !strcmp(rb__page_text_at(r, RB_PAGE_compare, i, at[VERDICT]), as_is ? "slower" : "faster");
        j.ratio = as_is ? 1 / ratio : ratio;
        j.low = as_is ? 1 / high : low;
        j.high = as_is ? 1 / low : high;
    }
    return j;
}

/* `compare` says so; where it does not pair the two, the intervals of their medians do. */
static bool beats(const rb_report *r, int a, int b) {
    pair_verdict j = judge(r, a, b);
    return j.known ? j.faster : above(r, a, b);
}

/* What came of one contest. */
typedef struct contest {
    int winner, second; /* rows; winner -1: not told apart */
    bool few;           /* some device has too few processes for an interval */
    int devices;
} contest;

/* `done` marks the rows that were looked at. Of a device that was measured in several ways its fastest counts. */
static contest hold(const rb_report *r, int first, bool *done) {
    contest c = {-1, -1, false, 0};
    int n = r->tables[RB_PAGE_speeds].n, best[16], n_best = 0;
    for (int i = first; i < n && !strcmp(TEXT(i, case), TEXT(first, case)); i++) {
        int k = 0;
        if (done[i] || !is_steps(r, i) || is_peer(r, i) || !same_contest(r, first, i)) continue;
        done[i] = true;
        while (k < n_best && strcmp(TEXT(best[k], device_key), TEXT(i, device_key)) != 0) k++;
        if (k == 16) continue;
        if (k == n_best)
            best[n_best++] = i;
        else if (NUMBER(i, samples_per_s) > NUMBER(best[k], samples_per_s))
            best[k] = i;
    }
    c.devices = n_best;
    if (n_best < 2) return c;
    int top = best[0];
    for (int k = 1; k < n_best; k++)
        if (NUMBER(best[k], samples_per_s) > NUMBER(top, samples_per_s)) top = best[k];
    bool all = true;
    for (int k = 0; k < n_best; k++) {
        c.few |= strcmp(TEXT(best[k], interval), "95 %") != 0;
        if (best[k] == top) continue;
        all &= beats(r, top, best[k]);
        if (c.second < 0 || NUMBER(best[k], samples_per_s) > NUMBER(c.second, samples_per_s)) c.second = best[k];
    }
    if (all) c.winner = top;
    return c;
}

/* "cpu of vm is fastest at size/lenet, batch 512: 2.2 times as fast as opencl:0 (..)" */
static void tell_winner(rb_report *r, const contest *c, rb_text *s) {
    int a = c->winner, b = c->second;
    pair_verdict j = judge(r, a, b);
    bool whole = j.known && isfinite(j.low) && isfinite(j.high);
    rb_text_printf(
        s, "%s of %s is fastest at %s%s%s, batch %.0f: %.3g times as fast as %s (95 %% interval%s %.3g to %.3g; ",
        TEXT(a, device_key), TEXT(a, machine), TEXT(a, case), *TEXT(a, overrides) ? " " : "", TEXT(a, overrides),
        NUMBER(a, batch_size), j.known ? j.ratio : NUMBER(a, samples_per_s) / NUMBER(b, samples_per_s),
        TEXT(b, device_key), whole ? "" : "s of both medians apart,",
        whole ? j.low : NUMBER(a, samples_per_s_low) / NUMBER(b, samples_per_s_high),
        whole ? j.high : NUMBER(a, samples_per_s_high) / NUMBER(b, samples_per_s_low));
    rb_text_printf(s, "%.0f and %.0f processes).", NUMBER(a, n), NUMBER(b, n));
    rb__page_say(r, s);
}

/* Rows of speeds stand by case, so contests of all machines do. */
static void tell_contests(rb_report *r, rb_text *s) {
    enum { MOST = 8 };
    int n = r->tables[RB_PAGE_speeds].n, told = 0, doubtful = 0, alike = 0, few = 0;
    bool *done = calloc((size_t)n + 1, sizeof *done);
    if (!done) {
        r->memory = true;
        return;
    }
    for (int i = 0; i < n; i++) {
        if (done[i] || !is_steps(r, i) || is_peer(r, i)) continue;
        contest c = hold(r, i, done);
        if (c.devices < 2) continue;
        if (c.winner >= 0) {
            doubtful += has_drifted(r, TEXT(c.winner, machine), TEXT(c.winner, device_key)) ||
                        has_drifted(r, TEXT(c.second, machine), TEXT(c.second, device_key));
            if (told++ < MOST) tell_winner(r, &c, s);
        } else if (c.few)
            few++;
        else
            alike++;
    }
    if (told > MOST) rb_text_printf(s, "%d more cases have a fastest device: see the table of speeds. ", told - MOST);
    if (doubtful)
        rb_text_printf(
            s,
            "%d of these rankings %s to be doubted: the peak of one of the devices changed by more than 5 %% "
            "during many sessions. ",
            doubtful, doubtful == 1 ? "is" : "are");
    if (alike) rb_text_printf(s, "In %d case%s no device can be called fastest. ", alike, rb__page_plural(alike));
    if (few)
        rb_text_printf(s, "Not enough processes to rank the devices in %d case%s: regbench bench -r 10 takes enough.",
                       few, rb__page_plural(few));
    while (s->length && s->data[s->length - 1] == ' ') s->data[--s->length] = '\0';
    rb__page_say(r, s);
    free(done);
}

/* --- shares of the peak ---------------------------------------------------------------------------------------------
 */

/* One sentence per device: its highest and lowest share. */
static void tell_shares(rb_report *r, rb_text *s) {
    for (int d = 0; d < r->tables[RB_PAGE_devices].n; d++) {
        const char *machine = rb__page_text_at(r, RB_PAGE_devices, d, RB_PAGE_COL(devices, machine));
        const char *key = rb__page_text_at(r, RB_PAGE_devices, d, RB_PAGE_COL(devices, device_key));
        int high = -1, low = -1, n = 0;
        for (int i = 0; i < r->tables[RB_PAGE_speeds].n; i++) {
            double share = NUMBER(i, pct_peak_flops);
            if (!is_steps(r, i) || is_peer(r, i) || !isfinite(share) || strcmp(TEXT(i, machine), machine) != 0 ||
                strcmp(TEXT(i, device_key), key) != 0)
                continue;
            n++;
            if (high < 0 || share > NUMBER(high, pct_peak_flops)) high = i;
            if (low < 0 || share < NUMBER(low, pct_peak_flops)) low = i;
        }
        if (n == 0) continue;
        if (has_drifted(r, machine, key)) {
            rb_text_printf(s,
                           "What share of its peak %s of %s reaches is not told: the peak changed by more than 5 %% "
                           "during many sessions.",
                           key, machine);
            rb__page_say(r, s);
            continue;
        }
        rb_text_printf(s,
                       "%s of %s reaches %.0f %% of its own measured peak at %s (batch %.0f, median of %.0f process%s)",
                       key, machine, NUMBER(high, pct_peak_flops), TEXT(high, case), NUMBER(high, batch_size),
                       NUMBER(high, n), NUMBER(high, n) == 1 ? "" : "es");
        if (low != high)
            rb_text_printf(s, ", %.0f %% at %s (batch %.0f, %.0f process%s)", NUMBER(low, pct_peak_flops),
                           TEXT(low, case), NUMBER(low, batch_size), NUMBER(low, n), NUMBER(low, n) == 1 ? "" : "es");
        rb_text_append(s, "; FLOPs are the model's.");
        rb__page_say(r, s);
    }
}

rb_status rb__page_tell_speeds(rb_report *r, rb_text *sentence) {
    tell_contests(r, sentence);
    rb_status status = rb__page_tell_peers(r, sentence);
    tell_shares(r, sentence);
    return status;
}
