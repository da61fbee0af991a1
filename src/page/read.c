/* read.c: sessions for the report: those that can be read, as far as they can, and a note about each that cannot. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare/find.h"
#include "core/file.h"
#include "page/internal.h"

static const char *const FILES[RB_PAGE_FILES] = {"epochs", "ops", "trials", "attacks", "peaks"};

typedef struct reading {
    rb_report *r;
    struct {
        dev_t device;
        ino_t inode;
    } * seen; /* (n_seen) folders: one counts once, by whatever name it comes */
    int n_seen, damaged;
    rb_error first; /* failure of a session */
} reading;

void rb__page_note(rb_report *r, const char *fmt, ...) {
    char line[1400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    for (char *c = line; *c; c++)
        if (*c == '\n') *c = ' ';
    rb_text_printf(&r->notes, "%s\n", line);
}

static rb_status file_in(const char *dir, const char *name, rb_text *path) {
    rb_text_clear(path);
    rb_text_printf(path, "%s/%s", dir, name);
    return rb_text_status(path);
}

/* What session.json tells; an absent or damaged one tells nothing, published sessions need none. */
static rb_status read_description(rb_page_session *s) {
    rb_status status = RB_OK;
    rb_text path = {0};
    void *text = NULL;
    size_t bytes;
    RB_TRY(file_in(s->dir, "session.json", &path));
    if (rb_file_read(path.data, &text, &bytes) != RB_OK) {
        rb_error_clear();
        goto cleanup;
    }
    cJSON *json = cJSON_ParseWithLength(text, bytes);
    const struct {
        const char *name;
        char **to;
    } parts[] = {{"session_id", &s->id}, {"machine", &s->machine}, {"command", &s->command}, {"utc", &s->started}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, parts[i].name));
        if (value && !(*parts[i].to = strdup(value))) status = rb_fail(RB_MEMORY, "out of memory for %s", path.data);
    }
    cJSON_Delete(json);
cleanup:
    free(text);
    rb_text_free(&path);
    return status;
}

/* A table beside runs.csv; one that cannot be read is left out. */
static rb_status read_file(rb_report *r, rb_page_session *s, rb_page_file file) {
    rb_text path = {0};
    rb_status status = RB_OK;
    rb_text_printf(&path, "%s/%s.csv", s->dir, FILES[file]);
    RB_TRY(rb_text_status(&path));
    status = rb_csv_read(path.data, &s->csv[file]);
    if (status == RB_INPUT) rb__page_note(r, "Left out: %s", rb_error_last()->text);
    if (status == RB_INPUT || status == RB_MISSING) {
        rb_error_clear();
        status = RB_OK;
    }
cleanup:
    rb_text_free(&path);
    return status;
}

/* Rows that an older or newer program wrote into files of other columns, runs.1.csv ..; not beside events.jsonl, from
 * which runs.csv was made anew with all of them. */
static rb_status read_rotated(rb_report *r, rb_page_session *s) {
    rb_status status = RB_OK;
    rb_text path = {0};
    struct stat info;
    if (rb_file_in(s->dir, "events.jsonl")) return RB_OK;
    for (int i = 1;; i++) {
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/runs.%d.csv", s->dir, i);
        RB_TRY(rb_text_status(&path));
        if (stat(path.data, &info) != 0) break;
        if (rb_runs_read_csv(path.data, &s->runs) == RB_OK) continue;
        rb__page_note(r, "Left out: %s", rb_error_last()->text);
        rb_error_clear();
    }
cleanup:
    rb_text_free(&path);
    return status;
}

/* What was killed while it wrote: events.jsonl ends in half a line, but the CSV files may be whole. */
static rb_status read_as_it_is(rb_report *r, rb_page_session *s) {
    rb_status status = RB_OK;
    rb_text path = {0};
    rb_error why = *rb_error_last();
    rb_error_clear();
    RB_TRY(file_in(s->dir, "runs.csv", &path));
    if (rb_runs_read(path.data, &s->runs) != RB_OK) {
        rb_error_clear();
        status = rb_fail(why.status, "%s", why.text);
        goto cleanup;
    }
    rb__page_note(r, "Taken as it is: %s", why.text);
    RB_TRY(file_in(s->dir, "env.csv", &path));
    if (rb_csv_read(path.data, &s->runs.env) != RB_OK) rb_error_clear();
    RB_TRY(file_in(s->dir, "ratios.csv", &path));
    if (rb_csv_read(path.data, &s->runs.ratios) != RB_OK) rb_error_clear();
cleanup:
    rb_text_free(&path);
    return status;
}

/* Rows of a newer version may mean something else. */
static void drop_newer(rb_report *r, rb_page_session *s) {
    int kept = 0, dropped = 0;
    for (int i = 0; i < s->runs.n; i++) {
        rb_row *row = &s->runs.rows[i];
        if (row->cells[0].type == RB_CELL_INT && row->cells[0].u.i > RB_SCHEMA_VERSION) {
            rb_row_end(row);
            dropped++;
        } else
            s->runs.rows[kept++] = *row;
    }
    s->runs.n = kept;
    if (dropped) rb__page_note(r, "%s: %d rows of a newer regbench are left out.", s->dir, dropped);
}

