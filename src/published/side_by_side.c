/* side_by_side.c: the speeds for a front page: a case in a line, every device beside what one would use instead. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"

enum { MOST_DEVICES = 24 };

/* What a line of the table is made of. */
typedef struct line {
    const rb_row *at[MOST_DEVICES]; /* by device; NULL where the case was not measured on it */
    const rb_row *first;
} line;

typedef struct sheet {
    rb_text devices[MOST_DEVICES]; /* "cuda:0, fastest": selectors and how they worked, in the order of appearance */
    int n_devices;
    bool machine, peer, version; /* whether these differ from line to line, so that each says its own */
} sheet;

/* Measured by turns: beside the same values of the same peer. */
static bool same_line(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(result_devices, machine),    RB_COL(result_devices, case),
                                  RB_COL(result_devices, batch_size), RB_COL(result_devices, precision),
                                  RB_COL(result_devices, set_name),   RB_COL(result_devices, peer),
                                  RB_COL(result_devices, peer_file),  RB_COL(result_devices, peer_lines)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* The column of a row's device and of how that worked, which is added if it is new; -1: no room. */
static int column_of(sheet *s, const rb_row *rows, int n, const rb_row *row) {
    rb_text way = {0}, label = {0};
    int i = 0;
    rb__way(rows, n, row, &way);
    rb_text_printf(&label, "%s%s%s", rb__cell(row, RB_COL(result_devices, device_key)), way.length ? ", " : "",
                   rb_text_string(&way));
    rb_text_free(&way);
    while (i < s->n_devices && strcmp(rb_text_string(&s->devices[i]), rb_text_string(&label)) != 0) i++;
    if (i == s->n_devices && i < MOST_DEVICES)
        s->devices[s->n_devices++] = label;
    else
        rb_text_free(&label);
    return i < MOST_DEVICES ? i : -1;
}

/* The next line, out of rows that no line has yet. False: there is none. */
static bool next_line(sheet *s, const rb_row *rows, int n, bool *taken, line *out) {
    memset(out, 0, sizeof *out);
    for (int i = 0; i < n; i++) {
        int at = taken[i] ? -1 : column_of(s, rows, n, &rows[i]);
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
    const char *precision = rb__cell(l->first, RB_COL(result_devices, precision));
    bool usual = rb__usual_precision(precision);
    rb_text_printf(out, "| %s%s%s |", rb__cell(l->first, RB_COL(result_devices, case)), usual ? "" : ", ",
                   usual ? "" : precision);
    if (s->machine) rb_text_printf(out, " %s |", rb__cell(l->first, RB_COL(result_devices, machine)));
    rb_text_printf(out, " %.0f | ", rb__number(l->first, RB_COL(result_devices, batch_size)));
    if (s->peer) rb__put_peer(l->first, s->version, out);
    if (s->peer) rb_text_append(out, " ");
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
    sheet s = {.machine = rb__differs(rows, n, RB_COL(result_devices, machine)), .version = rb__peers_differ(rows, n)};
    s.peer = s.version || rb__differs(rows, n, RB_COL(result_devices, peer));
    bool *taken = calloc((size_t)n, sizeof *taken), doubtful = false;
    rb_text body = {0}, caption = {0};
    if (!taken) {
        out->failed = 1;
        return;
    }
    for (int i = 0; i < n; i++) {
        column_of(&s, rows, n, &rows[i]);
        doubtful = doubtful || rb__doubtful(&rows[i]);
    }
    for (line l; next_line(&s, rows, n, taken, &l);) put_line(p, &s, &l, folder, &body);
    rb_text_printf(out, "| case |%s batch | %s |", s.machine ? " machine |" : "",
                   s.peer ? "beside it" : rb__cell(&rows[0], RB_COL(result_devices, peer)));
    for (int d = 0; d < s.n_devices; d++)
        rb_text_printf(out, " %s | %s / %s |", rb_text_string(&s.devices[d]), rb_text_string(&s.devices[d]),
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
    for (int d = 0; d < s.n_devices; d++) rb_text_free(&s.devices[d]);
    free(taken);
}
