/* groups.c: rows that measured the same speed become groups of values; small things that the tables share. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "published/internal.h"
#include "report/choices.h"

void rb__lines(const int *lines, int n, rb_text *out) {
    for (int i = 0; i < n;) {
        int k = i;
        while (k + 1 < n && lines[k + 1] == lines[k] + 1) k++;
        rb_text_printf(out, k > i ? "%s%d-%d" : "%s%d", i ? "," : "", lines[i], lines[k]);
        i = k + 1;
    }
}

rb_row *rb__list_next(rb__list *list, rb_table table) {
    if (list->n == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 32;
        rb_row *rows = realloc(list->rows, (size_t)capacity * sizeof *rows);
        if (!rows) {
            rb_fail(RB_MEMORY, "out of memory for %d rows", capacity);
            return NULL;
        }
        list->rows = rows;
        list->capacity = capacity;
    }
    rb_row_begin(&list->rows[list->n], table);
    return &list->rows[list->n++];
}

bool rb_published_chosen(const char *list, const char *word) {
    if (!list) return true;
    for (const char *at = list;; at++) {
        char pattern[256];
        size_t n = strcspn(at, ",");
        snprintf(pattern, sizeof pattern, "%.*s", (int)n, at);
        if (fnmatch(pattern, word, 0) == 0) return true;
        at += n;
        if (!*at) return false;
    }
}

/* --- groups ---------------------------------------------------------------------------------------------------------
 */

/* One code path on one device: a median over two speaks of neither. A peer has no commit: its version, which stands in
 * provider, tells one program of it from another. */
static bool same_work(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, machine),   RB_COL(runs, device_key),    RB_COL(runs, device),
                                  RB_COL(runs, backend),   RB_COL(runs, case),          RB_COL(runs, batch_size),
                                  RB_COL(runs, threads),   RB_COL(runs, precision),     RB_COL(runs, provider),
                                  RB_COL(runs, overrides), RB_COL(runs, workload_hash), RB_COL(runs, commit),
                                  RB_COL(runs, dirty),     RB_COL(runs, submit),        RB_COL(runs, quirks),
                                  RB_COL(runs, isa),       RB_COL(runs, ranks)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns) && rb_run_same_choices(a, b);
}

static rb_status add_value(rb__group *g, const rb_row *row, int line) {
    if (g->n % 16 == 0) {
        int *lines = realloc(g->lines, (size_t)(g->n + 16) * sizeof *lines);
        if (lines) g->lines = lines;
        double *values = realloc(g->values, (size_t)(g->n + 16) * sizeof *values);
        if (values) g->values = values;
        if (!lines || !values) return rb_fail(RB_MEMORY, "out of memory for %d values", g->n + 16);
    }
    g->lines[g->n] = line;
    g->values[g->n++] = rb__number(row, RB_COL(runs, samples_per_s));
    return RB_OK;
}

static rb_status add_row(rb__groups *groups, int from, const rb_published_set *set, const rb_published_file *file,
                         int i) {
    const rb_row *row = &file->rows[i];
    for (int g = from; g < groups->n; g++)
        if (same_work(groups->at[g].first, row)) return add_value(&groups->at[g], row, i + 2);
    rb__group *at = realloc(groups->at, (size_t)(groups->n + 1) * sizeof *at);
    if (!at) return rb_fail(RB_MEMORY, "out of memory for %d groups", groups->n + 1);
    groups->at = at;
    at[groups->n] = (rb__group){.set = set, .file = file, .first = row};
    return add_value(&at[groups->n++], row, i + 2);
}

/* Median of a column over the group's rows that have it. */
static double median_of(const rb__group *g, int column, double *room) {
    int n = 0;
    for (int i = 0; i < g->n; i++) {
        double value = rb__number(&g->file->rows[g->lines[i] - 2], column);
        if (isfinite(value)) room[n++] = value;
    }
    return n ? rb_median(room, n) : NAN;
}

static rb_status note_peak(rb__group *g) {
    double *room = malloc((size_t)g->n * sizeof *room);
    if (!room) return rb_fail(RB_MEMORY, "out of memory for %d values", g->n);
    g->pct_peak = median_of(g, RB_COL(runs, pct_peak_flops), room);
    g->peak = median_of(g, RB_COL(runs, peak_gflops), room);
    free(room);
    return RB_OK;
}

rb_status rb__groups_of(const rb_published *p, const rb_published_choice *choice, rb__groups *out) {
    rb_status status = RB_OK;
    memset(out, 0, sizeof *out);
    for (int s = 0; s < p->n; s++) {
        const rb_published_set *set = &p->sets[s];
        if (!rb_published_chosen(choice->sets, set->name)) continue;
        for (int f = 0; f < set->n; f++) {
            const rb_published_file *file = &set->files[f];
            int from = out->n;
            for (int i = 0; file->table == RB_TABLE_runs && i < file->n; i++) {
                const rb_row *row = &file->rows[i];
                if (!rb_published_is_speed(row) ||
                    !rb_published_chosen(choice->cases, rb__cell(row, RB_COL(runs, case))) ||
                    !rb_published_chosen(choice->machines, rb__cell(row, RB_COL(runs, machine))))
                    continue;
                RB_TRY(add_row(out, from, set, file, i));
            }
        }
    }
    for (int g = 0; g < out->n; g++) RB_TRY(note_peak(&out->at[g]));
cleanup:
    if (status != RB_OK) rb__groups_free(out);
    return status;
}

void rb__groups_free(rb__groups *groups) {
    for (int g = 0; g < groups->n; g++) {
        free(groups->at[g].lines);
        free(groups->at[g].values);
    }
    free(groups->at);
    memset(groups, 0, sizeof *groups);
}
