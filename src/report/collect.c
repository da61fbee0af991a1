/* collect.c: finds the files of sessions, and turns CSV and JSON lines back into rows. */
#include "report/collect.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/text.h"
#include "report/csv_read.h"

enum { DEEPEST = 8 }; /* results/MACHINE/SESSION are three; a folder that is its own grandchild ends here */

typedef struct collecting {
    rb_collect_row *see;
    void *context;
    struct {
        dev_t device;
        ino_t inode;
    } * seen;
    int n_seen;
} collecting;

static rb_status first_time(collecting *c, const struct stat *info, bool *first) {
    for (int i = 0; i < c->n_seen; i++)
        if (c->seen[i].device == info->st_dev && c->seen[i].inode == info->st_ino) {
            *first = false;
            return RB_OK;
        }
    void *more = realloc(c->seen, (size_t)(c->n_seen + 1) * sizeof *c->seen);
    if (!more) return rb_fail(RB_MEMORY, "out of memory for a list of files");
    c->seen = more;
    c->seen[c->n_seen].device = info->st_dev;
    c->seen[c->n_seen++].inode = info->st_ino;
    *first = true;
    return RB_OK;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* runs.csv, runs.1.csv: RB_TABLES for any other name. */
static rb_table table_of(const char *path) {
    const char *name = last_part(path);
    char table[64];
    size_t n = strcspn(name, "."), length = strlen(name);
    if (n >= sizeof table || length < 4 || strcmp(name + length - 4, ".csv") != 0) return RB_TABLES;
    if (strspn(name + n + 1, "0123456789") + n + 5 != length && n + 4 != length) return RB_TABLES;
    snprintf(table, sizeof table, "%.*s", (int)n, name);
    return rb_table_find(table);
}

/* False where the text does not fit the column. */
static bool set_cell(rb_row *row, int column, const char *text) {
    char *end;
    if (!*text) return true;
    errno = 0;
    switch (rb_column_type(row->table, column)) {
    case RB_CELL_TEXT:
        rb_row_text(row, column, text);
        return true;
    case RB_CELL_INT: {
        long long whole = strtoll(text, &end, 10);
        if (errno || *end) return false;
        rb_row_int(row, column, whole);
        return true;
    }
    default: {
        double real = strtod(text, &end);
        if (*end || !isfinite(real)) return false;
        rb_row_real(row, column, real);
        return true;
    }
    }
}

static rb_status check_version(const char *path, int line, const rb_row *row) {
    const rb_cell *version = &row->cells[0];
    if (version->type == RB_CELL_INT && version->u.i >= 1 && version->u.i <= RB_SCHEMA_VERSION) return RB_OK;
    return rb_fail(RB_INPUT, "%s, row %d: schema_version is not one from 1 to %d: a newer regbench wrote this file",
                   path, line, RB_SCHEMA_VERSION);
}

static rb_status read_csv(collecting *c, const char *path, rb_table table) {
    rb_status status = RB_OK;
    rb_csv csv = {0};
    rb_row row;
    int column[RB_MAX_COLUMNS];
    rb_row_begin(&row, table);
    RB_TRY(rb_csv_read(path, &csv));
    for (int i = 0; i < csv.n_columns; i++) {
        int at = rb_column_find(table, csv.cells[i]);
        if (at < 0 || i >= RB_MAX_COLUMNS || csv.n_columns > RB_MAX_COLUMNS) {
            status = rb_fail(RB_INPUT,
                             "%s: table %s has no column \"%s\": a newer regbench wrote this file, or another"
                             " program",
                             path, rb_table_name(table), csv.cells[i]);
            goto cleanup;
        }
        column[i] = at;
    }
    for (int r = 0; r < csv.n_rows; r++) {
        rb_row_end(&row);
        for (int i = 0; i < csv.n_columns; i++)
            if (!set_cell(&row, column[i], rb_csv_at(&csv, r, i))) {
                status = rb_fail(RB_INPUT, "%s, row %d: %s \"%.40s\" is no number", path, r + 2, csv.cells[i],
                                 rb_csv_at(&csv, r, i));
                goto cleanup;
            }
        RB_TRY(check_version(path, r + 2, &row));
        RB_TRY(c->see(c->context, &row));
    }
cleanup:
    rb_row_end(&row);
    rb_csv_free(&csv);
    return status;
}

static rb_status read_events(collecting *c, const char *path) {
    rb_status status = RB_OK;
    char *line = NULL;
    size_t capacity = 0;
    rb_row row;
    FILE *file = fopen(path, "re");
    rb_row_begin(&row, (rb_table)0);
    if (!file) {
        status = rb_fail_native(RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    ssize_t length;
    for (int number = 1; (length = getline(&line, &capacity, file)) > 0; number++) {
        rb_row_end(&row);
        bool cut = line[length - 1] != '\n';
        if (cut || rb_json_row_parse(line, &row) != RB_OK) {
            rb_error_clear(); /* it does not know where */
            status = rb_fail(RB_INPUT, "%s, line %d: %s; `regbench run --resume -O FOLDER` mends a session", path,
                             number, cut ? "ends in the middle, its writer was stopped" : "no row of a table of ours");
            goto cleanup;
        }
        RB_TRY(check_version(path, number, &row));
        RB_TRY(c->see(c->context, &row));
    }
    if (ferror(file)) status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path, strerror(errno));
cleanup:
    rb_row_end(&row);
    free(line);
    if (file) fclose(file);
    return status;
}

static rb_status read_file(collecting *c, const char *path) {
    rb_table table = table_of(path);
    const char *end = strrchr(last_part(path), '.');
    if (table < RB_TABLES) return read_csv(c, path, table);
    if (end && !strcmp(end, ".jsonl")) return read_events(c, path);
    return rb_fail(RB_INPUT,
                   "%s: neither events.jsonl nor TABLE.csv of a session (`regbench columns` lists the tables)", path);
}

static int no_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* What stands elsewhere already, row for row: files that a newer program set aside (runs.1.csv) when it made them anew
 * from events.jsonl; and the runs of the parts that a folder's runs.csv was put together from (`sessions` of
 * bench/peers/alternate). */
static bool is_copy(const char *folder, const char *name, rb_table table, bool parts) {
    bool aside = strlen(name) != strlen(rb_table_name(table)) + 4;
    return (aside && rb_file_in(folder, "events.jsonl")) || (parts && table == RB_TABLE_runs);
}

static rb_status read_folder(collecting *c, const char *path, int depth, bool parts, int *files) {
    rb_status status = RB_OK;
    struct dirent **list = NULL;
    rb_text name = {0};
    if ((status = rb_session_refuse_newer(path)) != RB_OK) return status;
    bool gathered = rb_file_in(path, "runs.csv");
    int n = scandir(path, &list, no_dots, alphasort);
    if (n < 0) return rb_fail_native(RB_INPUT, errno, "cannot read the folder %s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        struct stat info;
        bool first;
        rb_text_clear(&name);
        rb_text_printf(&name, "%s/%s", path, list[i]->d_name);
        RB_TRY(rb_text_status(&name));
        if (stat(name.data, &info) != 0) continue; /* a dangling link */
        bool below = parts || (gathered && !strcmp(list[i]->d_name, "sessions"));
        if (S_ISDIR(info.st_mode) && depth < DEEPEST) RB_TRY(read_folder(c, name.data, depth + 1, below, files));
        rb_table table = S_ISREG(info.st_mode) ? table_of(name.data) : RB_TABLES;
        if (table == RB_TABLES) continue;
        RB_TRY(first_time(c, &info, &first));
        ++*files;
        if (first && !is_copy(path, list[i]->d_name, table, parts)) RB_TRY(read_csv(c, name.data, table));
    }
cleanup:
    for (int i = 0; i < n; i++) free(list[i]);
    free(list);
    rb_text_free(&name);
    return status;
}

rb_status rb_collect(const char *const *paths, int n, rb_collect_row *see, void *context) {
    rb_status status = RB_OK;
    collecting c = {.see = see, .context = context};
    for (int i = 0; i < n; i++) {
        struct stat info;
        bool first;
        int files = 0;
        if (stat(paths[i], &info) != 0) {
            status = rb_fail_native(RB_MISSING, errno, "cannot open %s: %s", paths[i], strerror(errno));
            goto cleanup;
        }
        if (S_ISDIR(info.st_mode)) {
            RB_TRY(read_folder(&c, paths[i], 0, false, &files));
            if (files > 0) continue;
            status = rb_fail(RB_MISSING, "%s holds no CSV file of a session, nor does a folder below", paths[i]);
            goto cleanup;
        }
        RB_TRY(first_time(&c, &info, &first));
        if (first) RB_TRY(read_file(&c, paths[i]));
    }
cleanup:
    free(c.seen);
    return status;
}
