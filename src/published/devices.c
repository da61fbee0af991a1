/* devices.c: the table of speeds: every case on every device, beside what somebody would use instead.
 *
 * A machine's case on a device is taken from the newest set that has it: a row is never a mixture of sets. Within a set
 * a session that measured a peer by turns goes before one that did not, and then one with more processes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/ranks.h"
#include "measure/statistics.h"
#include "published/internal.h"
#include "report/choices.h"
#include "report/csv_read.h"
#include "report/others.h"

/* The same place in the table, whatever code ran it. */
static bool same_place(const rb__group *a, const rb__group *b) {
    static const int columns[] = {RB_COL(runs, machine),  RB_COL(runs, device_key), RB_COL(runs, device),
                                  RB_COL(runs, case),     RB_COL(runs, batch_size), RB_COL(runs, precision),
                                  RB_COL(runs, overrides)};
    return rb_row_same(a->first, b->first, columns, sizeof columns / sizeof *columns);
}

static bool same_code(const rb__group *a, const rb__group *b) {
    static const int columns[] = {RB_COL(runs, provider), RB_COL(runs, threads), RB_COL(runs, submit),
                                  RB_COL(runs, quirks)};
    return rb_row_same(a->first, b->first, columns, sizeof columns / sizeof *columns) &&
           rb_run_same_choices(a->first, b->first);
}

static bool is_peer(const rb__group *g) { return rb_run_is_peer(g->first); }

/* In the same file: taken by turns with it. What another sitting measured, at another time, makes no ratio. */
static bool peer_of(const rb__group *peer, const rb__group *g) {
    static const int columns[] = {RB_COL(runs, machine), RB_COL(runs, case), RB_COL(runs, batch_size),
                                  RB_COL(runs, precision)};
    return is_peer(peer) && peer->file == g->file &&
           rb_row_same(peer->first, g->first, columns, sizeof columns / sizeof *columns);
}

/* The n-th peer of a group, from 0. NULL: no more. */
static const rb__group *peer(const rb__groups *all, const rb__group *g, const char *chosen, int n) {
    for (int i = 0; i < all->n; i++) {
        const rb__group *p = &all->at[i];
        if (!peer_of(p, g) || !rb_published_chosen(chosen, rb__cell(p->first, RB_COL(runs, backend)))) continue;
        if (n-- == 0) return p;
    }
    return NULL;
}

/* Whether b takes a's place. */
static bool better(const rb__groups *all, const rb__group *b, const rb__group *a) {
    if (a->set != b->set) {
        int newer = strcmp(b->set->latest, a->set->latest);
        return newer ? newer > 0 : b > a;
    }
    if (!same_code(a, b)) return false; /* both stay */
    bool pa = peer(all, a, NULL, 0), pb = peer(all, b, NULL, 0);
    if (pa != pb) return pb;
    return b->n != a->n ? b->n > a->n : b > a;
}

static bool stays(const rb__groups *all, const rb__group *g) {
    if (is_peer(g)) return false;
    for (int i = 0; i < all->n; i++) {
        const rb__group *other = &all->at[i];
        if (other != g && !is_peer(other) && same_place(other, g) && better(all, other, g)) return false;
    }
    return true;
}

/* --- a row ----------------------------------------------------------------------------------------------------------
 */

static void set_lines(rb_row *row, int column, const rb__group *g) {
    rb_text text = {0};
    rb__lines(g->lines, g->n, &text);
    rb_row_text(row, column, rb_text_string(&text));
    rb_text_free(&text);
}

/* What ratios.csv beside the file says of other programs' use of the cores. */
static rb_status note_others(const rb__group *g, rb_row *row) {
    rb_status status = RB_OK;
    rb_csv csv = {0};
    const rb_published_file *ratios = rb_published_beside(g->set, g->file, "ratios.csv");
    if (!ratios) return RB_OK;
    RB_TRY(rb_csv_read(ratios->path, &csv));
    rb_row_real(row, RB_COL(result_devices, others_cores_max), rb_others_cores(&csv, g->first));
cleanup:
    rb_csv_free(&csv);
    return status;
}

