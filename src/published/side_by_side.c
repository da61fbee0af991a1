/* side_by_side.c: the speeds for a front page: a case in a line, every device beside what one would use instead. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"

enum { MOST_DEVICES = 12 };

/* What a line of the table is made of. */
typedef struct line {
    const rb_row *at[MOST_DEVICES]; /* by device; NULL where the case was not measured on it */
    const rb_row *first;
} line;

typedef struct sheet {
    const char *devices[MOST_DEVICES]; /* selectors, in the order in which they appear */
    int n_devices;
    bool machine, peer; /* whether these differ from line to line, so that each says its own */
} sheet;

/* Measured by turns: beside the same values of the same peer. */
static bool same_line(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(result_devices, machine),    RB_COL(result_devices, case),
                                  RB_COL(result_devices, batch_size), RB_COL(result_devices, precision),
                                  RB_COL(result_devices, set_name),   RB_COL(result_devices, peer),
                                  RB_COL(result_devices, peer_file),  RB_COL(result_devices, peer_lines)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* The column of a row's device, which is added if it is new; -1: no room. */
static int column_of(sheet *s, const rb_row *row) {
    const char *key = rb__cell(row, RB_COL(result_devices, device_key));
    int i = 0;
    while (i < s->n_devices && strcmp(s->devices[i], key) != 0) i++;
    if (i == MOST_DEVICES) return -1;
    if (i == s->n_devices) s->devices[s->n_devices++] = key;
    return i;
}

/* The next line, out of rows that no line has yet. False: there is none. */
static bool next_line(sheet *s, const rb_row *rows, int n, bool *taken, line *out) {
    memset(out, 0, sizeof *out);
    for (int i = 0; i < n; i++) {
        int at = taken[i] ? -1 : column_of(s, &rows[i]);
        if (at < 0 || out->at[at] || (out->first && !same_line(out->first, &rows[i]))) continue;
        if (!out->first) out->first = &rows[i];
        out->at[at] = &rows[i];
        taken[i] = true;
    }
    return out->first;
}

static void put_ratio(const rb_row *row, rb_text *out) {
    double ratio = rb__number(row, RB_COL(result_devices, ratio)),
           low = rb__number(row, RB_COL(result_devices, ratio_low));
    if (!isfinite(ratio)) return;
    rb_text_append(out, "**");
    rb__put_ratio(ratio, out);
    rb_text_append(out, "**");
    if (!isfinite(low)) return;
    rb_text_append(out, " (");
    rb__put_ratio(low, out);
    rb_text_append(out, "–");
    rb__put_ratio(rb__number(row, RB_COL(result_devices, ratio_high)), out);
    rb_text_append(out, ")");
}

/* "10", or "3–10" where the devices and the peer do not have as many. */
static void put_processes(const line *l, rb_text *out) {
    double least = INFINITY, most = 0;
    for (int d = 0; d < MOST_DEVICES; d++)
        for (int peer = 0; l->at[d] && peer < 2; peer++) {
            double n = rb__number(l->at[d], peer ? RB_COL(result_devices, peer_n) : RB_COL(result_devices, n));
            least = fmin(least, n);
            most = fmax(most, n);
        }
    if (least < most) rb_text_printf(out, "%.0f–", least);
    rb_text_printf(out, "%.0f", most);
}

/* A link to each file that the line's values stand in, from the first to the last of these. */
static void put_rows(const rb_published *p, const line *l, const char *folder, rb_text *out) {
    const char *files[2 * MOST_DEVICES];
    int n = 0;
    for (int d = 0; d < 2 * MOST_DEVICES; d++) {
        const rb_row *row = l->at[d / 2];
        const char *file =
            row ? rb__cell(row, d % 2 ? RB_COL(result_devices, peer_file) : RB_COL(result_devices, file)) : "";
        int first = INT_MAX, last = 0, seen = 0;
        while (seen < n && strcmp(files[seen], file) != 0) seen++;
        if (!*file || seen < n) continue;
        files[n++] = file;
        for (int k = 0; k < MOST_DEVICES; k++) {
            if (!l->at[k]) continue;
            if (!strcmp(rb__cell(l->at[k], RB_COL(result_devices, file)), file))
                rb__note_range(rb__cell(l->at[k], RB_COL(result_devices, lines)), &first, &last);
            if (!strcmp(rb__cell(l->at[k], RB_COL(result_devices, peer_file)), file))
                rb__note_range(rb__cell(l->at[k], RB_COL(result_devices, peer_lines)), &first, &last);
        }
        rb_text_printf(out, "%s[%d-%d](", n > 1 ? " " : "", first, last);
        rb__put_path(p, rb__cell(l->first, RB_COL(result_devices, set_name)), file, folder, out);
        rb_text_printf(out, "#L%d-L%d)", first, last);
    }
}

static void put_line(const rb_published *p, const sheet *s, const line *l, const char *folder, rb_text *out) {
    double beside = rb__number(l->first, RB_COL(result_devices, peer_samples_per_s));
    rb_text_printf(out, "| %s |", rb__cell(l->first, RB_COL(result_devices, case)));
    if (s->machine) rb_text_printf(out, " %s |", rb__cell(l->first, RB_COL(result_devices, machine)));
    rb_text_printf(out, " %.0f | ", rb__number(l->first, RB_COL(result_devices, batch_size)));
    if (s->peer) rb_text_printf(out, "%s ", rb__cell(l->first, RB_COL(result_devices, peer)));
    if (isfinite(beside)) rb__put_count(beside, out);
    for (int d = 0; d < s->n_devices; d++) {
        rb_text_append(out, " | ");
        if (l->at[d]) rb__put_count(rb__number(l->at[d], RB_COL(result_devices, samples_per_s)), out);
        if (l->at[d] && rb__doubtful(l->at[d])) rb_text_append(out, " \\*");
        rb_text_append(out, " | ");
        if (l->at[d]) put_ratio(l->at[d], out);
    }
    rb_text_append(out, " | ");
    put_processes(l, out);
    rb_text_append(out, " | ");
    put_rows(p, l, folder, out);
    rb_text_append(out, " |\n");
}

void rb__md_speeds(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    sheet s = {.machine = rb__differs(rows, n, RB_COL(result_devices, machine)),
               .peer = rb__differs(rows, n, RB_COL(result_devices, peer))};
    bool *taken = calloc((size_t)n, sizeof *taken), doubtful = false;
    rb_text body = {0}, caption = {0};
    if (!taken) {
        out->failed = 1;
        return;
    }
    for (int i = 0; i < n; i++) {
        column_of(&s, &rows[i]);
        doubtful = doubtful || rb__doubtful(&rows[i]);
    }
    for (line l; next_line(&s, rows, n, taken, &l);) put_line(p, &s, &l, folder, &body);
    rb_text_printf(out, "| case |%s batch | %s |", s.machine ? " machine |" : "",
                   s.peer ? "beside it" : rb__cell(&rows[0], RB_COL(result_devices, peer)));
    for (int d = 0; d < s.n_devices; d++)
        rb_text_printf(out, " %s | %s / %s |", s.devices[d], s.devices[d],
                       s.peer ? "it" : rb__cell(&rows[0], RB_COL(result_devices, peer)));
    rb_text_printf(out, " n | rows |\n|---|%s---:|---:|", s.machine ? "---|" : "");
    for (int d = 0; d < s.n_devices; d++) rb_text_append(out, "---:|---:|");
    rb_text_printf(out, "---:|---|\n%s", rb_text_string(&body));
    rb__put_caption(p, rows, n, folder, &caption);
    rb_text_printf(out, "\nSamples per second, medians over n processes each, taken by turns; %s.%s\n",
                   rb_text_string(&caption), doubtful ? rb__doubt : "");
    out->failed |= body.failed | caption.failed;
    rb_text_free(&body);
    rb_text_free(&caption);
    free(taken);
}
