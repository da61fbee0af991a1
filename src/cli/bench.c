/* bench.c: the verb `bench`: throughput of whole training steps. One process gives one value; the row that is printed
 * is the median over processes, the session keeps every process's own row. */
#include "cli/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/feed.h"
#include "cli/largest_batch.h"
#include "cli/matrix.h"
#include "cli/place.h"
#include "cli/recorder.h"
#include "cli/session_peaks.h"
#include "cli/verb.h"
#include "core/clock.h"
#include "core/log.h"
#include "measure/build.h"
#include "measure/meter.h"
#include "measure/statistics.h"
#include "measure/windows.h"

enum { PROCESSES = 7, PROCESSES_QUICK = 5, PROFILE_STEPS = 50 };
#define PEAK_S 0.1 /* for one measurement of the device's peak */

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

/* What is known of a window beside its time. */
typedef struct taken {
    double rows; /* samples: the last batch of an epoch may be smaller */
    rb_reading reading;
} taken;

typedef struct bench_work {
    const rb_options *o;
    rb_roof roof; /* of the device when the session began */
    const rb_item *item;
    const rb_row *row;
    rb_verified verified; /* by the first process: later ones take over what it found */
    /* while it runs */
    FILE *to;
    rb_feed feed;
    rb_meter meter;
    taken *taken; /* (n_windows) */
    int n_windows, capacity;
    double spoken;
} bench_work;

static rb_status run_window(void *context, int n, int64_t *ns) {
    bench_work *w = context;
    rb_status status = RB_OK;
    if (w->n_windows == w->capacity) {
        int capacity = w->capacity ? 2 * w->capacity : 256;
        taken *grown = realloc(w->taken, (size_t)capacity * sizeof *grown);
        if (!grown) return rb_fail(RB_MEMORY, "out of memory for %d windows", capacity);
        w->taken = grown;
        w->capacity = capacity;
    }
    RB_TRY(rb_feed_window(&w->feed, n, ns));
    double rows = (double)w->feed.rows;
    w->taken[w->n_windows++] = (taken){rows, rb_meter_read(&w->meter, (double)*ns * 1e-9)}; /* off the clock */
    if (rb_clock_s() - w->spoken > 0.2) {
        rb_progress p = {.loss = NAN, .accuracy = NAN, .samples_per_s = *ns > 0 ? rows * 1e9 / (double)*ns : NAN};
        w->spoken = rb_clock_s();
        RB_TRY(rb_send_progress(w->to, &p));
    }
cleanup:
    return status;
}

static rb_status send_windows(const bench_work *w, const rb_windows *windows, const char *run_id) {
    rb_status status = RB_OK;
    for (int i = 0; i < windows->n; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_windows);
        rb_row_text(&row, RB_COL(windows, run_id), run_id);
        rb_row_int(&row, RB_COL(windows, window), i);
        rb_row_int(&row, RB_COL(windows, warmup), windows->list[i].warmup);
        rb_row_int(&row, RB_COL(windows, steps), windows->list[i].steps);
        rb_row_int(&row, RB_COL(windows, wall_ns), windows->list[i].ns);
        rb_row_real(&row, RB_COL(windows, clock_mhz), w->taken[i].reading.clock_mhz);
        if (w->taken[i].reading.throttled >= 0)
            rb_row_int(&row, RB_COL(windows, throttled), w->taken[i].reading.throttled);
        if (w->taken[i].reading.reasons[0])
            rb_row_text(&row, RB_COL(windows, throttle_reasons), w->taken[i].reading.reasons);
        if (w->taken[i].reading.joules > 0) /* a counter that has not moved yet tells nothing */
            rb_row_real(&row, RB_COL(windows, energy_j), w->taken[i].reading.joules);
        rb_row_real(&row, RB_COL(windows, power_w), w->taken[i].reading.power_w);
        rb_row_real(&row, RB_COL(windows, temperature_c), w->taken[i].reading.temperature_c);
        status = rb_send_row(w->to, &row);
        rb_row_end(&row);
        RB_TRY(status);
    }
cleanup:
    return status;
}

/* A column's value as a double, NaN where it is empty. */
static double value_of(const rb_row *row, int column) {
    const rb_cell *cell = &row->cells[column];
    return cell->type == RB_CELL_REAL ? cell->u.r : cell->type == RB_CELL_INT ? (double)cell->u.i : NAN;
}

/* What the machine told while the windows that count were measured. */
static void note_readings(const bench_work *w, const rb_windows *windows, double *values, rb_row *row) {
    double joules = 0, seconds = 0, samples = 0;
    int clocks = 0, throttled = 0, told = 0;
    for (int i = 0; i < windows->n; i++) {
        const rb_reading *r = &w->taken[i].reading;
        if (windows->list[i].warmup) continue;
        joules += r->joules;
        seconds += (double)windows->list[i].ns * 1e-9;
        samples += w->taken[i].rows;
        if (isfinite(r->clock_mhz)) values[clocks++] = r->clock_mhz;
        told += r->throttled >= 0;
        throttled += r->throttled > 0;
    }
    if (joules == 0) joules = NAN;
    rb_row_real(row, RB_COL(runs, power_w_mean), joules / seconds);
    rb_row_real(row, RB_COL(runs, energy_j_per_sample), joules / samples);
    if (clocks) rb_row_real(row, RB_COL(runs, clock_mhz_median), rb_median(values, clocks));
    if (told) rb_row_real(row, RB_COL(runs, throttled_frac), (double)throttled / told);
}

