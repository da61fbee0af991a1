/* tta.c: medians over seeds by Kaplan and Meier of the time to accuracy. */
#include "report/tta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "measure/statistics.h"
#include "measure/survival.h"
#include "report/choices.h"

/* Seconds on other hardware, by other code, of another build or on more threads are other seconds. */
static bool same_group(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case),         RB_COL(runs, machine),  RB_COL(runs, device_key),
                                  RB_COL(runs, device),       RB_COL(runs, dataset),  RB_COL(runs, overrides),
                                  RB_COL(runs, precision),    RB_COL(runs, provider), RB_COL(runs, submit),
                                  RB_COL(runs, quirks),       RB_COL(runs, commit),   RB_COL(runs, dirty),
                                  RB_COL(runs, target_value), RB_COL(runs, threads)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns) && rb_run_same_choices(a, b);
}

/* Ended by itself, with a target: what failed or was interrupted says nothing about when. */
static bool counts(const rb_row *row) {
    rb_status word = rb_status_from_word(rb_row_get_text(row, RB_COL(runs, status)));
    if (isnan(rb_row_number(row, RB_COL(runs, target_value)))) return false;
    if (rb_row_number(row, RB_COL(runs, target_reached)) == 1 &&
        isnan(rb_row_number(row, RB_COL(runs, epochs_to_target))))
        return false; /* reached before its checkpoint: when, the resumed run does not know */
    return word == RB_OK || word == RB_DIVERGED || word == RB_UNEXPECTED;
}

/* It ended before its last epoch without having come to the target, and so never will: it diverged, or its rule for
 * early stopping gave up. To call that censored, as if it might have come to it a moment later, would praise it. */
static bool gave_up(const rb_row *row) {
    return !strcmp(rb_row_get_text(row, RB_COL(runs, status)), rb_status_word(RB_DIVERGED)) ||
           isfinite(rb_row_number(row, RB_COL(runs, stop_epoch)));
}

/* Median over a group's runs of a column that only those have which reached the target. The others are watched until
 * `end`, in the same unit. NaN where somebody's end is not known (rows
 * of an older version): to leave those out that did not reach it would be to praise the others. */
static double median(const rb_row *const *group, int n, int column, const double *end, bool *seen, double *times) {
    for (int i = 0; i < n; i++) {
        seen[i] = rb_row_number(group[i], RB_COL(runs, target_reached)) == 1;
        times[i] = seen[i] ? rb_row_number(group[i], column) : gave_up(group[i]) ? INFINITY : end[i];
        if (isnan(times[i])) return (double)NAN;
    }
    return rb_survival_median(times, seen, n);
}

static void summarize(const rb_row *const *group, int n, double *end, bool *seen, double *times, rb_row *out) {
    static const rb_cell_copy same[] = {
        RB_COPY(tta, runs, case),         RB_COPY(tta, runs, machine),   RB_COPY(tta, runs, device_key),
        RB_COPY(tta, runs, dataset),      RB_COPY(tta, runs, overrides), RB_COPY(tta, runs, precision),
        RB_COPY(tta, runs, provider),     RB_COPY(tta, runs, submit),    RB_COPY(tta, runs, threads),
        RB_COPY(tta, runs, quirks),       RB_COPY(tta, runs, commit),    RB_COPY(tta, runs, dirty),
        RB_COPY(tta, runs, target_value), RB_COPY(tta, runs, device)};
    int reached = 0, known = 0;
    rb_text choices = {0};
    rb_row_begin(out, RB_TABLE_tta);
    rb_row_copy_cells(group[0], out, same, sizeof same / sizeof *same);
    rb_run_choices(group[0], &choices);
    rb_row_text(out, RB_COL(tta, settings), rb_text_string(&choices));
    rb_text_free(&choices);
    for (int i = 0; i < n; i++) {
        bool came = rb_row_number(group[i], RB_COL(runs, target_reached)) == 1;
        double seconds = rb_row_number(group[i], came ? RB_COL(runs, tta_train_s) : RB_COL(runs, train_s)),
               epochs = rb_row_number(group[i], came ? RB_COL(runs, epochs_to_target) : RB_COL(runs, epochs_run));
        reached += came;
        if (isfinite(seconds) && epochs > 0) times[known++] = seconds / epochs;
        end[i] = rb_row_number(group[i], RB_COL(runs, epochs_run));
    }
    rb_row_int(out, RB_COL(tta, n), n);
    rb_row_int(out, RB_COL(tta, reached), reached);
    if (known) rb_row_real(out, RB_COL(tta, s_per_epoch), rb_median(times, known));
    rb_row_real(out, RB_COL(tta, epochs_to_target), median(group, n, RB_COL(runs, epochs_to_target), end, seen, times));
    for (int i = 0; i < n; i++) end[i] = rb_row_number(group[i], RB_COL(runs, train_s));
    rb_row_real(out, RB_COL(tta, tta_train_s), median(group, n, RB_COL(runs, tta_train_s), end, seen, times));
    for (int i = 0; i < n; i++) end[i] += rb_row_number(group[i], RB_COL(runs, eval_s));
    rb_row_real(out, RB_COL(tta, tta_total_s), median(group, n, RB_COL(runs, tta_total_s), end, seen, times));
}

/* One run per seed, the last of those that did the same: repeated, it draws the same and is no other sample. */
static int keep_seeds(const rb_row **group, int n) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < kept && !rb_row_same(group[k], group[i], &(int){RB_COL(runs, seed)}, 1)) k++;
        if (k == kept) kept++;
        group[k] = group[i];
    }
    return kept;
}

rb_status rb_tta_rows(const rb_row *const *runs, int n, rb_row **out, int *n_out) {
    rb_status status = RB_OK;
    size_t most = (size_t)n + 1;
    const rb_row **group = calloc(most, sizeof *group);
    double *end = calloc(most, sizeof *end), *times = calloc(most, sizeof *times);
    bool *seen = calloc(most, sizeof *seen), *done = calloc(most, sizeof *done);
    *n_out = 0;
    *out = calloc(most, sizeof **out);
    if (!group || !*out || !end || !times || !seen || !done) {
        status = rb_fail(RB_MEMORY, "out of memory for a summary of %d runs", n);
        goto cleanup;
    }
    for (int first = 0; first < n; first++) {
        int count = 0;
        if (done[first] || !counts(runs[first])) continue;
        for (int i = first; i < n; i++)
            if (counts(runs[i]) && same_group(runs[first], runs[i])) {
                group[count++] = runs[i];
                done[i] = true;
            }
        summarize(group, keep_seeds(group, count), end, seen, times, &(*out)[(*n_out)++]);
    }
cleanup:
    free(group);
    free(end);
    free(times);
    free(seen);
    free(done);
    return status;
}
