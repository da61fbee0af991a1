/* consistent.c: files of a session against each other: epochs.csv and runs.csv, ratios.csv and runs.csv. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/statistics.h"
#include "published/internal.h"
#include "report/collect.h"
#include "report/csv_read.h"
#include "report/others.h"

/* --- epochs ---------------------------------------------------------------------------------------------------------
 */

/* What is known of a run while its epochs go by. */
typedef struct seen {
    double epoch, seconds, best, last; /* last: val_acc of `epoch`; NaN */
} seen;

typedef struct epochs {
    const rb_published_set *set;
    const rb_published_file *file, *runs;
    rb_findings *f;
    seen *seen; /* one per row of runs */
    int line;
} epochs;

static int run_of(const epochs *e, const char *run_id) {
    for (int i = 0; i < e->runs->n; i++)
        if (!strcmp(rb__cell(&e->runs->rows[i], RB_COL(runs, run_id)), run_id)) return i;
    return -1;
}

static rb_status see_epoch(void *context, const rb_row *row) {
    static const int shares[] = {RB_COL(epochs, train_acc), RB_COL(epochs, train_eval_acc), RB_COL(epochs, val_acc),
                                 RB_COL(epochs, test_acc)};
    epochs *e = context;
    rb_status status = RB_OK;
    int line = ++e->line, run = run_of(e, rb__cell(row, RB_COL(epochs, run_id)));
    const char *name = e->file->name;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double value = rb__number(row, shares[i]);
        if (isfinite(value) && !(value >= 0 && value <= 1))
            RB_TRY(rb_finding(e->f, e->set, name, line, RB_BAD, "plausible", "%s is %.6g, not between 0 and 1",
                              rb_column_name(RB_TABLE_epochs, shares[i]), value));
    }
    if (run < 0) {
        status = rb_finding(e->f, e->set, name, line, RB_BAD, "consistent", "run_id %s is not in runs.csv",
                            rb__cell(row, RB_COL(epochs, run_id)));
        goto cleanup;
    }
    seen *s = &e->seen[run];
    double epoch = rb__number(row, RB_COL(epochs, epoch)), seconds = rb__number(row, RB_COL(epochs, train_s_cum));
    if (epoch < s->epoch || seconds < s->seconds)
        RB_TRY(rb_finding(e->f, e->set, name, line, RB_BAD, "consistent",
                          "epoch %.0f after %.6g s comes after epoch %.0f after %.6g s", epoch, seconds, s->epoch,
                          s->seconds));
    s->epoch = epoch;
    if (isfinite(seconds)) s->seconds = seconds;
    s->last = rb__number(row, RB_COL(epochs, val_acc));
    s->best = fmax(s->best, s->last);
cleanup:
    return status;
}

static rb_status check_run(const epochs *e, int i) {
    rb_status status = RB_OK;
    const rb_row *run = &e->runs->rows[i];
    const seen *s = &e->seen[i];
    double best = rb__number(run, RB_COL(runs, val_acc_best)), final = rb__number(run, RB_COL(runs, val_acc_final));
    bool whole = s->epoch > 0 && s->epoch == rb__number(run, RB_COL(runs, epochs_run));
    if (s->best > best + 1e-6)
        RB_TRY(rb_finding(e->f, e->set, e->runs->name, i + 2, RB_BAD, "consistent",
                          "val_acc_best is %.6g, epochs.csv has %.6g", best, s->best));
    if (whole && rb__number(run, RB_COL(runs, kept_epoch)) != rb__number(run, RB_COL(runs, kept_epoch)) &&
        fabs(s->last - final) > 1e-6)
        RB_TRY(rb_finding(e->f, e->set, e->runs->name, i + 2, RB_BAD, "consistent",
                          "val_acc_final is %.6g, the last epoch of epochs.csv has %.6g", final, s->last));
cleanup:
    return status;
}

rb_status rb_check_epochs(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    rb_status status = RB_OK;
    const char *const path[] = {file->path};
    epochs e = {.set = set, .file = file, .f = f, .line = 1, .runs = rb_published_beside(set, file, "runs.csv")};
    if (!e.runs || e.runs->trouble)
        return rb_finding(f, set, file->name, 0, RB_BAD, "consistent",
                          "no readable runs.csv beside it says whose epochs these are");
    e.seen = calloc((size_t)e.runs->n + 1, sizeof *e.seen);
    if (!e.seen) return rb_fail(RB_MEMORY, "out of memory for %d runs", e.runs->n);
    for (int i = 0; i < e.runs->n; i++) e.seen[i].best = e.seen[i].last = NAN;
    RB_TRY(rb_collect(path, 1, see_epoch, &e));
    for (int i = 0; i < e.runs->n; i++) RB_TRY(check_run(&e, i));
cleanup:
    free(e.seen);
    return status;
}

/* --- ratios.csv of bench/peers/alternate ----------------------------------------------------------------------------
 */

