/* run_item.c: one run of a case in a child, recorded; a run that the session has already is not run again. */
#include "cli/run_item.h"

#include <string.h>

#include "cli/run_work.h"
#include "cli/verb.h"

/* The recorder's row of this run_id, -1 where it has none. */
static int find_row(const rb_recorder *r, const char *run_id) {
    for (int i = 0; i < r->n; i++)
        if (strcmp(rb_row_get_text(&r->rows[i], RB_COL(runs, run_id)), run_id) == 0) return i;
    return -1;
}

rb_status rb_run_item(rb_recorder *r, const rb_item *item, rb_verified *verified, int index, int total, int *at) {
    rb_status status = RB_OK;
    rb_row row;
    char label[1300];
    rb_item_row(item, "run", &row);
    rb_note_settings(r->o, false, &row);
    const rb_row *earlier = rb_session_find_run(r->session, &row);
    if (earlier) {
        *at = find_row(r, rb_row_get_text(earlier, RB_COL(runs, run_id)));
        if (*at >= 0) goto cleanup;
        RB_TRY(rb_recorder_earlier(r, earlier));
        r->earlier++;
        r->foreign += !rb_recorder_this_build(earlier);
        double target = rb_value_real(r->o, RB_FLAG_TARGET, 0);
        r->untargeted += target > 0 && rb_row_number(earlier, RB_COL(runs, target_value)) != target;
        *at = r->n - 1;
        goto cleanup;
    }
    rb_recorder_stamp(r, &row);
    rb_item_label(item, label, sizeof label);
    rb_run_work w = {.o = r->o,
                     .item = item,
                     .row = &row,
                     .run_id = rb_row_get_text(&row, RB_COL(runs, run_id)),
                     .session_dir = rb_session_dir(r->session),
                     .verified = *verified};
    RB_TRY(rb_recorder_item(r, rb_run_process, &w, &row, label, index, total));
    *at = r->n - 1;
    *verified = rb_verified_by(&r->rows[*at]);
cleanup:
    rb_row_end(&row);
    return status;
}
