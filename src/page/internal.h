/* internal.h: what the files of src/page share: sessions as read, tables in memory, groups of runs. */
#ifndef RB_PAGE_INTERNAL_H
#define RB_PAGE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/history.h"
#include "compare/pair.h"
#include "core/arena.h"
#include "core/text.h"
#include "page/page.h"
#include "report/csv_read.h"

/* --- tables -------------------------------------------------------------------------------------------------------
 */

typedef enum rb_page_table {
#define RB_PAGE_TABLE(name, source, budget, doc) RB_PAGE_##name,
#define RB_PAGE_COLUMN(table, name, from, doc)
#include "page/tables.def"
#undef RB_PAGE_TABLE
#undef RB_PAGE_COLUMN
    RB_PAGE_TABLES
} rb_page_table;

/* One enum per table only to number its columns, as in regbench/report.h. */
/* clang-format off */
typedef enum { RB_PAGE_COLUMNS_BEGIN,
#define RB_PAGE_TABLE(name, source, budget, doc) } rb_page_before_##name; typedef enum { RB_PAGE_BEFORE_##name = -1,
#define RB_PAGE_COLUMN(table, name, from, doc) RB_PAGE_COL_##table##_##name,
#include "page/tables.def"
#undef RB_PAGE_TABLE
#undef RB_PAGE_COLUMN
} rb_page_columns_end;
/* clang-format on */
#define RB_PAGE_COL(table, name) ((int)RB_PAGE_COL_##table##_##name)

/* A cell; its text is owned by what the report read, or by its arena. */
typedef struct rb_page_cell {
    rb_cell_type type;
    union {
        int64_t i;
        double r;
        const char *s;
    } u;
} rb_page_cell;

typedef struct rb_page_rows {
    rb_page_cell *cells; /* (n, columns) */
    int n, capacity;
} rb_page_rows;

const char *rb__page_table_name(rb_page_table table);
int rb__page_budget(rb_page_table table); /* bytes of the page's data */
int rb__page_columns(rb_page_table table);
const char *rb__page_column_name(rb_page_table table, int column);
const char *rb__page_column_doc(rb_page_table table, int column);
int rb__page_column(rb_page_table table, const char *name); /* -1 where there is none */

/* A new row of empty cells; valid until the next one. NULL: out of memory, which rb__page_status tells. */
rb_page_cell *rb__page_row(rb_report *r, rb_page_table table);
const rb_page_cell *rb__page_at(const rb_report *r, rb_page_table table, int row, int column);
const char *rb__page_text_at(const rb_report *r, rb_page_table table, int row, int column); /* "" where it is none */
double rb__page_number_at(const rb_report *r, rb_page_table table, int row, int column);    /* NaN where it is none */
void rb__page_set_int(rb_page_cell *cell, int64_t value);
void rb__page_set_real(rb_page_cell *cell, double value);      /* NaN and infinities leave it empty */
void rb__page_set_number(rb_page_cell *cell, double value);    /* a whole number as such */
void rb__page_set_text(rb_page_cell *cell, const char *value); /* "" and NULL leave it empty; kept by reference */
void rb__page_set_cell(rb_page_cell *cell, const rb_cell *value);
/* Cells of a row of columns.def into a row of the report. */
void rb__page_copy_cells(const rb_row *from, rb_page_cell *to, const rb_cell_copy *copies /* (n) */, int n);
/* Of the same name in both: RB_PAGE_COPY(speeds, runs, case). */
#define RB_PAGE_COPY(to, from, column)                                                                                 \
    { RB_PAGE_COL(to, column), RB_COL(from, column) }
/* A copy in the report's arena; "" where memory ran out, which rb__page_status tells. */
const char *rb__page_keep(rb_report *r, const char *text);
rb_status rb__page_status(const rb_report *r);
/* "size" of "size/mlp"; all of it where there is no lab. */
const char *rb__page_lab(rb_report *r, const char *case_name);
/* Rows of a table of columns.def with its schema_version left out, after a table's own columns. */
void rb__page_set_source(rb_page_cell *row, rb_page_table table, const rb_row *from);

/* --- sessions -----------------------------------------------------------------------------------------------------
 */

typedef enum rb_page_file {
    RB_PAGE_EPOCHS,
    RB_PAGE_OPS,
    RB_PAGE_TRIALS,
    RB_PAGE_ATTACKS,
    RB_PAGE_PEAKS,
    RB_PAGE_FILES
} rb_page_file;

