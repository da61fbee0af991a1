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

/* Begins the status_reason of an item that ended otherwise than well, as its case foresees: nothing failed. */
#define RB_FORESEEN "as foreseen: "

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
    union {
        int64_t i;
        double r;
        char *s; /* owned by the row */
    } u;
} rb_cell;

typedef struct rb_row {
    rb_table table;
    rb_cell cells[RB_MAX_COLUMNS];
} rb_row;

void rb_row_begin(rb_row *row, rb_table table); /* empty, schema_version set; what stood there is not freed */
void rb_row_end(rb_row *row);                   /* frees its texts; the row is empty again */
/* Setters replace what was there. A number follows the column's type: an integer column rounds a real. */
void rb_row_int(rb_row *row, int column, int64_t value);
void rb_row_real(rb_row *row, int column, double value); /* NaN and infinities leave the cell empty */
/* What was a float before: the shortest decimal number that reads back as the same float, 0.1 and not 0.100000001. */
void rb_row_float(rb_row *row, int column, float value);
double rb_float_shortest(float value); /* that number */
/* NULL and "" leave it empty. Bytes that are no UTF-8 (driver strings) become U+FFFD. */
void rb_row_text(rb_row *row, int column, const char *value);
const char *rb_row_get_text(const rb_row *row, int column); /* "" where the cell is no text */
double rb_row_number(const rb_row *row, int column);        /* NaN where the cell is empty or text */
/* A copy that owns its texts; what stood in `to` is not freed. */
void rb_row_copy(const rb_row *from, rb_row *to);
/* A column that takes over another table's value. The types are the same, or both are numbers. */
typedef struct rb_cell_copy {
    int to, from;
} rb_cell_copy;
/* Of the same name in both: RB_COPY(history, runs, case). */
#define RB_COPY(to, from, column)                                                                                      \
    { RB_COL(to, column), RB_COL(from, column) }
/* What stood there is replaced; an empty cell empties it. */
void rb_row_copy_cells(const rb_row *from, rb_row *to, const rb_cell_copy *copies /* (n) */, int n);
/* Whether these columns of two rows of one table hold the same; two empty cells do. */
bool rb_row_same(const rb_row *a, const rb_row *b, const int *columns /* (n) */, int n);

const char *rb_table_name(rb_table table);
const char *rb_table_doc(rb_table table);
int rb_table_columns(rb_table table);
rb_table rb_table_find(const char *name); /* RB_TABLES where there is none */
const char *rb_column_name(rb_table table, int column);
const char *rb_column_doc(rb_table table, int column);
rb_cell_type rb_column_type(rb_table table, int column);
int rb_column_find(rb_table table, const char *name); /* -1 where there is none */

struct rb_text;
void rb_csv_header(rb_table table, struct rb_text *out); /* with "\n" */
void rb_csv_row(const rb_row *row, struct rb_text *out);
/* One line {"table":"runs","row":{...}} with "\n"; empty cells are left out. Integers beyond 2^53 are strings, since
 * most readers of JSON know only doubles. */
rb_status rb_json_row(const rb_row *row, struct rb_text *out);
/* Reads such a line into a row that holds nothing (it is not freed before). RB_INPUT where it is none; unknown columns
 * are ignored. */
rb_status rb_json_row_parse(const char *line, rb_row *out);

typedef enum rb_format { RB_FORMAT_MD, RB_FORMAT_CSV, RB_FORMAT_JSON } rb_format;
/* A table for people (md: aligned columns), or machines. `columns`: indices to print, NULL = all (md: all that hold
 * something, but schema_version). Numbers in md are rounded for reading. With n = 0, `rows` still points to a row that
 * was begun: its table gives the header. Rows are of one table. RB_OUTPUT, RB_DISK: `to` cannot be written. */
rb_status rb_print_rows(FILE *to, rb_format format, const rb_row *rows, int n, const int *columns, int n_columns);

/* A session folder: results/<machine>/<UTC>-<commit12>[-dirty]-<id>/, or exactly `out_dir`. */
typedef struct rb_session rb_session;
/* A run up to its checkpoint. */
typedef struct rb_kept_run {
    char run_id[64];
    int64_t epoch, step;
} rb_kept_run;

