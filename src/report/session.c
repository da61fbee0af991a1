/* session.c: a session folder: its name, its lock, session.json. */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "measure/build.h"
#include "regbench/report.h"
#include "report/internal.h"
#include "report/journal.h"
#include "report/lock.h"
#include "report/past.h"

struct rb_session {
    char *dir, id[16], machine[65];
    int lock;
    pid_t owner; /* a forked child that closes its copy leaves the lock alone */
    rb__journal journal;
    rb__past past;
};

const char *rb_session_dir(const rb_session *s) { return s->dir; }
const char *rb_session_id(const rb_session *s) { return s->id; }
const char *rb_session_machine(const rb_session *s) { return s->machine; }

void rb_session_run_id(rb_session *s, char run_id[32]) {
    snprintf(run_id, 32, "%s-%04d", s->id, ++s->past.last_number);
}

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
    return rb_session_refuse_newer(dir); /* it would be written anew without what is not known here */
}

/* The old session.json, or NULL where it is absent or torn. */
static cJSON *read_description(const char *path) {
    void *text = NULL;
    size_t bytes;
    if (rb_file_read(path, &text, &bytes) != RB_OK) {
        rb_error_clear();
        return NULL;
    }
    cJSON *json = cJSON_ParseWithLength(text, bytes);
    free(text);
    return json;
}

int64_t rb_session_version(const char *dir) {
    rb_text path = {0};
    if (!there(dir, "session.json", "")) return 0;
    rb_text_printf(&path, "%s/session.json", dir);
    cJSON *json = read_description(rb_text_string(&path));
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "schema_version");
    int64_t number = cJSON_IsNumber(version) && fabs(version->valuedouble) < 1e15 ? (int64_t)version->valuedouble : -1;
    cJSON_Delete(json);
    rb_text_free(&path);
    return number;
}

rb_status rb_session_refuse_newer(const char *dir) {
    int64_t version = rb_session_version(dir);
    if (version <= RB_SCHEMA_VERSION) return RB_OK;
    return rb_fail(RB_INPUT, "%s is the session of a newer regbench (schema_version %lld, this one knows %d)", dir,
                   (long long)version, RB_SCHEMA_VERSION);
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
    s->past.dir = s->dir;
    RB_TRY(describe(s, options));
    if (old) {
        RB_TRY(rb__journal_read(&s->journal, rb__past_follow, &s->past));
        s->past.kept = options->kept;
        s->past.n_kept = options->n_kept;
        status = rb__journal_rebuild(&s->journal, rb__past_whole, &s->past);
        s->past.n_kept = 0; /* the caller's list */
        RB_TRY(status);
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
    RB_TRY(rb__past_remember(&s->past, row));
cleanup:
    return status;
}

const rb_row *rb_session_find_run(const rb_session *s, const rb_row *run) { return rb__past_run_of(&s->past, run, -1); }

const rb_row *rb_session_past_run(const rb_session *s, const rb_row *run, int n) {
    return rb__past_run_of(&s->past, run, n);
}

int rb_session_runs_beside(const rb_session *s, const rb_row *asked, int n, const rb_row **last) {
    return rb__past_beside(&s->past, asked, n, last);
}

bool rb_session_has_trial(const rb_session *s, const rb_row *trial) { return rb__past_has_trial(&s->past, trial); }

bool rb_session_has_env(const rb_session *s, const char *env_id) { return rb__past_has_env(&s->past, env_id); }

void rb_session_close(rb_session *s) {
    if (!s) return;
    rb__journal_close(&s->journal);
    if (s->owner == getpid())
        rb__lock_give(s->dir, s->lock);
    else if (s->lock >= 0)
        close(s->lock);
    rb__past_free(&s->past);
    free(s->dir);
    free(s);
}
