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

double rb_program_mflop_per_sample(const rb_program *program) {
    const rb_variant *train = &program->variant[RB_VARIANT_TRAIN];
    return rb_variant_model_flops(train) / (double)(train->rows > 0 ? train->rows : 1) / 1e6;
}
