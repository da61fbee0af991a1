/* md.c: the report for a pull request: sentences and the main tables, cut short. */
#include "page/internal.h"

rb_status rb_report_md(const rb_report *r, rb_text *out) {
    rb_text_printf(out, "# %s\n", r->title);
    return rb_text_status(out);
}
