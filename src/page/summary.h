/* summary.h: what the files of the summary share. */
#ifndef RB_PAGE_SUMMARY_H
#define RB_PAGE_SUMMARY_H

#include "page/internal.h"

/* Adds the sentence, on one line, and clears it; nothing where it is empty. */
void rb__page_say(rb_report *r, rb_text *sentence);
const char *rb__page_plural(int n); /* "s" but for one */
int rb__page_by_text(const void *a, const void *b);
/* Who is fastest at what, and shares of the peaks. */
rb_status rb__page_tell_speeds(rb_report *r, rb_text *sentence);
/* How fast regbench is beside other libraries: of rows that took turns. */
rb_status rb__page_tell_peers(rb_report *r, rb_text *sentence);

#endif
