/* verb.c: what several verbs need. */
#include "cli/verb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

rb_status rb_no_names(const rb_options *o) {
    if (o->names.n == 0) return RB_OK;
    return rb_fail(RB_USAGE, "`regbench %s` takes no \"%s\"; `regbench %s --help`", rb_verb_name(o->verb),
                   o->names.at[0], rb_verb_name(o->verb));
}

rb_status rb_row_copy(const rb_row *from, rb_row *to) {
    rb_row_begin(to, from->table);
    for (int i = 0; i < RB_MAX_COLUMNS; i++) {
        const rb_cell *cell = &from->cells[i];
        if (cell->type == RB_CELL_TEXT)
            rb_row_text(to, i, cell->u.s);
        else if (cell->type == RB_CELL_INT)
            rb_row_int(to, i, cell->u.i);
        else if (cell->type == RB_CELL_REAL)
            rb_row_real(to, i, cell->u.r);
    }
    return RB_OK;
}

rb_status rb_unless_reader_left(rb_status status) {
    const rb_error *e = rb_error_last();
    if (status != RB_OUTPUT || !e || e->native != EPIPE) return status;
    rb_error_clear();
    return RB_OK;
}

rb_status rb_print_table(rb_table table, rb_format format, const rb_row *rows, int n, const int *columns,
                         int n_columns) {
    rb_row none;
    bool md = format == RB_FORMAT_MD;
    if (md && n == 0) return RB_OK;
    rb_row_begin(&none, table);
    rb_status status = rb_print_rows(stdout, format, n ? rows : &none, n, md ? columns : NULL, md ? n_columns : 0);
    rb_row_end(&none);
    return rb_unless_reader_left(status);
}

void rb_print_quoted(const char *text, bool json) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar(json ? '\\' : '"');
        if (*text == '\\' && json) putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

rb_data_options rb_data_choice(const rb_options *o) { return (rb_data_options){.dir = rb_value(o, RB_FLAG_DATA)}; }

rb_open_options rb_open_choice(const rb_options *o) {
    const char *provider = rb_value(o, RB_FLAG_PROVIDER);
    return (rb_open_options){.threads = (int)rb_value_int(o, RB_FLAG_THREADS, 0),
                             .provider = provider ? provider : "auto"};
}

/* The split is the case's own; where it names none, all of the training set trains and the test set validates. */
static rb_spec spec_of(const rb_case *c, const rb_dataset_entry *d) {
    int64_t n_train = c->n_train > 0 ? c->n_train : d->n_train;
    int batch = c->batch < n_train ? c->batch : (int)n_train; /* a small training set is one batch */
    int64_t n_eval = c->n_valid > d->n_test ? c->n_valid : d->n_test;
    return (rb_spec){.layers = c->layers,
                     .C = d->C,
                     .H = d->H,
                     .W = d->W,
                     .x_dtype = d->classes > 1 ? RB_U8 : RB_F32,
                     .mean = 0,
                     .stddev = 1,
                     .regression = d->classes <= 1,
                     .classes = d->classes > 1 ? d->classes : 1,
                     .batch = batch,
                     .n_rows = d->n_train + d->n_test,
                     .n_train = n_train,
                     .n_eval = n_eval,
                     .window = (int)((n_train + batch - 1) / batch),
                     .optimizer = c->optimizer,
                     .momentum = c->momentum,
                     .weight_decay = c->weight_decay,
                     .l1 = c->l1,
                     .l2 = c->l2,
                     .beta1 = 0.9f,
                     .beta2 = 0.999f,
                     .eps = 1e-8f};
}

rb_status rb_case_compile(const rb_case *c, const rb_layout *layout, rb_program **out) {
    for (const rb_dataset_entry *d = rb_dataset_registry(); d->name; d++) {
        if (strcmp(d->name, c->dataset) != 0) continue;
        rb_spec spec = spec_of(c, d);
        return rb_program_compile(&spec, layout, out);
    }
    return rb_fail(RB_INTERNAL, "case %s: its data set \"%s\" is not in the registry", c->name, c->dataset);
}

double rb_program_mflop_per_sample(const rb_program *program) {
    const rb_variant *train = &program->variant[RB_VARIANT_TRAIN];
    return rb_variant_model_flops(train) / (double)(train->rows > 0 ? train->rows : 1) / 1e6;
}
