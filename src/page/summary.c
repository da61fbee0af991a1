/* summary.c: the report in words. Nothing is claimed but what the tables show, and nothing without how many values it
 * rests on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/summary.h"

void rb__page_say(rb_report *r, rb_text *sentence) {
    for (char *c = sentence->data; c && *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
    if (sentence->length) rb_text_printf(&r->summary, "%s\n", sentence->data);
    r->summary.failed |= sentence->failed;
    rb_text_clear(sentence);
}

const char *rb__page_plural(int n) { return n == 1 ? "" : "s"; }

/* How many different texts a column has. */
static int count_different(const rb_report *r, rb_page_table table, int column) {
    int n = 0;
    for (int i = 0; i < r->tables[table].n; i++) {
        bool seen = !*rb__page_text_at(r, table, i, column);
        for (int k = i - 1; k >= 0 && !seen; k--)
            seen = !strcmp(rb__page_text_at(r, table, i, column), rb__page_text_at(r, table, k, column));
        n += !seen;
    }
    return n;
}

static int different_cases(const rb_report *r) {
    const char **names = NULL;
    size_t most = 1, n = 0;
    int different = 0;
    for (int k = 0; k < r->n_sessions; k++) most += (size_t)r->sessions[k].runs.n;
    names = malloc(most * sizeof *names);
    if (!names) return 0;
    for (int k = 0; k < r->n_sessions; k++)
        for (int i = 0; i < r->sessions[k].runs.n; i++)
            names[n++] = rb_row_get_text(&r->sessions[k].runs.rows[i], RB_COL(runs, case));
    qsort(names, n, sizeof *names, rb__page_by_text);
    for (size_t i = 0; i < n; i++) different += i == 0 || strcmp(names[i], names[i - 1]) != 0;
    free(names);
    return different;
}

int rb__page_by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* "161 runs of 43 cases on 2 devices of 1 machine, in 6 folders from 2026-11-22 to 2026-11-23." */
static void tell_scope(rb_report *r, rb_text *s) {
    const char *first = "", *last = "";
    int runs = 0, machines = count_different(r, RB_PAGE_devices, RB_PAGE_COL(devices, machine));
    for (int k = 0; k < r->n_sessions; k++)
        for (int i = 0; i < r->sessions[k].runs.n; i++, runs++) {
            const char *at = rb_row_get_text(&r->sessions[k].runs.rows[i], RB_COL(runs, started_utc));
            if (*at && (!*first || strcmp(at, first) < 0)) first = at;
            if (*at && strcmp(at, last) > 0) last = at;
        }
    if (runs == 0) {
        rb_text_printf(s, "Nothing was run: %d session%s without a row of results.", r->n_sessions,
                       rb__page_plural(r->n_sessions));
        rb__page_say(r, s);
        return;
    }
    int cases = different_cases(r), devices = r->tables[RB_PAGE_devices].n;
    rb_text_printf(s, "%d run%s of %d case%s on %d device%s of %d machine%s, in %d session folder%s", runs,
                   rb__page_plural(runs), cases, rb__page_plural(cases), devices, rb__page_plural(devices), machines,
                   rb__page_plural(machines), r->n_sessions, rb__page_plural(r->n_sessions));
    if (*first && strncmp(first, last, 10) == 0)
        rb_text_printf(s, ", on %.10s", first);
    else if (*first)
        rb_text_printf(s, ", from %.10s to %.10s", first, last);
    rb_text_append(s, ".");
    rb__page_say(r, s);
}

/* "3 of 161 runs failed: 2 timeout, 1 oom." */
static void tell_failures(rb_report *r, rb_text *s) {
    int n = r->tables[RB_PAGE_failures].n, runs = 0, foreseen = 0, told = 0, one = 0;
    const char **words = malloc(((size_t)n + 1) * sizeof *words);
    if (!words) {
        r->memory = true;
        return;
    }
    for (int k = 0; k < r->n_sessions; k++)
        for (int i = 0; i < r->sessions[k].runs.n; i++, runs++)
            foreseen += rb__page_as_foreseen(&r->sessions[k].runs.rows[i]);
    for (int i = 0; i < n; i++) words[i] = rb__page_text_at(r, RB_PAGE_failures, i, RB_PAGE_COL(failures, status));
    qsort(words, (size_t)n, sizeof *words, rb__page_by_text);
    if (n) rb_text_printf(s, "%d of %d run%s failed: ", n, runs, rb__page_plural(runs));
    for (int i = 0; i < n; i++) {
        one++;
        if (i + 1 < n && !strcmp(words[i], words[i + 1])) continue;
        rb_text_printf(s, "%s%d %s", told++ ? ", " : "", one, *words[i] ? words[i] : "without a word");
        one = 0;
    }
    if (n)
        rb_text_append(s, ".");
    else if (runs)
        rb_text_append(s, runs > 1 ? "No run failed." : "It did not fail.");
    if (foreseen) rb_text_printf(s, " %d more ended otherwise than well, as the case foresees.", foreseen);
    rb__page_say(r, s);
    free(words);
}

