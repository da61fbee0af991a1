/* check.c: does a set of results hold: its files, their schema, what README.md claims. Rows are looked at in
 * plausible.c and consistent.c, checksums in seal.c. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"
#include "report/choices.h"

static const char *const admitted[] = {[RB_ADMIT_DIRTY] = "dirty",
                                       [RB_ADMIT_HISTORICAL] = "historical",
                                       [RB_ADMIT_DISTURBED] = "disturbed",
                                       [RB_ADMIT_UNVERIFIED] = "unverified",
                                       [RB_ADMIT_FAILED] = "failed"};

/* Whether the line "Admits: a, b" has the word. */
static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " ,"), at += strspn(at, " ,"))
        if (strncmp(at, word, length) == 0 && strchr(" ,.", at[length])) return true;
    return false;
}

/* "admitted" or "bad"; NULL: out of memory. */
static const char *severity_of(const rb_published_set *set, const char *file, rb_finding_kind kind) {
    if (kind == RB_BAD) return "bad";
    if (kind == RB_NOTE) return "note";
    char *line = rb_published_line(set, file ? file : "", "Admits");
    if (!line) return NULL;
    bool said = has_word(line, admitted[kind]);
    free(line);
    return said ? "admitted" : "bad";
}

rb_status rb_finding(rb_findings *f, const rb_published_set *set, const char *file, int line, rb_finding_kind kind,
                     const char *check, const char *fmt, ...) {
    char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *severity = severity_of(set, file, kind);
    rb__list list = {f->rows, f->n, f->capacity};
    rb_row *row = severity ? rb__list_next(&list, RB_TABLE_result_findings) : NULL;
    if (!row) return rb_fail(RB_MEMORY, "out of memory for what was found in %s", set->path);
    f->rows = list.rows;
    f->n = list.n;
    f->capacity = list.capacity;
    rb_row_text(row, RB_COL(result_findings, set_name), set->name);
    rb_row_text(row, RB_COL(result_findings, file), file);
    if (line) rb_row_int(row, RB_COL(result_findings, line), line);
    rb_row_text(row, RB_COL(result_findings, severity), severity);
    rb_row_text(row, RB_COL(result_findings, kind), kind > RB_NOTE ? admitted[kind] : check);
    rb_row_text(row, RB_COL(result_findings, found), text);
    f->bad += !strcmp(severity, "bad");
    return RB_OK;
}

void rb_findings_free(rb_findings *f) {
    for (int i = 0; i < f->n; i++) rb_row_end(&f->rows[i]);
    free(f->rows);
    memset(f, 0, sizeof *f);
}

/* --- what README.md claims ------------------------------------------------------------------------------------------
 */

/* "seeds 5": the number behind the word; 0 where there is none. */
static int claimed(const char *line, const char *word) {
    const char *at = strstr(line, word);
    return at ? atoi(at + strlen(word)) : 0;
}

static bool ended_well(const rb_row *row) {
    const char *status = rb__cell(row, RB_COL(runs, status));
    return !strcmp(status, "ok") || !strcmp(status, "unexpected");
}

/* Five processes of one way of working and five of another are not ten of anything; what failed early does not say. */
static bool same_way(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, precision), RB_COL(runs, provider), RB_COL(runs, threads),
                                  RB_COL(runs, submit), RB_COL(runs, quirks)};
    return !ended_well(a) || !ended_well(b) ||
           (rb_row_same(a, b, columns, sizeof columns / sizeof *columns) && rb_run_same_choices(a, b));
}

static bool same_item(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case),    RB_COL(runs, overrides),  RB_COL(runs, device_key),
                                  RB_COL(runs, backend), RB_COL(runs, batch_size), RB_COL(runs, phase),
                                  RB_COL(runs, machine)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns) && same_way(a, b);
}

/* Seeds or processes of row i's item; 0 where an earlier row stands for it. */
static int count_item(const rb_published_file *file, int i, bool seeds) {
    int n = 0;
    for (int k = 0; k < i; k++)
        if (same_item(&file->rows[k], &file->rows[i])) return 0;
    for (int k = i; k < file->n; k++) {
        bool seen = false;
        if (!same_item(&file->rows[k], &file->rows[i]) || !ended_well(&file->rows[k])) continue;
        for (int j = i; j < k && seeds && !seen; j++)
            seen = same_item(&file->rows[j], &file->rows[k]) && ended_well(&file->rows[j]) &&
                   rb__same(&file->rows[j], &file->rows[k], RB_COL(runs, seed));
        n += !seen;
    }
    return n;
}

