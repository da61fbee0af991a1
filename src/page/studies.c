/* studies.c: the runs of studies in their order, and attacks on trained models. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "page/internal.h"

static const char *machine_of(const rb_page_session *s) {
    return s->runs.n ? rb_row_get_text(&s->runs.rows[0], RB_COL(runs, machine)) : s->machine;
}

/* A row of one of the sessions' files, with a key to sort it by. */
typedef struct line {
    const rb_page_session *from;
    const rb_row *run; /* NULL where its run is unknown */
    int row;
    const char *key;
} line;

static int by_key(const void *a, const void *b) {
    const line *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (!order) order = (x->from > y->from) - (x->from < y->from);
    return order ? order : x->row - y->row;
}

static double number_of(const rb_csv *csv, int row, const char *column) {
    return rb_csv_number(csv, row, rb_csv_column(csv, column));
}

/* Every row of a file, keyed by machine, run (case, device, overrides) if `by_run`, and `columns` of the file. */
static rb_status collect(rb_report *r, rb_page_file file, bool by_run, const char *const *columns, int n_columns,
                         line **out, int *n) {
    size_t most = 1;
    rb_text key = {0};
    *n = 0;
    for (int k = 0; k < r->n_sessions; k++) most += (size_t)r->sessions[k].csv[file].n_rows;
    *out = malloc(most * sizeof **out);
    if (!*out) return rb_fail(RB_MEMORY, "out of memory for %zu rows", most);
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_page_session *s = &r->sessions[k];
        const rb_csv *csv = &s->csv[file];
        for (int i = 0; i < csv->n_rows; i++) {
            const rb_row *run = rb__page_find_run(s, rb_csv_get(csv, i, "run_id"));
            if (by_run && !run) continue;
            rb_text_clear(&key);
            if (by_run)
                rb_text_printf(&key, "%s\n%s\n%s\n", rb_row_get_text(run, RB_COL(runs, case)),
                               rb_row_get_text(run, RB_COL(runs, device_key)),
                               rb_row_get_text(run, RB_COL(runs, overrides)));
            rb_text_printf(&key, "%s\n", machine_of(s) ? machine_of(s) : "");
            for (int c = 0; c < n_columns; c++) {
                double value = number_of(csv, i, columns[c]);
                if (isfinite(value))
                    rb_text_printf(&key, "%020.6f\n", value);
                else
                    rb_text_printf(&key, "%s\n", rb_csv_get(csv, i, columns[c]));
            }
            r->memory |= key.failed;
            (*out)[(*n)++] = (line){s, run, i, rb__page_keep(r, rb_text_string(&key))};
        }
    }
    rb_text_free(&key);
    qsort(*out, (size_t)*n, sizeof **out, by_key);
    return rb__page_status(r);
}

static bool is_last(const line *lines, int i, int n) {
    return i + 1 == n || strcmp(lines[i].key, lines[i + 1].key) != 0;
}

static rb_status put_trials(rb_report *r) {
    static const char *const columns[] = {"study", "device_key", "overrides", "seed", "trial"};
    static const int texts[] = {RB_PAGE_COL(trials, study),      RB_PAGE_COL(trials, device_key),
                                RB_PAGE_COL(trials, strategy),   RB_PAGE_COL(trials, case),
                                RB_PAGE_COL(trials, parameters), RB_PAGE_COL(trials, status)},
                     numbers[] = {RB_PAGE_COL(trials, seed), RB_PAGE_COL(trials, trial), RB_PAGE_COL(trials, val_acc),
                                  RB_PAGE_COL(trials, best_so_far), RB_PAGE_COL(trials, test_acc)};
    rb_status status = RB_OK;
    line *lines = NULL;
    int n = 0;
    RB_TRY(collect(r, RB_PAGE_TRIALS, false, columns, sizeof columns / sizeof *columns, &lines, &n));
    for (int i = 0; i < n; i++) {
        if (!is_last(lines, i, n)) continue; /* decided anew after a crash: the last row holds */
        const rb_csv *csv = &lines[i].from->csv[RB_PAGE_TRIALS];
        rb_page_cell *cells = rb__page_row(r, RB_PAGE_trials);
        if (!cells) break;
        rb__page_set_text(&cells[RB_PAGE_COL(trials, lab)], rb__page_lab(r, rb_csv_get(csv, lines[i].row, "study")));
        rb__page_set_text(&cells[RB_PAGE_COL(trials, machine)], machine_of(lines[i].from));
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            rb__page_set_text(&cells[texts[k]],
                              rb_csv_get(csv, lines[i].row, rb__page_column_name(RB_PAGE_trials, texts[k])));
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            rb__page_set_number(&cells[numbers[k]],
                                number_of(csv, lines[i].row, rb__page_column_name(RB_PAGE_trials, numbers[k])));
    }
    status = rb__page_status(r);
cleanup:
    free(lines);
    return status;
}

/* One strength of one attack on the models of `n` seeds. */
static rb_status put_attack(rb_report *r, const line *lines, int n, double *values) {
    static const rb_cell_copy same[] = {RB_PAGE_COPY(attacks, runs, case), RB_PAGE_COPY(attacks, runs, machine),
                                        RB_PAGE_COPY(attacks, runs, device_key),
                                        RB_PAGE_COPY(attacks, runs, overrides)};
    int own = RB_PAGE_COL(attacks, seeds) + 1;
    const rb_row *run = lines[0].run;
    rb_page_cell *cells = rb__page_row(r, RB_PAGE_attacks);
    if (!cells) return rb__page_status(r);
    rb__page_set_text(&cells[0], rb__page_lab(r, rb_row_get_text(run, RB_COL(runs, case))));
    rb__page_copy_cells(run, cells, same, sizeof same / sizeof *same);
    rb__page_set_int(&cells[RB_PAGE_COL(attacks, seeds)], n);
    for (int c = 1; c < rb_table_columns(RB_TABLE_attacks); c++) {
        const char *name = rb_column_name(RB_TABLE_attacks, c);
        int known = 0;
        if (rb_column_type(RB_TABLE_attacks, c) == RB_CELL_TEXT) {
            rb__page_set_text(&cells[own + c - 1],
                              rb_csv_get(&lines[0].from->csv[RB_PAGE_ATTACKS], lines[0].row, name));
            continue;
        }
        for (int i = 0; i < n; i++) {
            double value = number_of(&lines[i].from->csv[RB_PAGE_ATTACKS], lines[i].row, name);
            if (isfinite(value)) values[known++] = value;
        }
        if (known) rb__page_set_number(&cells[own + c - 1], rb_median(values, known));
    }
    return RB_OK;
}

static rb_status put_attacks(rb_report *r) {
    static const char *const columns[] = {"attack",   "split",   "n_steps", "temperature",
                                          "detector", "eps_255", "step_255"};
    rb_status status = RB_OK;
    line *lines = NULL;
    double *values = NULL;
    int n = 0;
    RB_TRY(collect(r, RB_PAGE_ATTACKS, true, columns, sizeof columns / sizeof *columns, &lines, &n));
    values = malloc(((size_t)n + 1) * sizeof *values);
    if (!values) {
        status = rb_fail(RB_MEMORY, "out of memory for %d attacks", n);
        goto cleanup;
    }
    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && !strcmp(lines[to].key, lines[from].key);) to++;
        RB_TRY(put_attack(r, lines + from, to - from, values));
    }
cleanup:
    free(lines);
    free(values);
    return status;
}

rb_status rb__page_studies(rb_report *r) {
    rb_status status = put_trials(r);
    return status == RB_OK ? put_attacks(r) : status;
}
