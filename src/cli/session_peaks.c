/* session_peaks.c: rows of peaks.csv for a session. */
#include "cli/session_peaks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/peak.h"
#include "core/log.h"
#include "measure/peak.h"
#include "regbench/backend.h"

typedef struct one_row {
    rb_row row;
    bool got;
} one_row;

static rb_status keep_row(void *context, const rb_row *row) {
    one_row *one = context;
    if (one->got || row->table != RB_TABLE_peaks) return RB_OK;
    rb_row_copy(row, &one->row);
    one->got = true;
    return RB_OK;
}

/* Arithmetic tells about clocks; memory's speed changes with where pages happen to lie. */
static double compute_peak(const rb_row *row) {
    double fma = rb_row_number(row, RB_COL(peaks, fma_gflop_per_s));
    return isfinite(fma) ? fma : rb_row_number(row, RB_COL(peaks, gemm_gflop_per_s));
}

static rb_status measure(rb_recorder *r, const char *selector, one_row *one) {
    rb_status status = RB_OK;
    rb_child_end end;
    rb_child_hooks hooks = {.context = one, .row = keep_row};
    rb_peak_work work = {
        .o = r->o, .selector = selector, .seconds = rb_given(r->o, RB_FLAG_QUICK) ? 0.05 : 0.3, .not_only_named = true};
    one->got = false; /* no driver is touched in this process: CUDA's does not survive a fork */
    RB_TRY(rb_child_run(rb_peak_send, &work, &hooks, rb_value_real(r->o, RB_FLAG_TIMEOUT, 120), &end));
    if (end.status != RB_OK && end.status != RB_INTERRUPTED)
        rb_log(RB_LOG_WARN, "the peak of %s cannot be measured: %s", selector, end.text);
cleanup:
    return status;
}

static rb_status write_row(rb_recorder *r, const char *moment, rb_row *row) {
    char utc[32];
    time_t now = time(NULL);
    struct tm broken;
    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
    rb_row_text(row, RB_COL(peaks, session_id), rb_session_id(r->session));
    rb_row_text(row, RB_COL(peaks, moment), moment);
    rb_row_text(row, RB_COL(peaks, utc), utc);
    return rb_session_row(r->session, row);
}

rb_status rb_session_peaks_begin(rb_session_peaks *p, rb_recorder *r, const rb_words *devices) {
    rb_status status = RB_OK;
    memset(p, 0, sizeof *p);
    p->rows = calloc((size_t)devices->n + 1, sizeof *p->rows);
    if (!p->rows) return rb_fail(RB_MEMORY, "out of memory for the peaks of devices");
    for (; p->n < devices->n && !rb_recorder_stopped(r); p->n++) {
        one_row one;
        rb_row_begin(&p->rows[p->n], RB_TABLE_peaks);
        RB_TRY(measure(r, devices->at[p->n], &one));
        if (!one.got) continue;
        p->rows[p->n] = one.row;
        RB_TRY(write_row(r, "begin", &p->rows[p->n]));
    }
cleanup:
    return status;
}

rb_status rb_session_peaks_end(rb_session_peaks *p, rb_recorder *r, const rb_words *devices) {
    rb_status status = RB_OK;
    for (int i = 0; i < p->n && !rb_recorder_stopped(r); i++) {
        one_row one;
        double before = compute_peak(&p->rows[i]);
        if (!isfinite(before)) continue;
        RB_TRY(measure(r, devices->at[i], &one));
        if (!one.got) continue;
        double drift;
        bool drifted = rb_peak_drifted(before, compute_peak(&one.row), &drift);
        rb_row_real(&one.row, RB_COL(peaks, drift_pct), drift);
        rb_row_int(&one.row, RB_COL(peaks, drifted), drifted);
        status = write_row(r, "end", &one.row);
        rb_row_end(&one.row);
        RB_TRY(status);
        if (drifted)
            rb_log(RB_LOG_WARN,
                   "%s: its peak changed by %+.0f %% during the session: something else ran, or its clock"
                   " changed; `regbench doctor` tells what disturbs",
                   devices->at[i], drift);
    }
cleanup:
    return status;
}

rb_roof rb_session_peaks_roof(const rb_session_peaks *p, const char *device) {
    for (int i = 0; i < p->n; i++)
        if (!strcmp(rb_row_get_text(&p->rows[i], RB_COL(peaks, device_key)), device))
            return (rb_roof){fmax(rb_row_number(&p->rows[i], RB_COL(peaks, fma_gflop_per_s)),
                                  rb_row_number(&p->rows[i], RB_COL(peaks, gemm_gflop_per_s))),
                             rb_row_number(&p->rows[i], RB_COL(peaks, triad_gbyte_per_s))};
    return (rb_roof){(double)NAN, (double)NAN};
}

void rb_session_peaks_free(rb_session_peaks *p) {
    for (int i = 0; i < p->n; i++) rb_row_end(&p->rows[i]);
    free(p->rows);
    memset(p, 0, sizeof *p);
}
