/* more.c: the command that gets more data for a comparison. */
#include "compare/more.h"

#include <ctype.h>
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

static void put_flag(const char *flag, const char *value, rb_text *out) {
    if (!*value) return;
    rb_text_printf(out, " %s ", flag);
    rb_shell_quote(value, out);
}

/* Whether `word` begins one of the settings that were asked for; `value`: what follows it. */
static bool asked_for(const rb_row *run, const char *word, char *value, size_t size) {
    size_t length = strlen(word), n;
    for (const char *at = rb_row_get_text(run, RB_COL(runs, settings)); *at; at += n + (at[n] == ' ')) {
        n = strcspn(at, " ");
        if (n < length || strncmp(at, word, length) != 0) continue;
        snprintf(value, size, "%.*s", (int)(n - length), at + length);
        return true;
    }
    return false;
}

void rb_choices_as_flags(const rb_row *run, rb_text *out) {
    const char *phase = rb_row_get_text(run, RB_COL(runs, phase));
    const char *provider = rb_row_get_text(run, RB_COL(runs, provider));
    const char *precision = rb_row_get_text(run, RB_COL(runs, precision));
    const rb_cell *threads = &run->cells[RB_COL(runs, threads)];
    char asked[64];
    bool word = true;
    /* Threads are a choice on the cpu alone: elsewhere the row counts the device's units. */
    if (threads->type == RB_CELL_INT && !strcmp(rb_row_get_text(run, RB_COL(runs, device_key)), "cpu"))
        rb_text_printf(out, " -t %lld", (long long)threads->u.i);
    /* "own onednn" is what the default took; one word is a choice that can be made. */
    for (const char *c = provider; *c; c++) word &= isalnum((unsigned char)*c) != 0;
    if (asked_for(run, "provider=", asked, sizeof asked))
        put_flag("--provider", asked, out);
    else if (word)
        put_flag("--provider", provider, out);
    if (asked_for(run, "fastest", asked, sizeof asked)) rb_text_append(out, " --fastest");
    if (strcmp(precision, "fp32") != 0) put_flag("--precision", precision, out);
    /* The only backend with a choice; its default needs no words. */
    const char *submit = rb_row_get_text(run, RB_COL(runs, submit));
    if (!strcmp(rb_row_get_text(run, RB_COL(runs, backend)), "cuda") && strcmp(submit, "graph") != 0)
        put_flag("--submit", submit, out);
    put_flag("--quirk", rb_row_get_text(run, RB_COL(runs, quirks)), out);
    if (!strcmp(phase, "inference") || !strcmp(phase, "largest-batch")) put_flag("--mode", phase, out);
}

/* The batch stands in a column of its own. */
static void put_overrides(const char *overrides, bool timed, rb_text *out) {
    rb_text kept = {0};
    for (const char *at = overrides; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        bool limit = !strncmp(at, "max-steps=", 10) || !memchr(at, '=', n);
        if (strncmp(at, "batch=", 6) != 0 && !(limit && timed))
            rb_text_printf(&kept, "%s%.*s", kept.length ? " " : "", (int)n, at);
        at += n;
    }
    rb_overrides_as_flags(rb_text_string(&kept), out);
    out->failed |= kept.failed;
    rb_text_free(&kept);
}

void rb_work_as_flags(const rb_row *run, const char *other, bool timed, rb_text *out) {
    const char *device = rb_row_get_text(run, RB_COL(runs, device_key));
    const rb_cell *batch = &run->cells[RB_COL(runs, batch_size)];
    bool two = *other && strcmp(device, other) != 0;
    rb_text devices = {0};
    rb_text_append(out, " ");
    rb_shell_quote(rb_row_get_text(run, RB_COL(runs, case)), out);
    rb_text_printf(&devices, "%s%s%s", device, two ? "," : "", two ? other : "");
    put_flag("-d", rb_text_string(&devices), out);
    if (batch->type == RB_CELL_INT) rb_text_printf(out, " -B %lld", (long long)batch->u.i);
    put_overrides(rb_row_get_text(run, RB_COL(runs, overrides)), timed, out);
    if (!two) rb_choices_as_flags(run, out);
    out->failed |= devices.failed;
    rb_text_free(&devices);
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
    bool run = !builds && !strcmp(rb_row_get_text(a->row, RB_COL(runs, phase)), "run");
    rb_text_append(out, builds ? "regbench compare" : run ? "regbench run" : "regbench bench");
    if (builds) put_flag("--build", x, out);
    if (builds) put_flag("--build", y, out);
    rb_work_as_flags(a->row, rb_row_get_text(b->row, RB_COL(runs, device_key)), !run, out);
    rb_text_printf(out, run ? " -s 1-%d" : " -r %d", repetitions);
}
