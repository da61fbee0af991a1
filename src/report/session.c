/* session.c: a session folder: its name, its lock, session.json, and what is known of the runs in it. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"
#include "measure/build.h"
#include "regbench/report.h"
#include "report/internal.h"
#include "report/journal.h"
#include "report/lock.h"

/* A row of runs, for --resume. */
typedef struct past_run {
    rb_row row;
    char *key;
    bool done; /* need not be done again */
} past_run;

struct rb_session {
    char *dir, id[16], machine[65];
    int lock;
    pid_t owner; /* a forked child that closes its copy leaves the lock alone */
    rb__journal journal;
    past_run *runs;
    int n_runs;
    int last_number; /* highest NNNN of all run_ids */
    char (*env_ids)[65];
    int n_env_ids;
    char (*trials)[160]; /* trial_key */
    int n_trials;
    /* while events.jsonl is read */
    char open_run[64];   /* of the line before, where that run has no row of runs yet */
    bool next_damaged;   /* a damaged line came before the next run's first */
    char (*damaged)[64]; /* run_ids */
    int n_damaged;
    const rb_kept_run *kept; /* while it is opened */
    int n_kept;
};

const char *rb_session_dir(const rb_session *s) { return s->dir; }
const char *rb_session_id(const rb_session *s) { return s->id; }
const char *rb_session_machine(const rb_session *s) { return s->machine; }

void rb_session_run_id(rb_session *s, char run_id[32]) { snprintf(run_id, 32, "%s-%04d", s->id, ++s->last_number); }

static void utc_now(const char *format, char out[32]) {
    time_t now = time(NULL);
    struct tm utc;
    strftime(out, 32, format, gmtime_r(&now, &utc));
}

static void draw_id(char id[16]) {
    unsigned bits = 0;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits)
        bits = (unsigned)getpid() * 2654435761u ^ (unsigned)time(NULL);
    snprintf(id, 16, "%06x", bits & 0xffffffu);
}

/* A folder's name: letters, digits, "._-"; no hidden folder. */
static void machine_name(const char *wanted, char out[65]) {
    char host[256] = "";
    if (!wanted || !*wanted) {
        gethostname(host, sizeof host - 1);
        wanted = host;
    }
    int n = 0;
    for (const char *s = wanted; *s && n < 64; s++) {
        bool plain = isalnum((unsigned char)*s) && (unsigned char)*s < 0x80;
        if (*s == '.' && n == 0) continue;
        out[n++] = plain || strchr("._-", *s) ? *s : '-';
    }
    out[n] = '\0';
    if (n == 0) strcpy(out, "unknown");
}

static rb_status make_folder(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        struct stat info;
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return RB_OK;
        return rb_fail(RB_OUTPUT, "%s is not a folder: choose another with -O", path);
    }
    if (errno == ENOSPC || errno == EDQUOT) return rb__write_failed(errno, path);
    return rb_fail_native(RB_OUTPUT, errno, "cannot make the folder %s: %s; choose another with -O", path,
                          strerror(errno));
}

/* With its parents. */
static rb_status make_folders(const char *path) {
    rb_status status = RB_OK;
    char *part = strdup(path);
    if (!part) return rb_fail(RB_MEMORY, "out of memory");
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        RB_TRY(make_folder(part));
        *slash = '/';
    }
    RB_TRY(make_folder(part));
cleanup:
    free(part);
    return status;
}

static rb_status choose_folder(rb_session *s, const char *out_dir) {
    rb_status status = RB_OK;
    rb_text dir = {0};
    char utc[32];
    if (out_dir) {
        if (!*out_dir) return rb_fail(RB_USAGE, "-O needs the name of a folder");
        rb_text_append(&dir, out_dir);
        RB_TRY(rb_text_status(&dir));
        while (dir.length > 1 && dir.data[dir.length - 1] == '/') dir.data[--dir.length] = '\0';
        RB_TRY(make_folders(dir.data));
    } else {
        rb_text_printf(&dir, "results/%s", s->machine);
        RB_TRY(rb_text_status(&dir));
        RB_TRY(make_folders(dir.data));
        utc_now("%Y%m%dT%H%M%SZ", utc);
        for (int attempt = 0;; attempt++) { /* mkdir decides between two sessions that drew the same id */
            rb_text_clear(&dir);
            rb_text_printf(&dir, "results/%s/%s-%s%s-%s", s->machine, utc, rb_build_commit(),
                           rb_build_dirty() ? "-dirty" : "", s->id);
            RB_TRY(rb_text_status(&dir));
            if (mkdir(dir.data, 0777) == 0) break;
            if (errno != EEXIST || attempt == 100) {
                status = rb__write_failed(errno, dir.data);
                goto cleanup;
            }
            draw_id(s->id);
        }
    }
    s->dir = strdup(dir.data);
    if (!s->dir) status = rb_fail(RB_MEMORY, "out of memory");
cleanup:
    rb_text_free(&dir);
    return status;
}