static rb_status check_claims(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    char *line = rb_published_line(set, file->name, "Claims");
    if (!line) return rb_fail(RB_MEMORY, "out of memory for the claims of %s", set->path);
    int seeds = claimed(line, "seeds"), processes = claimed(line, "processes");
    for (int i = 0; i < file->n; i++) {
        const rb_row *row = &file->rows[i];
        const char *phase = rb__cell(row, RB_COL(runs, phase));
        bool run = !strcmp(phase, "run"), bench = !strcmp(phase, "bench") || !strcmp(phase, "inference");
        int wanted = run ? seeds : bench ? processes : 0, n = wanted ? count_item(file, i, run) : 0;
        bool first = wanted > 0;
        for (int k = 0; k < i && first; k++) first = !same_item(&file->rows[k], row);
        if (first && n < wanted)
            RB_TRY(rb_finding(f, set, file->name, i + 2, RB_BAD, "claims", "%s%s%s on %s: %d %s, README.md claims %d",
                              rb__cell(row, RB_COL(runs, case)), *rb__cell(row, RB_COL(runs, overrides)) ? " " : "",
                              rb__cell(row, RB_COL(runs, overrides)), rb__cell(row, RB_COL(runs, device_key)), n,
                              run ? "seeds" : "processes", wanted));
    }
cleanup:
    free(line);
    return status;
}

/* --- files ----------------------------------------------------------------------------------------------------------
 */

static bool ends(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end) && (n == m || name[n - m - 1] == '/' || end[0] == '.');
}

static rb_status check_peaks(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    for (int i = 0; i < file->n; i++) {
        if (rb__number(&file->rows[i], RB_COL(peaks, drifted)) == 1)
            RB_TRY(rb_finding(f, set, file->name, i + 2, RB_ADMIT_DISTURBED, "", "the peak of %s drifted by %.1f %%",
                              rb__cell(&file->rows[i], RB_COL(peaks, device_key)),
                              rb__number(&file->rows[i], RB_COL(peaks, drift_pct))));
        if (!(rb__number(&file->rows[i], RB_COL(peaks, fma_gflop_per_s)) > 0))
            RB_TRY(rb_finding(f, set, file->name, i + 2, RB_BAD, "plausible", "fma_gflop_per_s is not above 0"));
    }
cleanup:
    return status;
}

/* Names that are nobody's business may be in there; whoever sends it in decides. */
static rb_status check_env(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    for (int i = 0; i < file->n; i++) {
        const char *name = rb__cell(&file->rows[i], RB_COL(env, name)),
                   *value = rb__cell(&file->rows[i], RB_COL(env, value));
        bool alias = !strncmp(value, "machine", 7); /* what `export --redact` puts in the place of a name */
        if ((!strcmp(name, "host") && !alias) || strstr(value, "/home/"))
            RB_TRY(rb_finding(f, set, file->name, i + 2, RB_NOTE, "private",
                              "fact %s tells \"%.80s\"; take it out if that is nobody's business", name, value));
    }
cleanup:
    return status;
}

static rb_status check_file(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    if (file->trouble) return rb_finding(f, set, file->name, 0, RB_BAD, "schema", "%s", file->trouble);
    if (ends(file->name, "ratios.csv")) return rb_check_ratios(set, file, f);
    if (file->table == RB_TABLES && ends(file->name, ".csv"))
        return rb_finding(f, set, file->name, 0, RB_NOTE, "schema",
                          "no table of regbench: only its checksum is looked at (`regbench columns` lists the tables)");
    if (file->table == RB_TABLE_runs) {
        RB_TRY(rb_check_runs(set, file, f));
        RB_TRY(check_claims(set, file, f));
    } else if (file->table == RB_TABLE_epochs)
        status = rb_check_epochs(set, file, f);
    else if (file->table == RB_TABLE_peaks)
        status = check_peaks(set, file, f);
    else if (file->table == RB_TABLE_env)
        status = check_env(set, file, f);
cleanup:
    return status;
}

rb_status rb_published_check(const rb_published_set *set, bool sealed, rb_findings *f) {
    rb_status status = RB_OK;
    if (!*set->readme)
        RB_TRY(rb_finding(f, set, NULL, 0, RB_BAD, "readme", "there is no README.md that says how the set was made"));
    if (sealed) RB_TRY(rb_check_sums(set, f));
    for (int i = 0; i < set->n; i++) RB_TRY(check_file(set, &set->files[i], f));
cleanup:
    return status;
}
