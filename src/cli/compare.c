/* compare.c: the verb `compare`: two recorded sessions, groups inside of sessions, or two builds measured by turns. */
#include "compare/pair.h"

#include <stdlib.h>
#include <string.h>

#include "cli/builds.h"
#include "cli/flag_table.h"
#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"

static rb_gate gate_of(const rb_options *o) {
    const char *word = rb_value(o, RB_FLAG_GATE);
    return !word ? RB_GATE_NONE : !strcmp(word, "slower") ? RB_GATE_SLOWER : RB_GATE_UNCLEAR;
}

/* What bench takes says how to measure; recorded sessions are measured already. REGBENCH_* set for other verbs are
 * nobody's wish here. */
static rb_status refuse_bench_flags(const rb_options *o) {
    for (int f = 0; f < RB_FLAGS; f++) {
        char name[64];
        rb__flag_variable((rb_flag)f, name);
        bool of_bench = (rb__flags[f].verbs & (1u << RB_VERB_bench)) && f != RB_FLAG_OUTPUT && f != RB_FLAG_VERBOSE &&
                        f != RB_FLAG_QUIET && f != RB_FLAG_HELP;
        if (of_bench && rb_given(o, (rb_flag)f) && !getenv(name))
            return rb_fail(RB_USAGE, "--%s says how to measure: it belongs to `compare --build X --build Y CASE..`",
                           rb_flag_name((rb_flag)f));
    }
    return RB_OK;
}

static rb_status check_builds(const rb_options *o) {
    if (o->flag[RB_FLAG_BUILD].n != 2)
        return rb_fail(RB_USAGE, "--build is given twice: the build A and the build B, which may be the same");
    if (rb_given(o, RB_FLAG_ACROSS)) return rb_fail(RB_USAGE, "--across compares recorded sessions: leave out --build");
    if (o->names.n == 0) return rb_fail(RB_USAGE, "no case given: `regbench compare --build X --build Y CASE..`");
    if (rb_given(o, RB_FLAG_DRY_RUN) || rb_given(o, RB_FLAG_PROFILE))
        return rb_fail(RB_USAGE, "`regbench compare` takes neither --dry-run nor --profile");
    return RB_OK;
}

static bool has_arms(const rb_runs *runs) {
    for (int i = 0; i < runs->n; i++)
        if (*rb_row_get_text(&runs->rows[i], RB_COL(runs, arm))) return true;
    return false;
}

/* In what the arms of the sessions differ, as the command line says; or, of a single session, the session itself. */
static rb_status find_across(const rb_options *o, const rb_runs *sessions, int n, rb_across *across) {
    const char *word = rb_value(o, RB_FLAG_ACROSS);
    *across = RB_ACROSS_SESSIONS;
    if (word) {
        for (int a = 0; a < RB_ACROSSES; a++)
            if (!strcmp(word, rb_across_word((rb_across)a))) *across = (rb_across)a;
        return RB_OK;
    }
    if (n == 1 && has_arms(&sessions[0])) {
        *across = RB_ACROSS_BUILDS;
        return RB_OK;
    }
    if (n == 2) return RB_OK;
    return rb_fail(RB_USAGE, "`regbench compare` takes two sessions A and B%s; `regbench compare --help`",
                   n == 1 ? ", or one with --across device|backend|machine|reg|commit" : "");
}

/* --- output ---------------------------------------------------------------------------------------------------------
 */

/* Rows of one kind under a heading: numbers of libraries say something else than our own code's. */
static rb_status print_kind(const rb_compared *c, const char *kind, const int *columns, int n_columns) {
    int from = 0, to;
    while (from < c->n && strcmp(rb_row_get_text(&c->rows[from], RB_COL(compare, kind)), kind) != 0) from++;
    for (to = from; to < c->n && !strcmp(rb_row_get_text(&c->rows[to], RB_COL(compare, kind)), kind);) to++;
    if (from == to) return RB_OK;
    if (*kind) {
        rb_status status = rb_print_text(!strcmp(kind, "vendor's best") ? "\nVendor's best (a library's kernels):\n\n"
                                                                        : "\nSame algorithm (own kernels):\n\n");
        if (status != RB_OK) return status;
    } else {
        rb_status status = rb_print_text("\n");
        if (status != RB_OK) return status;
    }
    return rb_print_table(RB_TABLE_compare, RB_FORMAT_MD, c->rows + from, to - from, columns, n_columns);
}