static bool there(const char *dir, const char *name, const char *end) {
    rb_text path = {0};
    struct stat info;
    rb_text_printf(&path, "%s/%s%s", dir, name, end);
    bool yes = path.data && lstat(path.data, &info) == 0;
    rb_text_free(&path);
    return yes;
}

/* Whether the folder may be written to: files of ours that are there belong to somebody's session. */
static rb_status check_folder(const char *dir, const rb_session_options *options) {
    bool events = there(dir, "events.jsonl", "");
    const char *found = events ? "events.jsonl" : there(dir, "session.json", "") ? "session.json" : NULL;
    if (found && !options->resume)
        return rb_fail(RB_USAGE, "%s already holds a session: %schoose another folder", dir,
                       options->can_resume ? "add --resume to go on with it, or " : "");
    /* CSVs without their source are not ours to replace. */
    for (int t = 0; t < RB_TABLES && !events; t++)
        if (there(dir, rb_table_name((rb_table)t), ".csv"))
            return rb_fail(RB_USAGE, "%s holds %s.csv, but no events.jsonl to resume from: choose another folder", dir,
                           rb_table_name((rb_table)t));
    return RB_OK;
}

/* The old session.json, or NULL where it is absent or torn. */
static cJSON *read_description(const char *path) {
    char buffer[65536];
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t n = fread(buffer, 1, sizeof buffer - 1, file);
    fclose(file);
    buffer[n] = '\0';
    return cJSON_Parse(buffer);
}

/* Writes session.json, or notes in it that the session was resumed; takes over the old id. */
static rb_status describe(rb_session *s, const rb_session_options *options) {
    rb_status status = RB_OK;
    rb_text path = {0}, fresh = {0};
    cJSON *json = NULL, *now;
    char *printed = NULL, utc[32];
    FILE *file = NULL;
    rb_text_printf(&path, "%s/session.json", s->dir);
    rb_text_printf(&fresh, "%s.tmp", rb_text_string(&path));
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_text_status(&fresh));
    json = read_description(path.data);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "session_id"));
    if (id && strlen(id) < sizeof s->id) {
        strcpy(s->id, id);
        cJSON *resumed = cJSON_GetObjectItemCaseSensitive(json, "resumed");
        if (!cJSON_IsArray(resumed)) resumed = cJSON_AddArrayToObject(json, "resumed");
        now = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(resumed, now)) cJSON_Delete(now), now = NULL;
    } else {
        cJSON_Delete(json);
        now = json = cJSON_CreateObject();
        cJSON_AddNumberToObject(json, "schema_version", RB_SCHEMA_VERSION);
        cJSON_AddStringToObject(json, "session_id", s->id);
    }
    utc_now("%Y-%m-%dT%H:%M:%SZ", utc);
    cJSON_AddStringToObject(now, "utc", utc);
    cJSON_AddStringToObject(now, "machine", s->machine);
    cJSON_AddStringToObject(now, "version", rb_build_version());
    cJSON_AddStringToObject(now, "commit", rb_build_commit());
    cJSON_AddBoolToObject(now, "dirty", rb_build_dirty());
    cJSON_AddStringToObject(now, "command", options->command ? options->command : "");
    printed = cJSON_Print(json);
    if (!now || !printed) {
        status = rb_fail(RB_MEMORY, "out of memory while writing %s", path.data);
        goto cleanup;
    }
    errno = 0;
    file = fopen(fresh.data, "wbe");
    bool ok = file && fprintf(file, "%s\n", printed) > 0 && fflush(file) == 0;
    if (!ok || rename(fresh.data, path.data) != 0) status = rb__write_failed(errno, path.data);
cleanup:
    if (file) fclose(file);
    if (status != RB_OK && fresh.data) unlink(fresh.data);
    cJSON_free(printed);
    cJSON_Delete(json);
    rb_text_free(&path);
    rb_text_free(&fresh);
    return status;
}

/* What makes two runs the same item. The batch is none of it: what was asked for stands in the overrides, and a small
 * data set may have made it smaller. */
static char *run_key(const rb_row *row) {
    static const int columns[] = {RB_COL(runs, case),    RB_COL(runs, device_key), RB_COL(runs, seed),
                                  RB_COL(runs, dataset), RB_COL(runs, overrides),  RB_COL(runs, phase)};
    rb_text key = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        rb__csv_cell(&row->cells[columns[i]], &key);
        rb_text_append(&key, "\n");
    }
    if (key.failed) rb_text_free(&key);
    return key.data;
}

