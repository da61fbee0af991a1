/* columns.c: the verb `columns`: what the results' columns mean, from columns.def; results/columns.md is its output. */
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/text.h"
#include "report/sql.h"

static void fill(rb_table table, rb_row *rows) {
    static const char *const types[] = {[RB_CELL_INT] = "integer", [RB_CELL_REAL] = "real", [RB_CELL_TEXT] = "text"};
    for (int c = 0; c < rb_table_columns(table); c++) {
        rb_row_begin(&rows[c], RB_TABLE_columns);
        rb_row_text(&rows[c], RB_COL(columns, table_name), rb_table_name(table));
        rb_row_text(&rows[c], RB_COL(columns, column_name), rb_column_name(table, c));
        rb_row_text(&rows[c], RB_COL(columns, type), types[rb_column_type(table, c)]);
        rb_row_text(&rows[c], RB_COL(columns, meaning), rb_column_doc(table, c));
    }
}

/* A heading and a table for each, as in a document. */
static rb_status print_md(const rb_row *rows, int n) {
    static const int columns[] = {RB_COL(columns, column_name), RB_COL(columns, type), RB_COL(columns, meaning)};
    rb_status status = RB_OK;
    rb_text head = {0};
    for (int i = 0; i < n;) {
        rb_table table = rb_table_find(rb_row_get_text(&rows[i], RB_COL(columns, table_name)));
        rb_text_clear(&head);
        rb_text_printf(&head, "%s## %s\n\n%s\n\n", i ? "\n" : "", rb_table_name(table), rb_table_doc(table));
        RB_TRY(rb_text_status(&head));
        RB_TRY(rb_print_text(head.data));
        RB_TRY(rb_print_table(RB_TABLE_columns, RB_FORMAT_MD, rows + i, rb_table_columns(table), columns, 3));
        i += rb_table_columns(table);
    }
cleanup:
    rb_text_free(&head);
    return status;
}

static rb_status print_sql(const bool wanted[RB_TABLES]) {
    rb_text sql = {0};
    for (int t = 0; t < RB_TABLES; t++)
        if (wanted[t]) rb_sql_schema((rb_table)t, &sql);
    rb_status status = rb_text_status(&sql);
    if (status == RB_OK) status = rb_print_text(rb_text_string(&sql));
    rb_text_free(&sql);
    return status;
}

rb_status rb_table_named(const char *name, rb_table *out) {
    const char *names[RB_TABLES];
    for (int t = 0; t < RB_TABLES; t++) names[t] = rb_table_name((rb_table)t);
    *out = rb_table_find(name);
    if (*out < RB_TABLES) return RB_OK;
    const char *near = rb_text_nearest(name, names, RB_TABLES);
    if (near) return rb_fail(RB_USAGE, "no table \"%s\"; did you mean \"%s\"?", name, near);
    return rb_fail(RB_USAGE, "no table \"%s\"; `regbench columns` lists them", name);
}

rb_status rb_verb_columns(const rb_options *o) {
    rb_status status = RB_OK;
    bool wanted[RB_TABLES] = {false};
    rb_row *rows = NULL;
    int n = 0;
    RB_TRY(rb_output_choice(o, "md|csv|json|sql"));
    for (int i = 0; i < o->names.n; i++) {
        rb_table table;
        RB_TRY(rb_table_named(o->names.at[i], &table));
        wanted[table] = true;
    }
    for (int t = 0; t < RB_TABLES && o->names.n == 0; t++) wanted[t] = true;
    const char *format = rb_value(o, RB_FLAG_OUTPUT);
    if (format && !strcmp(format, "sql")) return print_sql(wanted);
    rows = calloc((size_t)RB_TABLES * RB_MAX_COLUMNS, sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for the list of columns");
    for (int t = 0; t < RB_TABLES; t++) {
        if (!wanted[t]) continue;
        fill((rb_table)t, rows + n);
        n += rb_table_columns((rb_table)t);
    }
    if (rb_output_format(o) == RB_FORMAT_MD)
        RB_TRY(print_md(rows, n));
    else
        RB_TRY(rb_print_table(RB_TABLE_columns, rb_output_format(o), rows, n, NULL, 0));
cleanup:
    for (int i = 0; rows && i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    return status;
}