/* --- runs by name ---------------------------------------------------------------------------------------------------
 */

static const char *id_of(const rb_row *row) { return rb_row_get_text(row, RB_COL(runs, run_id)); }

static int by_id(const void *a, const void *b, void *context) {
    const rb_page_session *s = context;
    int x = *(const int *)a, y = *(const int *)b, order = strcmp(id_of(&s->runs.rows[x]), id_of(&s->runs.rows[y]));
    return order ? order : x - y;
}

static rb_status sort_ids(rb_page_session *s) {
    s->by_id = malloc(((size_t)s->runs.n + 1) * sizeof *s->by_id);
    if (!s->by_id) return rb_fail(RB_MEMORY, "out of memory for the runs of %s", s->dir);
    for (int i = 0; i < s->runs.n; i++) s->by_id[i] = i;
    qsort_r(s->by_id, (size_t)s->runs.n, sizeof *s->by_id, by_id, s);
    return RB_OK;
}

const rb_row *rb__page_find_run(const rb_page_session *s, const char *run_id) {
    int low = 0, high = s->runs.n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(id_of(&s->runs.rows[s->by_id[middle]]), run_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->runs.n) return NULL;
    const rb_row *row = &s->runs.rows[s->by_id[low]];
    return *run_id && !strcmp(id_of(row), run_id) ? row : NULL;
}

/* Rows of one run follow each other, but for one that was interrupted while others ran. */
static rb_status find_epochs(const rb_report *r, rb_page_session *s) {
    const rb_csv *csv = &s->csv[RB_PAGE_EPOCHS];
    int id = rb_csv_column(csv, "run_id");
    s->epochs_from = calloc((size_t)s->runs.n + 1, sizeof *s->epochs_from);
    s->epochs_to = calloc((size_t)s->runs.n + 1, sizeof *s->epochs_to);
    if (!s->epochs_from || !s->epochs_to) return rb_fail(RB_MEMORY, "out of memory for the epochs of %s", s->dir);
    for (int from = 0, to; from < csv->n_rows && id >= 0; from = to) {
        for (to = from + 1; to < csv->n_rows && !strcmp(rb_csv_at(csv, to, id), rb_csv_at(csv, from, id));) to++;
        const rb_row *row = rb__page_find_run(s, rb_csv_at(csv, from, id));
        if (!row) {
            bool copy = false;
            for (int k = 0; k < r->n_sessions && !copy; k++)
                copy = rb__page_find_run(&r->sessions[k], rb_csv_at(csv, from, id)) != NULL;
            s->unfinished += !copy;
            continue;
        }
        ptrdiff_t i = row - s->runs.rows;
        if (s->epochs_to[i] == 0) s->epochs_from[i] = from;
        s->epochs_to[i] = to;
    }
    return RB_OK;
}

/* Runs of grids and lists have names that can be asked for; what a search tried can only be searched for again. */
static rb_status find_studies(rb_page_session *s) {
    const rb_csv *csv = &s->csv[RB_PAGE_TRIALS];
    s->study = calloc((size_t)s->runs.n + 1, sizeof *s->study);
    if (!s->study) return rb_fail(RB_MEMORY, "out of memory for the trials of %s", s->dir);
    for (int i = 0; i < csv->n_rows; i++) {
        const char *strategy = rb_csv_get(csv, i, "strategy"), *study = rb_csv_get(csv, i, "study");
        const rb_row *row = rb__page_find_run(s, rb_csv_get(csv, i, "run_id"));
        if (row && *study && strcmp(strategy, "list") != 0 && strcmp(strategy, "grid") != 0)
            s->study[row - s->runs.rows] = study;
    }
    return RB_OK;
}

const char *rb__page_study_of(const rb_page_run *run) { return run->from->study[run->row - run->from->runs.rows]; }

/* --- copies ---------------------------------------------------------------------------------------------------------
 */

/* A published copy of a session has its rows, redacted: the same run once more is no second sample. */
static bool same_run(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case),        RB_COL(runs, device_key),    RB_COL(runs, status),
                                  RB_COL(runs, started_utc), RB_COL(runs, samples_per_s), RB_COL(runs, seed),
                                  RB_COL(runs, duration_s)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

static void drop_copies(rb_report *r, rb_page_session *s) {
    int kept = 0, dropped = 0;
    for (int i = 0; i < s->runs.n; i++) {
        const rb_row *copy = NULL;
        for (int k = 0; k < r->n_sessions && !copy; k++) {
            copy = rb__page_find_run(&r->sessions[k], id_of(&s->runs.rows[i]));
            if (copy && !same_run(copy, &s->runs.rows[i])) copy = NULL;
        }
        if (copy) {
            rb_row_end(&s->runs.rows[i]);
            dropped++;
        } else
            s->runs.rows[kept++] = s->runs.rows[i];
    }
    s->runs.n = kept;
    if (dropped) rb__page_note(r, "%s: %d runs stand in another session too and count once.", s->dir, dropped);
}

