/* collect.h: the rows of recorded sessions, read back from their files one by one. */
#ifndef RB_REPORT_COLLECT_H
#define RB_REPORT_COLLECT_H

#include "regbench/report.h"

/* The row is the caller's until `see` returns; a status other than RB_OK ends the reading. */
typedef rb_status rb_collect_row(void *context, const rb_row *row);

/* Every row behind `path`: TABLE.csv (TABLE.1.csv .. of other versions alike), events.jsonl, or a folder: its CSVs, and
 * those of the folders below. A file counts once, by whatever name it comes. Copies are left out: TABLE.1.csv
 * beside the events.jsonl from which TABLE.csv was made anew, and the runs of parts in `sessions` below a folder whose
 * runs.csv was put together from them. RB_MISSING: nothing there, or a folder
 * without any session; RB_INPUT: a damaged file, one of no table of ours, or of a newer version, with the line. */
rb_status rb_collect(const char *const *paths, int n, rb_collect_row *see, void *context);

#endif
