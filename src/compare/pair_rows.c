/* pair_rows.c: rows of `compare` from pairs that are judged. */
#include "compare/pair_rows.h"

#include <stdlib.h>
#include <string.h>

#include "compare/more.h"
#include "core/text.h"

static void cell_words(const rb_row *row, int column, char *out, size_t size) {
    const rb_cell *cell = &row->cells[column];
    if (cell->type == RB_CELL_INT)
        snprintf(out, size, "%lld", (long long)cell->u.i);
    else
        snprintf(out, size, "%s", rb_row_get_text(row, column));
}

/* The value of both arms, "x / y" where they differ. */
static void put_both(rb_row *row, int to, const rb_pair *p, int column) {
    char a[256] = "", b[256] = "", both[520];
    if (p->a) cell_words(p->a->row, column, a, sizeof a);
    if (p->b) cell_words(p->b->row, column, b, sizeof b);
    if (!p->a || !p->b || !strcmp(a, b))
        snprintf(both, sizeof both, "%s", p->a ? a : b);
    else
        snprintf(both, sizeof both, "%s / %s", *a ? a : "-", *b ? b : "-");
    rb_row_text(row, to, both);
}

/* What was asked for, of both arms. */
static void put_settings(rb_row *row, const rb_pair *p) {
    rb_text a = {0}, b = {0}, both = {0};
    if (p->a) rb_run_choices(p->a->row, &a);
    if (p->b) rb_run_choices(p->b->row, &b);
    if (!p->a || !p->b || !strcmp(rb_text_string(&a), rb_text_string(&b)))
        rb_text_append(&both, rb_text_string(p->a ? &a : &b));
    else
        rb_text_printf(&both, "%s / %s", a.length ? a.data : "-", b.length ? b.data : "-");
    rb_row_text(row, RB_COL(compare, settings), rb_text_string(&both));
    rb_text_free(&a);
    rb_text_free(&b);
    rb_text_free(&both);
}

static void put_reason(rb_row *row, const rb_pair *p, const rb_arms *arms) {
    rb_text reason = {0};
    rb_text_append(&reason, p->contrast.reason);
    if (p->contrast.n_a > 0 && p->contrast.n_b > 0 && p->contrast.only_ratio && !p->rivals)
        rb_text_append(&reason, arms->across == RB_ACROSS_REG ? "other work: the price of the regularizer, no verdict"
                                                              : "another machine: no verdict");
    if (p->mixed[0]) rb_text_printf(&reason, "%s%s", reason.length ? "; " : "", p->mixed);
    if (p->doubt[0]) rb_text_printf(&reason, "%s%s", reason.length ? "; " : "", p->doubt);
    if (p->apart[0]) rb_text_printf(&reason, "%s%s", reason.length ? "; " : "", p->apart);
    rb_row_text(row, RB_COL(compare, reason), rb_text_string(&reason));
    rb_text_free(&reason);
}

static void put_contrast(rb_row *row, const rb_contrast *c) {
    rb_row_int(row, RB_COL(compare, n_a), c->n_a);
    rb_row_int(row, RB_COL(compare, n_b), c->n_b);
    rb_row_real(row, RB_COL(compare, samples_per_s_a), c->median_a);
    rb_row_real(row, RB_COL(compare, samples_per_s_b), c->median_b);
    rb_row_real(row, RB_COL(compare, ratio), c->ratio.estimate);
    if (c->ratio.bounded) {
        rb_row_real(row, RB_COL(compare, ratio_low), c->ratio.low);
        rb_row_real(row, RB_COL(compare, ratio_high), c->ratio.high);
    }
    rb_row_real(row, RB_COL(compare, p_value), c->p);
    rb_row_real(row, RB_COL(compare, q_value), c->q);
    if (c->verdict != RB_NO_VERDICT) rb_row_real(row, RB_COL(compare, threshold_pct), 100 * c->threshold);
    rb_row_text(row, RB_COL(compare, verdict), rb_verdict_word(c->verdict));
}

static void put_pair(const rb_pair *p, const rb_arms *arms, rb_row *row) {
    static const rb_cell_copy same[] = {
        RB_COPY(compare, runs, machine),       RB_COPY(compare, runs, device_key), RB_COPY(compare, runs, device),
        RB_COPY(compare, runs, precision),     RB_COPY(compare, runs, provider),   RB_COPY(compare, runs, submit),
        RB_COPY(compare, runs, threads),       RB_COPY(compare, runs, overrides),  RB_COPY(compare, runs, phase),
        RB_COPY(compare, runs, workload_hash), RB_COPY(compare, runs, commit)};
    const rb_row *any = p->a ? p->a->row : p->b->row;
    rb_text more = {0};
    rb_row_begin(row, RB_TABLE_compare);
    rb_row_text(row, RB_COL(compare, case), rb_row_get_text(any, RB_COL(runs, case)));
    rb_row_text(row, RB_COL(compare, kind), rb_run_kind(any));
    rb_row_text(row, RB_COL(compare, across), rb_across_word(arms->across));
    rb_row_text(row, RB_COL(compare, arm_a), p->a ? arms->labels[p->a->arm] : NULL);
    rb_row_text(row, RB_COL(compare, arm_b), p->b ? arms->labels[p->b->arm] : NULL);
    if (any->cells[RB_COL(runs, batch_size)].type == RB_CELL_INT)
        rb_row_int(row, RB_COL(compare, batch_size), any->cells[RB_COL(runs, batch_size)].u.i);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) put_both(row, same[i].to, p, same[i].from);
    if (p->contrast.n_a > 0 && p->contrast.n_b > 0) put_contrast(row, &p->contrast);
    put_settings(row, p);
    put_reason(row, p, arms);
    if (p->contrast.wanted > 0) {
        rb_more_command(arms, p->a, p->b, p->contrast.wanted, &more);
        rb_row_text(row, RB_COL(compare, more), rb_text_string(&more));
    }
    rb_text_free(&more);
}

/* Own against own first: the numbers that tell devices apart, not libraries. */
static int rank_of(const rb_pair *p) {
    const char *kind = rb_run_kind(p->a ? p->a->row : p->b->row);
    return !strcmp(kind, "same algorithm") ? 0 : *kind ? 1 : 2;
}

rb_status rb_pairs_write(const rb_pair *pairs, int n, const rb_arms *arms, rb_compared *out) {
    out->rows = calloc((size_t)n + 1, sizeof *out->rows);
    if (!out->rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", n);
    for (int rank = 0; rank < 3; rank++)
        for (int i = 0; i < n; i++) {
            const rb_pair *one = &pairs[i];
            if (rank_of(one) != rank) continue;
            put_pair(one, arms, &out->rows[out->n++]);
            rb_verdict v = one->contrast.verdict;
            out->judged += v != RB_NO_VERDICT;
            out->ratios += v == RB_NO_VERDICT && one->contrast.n_a > 0 && one->contrast.n_b > 0;
            out->apart += !(one->contrast.n_a > 0 && one->contrast.n_b > 0);
            out->faster += v == RB_FASTER;
            out->slower += v == RB_SLOWER;
            out->unclear += v == RB_UNCLEAR;
            out->broken += one->broken;
            out->failing += one->failing;
        }
    return RB_OK;
}
