/* bench.c: the verb `bench`: throughput of whole training steps. One process gives one value; the row that is printed
 * is the median over processes, the session keeps every process's own row. */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_work.h"
#include "cli/matrix.h"
#include "cli/recorder.h"
#include "cli/session_peaks.h"
#include "cli/verb.h"
#include "core/log.h"
#include "measure/statistics.h"

enum { PROCESSES = 7, PROCESSES_QUICK = 5 };

/* What became of one item: which of the recorder's rows are its processes. */
typedef struct bench_result {
    int *rows; /* (n) */
    int n;
    bool failed; /* more processes would tell nothing new */
    rb_verified verified;
} bench_result;

static bool is_ok(const rb_row *row) {
    const rb_cell *word = &row->cells[RB_COL(runs, status)];
    return word->type == RB_CELL_TEXT && !strcmp(word->u.s, rb_status_word(RB_OK));
}

static double median_of(const rb_recorder *r, const bench_result *b, int column, double *values) {
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        double value = rb_row_number(&r->rows[b->rows[i]], column);
        if (is_ok(&r->rows[b->rows[i]]) && isfinite(value)) values[n++] = value;
    }
    return n ? rb_median(values, n) : NAN;
}

/* The row that is printed: that of the process nearest to the median, with the medians in it; a failure where any
 * process failed: a number beside a failed check would be read as a result. */
static rb_status aggregate(const rb_recorder *r, const bench_result *b, rb_row *out) {
    static const int medians[] = {RB_COL(runs, samples_per_s), RB_COL(runs, step_wall_ns_median),
                                  RB_COL(runs, gflop_per_s), RB_COL(runs, pct_peak_flops), RB_COL(runs, pct_roofline)};
    int best = b->rows[0];
    double *values = malloc((size_t)b->n * sizeof *values);
    if (!values) return rb_fail(RB_MEMORY, "out of memory for %d values", b->n);
    double median = median_of(r, b, RB_COL(runs, samples_per_s), values);
    bool all_ok = true;
    for (int i = 0; i < b->n; i++) {
        const rb_row *row = &r->rows[b->rows[i]];
        if (!is_ok(row)) {
            best = b->rows[i];
            all_ok = false;
            break;
        }
        double now = fabs(rb_row_number(row, RB_COL(runs, samples_per_s)) - median);
        if (now < fabs(rb_row_number(&r->rows[best], RB_COL(runs, samples_per_s)) - median)) best = b->rows[i];
    }
    rb_row_copy(&r->rows[best], out);
    for (size_t i = 0; all_ok && i < sizeof medians / sizeof *medians; i++)
        rb_row_real(out, medians[i], median_of(r, b, medians[i], values));
    free(values);
    return RB_OK;
}

