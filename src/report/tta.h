/* tta.h: time to accuracy over seeds, from rows of runs. */
#ifndef RB_REPORT_TTA_H
#define RB_REPORT_TTA_H

#include "regbench/report.h"

/* Rows of `tta`, to be ended and freed by the caller: one per case, machine, device, data set, overrides, precision,
 * code path, build and target among those of `runs` (n) that have a target and ended by themselves. None where there
 * are none. RB_MEMORY. */
rb_status rb_tta_rows(const rb_row *const *runs, int n, rb_row **out, int *n_out);

#endif
