/* csv_read.h: a CSV file as an array of string rows with look-up by column name. */
#ifndef RB_REPORT_CSV_READ_H
#define RB_REPORT_CSV_READ_H

#include "regbench/status.h"

typedef struct rb_csv {
    char **cells; /* (n_rows + 1, n_columns), the header first; they point into `text` */
    char *text;
    int n_rows; /* without the header */
    int n_columns;
} rb_csv;

/* RB_MISSING: no such file; RB_INPUT: empty, no CSV (a quote that never ends), or rows of unequal length, with the
 * line's number. */
rb_status rb_csv_read(const char *path, rb_csv *out);
void rb_csv_free(rb_csv *csv);
/* RB_INPUT where a row's schema_version is not one that this program knows; `path` is for the message. Tables without
 * that column pass. */
rb_status rb_csv_check_version(const rb_csv *csv, const char *path);
int rb_csv_column(const rb_csv *csv, const char *name);               /* -1 where there is none */
const char *rb_csv_at(const rb_csv *csv, int row, int column);        /* row 0 is the first below the header */
const char *rb_csv_get(const rb_csv *csv, int row, const char *name); /* "" where there is no such column */
/* A cell as number; NaN where it is empty, no finite number, or there is no such column (-1). */
double rb_csv_number(const rb_csv *csv, int row, int column);

#endif
