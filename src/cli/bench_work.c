/* bench_work.c: what one process of `bench` does, in the child: place, check, warm up, windows, one row of runs. */
#include "cli/bench_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/feed.h"
#include "cli/largest_batch.h"
#include "core/clock.h"
#include "core/log.h"
#include "measure/meter.h"
#include "measure/statistics.h"
#include "measure/windows.h"

enum { PROFILE_STEPS = 50 };
#define PEAK_S 0.1 /* for one measurement of the device's peak */

/* What is known of a window beside its time. */
typedef struct taken {
    double rows; /* samples: the last batch of an epoch may be smaller */
    rb_reading reading;
} taken;

typedef struct bench {
    const rb_bench_work *work;
    FILE *to;
    rb_feed feed;
    rb_meter meter;
    taken *taken; /* (n_windows) */
    int n_windows, capacity;
    double spoken;
} bench;

static rb_status run_window(void *context, int n, int64_t *ns) {
    bench *w = context;
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

static rb_status send_windows(const bench *w, const rb_windows *windows, const char *run_id) {
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

/* What the machine told while the windows that count were measured. */
static void note_readings(const bench *w, const rb_windows *windows, double *values, rb_row *row) {
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
static void note_roofline(const bench *w, double peak, rb_row *row) {
    const rb_variant *v = rb_feed_variant(&w->feed);
    double flops = 0, bytes = 0, triad = w->work->roof.gbyte_per_s;
    for (int i = 0; i < v->n_ops; i++) {
        flops += rb_op_flops(v, &v->ops[i]);
        bytes += rb_op_bytes(v, &v->ops[i], 4);
    }
    rb_row_real(row, RB_COL(runs, step_mflop), flops / 1e6);
    rb_row_real(row, RB_COL(runs, step_mbyte), bytes / 1e6);
    if (isfinite(peak) && isfinite(triad))
        rb_row_real(row, RB_COL(runs, pct_roofline),
                    100 * flops / rb_row_number(row, RB_COL(runs, step_wall_ns_median)) /
                        fmin(peak, flops / bytes * triad));
}

static rb_status note_windows(const bench *w, const rb_windows *windows, rb_row *row) {
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
    if (place->info.product_roundoff > 0) *best = NAN; /* the peak is fp32's, and says nothing of such products */
    if (!place->id.backend->fma_peak || place->info.product_roundoff > 0) return RB_OK;
    RB_TRY(place->id.backend->fma_peak(place->device, PEAK_S, &peak));
    if (!(peak <= *best)) *best = peak;
cleanup:
    return status;
}

/* Each op of a training step by itself, off the clock: rows of ops.csv. */
static rb_status send_profile(bench *w, const rb_place *place, const char *run_id) {
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

/* A speed is one of training only as long as something is trained: kernels that pass over zeros find none in NaN. */
static rb_status tell_divergence(const rb_feed *f) {
    rb_status status = RB_OK;
    double norm = 0;
    if (f->inference) return RB_OK;
    RB_TRY(rb_trainer_param_l2(f->trainer, &norm));
    if (!isfinite(norm))
        rb_log(RB_LOG_WARN,
               "%s: the parameters are no longer finite: steps on NaN were timed, which may be another amount of work",
               rb_trainer_case(f->trainer)->name);
cleanup:
    return status;
}

const char *rb_bench_mode(const rb_options *o) {
    const char *mode = rb_value(o, RB_FLAG_MODE);
    return mode ? mode : "train";
}

rb_status rb_bench_process(void *context, FILE *to) {
    const rb_bench_work *work = context;
    bench b = {.work = work, .to = to}, *w = &b;
    rb_status status = RB_OK;
    double started = rb_clock_s(), peak = work->roof.gflop_per_s;
    const char *mode = rb_bench_mode(work->o), *limit;
    rb_place place = {0};
    rb_windows windows = {0};
    rb_row row;
    rb_row_copy(work->row, &row);
    RB_TRY(rb_place_open(&place, work->o, work->item, &row));
    RB_TRY(rb_place_verify(&place, work->o, work->item, &work->verified, &row));
    if (!strcmp(mode, "largest-batch")) {
        int batch;
        RB_TRY(rb_largest_batch(&place, work->item, &batch, &limit));
        rb_row_int(&row, RB_COL(runs, batch_size), batch);
        rb_row_text(&row, RB_COL(runs, stop_reason), limit);
        rb_row_text(&row, RB_COL(runs, status), rb_status_word(RB_OK));
        goto cleanup;
    }
    RB_TRY(rb_place_trainer(&place, work->item, &row));
    w->feed = (rb_feed){.trainer = place.trainer, .inference = !strcmp(mode, "inference")};
    rb_meter_open(&w->meter, place.info.type, place.info.pci_bus);
    rb_window_limits l = rb_feed_limits(work->o);
    RB_TRY(note_peak(&place, &peak));
    RB_TRY(rb_windows_measure(&windows, &l, run_window, w));
    RB_TRY(note_peak(&place, &peak));
    RB_TRY(send_windows(w, &windows, rb_row_get_text(&row, RB_COL(runs, run_id))));
    RB_TRY(note_windows(w, &windows, &row));
    RB_TRY(tell_divergence(&w->feed));
    rb_row_real(&row, RB_COL(runs, peak_gflops), peak);
    rb_row_real(&row, RB_COL(runs, pct_peak_flops), 100 * rb_row_number(&row, RB_COL(runs, gflop_per_s)) / peak);
    note_roofline(w, peak, &row);
    if (rb_given(work->o, RB_FLAG_PROFILE))
        RB_TRY(send_profile(w, &place, rb_row_get_text(&row, RB_COL(runs, run_id))));
    rb_row_text(&row, RB_COL(runs, status), rb_status_word(RB_OK));
cleanup:
    status = rb_place_finish(to, &row, status, started);
    rb_windows_free(&windows);
    rb_place_close(&place);
    free(w->taken);
    rb_row_end(&row);
    return status;
}