typedef struct rb_session_options {
    const char *out_dir;     /* -O, NULL = under results/ */
    const char *machine;     /* --machine, NULL = host name */
    const char *command;     /* the command line, for session.json */
    bool resume;             /* an old session in out_dir is continued; otherwise it is RB_USAGE */
    const rb_kept_run *kept; /* see rb_session_open; only read during that call */
    int n_kept;
    bool can_resume; /* the user may ask for `resume`: messages say so */
} rb_session_options;
/* RB_OUTPUT: unwritable; RB_USAGE: an old session is there and resume is not set, or another process has the lock.
 * A resumed session's CSVs are built anew from events.jsonl, without the rows of runs that never got their row in runs
 * (they were interrupted) and of runs of which a line is damaged. Of interrupted runs
 * that options->kept names the rows up to there stay: a later run went on from there, or will. */
rb_status rb_session_open(const rb_session_options *options, rb_session **out);
const char *rb_session_dir(const rb_session *s);
const char *rb_session_id(const rb_session *s);
const char *rb_session_machine(const rb_session *s);
/* schema_version of the session.json in a folder: 0 where there is none, -1 where it is damaged. */
int64_t rb_session_version(const char *dir);
/* RB_INPUT: the session in that folder is of a newer version than this program. */
rb_status rb_session_refuse_newer(const char *dir);
/* A run_id that this session has not used, "<session id>-0001": take one for every item, also when it is done again. */
void rb_session_run_id(rb_session *s, char run_id[32]);
/* events.jsonl first, then TABLE.csv; both flushed. RB_DISK: full; what was written before stays well-formed. */
rb_status rb_session_row(rb_session *s, const rb_row *row);
/* The last whole row of runs with the same case, device_key, seed, dataset, overrides, phase, precision and settings
 * that need not be done again, because it ended by itself: ok, diverged or unexpected. NULL where there is none; valid
 * until the next rb_session_row. */
const rb_row *rb_session_find_run(const rb_session *s, const rb_row *run);
/* The same, for who does an item several times: the n-th such row, from 0, in order of time. */
const rb_row *rb_session_past_run(const rb_session *s, const rb_row *run, int n);
/* True if trials.csv already holds this run as a trial of this study. */
/* How many done runs the session has that are none of these n >= 1, but differ from one of them in flags alone:
 * overrides, settings, precision, data set. The last of them in `last`. -1: out of memory. */
int rb_session_runs_beside(const rb_session *s, const rb_row *asked /* (n) */, int n, const rb_row **last);
bool rb_session_has_trial(const rb_session *s, const rb_row *trial);
/* True if env.csv already holds the facts of this env_id. */
bool rb_session_has_env(const rb_session *s, const char *env_id);
/* Removes the lock; the folder stays. */
void rb_session_close(rb_session *s);

/* Scores of one class; a division by zero gives 0, as in scikit-learn with zero_division = 0. */
typedef struct rb_class_score {
    double precision, recall, f1;
    int64_t support;
} rb_class_score;
/* scores (classes) and confusion (classes, classes), rows = truth; either may be NULL. RB_MISMATCH: a label or
 * prediction outside of 0 .. classes-1. */
rb_status rb_classification_scores(const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                                   rb_class_score *scores, int64_t *confusion);
/* The same as rows of `classes` and `confusion`, handed to `emit` one by one. */
rb_status rb_classification_rows(const char *run_id, const char *split, const int32_t *labels, const int32_t *pred,
                                 int64_t n, int classes, const char *const *names,
                                 rb_status (*emit)(void *context, const rb_row *row), void *context);
/* Precision, recall, f1, support per class and their averages, as scikit-learn's classification_report prints them.
 * `names` NULL: the classes' numbers. */
rb_status rb_classification_report(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                                   const char *const *names);
rb_status rb_confusion_print(FILE *to, const int32_t *labels, const int32_t *pred, int64_t n, int classes,
                             const char *const *names);

#endif
