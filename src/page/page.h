/* page.h: the report: recorded sessions read at once, as tables, sentences, a page that works offline, or markdown. */
#ifndef RB_PAGE_PAGE_H
#define RB_PAGE_PAGE_H

#include "regbench/status.h"

struct rb_text;
typedef struct rb_report rb_report;

/* Reads the sessions in the folders `paths` (n) and below, and computes every table. `title` NULL: "regbench report".
 *
 * One damaged session of several is left out, one whose writer was killed is taken as far as its CSV files go; a note
 * in the report says so. RB_MISSING: no such folder, or no session there; RB_INPUT: none that can be read (of a newer
 * version, damaged), with the reason of the first. */
rb_status rb_report_read(const char *const *paths, int n, const char *title, rb_report **out);
void rb_report_free(rb_report *report); /* NULL is fine */

/* Appended to `out`. The data as JSON on one line, with nothing in it that would end a script element. */
rb_status rb_report_json(const rb_report *report, struct rb_text *out);
/* One file: markup, style, scripts, data. Nothing in it refers to anything outside. */
rb_status rb_report_html(const rb_report *report, struct rb_text *out);
/* For a pull request: the sentences and the main tables, long ones cut short. */
rb_status rb_report_md(const rb_report *report, struct rb_text *out);

#endif
