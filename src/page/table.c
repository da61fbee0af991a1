/* table.c: the report's tables in memory, and what tables.def says of their columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"
#include "report/others.h"

/* Positions of all columns in one list: FIRST_speeds is that of the first column of `speeds`. */
/* clang-format off */
enum {
#define RB_PAGE_TABLE(name, source, budget, doc) FIRST_##name, BEFORE_##name = FIRST_##name - 1,
#define RB_PAGE_COLUMN(table, name, from, doc) AT_##table##_##name,
#include "page/tables.def"
#undef RB_PAGE_TABLE
#undef RB_PAGE_COLUMN
    COLUMNS
};
/* clang-format on */

enum { RB_TABLE_none = RB_TABLES };

static const struct {
    const char *name, *doc;
    int source, budget, first;
} tables[RB_PAGE_TABLES + 1] = {
#define RB_PAGE_TABLE(name, source, budget, doc) {#name, doc, RB_TABLE_##source, budget, FIRST_##name},
#define RB_PAGE_COLUMN(table, name, from, doc)
#include "page/tables.def"
#undef RB_PAGE_TABLE
#undef RB_PAGE_COLUMN
    {.first = COLUMNS},
};

static const struct {
    const char *name, *doc;
    int from;
} columns[COLUMNS] = {
#define RB_PAGE_TABLE(name, source, budget, doc)
#define RB_PAGE_COLUMN(table, name, from, doc) {#name, doc, RB_TABLE_##from},
#include "page/tables.def"
#undef RB_PAGE_TABLE
#undef RB_PAGE_COLUMN
};

static int own_columns(rb_page_table table) { return tables[table + 1].first - tables[table].first; }

const char *rb__page_table_name(rb_page_table table) { return tables[table].name; }

int rb__page_budget(rb_page_table table) { return tables[table].budget * 1000; }

int rb__page_columns(rb_page_table table) {
    int source = tables[table].source;
    return own_columns(table) + (source < RB_TABLES ? rb_table_columns((rb_table)source) - 1 : 0);
}

const char *rb__page_column_name(rb_page_table table, int column) {
    int own = own_columns(table);
    if (column >= own) return rb_column_name((rb_table)tables[table].source, column - own + 1);
    return columns[tables[table].first + column].name;
}

const char *rb__page_column_doc(rb_page_table table, int column) {
    int own = own_columns(table), at = tables[table].first + column;
    if (column >= own) return rb_column_doc((rb_table)tables[table].source, column - own + 1);
    if (*columns[at].doc) return columns[at].doc;
    rb_table from = (rb_table)columns[at].from;
    return rb_column_doc(from, rb_column_find(from, columns[at].name));
}

int rb__page_column(rb_page_table table, const char *name) {
    for (int c = 0; c < rb__page_columns(table); c++)
        if (!strcmp(rb__page_column_name(table, c), name)) return c;
    return -1;
}

rb_page_cell *rb__page_row(rb_report *r, rb_page_table table) {
    rb_page_rows *rows = &r->tables[table];
    size_t width = (size_t)rb__page_columns(table);
    if (rows->n == rows->capacity) {
        int capacity = rows->capacity ? 2 * rows->capacity : 64;
        rb_page_cell *cells = realloc(rows->cells, (size_t)capacity * width * sizeof *cells);
        if (!cells) {
            r->memory = true;
            return NULL;
        }
        rows->cells = cells;
        rows->capacity = capacity;
    }
    rb_page_cell *row = rows->cells + (size_t)rows->n++ * width;
    memset(row, 0, width * sizeof *row);
    return row;
}

const rb_page_cell *rb__page_at(const rb_report *r, rb_page_table table, int row, int column) {
    return &r->tables[table].cells[(size_t)row * (size_t)rb__page_columns(table) + (size_t)column];
}

const char *rb__page_text_at(const rb_report *r, rb_page_table table, int row, int column) {
    const rb_page_cell *cell = rb__page_at(r, table, row, column);
    return cell->type == RB_CELL_TEXT ? cell->u.s : "";
}

double rb__page_number_at(const rb_report *r, rb_page_table table, int row, int column) {
    const rb_page_cell *cell = rb__page_at(r, table, row, column);
    return cell->type == RB_CELL_REAL ? cell->u.r : cell->type == RB_CELL_INT ? (double)cell->u.i : (double)NAN;
}

void rb__page_set_int(rb_page_cell *cell, int64_t value) {
    cell->type = RB_CELL_INT;
    cell->u.i = value;
}

void rb__page_set_real(rb_page_cell *cell, double value) {
    if (!isfinite(value)) return;
    cell->type = RB_CELL_REAL;
    cell->u.r = value;
}

void rb__page_set_number(rb_page_cell *cell, double value) {
    if (fabs(value) < 9e15 && value == rint(value))
        rb__page_set_int(cell, (int64_t)value);
    else
        rb__page_set_real(cell, value);
}

void rb__page_set_text(rb_page_cell *cell, const char *value) {
    if (!value || !*value) return;
    cell->type = RB_CELL_TEXT;
    cell->u.s = value;
}

void rb__page_set_cell(rb_page_cell *cell, const rb_cell *value) {
    switch (value->type) {
    case RB_CELL_EMPTY:
        break;
    case RB_CELL_INT:
        rb__page_set_int(cell, value->u.i);
        break;
    case RB_CELL_REAL:
        rb__page_set_real(cell, value->u.r);
        break;
    case RB_CELL_TEXT:
        rb__page_set_text(cell, value->u.s);
        break;
    }
}

void rb__page_copy_cells(const rb_row *from, rb_page_cell *to, const rb_cell_copy *copies, int n) {
    for (int i = 0; i < n; i++) rb__page_set_cell(&to[copies[i].to], &from->cells[copies[i].from]);
}

void rb__page_set_source(rb_page_cell *row, rb_page_table table, const rb_row *from) {
    int own = own_columns(table);
    for (int c = 1; c < rb_table_columns(from->table); c++) rb__page_set_cell(&row[own + c - 1], &from->cells[c]);
}

const char *rb__page_keep(rb_report *r, const char *text) {
    const char *copy = rb_arena_string(r->arena, text);
    if (!copy) r->memory = true;
    return copy ? copy : "";
}

rb_status rb__page_status(const rb_report *r) {
    return r->memory || r->summary.failed || r->notes.failed ? rb_fail(RB_MEMORY, "out of memory for the report")
                                                             : RB_OK;
}

const char *rb__page_lab(rb_report *r, const char *case_name) {
    char lab[64];
    snprintf(lab, sizeof lab, "%.*s", (int)strcspn(case_name, "/ "), case_name);
    return rb__page_keep(r, lab);
}
