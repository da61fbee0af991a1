/* search.c: where a set's files are.
 *
 * Order: --data DIR (DIR/NAME, DIR itself), REGBENCH_DATA (the same), the XDG cache (regbench/NAME), the system
 * folders. The search goes on only where all files of the set are absent: some present and others absent is an error,
 * and a folder that cannot be looked into is one too. MNIST and Fashion-MNIST name their files alike, so DIR itself is
 * not taken where its own name says that it is another set. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"
#include "data/data.h"

const char *rb__data_folders = REGBENCH_DATA_FOLDERS;

rb_status rb__path(char *path, int size, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(path, (size_t)size, fmt, args);
    va_end(args);
    if (n < 0 || n >= size) return rb_fail(RB_USAGE, "a path is longer than %d bytes: %.200s...", size - 1, path);
    return RB_OK;
}

int rb__make_folders(const char *path) {
    char part[RB_PATH];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) return ENAMETOOLONG;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++)
        if (part[i] == '/' || part[i] == '\0') {
            char kept = part[i];
            part[i] = '\0';
            if (mkdir(part, 0777) && errno != EEXIST) return errno;
            part[i] = kept;
        }
    return 0;
}

bool rb__cache_folder(char *path, int size) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    /* the XDG specification: a relative path is to be ignored */
    if (xdg && xdg[0] == '/')
        n = snprintf(path, (size_t)size, "%s/regbench", xdg);
    else if (home && home[0] == '/')
        n = snprintf(path, (size_t)size, "%s/.cache/regbench", home);
    return n > 0 && n < size;
}

