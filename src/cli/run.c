/* run.c: the verb `run`: convergence: train, validate, report. */
#include <string.h>

#include "cli/checkpoints.h"
#include "cli/matrix.h"
#include "cli/pictures.h"
#include "cli/run_item.h"
#include "cli/share.h"
#include "cli/study.h"
#include "cli/study_runs.h"
#include "cli/target.h"
#include "cli/verb.h"
#include "core/log.h"

static rb_status print_results(const rb_recorder *r, rb_format format) {
    static const int columns[] = {RB_COL(runs, case),       RB_COL(runs, device_key),    RB_COL(runs, batch_size),
                                  RB_COL(runs, seed),       RB_COL(runs, overrides),     RB_COL(runs, status),
                                  RB_COL(runs, epochs_run), RB_COL(runs, val_acc_final), RB_COL(runs, val_acc_best),
                                  RB_COL(runs, test_acc),   RB_COL(runs, samples_per_s), RB_COL(runs, duration_s)};
    rb_status status = RB_OK;
    RB_TRY(rb_print_table(RB_TABLE_runs, format, r->rows, r->n, columns, sizeof columns / sizeof *columns));
    if (format == RB_FORMAT_MD) RB_TRY(rb_target_print(r));
    if (r->text.length && !rb_given(r->o, RB_FLAG_QUIET))
        fprintf(format == RB_FORMAT_MD ? stdout : stderr, "\n%s\n%s", r->text_label, rb_text_string(&r->text));
cleanup:
    return status;
}

static void print_how_to_resume(const rb_recorder *r) {
    rb_text more = {0}, command = {0};
    if (!rb_given(r->o, RB_FLAG_OUT_DIR)) {
        rb_text_append(&more, " -O ");
        rb_shell_quote(rb_session_dir(r->session), &more);
    }
    if (!rb_given(r->o, RB_FLAG_RESUME)) rb_text_append(&more, " --resume");
    rb_command_line(r->o, rb_text_string(&more), &command);
    rb_log(RB_LOG_WARN, "what is done is kept. To go on:"); /* a line of its own: rb_log cuts long lines */
    fprintf(stderr, "%s\n", rb_text_string(&command));
    rb_text_free(&more);
    rb_text_free(&command);
}

static rb_status run_all(rb_recorder *r, const rb_matrix *m, rb_study_results *studies) {
    rb_status status = RB_OK;
    rb_verified verified = {0};
    int total = rb_matrix_runs(r->o, m), at;
    for (int i = 0, index = 0; i < m->n && !rb_recorder_stopped(r); i++) {
        const rb_item *item = &m->items[i];
        if (item->study) {
            RB_TRY(rb_study_run(r, item, index, total, studies));
            index += rb_study_mine(r->o, item);
            continue;
        }
        /* Seeds of a case on a device follow each other: the first one that is right speaks for all. */
        if (i == 0 || item->edit != m->items[i - 1].edit || strcmp(item->device, m->items[i - 1].device) != 0)
            verified = (rb_verified){0};
        RB_TRY(rb_run_item(r, item, &verified, index++, total, &at));
    }
    if (r->earlier) rb_log(RB_LOG_INFO, "%d of %d items were done before", r->earlier, total);
    if (r->foreign)
        rb_log(RB_LOG_WARN, "%d of them by another build (column commit): another folder keeps builds apart",
               r->foreign);
    if (r->untargeted)
        rb_log(RB_LOG_WARN, "%d of them were not watched for --target %s: another folder runs them with it",
               r->untargeted, rb_value(r->o, RB_FLAG_TARGET));
    rb_recorder_tell_beside(r);
cleanup:
    return status;
}

/* A budget where nothing takes one is a mistake. */
static rb_status check_budget(const rb_options *o, const rb_matrix *m) {
    bool any = false;
    for (int i = 0; i < m->n; i++) any |= m->items[i].study != NULL;
    if (any || !rb_given(o, RB_FLAG_BUDGET)) return RB_OK;
    return rb_fail(RB_USAGE, "--budget: there is no study here whose runs it could limit");
}

