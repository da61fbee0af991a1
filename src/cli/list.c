/* list.c: the verb `list`: the cases, what they need and what they show. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/matrix.h"
#include "cli/verb.h"
#include "core/log.h"
#include "measure/rates.h"
#include "regbench/backend.h"

static const char *const expectations[] = {
    [RB_EXPECT_LEARNS] = "learns",
    [RB_EXPECT_FAILS_TO_LEARN] = "fails-to-learn",
    [RB_EXPECT_DIVERGES] = "diverges",
    [RB_EXPECT_ANYTHING] = "anything",
};

/* Seconds of training on the first of the backends that take part unnamed and have run the case. */
static double expected(const rb_csv *rates, const rb_case *c, const rb_program *p) {
    for (const rb_backend *const *b = rb_backends(); *b; b++) {
        double rate = rb_backend_only_named(*b) ? NAN : rb_rates_find(rates, (*b)->name, c->name, p->spec.batch);
        if (rate > 0) return (double)p->spec.n_train * c->epochs / rate;
    }
    return NAN;
}

static void fill(const rb_case *c, const rb_csv *rates, rb_row *row) {
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    rb_row_begin(row, RB_TABLE_cases);
    rb_row_text(row, RB_COL(cases, case), c->name);
    rb_row_text(row, RB_COL(cases, title), c->title);
    rb_row_text(row, RB_COL(cases, model), c->model);
    rb_row_text(row, RB_COL(cases, dataset), c->dataset);
    rb_row_int(row, RB_COL(cases, batch_size), c->batch);
    rb_row_int(row, RB_COL(cases, epochs), c->epochs);
    rb_row_text(row, RB_COL(cases, optimizer), c->optimizer == RB_ADAM ? "adam" : "sgd");
    rb_row_text(row, RB_COL(cases, expect), expectations[c->expect]);
    if (rb_case_compile(c, &layout, &program) == RB_OK) {
        rb_row_int(row, RB_COL(cases, n_params), program->n_weights);
        rb_row_real(row, RB_COL(cases, model_mflop_per_sample), rb_program_mflop_per_sample(program));
        rb_row_int(row, RB_COL(cases, n_train), program->spec.n_train);
        rb_row_real(row, RB_COL(cases, expected_s), expected(rates, c, program));
    } else { /* one broken case does not hide the others */
        rb_log(RB_LOG_WARN, "%s: %s", c->name, rb_error_last() ? rb_error_last()->text : "does not compile");
        rb_error_clear();
    }
    rb_program_free(program);
}

/* A study, with data, model and time of the case that it varies. */
static void fill_study(const rb_study *s, rb_row *row) {
    const rb_cell *seconds = &row->cells[RB_COL(cases, expected_s)];
    int runs = rb_study_runs(s, 0);
    rb_row_text(row, RB_COL(cases, case), s->name);
    rb_row_text(row, RB_COL(cases, title), s->title);
    rb_row_text(row, RB_COL(cases, expect), expectations[RB_EXPECT_ANYTHING]);
    rb_row_int(row, RB_COL(cases, runs), runs);
    rb_row_text(row, RB_COL(cases, strategy), rb_study_kind_name(s->kind));
    if (seconds->type == RB_CELL_REAL) rb_row_real(row, RB_COL(cases, expected_s), runs * seconds->u.r);
}

rb_status rb_verb_list(const rb_options *o) {
    static const int columns[] = {
        RB_COL(cases, case),       RB_COL(cases, model), RB_COL(cases, dataset),  RB_COL(cases, batch_size),
        RB_COL(cases, epochs),     RB_COL(cases, runs),  RB_COL(cases, n_params), RB_COL(cases, model_mflop_per_sample),
        RB_COL(cases, expected_s), RB_COL(cases, title)};
    rb_status status = RB_OK;
    rb_format format = rb_output_format(o);
    rb_case_list cases = {0};
    rb_row *rows = NULL;
    rb_csv rates;
    rb_rates_read(&rates);
    RB_TRY(rb_cases_match(o, true, &cases));
    rows = calloc((size_t)(cases.n > 0 ? cases.n : 1), sizeof *rows);
    if (!rows) {
        status = rb_fail(RB_MEMORY, "out of memory for %d cases", cases.n);
        goto cleanup;
    }
    for (int i = 0; i < cases.n; i++) {
        fill(cases.at[i], &rates, &rows[i]);
        if (cases.study[i]) fill_study(cases.study[i], &rows[i]);
    }
    RB_TRY(rb_print_table(RB_TABLE_cases, format, rows, cases.n, columns, sizeof columns / sizeof *columns));
cleanup:
    for (int i = 0; rows && i < cases.n; i++) rb_row_end(&rows[i]);
    free(rows);
    rb_csv_free(&rates);
    rb_cases_free(&cases);
    return status;
}
