/* internal.h: what the files of src/published share. */
#ifndef RB_PUBLISHED_INTERNAL_H
#define RB_PUBLISHED_INTERNAL_H

#include "core/text.h"
#include "published/published.h"
#include "report/peer.h"

/* Short names for what nearly every line here does. */
static inline const char *rb__cell(const rb_row *row, int column) { return rb_row_get_text(row, column); }
static inline double rb__number(const rb_row *row, int column) { return rb_row_number(row, column); }
static inline bool rb__same(const rb_row *a, const rb_row *b, int column) { return rb_row_same(a, b, &column, 1); }
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

/* --- how a device worked -------------------------------------------------------------------------------------------
 */

/* Of a row of `result_devices` among those of its table: provider and threads where another row of the same case on the
 * same device has others, how it submitted, quirks and settings where they are not the usual: "own onednn, fastest". */
void rb__way(const rb_row *rows, int n, const rb_row *row, rb_text *out);
bool rb__usual_submit(const char *device_key, const char *submit);
bool rb__usual_precision(const char *precision);
/* One peer stands in the table in several versions: then its name is told with the version. */
bool rb__peers_differ(const rb_row *rows, int n);
void rb__put_peer(const rb_row *row, bool version, rb_text *out);

/* --- Markdown -------------------------------------------------------------------------------------------------------
 */

void rb__put_count(double value, rb_text *out); /* 56150.4 as 56,150: four digits that count, thousands apart */
void rb__put_ratio(double value, rb_text *out);
/* Where a file of a set lies, seen from the document's folder. */
void rb__put_path(const rb_published *p, const char *set_name, const char *file, const char *folder, rb_text *out);
/* Widens first .. last by lines "2,4-5". */
void rb__note_range(const char *lines, int *first, int *last);
bool rb__differs(const rb_row *rows, int n, int column);
/* Of `result_devices`: what the devices' names mean, set by set. */
void rb__put_caption(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out);
bool rb__doubtful(const rb_row *row); /* other programs used the cores meanwhile */
extern const char rb__doubt[];        /* what the asterisk at such values means */

/* One table each, of at least one row. */
typedef void rb__md_table(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out);
rb__md_table rb__md_devices, rb__md_speeds, rb__md_regularizers, rb__md_machines, rb__md_sets;

#endif
