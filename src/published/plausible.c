/* plausible.c: rows of runs.csv, each by itself: numbers that can be, a commit, a check that passed, known work. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/sha256.h"
#include "published/internal.h"
#include "regbench/lab.h"
#include "regbench/study.h"
#include "report/choices.h"

/* Model FLOPs count work that a kernel may skip (gradients behind a max-pooling), and a peak is measured too: a speed
 * this much above the peak is still possible, one beyond is not. */
static const double most_of_peak = 1.2;

/* Where some windows are k times as long as the others, the medians of rates and of times may make (1 + k)^2 / 4k of a
 * batch: up to here, of ten times as long ones, a disturbance explains it. */
static const double most_of_batch = 3;

/* A machine that others use for a moment measures a peak that is too low, but not a tenth of it. */
static const double most_of_peaks = 10;

typedef struct looking {
    const rb_published_set *set;
    const rb_published_file *file;
    rb_findings *f;
    double peak; /* the largest peak_gflops of the file's rows; NaN */
} looking;

#define BAD(l, i, check, ...) rb_finding((l)->f, (l)->set, (l)->file->name, (i) + 2, RB_BAD, check, __VA_ARGS__)

static bool is_own(const rb_row *row) { return !rb_run_is_peer(row); }

static bool near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * fmax(fabs(a), fabs(b)); }

/* --- ranges ---------------------------------------------------------------------------------------------------------
 */

static rb_status check_ranges(const looking *l, int i) {
    enum { SHARE, POSITIVE, AMOUNT };
    static const struct {
        int column, range;
    } columns[] = {{RB_COL(runs, val_acc_final), SHARE},
                   {RB_COL(runs, val_acc_best), SHARE},
                   {RB_COL(runs, test_acc), SHARE},
                   {RB_COL(runs, kept_val_acc), SHARE},
                   {RB_COL(runs, target_value), SHARE},
                   {RB_COL(runs, label_noise), SHARE},
                   {RB_COL(runs, dropout_p), SHARE},
                   {RB_COL(runs, throttled_frac), SHARE},
                   {RB_COL(runs, duration_s), POSITIVE},
                   {RB_COL(runs, samples_per_s), POSITIVE},
                   {RB_COL(runs, step_wall_ns_median), POSITIVE},
                   {RB_COL(runs, model_mflop_per_sample), POSITIVE},
                   {RB_COL(runs, gflop_per_s), POSITIVE},
                   {RB_COL(runs, peak_gflops), POSITIVE},
                   {RB_COL(runs, batch_size), POSITIVE},
                   {RB_COL(runs, n_train), POSITIVE},
                   {RB_COL(runs, threads), POSITIVE},
                   {RB_COL(runs, init_s), AMOUNT},
                   {RB_COL(runs, kernel_compile_s), AMOUNT},
                   {RB_COL(runs, mem_peak_mib), AMOUNT},
                   {RB_COL(runs, pct_peak_flops), AMOUNT},
                   {RB_COL(runs, power_w_mean), AMOUNT},
                   {RB_COL(runs, energy_j_per_sample), AMOUNT},
                   {RB_COL(runs, tta_train_s), AMOUNT},
                   {RB_COL(runs, verify_max_rel_err), AMOUNT}};
    static const char *const words[] = {"between 0 and 1", "above 0", "at least 0"};
    rb_status status = RB_OK;
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        double value = rb__number(&l->file->rows[i], columns[c].column);
        bool good = columns[c].range == SHARE      ? value >= 0 && value <= 1
                    : columns[c].range == POSITIVE ? value > 0
                                                   : value >= 0;
        if (isfinite(value) && !good)
            RB_TRY(BAD(l, i, "plausible", "%s is %.6g, not %s", rb_column_name(RB_TABLE_runs, columns[c].column), value,
                       words[columns[c].range]));
    }
    double best = rb__number(&l->file->rows[i], RB_COL(runs, val_acc_best)),
           final = rb__number(&l->file->rows[i], RB_COL(runs, val_acc_final));
    if (best < final - 1e-6)
        RB_TRY(BAD(l, i, "consistent", "val_acc_best %.6g is below val_acc_final %.6g", best, final));
cleanup:
    return status;
}

/* --- speeds ---------------------------------------------------------------------------------------------------------
 */