/* The roofline over a whole step, from what each of its ops computes and must move at least once. */
static double roofline_pct(const bench_work *w, double step_ns, double peak) {
    const rb_variant *v = rb_feed_variant(&w->feed);
    double flops = 0, bytes = 0;
    for (int i = 0; i < v->n_ops; i++) {
        flops += rb_op_flops(v, &v->ops[i]);
        bytes += rb_op_bytes(v, &v->ops[i], 4);
    }
    return isfinite(peak) && isfinite(w->roof.gbyte_per_s)
               ? 100 * flops / step_ns / fmin(peak, flops / bytes * w->roof.gbyte_per_s)
               : NAN;
}

static rb_status note_windows(const bench_work *w, const rb_windows *windows, rb_row *row) {
    rb_status status = RB_OK;
    rb_window_summary s;
    int n = 0;
    double *rates = malloc((size_t)(windows->n > 0 ? windows->n : 1) * sizeof *rates);
    if (!rates) return rb_fail(RB_MEMORY, "out of memory for %d windows", windows->n);
    RB_TRY(rb_windows_summarize(windows, &s));
    for (int i = 0; i < windows->n && i < w->n_windows; i++)
        if (!windows->list[i].warmup && windows->list[i].ns > 0)
            rates[n++] = w->taken[i].rows * 1e9 / (double)windows->list[i].ns;
    rb_row_int(row, RB_COL(runs, windows), s.windows);
    rb_row_int(row, RB_COL(runs, steps_timed), s.steps);
    rb_row_int(row, RB_COL(runs, step_wall_ns_median), llround(s.median));
    rb_row_int(row, RB_COL(runs, step_wall_ns_mad), llround(s.mad));
    rb_row_int(row, RB_COL(runs, step_wall_ns_p05), llround(s.p05));
    rb_row_int(row, RB_COL(runs, step_wall_ns_p95), llround(s.p95));
    rb_row_text(row, RB_COL(runs, stop_reason), rb_window_stop_word(windows->stop));
    double rate = rb_median(rates, n), mflop = rb_feed_flop(&w->feed) / 1e6;
    rb_row_real(row, RB_COL(runs, model_mflop_per_sample), mflop);
    rb_row_int(row, RB_COL(runs, batch_size), rb_feed_batch(&w->feed));
    rb_row_real(row, RB_COL(runs, samples_per_s), rate);
    rb_row_real(row, RB_COL(runs, gflop_per_s), mflop * rate / 1e3);
    note_readings(w, windows, rates, row);
cleanup:
    free(rates);
    return status;
}

/* The peak wanders from minute to minute on shared machines: it is taken right before and right after the windows, and
 * the best counts, that of the session's begin too: a disturbance can only lower it. */
static rb_status note_peak(const rb_place *place, double *best) {
    double peak;
    rb_status status = RB_OK;
    if (!place->id.backend->fma_peak) return RB_OK;
    RB_TRY(place->id.backend->fma_peak(place->device, PEAK_S, &peak));
    if (!(peak <= *best)) *best = peak;
cleanup:
    return status;
}

/* Each op of a training step by itself, off the clock: rows of ops.csv. */
static rb_status send_profile(bench_work *w, const rb_place *place, const char *run_id) {
    rb_status status = RB_OK;
    const rb_backend *backend = place->id.backend;
    rb_trainer *t = place->trainer;
    const rb_program *p = rb_trainer_program(t);
    const rb_variant *v = &p->variant[RB_VARIANT_TRAIN];
    int steps = rb_trainer_steps_per_window(t) < PROFILE_STEPS ? rb_trainer_steps_per_window(t) : PROFILE_STEPS;
    int64_t *ns = calloc((size_t)v->n_ops, sizeof *ns);
    if (!ns) return rb_fail(RB_MEMORY, "out of memory for the times of %d ops", v->n_ops);
    if (!backend->profile) {
        rb_log(RB_LOG_WARN, "backend %s times no single ops: no ops.csv", backend->name);
        goto cleanup;
    }
    RB_TRY(rb_trainer_begin_window(t));
    if (p->spec.n_train < (int64_t)steps * p->spec.batch) steps = (int)(p->spec.n_train / p->spec.batch);
    RB_TRY(backend->profile(rb_trainer_bound(t, RB_VARIANT_TRAIN), steps, ns));
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        char name[96];
        rb_row row;
        snprintf(name, sizeof name, "%d %s %s", i, rb_op_name(op->kind),
                 v->tensors[op->out[op->out[0] < 0]].name); /* a batch norm on the input has no dx */
        rb_row_begin(&row, RB_TABLE_ops);
        rb_row_text(&row, RB_COL(ops, run_id), run_id);
        rb_row_text(&row, RB_COL(ops, op), name);
        rb_row_text(&row, RB_COL(ops, provider), backend->provider(rb_trainer_bound(t, RB_VARIANT_TRAIN), i));
        rb_row_int(&row, RB_COL(ops, calls), steps);
        rb_row_int(&row, RB_COL(ops, ns), ns[i]);
        if (ns[i] > 0) {
            rb_row_real(&row, RB_COL(ops, gflop_per_s), rb_op_flops(v, op) * steps / (double)ns[i]);
            rb_row_real(&row, RB_COL(ops, gbyte_per_s), rb_op_bytes(v, op, 4) * steps / (double)ns[i]);
        }
        status = rb_send_row(w->to, &row);
        rb_row_end(&row);
        RB_TRY(status);
    }