/* alternate's name of a peer says its precision too: torch-eager-bf16 is backend torch-eager in bf16. */
static bool is_called(const rb_row *row, const char *name) {
    const char *backend = rb__cell(row, RB_COL(runs, backend)), *precision = rb__cell(row, RB_COL(runs, precision));
    size_t length = strlen(backend);
    if (strncmp(name, backend, length) != 0) return false;
    if (!*precision || !strcmp(precision, "fp32")) return !name[length];
    return name[length] == '-' && !strcmp(name + length + 1, precision);
}

/* Median of the speeds in runs.csv that a line of ratios.csv tells of, of regbench or the peer; NaN: none. */
static double median_of(const rb_published_file *runs, const rb_csv *csv, int line, bool peer, double *room) {
    const char *name = rb_csv_get(csv, line, "case"), *device = rb_csv_get(csv, line, "device");
    double batch = strtod(rb_csv_get(csv, line, "batch"), NULL);
    int n = 0;
    for (int i = 0; i < runs->n; i++) {
        const rb_row *row = &runs->rows[i];
        const char *key = rb__cell(row, RB_COL(runs, device_key));
        if (strcmp(rb__cell(row, RB_COL(runs, case)), name) != 0 ||
            rb__number(row, RB_COL(runs, batch_size)) != batch || !rb_published_is_speed(row) ||
            rb_run_is_peer(row) != peer)
            continue;
        if (peer ? !is_called(row, rb_csv_get(csv, line, "peer"))
                 : *device && strncmp(device, key, strlen(device)) != 0)
            continue;
        room[n++] = rb__number(row, RB_COL(runs, samples_per_s));
    }
    return n ? rb_median(room, n) : NAN;
}

static rb_status check_ratio(const rb_published_set *set, const rb_published_file *file, const rb_published_file *runs,
                             const rb_csv *csv, int i, double *room, rb_findings *f) {
    rb_status status = RB_OK;
    double own = strtod(rb_csv_get(csv, i, "regbench_samples_per_s"), NULL),
           peer = strtod(rb_csv_get(csv, i, "peer_samples_per_s"), NULL),
           ratio = strtod(rb_csv_get(csv, i, "ratio"), NULL),
           others = strtod(rb_csv_get(csv, i, "others_cores_max"), NULL);
    const char *name = rb_csv_get(csv, i, "case");
    if (strcmp(rb_csv_get(csv, i, "status"), "ok") != 0)
        return rb_finding(f, set, file->name, i + 2, RB_ADMIT_FAILED, "", "%s: status %s", name,
                          rb_csv_get(csv, i, "status"));
    if (!(own > 0 && peer > 0 && fabs(own / peer - ratio) < 1e-4 * ratio))
        RB_TRY(rb_finding(f, set, file->name, i + 2, RB_BAD, "consistent", "%s: %.6g / %.6g is not the ratio %.6g",
                          name, own, peer, ratio));
    if (others > RB_OTHERS_CORES)
        RB_TRY(rb_finding(f, set, file->name, i + 2, RB_ADMIT_DISTURBED, "",
                          "%s: other programs used %.2f cores meanwhile", name, others));
    if (!runs) goto cleanup;
    double a = median_of(runs, csv, i, false, room), b = median_of(runs, csv, i, true, room);
    if (isnan(a) || isnan(b)) {
        status = rb_finding(f, set, file->name, i + 2, RB_BAD, "consistent", "%s: runs.csv has no speeds of %s", name,
                            isnan(a) ? "regbench" : rb_csv_get(csv, i, "peer"));
        goto cleanup;
    }
    if (*rb_csv_get(csv, i, "device")) b = peer; /* two devices share one peer */
    if (fabs(a - own) > 1e-4 * own || fabs(b - peer) > 1e-4 * peer)
        RB_TRY(rb_finding(f, set, file->name, i + 2, RB_BAD, "consistent",
                          "%s: medians %.6g and %.6g, runs.csv has %.6g and %.6g", name, own, peer, a, b));
cleanup:
    return status;
}

rb_status rb_check_ratios(const rb_published_set *set, const rb_published_file *file, rb_findings *f) {
    static const char *const wanted[] = {"case",  "batch", "regbench_samples_per_s", "peer_samples_per_s",
                                         "ratio", "status"};
    rb_status status = RB_OK;
    rb_csv csv = {0};
    const rb_published_file *runs = rb_published_beside(set, file, "runs.csv");
    double *room = malloc(((size_t)(runs ? runs->n : 0) + 1) * sizeof *room);
    if (!room) return rb_fail(RB_MEMORY, "out of memory for the rows of %s", file->path);
    status = rb_csv_read(file->path, &csv);
    if (status == RB_INPUT || status == RB_MISSING) {
        status = rb_finding(f, set, file->name, 0, RB_BAD, "schema", "%s", rb_error_last()->text);
        rb_error_clear();
    }
    if (status != RB_OK) goto cleanup;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && csv.cells; i++)
        if (rb_csv_column(&csv, wanted[i]) < 0) {
            status = rb_finding(f, set, file->name, 0, RB_BAD, "schema", "it has no column %s", wanted[i]);
            goto cleanup;
        }
    for (int i = 0; i < csv.n_rows; i++) RB_TRY(check_ratio(set, file, runs, &csv, i, room, f));
cleanup:
    free(room);
    rb_csv_free(&csv);
    return status;
}