/* What peaks.csv of the set says of the row's device on as many threads; NaN. */
static double measured_peak(const rb_published_set *set, const rb_row *row) {
    double most = NAN;
    for (int f = 0; f < set->n; f++)
        for (int i = 0; set->files[f].table == RB_TABLE_peaks && i < set->files[f].n; i++) {
            const rb_row *p = &set->files[f].rows[i];
            if (!strcmp(rb__cell(p, RB_COL(peaks, device_key)), rb__cell(row, RB_COL(runs, device_key))) &&
                rb__number(p, RB_COL(peaks, threads)) == rb__number(row, RB_COL(runs, threads)))
                most = fmax(most, rb__number(p, RB_COL(peaks, fma_gflop_per_s)));
        }
    return most;
}

static rb_status check_speed(const looking *l, int i) {
    rb_status status = RB_OK;
    const rb_row *row = &l->file->rows[i];
    double rate = rb__number(row, RB_COL(runs, samples_per_s)),
           mflop = rb__number(row, RB_COL(runs, model_mflop_per_sample)),
           gflops = rb__number(row, RB_COL(runs, gflop_per_s)), peak = rb__number(row, RB_COL(runs, peak_gflops)),
           pct = rb__number(row, RB_COL(runs, pct_peak_flops)), ns = rb__number(row, RB_COL(runs, step_wall_ns_median)),
           batch = rb__number(row, RB_COL(runs, batch_size)), measured = measured_peak(l->set, row),
           p05 = rb__number(row, RB_COL(runs, step_wall_ns_p05)), p95 = rb__number(row, RB_COL(runs, step_wall_ns_p95));
    double least = isfinite(p05) ? p05 : ns, most = isfinite(p95) ? p95 : ns;
    if (isfinite(mflop) && isfinite(gflops) && !near(rate * mflop * 1e-3, gflops, 2e-3))
        RB_TRY(BAD(l, i, "consistent", "samples_per_s x model_mflop_per_sample is %.6g GFLOP/s, gflop_per_s says %.6g",
                   rate * mflop * 1e-3, gflops));
    if (isfinite(peak) && isfinite(pct) && !near(100 * gflops / peak, pct, 2e-3))
        RB_TRY(BAD(l, i, "consistent", "gflop_per_s / peak_gflops is %.4g %%, pct_peak_flops says %.4g",
                   100 * gflops / peak, pct));
    if (peak > most_of_peaks * measured || peak < measured / most_of_peaks)
        RB_TRY(BAD(l, i, "plausible", "peak_gflops is %.4g, peaks.csv of the set has %.4g", peak, measured));
    else if (peak > 1.5 * measured || peak < measured / 1.5)
        RB_TRY(rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_DISTURBED, "",
                          "peak_gflops is %.4g, peaks.csv of the set has %.4g: something was in the way", peak,
                          measured));
    /* A peak is fp32's: products that round their operands have another, which nobody measures. */
    const char *precision = rb__cell(row, RB_COL(runs, precision));
    const bool fp32 = !precision[0] || !strcmp(precision, "fp32");
    double bound = fmax(fmax(l->peak, measured), peak);
    if (fp32 && rate * mflop * 1e-3 > most_of_peak * bound)
        RB_TRY(BAD(l, i, "plausible", "%.6g samples/s are %.4g model GFLOP/s, %.0f %% of the measured peak of %.4g",
                   rate, rate * mflop * 1e-3, 0.1 * rate * mflop / bound, bound));
    if (fp32 && is_own(row) && !isfinite(bound))
        RB_TRY(BAD(l, i, "plausible", "no peak is known: neither peak_gflops nor peaks.csv; a speed cannot be judged"));
    /* The last batch of an epoch may be smaller; windows scatter, but their median lies among them. */
    if (isfinite(ns) && (rate * least * 1e-9 > most_of_batch * batch || rate * most * 1e-9 < 0.4 * batch))
        RB_TRY(BAD(l, i, "consistent",
                   "samples_per_s x step_wall_ns_median is %.4g samples a step, batch_size says %.0f", rate * ns * 1e-9,
                   batch));
    else if (isfinite(ns) && rate * least * 1e-9 > 1.15 * batch)
        RB_TRY(rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_DISTURBED, "",
                          "samples_per_s x step_wall_ns_median is %.4g samples a step, batch_size says %.0f: some "
                          "windows were much longer than others",
                          rate * ns * 1e-9, batch));
    if (rb__number(row, RB_COL(runs, throttled_frac)) > 0.1)
        RB_TRY(rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_DISTURBED, "",
                          "throttled in %.0f %% of the windows", 100 * rb__number(row, RB_COL(runs, throttled_frac))));
