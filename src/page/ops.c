/* ops.c: what the ops of a training step take, from profiled runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"

/* The rows of ops.csv of one run: they follow each other. */
typedef struct stretch {
    const rb_row *run;
    const rb_csv *csv;
    int from, to;
    const char *key;
} stretch;

static rb_status find_stretches(rb_report *r, stretch **out, int *n) {
    size_t most = 1;
    rb_text key = {0};
    *n = 0;
    for (int k = 0; k < r->n_sessions; k++) most += (size_t)r->sessions[k].csv[RB_PAGE_OPS].n_rows;
    *out = malloc(most * sizeof **out);
    if (!*out) return rb_fail(RB_MEMORY, "out of memory for %zu ops", most);
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_csv *csv = &r->sessions[k].csv[RB_PAGE_OPS];
        int id = rb_csv_column(csv, "run_id");
        for (int from = 0, to; from < csv->n_rows && id >= 0; from = to) {
            for (to = from + 1; to < csv->n_rows && !strcmp(rb_csv_at(csv, to, id), rb_csv_at(csv, from, id));) to++;
            const rb_row *run = rb__page_find_run(&r->sessions[k], rb_csv_at(csv, from, id));
            if (!run) continue;
            const rb_cell *batch = &run->cells[RB_COL(runs, batch_size)];
            rb_text_clear(&key);
            rb_text_printf(&key, "%s\n%s\n%s\n%020lld\n%s\n%s", rb_row_get_text(run, RB_COL(runs, case)),
                           rb_row_get_text(run, RB_COL(runs, machine)), rb_row_get_text(run, RB_COL(runs, device_key)),
                           batch->type == RB_CELL_INT ? (long long)batch->u.i : 0,
                           rb_row_get_text(run, RB_COL(runs, overrides)), rb_row_get_text(run, RB_COL(runs, provider)));
            r->memory |= key.failed;
            (*out)[(*n)++] = (stretch){run, csv, from, to, rb__page_keep(r, rb_text_string(&key))};
        }
    }
    rb_text_free(&key);
    return rb__page_status(r);
}

static int by_key(const void *a, const void *b) {
    const stretch *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (!order)
        order = strcmp(rb_row_get_text(x->run, RB_COL(runs, started_utc)),
                       rb_row_get_text(y->run, RB_COL(runs, started_utc)));
    return order ? order : (x->run > y->run) - (x->run < y->run);
}

static rb_status put_stretch(rb_report *r, const stretch *s) {
    int op = rb_csv_column(s->csv, "op"), provider = rb_csv_column(s->csv, "provider"),
        id = rb_csv_column(s->csv, "run_id");
    int calls = rb_csv_column(s->csv, "calls"), time = rb_csv_column(s->csv, "ns");
    int flops = rb_csv_column(s->csv, "gflop_per_s"), bytes = rb_csv_column(s->csv, "gbyte_per_s");
    double all = 0, work = 0, moved = 0, steps = NAN;
    if (op < 0 || provider < 0) return RB_OK;
    for (int i = s->from; i < s->to; i++) {
        double ns = rb_csv_number(s->csv, i, time), f = rb_csv_number(s->csv, i, flops),
               b = rb_csv_number(s->csv, i, bytes);
        if (isfinite(ns)) all += ns;
        if (isfinite(ns * f)) work += ns * f;
        if (isfinite(ns * b)) moved += ns * b;
        steps = fmax(steps, rb_csv_number(s->csv, i, calls));
    }
    for (int i = s->from; i < s->to; i++) {
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_ops);
        if (!cells) return rb__page_status(r);
        rb__page_set_place(r, s->run, cells);
        rb__page_set_text(&cells[RB_PAGE_COL(ops, op)], rb_csv_at(s->csv, i, op));
        rb__page_set_text(&cells[RB_PAGE_COL(ops, provider)], rb_csv_at(s->csv, i, provider));
        rb__page_set_number(&cells[RB_PAGE_COL(ops, calls)], rb_csv_number(s->csv, i, calls));
        rb__page_set_number(&cells[RB_PAGE_COL(ops, ns)], rb_csv_number(s->csv, i, time));
        rb__page_set_real(&cells[RB_PAGE_COL(ops, share_pct)],
                          all > 0 ? 100 * rb_csv_number(s->csv, i, time) / all : NAN);
        rb__page_set_real(&cells[RB_PAGE_COL(ops, gflop_per_s)], rb_csv_number(s->csv, i, flops));
        rb__page_set_real(&cells[RB_PAGE_COL(ops, gbyte_per_s)], rb_csv_number(s->csv, i, bytes));
        rb__page_set_text(&cells[RB_PAGE_COL(ops, run_id)], rb_csv_at(s->csv, i, id));
    }
    /* Rows of today say it themselves, of older ones the profile does. */
    double step_ns = rb_row_number(s->run, RB_COL(runs, step_wall_ns_median));
    if (isfinite(rb_row_number(s->run, RB_COL(runs, step_mflop))) || !(steps > 0)) return RB_OK;
    return rb__page_under_roof(r, s->run, work / steps, moved / steps, step_ns);
}

/* Of several profiled runs of one kind the newest. */
rb_status rb__page_ops(rb_report *r) {
    rb_status status = RB_OK;
    stretch *all = NULL;
    int n = 0;
    RB_TRY(find_stretches(r, &all, &n));
    qsort(all, (size_t)n, sizeof *all, by_key);
    for (int i = 0; i < n; i++)
        if (i + 1 == n || strcmp(all[i].key, all[i + 1].key) != 0) RB_TRY(put_stretch(r, &all[i]));
cleanup:
    free(all);
    return status;
}
