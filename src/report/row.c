/* row.c: tables, columns and rows. */
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/report.h"
#include "report/internal.h"

/* Positions of all columns in one list: FIRST_runs is that of the first column of `runs`. */
/* clang-format off */
enum {
#define RB_TABLE(table, doc) FIRST_##table, BEFORE_##table = FIRST_##table - 1,
#define RB_COLUMN(table, name, type, doc) AT_##table##_##name,
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN
    COLUMNS
};
/* clang-format on */

static const struct {
    const char *name, *doc;
    int first;
} tables[RB_TABLES + 1] = {
#define RB_TABLE(table, doc) {#table, doc, FIRST_##table},
#define RB_COLUMN(table, name, type, doc)
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN
    {NULL, NULL, COLUMNS},
};

static const struct {
    const char *name, *doc;
    rb_cell_type type;
} columns[COLUMNS] = {
#define RB_TABLE(table, doc)
#define RB_COLUMN(table, name, type, doc) {#name, doc, RB_CELL_##type},
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN
};

#define RB_TABLE(table, doc)              _Static_assert(RB_COL(table, schema_version) == 0, "schema_version comes first");
#define RB_COLUMN(table, name, type, doc) _Static_assert(RB_COL(table, name) < RB_MAX_COLUMNS, "raise RB_MAX_COLUMNS");
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN

const char *rb_table_name(rb_table table) { return tables[table].name; }

const char *rb_table_doc(rb_table table) { return tables[table].doc; }

int rb_table_columns(rb_table table) { return tables[table + 1].first - tables[table].first; }

rb_table rb_table_find(const char *name) {
    int t = 0;
    while (t < RB_TABLES && strcmp(tables[t].name, name) != 0) t++;
    return (rb_table)t;
}

const char *rb_column_name(rb_table table, int column) { return columns[tables[table].first + column].name; }

const char *rb_column_doc(rb_table table, int column) { return columns[tables[table].first + column].doc; }

rb_cell_type rb_column_type(rb_table table, int column) { return columns[tables[table].first + column].type; }

int rb_column_find(rb_table table, const char *name) {
    for (int c = 0; c < rb_table_columns(table); c++)
        if (strcmp(rb_column_name(table, c), name) == 0) return c;
    return -1;
}

void rb_row_begin(rb_row *row, rb_table table) {
    memset(row, 0, sizeof *row);
    row->table = table;
    rb_row_int(row, 0, RB_SCHEMA_VERSION);
}

/* Empties the cell and returns it. A column of another table is a defect of the caller. */
static rb_cell *fresh(rb_row *row, int column) {
    assert(column >= 0 && column < rb_table_columns(row->table));
    rb_cell *cell = &row->cells[column];
    if (cell->type == RB_CELL_TEXT) free(cell->u.s);
    cell->type = RB_CELL_EMPTY;
    return cell;
}

void rb_row_end(rb_row *row) {
    for (int c = 0; c < RB_MAX_COLUMNS; c++)
        if (row->cells[c].type == RB_CELL_TEXT) free(row->cells[c].u.s);
    memset(row->cells, 0, sizeof row->cells);
}

void rb_row_int(rb_row *row, int column, int64_t value) {
    rb_cell *cell = fresh(row, column);
    cell->type = rb_column_type(row->table, column);
    assert(cell->type != RB_CELL_TEXT);
    if (cell->type == RB_CELL_REAL)
        cell->u.r = (double)value;
    else
        cell->u.i = value;
}

void rb_row_real(rb_row *row, int column, double value) {
    rb_cell *cell = fresh(row, column);
    if (!isfinite(value)) return;
    rb_cell_type type = rb_column_type(row->table, column);
    assert(type != RB_CELL_TEXT);
    if (type == RB_CELL_INT && fabs(value) >= 9.2e18) return; /* fits no integer: not applicable */
    cell->type = type;
    if (type == RB_CELL_INT)
        cell->u.i = llround(value);
    else
        cell->u.r = value;
}

int rb__utf8_length(const unsigned char *s) {
    if (s[0] < 0x80) return 1;
    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

void rb_row_text(rb_row *row, int column, const char *value) {
    rb_cell *cell = fresh(row, column);
    assert(rb_column_type(row->table, column) == RB_CELL_TEXT);
    if (!value || !*value) return;
    /* U+FFFD takes three bytes for at least one. Out of memory: the cell stays empty. */
    char *copy = malloc(strlen(value) * 3 + 1), *to = copy;
    if (!copy) return;
    for (const unsigned char *s = (const unsigned char *)value; *s;) {
        int n = rb__utf8_length(s);
        memcpy(to, n ? (const char *)s : "\xef\xbf\xbd", (size_t)(n ? n : 3));
        to += n ? n : 3;
        s += n ? n : 1;
    }
    *to = '\0';
    cell->type = RB_CELL_TEXT;
    cell->u.s = copy;
}

double rb_float_shortest(float value) {
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return strtod(text, NULL);
}

void rb_row_float(rb_row *row, int column, float value) { rb_row_real(row, column, rb_float_shortest(value)); }

void rb_row_copy(const rb_row *from, rb_row *to) {
    rb_row_begin(to, from->table);
    for (int c = 0; c < rb_table_columns(from->table); c++) {
        const rb_cell *cell = &from->cells[c];
        if (cell->type == RB_CELL_TEXT)
            rb_row_text(to, c, cell->u.s);
        else
            to->cells[c] = *cell;
    }
}

void rb_row_copy_cells(const rb_row *from, rb_row *to, const rb_cell_copy *copies, int n) {
    for (int i = 0; i < n; i++) {
        const rb_cell *cell = &from->cells[copies[i].from];
        switch (cell->type) {
        case RB_CELL_EMPTY:
            fresh(to, copies[i].to);
            break;
        case RB_CELL_INT:
            rb_row_int(to, copies[i].to, cell->u.i);
            break;
        case RB_CELL_REAL:
            rb_row_real(to, copies[i].to, cell->u.r);
            break;
        case RB_CELL_TEXT:
            rb_row_text(to, copies[i].to, cell->u.s);
            break;
        }
    }
}

static bool same_cell(const rb_cell *a, const rb_cell *b) {
    if (a->type != b->type) return false;
    switch (a->type) {
    case RB_CELL_EMPTY:
        break;
    case RB_CELL_INT:
        return a->u.i == b->u.i;
    case RB_CELL_REAL:
        return a->u.r == b->u.r;
    case RB_CELL_TEXT:
        return strcmp(a->u.s, b->u.s) == 0;
    }
    return true;
}

bool rb_row_same(const rb_row *a, const rb_row *b, const int *which, int n) {
    for (int i = 0; i < n; i++)
        if (!same_cell(&a->cells[which[i]], &b->cells[which[i]])) return false;
    return true;
}

const char *rb_row_get_text(const rb_row *row, int column) {
    return row->cells[column].type == RB_CELL_TEXT ? row->cells[column].u.s : "";
}

double rb_row_number(const rb_row *row, int column) {
    const rb_cell *cell = &row->cells[column];
    return cell->type == RB_CELL_REAL ? cell->u.r : cell->type == RB_CELL_INT ? (double)cell->u.i : NAN;
}

int rb__text_width(const char *s) {
    int width = 0;
    for (; *s; s++) width += ((unsigned char)*s & 0xc0) != 0x80; /* code points, not bytes */
    return width;
}
