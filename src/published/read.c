/* read.c: finds sets of results and reads their files. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/text.h"
#include "published/published.h"
#include "report/collect.h"

enum { DEEPEST = 6 }; /* folders below a set, or above one */

static int no_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static bool is_folder(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode); /* a link may lead round in circles */
}

/* runs.csv; RB_TABLES for what is no table. */
static rb_table table_of(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char table[64];
    size_t n = strcspn(name, ".");
    if (strcmp(name + n, ".csv") != 0 || n >= sizeof table) return RB_TABLES;
    snprintf(table, sizeof table, "%.*s", (int)n, name);
    return rb_table_find(table);
}

/* --- one file -------------------------------------------------------------------------------------------------------
 */

static rb_status keep_row(void *context, const rb_row *row) {
    rb_published_file *f = context;
    if (f->table != RB_TABLE_runs && f->table != RB_TABLE_peaks && f->table != RB_TABLE_env) return RB_OK;
    if (f->n == f->capacity) {
        int capacity = f->capacity ? 2 * f->capacity : 32;
        rb_row *rows = realloc(f->rows, (size_t)capacity * sizeof *rows);
        if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d rows of %s", capacity, f->path);
        f->rows = rows;
        f->capacity = capacity;
    }
    rb_row_copy(row, &f->rows[f->n++]);
    return RB_OK;
}

/* A file that cannot be read is a finding, not the end. */
static rb_status read_rows(rb_published_file *f) {
    const char *const path[] = {f->path};
    if (f->table == RB_TABLES) return RB_OK;
    rb_status status = rb_collect(path, 1, keep_row, f);
    if (status == RB_OK || status == RB_MEMORY) return status;
    f->trouble = strdup(rb_error_last()->text);
    rb_error_clear();
    return f->trouble ? RB_OK : rb_fail(RB_MEMORY, "out of memory");
}

static rb_status add_file(rb_published_set *set, const char *path) {
    if (set->n == set->capacity) {
        int capacity = set->capacity ? 2 * set->capacity : 16;
        rb_published_file *files = realloc(set->files, (size_t)capacity * sizeof *files);
        if (!files) return rb_fail(RB_MEMORY, "out of memory for the files of %s", set->path);
        set->files = files;
        set->capacity = capacity;
    }
    rb_published_file *f = &set->files[set->n];
    memset(f, 0, sizeof *f);
    f->path = strdup(path);
    f->name = strdup(path + strlen(set->path) + 1);
    f->table = table_of(path);
    set->n++;
    if (!f->path || !f->name) return rb_fail(RB_MEMORY, "out of memory for the name of %s", path);
    return read_rows(f);
}

/* --- one set --------------------------------------------------------------------------------------------------------
 */

static rb_status add_folder(rb_published_set *set, const char *folder, int depth) {
    rb_status status = RB_OK;
    struct dirent **names = NULL;
    rb_text path = {0};
    int n = scandir(folder, &names, no_dots, alphasort);
    if (n < 0) return rb_fail_native(RB_INPUT, errno, "cannot read the folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        struct stat info;
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/%s", folder, names[i]->d_name);
        RB_TRY(rb_text_status(&path));
        if (is_folder(path.data) && depth < DEEPEST)
            RB_TRY(add_folder(set, path.data, depth + 1));
        else if (stat(path.data, &info) == 0 && S_ISREG(info.st_mode))
            RB_TRY(add_file(set, path.data));
    }
cleanup:
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    rb_text_free(&path);
    return status;
}

/* The whole of a text file; "" where there is none. NULL: out of memory. */
static char *read_text(const char *folder, const char *name) {
    rb_text path = {0};
    void *data = NULL;
    size_t bytes = 0;
    char *text = NULL;
    rb_text_printf(&path, "%s/%s", folder, name);
    if (path.failed) return NULL;
    if (rb_file_read(path.data, &data, &bytes) != RB_OK) rb_error_clear();
    text = calloc(1, bytes + 1);
    if (text && data) memcpy(text, data, bytes);
    free(data);
    rb_text_free(&path);
    return text;
}

static void note_latest(rb_published_set *set) {
    for (int f = 0; f < set->n; f++)
        for (int i = 0; set->files[f].table == RB_TABLE_runs && i < set->files[f].n; i++) {
            const char *utc = rb_row_get_text(&set->files[f].rows[i], RB_COL(runs, started_utc));
            if (strcmp(utc, set->latest) > 0) snprintf(set->latest, sizeof set->latest, "%s", utc);
        }
}

static rb_status add_set(rb_published *p, const char *path) {
    char real[4096];
    if (!realpath(path, real)) return rb_fail_native(RB_MISSING, errno, "cannot open %s: %s", path, strerror(errno));
    for (int i = 0; i < p->n; i++) {
        char other[4096];
        if (realpath(p->sets[i].path, other) && strcmp(real, other) == 0) return RB_OK;
    }
    rb_published_set *sets = realloc(p->sets, (size_t)(p->n + 1) * sizeof *sets);
    if (!sets) return rb_fail(RB_MEMORY, "out of memory for %d sets", p->n + 1);
    p->sets = sets;
    rb_published_set *set = &p->sets[p->n++];
    memset(set, 0, sizeof *set);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    set->path = strndup(path, length);
    set->name = strdup(strrchr(real, '/') + 1);
    set->readme = read_text(path, "README.md");
    if (!set->path || !set->name || !set->readme) return rb_fail(RB_MEMORY, "out of memory for the set %s", path);
    rb_status status = add_folder(set, set->path, 0);
    note_latest(set);
    return status;
}

