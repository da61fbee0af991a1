/* sqlite.c: writes the database, through SQLite in one transaction; or says that this build has none. */
#include <stdlib.h>

#include "report/sql.h"
#ifdef REGBENCH_HAVE_SQLITE
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "report/internal.h"

enum { OUR_ID = 0x72627368 }; /* PRAGMA application_id: this database may be replaced */

struct rb_sql {
    char *path, *fresh;
    sqlite3 *db;
    sqlite3_stmt *insert[RB_TABLES];
};

static rb_status failed(const rb_sql *s, const char *what) {
    int code = sqlite3_errcode(s->db);
    const char *why = s->db ? sqlite3_errmsg(s->db) : "out of memory";
    if (code == SQLITE_FULL) return rb_fail_native(RB_DISK, code, "no room to write %s (%s)", s->path, why);
    if (code == SQLITE_NOMEM) return rb_fail(RB_MEMORY, "out of memory while writing %s", s->path);
    return rb_fail_native(RB_OUTPUT, code, "cannot write %s: %s: %s", s->path, what, why);
}

static rb_status execute(rb_sql *s, const char *sql) {
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? RB_OK : failed(s, "SQL");
}

/* What stands there is ours to replace: absent, or a database with our mark. */
static rb_status check_old(const char *path) {
    sqlite3 *db = NULL;
    sqlite3_stmt *ask = NULL;
    if (access(path, F_OK) != 0) return RB_OK;
    bool ours = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "PRAGMA application_id", -1, &ask, NULL) == SQLITE_OK &&
                sqlite3_step(ask) == SQLITE_ROW && sqlite3_column_int(ask, 0) == OUR_ID;
    sqlite3_finalize(ask);
    sqlite3_close(db);
    if (ours) return RB_OK;
    return rb_fail(RB_INPUT, "%s is there and was not made by `regbench export`: choose another name with --to", path);
}

static rb_status prepare(rb_sql *s, rb_table table) {
    rb_status status = RB_OK;
    rb_text sql = {0};
    rb_sql_schema(table, &sql);
    RB_TRY(rb_text_status(&sql));
    RB_TRY(execute(s, sql.data));
    rb_text_clear(&sql);
    rb_text_printf(&sql, "INSERT INTO \"%s\" VALUES (", rb_table_name(table));
    for (int c = 0; c < rb_table_columns(table); c++) rb_text_append(&sql, c ? ",?" : "?");
    rb_text_append(&sql, ")");
    RB_TRY(rb_text_status(&sql));
    if (sqlite3_prepare_v2(s->db, sql.data, -1, &s->insert[table], NULL) != SQLITE_OK) status = failed(s, "INSERT");
cleanup:
    rb_text_free(&sql);
    return status;
}

rb_status rb_sql_open(const char *path, rb_sql **out) {
    rb_status status = RB_OK;
    rb_text fresh = {0};
    char head[96];
    *out = NULL;
    RB_TRY(check_old(path));
    rb_sql *s = calloc(1, sizeof *s);
    if (!s) return rb_fail(RB_MEMORY, "out of memory");
    rb_text_printf(&fresh, "%s.%ld.tmp", path, (long)getpid());
    s->path = strdup(path);
    s->fresh = fresh.data;
    *out = s;
    RB_TRY(rb_text_status(&fresh));
    if (!s->path) {
        status = rb_fail(RB_MEMORY, "out of memory");
        goto cleanup;
    }
    if (sqlite3_open_v2(s->fresh, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        status = failed(s, "open");
        goto cleanup;
    }
    /* No journal: a file that is not finished is thrown away. */
    snprintf(head, sizeof head, "PRAGMA application_id=%d; PRAGMA user_version=%d; PRAGMA journal_mode=OFF; BEGIN",
             OUR_ID, RB_SCHEMA_VERSION);
    RB_TRY(execute(s, head));
    for (int t = 0; t < RB_TABLES; t++) RB_TRY(prepare(s, (rb_table)t));
cleanup:
    if (status != RB_OK && *out) {
        rb_sql_close(*out);
        *out = NULL;
    }
    return status;
}

rb_status rb_sql_row(rb_sql *s, const rb_row *row) {
    sqlite3_stmt *insert = s->insert[row->table];
    bool ok = true;
    for (int c = 0; c < rb_table_columns(row->table); c++) {
        const rb_cell *cell = &row->cells[c];
        int done = cell->type == RB_CELL_INT    ? sqlite3_bind_int64(insert, c + 1, cell->u.i)
                   : cell->type == RB_CELL_REAL ? sqlite3_bind_double(insert, c + 1, cell->u.r)
                   : cell->type == RB_CELL_TEXT ? sqlite3_bind_text(insert, c + 1, cell->u.s, -1, SQLITE_TRANSIENT)
                                                : sqlite3_bind_null(insert, c + 1);
        ok &= done == SQLITE_OK;
    }
    ok = ok && sqlite3_step(insert) == SQLITE_DONE;
    rb_status status = ok ? RB_OK : failed(s, rb_table_name(row->table));
    sqlite3_reset(insert);
    return status;
}

rb_status rb_sql_finish(rb_sql *s) {
    rb_status status = RB_OK;
    RB_TRY(execute(s, "COMMIT"));
    for (int t = 0; t < RB_TABLES; t++) {
        sqlite3_finalize(s->insert[t]);
        s->insert[t] = NULL;
    }
    if (sqlite3_close(s->db) != SQLITE_OK) {
        status = failed(s, "close");
        goto cleanup;
    }
    s->db = NULL;
    if (rename(s->fresh, s->path) != 0) status = rb__write_failed(errno, s->path);
cleanup:
    return status;
}

void rb_sql_close(rb_sql *s) {
    if (!s) return;
    for (int t = 0; t < RB_TABLES; t++) sqlite3_finalize(s->insert[t]);
    sqlite3_close(s->db);
    if (s->fresh) unlink(s->fresh); /* is there only where it was not finished */
    free(s->fresh);
    free(s->path);
    free(s);
}
#else
rb_status rb_sql_open(const char *path, rb_sql **out) {
    *out = NULL;
    return rb_fail(RB_USAGE,
                   "cannot write %s: this build has no SQLite; install it (Debian: libsqlite3-dev) and build"
                   " again, or use -o csv or json",
                   path);
}
rb_status rb_sql_row(rb_sql *s, const rb_row *row) {
    (void)s, (void)row;
    return RB_OK;
}
rb_status rb_sql_finish(rb_sql *s) {
    (void)s;
    return RB_OK;
}
void rb_sql_close(rb_sql *s) { (void)s; }
#endif