/* --- regularizers ---------------------------------------------------------------------------------------------------
 */

static bool is_verdict(const rb_row *row, const char *word) {
    return !strcmp(rb_row_get_text(row, RB_COL(effects, verdict)), word);
}

/* " on cpu of vm", where effects come from several places. */
static void put_place(const rb_report *r, const rb_row *row, rb_text *s) {
    static const int place[] = {RB_COL(effects, device_key), RB_COL(effects, machine)};
    bool several = false;
    for (int i = 0; i < r->n_effects; i++)
        for (int c = 0; c < 2; c++)
            several |= strcmp(rb_row_get_text(&r->effects[i], place[c]), rb_row_get_text(row, place[c])) != 0;
    if (several) rb_text_printf(s, " on %s of %s", rb_row_get_text(row, place[0]), rb_row_get_text(row, place[1]));
}

/* "+0.4 points, 95 % interval -1.2 to +2.0, 6 seeds"; in a list "-1.2 to +2.0 points, 6 seeds" */
static void put_change(const rb_row *row, bool whole, rb_text *s) {
    int pairs = (int)row->cells[RB_COL(effects, pairs)].u.i;
    bool interval = row->cells[RB_COL(effects, low)].type != RB_CELL_EMPTY;
    if (whole) rb_text_printf(s, "%+.1f points", 100 * row->cells[RB_COL(effects, change)].u.r);
    if (whole && interval) rb_text_append(s, ", 95 % interval ");
    if (interval)
        rb_text_printf(s, "%+.1f to %+.1f%s", 100 * row->cells[RB_COL(effects, low)].u.r,
                       100 * row->cells[RB_COL(effects, high)].u.r, whole ? "" : " points");
    rb_text_printf(s, ", %d seed%s", pairs, rb__page_plural(pairs));
}

static void tell_changed(rb_report *r, const rb_row *row, rb_text *s) {
    const char *reg = rb_row_get_text(row, RB_COL(effects, reg));
    bool higher = is_verdict(row, "higher");
    rb_text_printf(s, "%s%s%s%s %s the final validation accuracy of %s", rb_row_get_text(row, RB_COL(effects, arm)),
                   *reg ? " (" : "", reg, *reg ? ")" : "", higher ? "raises" : "lowers",
                   rb_row_get_text(row, RB_COL(effects, base)));
    put_place(r, row, s);
    rb_text_append(s, ": ");
    put_change(row, true, s);
    rb_text_append(s, ".");
    rb__page_say(r, s);
}

typedef enum kind { SINGLE, ZERO_INSIDE, SMALL } kind;

/* Of effects without a direction: no interval, one that includes no change, one that does not but is below 0.3 points.
 */
static kind kind_of(const rb_row *row) {
    if (row->cells[RB_COL(effects, low)].type == RB_CELL_EMPTY) return SINGLE;
    bool inside = row->cells[RB_COL(effects, low)].u.r <= 0 && row->cells[RB_COL(effects, high)].u.r >= 0;
    return inside ? ZERO_INSIDE : SMALL;
}

