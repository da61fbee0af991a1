/* sql.h: the tables of columns.def as SQL, and an SQLite database of them. */
#ifndef RB_REPORT_SQL_H
#define RB_REPORT_SQL_H

#include "regbench/report.h"

struct rb_text;
/* CREATE TABLE of one table, with the columns' meanings as comments. */
void rb_sql_schema(rb_table table, struct rb_text *out);

/* A database in the making: beside `path`, in whose place it comes at the end. RB_USAGE: this build has no SQLite;
 * RB_INPUT: another program's file is there. */
typedef struct rb_sql rb_sql;
rb_status rb_sql_open(const char *path, rb_sql **out);
rb_status rb_sql_row(rb_sql *s, const rb_row *row);
/* RB_DISK, RB_OUTPUT: what stood there before still does. */
rb_status rb_sql_finish(rb_sql *s);
void rb_sql_close(rb_sql *s); /* without rb_sql_finish nothing is left */

#endif
