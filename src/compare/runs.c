/* runs.c: sessions and runs.csv back into rows. */
#include "compare/runs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"

bool rb_run_ok(const rb_row *row) { return !strcmp(rb_row_get_text(row, RB_COL(runs, status)), rb_status_word(RB_OK)); }

rb_status rb_runs_add(rb_runs *runs, const rb_row *row) {
    if (runs->n == runs->capacity) {
        int capacity = runs->capacity ? 2 * runs->capacity : 64;
        rb_row *rows = realloc(runs->rows, (size_t)capacity * sizeof *rows);
        if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d runs", capacity);
        runs->rows = rows;
        runs->capacity = capacity;
    }
    rb_row_copy(row, &runs->rows[runs->n++]);
    return RB_OK;
}

void rb_runs_free(rb_runs *runs) {
    for (int i = 0; i < runs->n; i++) rb_row_end(&runs->rows[i]);
    free(runs->rows);
    free(runs->path);
    rb_csv_free(&runs->env);
    rb_csv_free(&runs->ratios);
    memset(runs, 0, sizeof *runs);
}

/* --- runs.csv -------------------------------------------------------------------------------------------------------
 */

static rb_status read_cell(const char *path, const rb_csv *csv, int i, int from, rb_row *row, int column) {
    const char *text = rb_csv_at(csv, i, from);
    char *end;
    if (!*text) return RB_OK;
    if (rb_column_type(RB_TABLE_runs, column) == RB_CELL_TEXT) {
        rb_row_text(row, column, text);
        return RB_OK;
    }
    double real = strtod(text, &end);
    if (*end || !isfinite(real))
        return rb_fail(RB_INPUT, "%s, row %d, column %s: \"%.40s\" is no number", path, i + 2,
                       rb_column_name(RB_TABLE_runs, column), text);
    if (rb_column_type(RB_TABLE_runs, column) != RB_CELL_INT) {
        rb_row_real(row, column, real);
        return RB_OK;
    }
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    if (*end || errno)
        return rb_fail(RB_INPUT, "%s, row %d, column %s: \"%.40s\" is no whole number", path, i + 2,
                       rb_column_name(RB_TABLE_runs, column), text);
    rb_row_int(row, column, whole);
    return RB_OK;
}

/* Rows from before the column was filled: each backend had one way. */
static void fill_submit(rb_row *row) {
    static const char *const ways[][2] = {
        {"cpu", "direct"}, {"reference", "direct"}, {"reference64", "direct"}, {"opencl", "eager"}};
    if (rb_row_get_text(row, RB_COL(runs, submit))[0]) return;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(rb_row_get_text(row, RB_COL(runs, backend)), ways[i][0]))
            rb_row_text(row, RB_COL(runs, submit), ways[i][1]);
}

/* Which column of `runs` each column of the file is; -1 = of a later version, ignored. */
static rb_status map_columns(const char *path, const rb_csv *csv, int *map) {
    static const char *const wanted[] = {"schema_version", "status",        "case",
                                         "device_key",     "workload_hash", "samples_per_s"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (rb_csv_column(csv, wanted[i]) < 0)
            return rb_fail(RB_INPUT, "%s has no column \"%s\": it is no runs.csv of regbench", path, wanted[i]);
    for (int c = 0; c < csv->n_columns; c++) map[c] = rb_column_find(RB_TABLE_runs, rb_csv_at(csv, -1, c));
    return RB_OK;
}

rb_status rb_runs_read_csv(const char *path, rb_runs *out) {
    rb_status status = RB_OK;
    rb_csv csv;
    int *map = NULL, known = 0;
    RB_TRY(rb_csv_read(path, &csv));
    map = malloc(((size_t)csv.n_columns + 1) * sizeof *map);
    if (!map) {
        status = rb_fail(RB_MEMORY, "out of memory for the columns of %s", path);
        goto cleanup;
    }
    RB_TRY(map_columns(path, &csv, map));
    out->no_settings |= rb_csv_column(&csv, "settings") < 0;
    for (int i = 0; i < csv.n_rows && status == RB_OK; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_runs);
        for (int c = 0; c < csv.n_columns && status == RB_OK; c++)
            if (map[c] >= 0) status = read_cell(path, &csv, i, c, &row, map[c]);
        fill_submit(&row);
        known += status == RB_OK && row.cells[0].u.i == RB_SCHEMA_VERSION;
        if (status == RB_OK) status = rb_runs_add(out, &row);
        rb_row_end(&row);
    }
    if (status == RB_OK && csv.n_rows > 0 && known == 0)
        status = rb_fail(RB_INPUT,
                         "%s has schema_version %s, this program knows %d: read it with the regbench that wrote it",
                         path, rb_csv_get(&csv, 0, "schema_version"), RB_SCHEMA_VERSION);
cleanup:
    free(map);
    rb_csv_free(&csv);
    return status;
}

