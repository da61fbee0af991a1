/* fetch.c: `data fetch`: the published files of a set, by libcurl, into DIR/NAME or the XDG cache.
 *
 * A file is downloaded to NAME.part-PID and renamed once its sha256 is right; a wrong one is deleted. What is there
 * already with the right hash is kept. REGBENCH_FETCH_BASE replaces the published folder of the files (a mirror, or
 * file:///path): URL = $REGBENCH_FETCH_BASE/FILE. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"
#include "core/sha256.h"
#include "data/data.h"

#ifdef REGBENCH_HAVE_CURL
#include <curl/curl.h>

static rb_status download(const char *url, const char *path) {
    rb_status status = RB_OK;
    char why[CURL_ERROR_SIZE] = "";
    FILE *file = fopen(path, "wb");
    CURL *curl = curl_easy_init();
    if (!file) {
        status = rb_fail_native(RB_OUTPUT, errno, "cannot write %s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!curl) {
        status = rb_fail(RB_MEMORY, "libcurl cannot start");
        goto cleanup;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, file); /* default writer: fwrite */
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* a dead line gives up after a minute */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "regbench/" REGBENCH_VERSION);
    errno = 0;
    CURLcode code = curl_easy_perform(curl);
    int native = errno;
    const char *text = why[0] ? why : curl_easy_strerror(code);
    if (code == CURLE_OK && fflush(file) == 0) goto cleanup;
    if (code == CURLE_OK || code == CURLE_WRITE_ERROR) {
        native = code == CURLE_OK ? errno : native;
        status = rb_fail_native(native == ENOSPC ? RB_DISK : RB_OUTPUT, native, "cannot write %s: %s", path,
                                native ? strerror(native) : text);
    } else if (code == CURLE_PARTIAL_FILE)
        status = rb_fail_native(RB_INPUT, code, "%s: byte %lld: the transfer was cut off (%s); try again", url,
                                (long long)ftello(file), text);
    else
        status = rb_fail_native(RB_MISSING, code,
                                "cannot fetch %s: %s; check the network, or set REGBENCH_FETCH_BASE "
                                "to a folder or mirror that has the file",
                                url, text);
cleanup:
    curl_easy_cleanup(curl);
    if (file && fclose(file) && status == RB_OK)
        status =
            rb_fail_native(errno == ENOSPC ? RB_DISK : RB_OUTPUT, errno, "cannot write %s: %s", path, strerror(errno));
    return status;
}
#else
static rb_status download(const char *url, const char *path) {
    (void)path;
    return rb_fail(RB_UNSUPPORTED, "this build has no libcurl: download %s by hand, or build with libcurl", url);
}
#endif

/* sha256 of a file, or of what a gzip file unpacks to. */
static rb_status hash(const char *path, const char *set, bool unpacked, char hex[65]) {
    rb_status status = RB_OK;
    rb__reader *r = NULL;
    unsigned char *content = NULL;
    size_t size = 0, room = 0, got;
    if (!unpacked) return rb_sha256_file(path, hex);
    RB_TRY(rb__reader_open(path, set, true, &r));
    do {
        room = room ? 2 * room : 1 << 20;
        unsigned char *larger = realloc(content, room);
        if (!larger) {
            status = rb_fail(RB_MEMORY, "out of memory while checking %s", path);
            goto cleanup;
        }
        content = larger;
        RB_TRY(rb__reader_read(r, content + size, room - size, &got));
        size += got;
    } while (size == room);
    RB_TRY(rb_sha256(content, size, hex));
cleanup:
    free(content);
    rb__reader_close(r);
    return status;
}

/* Parts that a Ctrl-C, a kill or a crash left. One that is still being written is younger: a line that is dead for a
 * minute ends. (No look at the process: it may be that of another machine on the same file system.) */
static void sweep_parts(const char *path) {
    char pattern[RB_PATH];
    struct stat info;
    glob_t found = {0};
    if (snprintf(pattern, sizeof pattern, "%s.part-*", path) >= (int)sizeof pattern) return;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            if (stat(found.gl_pathv[i], &info) == 0 && time(NULL) - info.st_mtime > 600) unlink(found.gl_pathv[i]);
    globfree(&found);
}

rb_status rb__fetch_file(const char *url, const char *path, const char *set, const char *sha256, bool unpacked) {
    rb_status status = RB_OK;
    char part[RB_PATH] = "", found[65], text[1024];
    RB_TRY(rb__path(part, sizeof part, "%s.part-%ld", path, (long)getpid()));
    sweep_parts(path);
    rb_log(RB_LOG_INFO, "fetching %s", url);
    RB_TRY(download(url, part));
    status = hash(part, set, unpacked, found);
    if (status == RB_INPUT && rb_error_last()) { /* the message names a file that is about to go */
        snprintf(text, sizeof text, "%s", rb_error_last()->text);
        rb_error_clear();
        status = rb_fail(RB_INPUT, "%s: the download is damaged and was deleted: %s", url, text);
    }
    if (status != RB_OK) goto cleanup;
    if (strcmp(found, sha256) != 0) {
        status = rb_fail(RB_INPUT, "%s: expected sha256 %s%s, found %s; the download was deleted", url, sha256,
                         unpacked ? " of the unpacked content" : "", found);
        goto cleanup;
    }
    if (rename(part, path)) {
        status = rb_fail_native(RB_OUTPUT, errno, "cannot rename %s to %s: %s", part, path, strerror(errno));
        goto cleanup;
    }
    part[0] = '\0';
cleanup:
    if (part[0]) unlink(part);
    return status;
}