typedef struct rb_page_session {
    char *dir;
    rb_runs runs;
    rb_csv csv[RB_PAGE_FILES];    /* one that is absent has no rows */
    int *by_id;                   /* (runs.n) rows of runs in the order of their run_id */
    int *epochs_from, *epochs_to; /* (runs.n) where rows of epochs begin and end for each run; equal: there are none */
    const char **study;           /* (runs.n) that decided on the run by a search; NULL = none */
    int unfinished;               /* runs with epochs and no row in runs */
    char *id, *machine, *command, *started; /* of session.json; NULL where it does not tell */
} rb_page_session;

struct rb_report {
    char *title;
    rb_arena *arena;
    bool memory; /* ran out */
    rb_page_session *sessions;
    int n_sessions;
    rb_page_rows tables[RB_PAGE_TABLES];
    rb_text summary, notes; /* sentences, each ended by "\n" */
    rb_compared compared;   /* whose texts the tables refer to */
    rb_history history;
    rb_row *effects; /* (n_effects) */
    int n_effects;
};

rb_status rb__page_read(rb_report *r, const char *const *paths, int n);
void rb__page_sessions_free(rb_report *r);
/* A sentence for people, below the page. */
void rb__page_note(rb_report *r, const char *fmt, ...) RB_PRINTF(2, 3);
/* The row of runs with that run_id, NULL where there is none. */
const rb_row *rb__page_find_run(const rb_page_session *s, const char *run_id);

/* --- runs -----------------------------------------------------------------------------------------------------------
 */

typedef struct rb_page_run {
    const rb_row *row;
    const rb_page_session *from;
    const char *key; /* the text of the columns that a group has in common, in the arena */
} rb_page_run;

typedef bool rb_page_wanted(const rb_row *row);
/* The wanted runs of all sessions, sorted by `columns` (n_columns) of runs, then by time; freed by the caller. A group
 * is a stretch of equal keys. Column settings counts as far as no other column tells it (rb_run_choices). */
rb_status rb__page_runs(rb_report *r, rb_page_wanted *wanted, const int *columns, int n_columns, rb_page_run **out,
                        int *n);
int rb__page_group_end(const rb_page_run *runs, int from, int n);
/* Median of the runs' finite values of a column; NaN where there are none. `values` has room for n. */
double rb__page_median(const rb_page_run *runs, int n, int column, double *values);
/* What was asked of its device and no other column tells (rb_run_choices), in the arena. */
const char *rb__page_choices(rb_report *r, const rb_row *row);
bool rb__page_as_foreseen(const rb_row *row); /* not ok, but what its case expects */
/* The command that does such runs (n: of one kind, each with its seed) again, in the arena; NULL for what another
 * program did. */
const char *rb__page_repeat(rb_report *r, const rb_page_run *runs, int n);
/* The study that decided on the run, where nobody can ask for it alone; else NULL. */
const char *rb__page_study_of(const rb_page_run *run);

/* --- sections: each fills its tables ---------------------------------------------------------------------------------
 */

rb_status rb__page_sessions_table(rb_report *r);
rb_status rb__page_devices(rb_report *r);
rb_status rb__page_environment(rb_report *r);
rb_status rb__page_speeds(rb_report *r);
rb_status
rb__page_ops(rb_report *r); /* after speeds and devices: of runs that do not say their step's FLOPs, roofline too */
/* A row of roofline: FLOPs and bytes of a step, and its time; none where one is unknown. */
rb_status rb__page_under_roof(rb_report *r, const rb_row *run, double flops, double bytes, double step_ns);
/* The first five columns of ops and roofline: lab, case, machine, device_key, batch_size. */
void rb__page_set_place(rb_report *r, const rb_row *run, rb_page_cell *cells);
rb_status rb__page_compared(rb_report *r);
rb_status rb__page_outcomes(rb_report *r); /* and curves */
rb_status rb__page_effects(rb_report *r);
rb_status rb__page_history(rb_report *r);
rb_status rb__page_studies(rb_report *r); /* trials, attacks */
rb_status rb__page_tta(rb_report *r);
rb_status rb__page_failures(rb_report *r);
rb_status rb__page_summary(rb_report *r);
rb_status rb__page_doubts(rb_report *r); /* notes */

/* The page with its placeholders {{title}} and {{data}}. */
const char *rb__page_template(size_t *bytes);
/* A JSON string fit for an element of scripts: "<", ">", "&", U+2028/9 escaped, what is no UTF-8 replaced. */
void rb__page_json_text(const char *s, rb_text *out);

#endif