/* --- a session's folder ---------------------------------------------------------------------------------------------
 */

static bool exists(const char *dir, const char *name, char *path, size_t size) {
    struct stat info;
    int n = snprintf(path, size, "%s/%s", dir, name);
    return n > 0 && (size_t)n < size && stat(path, &info) == 0;
}

static rb_status check_version(const char *dir) {
    if (rb_session_version(dir) < 0)
        return rb_fail(RB_INPUT, "%s/session.json is damaged: it has no schema_version", dir);
    return rb_session_refuse_newer(dir); /* a published runs.csv needs no session.json */
}

/* runs.csv derives from events.jsonl: what is cut off there may be missing from the CSV too, or soon will be. */
static rb_status check_events(const char *dir, int n_runs) {
    static const char begin[] = "{\"table\":\"runs\"";
    rb_status status = RB_OK;
    char path[4096], *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int runs = 0;
    bool whole = true;
    if (!exists(dir, "events.jsonl", path, sizeof path)) return RB_OK;
    FILE *file = fopen(path, "rbe");
    if (!file) return rb_fail_native(RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
    while ((length = getline(&line, &capacity, file)) > 0) {
        whole = line[length - 1] == '\n';
        runs += !strncmp(line, begin, sizeof begin - 1);
    }
    if (!whole)
        status = rb_fail(RB_INPUT,
                         "%s ends in half a line: the session was killed or its copy is incomplete. `regbench run "
                         "--resume` mends it; its runs.csv alone can be compared as it is",
                         path);
    else if (runs < n_runs)
        status =
            rb_fail(RB_INPUT, "%s holds %d runs, but runs.csv beside it %d: it is truncated, copy the session anew",
                    path, runs, n_runs);
    free(line);
    fclose(file);
    return status;
}

static rb_status read_env(const char *dir, rb_runs *out) {
    rb_status status = RB_OK;
    char path[4096];
    if (!exists(dir, "env.csv", path, sizeof path)) return RB_OK;
    RB_TRY(rb_csv_read(path, &out->env));
    for (int i = 0; i < out->env.n_rows; i++)
        rb_runs_note_fact(out, rb_csv_get(&out->env, i, "name"), rb_csv_get(&out->env, i, "value"));
cleanup:
    return status;
}

void rb_runs_note_fact(rb_runs *runs, const char *name, const char *value) {
    double noise = strtod(value, NULL) / 100;
    if (strcmp(name, "aa_noise_pct") == 0 && noise > runs->aa_noise && noise < 1) runs->aa_noise = noise;
}

static rb_status read_folder(const char *dir, rb_runs *out) {
    rb_status status = RB_OK;
    char path[4096];
    RB_TRY(check_version(dir));
    if (exists(dir, "runs.csv", path, sizeof path)) {
        RB_TRY(rb_runs_read_csv(path, out));
        RB_TRY(check_events(dir, out->n));
        RB_TRY(read_env(dir, out));
        if (exists(dir, "ratios.csv", path, sizeof path)) RB_TRY(rb_csv_read(path, &out->ratios));
        return RB_OK;
    }
    if (exists(dir, "events.jsonl", path, sizeof path) || exists(dir, "session.json", path, sizeof path))
        return rb_fail(RB_MISSING, "%s is a session without runs.csv: nothing was run, or a file was lost", dir);
    RB_TRY(rb_runs_read_gbench(dir, out));
    if (out->n == 0)
        status = rb_fail(RB_MISSING, "%s holds neither a runs.csv nor JSON files of Google Benchmark", dir);
cleanup:
    return status;
}

rb_status rb_runs_read(const char *path, rb_runs *out) {
    rb_status status = RB_OK;
    struct stat info;
    size_t length = strlen(path);
    memset(out, 0, sizeof *out);
    out->path = strdup(path);
    if (!out->path) return rb_fail(RB_MEMORY, "out of memory");
    if (stat(path, &info) != 0) {
        status =
            rb_fail_native(errno == ENOENT ? RB_MISSING : RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    while (length > 1 && out->path[length - 1] == '/') out->path[--length] = '\0';
    if (S_ISDIR(info.st_mode))
        RB_TRY(read_folder(out->path, out));
    else if (length > 5 && !strcmp(path + length - 5, ".json"))
        RB_TRY(rb_runs_read_gbench(path, out));
    else
        RB_TRY(rb_runs_read_csv(path, out));
cleanup:
    if (status != RB_OK) rb_runs_free(out);
    return status;
}
