/* effects.c: the verb `effects`: what a regularizer changes, from recorded sessions. */
#include "report/effects.h"

#include <stdlib.h>

#include "cli/verb.h"
#include "core/file.h"
#include "core/log.h"
#include "core/text.h"

/* FOLDER/effects.csv, for pictures and spreadsheets. */
static rb_status write_table(const char *folder, const rb_row *rows, int n) {
    rb_status status = RB_OK;
    rb_text path = {0}, csv = {0};
    rb_text_printf(&path, "%s/effects.csv", folder);
    rb_csv_header(RB_TABLE_effects, &csv);
    for (int i = 0; i < n; i++) rb_csv_row(&rows[i], &csv);
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_text_status(&csv));
    RB_TRY(rb_file_replace(rb_text_string(&path), csv.data, csv.length));
    rb_log(RB_LOG_INFO, "wrote %s", rb_text_string(&path));
cleanup:
    rb_text_free(&path);
    rb_text_free(&csv);
    return status;
}

rb_status rb_verb_effects(const rb_options *o) {
    static const int columns[] = {RB_COL(effects, arm),      RB_COL(effects, base),    RB_COL(effects, device_key),
                                  RB_COL(effects, figure),   RB_COL(effects, pairs),   RB_COL(effects, base_mean),
                                  RB_COL(effects, arm_mean), RB_COL(effects, change),  RB_COL(effects, low),
                                  RB_COL(effects, high),     RB_COL(effects, verdict), RB_COL(effects, rank),
                                  RB_COL(effects, note)};
    rb_status status = RB_OK;
    rb_effect_runs runs = {0};
    rb_row *rows = NULL;
    int n = 0;
    const char *base = rb_value(o, RB_FLAG_BASE);
    const rb_case *c;
    if (o->names.n == 0)
        return rb_fail(RB_USAGE,
                       "`regbench effects` needs the folder of a session, as `regbench run -O DIR` writes it");
    if (base) RB_TRY(rb_case_find(base, &c));
    for (int i = 0; i < o->names.n; i++) RB_TRY(rb_effects_read(o->names.at[i], &runs));
    RB_TRY(rb_effects_rows(&runs, base, &rows, &n));
    RB_TRY(rb_print_table(RB_TABLE_effects, rb_output_format(o), rows, n, columns, sizeof columns / sizeof *columns));
    if (rb_given(o, RB_FLAG_OUT_DIR)) RB_TRY(write_table(rb_value(o, RB_FLAG_OUT_DIR), rows, n));
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    rb_effects_free(&runs);
    return status;
}
