/* target.c: epochs and seconds until the target. */
#include "cli/target.h"

#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "report/tta.h"

rb_status rb_target_begin(rb_target *t, const rb_options *o, bool classes, const rb_epoch_result *from) {
    memset(t, 0, sizeof *t);
    t->value = rb_value_real(o, RB_FLAG_TARGET, 0);
    if (t->value > 0 && !classes)
        return rb_fail(RB_USAGE, "--target is an accuracy on the validation split: a regression has none");
    t->reached = t->value > 0 && from && from->val_acc_best >= t->value;
    return RB_OK;
}

void rb_target_see(rb_target *t, const rb_epoch_result *e) {
    if (t->value <= 0 || t->reached || !e->has_val || e->partial || !(e->val_acc >= t->value)) return;
    t->reached = true;
    t->epoch = e->epoch;
    t->train_s = e->train_s;
    t->total_s = e->train_s + e->eval_s;
}

void rb_target_note(const rb_target *t, rb_row *row) {
    if (t->value <= 0) return;
    rb_row_real(row, RB_COL(runs, target_value), t->value);
    rb_row_int(row, RB_COL(runs, target_reached), t->reached);
    if (!t->epoch) return;
    rb_row_int(row, RB_COL(runs, epochs_to_target), t->epoch);
    rb_row_real(row, RB_COL(runs, tta_train_s), t->train_s);
    rb_row_real(row, RB_COL(runs, tta_total_s), t->total_s);
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

/* The columns that people read: how the devices worked only as far as two rows differ in it. */
static int choose_columns(const rb_row *rows, int n, int *columns) {
    int chosen = 0;
    for (int c = 1; c < rb_table_columns(RB_TABLE_tta); c++) {
        bool wanted = c <= RB_COL(tta, tta_total_s);
        for (int i = 1; i < n && !wanted; i++) wanted = !rb_row_same(&rows[0], &rows[i], &c, 1);
        if (wanted) columns[chosen++] = c;
    }
    return chosen;
}

rb_status rb_target_print(const rb_recorder *r) {
    rb_status status = RB_OK;
    rb_row *rows = NULL;
    int n = 0, columns[RB_MAX_COLUMNS];
    const rb_row **runs = calloc((size_t)r->n + 1, sizeof *runs);
    if (!runs) return rb_fail(RB_MEMORY, "out of memory for a summary of %d runs", r->n);
    for (int i = 0; i < r->n; i++) runs[i] = &r->rows[i];
    RB_TRY(rb_tta_rows(runs, r->n, &rows, &n));
    if (n == 0) goto cleanup;
    RB_TRY(
        rb_print_text("\nTime to accuracy: medians over runs by Kaplan and Meier, those that did not reach the target"
                      " censored\n\n"));
    RB_TRY(rb_print_table(RB_TABLE_tta, RB_FORMAT_MD, rows, n, columns, choose_columns(rows, n, columns)));
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    free(runs);
    return status;
}
