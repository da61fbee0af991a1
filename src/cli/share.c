/* share.c: the ten lines. No host, no user, no path: who pastes them publishes them. */
#include "cli/share.h"

#include <math.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/peak.h"
#include "cli/verb.h"
#include "core/sha256.h"
#include "measure/build.h"

static rb_status keep_peak(void *context, const rb_row *row) {
    double *peak = context;
    static const int columns[] = {RB_COL(peaks, fma_gflop_per_s), RB_COL(peaks, gemm_gflop_per_s)};
    for (int i = 0; i < 2 && row->table == RB_TABLE_peaks; i++)
        if (row->cells[columns[i]].type == RB_CELL_REAL) *peak = fmax(*peak, row->cells[columns[i]].u.r);
    return RB_OK;
}

/* NaN where it cannot be measured. */
static rb_status peak_of(const rb_recorder *r, const char *device, double *peak) {
    rb_child_end end;
    rb_child_hooks hooks = {.context = peak, .row = keep_peak};
    rb_peak_work work = {.o = r->o, .selector = device, .seconds = 0.3};
    *peak = NAN;
    return rb_child_run(rb_peak_send, &work, &hooks, 120, &end);
}

/* " word value", nothing where the value is unknown. */
static void number(rb_text *out, const char *format, double value) {
    char text[96];
    if (!isfinite(value)) return;
    snprintf(text, sizeof text, format, value);
    rb_text_append(out, text);
}

static rb_status print_one(const rb_row *row, const rb_env *env, double peak) {
    rb_status status = RB_OK;
    rb_text t = {0};
    char fact[96], sum[65];
    const char *key = rb_row_get_text(row, RB_COL(runs, device_key));
    snprintf(fact, sizeof fact, "%s.driver", key);
    rb_text_printf(&t, "regbench result, format 1, %s\n", rb_row_get_text(row, RB_COL(runs, started_utc)));
    rb_text_printf(&t, "device: %s %s, %s", key, rb_row_get_text(row, RB_COL(runs, device)),
                   rb_row_get_text(row, RB_COL(runs, isa)));
    number(&t, ", %.0f threads", rb_row_number(row, RB_COL(runs, threads)));
    rb_text_printf(&t, "\ndriver: %s\n", rb_env_get(env, fact));
    rb_text_printf(&t, "system: %s, %s, %s\n", rb_env_get(env, "os"), rb_env_get(env, "kernel"),
                   rb_env_get(env, "cpu"));
    rb_text_printf(&t, "build: %s, commit %s%s, %s, %s\n", rb_build_version(), rb_build_commit(),
                   rb_build_dirty() ? "-dirty" : "", rb_build_compiler(), rb_build_flags());
    rb_text_printf(&t, "case: %s %s, seed %.0f, batch %.0f, %s, workload %s\n",
                   rb_row_get_text(row, RB_COL(runs, case)), rb_row_get_text(row, RB_COL(runs, overrides)),
                   rb_row_number(row, RB_COL(runs, seed)), rb_row_number(row, RB_COL(runs, batch_size)),
                   rb_row_get_text(row, RB_COL(runs, precision)), rb_row_get_text(row, RB_COL(runs, workload_hash)));
    rb_text_printf(&t, "speed: %.6g samples/s, kernels of %s\n", rb_row_number(row, RB_COL(runs, samples_per_s)),
                   rb_row_get_text(row, RB_COL(runs, provider)));
    rb_text_append(&t, "share of its own peak: ");
    number(&t, "%.1f %%", 100 * rb_row_number(row, RB_COL(runs, gflop_per_s)) / peak);
    number(&t, " of %.1f GFLOP/s, measured", peak);
    rb_text_append(&t, isfinite(peak) ? "\n" : "not measured\n");
    rb_text_printf(&t, "verified: %s", rb_row_get_text(row, RB_COL(runs, verify)));
    number(&t, ", largest relative error %.2g", rb_row_number(row, RB_COL(runs, verify_max_rel_err)));
    number(&t, "; validation accuracy %.4f", rb_row_number(row, RB_COL(runs, val_acc_final)));
    rb_text_append(&t, "\n");
    RB_TRY(rb_text_status(&t));
    RB_TRY(rb_sha256(t.data, t.length, sum));
    rb_text_printf(&t, "checksum: %.16s\n", sum);
    RB_TRY(rb_text_status(&t));
    RB_TRY(rb_print_text(t.data));
cleanup:
    rb_text_free(&t);
    return status;
}

rb_status rb_share_print(const rb_recorder *r) {
    rb_status status = RB_OK;
    rb_env env = {0};
    char device[64] = "";
    double peak = NAN;
    RB_TRY(rb_env_collect(&env));
    RB_TRY(rb_devices_facts(&env));
    for (int i = 0; i < r->n; i++) {
        const char *key = rb_row_get_text(&r->rows[i], RB_COL(runs, device_key));
        if (strcmp(rb_row_get_text(&r->rows[i], RB_COL(runs, status)), rb_status_word(RB_OK)) != 0) continue;
        if (strcmp(device, key) != 0) RB_TRY(peak_of(r, key, &peak));
        snprintf(device, sizeof device, "%s", key);
        RB_TRY(print_one(&r->rows[i], &env, peak));
    }
cleanup:
    rb_env_free(&env);
    return status;
}
