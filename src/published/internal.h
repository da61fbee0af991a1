/* internal.h: what the files of src/published share. */
#ifndef RB_PUBLISHED_INTERNAL_H
#define RB_PUBLISHED_INTERNAL_H

#include "core/text.h"
#include "published/published.h"

static inline const char *rb__cell(const rb_row *row, int column) { return rb_row_get_text(row, column); }
/* NaN where it is empty. */
double rb__number(const rb_row *row, int column);
bool rb__same(const rb_row *a, const rb_row *b, int column);
/* Adds line numbers, ascending, as "2,4-6". */
void rb__lines(const int *lines /* (n) */, int n, rb_text *out);

/* A growing list of rows of one table. */
typedef struct rb__list {
    rb_row *rows;
    int n, capacity;
} rb__list;
/* The next row, begun. NULL: out of memory, and the failure is told. */
rb_row *rb__list_next(rb__list *list, rb_table table);

/* One group of values: rows of one file that measured the same. */
typedef struct rb__group {
    const rb_published_set *set;
    const rb_published_file *file;
    const rb_row *first;
    int n;
    int *lines;            /* (n) */
    double *values;        /* (n) samples per second */
    double pct_peak, peak; /* medians; NaN where no row has them */
} rb__group;

typedef struct rb__groups {
    rb__group *at;
    int n;
} rb__groups;
/* The speeds in all sets, regbench's and the peers', in the order of the files. */
rb_status rb__groups_of(const rb_published *p, const rb_published_choice *choice, rb__groups *out);
void rb__groups_free(rb__groups *groups);

#endif
