/* export.c: the verb `export`: recorded sessions together in one place. */
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"
#include "report/collect.h"
#include "report/redact.h"
#include "report/sql.h"

typedef struct exporting {
    bool redact;
    rb_redaction redaction;
    rb_sql *sql;
    rb_table table; /* of what is printed */
    rb_format format;
    rb_text line;
    rb_row *rows; /* (n), JSON: one value from "[" to "]" */
    int n, capacity;
    int64_t written;
} exporting;

/* The first reading of everything: nothing is written where a file turns out to be damaged. */
static rb_status look(void *context, const rb_row *row) {
    exporting *e = context;
    return e->redact ? rb_redaction_learn(&e->redaction, row) : RB_OK;
}

static rb_status keep(exporting *e, const rb_row *row) {
    if (e->n == e->capacity) {
        int capacity = e->capacity ? 2 * e->capacity : 64;
        rb_row *rows = realloc(e->rows, (size_t)capacity * sizeof *rows);
        if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", capacity);
        e->rows = rows;
        e->capacity = capacity;
    }
    rb_row_copy(row, &e->rows[e->n++]);
    return RB_OK;
}

/* steps.csv of many sessions is longer than one wants to hold. */
static rb_status print_line(exporting *e, const rb_row *row) {
    rb_status status = RB_OK;
    rb_text_clear(&e->line);
    if (row)
        rb_csv_row(row, &e->line);
    else
        rb_csv_header(e->table, &e->line);
    RB_TRY(rb_text_status(&e->line));
    status = rb_print_part(e->line.data);
cleanup:
    return status;
}

static rb_status put(exporting *e, const rb_row *row) {
    if (e->sql) return rb_sql_row(e->sql, row);
    return e->format == RB_FORMAT_CSV ? print_line(e, row) : keep(e, row);
}

static rb_status write_row(void *context, const rb_row *row) {
    exporting *e = context;
    rb_status status = RB_OK;
    rb_row mine;
    if (!e->sql && row->table != e->table) return RB_OK;
    rb_row_copy(row, &mine);
    if (!e->redact || rb_redact(&e->redaction, &mine)) {
        status = put(e, &mine);
        e->written++;
    }
    rb_row_end(&mine);
    return status;
}

rb_status rb_verb_export(const rb_options *o) {
    rb_status status = RB_OK;
    const char *format = rb_value(o, RB_FLAG_OUTPUT), *to = rb_value(o, RB_FLAG_TO);
    const char *const *paths = (const char *const *)o->names.at;
    exporting e = {.redact = rb_given(o, RB_FLAG_REDACT), .table = RB_TABLE_runs, .format = RB_FORMAT_CSV};
    RB_TRY(rb_output_choice(o, "sql|csv|json"));
    if (format && !strcmp(format, "json")) e.format = RB_FORMAT_JSON;
    bool sql = format && !strcmp(format, "sql");
    if (o->names.n == 0) return rb_fail(RB_USAGE, "which sessions? `regbench export -o sql results`");
    if (to && !sql) return rb_fail(RB_USAGE, "--to names the database of -o sql; csv and json go to stdout");
    if (sql && rb_given(o, RB_FLAG_TABLE))
        return rb_fail(RB_USAGE, "-o sql writes all tables: --table belongs to csv and json");
    if (rb_given(o, RB_FLAG_TABLE)) RB_TRY(rb_table_named(rb_value(o, RB_FLAG_TABLE), &e.table));
    if (e.redact) RB_TRY(rb_redaction_begin(&e.redaction));
    RB_TRY(rb_collect(paths, o->names.n, look, &e));
    if (!to) to = "regbench.sqlite";
    if (sql)
        RB_TRY(rb_sql_open(to, &e.sql));
    else if (e.format == RB_FORMAT_CSV)
        RB_TRY(print_line(&e, NULL));
    RB_TRY(rb_collect(paths, o->names.n, write_row, &e));
    if (sql) {
        RB_TRY(rb_sql_finish(e.sql));
        rb_log(RB_LOG_INFO, "%lld rows in %s", (long long)e.written, to);
    } else if (e.format == RB_FORMAT_JSON)
        RB_TRY(rb_print_table(e.table, RB_FORMAT_JSON, e.rows, e.n, NULL, 0));
cleanup:
    rb_sql_close(e.sql);
    rb_redaction_end(&e.redaction);
    for (int i = 0; i < e.n; i++) rb_row_end(&e.rows[i]);
    free(e.rows);
    rb_text_free(&e.line);
    return status;
}
