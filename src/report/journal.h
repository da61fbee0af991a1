/* journal.h: the files of a session that grow: events.jsonl, the source, and the CSVs made from it. */
#ifndef RB_REPORT_JOURNAL_H
#define RB_REPORT_JOURNAL_H

#include "regbench/report.h"

typedef struct rb__journal {
    const char *dir;
    int events;
    int csv[RB_TABLES]; /* -1: no row yet */
} rb__journal;

/* Opens or creates events.jsonl; a last line without its end (a killed writer's) is cut off. */
rb_status rb__journal_open(rb__journal *j, const char *dir);
void rb__journal_close(rb__journal *j);
/* The event first, then the row; each is there whole or not at all. */
rb_status rb__journal_write(rb__journal *j, const rb_row *row);
/* Hands every row of events.jsonl to `see`, and NULL for a line that is none. */
rb_status rb__journal_read(rb__journal *j, rb_status (*see)(void *context, const rb_row *row), void *context);
/* Writes every CSV anew from the rows for which `keep` says true. */
rb_status rb__journal_rebuild(rb__journal *j, bool (*keep)(void *context, const rb_row *row), void *context);

#endif
