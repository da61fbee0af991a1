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
    bool ops; /* op by op; else the item's case */
} check_work;

/* Cells of a line of the table, separated by tabs: what, checked, failed, largest error, verdict. */
static rb_status send_line(FILE *to, const char *what, int checked, int failed, double err, const char *verdict) {
    char line[512], error[32] = "";
    if (isfinite(err)) snprintf(error, sizeof error, "%.3g", err);
    snprintf(line, sizeof line, "%s\t%d\t%d\t%s\t%s", what, checked, failed, error, verdict);
    return rb_send_text(to, line);
}

static rb_status check_ops(rb_place *p, FILE *to) {
    rb_status status = RB_OK;
    int checked = 0, failed = 0;
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return rb_fail(RB_MEMORY, "out of memory for a report");
    status = rb_check_ops(p->id.backend, p->device, memory, &checked, &failed);
    fclose(memory);
    /* The lines of single ops matter when something is wrong; else they are for the curious. */
    if (failed > 0 || status != RB_OK || rb_log_threshold >= RB_LOG_DEBUG) fputs(text, stderr);
    free(text);
    if (status != RB_OK && status != RB_VERIFY) return status;
    if (failed > 0 && status == RB_OK)
        status = rb_fail(RB_VERIFY, "%d of %d ops disagree with the reference", failed, checked);
    rb_status sent = send_line(to, "ops", checked, failed, NAN, status == RB_OK ? "agrees" : "DISAGREES");
    return status != RB_OK ? status : sent;
}

static rb_status check_case(rb_place *p, const rb_item *item, FILE *to) {
    const rb_case *c = &item->edit->c;
    double err = NAN;
    rb_status status = rb_verify(p->id.backend, p->device, c, p->data, (uint64_t)item->seed, STEPS,
                                 c->batch < SAMPLES ? c->batch : SAMPLES, &err);
    if (status != RB_OK && status != RB_VERIFY) return status;
    rb_status sent = send_line(to, c->name, STEPS, status != RB_OK, err, status == RB_OK ? "agrees" : "DISAGREES");
    return status != RB_OK ? status : sent;
}

static rb_status work(void *context, FILE *to) {
    const check_work *w = context;
    rb_status status = RB_OK;
    rb_place place = {0};
    rb_row row;
    rb_row_begin(&row, RB_TABLE_runs);
    if (w->ops) {
        RB_TRY(rb_place_device(&place, w->o, w->item->device, &row));
        RB_TRY(check_ops(&place, to));
    } else {
        RB_TRY(rb_place_open(&place, w->o, w->item, &row));
        RB_TRY(check_case(&place, w->item, to));
    }
cleanup:
    rb_place_close(&place);
    rb_row_end(&row);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

typedef struct table {
    rb_format format;
    const char *device;
    int lines;
} table;

/* `what` is a case's name or "ops", reasons may hold anything: CSV and JSON quote them. */
static void print_line(table *t, const char *what, const char *checked, const char *failed, const char *err,
                       const char *verdict) {
    if (t->format == RB_FORMAT_MD) {
        if (t->lines++ == 0)
            printf("%-12s %-32s %8s %8s %10s  %s\n", "device", "what", "checked", "failed", "max error", "verdict");
        printf("%-12s %-32s %8s %8s %10s  %s\n", t->device, what, checked, failed, err, verdict);
    } else if (t->format == RB_FORMAT_CSV) {
        if (t->lines++ == 0) printf("device_key,what,checked,failed,max_rel_err,verdict\n");
        printf("%s,%s,%s,%s,%s,", t->device, what, checked, failed, err);
        rb_print_quoted(verdict, false);
        putchar('\n');
    } else {
        printf(
            "%s\n  {\"device_key\":\"%s\",\"what\":\"%s\",\"checked\":%s,\"failed\":%s,\"max_rel_err\":%s,\"verdict\":",
            t->lines++ ? "," : "[", t->device, what, checked[0] ? checked : "null", failed[0] ? failed : "null",
            err[0] ? err : "null");
        rb_print_quoted(verdict, true);
        putchar('}');
    }
    fflush(stdout);
}

static void on_text(void *context, const char *text) {
    char line[512], *rest = line, *cell[5];
    snprintf(line, sizeof line, "%s", text);
    for (int i = 0; i < 5; i++) cell[i] = strsep(&rest, "\t");
    if (cell[4]) print_line(context, cell[0], cell[1], cell[2], cell[3], cell[4]);
}

/* Which status decides: disagreement before crash before what could not be checked. */
static rb_status worse(rb_status a, rb_status b) {
    if (a == RB_VERIFY || b == RB_OK) return a;
    if (b == RB_VERIFY || a == RB_OK) return b;
    return rb_status_exit_code(a) == 4 ? a : b;
}

static rb_status check_one(const rb_options *o, const rb_item *item, bool ops, table *t, rb_status *verdict) {
    rb_status status = RB_OK;
    rb_child_end end;
    check_work w = {.o = o, .item = item, .ops = ops};
    rb_child_hooks hooks = {.context = t, .text = on_text};
    const char *what = ops ? "ops" : item->edit->c.name;
    t->device = item->device;
    RB_TRY(rb_child_run(work, &w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 0), &end));
    if (end.status == RB_OK) return RB_OK;
    if (end.status == RB_MISSING) { /* a data set that is not here says nothing about the device */
        rb_log(RB_LOG_INFO, "%s on %s: skipped: %s", what, item->device, end.text);
        return RB_OK;
    }
    if (end.status != RB_VERIFY) print_line(t, what, "", "", "", rb_status_word(end.status));
    rb_log(end.status == RB_UNSUPPORTED ? RB_LOG_WARN : RB_LOG_ERROR, "%s on %s: %s", what, item->device, end.text);
    *verdict = worse(*verdict, end.status);
cleanup:
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

rb_status rb_verb_check(const rb_options *o) {
    rb_status status = RB_OK, verdict = RB_OK;
    rb_matrix matrix = {0};
    rb_words devices = {0};
    table t = {.format = rb_output_format(o)};
    RB_TRY(choose(o, &matrix));
    RB_TRY(rb_devices_chosen(o, &devices));
    for (int d = 0; d < devices.n && rb_interrupts == 0; d++) {
        rb_item item = {.device = devices.at[d], .seed = rb_value_int(o, RB_FLAG_SEED, 2021)};
        RB_TRY(check_one(o, &item, true, &t, &verdict));
        for (int i = 0; i < matrix.n_edits && rb_interrupts == 0; i++) {
            item.edit = &matrix.edits[i];
            RB_TRY(check_one(o, &item, false, &t, &verdict));
        }
    }
    if (t.format == RB_FORMAT_JSON) printf("%s\n", t.lines ? "\n]" : "[]");
    if (rb_interrupts > 0) verdict = RB_INTERRUPTED;
    rb_log(verdict == RB_OK ? RB_LOG_INFO : RB_LOG_WARN, "%s",
           verdict == RB_OK            ? "every device agrees with the reference"
           : verdict == RB_VERIFY      ? "NOT every device agrees with the reference"
           : verdict == RB_INTERRUPTED ? "interrupted"
                                       : "not everything could be checked");
    status = verdict;
cleanup:
    rb_words_free(&devices);
    rb_matrix_free(&matrix);
    return status;
}