cleanup:
    return status;
}

/* A check of own kernels in fp32 says nothing of a library's, or of rounded operands. */
static bool same_arithmetic(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case),   RB_COL(runs, device_key), RB_COL(runs, device),
                                  RB_COL(runs, commit), RB_COL(runs, precision),  RB_COL(runs, provider),
                                  RB_COL(runs, quirks)};
    return rb_published_is_speed(b) && is_own(b) && rb_row_same(a, b, columns, sizeof columns / sizeof *columns) &&
           rb_run_same_choices(a, b);
}

/* One process of a case on a device has compared with the reference, somewhere in the set; others need not. */
static rb_status check_verified(const looking *l, int i) {
    const rb_row *row = &l->file->rows[i];
    for (int k = 0; k < i; k++)
        if (same_arithmetic(row, &l->file->rows[k])) return RB_OK; /* told at the first */
    for (int f = 0; f < l->set->n; f++)
        for (int k = 0; l->set->files[f].table == RB_TABLE_runs && k < l->set->files[f].n; k++) {
            const rb_row *other = &l->set->files[f].rows[k];
            const char *verify = rb__cell(other, RB_COL(runs, verify));
            if (same_arithmetic(row, other) && (!strcmp(verify, "quick") || !strcmp(verify, "full"))) return RB_OK;
        }
    return rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_UNVERIFIED, "",
                      "%s on %s: no process compared with the reference", rb__cell(row, RB_COL(runs, case)),
                      rb__cell(row, RB_COL(runs, device_key)));
}

/* --- the work -------------------------------------------------------------------------------------------------------
 */

/* The run of a study has a name of its own, which begins with the study's. */
static bool of_study(const char *name) {
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_study *s = (*lab)->studies; s && s->name; s++)
            if (strncmp(name, s->name, strlen(s->name)) == 0) return true;
    return false;
}

/* The case with the row's overrides and batch. RB_USAGE where this build has none such. */
static rb_status edit_of(const rb_row *row, rb_case_edit *edit) {
    rb_status status = RB_OK;
    const rb_case *c;
    char words[700], batch[24], *rest = NULL;
    double size = rb__number(row, RB_COL(runs, batch_size));
    RB_TRY(rb_case_find(rb__cell(row, RB_COL(runs, case)), &c));
    RB_TRY(rb_case_edit_begin(edit, c));
    snprintf(words, sizeof words, "%s", rb__cell(row, RB_COL(runs, overrides)));
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        if (!equals || !strncmp(word, "max-steps=", 10)) continue; /* limits of the run are no other work */
        *equals = '\0';
        RB_TRY(rb_case_edit_set(edit, word, equals + 1));
    }
    RB_TRY(rb_case_edit_check(edit));
    if (edit->c.batch != (int)size && size < edit->c.batch && size == rb__number(row, RB_COL(runs, n_train)))
        goto cleanup;
    snprintf(batch, sizeof batch, "%.0f", size);
    if (edit->c.batch != (int)size) status = rb_case_edit_set(edit, "batch", batch);
cleanup:
    return status;
}

static rb_status hash_of(const rb_row *row, char hex[65]) {
    rb_status status = RB_OK;
    rb_text text = {0};
    rb_case_edit *edit = malloc(sizeof *edit);
    if (!edit) return rb_fail(RB_MEMORY, "out of memory for a case");
    RB_TRY(edit_of(row, edit));
    RB_TRY(rb_case_describe(&edit->c, rb__cell(row, RB_COL(runs, dataset_sha256)),
                            (int64_t)rb__number(row, RB_COL(runs, n_train)), &text));
    RB_TRY(rb_sha256(rb_text_string(&text), text.length, hex));
    hex[12] = '\0';
cleanup:
    free(edit);
    rb_text_free(&text);
    return status;
}

