/* ranking.c: which device is fastest at what, in words: only where the 95 % intervals of the medians lie apart. */
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
        all &= above(r, top, best[k]);
        if (c.second < 0 || NUMBER(best[k], samples_per_s) > NUMBER(c.second, samples_per_s)) c.second = best[k];
    }
    if (all) c.winner = top;
    return c;
}

/* "cpu trains size/lenet (batch 512) 2.2 times as fast as opencl:0: 75,600 against 34,900 samples/s, ..." */
static void tell_winner(rb_report *r, const contest *c, rb_text *s) {
    int a = c->winner, b = c->second;
    rb_text_printf(
        s,
        "%s of %s is fastest at %s%s%s, batch %.0f: %.3g times as fast as %s (95 %% intervals of both medians: "
        "%.3g to %.3g times; %.0f and %.0f processes).",
        TEXT(a, device_key), TEXT(a, machine), TEXT(a, case), *TEXT(a, overrides) ? " " : "", TEXT(a, overrides),
        NUMBER(a, batch_size), NUMBER(a, samples_per_s) / NUMBER(b, samples_per_s), TEXT(b, device_key),
        NUMBER(a, samples_per_s_low) / NUMBER(b, samples_per_s_high),
        NUMBER(a, samples_per_s_high) / NUMBER(b, samples_per_s_low), NUMBER(a, n), NUMBER(b, n));
    rb__page_say(r, s);
}

/* Rows of speeds stand by case, so contests of all machines do. */
static void tell_contests(rb_report *r, rb_text *s) {
    enum { MOST = 8 };
    int n = r->tables[RB_PAGE_speeds].n, told = 0, apart = 0, alike = 0, few = 0;
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
            apart++;
            if (told++ < MOST) tell_winner(r, &c, s);
        } else if (c.few)
            few++;
        else
            alike++;
    }
    if (told > MOST) rb_text_printf(s, "%d more cases have a fastest device: see the table of speeds. ", told - MOST);
    if (alike)
        rb_text_printf(s, "In %d case%s no device is fastest: the intervals overlap. ", alike, rb__page_plural(alike));
    if (few)
        rb_text_printf(s,
                       "Not enough processes to rank the devices in %d case%s: a 95 %% interval takes 6 on each "
                       "(regbench bench -r 10).",
                       few, rb__page_plural(few));
    while (s->length && s->data[s->length - 1] == ' ') s->data[--s->length] = '\0';
    rb__page_say(r, s);
    free(done);
}

/* --- other libraries ------------------------------------------------------------------------------------------------
 */

/* Our fastest row of what the peer's row p did, -1 = none. */
static int rival_of(const rb_report *r, int p) {
    int best = -1;
    for (int i = 0; i < r->tables[RB_PAGE_speeds].n; i++) {
        if (is_peer(r, i) || !is_steps(r, i) || strcmp(TEXT(i, case), TEXT(p, case)) != 0) continue;
        if (strcmp(TEXT(i, machine), TEXT(p, machine)) != 0 || strcmp(TEXT(i, device_key), TEXT(p, device_key)) != 0 ||
            strcmp(TEXT(i, precision), TEXT(p, precision)) != 0 || NUMBER(i, batch_size) != NUMBER(p, batch_size))
            continue;
        if (best < 0 || NUMBER(i, samples_per_s) > NUMBER(best, samples_per_s)) best = i;
    }
    return best;
}

static void tell_peers(rb_report *r, rb_text *s) {
    int ahead = 0, behind = 0, alike = 0, few = 0;
    double least = INFINITY, most = 0;
    for (int p = 0; p < r->tables[RB_PAGE_speeds].n; p++) {
        int ours = is_peer(r, p) && is_steps(r, p) ? rival_of(r, p) : -1;
        if (ours < 0) continue;
        double ratio = NUMBER(ours, samples_per_s) / NUMBER(p, samples_per_s);
        if (strcmp(TEXT(ours, interval), "95 %") != 0 || strcmp(TEXT(p, interval), "95 %") != 0) {
            few++;
            continue;
        }
        ahead += above(r, ours, p);
        behind += above(r, p, ours);
        alike += !above(r, ours, p) && !above(r, p, ours);
        least = fmin(least, ratio);
        most = fmax(most, ratio);
    }
    int judged = ahead + behind + alike;
    if (judged)
        rb_text_printf(
            s,
            "Beside other libraries on the same device, in %d pair%s of medians with 95 %% intervals: regbench "
            "is faster in %d, slower in %d, not told apart in %d; the ratios go from %.3g to %.3g. ",
            judged, rb__page_plural(judged), ahead, behind, alike, least, most);
    if (few)
        rb_text_printf(s, "%d pair%s with another library %s too few processes for a verdict (fewer than 6 on a side).",
                       few, rb__page_plural(few), few == 1 ? "has" : "have");
    while (s->length && s->data[s->length - 1] == ' ') s->data[--s->length] = '\0';
    rb__page_say(r, s);
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

void rb__page_tell_speeds(rb_report *r, rb_text *sentence) {
    tell_contests(r, sentence);
    tell_peers(r, sentence);
    tell_shares(r, sentence);
}