cleanup:
    free(ns);
    return status;
}

static const char *mode_of(const rb_options *o) {
    const char *mode = rb_value(o, RB_FLAG_MODE);
    return mode ? mode : "train";
}

static rb_status work(void *context, FILE *to) {
    bench_work *w = context;
    rb_status status = RB_OK;
    double started = rb_clock_s(), peak = w->roof.gflop_per_s;
    const char *mode = mode_of(w->o), *limit;
    rb_place place = {0};
    rb_windows windows = {0};
    rb_row row;
    w->to = to;
    rb_row_copy(w->row, &row);
    RB_TRY(rb_place_open(&place, w->o, w->item, &row));
    RB_TRY(rb_place_verify(&place, w->o, w->item, &w->verified, &row));
    if (!strcmp(mode, "largest-batch")) {
        int batch;
        RB_TRY(rb_largest_batch(&place, w->item, &batch, &limit));
        rb_row_int(&row, RB_COL(runs, batch_size), batch);
        rb_row_text(&row, RB_COL(runs, stop_reason), limit);
        rb_row_text(&row, RB_COL(runs, status), rb_status_word(RB_OK));
        goto cleanup;
    }
    RB_TRY(rb_place_trainer(&place, w->item, &row));
    w->feed = (rb_feed){.trainer = place.trainer, .inference = !strcmp(mode, "inference")};
    rb_meter_open(&w->meter, place.info.type, place.info.pci_bus);
    rb_window_limits l = rb_feed_limits(w->o);
    RB_TRY(note_peak(&place, &peak));
    RB_TRY(rb_windows_measure(&windows, &l, run_window, w));
    RB_TRY(note_peak(&place, &peak));
    RB_TRY(send_windows(w, &windows, rb_row_get_text(&row, RB_COL(runs, run_id))));
    RB_TRY(note_windows(w, &windows, &row));
    rb_row_real(&row, RB_COL(runs, peak_gflops), peak);
    rb_row_real(&row, RB_COL(runs, pct_peak_flops), 100 * value_of(&row, RB_COL(runs, gflop_per_s)) / peak);
    rb_row_real(&row, RB_COL(runs, pct_roofline),
                roofline_pct(w, value_of(&row, RB_COL(runs, step_wall_ns_median)), peak));
    if (rb_given(w->o, RB_FLAG_PROFILE)) RB_TRY(send_profile(w, &place, rb_row_get_text(&row, RB_COL(runs, run_id))));
    rb_row_text(&row, RB_COL(runs, status), rb_status_word(RB_OK));
cleanup:
    status = rb_place_finish(to, &row, status, started);
    rb_windows_free(&windows);
    rb_place_close(&place);
    free(w->taken);
    rb_row_end(&row);
    return status;
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

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
        double value = value_of(&r->rows[b->rows[i]], column);
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
        double now = fabs(value_of(row, RB_COL(runs, samples_per_s)) - median);
        if (now < fabs(value_of(&r->rows[best], RB_COL(runs, samples_per_s)) - median)) best = b->rows[i];
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
    const char *mode = mode_of(o);
    rb_item_row(item, strcmp(mode, "train") ? mode : "bench", row);
}

/* A median of two builds' values would speak of neither. */
static bool of_this_build(const rb_row *row) {
    return !strcmp(rb_row_get_text(row, RB_COL(runs, commit)), rb_build_commit()) &&
           row->cells[RB_COL(runs, dirty)].u.i == rb_build_dirty();
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
            if (!of_this_build(earlier)) {
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
    bench_work w = {.o = r->o, .roof = roof, .item = item, .row = &row, .verified = result->verified};
    RB_TRY(rb_recorder_item(r, work, &w, &row, label, index, total));
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
    bool timed = strcmp(mode_of(r->o), "largest-batch") != 0;
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
    if (!strcmp(mode_of(o), "largest-batch")) repetitions = 1; /* nothing is timed */
    if (rb_given(o, RB_FLAG_PROFILE) && strcmp(mode_of(o), "train") != 0)
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
