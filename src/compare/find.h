/* find.h: the sessions in a folder and below it. */
#ifndef RB_COMPARE_FIND_H
#define RB_COMPARE_FIND_H

#include <stdbool.h>

#include "regbench/status.h"

bool rb_has_runs(const char *folder); /* a runs.csv */
/* Calls `see` for `folder`, if it is a session's (it holds runs.csv, events.jsonl or session.json), then for those
 * below it in alphabetical order, but for the parts that its runs.csv was put together from (`sessions`); links are not
 * followed. A status other than RB_OK ends the search. */
rb_status rb_sessions_find(const char *folder, rb_status (*see)(void *context, const char *folder), void *context);

#endif
