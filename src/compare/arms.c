/* arms.c: keys and labels of runs. */
#include "compare/arms.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "report/internal.h"
#include "report/others.h"

static const char *const words[RB_ACROSSES] = {"sessions", "builds", "device", "backend", "machine", "reg", "commit"};

const char *rb_across_word(rb_across across) { return words[across]; }

#define FOR(across) (1u << RB_ACROSS_##across)

/* One of the files is from before the column settings: its other columns have to do. */
#define UNTOLD (1u << RB_ACROSSES)
/* Across what may differ what was asked of a device; two builds are asked for the same. */
#define FOR_CHOICES (FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE) | FOR(BUILDS) | UNTOLD)

/* What must be equal in both arms, and across what it may differ. */
static const struct {
    int column;
    unsigned differs;
} stem[] = {{RB_COL(runs, case), 0},
            {RB_COL(runs, phase), 0},
            {RB_COL(runs, batch_size), 0},
            {RB_COL(runs, overrides), FOR(REG)},
            {RB_COL(runs, device_key), FOR(DEVICE) | FOR(BACKEND)},
            {RB_COL(runs, machine), FOR(MACHINE)}},
  base[] = {{RB_COL(runs, backend), FOR(DEVICE) | FOR(BACKEND)},
            {RB_COL(runs, device), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, provider), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, threads), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, isa), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, quirks), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, submit), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, algo), FOR(DEVICE) | FOR(BACKEND) | FOR(MACHINE)},
            {RB_COL(runs, commit), FOR(SESSIONS) | FOR(BUILDS) | FOR(MACHINE) | FOR(COMMIT)},
            {RB_COL(runs, dirty), FOR(SESSIONS) | FOR(BUILDS) | FOR(MACHINE) | FOR(COMMIT)},
            {RB_COL(runs, precision), 0},
            {RB_COL(runs, ranks), 0},
            {RB_COL(runs, n_train), 0},
            {RB_COL(runs, optimizer), 0}},
  work[] = {{RB_COL(runs, workload_hash), FOR(REG)}, {RB_COL(runs, schema_version), 0}};

const char *rb_run_kind(const rb_row *row) {
    const char *provider = rb_row_get_text(row, RB_COL(runs, provider));
    return !*provider ? "" : !strcmp(provider, "own") ? "same algorithm" : "vendor's best";
}

static rb_status make_key(const rb_row *row, unsigned differs, rb_entry *entry) {
    rb_text key = {0};
    for (size_t i = 0; i < sizeof stem / sizeof *stem; i++) {
        if (!(stem[i].differs & differs)) rb__csv_cell(&row->cells[stem[i].column], &key);
        rb_text_append(&key, "\n");
    }
    entry->stem = key.length;
    rb_text_append(&key, rb_run_kind(row));
    for (size_t i = 0; i < sizeof base / sizeof *base; i++) {
        rb_text_append(&key, "\n");
        if (!(base[i].differs & differs)) rb__csv_cell(&row->cells[base[i].column], &key);
    }
    rb_text_append(&key, "\n");
    if (!(FOR_CHOICES & differs)) rb_run_choices(row, &key);
    entry->base = key.length + 1; /* with the end of the line that comes next */
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) {
        rb_text_append(&key, "\n");
        if (!(work[i].differs & differs)) rb__csv_cell(&row->cells[work[i].column], &key);
    }
    entry->key = key.data;
    return rb_text_status(&key);
}

