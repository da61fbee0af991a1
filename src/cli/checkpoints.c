/* checkpoints.c: names of a session's checkpoints, and where an item goes on. */
#include "cli/checkpoints.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"

#define SUFFIX ".safetensors"

static bool ends_with(const char *text, const char *suffix) {
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static void plain(char *name) {
    for (; *name; name++)
        if (*name == '/' || *name == ':') *name = '-';
}

rb_status rb_checkpoint_name(const char *session_dir, const rb_row *row, rb_text *out) {
    rb_status status = RB_OK;
    const char *overrides = rb_row_get_text(row, RB_COL(runs, overrides));
    char name[160], hash[65];
    snprintf(name, sizeof name, "%s.%s.%lld", rb_row_get_text(row, RB_COL(runs, case)),
             rb_row_get_text(row, RB_COL(runs, device_key)), (long long)row->cells[RB_COL(runs, seed)].u.i);
    plain(name);
    rb_text_printf(out, "%s/checkpoints/%s", session_dir, name);
    if (overrides[0]) {
        RB_TRY(rb_sha256(overrides, strlen(overrides), hash));
        rb_text_printf(out, ".%.8s", hash);
    }
    rb_text_append(out, SUFFIX);
    RB_TRY(rb_text_status(out));
cleanup:
    return status;
}

rb_status rb_checkpoint_folder(const char *session_dir) {
    rb_text path = {0};
    rb_text_printf(&path, "%s/checkpoints", session_dir);
    rb_status status = rb_text_status(&path);
    if (status == RB_OK && mkdir(path.data, 0777) != 0 && errno != EEXIST) status = rb__write_failed(errno, path.data);
    rb_text_free(&path);
    return status;
}

/* "RUN_ID:EPOCH:STEP .." */
static rb_status add_kept(const char *lineage, rb_kept_run **list, int *n) {
    for (const char *at = lineage; *at; at += *at == ' ') {
        rb_kept_run run = {0};
        long long epoch, step;
        int fields = sscanf(at, "%63[^: ]:%lld:%lld", run.run_id, &epoch, &step);
        at += strcspn(at, " ");
        if (fields != 3) continue;
        run.epoch = epoch;
        run.step = step;
        rb_kept_run *more = realloc(*list, (size_t)(*n + 1) * sizeof *more);
        if (!more) return rb_fail(RB_MEMORY, "out of memory for a list of runs");
        *list = more;
        more[(*n)++] = run;
    }
    return RB_OK;
}

rb_status rb_checkpoints_kept(const char *session_dir, rb_kept_run **out, int *n) {
    rb_status status = RB_OK;
    rb_text path = {0};
    char lineage[2048];
    *out = NULL;
    *n = 0;
    rb_text_printf(&path, "%s/checkpoints", session_dir);
    DIR *folder = path.failed ? NULL : opendir(path.data);
    for (struct dirent *entry; folder && status == RB_OK && (entry = readdir(folder));) {
        rb_checkpoint *c;
        if (!ends_with(entry->d_name, SUFFIX)) continue; /* a temporary may be whole and yet no item goes on from it */
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/checkpoints/%s", session_dir, entry->d_name);
        if (path.failed || rb_checkpoint_open(path.data, &c) != RB_OK) { /* told when its item comes */
            rb_error_clear();
            continue;
        }
        rb_checkpoint_lineage(c, lineage);
        status = add_kept(lineage, out, n);
        rb_checkpoint_close(c);
    }
    if (folder) closedir(folder);
    if (status == RB_OK) status = rb_text_status(&path);
    rb_text_free(&path);
    return status;
}

void rb_checkpoints_sweep(const char *session_dir) {
    rb_text path = {0};
    rb_text_printf(&path, "%s/checkpoints", session_dir);
    DIR *folder = path.failed ? NULL : opendir(path.data);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!ends_with(entry->d_name, ".tmp") || !strstr(entry->d_name, SUFFIX)) continue;
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/checkpoints/%s", session_dir, entry->d_name);
        if (!path.failed) unlink(path.data);
    }
    if (folder) closedir(folder);
    rb_text_free(&path);
}

static rb_status restore(rb_trainer *t, uint64_t seed, const char *path, rb_epoch_result *at, char lineage[2048]) {
    rb_status status = RB_OK;
    rb_checkpoint *c = NULL;
    RB_TRY(rb_checkpoint_open(path, &c));
    RB_TRY(rb_checkpoint_restore(c, t, seed));
    *at = rb_checkpoint_head_of(c)->at;
    rb_checkpoint_lineage(c, lineage);
cleanup:
    rb_checkpoint_close(c);
    return status;
}

rb_status rb_checkpoint_resume(rb_trainer *t, uint64_t seed, const char *own, const char *from, rb_epoch_result *at,
                               char lineage[2048], const char **used) {
    rb_status status = RB_MISSING;
    *used = own;
    if (own) {
        status = restore(t, seed, own, at, lineage);
        if (status == RB_INPUT || status == RB_MISMATCH)
            rb_log(RB_LOG_WARN, "%s; the run begins anew", rb_error_last()->text);
        else if (status != RB_OK && status != RB_MISSING)
            return status;
        if (status != RB_OK) rb_error_clear();
    }
    if (status != RB_OK && from) {
        *used = from;
        status = restore(t, seed, from, at, lineage);
        if (status != RB_OK) return status;
    }
    if (status != RB_OK)
        *used = NULL;
    else
        rb_log(RB_LOG_INFO, "resumed from %s, after epoch %d", *used, at->epoch);
    return RB_OK;
}
