/* cache.c: unpacked sets under the XDG cache, mapped on the next start: inflating takes a quarter of a second, mapping
 * none.
 *
 * One file per set, regbench/unpacked/NAME.set: a header of one page, pixels, labels, in this machine's byte order. The
 * key hashes each source file's path, size and time of change (of each image, where the set is a folder of them), so
 * another folder or a changed file makes it stale. A file that is stale, of another version or damaged is ignored and
 * written anew; it is written under a temporary name and renamed, so a reader sees all of it or none. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "data/data.h"

enum { VERSION = 2, PAGE = 4096 };
static const char magic[8] = "RBDATA\r\n";

typedef struct head {
    char magic[8];
    uint32_t version, byte_order; /* 0x01020304 as this machine writes it */
    int64_t n_train, n_test, skipped;
    int32_t C, H, W, classes;
    uint64_t file_bytes;
    char key[65], sha256[65]; /* of the sources; of the content */
    char check[65];           /* of this header, with check zeroed */
} head;

/* False where there is no key: a source that vanished, or no cache folder. */
static bool names(const rb__set *set, const rb__place *place, char path[RB_PATH], char key[65]) {
    char folder[RB_PATH];
    rb_text text = {0};
    bool good = rb__cache_folder(folder, sizeof folder);
    good = good && snprintf(path, RB_PATH, "%s/unpacked/%s.set", folder, set->entry.name) < RB_PATH;
    rb_text_printf(&text, "%d %s", (int)VERSION, set->entry.name);
    if (good && set->folders_of_files) {
        good = rb__folder_sources(set, place, &text) == RB_OK;
        if (!good) rb_error_clear(); /* reading the folder says it */
    }
    for (int i = 0; good && set->files[i] && !set->folders_of_files; i++) {
        char real[PATH_MAX];
        struct stat s;
        good = realpath(place->file[i], real) && stat(real, &s) == 0;
        if (good)
            rb_text_printf(&text, "\n%s %lld %lld.%09ld", real, (long long)s.st_size, (long long)s.st_mtim.tv_sec,
                           s.st_mtim.tv_nsec);
    }
    good = good && !text.failed && rb_sha256(rb_text_string(&text), text.length, key) == RB_OK;
    rb_text_free(&text);
    return good;
}

static bool check_of(const head *h, char hex[65]) {
    head copy = *h;
    memset(copy.check, 0, sizeof copy.check);
    return rb_sha256(&copy, sizeof copy, hex) == RB_OK;
}

/* Does the mapped file (bytes) hold this set, made from these sources, whole? Returns the reason why not, or NULL. */
static const char *fault(const void *file, size_t bytes, const rb_dataset *data, const char *key) {
    head h;
    char hex[65];
    if (bytes < PAGE) return "truncated";
    memcpy(&h, file, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) || h.version != VERSION || h.byte_order != 0x01020304)
        return "of another version";
    if (!check_of(&h, hex) || memcmp(hex, h.check, sizeof hex)) return "damaged";
    if (memcmp(h.key, key, sizeof h.key)) return "of other files";
    if (h.C != data->C || h.H != data->H || h.W != data->W || h.classes != data->classes) return "of another shape";
    if (h.file_bytes != bytes || h.n_train < 1 || h.n_test < 1) return "of another size";
    /* the header is whole, so its numbers are those that were written: no overflow below */
    int64_t rows = h.n_train + h.n_test;
    size_t labels_at = rb__store_labels_at(rows, (int64_t)h.C * h.H * h.W);
    if (PAGE + labels_at + (size_t)rows * sizeof(int32_t) != bytes) return "of another size";
    const int32_t *labels = (const int32_t *)(const void *)((const char *)file + PAGE + labels_at);
    for (int64_t i = 0; i < rows; i++) /* a label out of range would write out of bounds later */
        if (labels[i] < 0 || labels[i] >= h.classes) return "damaged";
    return NULL;
}

bool rb__cache_load(const rb__set *set, const rb__place *place, rb_dataset *data) {
    char path[RB_PATH], key[65];
    struct stat s;
    bool loaded = false;
    void *map = MAP_FAILED;
    struct rb_dataset_store *store = NULL;
    size_t bytes = 0;
    if (!names(set, place, path, key)) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) || !S_ISREG(s.st_mode) || s.st_size <= 0) goto cleanup;
    bytes = (size_t)s.st_size;
    map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) goto cleanup;
    const char *why = fault(map, bytes, data, key);
    if (why) {
        rb_log(RB_LOG_DEBUG, "unpacked copy %s ignored: %s", path, why);
        goto cleanup;
    }
    store = calloc(1, sizeof *store);
    if (!store) goto cleanup;
    head h;
    memcpy(&h, map, sizeof h);
    *store = (struct rb_dataset_store){.base = map, .bytes = bytes, .mapped = true};
    data->store = store;
    data->n_train = h.n_train;
    data->n_test = h.n_test;
    data->skipped = h.skipped;
    data->x = (const char *)map + PAGE;
    data->labels = (const int32_t *)(const void *)((const char *)data->x +
                                                   rb__store_labels_at(h.n_train + h.n_test, (int64_t)h.C * h.H * h.W));
    memcpy(data->sha256, h.sha256, sizeof data->sha256);
    map = MAP_FAILED; /* the store's now */
    loaded = true;
cleanup:
    if (map != MAP_FAILED) munmap(map, bytes);
    if (fd >= 0) close(fd);
    return loaded;
}

static bool write_all(int fd, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count) {
        ssize_t n = write(fd, at, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        count -= (size_t)n;
    }
    return true;
}

void rb__cache_save(const rb__set *set, const rb__place *place, const rb_dataset *data) {
    char path[RB_PATH], temporary[RB_PATH + 16], folder[RB_PATH], page[PAGE] = {0};
    head h;
    int fd = -1;
    memset(&h, 0, sizeof h); /* padding too: it is hashed */
    if (!names(set, place, path, h.key)) return;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int code = rb__make_folders(folder);
    if (!code && (fd = mkstemp(temporary)) < 0) code = errno;
    if (code) {
        rb_log(RB_LOG_DEBUG, "no unpacked copy: cannot write %s: %s", path, strerror(code));
        return;
    }
    memcpy(h.magic, magic, sizeof magic);
    h.version = VERSION;
    h.byte_order = 0x01020304;
    h.n_train = data->n_train;
    h.n_test = data->n_test;
    h.skipped = data->skipped;
    h.C = data->C;
    h.H = data->H;
    h.W = data->W;
    h.classes = data->classes;
    h.file_bytes = PAGE + data->store->bytes;
    memcpy(h.sha256, data->sha256, sizeof h.sha256);
    char check[65];
    bool good = check_of(&h, check);
    memcpy(h.check, check, sizeof h.check);
    memcpy(page, &h, sizeof h);
    good = good && write_all(fd, page, sizeof page) && write_all(fd, data->store->base, data->store->bytes);
    code = good ? 0 : errno;
    if (close(fd) && good) {
        good = false;
        code = errno;
    }
    if (good && rename(temporary, path)) {
        good = false;
        code = errno;
    }
    if (!good) {
        unlink(temporary);
        rb_log(RB_LOG_DEBUG, "no unpacked copy: cannot write %s: %s", path, strerror(code));
    }
}