/* A case that stops early would go on to its last epoch. */
static rb_status check_evaluated(const rb_options *o, const rb_matrix *m) {
    if (!rb_given(o, RB_FLAG_NO_EVAL) || rb_given(o, RB_FLAG_MAX_STEPS)) return RB_OK;
    for (int i = 0; i < m->n; i++)
        if (m->items[i].edit->c.stop.kind != RB_STOP_NEVER)
            return rb_fail(RB_USAGE, "%s stops by what evaluations tell: it cannot run with --no-eval",
                           m->items[i].edit->c.name);
    return RB_OK;
}

/* Wishes of which one would be dropped without a word. */
static rb_status refuse_contradictions(const rb_options *o) {
    static const struct {
        rb_flag one, other;
        const char *why;
    } pairs[] = {{RB_FLAG_NO_EVAL, RB_FLAG_TARGET, "nobody would see whether it is reached"},
                 {RB_FLAG_NO_EVAL, RB_FLAG_EVAL_TRAIN, "the one evaluates nothing"},
                 {RB_FLAG_MAX_STEPS, RB_FLAG_EVAL_TRAIN, "after so many steps there is one evaluation, of validation"},
                 {RB_FLAG_MAX_STEPS, RB_FLAG_CHECKPOINT_EVERY, "checkpoints are of whole epochs: --epochs ends a run"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (rb_given(o, pairs[i].one) && rb_given(o, pairs[i].other))
            return rb_fail(RB_USAGE, "--%s and --%s contradict each other: %s", rb_flag_name(pairs[i].one),
                           rb_flag_name(pairs[i].other), pairs[i].why);
    return RB_OK;
}

rb_status rb_verb_run(const rb_options *o) {
    rb_status status = RB_OK;
    rb_matrix matrix = {0};
    rb_recorder recorder = {0};
    rb_study_results studies = {0};
    if (rb_given(o, RB_FLAG_RESUME) && !rb_given(o, RB_FLAG_OUT_DIR))
        return rb_fail(RB_USAGE, "--resume needs --out-dir: the folder of the session to go on with");
    RB_TRY(refuse_contradictions(o));
    RB_TRY(rb_matrix_build(o, &matrix));
    RB_TRY(check_budget(o, &matrix));
    RB_TRY(check_evaluated(o, &matrix));
    if (rb_given(o, RB_FLAG_FROM)) { /* a bad file is found before a folder is made */
        rb_checkpoint *c;
        RB_TRY(rb_checkpoint_open(rb_value(o, RB_FLAG_FROM), &c));
        rb_checkpoint_close(c);
    }
    if (rb_given(o, RB_FLAG_DRY_RUN)) {
        RB_TRY(rb_matrix_print(o, &matrix, rb_output_format(o)));
        goto cleanup;
    }
    RB_TRY(rb_recorder_open(&recorder, o));
    status = run_all(&recorder, &matrix, &studies);
    if (status == RB_DISK || rb_recorder_stopped(&recorder)) print_how_to_resume(&recorder);
    if (status != RB_OK) goto cleanup;
    RB_TRY(rb_given(o, RB_FLAG_SHARE) ? rb_share_print(&recorder) : print_results(&recorder, rb_output_format(o)));
    if (rb_output_format(o) == RB_FORMAT_MD) RB_TRY(rb_study_print(&studies));
    if (!rb_recorder_stopped(&recorder)) rb_pictures_of_session(o, rb_session_dir(recorder.session));
    rb_log(RB_LOG_INFO, "results in %s", rb_session_dir(recorder.session));
    status = rb_recorder_verdict(&recorder);
cleanup:
    rb_study_results_free(&studies);
    rb_recorder_close(&recorder);
    rb_matrix_free(&matrix);
    return status;
}