static rb_status remember_run(rb_session *s, const rb_row *row) {
    past_run *more = realloc(s->runs, (size_t)(s->n_runs + 1) * sizeof *more);
    if (!more) return rb_fail(RB_MEMORY, "out of memory");
    s->runs = more;
    past_run *run = &s->runs[s->n_runs++];
    rb_status word = rb_status_from_word(rb_row_get_text(row, RB_COL(runs, status)));
    rb_row_copy(row, &run->row);
    run->key = run_key(row);
    run->done = word == RB_OK || word == RB_DIVERGED || word == RB_UNEXPECTED;
    return run->key ? RB_OK : rb_fail(RB_MEMORY, "out of memory");
}

static bool is_damaged(const rb_session *s, const char *run_id) {
    for (int i = 0; i < s->n_damaged; i++)
        if (strcmp(s->damaged[i], run_id) == 0) return true;
    return false;
}

static rb_status remember_damage(rb_session *s, const char *run_id) {
    if (is_damaged(s, run_id)) return RB_OK;
    void *more = realloc(s->damaged, (size_t)(s->n_damaged + 1) * sizeof *s->damaged);
    if (!more) return rb_fail(RB_MEMORY, "out of memory");
    s->damaged = more;
    snprintf(s->damaged[s->n_damaged++], sizeof *s->damaged, "%s", run_id);
    rb_log(RB_LOG_WARN,
           "%s/events.jsonl: a line of run %s is damaged: the run is left out, and done again if asked for", s->dir,
           run_id);
    return RB_OK;
}

static rb_status remember_env(rb_session *s, const char *env_id) {
    if (!*env_id || rb_session_has_env(s, env_id)) return RB_OK;
    void *more = realloc(s->env_ids, (size_t)(s->n_env_ids + 1) * sizeof *s->env_ids);
    if (!more) return rb_fail(RB_MEMORY, "out of memory");
    s->env_ids = more;
    snprintf(s->env_ids[s->n_env_ids++], sizeof *s->env_ids, "%s", env_id);
    return RB_OK;
}

/* A run may be a trial of several studies. */
static void trial_key(const rb_row *row, char key[160]) {
    snprintf(key, 160, "%.80s %.64s", rb_row_get_text(row, RB_COL(trials, study)),
             rb_row_get_text(row, RB_COL(trials, run_id)));
}

bool rb_session_has_trial(const rb_session *s, const rb_row *trial) {
    char key[160];
    trial_key(trial, key);
    for (int i = 0; i < s->n_trials; i++)
        if (strcmp(s->trials[i], key) == 0) return true;
    return false;
}

static rb_status remember_trial(rb_session *s, const rb_row *row) {
    void *more = realloc(s->trials, (size_t)(s->n_trials + 1) * sizeof *s->trials);
    if (!more) return rb_fail(RB_MEMORY, "out of memory");
    s->trials = more;
    trial_key(row, s->trials[s->n_trials++]);
    return RB_OK;
}

/* What later questions need of a row; for new rows and old ones alike. */
static rb_status remember(rb_session *s, const rb_row *row) {
    int column = rb_column_find(row->table, "run_id");
    const char *dash = column < 0 ? NULL : strrchr(rb_row_get_text(row, column), '-');
    int number = dash ? atoi(dash + 1) : 0;
    if (number > s->last_number) s->last_number = number;
    if (row->table == RB_TABLE_runs) return remember_run(s, row);
    if (row->table == RB_TABLE_trials) return remember_trial(s, row);
    if (row->table == RB_TABLE_env) return remember_env(s, rb_row_get_text(row, RB_COL(env, env_id)));
    return RB_OK;
}

/* A line that is no row belongs to the run around it: that of the line before, unless it ended there, else the next. */
static rb_status follow(void *context, const rb_row *row) {
    rb_session *s = context;
    rb_status status = RB_OK;
    int column = row ? rb_column_find(row->table, "run_id") : -1;
    const char *run_id = column < 0 ? "" : rb_row_get_text(row, column);
    if (!row) {
        s->next_damaged = !s->open_run[0];
        return s->open_run[0] ? remember_damage(s, s->open_run) : RB_OK;
    }
    if (s->next_damaged && *run_id) {
        s->next_damaged = false;
        RB_TRY(remember_damage(s, run_id));
    }
    snprintf(s->open_run, sizeof s->open_run, "%s", row->table == RB_TABLE_runs ? "" : run_id);
    RB_TRY(remember(s, row));
cleanup:
    return status;
}

