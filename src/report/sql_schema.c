/* sql_schema.c: CREATE TABLE from columns.def. */
#include "core/text.h"
#include "report/sql.h"

void rb_sql_schema(rb_table table, rb_text *out) {
    static const char *const types[] = {[RB_CELL_INT] = "INTEGER", [RB_CELL_REAL] = "REAL", [RB_CELL_TEXT] = "TEXT"};
    int n = rb_table_columns(table);
    rb_text_printf(out, "CREATE TABLE \"%s\" ( -- %s\n", rb_table_name(table), rb_table_doc(table));
    for (int c = 0; c < n; c++)
        rb_text_printf(out, "  \"%s\" %s%s -- %s\n", rb_column_name(table, c), types[rb_column_type(table, c)],
                       c + 1 < n ? "," : "", rb_column_doc(table, c));
    rb_text_append(out, ");\n");
    if (rb_column_find(table, "run_id") >= 0)
        rb_text_printf(out, "CREATE INDEX \"%s_run\" ON \"%s\" (\"run_id\");\n", rb_table_name(table),
                       rb_table_name(table));
}
