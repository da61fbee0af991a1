/* sources.c: finds the text of a kernel file, in REGBENCH_CL_DIR or embedded. */
#include "kernel/sources.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rb_status read_file(FILE *file, const char *path, char **text) {
    size_t size = 0, room = 1 << 16;
    char *bytes = malloc(room);
    while (bytes && (size += fread(bytes + size, 1, room - size, file)) == room) {
        char *more = realloc(bytes, room *= 2);
        if (!more) free(bytes);
        bytes = more;
    }
    if (!bytes) return rb_fail(RB_MEMORY, "out of memory while reading %s", path);
    if (ferror(file)) {
        free(bytes);
        return rb_fail(RB_INPUT, "cannot read %s", path);
    }
    bytes[size] = '\0'; /* the loop ended with room left */
    *text = bytes;
    return RB_OK;
}

rb_status rb__kn_source_find(const char *name, char **text) {
    const char *folder = getenv("REGBENCH_CL_DIR"), *dot = strrchr(name, '.');
    char path[PATH_MAX];
    *text = NULL;
    /* portable.h lies elsewhere in the source tree: REGBENCH_CL_DIR may point to its cl/ as it is. */
    bool kernel = dot && strcmp(dot, ".cl") == 0;
    if (folder && folder[0]) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *file = fopen(path, "r");
        if (!file && kernel)
            return rb_fail_native(RB_MISSING, errno, "REGBENCH_CL_DIR: cannot open %s: %s", path, strerror(errno));
        if (file) {
            rb_status status = read_file(file, path, text);
            fclose(file);
            return status;
        }
    }
    for (const rb__kn_source *s = rb__kn_sources; s->name; s++) {
        if (strcmp(s->name, name) != 0) continue;
        *text = strdup(s->text);
        return *text ? RB_OK : rb_fail(RB_MEMORY, "out of memory for the kernels of %s", name);
    }
    return rb_fail(RB_INTERNAL, "no kernel file %s is embedded", name);
}
