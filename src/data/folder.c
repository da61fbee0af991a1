/* folder.c: images in folders: SPLIT/CLASS/NAME.{jpg,jpeg,png}, splits in the order of rb__set.files, classes in that
 * of class_names, names in byte order; each becomes (3, H, W) bytes.
 *
 * What is no such file, and what begins with a dot, is passed over. A picture that cannot be read is named, skipped and
 * counted; a class without any, a class folder that is absent and one that is no class of the set are errors. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/text.h"
#include "data/data.h"
#include "data/picture.h"

/* --- names ----------------------------------------------------------------------------------------------------------
 */

typedef struct names {
    char **at; /* (n), each owned */
    int n, room;
} names;

static void names_free(names *list) {
    for (int i = 0; i < list->n; i++) free(list->at[i]);
    free(list->at);
    *list = (names){0};
}

static rb_status add(names *list, const char *name) {
    if (list->n == list->room) {
        int room = list->room ? 2 * list->room : 64;
        char **at = realloc(list->at, (size_t)room * sizeof *at);
        if (!at) return rb_fail(RB_MEMORY, "out of memory for %d names of files", room);
        list->at = at;
        list->room = room;
    }
    list->at[list->n] = strdup(name);
    return list->at[list->n++] ? RB_OK : rb_fail(RB_MEMORY, "out of memory for the name %s", name);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_image(const char *folder, const char *name) {
    static const char *const ends[] = {".jpg", ".jpeg", ".png"};
    const char *end = strrchr(name, '.');
    (void)folder;
    for (size_t i = 0; end && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(end, ends[i]) == 0) return true;
    return false;
}

static bool is_folder(const char *folder, const char *name) {
    char path[RB_PATH];
    struct stat s;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n < RB_PATH && stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* What `wanted` says yes to, sorted. */
static rb_status list_folder(const char *path, bool (*wanted)(const char *folder, const char *name), names *out) {
    rb_status status = RB_OK;
    DIR *folder = opendir(path);
    *out = (names){0};
    if (!folder) return rb_fail_native(RB_INPUT, errno, "cannot list the folder %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && wanted(path, entry->d_name)) RB_TRY(add(out, entry->d_name));
    if (out->n) qsort(out->at, (size_t)out->n, sizeof *out->at, by_bytes);
cleanup:
    closedir(folder);
    if (status != RB_OK) names_free(out);
    return status;
}

/* --- walking --------------------------------------------------------------------------------------------------------
 */

static int class_of(const rb__set *set, const char *name) {
    for (int c = 0; c < set->entry.classes; c++)
        if (strcmp(set->class_names[c], name) == 0) return c;
    return -1;
}

/* Every class folder of the split is one of the set's, and there are some. */
static rb_status check_classes(const rb__set *set, const char *split) {
    rb_status status = RB_OK;
    names folders = {0};
    rb_text known = {0};
    for (int c = 0; c < set->entry.classes; c++) rb_text_printf(&known, "%s%s", c ? ", " : "", set->class_names[c]);
    RB_TRY(list_folder(split, is_folder, &folders));
    if (folders.n == 0)
        status = rb_fail(RB_INPUT, "%s has no folder of a class: data set `%s` needs one for each of %s", split,
                         set->entry.name, rb_text_string(&known));
    for (int i = 0; i < folders.n && status == RB_OK; i++)
        if (class_of(set, folders.at[i]) < 0)
            status = rb_fail(RB_INPUT, "%s/%s is no class of data set `%s`, which has %s; rename or remove it", split,
                             folders.at[i], set->entry.name, rb_text_string(&known));
cleanup:
    names_free(&folders);
    rb_text_free(&known);
    return status;
}

/* Calls `visit` for each image in order, and with path NULL at the end of each class. */
typedef rb_status visitor(void *context, int split, int label, const char *folder, const char *path);

static rb_status walk(const rb__set *set, const rb__place *place, visitor *visit, void *context) {
    rb_status status = RB_OK;
    names files = {0};
    char folder[RB_PATH], path[RB_PATH];
    for (int split = 0; set->files[split]; split++) {
        RB_TRY(check_classes(set, place->file[split]));
        for (int c = 0; c < set->entry.classes; c++) {
            RB_TRY(rb__path(folder, sizeof folder, "%s/%s", place->file[split], set->class_names[c]));
            RB_TRY(list_folder(folder, is_image, &files));
            for (int i = 0; i < files.n; i++) {
                RB_TRY(rb__path(path, sizeof path, "%s/%s", folder, files.at[i]));
                RB_TRY(visit(context, split, c, folder, path));
            }
            RB_TRY(visit(context, split, c, folder, NULL));
            names_free(&files);
        }
    }
cleanup:
    names_free(&files);
    return status;
}

static rb_status note_source(void *context, int split, int label, const char *folder, const char *path) {
    rb_text *text = context;
    struct stat s;
    (void)split, (void)label, (void)folder;
    if (!path) return RB_OK;
    if (stat(path, &s)) memset(&s, 0, sizeof s); /* a dangling link is a picture that cannot be read */
    rb_text_printf(text, "\n%s %lld %lld.%09ld", path, (long long)s.st_size, (long long)s.st_mtim.tv_sec,
                   s.st_mtim.tv_nsec);
    return rb_text_status(text);
}

rb_status rb__folder_sources(const rb__set *set, const rb__place *place, rb_text *text) {
    rb_text_printf(text, "\njpeg %d", rb__jpeg_version());
    return walk(set, place, note_source, text);
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

typedef struct reading {
    int H, W;
    size_t sample;
    uint8_t *pixels; /* (rows, 3, H, W), with room for `room` rows */
    int32_t *labels;
    int64_t rows, room, counts[2]; /* of the splits */
    int64_t of_class, skipped_of_class, skipped;
} reading;

static rb_status make_room(reading *r) {
    int64_t room = r->room ? 2 * r->room : 256;
    uint8_t *pixels = realloc(r->pixels, (size_t)room * r->sample);
    if (pixels) r->pixels = pixels;
    int32_t *labels = pixels ? realloc(r->labels, (size_t)room * sizeof *labels) : NULL;
    if (!labels) return rb_fail(RB_MEMORY, "out of memory for %lld images", (long long)room);
    r->labels = labels;
    r->room = room;
    return RB_OK;
}

static rb_status end_class(reading *r, const char *folder) {
    if (r->of_class == 0 && r->skipped_of_class)
        return rb_fail(RB_INPUT, "%s: none of its %lld images can be read", folder, (long long)r->skipped_of_class);
    if (r->of_class == 0) return rb_fail(RB_INPUT, "%s has no image (.jpg, .jpeg or .png)", folder);
    r->skipped += r->skipped_of_class;
    r->of_class = r->skipped_of_class = 0;
    return RB_OK;
}

static rb_status read_image(void *context, int split, int label, const char *folder, const char *path) {
    reading *r = context;
    rb_status status = RB_OK;
    rb__picture picture = {0};
    if (!path) return end_class(r, folder);
    status = rb__picture_read(path, &picture);
    if (status == RB_INPUT) {
        rb_log(RB_LOG_WARN, "skipped: %s", rb_error_last()->text);
        rb_error_clear();
        r->skipped_of_class++;
        return RB_OK;
    }
    RB_TRY(status);
    if (r->rows == r->room) RB_TRY(make_room(r));
    RB_TRY(rb__picture_resize(&picture, r->W, r->H, r->pixels + (size_t)r->rows * r->sample));
    r->labels[r->rows++] = label;
    r->counts[split]++;
    r->of_class++;
cleanup:
    rb__picture_free(&picture);
    return status;
}

rb_status rb__folder_read(const rb__set *set, const rb__place *place, rb_dataset *data) {
    rb_status status = RB_OK;
    reading r = {.H = data->H, .W = data->W, .sample = (size_t)(3 * data->H * data->W)};
    rb_log(RB_LOG_INFO, "unpacking the images of %s", place->folder);
    RB_TRY(walk(set, place, read_image, &r));
    RB_TRY(rb__store_new(data, r.counts[0], r.counts[1]));
    memcpy(rb__pixels(data), r.pixels, (size_t)r.rows * r.sample);
    memcpy(rb__labels(data), r.labels, (size_t)r.rows * sizeof *r.labels);
    data->skipped = r.skipped;
    if (r.skipped)
        rb_log(RB_LOG_WARN, "%s: %lld of %lld images could not be read and were skipped", place->folder,
               (long long)r.skipped, (long long)(r.rows + r.skipped));
cleanup:
    free(r.pixels);
    free(r.labels);
    return status;
}