static rb_status check_workload(const looking *l, int i) {
    const rb_row *row = &l->file->rows[i];
    const char *name = rb__cell(row, RB_COL(runs, case)), *is = rb__cell(row, RB_COL(runs, workload_hash));
    char hex[65] = "";
    for (int k = 0; k < i; k++) /* told at the first */
        if (rb__same(row, &l->file->rows[k], RB_COL(runs, case)) &&
            rb__same(row, &l->file->rows[k], RB_COL(runs, overrides)) &&
            rb__same(row, &l->file->rows[k], RB_COL(runs, workload_hash)))
            return RB_OK;
    if (!isfinite(rb__number(row, RB_COL(runs, n_train)))) return RB_OK; /* it failed before there was any work */
    rb_status status = hash_of(row, hex);
    if (status == RB_USAGE) {
        rb_error_clear();
        if (of_study(name)) return RB_OK;
        return rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_HISTORICAL, "",
                          "this build has no case %s with these overrides: its work is not known", name);
    }
    if (status != RB_OK || !strcmp(hex, is)) return status;
    return rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_HISTORICAL, "",
                      "workload_hash of %s is %s, in this build %s: the case has changed since, or its data are others",
                      name, is, hex);
}

/* --- who measured, and when -----------------------------------------------------------------------------------------
 */

static bool is_commit(const char *text) {
    for (int i = 0; i < 12; i++)
        if (!isxdigit((unsigned char)text[i])) return false;
    return !text[12];
}

static rb_status check_origin(const looking *l, int i) {
    rb_status status = RB_OK;
    const rb_row *row = &l->file->rows[i];
    const char *run_id = rb__cell(row, RB_COL(runs, run_id)), *word = rb__cell(row, RB_COL(runs, status)),
               *utc = rb__cell(row, RB_COL(runs, started_utc)), *commit = rb__cell(row, RB_COL(runs, commit));
    struct tm when = {0};
    for (int k = 0; k < i; k++)
        if (rb__same(row, &l->file->rows[k], RB_COL(runs, run_id)))
            RB_TRY(BAD(l, i, "consistent", "run_id %s stands in line %d already", run_id, k + 2));
    if (!*run_id) RB_TRY(BAD(l, i, "schema", "no run_id"));
    if (strcmp(word, "ok") != 0)
        RB_TRY(rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_FAILED, "", "%s on %s: status %s",
                          rb__cell(row, RB_COL(runs, case)), rb__cell(row, RB_COL(runs, device_key)), word));
    if (!*utc || !strptime(utc, "%Y-%m-%dT%H:%M:%SZ", &when) || timegm(&when) > time(NULL) + 86400)
        RB_TRY(BAD(l, i, "plausible", "started_utc \"%.40s\" is no time in the past", utc));
    if (rb_run_is_peer(row)) goto cleanup;
    if (!is_commit(commit)) RB_TRY(BAD(l, i, "schema", "commit \"%.40s\" is not 12 hex digits", commit));
    if (rb__number(row, RB_COL(runs, dirty)) != 0)
        RB_TRY(rb_finding(l->f, l->set, l->file->name, i + 2, RB_ADMIT_DIRTY, "",
                          "built from sources that differ from commit %.12s", commit));
cleanup:
    return status;
}

rb_status rb_check_runs(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    looking l = {set, file, f, NAN};
    int unverified = 0;
    for (int i = 0; i < file->n; i++) l.peak = fmax(l.peak, rb__number(&file->rows[i], RB_COL(runs, peak_gflops)));
    for (int i = 0; i < file->n; i++) {
        const rb_row *row = &file->rows[i];
        RB_TRY(check_origin(&l, i));
        RB_TRY(check_ranges(&l, i));
        if (rb_published_is_speed(row)) RB_TRY(check_speed(&l, i));
        if (!is_own(row)) continue;
        if (rb_published_is_speed(row)) RB_TRY(check_verified(&l, i));
        RB_TRY(check_workload(&l, i));
        unverified +=
            !strcmp(rb__cell(row, RB_COL(runs, phase)), "run") && !strcmp(rb__cell(row, RB_COL(runs, verify)), "off");
    }
    if (unverified)
        RB_TRY(rb_finding(f, set, file->name, 0, RB_NOTE, "verify",
                          "%d run%s of training did not compare with the reference first", unverified,
                          unverified == 1 ? "" : "s"));
cleanup:
    return status;
}