/* In what two runs differ, but for what `differs` allows: columns by name, with `values` also by value. */
static void tell(unsigned differs, const rb_row *a, const rb_row *b, bool values, rb_text *out) {
    enum { COLUMNS = sizeof base / sizeof *base };
    rb_text x = {0}, y = {0};
    size_t begin = out->length;
    for (size_t i = 0; i <= COLUMNS; i++) {
        bool choices = i == COLUMNS;
        if (values && !choices && base[i].column == RB_COL(runs, algo)) continue; /* may be chosen anew each time */
        rb_text_clear(&x);
        rb_text_clear(&y);
        if ((choices ? FOR_CHOICES : base[i].differs) & differs) continue;
        if (choices) {
            rb_run_choices(a, &x);
            rb_run_choices(b, &y);
        } else {
            rb__csv_cell(&a->cells[base[i].column], &x);
            rb__csv_cell(&b->cells[base[i].column], &y);
        }
        if (!strcmp(rb_text_string(&x), rb_text_string(&y))) continue;
        rb_text_printf(out, "%s%s", out->length > begin ? ", " : "",
                       choices ? "settings" : rb_column_name(RB_TABLE_runs, base[i].column));
        if (choices || values)
            rb_text_printf(out, " (%s and %s)", x.length ? x.data : "none", y.length ? y.data : "none");
    }
    out->failed |= x.failed | y.failed;
    rb_text_free(&x);
    rb_text_free(&y);
}

void rb_arms_tell_difference(const rb_arms *arms, const rb_row *a, const rb_row *b, rb_text *out) {
    size_t begin = out->length;
    tell(arms->differs, a, b, false, out);
    /* Where providers may differ, kinds may not. */
    if (out->length == begin && strcmp(rb_run_kind(a), rb_run_kind(b)) != 0) rb_text_append(out, "provider");
}

void rb_arms_tell_mixture(const rb_arms *arms, const rb_row *a, const rb_row *b, rb_text *out) {
    tell(arms->differs & UNTOLD, a, b, true, out);
}

static void make_label(const rb_row *row, rb_across across, const char *session, rb_text *out) {
    const char *key = rb_row_get_text(row, RB_COL(runs, device_key));
    switch (across) {
    case RB_ACROSS_BUILDS:
        rb_text_append(out, rb_row_get_text(row, RB_COL(runs, arm)));
        break;
    case RB_ACROSS_DEVICE:
        rb_text_append(out, key);
        break;
    case RB_ACROSS_BACKEND: /* "opencl:0": known also where the device never opened */
        rb_text_printf(out, "%.*s", (int)strcspn(key, ":"), key);
        break;
    case RB_ACROSS_MACHINE:
        rb_text_append(out, rb_row_get_text(row, RB_COL(runs, machine)));
        break;
    case RB_ACROSS_REG:
        rb_text_append(out, rb_row_get_text(row, RB_COL(runs, reg)));
        break;
    case RB_ACROSS_COMMIT:
        rb_text_append(out, rb_row_get_text(row, RB_COL(runs, commit)));
        if (row->cells[RB_COL(runs, dirty)].u.i) rb_text_append(out, "-dirty");
        break;
    case RB_ACROSS_SESSIONS:
    case RB_ACROSSES:
        rb_text_append(out, session);
        break;
    }
    if (!out->length) rb_text_append(out, across == RB_ACROSS_REG ? "none" : "unknown");
}

static rb_status find_arm(rb_arms *arms, const char *label, int *arm) {
    for (*arm = 0; *arm < arms->n_arms; ++*arm)
        if (!strcmp(arms->labels[*arm], label)) return RB_OK;
    char **labels = realloc(arms->labels, (size_t)(arms->n_arms + 1) * sizeof *labels);
    if (labels) arms->labels = labels;
    if (!labels || !(labels[arms->n_arms] = strdup(label))) return rb_fail(RB_MEMORY, "out of memory");
    arms->n_arms++;
    return RB_OK;
}

/* The oldest commit is A. Commits have no order of their own; when they were measured first has. */
static const char *first_start(const rb_arms *arms, int arm) {
    const char *first = NULL;
    for (int i = 0; i < arms->n; i++) {
        const char *start = rb_row_get_text(arms->entries[i].row, RB_COL(runs, started_utc));
        if (arms->entries[i].arm == arm && (!first || strcmp(start, first) < 0)) first = start;
    }
    return first ? first : "";
}