/* --- sessions -------------------------------------------------------------------------------------------------------
 */

static void free_session(rb_page_session *s) {
    rb_runs_free(&s->runs);
    for (int f = 0; f < RB_PAGE_FILES; f++) rb_csv_free(&s->csv[f]);
    free(s->dir);
    free(s->by_id);
    free(s->study);
    free(s->epochs_from);
    free(s->epochs_to);
    free(s->id);
    free(s->machine);
    free(s->command);
    free(s->started);
    memset(s, 0, sizeof *s);
}

void rb__page_sessions_free(rb_report *r) {
    for (int i = 0; i < r->n_sessions; i++) free_session(&r->sessions[i]);
    free(r->sessions);
}

static rb_status first_time(reading *in, const char *folder, bool *first) {
    struct stat info;
    *first = true;
    if (stat(folder, &info) != 0) return RB_OK;
    for (int i = 0; i < in->n_seen; i++)
        if (in->seen[i].device == info.st_dev && in->seen[i].inode == info.st_ino) *first = false;
    void *more = realloc(in->seen, (size_t)(in->n_seen + 1) * sizeof *in->seen);
    if (!more) return rb_fail(RB_MEMORY, "out of memory for a list of folders");
    in->seen = more;
    in->seen[in->n_seen].device = info.st_dev;
    in->seen[in->n_seen++].inode = info.st_ino;
    return RB_OK;
}

static rb_status read_session(rb_report *r, rb_page_session *s, const char *folder) {
    rb_status status = RB_OK;
    if (!(s->dir = strdup(folder))) return rb_fail(RB_MEMORY, "out of memory");
    if (rb_has_runs(folder)) {
        status = rb_runs_read(folder, &s->runs);
        if (status == RB_INPUT) status = read_as_it_is(r, s);
        if (status != RB_OK) return status;
    } else {
        rb__page_note(r, "%s is a session without runs.csv: nothing was run to its end there, or a file was lost.",
                      folder);
        if (!(s->runs.path = strdup(folder))) return rb_fail(RB_MEMORY, "out of memory");
    }
    RB_TRY(read_rotated(r, s));
    drop_newer(r, s);
    drop_copies(r, s);
    RB_TRY(sort_ids(s));
    RB_TRY(read_description(s));
    for (int f = 0; f < RB_PAGE_FILES; f++) RB_TRY(read_file(r, s, (rb_page_file)f));
    RB_TRY(find_epochs(r, s));
    RB_TRY(find_studies(s));
    if (s->unfinished)
        rb__page_note(r, "%s: %d run%s began and did not come to an end; what they recorded is left out.", s->dir,
                      s->unfinished, s->unfinished == 1 ? "" : "s");
cleanup:
    return status;
}

static rb_status see_session(void *context, const char *folder) {
    reading *in = context;
    rb_report *r = in->r;
    rb_page_session s = {0};
    bool first;
    rb_status status = first_time(in, folder, &first);
    if (status != RB_OK || !first) return status;
    status = read_session(r, &s, folder);
    if (status == RB_INPUT || status == RB_MISSING) {
        rb__page_note(r, "Left out: %s", rb_error_last()->text);
        if (!in->damaged++) in->first = *rb_error_last();
        rb_error_clear();
        free_session(&s);
        return RB_OK;
    }
    rb_page_session *more = status == RB_OK ? realloc(r->sessions, (size_t)(r->n_sessions + 1) * sizeof *more) : NULL;
    if (!more) {
        free_session(&s);
        return status != RB_OK ? status : rb_fail(RB_MEMORY, "out of memory for the sessions");
    }
    r->sessions = more;
    r->sessions[r->n_sessions++] = s;
    return RB_OK;
}

rb_status rb__page_read(rb_report *r, const char *const *paths, int n) {
    rb_status status = RB_OK;
    reading in = {.r = r};
    struct stat info;
    for (int i = 0; i < n; i++) {
        if (stat(paths[i], &info) != 0) {
            status = rb_fail_native(RB_MISSING, errno, "cannot open %s: %s", paths[i], strerror(errno));
            goto cleanup;
        }
        if (!S_ISDIR(info.st_mode)) {
            status = rb_fail(RB_INPUT, "%s is no folder: a report is made of sessions' folders, or folders above them",
                             paths[i]);
            goto cleanup;
        }
        RB_TRY(rb_sessions_find(paths[i], see_session, &in));
    }
    if (r->n_sessions == 0 && in.damaged)
        status = rb_fail(in.first.status, "%s%s", in.first.text,
                         in.damaged > 1 ? " (and no other session can be read)" : "");
    else if (r->n_sessions == 0)
        status =
            rb_fail(RB_MISSING, "%s holds no session, nor does a folder below: `regbench run` and `bench` record some",
                    paths[0]);
cleanup:
    free(in.seen);
    return status;
}
