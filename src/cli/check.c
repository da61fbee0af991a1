/* check.c: the verb `check`: does every device compute what the reference computes? */
#include "regbench/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/matrix.h"
#include "cli/place.h"
#include "cli/verb.h"
#include "core/log.h"

/* A whole-model check runs this many steps on this many samples, and only where the plain loops of the reference do it
 * in a few seconds. */
enum { STEPS = 20, SAMPLES = 8 };
static const double most_mflop_per_sample = 20;

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

typedef struct check_work {
    const rb_options *o;
    const rb_item *item;
    enum { OPS, SHAPES, CASE } what; /* op by op; the same shapes as whole steps; the item's case */
} check_work;

static const char *subject(const check_work *w) {
    return w->what == OPS ? "ops" : w->what == SHAPES ? "shapes as whole steps" : w->item->edit->c.name;
}

static void begin_row(rb_row *row, const check_work *w) {
    rb_row_begin(row, RB_TABLE_checks);
    rb_row_text(row, RB_COL(checks, device_key), w->item->device);
    rb_row_text(row, RB_COL(checks, what), subject(w));
    if (w->what == CASE) rb_row_int(row, RB_COL(checks, seed), w->item->seed);
}

/* The verdict of a check that was made; `status` is RB_OK or RB_VERIFY with its failure pending. */
static rb_status send_verdict(const check_work *w, FILE *to, int checked, int failed, double err, rb_status status) {
    rb_row row;
    begin_row(&row, w);
    rb_row_int(&row, RB_COL(checks, checked), checked);
    rb_row_int(&row, RB_COL(checks, failed), failed);
    rb_row_real(&row, RB_COL(checks, max_rel_err), err);
    rb_row_text(&row, RB_COL(checks, verdict), status == RB_OK ? "agrees" : "DISAGREES");
    if (status != RB_OK && rb_error_last()) rb_row_text(&row, RB_COL(checks, reason), rb_error_last()->text);
    rb_status sent = rb_send_row(to, &row);
    rb_row_end(&row);
    return status != RB_OK ? status : sent;
}

static rb_status check_shapes(const check_work *w, rb_place *p, FILE *to) {
    rb_status status = RB_OK;
    int checked = 0, failed = 0;
    double err = NAN;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return rb_fail(RB_MEMORY, "out of memory for a report");
    if (w->what == OPS)
        status = rb_check_ops(p->id.backend, p->device, NULL, memory, &checked, &failed);
    else
        status = rb_check_steps(p->id.backend, p->device, NULL, memory, &checked, &failed, &err);
    fclose(memory);
    /* The lines of single ops matter when something is wrong; else they are for the curious. */
    if (failed > 0 || status != RB_OK || rb_log_threshold >= RB_LOG_DEBUG) fputs(text, stderr);
    free(text);
    if (status != RB_OK && status != RB_VERIFY) return status;
    if (failed > 0 && status == RB_OK)
        status = w->what == OPS
                     ? rb_fail(RB_VERIFY, "%d of %d ops disagree with the reference", failed, checked)
                     : rb_fail(RB_VERIFY, "%d tensors disagree with the reference in %d steps", failed, checked);
    return send_verdict(w, to, checked, failed, err, status);
}

static rb_status check_case(const check_work *w, rb_place *p, FILE *to) {
    const rb_case *c = &w->item->edit->c;
    double err = NAN;
    rb_status status =
        rb_place_compare(p, w->o, c, (uint64_t)w->item->seed, STEPS, c->batch < SAMPLES ? c->batch : SAMPLES, &err);
    if (status != RB_OK && status != RB_VERIFY) return status;
    return send_verdict(w, to, STEPS, status != RB_OK, err, status);
}

