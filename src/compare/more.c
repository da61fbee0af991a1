/* more.c: the command that gets more data for a comparison. */
#include "compare/more.h"

#include <string.h>

#include "core/text.h"

void rb_overrides_as_flags(const char *overrides, rb_text *out) {
    rb_text flag = {0}, value = {0};
    for (const char *at = overrides; *at;) {
        size_t n = strcspn(at, " "), name = strcspn(at, "= ");
        bool set = n > name && (memchr(at, '.', name) || !strncmp(at, "patience=", 9) || !strncmp(at, "stop-", 5));
        rb_text_clear(&flag);
        rb_text_clear(&value);
        if (set)
            rb_text_printf(&value, "%.*s", (int)n, at);
        else if (n > name)
            rb_text_printf(&value, "%.*s", (int)(n - name - 1), at + name + 1);
        rb_text_printf(&flag, "--%.*s", set ? 3 : (int)name, set ? "set" : at);
        if (n > 0) {
            rb_text_append(out, " ");
            rb_shell_quote(rb_text_string(&flag), out);
        }
        if (n > name) {
            rb_text_append(out, " ");
            rb_shell_quote(rb_text_string(&value), out);
        }
        at += n + (at[n] == ' ');
    }
    out->failed |= flag.failed | value.failed;
    rb_text_free(&flag);
    rb_text_free(&value);
}

/* The commit, where the build can be had again from it. */
static const char *commit_of(const rb_row *row) {
    const char *commit = rb_row_get_text(row, RB_COL(runs, commit));
    return row->cells[RB_COL(runs, dirty)].u.i || !strcmp(commit, "unknown") ? "" : commit;
}

/* "A: build/old" without the letter. */
static const char *build_of(const char *label) { return strlen(label) > 3 ? label + 3 : label; }

void rb_more_command(const rb_arms *arms, const rb_entry *a, const rb_entry *b, int repetitions, rb_text *out) {
    const char *x = commit_of(a->row), *y = commit_of(b->row);
    const char *device_a = rb_row_get_text(a->row, RB_COL(runs, device_key));
    const char *device_b = rb_row_get_text(b->row, RB_COL(runs, device_key));
    const rb_cell *batch = &a->row->cells[RB_COL(runs, batch_size)];
    const char *name = rb_row_get_text(a->row, RB_COL(runs, case));
    if (!strcmp(rb_row_get_text(a->row, RB_COL(runs, phase)), "gbench")) {
        rb_text_printf(out, "run the benchmark %d times, each with --benchmark_out=A/N.json, and compare the folders",
                       repetitions);
        return;
    }
    if (arms->across == RB_ACROSS_BUILDS) {
        x = build_of(arms->labels[a->arm]);
        y = build_of(arms->labels[b->arm]);
    }
    bool builds =
        *x && *y &&
        (arms->across == RB_ACROSS_BUILDS || arms->across == RB_ACROSS_COMMIT || arms->across == RB_ACROSS_SESSIONS);
    if (builds)
        rb_text_printf(out, "regbench compare --build %s --build %s %s", x, y, name);
    else
        rb_text_printf(out, "regbench bench %s", name);
    if (*device_a) rb_text_printf(out, " -d %s", device_a);
    if (*device_b && strcmp(device_a, device_b) != 0) rb_text_printf(out, ",%s", device_b);
    if (batch->type == RB_CELL_INT) rb_text_printf(out, " -B %lld", (long long)batch->u.i);
    rb_overrides_as_flags(rb_row_get_text(a->row, RB_COL(runs, overrides)), out);
    /* The only backend with a choice; its default needs no words. */
    const char *submit = rb_row_get_text(a->row, RB_COL(runs, submit));
    if (!builds && !strncmp(device_a, "cuda", 4) && !strcmp(device_a, device_b) && *submit && strcmp(submit, "graph"))
        rb_text_printf(out, " --submit %s", submit);
    rb_text_printf(out, " -r %d", repetitions);
}
