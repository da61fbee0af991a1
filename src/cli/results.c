/* results.c: the verb `results`: sets of results that are passed on are checked, sealed, and made into tables. */
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"
#include "published/published.h"

static bool is_document(const char *name) {
    size_t n = strlen(name);
    return n > 3 && !strcmp(name + n - 3, ".md");
}

/* What stands on the command line: folders, and documents. */
static rb_status read_named(const rb_options *o, rb_published *out) {
    const char *const standard[] = {"results/published"};
    rb_status status = RB_OK;
    int n = 0;
    const char **folders = calloc((size_t)o->names.n + 1, sizeof *folders);
    if (!folders) return rb_fail(RB_MEMORY, "out of memory for %d names", o->names.n);
    for (int i = 0; i < o->names.n; i++)
        if (!is_document(o->names.at[i])) folders[n++] = o->names.at[i];
    status = rb_published_read(n ? folders : standard, n ? n : 1, out);
    free(folders);
    return status;
}

/* --- check and seal -------------------------------------------------------------------------------------------------
 */

static rb_status print_findings(const rb_options *o, const rb_findings *f) {
    static const int columns[] = {RB_COL(result_findings, set_name), RB_COL(result_findings, file),
                                  RB_COL(result_findings, line),     RB_COL(result_findings, severity),
                                  RB_COL(result_findings, kind),     RB_COL(result_findings, found)};
    return rb_print_table(RB_TABLE_result_findings, rb_output_format(o), f->rows, f->n, columns,
                          sizeof columns / sizeof *columns);
}

static rb_status check_sets(const rb_options *o, const rb_published *p, bool sealed) {
    rb_status status = RB_OK;
    rb_findings f = {0};
    for (int s = 0; s < p->n; s++) RB_TRY(rb_published_check(&p->sets[s], sealed, &f));
    RB_TRY(print_findings(o, &f));
    rb_log(f.bad ? RB_LOG_WARN : RB_LOG_INFO, "%d set%s, %d finding%s, %d of them bad", p->n, p->n == 1 ? "" : "s", f.n,
           f.n == 1 ? "" : "s", f.bad);
    if (f.bad)
        status = rb_fail(RB_INPUT, "%d finding%s in %s", f.bad, f.bad == 1 ? "" : "s",
                         p->n == 1 ? p->sets[0].path : "these sets of results");
cleanup:
    rb_findings_free(&f);
    return status;
}

static rb_status seal(const rb_options *o) {
    rb_status status = RB_OK;
    rb_published p = {0};
    if (o->names.n == 0) return rb_fail(RB_USAGE, "which set? `regbench results --seal results/published/SET`");
    for (int i = 0; i < o->names.n; i++) {
        RB_TRY(rb_published_read_set(o->names.at[i], &p));
        RB_TRY(check_sets(o, &p, false));
        RB_TRY(rb_published_seal(&p.sets[0]));
        rb_log(RB_LOG_INFO, "wrote %s/SHA256SUMS", p.sets[0].path);
        rb_published_free(&p);
    }
cleanup:
    rb_published_free(&p);
    return status;
}

/* --- tables ---------------------------------------------------------------------------------------------------------
 */

static rb_status print_table(const rb_options *o, const rb_published *p) {
    rb_status status = RB_OK;
    rb_published_choice choice = {.cases = rb_value(o, RB_FLAG_CASE)};
    rb_row *rows = NULL;
    int n = 0;
    rb_text text = {0};
    rb_format format = rb_output_format(o);
    rb_table table;
    const char *name = rb_value(o, RB_FLAG_TABLE);
    RB_TRY(rb_published_table(p, name, &choice, &rows, &n, &table));
    if (n == 0) rb_log(RB_LOG_WARN, "no row: nothing of this is published, or --case chose none");
    if (format == RB_FORMAT_MD) {
        RB_TRY(rb_published_markdown(p, name, rows, n, "", &text));
        status = rb_print_text(text.data);
    } else
        status = rb_print_table(table, format, rows, n, NULL, 0);
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    rb_text_free(&text);
    return status;
}

static rb_status documents(const rb_options *o, const rb_published *p, bool write) {
    rb_status status = RB_OK;
    int n = 0, old = 0;
    for (int i = 0; i < o->names.n; i++) {
        bool changed;
        if (!is_document(o->names.at[i])) continue;
        n++;
        RB_TRY(rb_published_document(p, o->names.at[i], write, &changed));
        old += changed;
        rb_log(RB_LOG_INFO, "%s %s", o->names.at[i],
               !changed ? "is current"
               : write  ? "was made anew"
                        : "differs from what --update makes");
    }
    if (n == 0)
        status = rb_fail(RB_USAGE, "which files? `regbench results --update README.md results/README.md`");
    else if (old && !write)
        status =
            rb_fail(RB_INPUT, "%d of %d file%s not current: `regbench results --update` with the same names mends that",
                    old, n, n == 1 ? "" : "s");
cleanup:
    return status;
}

rb_status rb_verb_results(const rb_options *o) {
    rb_status status = RB_OK;
    rb_published p = {0};
    bool table = rb_given(o, RB_FLAG_TABLE), update = rb_given(o, RB_FLAG_UPDATE), check = rb_given(o, RB_FLAG_CHECK);
    bool sealing = rb_given(o, RB_FLAG_SEAL);
    if (table + update + check + sealing > 1)
        return rb_fail(RB_USAGE, "--table, --update, --check and --seal are asked for one at a time");
    if (rb_given(o, RB_FLAG_CASE) && !table) return rb_fail(RB_USAGE, "--case belongs to --table");
    for (int i = 0; i < o->names.n && !update && !check; i++)
        if (is_document(o->names.at[i]))
            return rb_fail(RB_USAGE, "%s: --update or --check? Without them `regbench results` takes folders",
                           o->names.at[i]);
    if (sealing) return seal(o);
    RB_TRY(read_named(o, &p));
    if (table)
        status = print_table(o, &p);
    else if (update || check)
        status = documents(o, &p, update);
    else
        status = check_sets(o, &p, true);
cleanup:
    rb_published_free(&p);
    return status;
}