/* Does a row of an interrupted run lie before the checkpoint from which it goes on? */
static bool before_checkpoint(const rb_session *s, const rb_row *row, const char *run_id) {
    for (int i = 0; i < s->n_kept; i++) {
        const rb_kept_run *k = &s->kept[i];
        if (strcmp(k->run_id, run_id) != 0) continue;
        if (row->table == RB_TABLE_epochs) return row->cells[RB_COL(epochs, epoch)].u.i <= k->epoch;
        if (row->table == RB_TABLE_outputs) return row->cells[RB_COL(outputs, epoch)].u.i <= k->epoch;
        if (row->table == RB_TABLE_layers) return row->cells[RB_COL(layers, epoch)].u.i <= k->epoch;
        return row->table == RB_TABLE_steps && row->cells[RB_COL(steps, step)].u.i <= k->step;
    }
    return false;
}

/* Rows of a run that never got its row in runs were left by an interrupted item; a run that must be done again is no
 * trial. */
static bool is_whole(const void *context, const rb_row *row) {
    const rb_session *s = context;
    int column = rb_column_find(row->table, "run_id");
    const char *run_id = column < 0 ? "" : rb_row_get_text(row, column);
    if (is_damaged(s, run_id)) return false;
    if (column < 0 || row->table == RB_TABLE_runs) return true;
    for (int i = s->n_runs - 1; i >= 0; i--)
        if (strcmp(rb_row_get_text(&s->runs[i].row, RB_COL(runs, run_id)), run_id) == 0)
            return row->table != RB_TABLE_trials || s->runs[i].done;
    return before_checkpoint(s, row, run_id);
}

rb_status rb_session_open(const rb_session_options *options, rb_session **out) {
    rb_status status = RB_OK;
    *out = NULL;
    rb_session *s = calloc(1, sizeof *s);
    if (!s) return rb_fail(RB_MEMORY, "out of memory");
    s->lock = s->journal.events = -1;
    s->owner = getpid();
    for (int t = 0; t < RB_TABLES; t++) s->journal.csv[t] = -1;
    /* A limit on file sizes is a full disk to us (EFBIG), not a reason to die. */
    signal(SIGXFSZ, SIG_IGN);
    draw_id(s->id);
    machine_name(options->machine, s->machine);
    RB_TRY(choose_folder(s, options->out_dir));
    RB_TRY(check_folder(s->dir, options));
    RB_TRY(rb__lock_take(s->dir, &s->lock));
    RB_TRY(check_folder(s->dir, options)); /* who had the lock before us may have begun one */
    bool old = there(s->dir, "events.jsonl", "");
    RB_TRY(rb__journal_open(&s->journal, s->dir));
    RB_TRY(describe(s, options));
    if (old) {
        RB_TRY(rb__journal_read(&s->journal, follow, s));
        s->kept = options->kept;
        s->n_kept = options->n_kept;
        RB_TRY(rb__journal_rebuild(&s->journal, is_whole, s));
    }
    *out = s;
    s = NULL;
cleanup:
    rb_session_close(s);
    return status;
}

rb_status rb_session_row(rb_session *s, const rb_row *row) {
    rb_status status = RB_OK;
    RB_TRY(rb__journal_write(&s->journal, row));
    RB_TRY(remember(s, row));
cleanup:
    return status;
}

const rb_row *rb_session_find_run(const rb_session *s, const rb_row *run) {
    char *key = run_key(run);
    const rb_row *found = NULL;
    for (int i = s->n_runs - 1; key && i >= 0 && !found; i--)
        if (s->runs[i].done && strcmp(s->runs[i].key, key) == 0 &&
            !is_damaged(s, rb_row_get_text(&s->runs[i].row, RB_COL(runs, run_id))))
            found = &s->runs[i].row;
    free(key);
    return found;
}

const rb_row *rb_session_past_run(const rb_session *s, const rb_row *run, int n) {
    char *key = run_key(run);
    const rb_row *found = NULL;
    for (int i = 0; key && i < s->n_runs && !found; i++)
        if (s->runs[i].done && strcmp(s->runs[i].key, key) == 0 &&
            !is_damaged(s, rb_row_get_text(&s->runs[i].row, RB_COL(runs, run_id))) && n-- == 0)
            found = &s->runs[i].row;
    free(key);
    return found;
}

bool rb_session_has_env(const rb_session *s, const char *env_id) {
    for (int i = 0; i < s->n_env_ids; i++)
        if (strcmp(s->env_ids[i], env_id) == 0) return true;
    return false;
}

void rb_session_close(rb_session *s) {
    if (!s) return;
    rb__journal_close(&s->journal);
    if (s->owner == getpid())
        rb__lock_give(s->dir, s->lock);
    else if (s->lock >= 0)
        close(s->lock);
    for (int i = 0; i < s->n_runs; i++) {
        rb_row_end(&s->runs[i].row);
        free(s->runs[i].key);
    }
    free(s->runs);
    free(s->env_ids);
    free(s->trials);
    free(s->damaged);
    free(s->dir);
    free(s);
}