static rb_status work(void *context, FILE *to) {
    const check_work *w = context;
    rb_status status = RB_OK;
    rb_place place = {0};
    rb_row row;
    rb_row_begin(&row, RB_TABLE_runs);
    if (w->what != CASE) {
        RB_TRY(rb_place_device(&place, w->o, w->item->device, &row));
        RB_TRY(check_shapes(w, &place, to));
    } else {
        RB_TRY(rb_place_open(&place, w->o, w->item, &row));
        RB_TRY(check_case(w, &place, to));
    }
cleanup:
    rb_place_close(&place);
    rb_row_end(&row);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

typedef struct report {
    rb_row *rows;
    int n, agreed, skipped, failed;
    rb_status verdict;
} report;

static rb_status keep_row(void *context, const rb_row *row) {
    report *r = context;
    rb_row *rows = realloc(r->rows, (size_t)(r->n + 1) * sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for the rows of a check");
    r->rows = rows;
    rb_row_copy(row, &r->rows[r->n++]);
    return RB_OK;
}

/* Which status decides: disagreement before crash before what could not be checked. */
static rb_status worse(rb_status a, rb_status b) {
    if (a == RB_VERIFY || b == RB_OK) return a;
    if (b == RB_VERIFY || a == RB_OK) return b;
    return rb_status_exit_code(a) == 4 ? a : b;
}

/* What could not be checked says nothing about the device: it is skipped, and an error only where it was asked for by
 * name. */
static rb_status check_one(const check_work *w, report *r) {
    rb_status status = RB_OK;
    rb_child_end end;
    rb_row row;
    const rb_options *o = w->o;
    rb_child_hooks hooks = {.context = r, .row = keep_row};
    const char *what = subject(w), *device = w->item->device;
    bool named = o->names.n > 0 && w->what == CASE;
    begin_row(&row, w);
    RB_TRY(rb_child_run(work, (void *)(uintptr_t)w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 0), &end));
    bool skipped = end.status == RB_MISSING || end.status == RB_UNSUPPORTED;
    if (end.status == RB_OK) {
        r->agreed++;
        rb_log(RB_LOG_INFO, "%s on %s: agrees (%.1f s)", what, device, end.seconds);
        goto cleanup;
    }
    if (skipped)
        r->skipped++;
    else
        r->failed++;
    if (end.status != RB_VERIFY) { /* no row came from the child */
        rb_row_text(&row, RB_COL(checks, verdict), skipped ? "skipped" : rb_status_word(end.status));
        rb_row_text(&row, RB_COL(checks, reason), end.text);
        RB_TRY(keep_row(r, &row));
    }
    rb_log(!skipped ? RB_LOG_ERROR
           : named  ? RB_LOG_WARN
                    : RB_LOG_INFO,
           "%s on %s: %s%s", what, device, skipped ? "skipped: " : "", end.text);
    if (!skipped || named) r->verdict = worse(r->verdict, end.status);
cleanup:
    rb_row_end(&row);
    return status;
}

/* Cases to try: those named, else each model once, without those that are too much work for plain loops. */
static rb_status choose(const rb_options *o, rb_matrix *out) {
    rb_status status = RB_OK;
    rb_layout layout = rb_layout_canonical();
    rb_case_list all = {0}, chosen = {0};
    rb_program *program = NULL;
    RB_TRY(rb_cases_match(o, true, &all));
    chosen.at = calloc((size_t)(all.n > 0 ? all.n : 1), sizeof *chosen.at);
    if (!chosen.at) {
        status = rb_fail(RB_MEMORY, "out of memory for %d cases", all.n);
        goto cleanup;
    }
    for (int i = 0; i < all.n; i++) {
        bool take = o->names.n > 0;
        if (!take) {
            bool seen = false;
            for (int k = 0; k < i; k++) seen |= all.at[k]->layers == all.at[i]->layers;
            RB_TRY(rb_case_compile(all.at[i], &layout, &program));
            take = !seen && rb_program_mflop_per_sample(program) <= most_mflop_per_sample;
            if (!seen && !take)
                rb_log(RB_LOG_INFO, "%s: left out, much work for the reference; name it to check it", all.at[i]->name);
            rb_program_free(program);
            program = NULL;
        }
        if (take) chosen.at[chosen.n++] = all.at[i];
    }
    RB_TRY(rb_matrix_edits(o, &chosen, out));
cleanup:
    rb_cases_free(&all);
    rb_cases_free(&chosen);
    return status;
}

static rb_status check_device(const rb_options *o, const rb_matrix *m, const char *device, report *r) {
    rb_status status = RB_OK;
    const rb_words *seeds = &o->flag[RB_FLAG_SEED];
    rb_item item = {.device = device, .seed = 2021};
    RB_TRY(check_one(&(check_work){.o = o, .item = &item, .what = OPS}, r));
    RB_TRY(check_one(&(check_work){.o = o, .item = &item, .what = SHAPES}, r));
    for (int i = 0; i < m->n_edits; i++)
        for (int s = 0; s < (seeds->n ? seeds->n : 1) && rb_interrupts == 0; s++) {
            item.edit = &m->edits[i];
            if (seeds->n) item.seed = strtoll(seeds->at[s], NULL, 10);
            RB_TRY(check_one(&(check_work){.o = o, .item = &item, .what = CASE}, r));
        }
cleanup:
    return status;
}

rb_status rb_verb_check(const rb_options *o) {
    static const int columns[] = {RB_COL(checks, device_key), RB_COL(checks, what),       RB_COL(checks, seed),
                                  RB_COL(checks, checked),    RB_COL(checks, failed),     RB_COL(checks, verdict),
                                  RB_COL(checks, reason),     RB_COL(checks, max_rel_err)};
    rb_status status = RB_OK;
    rb_matrix matrix = {0};
    rb_words devices = {0};
    report r = {.verdict = RB_OK};
    RB_TRY(choose(o, &matrix));
    RB_TRY(rb_devices_chosen(o, &devices));
    for (int d = 0; d < devices.n && rb_interrupts == 0; d++) RB_TRY(check_device(o, &matrix, devices.at[d], &r));
    RB_TRY(
        rb_print_table(RB_TABLE_checks, rb_output_format(o), r.rows, r.n, columns, sizeof columns / sizeof *columns));
    if (rb_interrupts > 0) r.verdict = RB_INTERRUPTED;
    rb_log(r.verdict == RB_OK ? RB_LOG_INFO : RB_LOG_WARN, "%s%d agreed, %d skipped, %d failed",
           r.verdict == RB_INTERRUPTED ? "interrupted: " : "", r.agreed, r.skipped, r.failed);
    status = r.verdict;
cleanup:
    for (int i = 0; i < r.n; i++) rb_row_end(&r.rows[i]);
    free(r.rows);
    rb_words_free(&devices);
    rb_matrix_free(&matrix);
    return status;
}
