/* others.h: what other programs used of the cores while speeds were measured, as ratios.csv of bench/peers/alternate
 * says. */
#ifndef RB_REPORT_OTHERS_H
#define RB_REPORT_OTHERS_H

#include "regbench/report.h"
#include "report/csv_read.h"

/* Cores: a speed measured while others used more is a doubtful value (the * of the published tables). */
#define RB_OTHERS_CORES        0.15
#define RB_OTHERS_TEXT_(cores) #cores
#define RB_OTHERS_TEXT(cores)  RB_OTHERS_TEXT_(cores)
#define RB_OTHERS_CORES_TEXT   RB_OTHERS_TEXT(RB_OTHERS_CORES) /* "0.15" */

/* The most that others used while the case of this row of `runs` was measured; NaN where nobody looked. `ratios` may
 * have no rows. */
double rb_others_cores(const rb_csv *ratios, const rb_row *run);

#endif