/* --- sets in folders ------------------------------------------------------------------------------------------------
 */

/* What stands directly in a folder. */
typedef struct contents {
    bool readme, sums, table;
} contents;

static contents look_into(struct dirent **names, int n) {
    contents c = {0};
    for (int i = 0; i < n; i++) {
        c.readme = c.readme || !strcmp(names[i]->d_name, "README.md");
        c.sums = c.sums || !strcmp(names[i]->d_name, "SHA256SUMS");
        c.table = c.table || table_of(names[i]->d_name) != RB_TABLES;
    }
    return c;
}

static bool folder_has_table(const char *path) {
    struct dirent **names = NULL;
    int n = is_folder(path) ? scandir(path, &names, no_dots, alphasort) : 0;
    bool found = look_into(names, n).table;
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    return found;
}

/* A folder is a set if it is sealed, holds a table, or says in README.md what the tables one folder below are. */
static rb_status search(rb_published *p, const char *folder, int depth) {
    rb_status status = RB_OK;
    struct dirent **names = NULL;
    rb_text path = {0};
    int n = scandir(folder, &names, no_dots, alphasort);
    if (n < 0)
        return rb_fail_native(errno == ENOENT ? RB_MISSING : RB_INPUT, errno, "cannot read the folder %s: %s", folder,
                              strerror(errno));
    contents c = look_into(names, n);
    bool set = c.sums || c.table;
    for (int pass = 0; pass < 2 && !set; pass++) /* first look whether it is one, then search below */
        for (int i = 0; i < n; i++) {
            rb_text_clear(&path);
            rb_text_printf(&path, "%s/%s", folder, names[i]->d_name);
            RB_TRY(rb_text_status(&path));
            if (pass == 0)
                set = set || (c.readme && folder_has_table(path.data));
            else if (is_folder(path.data) && depth < DEEPEST)
                RB_TRY(search(p, path.data, depth + 1));
        }
    if (set) RB_TRY(add_set(p, folder));
cleanup:
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    rb_text_free(&path);
    return status;
}

rb_status rb_published_read(const char *const *paths, int n, rb_published *out) {
    rb_status status = RB_OK;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < n; i++) {
        int before = out->n;
        RB_TRY(search(out, paths[i], 0));
        if (out->n > before) continue;
        status = rb_fail(RB_MISSING, "%s holds no set of results: no TABLE.csv of a session, no SHA256SUMS", paths[i]);
        goto cleanup;
    }
cleanup:
    if (status != RB_OK) rb_published_free(out);
    return status;
}

rb_status rb_published_read_set(const char *path, rb_published *out) {
    memset(out, 0, sizeof *out);
    if (!is_folder(path)) return rb_fail(RB_MISSING, "%s is no folder", path);
    rb_status status = add_set(out, path);
    if (status != RB_OK) rb_published_free(out);
    return status;
}

void rb_published_free(rb_published *p) {
    for (int s = 0; s < p->n; s++) {
        rb_published_set *set = &p->sets[s];
        for (int f = 0; f < set->n; f++) {
            for (int i = 0; i < set->files[f].n; i++) rb_row_end(&set->files[f].rows[i]);
            free(set->files[f].rows);
            free(set->files[f].path);
            free(set->files[f].name);
            free(set->files[f].trouble);
        }
        free(set->files);
        free(set->path);
        free(set->name);
        free(set->readme);
    }
    free(p->sets);
    memset(p, 0, sizeof *p);
}

/* --- what the parts ask ---------------------------------------------------------------------------------------------
 */

/* The rest of the first line that begins with "KEY:". NULL: there is none. */
static const char *find_line(const char *text, const char *key, size_t *length) {
    size_t n = strlen(key);
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, key, n) != 0 || at[n] != ':') continue;
        at += n + 1;
        at += strspn(at, " ");
        *length = strcspn(at, "\r\n");
        return at;
    }
    return NULL;
}

char *rb_published_line(const rb_published_set *set, const char *name, const char *key) {
    const char *slash = strrchr(name, '/');
    char *own = NULL, *line = NULL;
    size_t length = 0;
    const char *found = NULL;
    if (slash) {
        rb_text folder = {0};
        rb_text_printf(&folder, "%s/%.*s", set->path, (int)(slash - name), name);
        own = folder.failed ? NULL : read_text(folder.data, "README.md");
        rb_text_free(&folder);
        if (!own) return NULL;
        found = find_line(own, key, &length);
    }
    if (!found) found = find_line(set->readme, key, &length);
    line = strndup(found ? found : "", found ? length : 0);
    free(own);
    return line;
}

const rb_published_file *rb_published_beside(const rb_published_set *set, const rb_published_file *beside,
                                             const char *name) {
    const char *slash = strrchr(beside->name, '/');
    size_t folder = slash ? (size_t)(slash - beside->name) + 1 : 0;
    for (int f = 0; f < set->n; f++)
        if (strncmp(set->files[f].name, beside->name, folder) == 0 && strcmp(set->files[f].name + folder, name) == 0)
            return &set->files[f];
    return NULL;
}

bool rb_published_is_speed(const rb_row *runs) {
    const rb_cell *rate = &runs->cells[RB_COL(runs, samples_per_s)];
    return !strcmp(rb_row_get_text(runs, RB_COL(runs, phase)), "bench") && rate->type == RB_CELL_REAL &&
           rate->u.r > 0 && !strcmp(rb_row_get_text(runs, RB_COL(runs, status)), "ok");
}
