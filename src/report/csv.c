/* csv.c: headers and rows as CSV: RFC 4180, UTF-8, "\n", %.9g, empty = not applicable. */
#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "report/internal.h"

void rb__csv_field(const char *s, rb_text *out) {
    size_t n = strlen(s);
    /* Readers strip blanks around a field that is not quoted. */
    bool blank = n && (strchr(" \t", s[0]) || strchr(" \t", s[n - 1]));
    if (!blank && !strpbrk(s, ",\"\r\n")) {
        rb_text_append(out, s);
        return;
    }
    size_t most = 2 * n + 3;
    char *quoted = malloc(most);
    if (!quoted) {
        out->failed = 1;
        return;
    }
    quoted[csv_write(quoted, most - 1, s, n)] = '\0';
    rb_text_append(out, quoted);
    free(quoted);
}

void rb__csv_cell(const rb_cell *cell, rb_text *out) {
    switch (cell->type) {
    case RB_CELL_EMPTY:
        break;
    case RB_CELL_INT:
        rb_text_printf(out, "%lld", (long long)cell->u.i);
        break;
    case RB_CELL_REAL:
        rb_text_printf(out, "%.9g", cell->u.r);
        break;
    case RB_CELL_TEXT:
        rb__csv_field(cell->u.s, out);
        break;
    }
}

void rb_csv_header(rb_table table, rb_text *out) {
    for (int c = 0; c < rb_table_columns(table); c++)
        rb_text_printf(out, "%s%s", c ? "," : "", rb_column_name(table, c));
    rb_text_append(out, "\n");
}

void rb_csv_row(const rb_row *row, rb_text *out) {
    for (int c = 0; c < rb_table_columns(row->table); c++) {
        if (c) rb_text_append(out, ",");
        rb__csv_cell(&row->cells[c], out);
    }
    rb_text_append(out, "\n");
}