static void describe(const rb__group *g, rb_row *row) {
    static const rb_cell_copy same[] = {
        RB_COPY(result_devices, runs, case),        RB_COPY(result_devices, runs, machine),
        RB_COPY(result_devices, runs, device_key),  RB_COPY(result_devices, runs, device),
        RB_COPY(result_devices, runs, batch_size),  RB_COPY(result_devices, runs, threads),
        RB_COPY(result_devices, runs, precision),   RB_COPY(result_devices, runs, provider),
        RB_COPY(result_devices, runs, overrides),   RB_COPY(result_devices, runs, commit),
        RB_COPY(result_devices, runs, started_utc), RB_COPY(result_devices, runs, submit),
        RB_COPY(result_devices, runs, quirks)};
    rb_text choices = {0};
    double low, high;
    rb_row_copy_cells(g->first, row, same, sizeof same / sizeof *same);
    rb_run_choices(g->first, &choices);
    rb_row_text(row, RB_COL(result_devices, settings), rb_text_string(&choices));
    rb_text_free(&choices);
    rb_row_int(row, RB_COL(result_devices, n), g->n);
    rb_row_real(row, RB_COL(result_devices, samples_per_s), rb_median(g->values, g->n));
    if (rb_median_interval(g->values, g->n, 0.95, &low, &high)) {
        rb_row_real(row, RB_COL(result_devices, samples_per_s_low), low);
        rb_row_real(row, RB_COL(result_devices, samples_per_s_high), high);
    }
    rb_row_real(row, RB_COL(result_devices, pct_peak_flops), g->pct_peak);
    rb_row_text(row, RB_COL(result_devices, set_name), g->set->name);
    rb_row_text(row, RB_COL(result_devices, file), g->file->name);
    set_lines(row, RB_COL(result_devices, lines), g);
}

static rb_status describe_peer(const rb__group *g, const rb__group *p, rb_row *row) {
    rb_ratio ratio;
    rb_row_text(row, RB_COL(result_devices, peer), rb__cell(p->first, RB_COL(runs, backend)));
    rb_row_text(row, RB_COL(result_devices, peer_version), rb__cell(p->first, RB_COL(runs, provider)));
    rb_row_int(row, RB_COL(result_devices, peer_n), p->n);
    rb_row_real(row, RB_COL(result_devices, peer_samples_per_s), rb_median(p->values, p->n));
    rb_row_text(row, RB_COL(result_devices, peer_file), p->file->name);
    set_lines(row, RB_COL(result_devices, peer_lines), p);
    rb_status status = rb_ratio_of(p->values, p->n, g->values, g->n, 0.95, &ratio);
    if (status != RB_OK) return status;
    rb_row_real(row, RB_COL(result_devices, ratio), ratio.estimate);
    if (ratio.bounded) {
        rb_row_real(row, RB_COL(result_devices, ratio_low), ratio.low);
        rb_row_real(row, RB_COL(result_devices, ratio_high), ratio.high);
    }
    return RB_OK;
}

static int by_case(const void *a, const void *b) {
    static const int columns[] = {RB_COL(result_devices, machine), RB_COL(result_devices, case),
                                  RB_COL(result_devices, device_key), RB_COL(result_devices, peer)};
    int order = 0;
    for (size_t i = 0; i < sizeof columns / sizeof *columns && !order; i++)
        order = strcmp(rb__cell(a, columns[i]), rb__cell(b, columns[i]));
    if (!order)
        order =
            (rb__number(a, RB_COL(result_devices, batch_size)) > rb__number(b, RB_COL(result_devices, batch_size))) -
            (rb__number(a, RB_COL(result_devices, batch_size)) < rb__number(b, RB_COL(result_devices, batch_size)));
    return order ? order
                 : strcmp(rb__cell(a, RB_COL(result_devices, lines)), rb__cell(b, RB_COL(result_devices, lines)));
}

rb_status rb_published_devices(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    rb__groups all = {0};
    rb__list list = {0};
    RB_TRY(rb__groups_of(p, choice, &all));
    for (int i = 0; i < all.n; i++) {
        const rb__group *g = &all.at[i], *beside;
        if (!stays(&all, g)) continue;
        for (int k = 0; k == 0 || peer(&all, g, choice->peers, k); k++) {
            rb_row *row = rb__list_next(&list, RB_TABLE_result_devices);
            if (!row) {
                status = RB_MEMORY;
                goto cleanup;
            }
            describe(g, row);
            RB_TRY(note_others(g, row));
            beside = peer(&all, g, choice->peers, k);
            if (beside) RB_TRY(describe_peer(g, beside, row));
        }
    }
    if (list.n) qsort(list.rows, (size_t)list.n, sizeof *list.rows, by_case);
cleanup:
    rb__groups_free(&all);
    *rows = list.rows;
    *n = list.n;
    return status;
}
