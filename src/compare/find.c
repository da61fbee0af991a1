/* find.c: searches folders for sessions. */
#include "compare/find.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/text.h"

enum { DEEPEST = 6 }; /* folders below a folder with results: results/<machine>/<session> is two */

bool rb_has_runs(const char *folder) { return rb_file_in(folder, "runs.csv"); }

static int no_dots(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* Below a session, `sessions` keeps the parts (bench/peers/alternate) whose rows are in its runs.csv: not twice. */
static int no_parts(const struct dirent *entry) { return no_dots(entry) && strcmp(entry->d_name, "sessions") != 0; }

static rb_status search(const char *folder, int depth, rb_status (*see)(void *context, const char *folder),
                        void *context) {
    rb_status status = RB_OK;
    struct dirent **names = NULL;
    rb_text path = {0};
    struct stat info;
    bool runs = rb_has_runs(folder);
    if (runs || rb_file_in(folder, "events.jsonl") || rb_file_in(folder, "session.json")) status = see(context, folder);
    if (status != RB_OK || depth == DEEPEST) return status;
    int n = scandir(folder, &names, runs ? no_parts : no_dots, alphasort);
    for (int i = 0; i < n && status == RB_OK; i++) {
        rb_text_clear(&path);
        rb_text_printf(&path, "%s/%s", folder, names[i]->d_name);
        if (!path.failed && lstat(path.data, &info) == 0 && S_ISDIR(info.st_mode))
            status = search(path.data, depth + 1, see, context);
    }
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    rb_text_free(&path);
    return status;
}

rb_status rb_sessions_find(const char *folder, rb_status (*see)(void *context, const char *folder), void *context) {
    return search(folder, 0, see, context);
}
