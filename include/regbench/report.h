/* report.h: rows, tables, sessions. Every result is a row of a table whose columns stand in columns.def.
 *
 * A session is a folder. The child process that does an item prints rows as JSON lines on a pipe; the parent alone
 * writes: first the line to events.jsonl (flushed), then the row to TABLE.csv. CSV: RFC 4180, UTF-8, "\n", header
 * always, %.9g, integer ns, empty = not applicable, never nan or inf. */
#ifndef REGBENCH_REPORT_H
#define REGBENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "regbench/status.h"

enum { RB_SCHEMA_VERSION = 1, RB_MAX_COLUMNS = 96 };

typedef enum rb_table {
#define RB_TABLE(table, doc) RB_TABLE_##table,
#define RB_COLUMN(table, name, type, doc)
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN
    RB_TABLES
} rb_table;

/* One enum per table only to number its columns: RB_COL(runs, status) is the column's index in its table. */
/* clang-format off */
typedef enum { RB_COLUMNS_BEGIN,
#define RB_TABLE(table, doc) } rb_columns_before_##table; typedef enum { RB_BEFORE_##table = -1,
#define RB_COLUMN(table, name, type, doc) RB_COL_##table##_##name,
#include "regbench/columns.def"
#undef RB_TABLE
#undef RB_COLUMN
} rb_columns_end;
/* clang-format on */
#define RB_COL(table, name) ((int)RB_COL_##table##_##name)

typedef enum rb_cell_type { RB_CELL_EMPTY, RB_CELL_INT, RB_CELL_REAL, RB_CELL_TEXT } rb_cell_type;

typedef struct rb_cell {
    rb_cell_type type;
    union { int64_t i; double r; char *s; } u; /* s is owned by the row */
} rb_cell;

typedef struct rb_row {
    rb_table table;
    rb_cell cells[RB_MAX_COLUMNS];
} rb_row;

void rb_row_begin(rb_row *row, rb_table table); /* empty, schema_version set */
void rb_row_end(rb_row *row);                   /* frees its texts; the row is empty again */
void rb_row_int(rb_row *row, int column, int64_t value);
void rb_row_real(rb_row *row, int column, double value); /* NaN and infinities leave the cell empty */
void rb_row_text(rb_row *row, int column, const char *value); /* NULL leaves it empty */

const char *rb_table_name(rb_table table);
int rb_table_columns(rb_table table);
const char *rb_column_name(rb_table table, int column);
const char *rb_column_doc(rb_table table, int column);

struct rb_text;
void rb_csv_header(rb_table table, struct rb_text *out);       /* with "\n" */
void rb_csv_row(const rb_row *row, struct rb_text *out);
/* One line {"table":"runs","row":{...}} with "\n"; empty cells are left out. */
rb_status rb_json_row(const rb_row *row, struct rb_text *out);
/* Reads such a line. RB_INPUT where it is none; unknown columns are ignored. */
rb_status rb_json_row_parse(const char *line, rb_row *out);

typedef enum rb_format { RB_FORMAT_MD, RB_FORMAT_CSV, RB_FORMAT_JSON } rb_format;
/* A table for people (md: aligned columns), or machines. `columns`: indices to print, NULL = all. Numbers in md are
 * rounded for reading. */
rb_status rb_print_rows(FILE *to, rb_format format, const rb_row *rows, int n, const int *columns, int n_columns);

/* A session folder: results/<machine>/<UTC>-<commit12>[-dirty]-<id>/, or exactly `out_dir`. */
typedef struct rb_session rb_session;
typedef struct rb_session_options {
    const char *out_dir;  /* -O, NULL = under results/ */
    const char *machine;  /* --machine, NULL = host name */
    const char *command;  /* the command line, for session.json */
    bool resume;          /* an old session in out_dir is continued; otherwise it is RB_USAGE */
} rb_session_options;
/* RB_OUTPUT: unwritable; RB_USAGE: an old session is there and resume is not set, or another process has the lock. */
rb_status rb_session_open(const rb_session_options *options, rb_session **out);
const char *rb_session_dir(const rb_session *s);
const char *rb_session_id(const rb_session *s);
/* events.jsonl first, then TABLE.csv; both flushed. RB_DISK: full; what was written before stays well-formed. */
rb_status rb_session_row(rb_session *s, const rb_row *row);
/* True if a runs row with this key (case, device, seed, batch, overrides) and an `ok` status is already there. */
bool rb_session_has_run(const rb_session *s, const rb_row *run);
/* Removes the lock; the folder stays. */
void rb_session_close(rb_session *s);

/* Precision, recall, f1, support per class and their averages, as scikit-learn's classification_report prints them. */
rb_status rb_classification_report(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                                   const char *const *names);
rb_status rb_confusion_print(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                             const char *const *names);

#endif
