/* history.c: the verb `history`: recorded sessions in order of time, and the steps in them. */
#include "compare/history.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/verb.h"
#include "compare/find.h"
#include "core/log.h"
#include "core/text.h"

typedef struct found {
    rb_runs **at;
    int n;
    const char *named; /* on the command line */
} found;

static rb_status add_session(found *f, const char *path) {
    rb_runs **at = realloc(f->at, (size_t)(f->n + 1) * sizeof *at), *runs = calloc(1, sizeof *runs);
    if (at) f->at = at;
    rb_status status = at && runs ? rb_runs_read(path, runs) : rb_fail(RB_MEMORY, "out of memory for the sessions");
    if (status == RB_OK)
        f->at[f->n++] = runs;
    else
        free(runs);
    return status;
}

/* A session or file that was named must be readable. Of many below it one may be damaged, or be written right now: it
 * is left out. */
static rb_status see_session(void *context, const char *folder) {
    found *f = context;
    if (!rb_has_runs(folder)) return RB_OK;
    rb_status status = add_session(f, folder);
    if ((status != RB_INPUT && status != RB_MISSING) || !strcmp(folder, f->named)) return status;
    rb_log(RB_LOG_WARN, "left out: %s", rb_error_last()->text);
    rb_error_clear();
    return RB_OK;
}

static rb_status take(found *f, const char *path) {
    struct stat info;
    f->named = path;
    bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return is_folder ? rb_sessions_find(path, see_session, f) : add_session(f, path);
}

rb_status rb_verb_history(const rb_options *o) {
    static const int columns[] = {
        RB_COL(history, case),          RB_COL(history, device_key), RB_COL(history, batch_size),
        RB_COL(history, overrides),     RB_COL(history, phase),      RB_COL(history, series),
        RB_COL(history, started_utc),   RB_COL(history, commit),     RB_COL(history, n),
        RB_COL(history, samples_per_s), RB_COL(history, step_ratio), RB_COL(history, step),
        RB_COL(history, changed)};
    rb_status status = RB_OK;
    found f = {0};
    rb_history history = {0};
    rb_text commands = {0};
    if (o->names.n == 0) RB_TRY(take(&f, "results"));
    for (int i = 0; i < o->names.n; i++) RB_TRY(take(&f, o->names.at[i]));
    RB_TRY(rb_history_of((const rb_runs *const *)f.at, f.n, &history));
    if (history.n == 0) {
        status = rb_fail(RB_MISSING, "no sessions with a history in %s: `regbench bench` records some",
                         o->names.n ? o->names.at[0] : "results");
        goto cleanup;
    }
    if (rb_given(o, RB_FLAG_BISECT)) {
        rb_history_bisect(&history, &commands);
        RB_TRY(rb_text_status(&commands));
        if (commands.length) RB_TRY(rb_print_text(commands.data));
    } else
        RB_TRY(rb_print_table(RB_TABLE_history, rb_output_format(o), history.rows, history.n, columns,
                              sizeof columns / sizeof *columns));
    rb_log(RB_LOG_INFO, "%d sessions, %d slowdowns", f.n, history.slower);
cleanup:
    for (int i = 0; i < f.n; i++) {
        rb_runs_free(f.at[i]);
        free(f.at[i]);
    }
    free(f.at);
    rb_history_free(&history);
    rb_text_free(&commands);
    return status;
}
