/* redact.c: names are replaced as whole words wherever they stand, paths as a whole: what is left of a path (a disk, a
 * project) would tell as much as the name in it. */
#include "report/redact.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

#define HIDDEN_PATH "<path>"

static rb_status add(rb_redaction *r, const char *name, const char *kind, int *count) {
    if (!name || !*name) return RB_OK;
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->names[i].name, name)) return RB_OK;
    void *more = realloc(r->names, (size_t)(r->n + 1) * sizeof *r->names);
    char *copy = strdup(name);
    if (more) r->names = more;
    if (!more || !copy) {
        free(copy);
        return rb_fail(RB_MEMORY, "out of memory for names");
    }
    r->names[r->n].name = copy;
    snprintf(r->names[r->n++].alias, sizeof r->names->alias, "%s%d", kind, ++*count);
    return RB_OK;
}

static rb_status add_user(rb_redaction *r, const char *name) {
    return name && !strcmp(name, "root") ? RB_OK : add(r, name, "user", &r->users); /* root is nobody in particular */
}

/* A host's name, whole and without its domain. */
static rb_status add_machine(rb_redaction *r, const char *name) {
    rb_status status = RB_OK;
    char head[256];
    snprintf(head, sizeof head, "%s", name);
    head[strcspn(head, ".")] = '\0';
    RB_TRY(add(r, name, "machine", &r->machines));
    RB_TRY(add(r, head, "machine", &r->machines));
cleanup:
    return status;
}

rb_status rb_redaction_begin(rb_redaction *r) {
    rb_status status = RB_OK;
    char host[256] = "";
    const struct passwd *user = getpwuid(getuid());
    memset(r, 0, sizeof *r);
    if (gethostname(host, sizeof host - 1) == 0) RB_TRY(add_machine(r, host));
    if (user) RB_TRY(add_user(r, user->pw_name));
    RB_TRY(add_user(r, getenv("USER")));
cleanup:
    return status;
}

void rb_redaction_end(rb_redaction *r) {
    for (int i = 0; i < r->n; i++) free(r->names[i].name);
    free(r->names);
    memset(r, 0, sizeof *r);
}

rb_status rb_redaction_learn(rb_redaction *r, const rb_row *row) {
    if (row->table == RB_TABLE_runs) return add_machine(r, rb_row_get_text(row, RB_COL(runs, machine)));
    if (row->table != RB_TABLE_env) return RB_OK;
    const char *name = rb_row_get_text(row, RB_COL(env, name)), *value = rb_row_get_text(row, RB_COL(env, value));
    if (!strcmp(name, "host") || !strcmp(name, "SLURMD_NODENAME") || !strcmp(name, "SLURM_SUBMIT_HOST"))
        return add_machine(r, value);
    if (!strcmp(name, "SLURM_JOB_USER")) return add_user(r, value);
    return RB_OK;
}

static bool in_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* A path begins where a "/", "~/", "./" or "../" begins a word or follows -I, -L or "=". */
static size_t path_length(const char *text, const char *at) {
    const char *slash = at + (*at == '~' ? 1 : strspn(at, "."));
    if (*slash != '/' || slash - at > 2) return 0;
    bool flag = at - text >= 2 && at[-2] == '-' && strchr("IL", at[-1]);
    if (at > text && !flag && (in_word(at[-1]) || strchr(".~/)", at[-1]))) return 0;
    size_t n = strcspn(at, " \t\n\"'`,;:()<>|");
    return slash + 1 - at < (ptrdiff_t)n ? n : 0;
}

/* The name that stands at this place as a word of its own. */
static int name_at(const rb_redaction *r, const char *text, const char *at) {
    int found = -1;
    if (at > text && in_word(at[-1])) return -1;
    for (int i = 0; i < r->n; i++) {
        size_t n = strlen(r->names[i].name);
        if (strncmp(at, r->names[i].name, n) != 0 || in_word(at[n])) continue;
        if (found < 0 || n > strlen(r->names[found].name)) found = i; /* host.domain before host */
    }
    return found;
}

static void redact_cell(const rb_redaction *r, rb_row *row, int column) {
    const char *text = row->cells[column].u.s;
    rb_text clean = {0};
    for (const char *at = text; *at;) {
        size_t path = path_length(text, at);
        int name = path ? -1 : name_at(r, text, at);
        if (path) {
            rb_text_append(&clean, HIDDEN_PATH);
            at += path;
        } else if (name >= 0) {
            rb_text_append(&clean, r->names[name].alias);
            at += strlen(r->names[name].name);
        } else
            rb_text_printf(&clean, "%c", *at++);
    }
    rb_row_text(row, column, clean.failed ? NULL : rb_text_string(&clean)); /* rather nothing than a name */
    rb_text_free(&clean);
}

bool rb_redact(const rb_redaction *r, rb_row *row) {
    if (row->table == RB_TABLE_env && !strncmp(rb_row_get_text(row, RB_COL(env, name)), "SLURM", 5)) return false;
    for (int c = 0; c < rb_table_columns(row->table); c++)
        if (row->cells[c].type == RB_CELL_TEXT) redact_cell(r, row, c);
    if (row->table == RB_TABLE_runs && *rb_row_get_text(row, RB_COL(runs, resumed_from)))
        rb_row_text(row, RB_COL(runs, resumed_from), HIDDEN_PATH);
    return true;
}