static void sort_commits(rb_arms *arms) {
    for (int i = 1; i < arms->n_arms; i++) /* a handful */
        for (int k = i; k > 0 && strcmp(first_start(arms, k), first_start(arms, k - 1)) < 0; k--) {
            char *label = arms->labels[k];
            arms->labels[k] = arms->labels[k - 1];
            arms->labels[k - 1] = label;
            for (int e = 0; e < arms->n; e++)
                if (arms->entries[e].arm == k || arms->entries[e].arm == k - 1)
                    arms->entries[e].arm = 2 * k - 1 - arms->entries[e].arm;
        }
}

/* A session has one machine, whose name its rows carry. */
static bool other_machine(const rb_runs *a, const rb_runs *b) {
    return a->n > 0 && b->n > 0 &&
           strcmp(rb_row_get_text(&a->rows[0], RB_COL(runs, machine)),
                  rb_row_get_text(&b->rows[0], RB_COL(runs, machine))) != 0;
}

static int by_key(const void *a, const void *b) {
    const rb_entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : x->at - y->at;
}

/* Sessions are A and B even where they are the same one, or one of them is empty. */
static rb_status name_sessions(const rb_runs *const *sessions, int n, rb_arms *out) {
    rb_status status = RB_OK;
    out->labels = calloc((size_t)n, sizeof *out->labels);
    if (!out->labels) return rb_fail(RB_MEMORY, "out of memory");
    for (int s = 0; s < n; s++) {
        out->labels[s] = strdup(sessions[s]->path);
        if (!out->labels[s]) return rb_fail(RB_MEMORY, "out of memory");
        out->n_arms++;
    }
    return status;
}

rb_status rb_arms_of(const rb_runs *const *sessions, int n, rb_across across, rb_arms *out) {
    rb_status status = RB_OK;
    rb_text label = {0};
    int rows = 0;
    memset(out, 0, sizeof *out);
    out->across = across;
    for (int s = 0; s < n; s++) rows += sessions[s]->n;
    out->entries = calloc((size_t)rows + 1, sizeof *out->entries);
    if (!out->entries) return rb_fail(RB_MEMORY, "out of memory for %d runs", rows);
    if (across == RB_ACROSS_SESSIONS) {
        RB_TRY(name_sessions(sessions, n, out));
        out->machines = n == 2 && other_machine(sessions[0], sessions[1]);
    }
    if (across == RB_ACROSS_MACHINE) out->machines = true;
    out->differs = 1u << across | (out->machines ? FOR(MACHINE) : 0);
    for (int s = 0; s < n; s++) out->differs |= sessions[s]->no_settings ? UNTOLD : 0;
    for (int s = 0; s < n; s++)
        for (int i = 0; i < sessions[s]->n; i++) {
            if (rb_run_is_peer(&sessions[s]->rows[i])) continue;
            rb_entry *e = &out->entries[out->n++];
            e->row = &sessions[s]->rows[i];
            e->at = out->n;
            e->arm = s;
            e->others = sessions[s]->others ? sessions[s]->others[i] : rb_others_cores(&sessions[s]->ratios, e->row);
            RB_TRY(make_key(e->row, out->differs, e));
            if (across == RB_ACROSS_SESSIONS) continue;
            rb_text_clear(&label);
            make_label(e->row, across, sessions[s]->path, &label);
            RB_TRY(rb_text_status(&label));
            RB_TRY(find_arm(out, label.data, &e->arm));
        }
    if (out->n_arms < 2) {
        status =
            rb_fail(RB_MISMATCH, "nothing to compare across %s: %s%s", words[across],
                    out->n_arms ? "all runs have the same, " : "there are no runs", out->n_arms ? out->labels[0] : "");
        goto cleanup;
    }
    if (across == RB_ACROSS_COMMIT) sort_commits(out);
    qsort(out->entries, (size_t)out->n, sizeof *out->entries, by_key);
cleanup:
    rb_text_free(&label);
    if (status != RB_OK) rb_arms_free(out);
    return status;
}

void rb_arms_free(rb_arms *arms) {
    for (int i = 0; i < arms->n; i++) free(arms->entries[i].key);
    for (int i = 0; i < arms->n_arms; i++) free(arms->labels[i]);
    free(arms->entries);
    free(arms->labels);
    memset(arms, 0, sizeof *arms);
}