static bool is_folder(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* Is there anything of this name? A dangling link counts as present: it is bad, not absent. */
static rb_status present(const char *path, bool *yes) {
    struct stat s;
    *yes = lstat(path, &s) == 0;
    if (*yes || errno == ENOENT || errno == ENOTDIR) return RB_OK;
    return rb_fail_native(RB_INPUT, errno, "cannot look for %s: %s", path, strerror(errno));
}

static rb_status look(const rb__set *set, const char *folder, rb__place *place, bool *found) {
    rb_status status = RB_OK;
    const char *absent = NULL;
    int count = 0, there = 0;
    RB_TRY(rb__path(place->folder, RB_PATH, "%s", folder));
    for (; set->files[count]; count++) {
        char *file = place->file[count];
        bool yes;
        RB_TRY(rb__path(file, RB_PATH, "%s/%s", folder, set->files[count]));
        RB_TRY(present(file, &yes));
        if (!yes && set->gzip) {
            RB_TRY(rb__path(file, RB_PATH, "%s/%s.gz", folder, set->files[count]));
            RB_TRY(present(file, &yes));
        }
        there += yes;
        if (!yes && !absent) absent = set->files[count];
    }
    *found = there == count;
    if (there && absent)
        status =
            rb_fail(RB_MISSING, "%s has %d of the %d files of data set `%s`; %s%s is absent (`regbench data fetch %s`)",
                    folder, there, count, set->entry.name, absent, set->gzip ? " (or .gz)" : "", set->entry.name);
cleanup:
    return status;
}

/* Does the folder's own name say that another set is in it? */
static bool belongs_to_another(const rb__set *set, const char *folder) {
    char real[PATH_MAX];
    if (!realpath(folder, real)) return false;
    const char *name = strrchr(real, '/') + 1;
    int count;
    const rb__set *sets = rb__set_list(&count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < 3 && sets[i].folders[k]; k++)
            if (&sets[i] != set && strcmp(sets[i].folders[k], name) == 0) return true;
    return false;
}

/* base/NAME for each name of the set's folder, then base itself. */
static rb_status look_below(const rb__set *set, const char *base, bool itself, rb__place *place, bool *found) {
    rb_status status = RB_OK;
    char folder[RB_PATH];
    for (int k = 0; k < 3 && set->folders[k] && !*found; k++) {
        RB_TRY(rb__path(folder, sizeof folder, "%s/%s", base, set->folders[k]));
        RB_TRY(look(set, folder, place, found));
    }
    /* any folder may have one called `train`: that of a set of images is known by its own name alone */
    if (!*found && itself && !set->folders_of_files && !belongs_to_another(set, base))
        RB_TRY(look(set, base, place, found));
cleanup:
    return status;
}

rb_status rb__search(const rb__set *set, const rb_data_options *options, rb__place *place, bool *found) {
    rb_status status = RB_OK;
    const char *dir = options ? options->dir : NULL, *named = getenv("REGBENCH_DATA");
    char cache[RB_PATH];
    *found = false;
    if (dir) {
        if (!is_folder(dir)) {
            status = rb_fail(RB_MISSING, "--data %s: there is no such folder", dir);
            goto cleanup;
        }
        RB_TRY(look_below(set, dir, true, place, found));
    }
    if (!*found && named && named[0]) {
        static bool told; /* once, not for every set and every item */
        if (!is_folder(named) && !told) rb_log(RB_LOG_WARN, "REGBENCH_DATA=%s: there is no such folder", named);
        told = told || !is_folder(named);
        RB_TRY(look_below(set, named, true, place, found));
    }
    if (!*found && rb__cache_folder(cache, sizeof cache)) RB_TRY(look_below(set, cache, false, place, found));
    for (const char *at = rb__data_folders; !*found && *at;) {
        size_t n = strcspn(at, ":;");
        char base[RB_PATH];
        RB_TRY(rb__path(base, sizeof base, "%.*s", (int)n, at));
        if (n) RB_TRY(look_below(set, base, false, place, found));
        at += n + (at[n] != '\0');
    }
cleanup:
    return status;
}

rb_status rb__missing(const rb__set *set, const rb_data_options *options) {
    const char *dir = options ? options->dir : NULL, *named = getenv("REGBENCH_DATA");
    const char *name = set->entry.name;
    char cache[RB_PATH];
    rb_text where = {0};
    if (dir) rb_text_printf(&where, "%s, ", dir);
    if (named && named[0]) rb_text_printf(&where, "REGBENCH_DATA (%s), ", named);
    if (rb__cache_folder(cache, sizeof cache)) rb_text_printf(&where, "%s/%s, ", cache, set->folders[0]);
    rb_text_printf(&where, "%s", rb__data_folders);
    rb_status status = RB_OK;
    if (set->folders_of_files)
        status = rb_fail(RB_MISSING,
                         "data set `%s` is not in %s: put its folders train and val, with a folder of images for each "
                         "class, into DIR/%s and name it with --data DIR",
                         name, rb_text_string(&where), set->folders[0]);
    else
        status = rb_fail(RB_MISSING,
                         "data set `%s` is not in %s; get it with `regbench data fetch %s`%s%s%s, or name its folder "
                         "with --data DIR",
                         name, rb_text_string(&where), name, set->package ? " or Debian's package `" : "",
                         set->package ? set->package : "", set->package ? "`" : "");
    rb_text_free(&where);
    return status;
}

rb_status rb__missing_too(const rb__set *set, const rb_data_options *options) {
    char own[700], other[700];
    snprintf(other, sizeof other, "%.600s", rb_error_last() ? rb_error_last()->text : "");
    rb_error_clear();
    rb__missing(set, options);
    snprintf(own, sizeof own, "%.600s", rb_error_last()->text);
    rb_error_clear();
    return rb_fail(RB_MISSING, "%s; what stands in for it is absent too: %s", own, other);
}

rb_status rb_dataset_path(const char *name, const rb_data_options *options, char *path, int size) {
    rb_status status = RB_OK;
    bool found;
    const rb__set *set = rb__set_find(name);
    rb__place *place = malloc(sizeof *place);
    if (!place) {
        status = rb_fail(RB_MEMORY, "out of memory while looking for `%s`", name);
        goto cleanup;
    }
    if (!set) {
        status = rb__set_unknown(name);
        goto cleanup;
    }
    if (set->from) {
        RB_TRY(rb_dataset_path(set->from, options, path, size));
        goto cleanup;
    }
    if (!set->files[0]) {
        RB_TRY(rb__path(path, size, "(in the program)"));
        goto cleanup;
    }
    RB_TRY(rb__search(set, options, place, &found));
    if (!found) {
        status = rb__missing(set, options);
        goto cleanup;
    }
    RB_TRY(rb__path(path, size, "%s", place->folder));
cleanup:
    free(place);
    return status;
}

rb_status rb_dataset_in_use(const char *name, const rb_data_options *options, const char **used) {
    rb_status status = RB_OK;
    bool found = true;
    const rb__set *set = rb__set_find(name);
    if (!set) return rb__set_unknown(name);
    rb__place *place = malloc(sizeof *place);
    if (!place) return rb_fail(RB_MEMORY, "out of memory while looking for `%s`", name);
    if (set->from) RB_TRY(rb_dataset_in_use(set->from, options, used));
    if (set->files[0]) RB_TRY(rb__search(set, options, place, &found));
    if (found)
        *used = set->entry.name;
    else if (set->stand_in) {
        status = rb_dataset_in_use(set->stand_in, options, used);
        if (status == RB_MISSING) status = rb__missing_too(set, options);
    } else
        status = rb__missing(set, options);
cleanup:
    free(place);
    return status;
}