static rb_status print_results(const rb_recorder *r, const bench_result *results, int n, rb_format format) {
    static const int columns[] = {
        RB_COL(runs, case),        RB_COL(runs, device_key),     RB_COL(runs, batch_size),
        RB_COL(runs, overrides),   RB_COL(runs, samples_per_s),  RB_COL(runs, step_wall_ns_median),
        RB_COL(runs, gflop_per_s), RB_COL(runs, pct_peak_flops), RB_COL(runs, provider),
        RB_COL(runs, threads),     RB_COL(runs, verify),         RB_COL(runs, status)};
    rb_status status = RB_OK;
    int count = 0;
    rb_row *rows = calloc((size_t)n, sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", n);
    for (int i = 0; i < n; i++)
        if (results[i].n > 0) RB_TRY(aggregate(r, &results[i], &rows[count++]));
    RB_TRY(rb_print_table(RB_TABLE_runs, format, rows, count, columns, sizeof columns / sizeof *columns));
cleanup:
    for (int i = 0; i < count; i++) rb_row_end(&rows[i]);
    free(rows);
    return status;
}

/* The row of an item before anything is known of its run. */
static void begin_row(const rb_options *o, const rb_item *item, rb_row *row) {
    const char *mode = rb_bench_mode(o);
    rb_item_row(item, strcmp(mode, "train") ? mode : "bench", row);
    rb_note_settings(o, true, row);
}

/* Processes of earlier calls for this session, for --resume. */
static rb_status take_earlier(rb_recorder *r, const rb_matrix *m, bench_result *results, int repetitions) {
    rb_status status = RB_OK;
    int done = 0, others = 0;
    for (int i = 0; i < m->n; i++) {
        const rb_row *earlier;
        rb_row row;
        begin_row(r->o, &m->items[i], &row);
        for (int k = 0;
             status == RB_OK && results[i].n < repetitions && (earlier = rb_session_past_run(r->session, &row, k));
             k++) {
            if (!rb_recorder_this_build(earlier)) { /* a median of two builds' values would speak of neither */
                others++;
                continue;
            }
            status = rb_recorder_earlier(r, earlier);
            results[i].rows[results[i].n++] = r->n - 1;
            results[i].verified = rb_verified_by(earlier);
            done++;
        }
        rb_row_end(&row);
        RB_TRY(status);
    }
    rb_log(RB_LOG_INFO, "%d of %d processes were done before", done, m->n * repetitions);
    if (others)
        rb_log(RB_LOG_WARN, "%d processes of other builds are left out: `regbench compare` compares builds", others);
cleanup:
    return status;
}

static rb_status one_process(rb_recorder *r, const rb_item *item, rb_roof roof, bench_result *result, int index,
                             int total) {
    rb_status status = RB_OK;
    rb_row row;
    char label[1300];
    begin_row(r->o, item, &row);
    rb_recorder_stamp(r, &row);
    rb_item_label(item, label, sizeof label);
    rb_bench_work w = {.o = r->o, .roof = roof, .item = item, .row = &row, .verified = result->verified};
    RB_TRY(rb_recorder_item(r, rb_bench_process, &w, &row, label, index, total));
    result->rows[result->n++] = r->n - 1;
    const rb_row *got = &r->rows[r->n - 1];
    result->failed = !is_ok(got);
    /* An interrupted process takes nothing from the values of those before it. */
    if (result->failed && result->n > 1 && rb_recorder_stopped(r)) result->n--;
    result->verified = rb_verified_by(got);
cleanup:
    rb_row_end(&row);
    return status;
}

/* Repetitions go forth and back through the items (ABBA), so that a slow drift of the machine hits all alike. */
static rb_status measure_all(rb_recorder *r, const rb_matrix *m, bench_result *results, int repetitions) {
    rb_status status = RB_OK;
    rb_session_peaks peaks = {0};
    bool timed = strcmp(rb_bench_mode(r->o), "largest-batch") != 0;
    if (rb_given(r->o, RB_FLAG_RESUME)) RB_TRY(take_earlier(r, m, results, repetitions));
    if (timed) RB_TRY(rb_session_peaks_begin(&peaks, r, &m->devices));
    for (int rep = 0, done = 0; rep < repetitions; rep++)
        for (int k = 0; k < m->n; k++, done++) {
            int i = rep % 2 ? m->n - 1 - k : k;
            rb_roof roof = rb_session_peaks_roof(&peaks, m->items[i].device);
            if (rb_recorder_stopped(r)) goto cleanup;
            if (!results[i].failed && results[i].n <= rep)
                RB_TRY(one_process(r, &m->items[i], roof, &results[i], done, m->n * repetitions));
        }
    if (timed) RB_TRY(rb_session_peaks_end(&peaks, r, &m->devices));
    rb_recorder_tell_beside(r);
cleanup:
    rb_session_peaks_free(&peaks);
    return status;
}

rb_status rb_bench_session(const rb_options *o, rb_status (*see)(void *context, const rb_recorder *r), void *context) {
    rb_status status = RB_OK;
    rb_matrix matrix = {0};
    rb_recorder recorder = {0};
    bench_result *results = NULL;
    int repetitions =
        (int)rb_value_int(o, RB_FLAG_REPETITIONS, rb_given(o, RB_FLAG_QUICK) ? PROCESSES_QUICK : PROCESSES);
    if (repetitions > 1000) return rb_fail(RB_USAGE, "--repetitions \"%d\": must be at most 1000", repetitions);
    if (!strcmp(rb_bench_mode(o), "largest-batch")) repetitions = 1; /* nothing is timed */
    if (rb_given(o, RB_FLAG_PROFILE) && strcmp(rb_bench_mode(o), "train") != 0)
        return rb_fail(RB_USAGE, "--profile times the ops of training steps: it goes with --mode train only");
    if (rb_given(o, RB_FLAG_RESUME) && !rb_given(o, RB_FLAG_OUT_DIR))
        return rb_fail(RB_USAGE, "--resume needs --out-dir: the folder of the session to go on with");
    RB_TRY(rb_matrix_build(o, &matrix));
    if (rb_given(o, RB_FLAG_DRY_RUN)) {
        RB_TRY(rb_matrix_print(o, &matrix, rb_output_format(o)));
        goto cleanup;
    }
    results = calloc((size_t)matrix.n, sizeof *results);
    for (int i = 0; results && i < matrix.n; i++) {
        results[i].rows = calloc((size_t)repetitions, sizeof *results[i].rows);
        if (!results[i].rows) status = RB_MEMORY;
    }
    if (!results || status != RB_OK) {
        status = rb_fail(RB_MEMORY, "out of memory for %d items", matrix.n);
        goto cleanup;
    }
    RB_TRY(rb_recorder_open(&recorder, o));
    RB_TRY(measure_all(&recorder, &matrix, results, repetitions));
    RB_TRY(see ? see(context, &recorder) : print_results(&recorder, results, matrix.n, rb_output_format(o)));
    rb_log(RB_LOG_INFO, "results in %s", rb_session_dir(recorder.session));
    status = rb_recorder_verdict(&recorder);
cleanup:
    rb_recorder_close(&recorder);
    for (int i = 0; results && i < matrix.n; i++) free(results[i].rows);
    free(results);
    rb_matrix_free(&matrix);
    return status;
}

rb_status rb_verb_bench(const rb_options *o) { return rb_bench_session(o, NULL, NULL); }
