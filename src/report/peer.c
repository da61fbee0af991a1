/* peer.c: which rows are another library's. */
#include "report/peer.h"

#include <string.h>

bool rb_run_is_peer(const rb_row *row) {
    return !*rb_row_get_text(row, RB_COL(runs, workload_hash)) && !*rb_row_get_text(row, RB_COL(runs, commit)) &&
           strcmp(rb_row_get_text(row, RB_COL(runs, phase)), "gbench") != 0;
}
