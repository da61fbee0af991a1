/* cache.c: compiled programs on disk; what a compiler says when it refuses.
 *
 * A file of the cache is named after a hash of source, options, device, driver and their versions: whatever changes one
 * of them asks for another file. It holds a header, the hash of the binary, the binary; it is replaced as a whole. A
 * file that is damaged or foreign is ignored and written anew. */
#include "kernel/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "data/data.h"

static const char format[] = "regbench kernels 1\n";

enum {
    HEAD = sizeof format - 1 + 64,
    LINES = 6,
    TEXTS = 16
}; /* bytes before the binary; of a log, in a failure's text */

/* ${XDG_CACHE_HOME:-~/.cache}/regbench/FOLDER/KEY.ENDING, its folder made; false where there is no such place. */
static bool cache_path(const char *name, const char *key, const char *ending, char path[RB_PATH]) {
    char folder[RB_PATH];
    if (!rb__cache_folder(folder, sizeof folder)) return false;
    if (snprintf(path, RB_PATH, "%s/%s", folder, name) >= RB_PATH || rb__make_folders(path)) return false;
    return snprintf(path, RB_PATH, "%s/%s/%.32s.%s", folder, name, key, ending) < RB_PATH;
}

rb_status rb__kn_cache_key(const char *const *texts, int n, char key[RB__KN_KEY]) {
    const void *data[TEXTS] = {format};
    size_t bytes[TEXTS] = {sizeof format};
    if (n >= TEXTS) return rb_fail(RB_INTERNAL, "kernels: a key of %d texts", n);
    for (int i = 0; i < n; i++) data[i + 1] = texts[i], bytes[i + 1] = strlen(texts[i]) + 1;
    return rb_sha256_pieces(data, bytes, n + 1, key);
}

/* --- what is on disk ---------------------------------------------------------------------------------------------- */

void rb__kn_cache_ignored(const char *folder, const char *key, const char *device) {
    rb_log(RB_LOG_DEBUG, "%s: %s/%.32s.bin is ignored: damaged, or refused by the driver", device, folder, key);
}

unsigned char *rb__kn_cache_read(const char *folder, const char *key, size_t *size) {
    void *data = NULL;
    size_t bytes = 0;
    char path[RB_PATH], hex[65];
    if (!cache_path(folder, key, "bin", path)) return NULL;
    if (rb_file_read(path, &data, &bytes) != RB_OK) {
        rb_error_clear();
        return NULL;
    }
    bool good = bytes > HEAD && memcmp(data, format, sizeof format - 1) == 0;
    *size = good ? bytes - HEAD : 0;
    good = good && rb_sha256((const char *)data + HEAD, *size, hex) == RB_OK;
    good = good && memcmp((const char *)data + sizeof format - 1, hex, 64) == 0;
    if (good) {
        memmove(data, (const char *)data + HEAD, *size);
        return data;
    }
    rb__kn_cache_ignored(folder, key, "cache");
    free(data);
    return NULL;
}

void rb__kn_cache_write(const char *folder, const char *key, const void *binary, size_t size) {
    char hex[65], path[RB_PATH];
    unsigned char *file = NULL;
    if (!cache_path(folder, key, "bin", path) || rb_sha256(binary, size, hex) != RB_OK) goto cleanup;
    file = malloc(HEAD + size);
    if (!file) goto cleanup;
    memcpy(file, format, sizeof format - 1);
    memcpy(file + sizeof format - 1, hex, 64);
    memcpy(file + HEAD, binary, size);
    if (rb_file_replace(path, file, HEAD + size) != RB_OK)
        rb_log(RB_LOG_DEBUG, "no cached program: %s", rb_error_last()->text);
cleanup:
    rb_error_clear();
    free(file);
}

/* --- what a compiler says ----------------------------------------------------------------------------------------- */

/* The first lines of a log that has any, on one line. */
static void first_lines(const char *log, char *out, size_t size) {
    size_t n = 0;
    int lines = 0;
    for (; *log && n + 4 < size && lines < LINES; log++) {
        if (*log != '\n') {
            out[n++] = *log;
        } else if (n && out[n - 1] != ' ') {
            out[n++] = ' ', out[n++] = '|', out[n++] = ' ';
            lines++;
        }
    }
    out[n] = '\0';
}

rb_status rb__kn_refuse(const rb_device_info *device, const rb__kn_refusal *r) {
    char log_path[RB_PATH] = "", source_path[RB_PATH] = "", lines[480] = "(the log is empty)";
    rb_text text = {0};
    if (r->log && r->log[0]) first_lines(r->log, lines, sizeof lines);
    rb_text_printf(&text, "device: %s\ndriver: %s\noptions: %s\nsource: %.32s.%s beside this file\n\n%s\n",
                   device->name, device->driver, r->options, r->key, r->ending, r->log ? r->log : "");
    bool kept = cache_path(r->folder, r->key, "log", log_path) &&
                cache_path(r->folder, r->key, r->ending, source_path) && !text.failed &&
                rb_file_replace(log_path, text.data, text.length) == RB_OK &&
                rb_file_replace(source_path, r->source, strlen(r->source)) == RB_OK;
    rb_error_clear();
    rb_text_free(&text);
    return rb_fail_native(RB_UNSUPPORTED, r->code, "%s: the driver's compiler refuses the kernels (%s), log in %s: %s",
                          device->key, r->error, kept ? log_path : "no file: the cache is not writable", lines);
}