/* What people get: the arms once above the table where they are the same in every row, commands below it. */
static rb_status print_md(const rb_compared *c, rb_across across) {
    static const char *const kinds[] = {"same algorithm", "vendor's best", ""};
    static const int columns[] = {
        RB_COL(compare, case),      RB_COL(compare, device_key), RB_COL(compare, batch_size),
        RB_COL(compare, overrides), RB_COL(compare, arm_a),      RB_COL(compare, arm_b),
        RB_COL(compare, n_a),       RB_COL(compare, n_b),        RB_COL(compare, samples_per_s_a),
        RB_COL(compare, ratio),     RB_COL(compare, ratio_low),  RB_COL(compare, ratio_high),
        RB_COL(compare, q_value),   RB_COL(compare, verdict),    RB_COL(compare, reason)};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    rb_status status = RB_OK;
    rb_text text = {0};
    int shown[COLUMNS], n = 0;
    bool named = across == RB_ACROSS_SESSIONS || across == RB_ACROSS_BUILDS;
    for (int i = 0; i < COLUMNS; i++)
        if (!named || (columns[i] != RB_COL(compare, arm_a) && columns[i] != RB_COL(compare, arm_b)))
            shown[n++] = columns[i];
    const char *a = "", *b = "";
    for (int i = 0; i < c->n; i++) {
        if (*rb_row_get_text(&c->rows[i], RB_COL(compare, arm_a)))
            a = rb_row_get_text(&c->rows[i], RB_COL(compare, arm_a));
        if (*rb_row_get_text(&c->rows[i], RB_COL(compare, arm_b)))
            b = rb_row_get_text(&c->rows[i], RB_COL(compare, arm_b));
    }
    if (across == RB_ACROSS_BUILDS) rb_text_printf(&text, "%s\n%s\n", a, b);
    if (across == RB_ACROSS_SESSIONS) rb_text_printf(&text, "A: %s\nB: %s\n", a, b);
    rb_text_append(&text, "ratio: how many times faster B is than A, with its 95 % interval\n");
    RB_TRY(rb_print_text(rb_text_string(&text)));
    for (int k = 0; k < 3; k++) RB_TRY(print_kind(c, kinds[k], shown, n));
    rb_text_clear(&text);
    for (int i = 0; i < c->n; i++) {
        const char *more = rb_row_get_text(&c->rows[i], RB_COL(compare, more));
        if (*more) rb_text_printf(&text, "%s    %s\n", text.length ? "" : "\nMore data for what is unclear:\n", more);
    }
    RB_TRY(rb_text_status(&text));
    if (text.length) RB_TRY(rb_print_text(text.data));
cleanup:
    rb_text_free(&text);
    return status;
}

static rb_status report(const rb_options *o, const rb_runs *sessions, int n, rb_across across) {
    rb_status status = RB_OK;
    rb_compared compared = {0};
    rb_gate gate = gate_of(o);
    const rb_runs **list = malloc(((size_t)n + 1) * sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory");
    for (int i = 0; i < n; i++) list[i] = &sessions[i];
    RB_TRY(rb_compare_runs(list, n, across, gate, &compared));
    RB_TRY(rb_output_format(o) == RB_FORMAT_MD
               ? print_md(&compared, across)
               : rb_print_table(RB_TABLE_compare, rb_output_format(o), compared.rows, compared.n, NULL, 0));
    rb_log(RB_LOG_INFO, "%d judged: %d faster, %d slower, %d unclear; %d with a ratio alone; %d not compared",
           compared.judged, compared.faster, compared.slower, compared.unclear, compared.ratios, compared.apart);
    status = rb_compared_verdict(&compared, gate);
cleanup:
    rb_compared_free(&compared);
    free(list);
    return status;
}

rb_status rb_verb_compare(const rb_options *o) {
    rb_status status = RB_OK;
    rb_across across = RB_ACROSS_BUILDS;
    int n = 0;
    rb_runs *sessions = calloc((size_t)o->names.n + 1, sizeof *sessions);
    if (!sessions) return rb_fail(RB_MEMORY, "out of memory");
    if (rb_given(o, RB_FLAG_BUILD)) {
        RB_TRY(check_builds(o));
        RB_TRY(rb_builds_measure(o, &sessions[0]));
        n = 1;
    } else {
        RB_TRY(refuse_bench_flags(o));
        for (; n < o->names.n; n++) RB_TRY(rb_runs_read(o->names.at[n], &sessions[n]));
        RB_TRY(find_across(o, sessions, n, &across));
    }
    status = report(o, sessions, n, across);
cleanup:
    for (int i = 0; i < n; i++) rb_runs_free(&sessions[i]);
    free(sessions);
    return status;
}