/* One sentence on all effects of one kind, a few of them by name: the table has them all. */
static void tell_others(rb_report *r, const char *begin, kind wanted, rb_text *s) {
    enum { MOST = 3 };
    int n = 0;
    for (int i = 0; i < r->n_effects; i++) {
        const rb_row *row = &r->effects[i];
        if (strcmp(rb_row_get_text(row, RB_COL(effects, figure)), "val_acc_final") != 0) continue;
        if (!is_verdict(row, "unclear") && !is_verdict(row, "close")) continue;
        if (kind_of(row) != wanted) continue;
        if (n++ >= MOST) continue;
        rb_text_printf(s, "%s%s", n > 1 ? ", " : begin, rb_row_get_text(row, RB_COL(effects, arm)));
        put_place(r, row, s);
        rb_text_append(s, " (");
        put_change(row, wanted == SINGLE, s);
        rb_text_append(s, ")");
    }
    if (n > MOST) rb_text_printf(s, ", and %d more: see Regularizers", n - MOST);
    if (n) rb_text_append(s, ".");
    rb__page_say(r, s);
}

static void tell_effects(rb_report *r, rb_text *s) {
    enum { MOST = 6 };
    int n = 0;
    for (int i = 0; i < r->n_effects; i++) {
        const rb_row *row = &r->effects[i];
        if (strcmp(rb_row_get_text(row, RB_COL(effects, figure)), "val_acc_final") != 0) continue;
        if ((is_verdict(row, "higher") || is_verdict(row, "lower")) && n++ < MOST) tell_changed(r, row, s);
    }
    if (n > MOST) {
        rb_text_printf(s, "%d more regularizers change the final validation accuracy: see Regularizers.", n - MOST);
        rb__page_say(r, s);
    }
    tell_others(r, "No change of the final validation accuracy can be shown (95 % intervals) for ", ZERO_INSIDE, s);
    tell_others(r, "Smaller than 0.3 points (95 % intervals), which counts as no change: ", SMALL, s);
    int unlike = 0;
    for (int i = 0; i < r->n_effects; i++)
        unlike += is_verdict(&r->effects[i], "unlike") &&
                  !strcmp(rb_row_get_text(&r->effects[i], RB_COL(effects, figure)), "val_acc_final");
    if (unlike) {
        rb_text_printf(s, "%d arm%s from the base in more than the regularizer, so without a verdict.", unlike,
                       unlike == 1 ? " differs" : "s differ");
        rb__page_say(r, s);
    }
    tell_others(r, "Of one seed, so without a verdict: ", SINGLE, s);
}

/* --- history --------------------------------------------------------------------------------------------------------
 */

static void tell_history(rb_report *r, rb_text *s) {
    enum { MOST = 6 };
    int steps = 0, points = r->tables[RB_PAGE_history].n, columns[RB_MAX_COLUMNS];
    static const char *const names[] = {"case",       "device_key",  "machine", "step",
                                        "step_ratio", "started_utc", "commit",  "phase"};
    for (int c = 0; c < (int)(sizeof names / sizeof *names); c++)
        columns[c] = rb__page_column(RB_PAGE_history, names[c]);
    if (points == 0) return;
    for (int i = 0; i < points; i++) {
        const char *step = rb__page_text_at(r, RB_PAGE_history, i, columns[3]);
        if (!*step || steps++ >= MOST) continue;
        bool whole = !strcmp(rb__page_text_at(r, RB_PAGE_history, i, columns[7]), "run");
        rb_text_printf(
            s, "%s%s on %s of %s is %.3g times as fast since %.10s, commit %s (%s).",
            rb__page_text_at(r, RB_PAGE_history, i, columns[0]), whole ? " in whole runs" : "",
            rb__page_text_at(r, RB_PAGE_history, i, columns[1]), rb__page_text_at(r, RB_PAGE_history, i, columns[2]),
            rb__page_number_at(r, RB_PAGE_history, i, columns[4]), rb__page_text_at(r, RB_PAGE_history, i, columns[5]),
            rb__page_text_at(r, RB_PAGE_history, i, columns[6]), step);
        rb__page_say(r, s);
    }
    if (steps > MOST)
        rb_text_printf(s, "%d more steps stand in the history.", steps - MOST);
    else if (steps == 0)
        rb_text_printf(s,
                       "No step of a speed can be shown over the sessions: %d points of cases that were measured "
                       "more than once.",
                       points);
    rb__page_say(r, s);
}

rb_status rb__page_summary(rb_report *r) {
    rb_text sentence = {0};
    tell_scope(r, &sentence);
    rb_status status = rb__page_tell_speeds(r, &sentence);
    tell_effects(r, &sentence);
    tell_history(r, &sentence);
    tell_failures(r, &sentence);
    rb_text_free(&sentence);
    return status == RB_OK ? rb__page_status(r) : status;
}
