/* recorder.c: items in children, rows into the session, the bar on stderr. */
#include "cli/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/checkpoints.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include "core/log.h"
#include "measure/build.h"
#include "measure/machine.h"
#include "measure/rates.h"

/* --- while an item runs ---------------------------------------------------------------------------------------------
 */

static rb_status keep_run(rb_recorder *r, const rb_row *row) {
    rb_row *rows = realloc(r->rows, (size_t)(r->n + 1) * sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for the rows of a session");
    r->rows = rows;
    rb_row_copy(row, &r->rows[r->n++]);
    return RB_OK;
}

/* Of many items the report of the best one is shown: it says most. */
static void adopt_text(rb_recorder *r, const rb_row *row) {
    const rb_cell *accuracy = &row->cells[RB_COL(runs, val_acc_final)];
    if (!r->sent.length || accuracy->type != RB_CELL_REAL) return;
    if (r->text.length && accuracy->u.r <= r->text_accuracy) return;
    r->text_accuracy = accuracy->u.r;
    rb_text_clear(&r->text);
    rb_text_append(&r->text, rb_text_string(&r->sent));
    snprintf(r->text_label, sizeof r->text_label, "%s", r->label);
    rb_text_clear(&r->sent);
}

static rb_status on_row(void *context, const rb_row *row) {
    rb_recorder *r = context;
    rb_status status = RB_OK;
    RB_TRY(rb_session_row(r->session, row));
    if (row->table == RB_TABLE_runs) {
        r->got_row = true;
        RB_TRY(keep_run(r, row));
        adopt_text(r, row);
    }
cleanup:
    return status;
}

static void on_progress(void *context, const rb_progress *p) {
    rb_recorder *r = context;
    rb_bar_update(&r->bar, p);
}

static void on_text(void *context, const char *text) {
    rb_recorder *r = context;
    if (r->sent.length) rb_text_append(&r->sent, "\n");
    rb_text_append(&r->sent, text);
}

static void on_log(void *context, const char *bytes, size_t n) {
    rb_recorder *r = context;
    rb_bar_clear(&r->bar);
    if (fwrite(bytes, 1, n, stderr) != n) clearerr(stderr); /* nobody reads stderr: the log is still written */
    if (r->log && (fwrite(bytes, 1, n, r->log) != n || fflush(r->log) != 0)) clearerr(r->log);
}

/* --- the session ----------------------------------------------------------------------------------------------------
 */

rb_status rb_recorder_open(rb_recorder *r, const rb_options *o) {
    rb_status status = RB_OK;
    char path[4096];
    rb_env env = {0};
    rb_text command = {0};
    rb_kept_run *kept = NULL;
    int n_kept = 0;
    memset(r, 0, sizeof *r);
    rb_signals_catch();
    if (rb_given(o, RB_FLAG_RESUME)) RB_TRY(rb_checkpoints_kept(rb_value(o, RB_FLAG_OUT_DIR), &kept, &n_kept));
    rb_command_line(o, NULL, &command);
    rb_session_options options = {.out_dir = rb_value(o, RB_FLAG_OUT_DIR),
                                  .machine = rb_value(o, RB_FLAG_MACHINE),
                                  .command = rb_text_string(&command),
                                  .resume = rb_given(o, RB_FLAG_RESUME),
                                  .kept = kept,
                                  .n_kept = n_kept,
                                  .can_resume = true};
    r->o = o;
    rb_bar_open(&r->bar, rb_given(o, RB_FLAG_QUIET));
    RB_TRY(rb_session_open(&options, &r->session));
    rb_checkpoints_sweep(rb_session_dir(r->session));
    snprintf(path, sizeof path, "%s/run.log", rb_session_dir(r->session));
    r->log = fopen(path, "ae");
    if (!r->log) {
        status = rb_fail(RB_OUTPUT, "cannot write %s", path);
        goto cleanup;
    }
    RB_TRY(rb_env_collect(&env));
    RB_TRY(rb_devices_facts(&env));
    snprintf(r->env_id, sizeof r->env_id, "%s", env.id);
    RB_TRY(rb_env_record(&env, r->session));
cleanup:
    free(kept);
    rb_text_free(&command);
    rb_env_free(&env);
    return status;
}

void rb_recorder_stamp(rb_recorder *r, rb_row *row) {
    char id[32], utc[32];
    time_t now = time(NULL);
    struct tm broken;
    gmtime_r(&now, &broken);
    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", &broken);
    rb_session_run_id(r->session, id);
    rb_row_text(row, RB_COL(runs, run_id), id);
    rb_row_text(row, RB_COL(runs, session_id), rb_session_id(r->session));
    rb_row_text(row, RB_COL(runs, started_utc), utc);
    rb_row_text(row, RB_COL(runs, machine), rb_session_machine(r->session));
    rb_row_text(row, RB_COL(runs, commit), rb_build_commit());
    rb_row_int(row, RB_COL(runs, dirty), rb_build_dirty());
    rb_row_text(row, RB_COL(runs, env_id), r->env_id[0] ? r->env_id : NULL);
}

/* What decides the exit code when several items fail: the gravest kind, in this order. */
static int gravity(rb_status status) {
    if (status == RB_INTERRUPTED) return 5;
    switch (rb_status_exit_code(status)) {
    case 0:
        return 0;
    case 77:
        return 1;
    case 2:
        return 2;
    case 3:
        return 3;
    default:
        return 4;
    }
}

/* Counts an item's end; true where nothing failed. */
static bool count(rb_recorder *r, rb_status status, const char *why) {
    bool fine = status == RB_OK || !strncmp(why, RB_FORESEEN, sizeof RB_FORESEEN - 1);
    if (fine)
        r->done++;
    else if (gravity(status) > gravity(r->worst))
        r->worst = status;
    return fine;
}

static void judge(rb_recorder *r, rb_status status, const char *why, double seconds) {
    bool fine = count(r, status, why);
    rb_bar_clear(&r->bar);
    if (!strcmp(why, rb_status_word(status))) why = ""; /* "interrupted: interrupted" */
    rb_log_level level = fine                                                   ? RB_LOG_INFO
                         : status == RB_UNSUPPORTED || status == RB_INTERRUPTED ? RB_LOG_WARN
                                                                                : RB_LOG_ERROR;
    rb_log(level, "%s: %s%s%s (%.1f s)", r->label, rb_status_word(status), why[0] ? ": " : "", why, seconds);
    if (r->log) {
        fprintf(r->log, "%s: %s%s%s\n", r->label, rb_status_word(status), why[0] ? ": " : "", why);
        if (fflush(r->log) != 0) clearerr(r->log);
    }
}

/* What `list` tells the time of a whole run from: cases as they are, without overrides. */
static void note_rate(const rb_row *row) {
    const rb_cell *rate = &row->cells[RB_COL(runs, samples_per_s)], *batch = &row->cells[RB_COL(runs, batch_size)];
    const char *phase = rb_row_get_text(row, RB_COL(runs, phase));
    if (rb_row_get_text(row, RB_COL(runs, overrides))[0] || rate->type != RB_CELL_REAL) return;
    if (strcmp(phase, "run") != 0 && strcmp(phase, "bench") != 0) return; /* inference is no training */
    rb_rate_remember(rb_row_get_text(row, RB_COL(runs, device_key)), rb_row_get_text(row, RB_COL(runs, case)),
                     batch->u.i, rate->u.r);
}

rb_status rb_recorder_item(rb_recorder *r, rb_child_work *work, void *context, const rb_row *row, const char *label,
                           int index, int total) {
    rb_status status = RB_OK;
    rb_child_end end;
    rb_row dead;
    rb_child_hooks hooks = {.context = r, .row = on_row, .progress = on_progress, .text = on_text, .log = on_log};
    rb_row_begin(&dead, RB_TABLE_runs);
    r->label = label;
    r->got_row = false;
    rb_text_clear(&r->sent);
    rb_bar_item(&r->bar, index, total, label);
    RB_TRY(rb_child_run(work, context, &hooks, rb_value_real(r->o, RB_FLAG_TIMEOUT, 0), &end));
    if (!r->got_row) {
        rb_row_end(&dead);
        rb_row_copy(row, &dead);
        if (end.status == RB_OK) {
            end.status = RB_INTERNAL;
            snprintf(end.text, sizeof end.text, "the child ended without a result");
        }
        rb_row_text(&dead, RB_COL(runs, status), rb_status_word(end.status));
        rb_row_text(&dead, RB_COL(runs, status_reason), end.text);
        rb_row_real(&dead, RB_COL(runs, duration_s), end.seconds);
        RB_TRY(on_row(r, &dead));
    }
    const rb_row *got = &r->rows[r->n - 1];
    rb_status outcome = rb_status_from_word(rb_row_get_text(got, RB_COL(runs, status)));
    if (outcome == RB_OK && end.status == RB_OK) note_rate(got);
    /* A child that sent its row and crashed while it tidied up: the row stands, but nobody calls that well. */
    if (outcome == RB_OK && end.status != RB_OK)
        judge(r, end.status, end.text, end.seconds);
    else
        judge(r, outcome, rb_row_get_text(got, RB_COL(runs, status_reason)), end.seconds);
cleanup:
    rb_bar_clear(&r->bar);
    rb_row_end(&dead);
    return status;
}

rb_status rb_recorder_earlier(rb_recorder *r, const rb_row *row) {
    rb_status status = RB_OK;
    RB_TRY(keep_run(r, row));
    count(r, rb_status_from_word(rb_row_get_text(row, RB_COL(runs, status))),
          rb_row_get_text(row, RB_COL(runs, status_reason)));
cleanup:
    return status;
}

bool rb_recorder_this_build(const rb_row *row) {
    return !strcmp(rb_row_get_text(row, RB_COL(runs, commit)), rb_build_commit()) &&
           row->cells[RB_COL(runs, dirty)].u.i == rb_build_dirty();
}

void rb_recorder_tell_beside(const rb_recorder *r) {
    const rb_row *last;
    static const int columns[] = {RB_COL(runs, overrides), RB_COL(runs, settings), RB_COL(runs, precision)};
    rb_text text = {0};
    /* The other shards' runs may be there, and an interrupted call has not come to all of its own. */
    if (!rb_given(r->o, RB_FLAG_RESUME) || rb_given(r->o, RB_FLAG_SHARD) || rb_recorder_stopped(r) || r->n == 0) return;
    int n = rb_session_runs_beside(r->session, r->rows, r->n, &last);
    if (n <= 0) return;
    rb_text_printf(&text, "%s on %s, seed %lld", rb_row_get_text(last, RB_COL(runs, case)),
                   rb_row_get_text(last, RB_COL(runs, device_key)), (long long)last->cells[RB_COL(runs, seed)].u.i);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (*rb_row_get_text(last, columns[i])) rb_text_printf(&text, ", %s", rb_row_get_text(last, columns[i]));
    rb_log(RB_LOG_WARN, "%d run%s of this session, the last %s: not asked for this time; other flags are other runs", n,
           n == 1 ? "" : "s", rb_text_string(&text));
    rb_text_free(&text);
}

bool rb_recorder_stopped(const rb_recorder *r) { return rb_interrupts > 0 || r->worst == RB_INTERRUPTED; }

rb_status rb_recorder_verdict(const rb_recorder *r) {
    if (rb_recorder_stopped(r)) return RB_INTERRUPTED;
    /* A device that cannot run some of the cases is no failure of the others. */
    if (gravity(r->worst) == 1 && r->done > 0) return RB_OK;
    return r->worst;
}

void rb_recorder_close(rb_recorder *r) {
    for (int i = 0; i < r->n; i++) rb_row_end(&r->rows[i]);
    free(r->rows);
    rb_text_free(&r->text);
    rb_text_free(&r->sent);
    if (r->log) fclose(r->log);
    rb_session_close(r->session);
    memset(r, 0, sizeof *r);
}
