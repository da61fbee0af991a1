/* internal.h: what the files of src/report share, and src/plot uses. */
#ifndef RB_REPORT_INTERNAL_H
#define RB_REPORT_INTERNAL_H

#include "core/file.h"
#include "regbench/report.h"

struct cJSON;
struct rb_text;

/* Length of the well-formed UTF-8 sequence at s, or 0 (also for overlong forms, surrogates, beyond U+10FFFF). */
int rb__utf8_length(const unsigned char *s);
int rb__text_width(const char *s); /* code points of UTF-8: what a column's width counts */
/* One field as CSV, quoted where it must be; no separator. */
void rb__csv_field(const char *s, struct rb_text *out);
void rb__csv_cell(const rb_cell *cell, struct rb_text *out);
/* A number for people: three to five digits. */
void rb__round_real(double r, struct rb_text *out);
/* A new JSON value, null for an empty cell. NULL: out of memory. */
struct cJSON *rb__json_cell(const rb_cell *cell);

#endif
