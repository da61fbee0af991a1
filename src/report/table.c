/* table.c: rows on a stream: an aligned markdown table for people, CSV or JSON for programs. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "report/internal.h"

/* Four significant digits, all digits before the point, no exponent for the sizes people meet. */
void rb__round_real(double r, rb_text *out) {
    double a = fabs(r);
    if (a == 0)
        rb_text_append(out, "0");
    else if (a >= 1e15 || a < 1e-4)
        rb_text_printf(out, "%.3g", r);
    else if (a >= 999.95)
        rb_text_printf(out, "%.0f", r);
    else if (a >= 99.995)
        rb_text_printf(out, "%.1f", r);
    else if (a >= 9.9995)
        rb_text_printf(out, "%.2f", r);
    else if (a >= 0.99995)
        rb_text_printf(out, "%.3f", r);
    else if (a >= 0.01)
        rb_text_printf(out, "%.4f", r);
    else
        rb_text_printf(out, "%.6f", r);
}

/* Text inside of a markdown cell: one line, bars escaped. */
static void escape(const char *s, rb_text *out) {
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '|')
            rb_text_append(out, "\\|");
        else
            rb_text_printf(out, "%c", c < ' ' || c == 0x7f ? ' ' : *s);
    }
}

static char *md_cell(const rb_cell *cell) {
    rb_text t = {0};
    if (cell->type == RB_CELL_REAL)
        rb__round_real(cell->u.r, &t);
    else if (cell->type == RB_CELL_TEXT)
        escape(cell->u.s, &t);
    else
        rb__csv_cell(cell, &t);
    if (!t.data) rb_text_append(&t, ""); /* so that there is a string to own */
    return t.failed ? NULL : t.data;
}

static void pad(rb_text *out, const char *s, int width, bool right) {
    int blanks = width - rb__text_width(s);
    if (blanks < 0) blanks = 0;
    rb_text_printf(out, "%*s%s%*s", right ? blanks : 0, "", s, right ? 0 : blanks, "");
}

static rb_status print_md(rb_text *out, const rb_row *rows, int n, const int *columns, int n_columns) {
    rb_status status = RB_OK;
    rb_table table = rows->table;
    size_t cells = (size_t)n * (size_t)n_columns;
    char **texts = calloc(cells + 1, sizeof *texts);
    int *widths = calloc((size_t)n_columns + 1, sizeof *widths);
    if (!texts || !widths) goto memory;
    for (int c = 0; c < n_columns; c++) {
        bool empty = n > 0; /* a column with nothing in it takes room from the others: width 0 leaves it out */
        widths[c] = rb__text_width(rb_column_name(table, columns[c]));
        for (int r = 0; r < n; r++) {
            char *text = md_cell(&rows[r].cells[columns[c]]);
            if (!text) goto memory;
            texts[r * n_columns + c] = text;
            int width = rb__text_width(text);
            if (width > widths[c]) widths[c] = width;
            empty = empty && width == 0;
        }
        if (empty) widths[c] = 0;
    }
    for (int r = -2; r < n; r++) { /* names, rule, rows */
        for (int c = 0; c < n_columns; c++) {
            bool right = rb_column_type(table, columns[c]) != RB_CELL_TEXT;
            if (widths[c] == 0) continue;
            rb_text_append(out, "| ");
            if (r == -2)
                pad(out, rb_column_name(table, columns[c]), widths[c], right);
            else if (r >= 0)
                pad(out, texts[r * n_columns + c], widths[c], right);
            else {
                for (int i = 1; i < widths[c]; i++) rb_text_append(out, "-");
                rb_text_append(out, right ? ":" : "-");
            }
            rb_text_append(out, " ");
        }
        rb_text_append(out, "|\n");
    }
    goto cleanup;
memory:
    status = rb_fail(RB_MEMORY, "out of memory while printing %d rows of %s", n, rb_table_name(table));
cleanup:
    for (size_t i = 0; texts && i < cells; i++) free(texts[i]);
    free(texts);
    free(widths);
    return status;
}

static void print_csv(rb_text *out, const rb_row *rows, int n, const int *columns, int n_columns) {
    for (int r = -1; r < n; r++) {
        for (int c = 0; c < n_columns; c++) {
            if (c) rb_text_append(out, ",");
            if (r < 0)
                rb__csv_field(rb_column_name(rows->table, columns[c]), out);
            else
                rb__csv_cell(&rows[r].cells[columns[c]], out);
        }
        rb_text_append(out, "\n");
    }
}

/* An array with one object per line; every column is there, null where the cell is empty. */
static rb_status print_json(rb_text *out, const rb_row *rows, int n, const int *columns, int n_columns) {
    rb_text_append(out, "[");
    for (int r = 0; r < n; r++) {
        cJSON *object = cJSON_CreateObject();
        char *printed = NULL;
        for (int c = 0; c < n_columns; c++)
            cJSON_AddItemToObject(object, rb_column_name(rows->table, columns[c]),
                                  rb__json_cell(&rows[r].cells[columns[c]]));
        if (cJSON_GetArraySize(object) == n_columns) printed = cJSON_PrintUnformatted(object);
        if (printed) rb_text_printf(out, "%s\n%s", r ? "," : "", printed);
        cJSON_free(printed);
        cJSON_Delete(object);
        if (!printed) return rb_fail(RB_MEMORY, "out of memory while printing %d rows as JSON", n);
    }
    rb_text_append(out, n ? "\n]\n" : "]\n");
    return RB_OK;
}

/* All columns; for people without those that say nothing here. */
static int choose(rb_format format, const rb_row *rows, int n, int *columns) {
    int count = 0;
    for (int c = 0; c < rb_table_columns(rows->table); c++) {
        bool keep = format != RB_FORMAT_MD || (n == 0 && c > 0);
        for (int r = 0; r < n && c > 0 && !keep; r++) keep = rows[r].cells[c].type != RB_CELL_EMPTY;
        if (keep) columns[count++] = c;
    }
    return count;
}

rb_status rb_print_rows(FILE *to, rb_format format, const rb_row *rows, int n, const int *columns, int n_columns) {
    rb_status status = RB_OK;
    rb_text out = {0};
    int all[RB_MAX_COLUMNS];
    if (!columns) {
        n_columns = choose(format, rows, n, all);
        columns = all;
    }
    switch (format) {
    case RB_FORMAT_MD:
        RB_TRY(print_md(&out, rows, n, columns, n_columns));
        break;
    case RB_FORMAT_CSV:
        print_csv(&out, rows, n, columns, n_columns);
        break;
    case RB_FORMAT_JSON:
        RB_TRY(print_json(&out, rows, n, columns, n_columns));
        break;
    }
    RB_TRY(rb_text_status(&out));
    errno = 0;
    if (fwrite(out.data, 1, out.length, to) != out.length || fflush(to) != 0)
        status = rb__write_failed(errno, to == stdout ? "standard output" : "the output");
cleanup:
    rb_text_free(&out);
    return status;
}