/* Is the file there, with the right content? A wrong one is fetched anew. */
static bool already(const char *path, const char *set, const char *sha256, bool unpacked) {
    char found[65];
    if (access(path, F_OK)) return false;
    if (hash(path, set, unpacked, found) == RB_OK) return strcmp(found, sha256) == 0;
    rb_error_clear();
    return false;
}

/* Are the members of an archive there, and whole? Only reading them tells: the published hash is the archive's. */
static bool unpacked_already(const rb__set *set, const char *folder) {
    rb_dataset data = {.C = set->entry.C, .H = set->entry.H, .W = set->entry.W, .classes = set->entry.classes};
    rb__place *place = calloc(1, sizeof *place);
    bool whole = place != NULL;
    for (int i = 0; whole && set->files[i]; i++) {
        int n = snprintf(place->file[i], RB_PATH, "%s/%s", folder, set->files[i]);
        whole = n < RB_PATH && access(place->file[i], F_OK) == 0;
    }
    if (whole && set->read(set, place, &data) != RB_OK) {
        rb_error_clear();
        whole = false;
    }
    rb__store_free(data.store);
    free(place);
    return whole;
}

static rb_status fetch_one(const rb__set *set, const rb__remote *remote, const char *folder) {
    rb_status status = RB_OK;
    char path[RB_PATH], url[RB_PATH];
    const char *name = set->entry.name, *base = getenv("REGBENCH_FETCH_BASE");
    RB_TRY(rb__path(path, sizeof path, "%s/%s", folder, remote->name));
    RB_TRY(rb__path(url, sizeof url, "%s/%s", base && base[0] ? base : set->url, remote->name));
    if (already(path, name, remote->sha256, set->gzip))
        rb_log(RB_LOG_INFO, "%s is there already", path);
    else
        RB_TRY(rb__fetch_file(url, path, name, remote->sha256, set->gzip));
    if (!set->gzip) { /* an archive: its members are the set's files, itself no longer needed */
        RB_TRY(rb__tar_unpack(path, name, set->files, folder));
        unlink(path);
    }
cleanup:
    return status;
}

rb_status rb__fetch_set(const rb__set *set, const char *folder) {
    rb_status status = RB_OK;
    int code = rb__make_folders(folder);
    if (code) {
        status = rb_fail_native(code == ENOSPC ? RB_DISK : RB_OUTPUT, code, "cannot make the folder %s: %s", folder,
                                strerror(code));
        goto cleanup;
    }
    if (!set->gzip && unpacked_already(set, folder)) {
        rb_log(RB_LOG_INFO, "data set `%s` is in %s already", set->entry.name, folder);
        goto cleanup;
    }
    for (const rb__remote *remote = set->remote; remote->name; remote++) RB_TRY(fetch_one(set, remote, folder));
    rb_log(RB_LOG_INFO, "data set `%s` is in %s", set->entry.name, folder);
cleanup:
    return status;
}

rb_status rb_dataset_fetch(const char *name, const rb_data_options *options) {
    rb_status status = RB_OK;
    const rb__set *set = rb__set_find(name);
    char cache[RB_PATH], folder[RB_PATH];
    if (!set) return rb__set_unknown(name);
    if (set->from)
        return rb_fail(RB_USAGE, "data set `%s` is taken from another: `regbench data fetch %s`", name, set->from);
    if (set->folders_of_files)
        return rb_fail(RB_USAGE,
                       "data set `%s` cannot be fetched: put its folders train and val, with a folder of images for "
                       "each class, into DIR/%s and name it with --data DIR",
                       name, set->folders[0]);
    if (!set->remote) return rb_fail(RB_USAGE, "data set `%s` is in the program: there is nothing to fetch", name);
    if (options && options->dir)
        RB_TRY(rb__path(folder, sizeof folder, "%s/%s", options->dir, set->folders[0]));
    else if (rb__cache_folder(cache, sizeof cache))
        RB_TRY(rb__path(folder, sizeof folder, "%s/%s", cache, set->folders[0]));
    else {
        status = rb_fail(RB_OUTPUT, "neither XDG_CACHE_HOME nor HOME is set: name a folder with --data DIR");
        goto cleanup;
    }
    RB_TRY(rb__fetch_set(set, folder));
cleanup:
    return status;
}
