/* html.c: the page: the embedded template with the report's title and data in it. */
#include <string.h>

#include "page/internal.h"
#include "report/internal.h"

static void put_escaped(const char *s, rb_text *out) {
    for (int n; *s; s += n ? n : 1) {
        n = rb__utf8_length((const unsigned char *)s);
        if (n != 1) {
            rb_text_printf(out, "%.*s", n ? n : 3, n ? s : "\xef\xbf\xbd");
            continue;
        }
        switch (*s) {
        case '<':
            rb_text_append(out, "&lt;");
            break;
        case '>':
            rb_text_append(out, "&gt;");
            break;
        case '&':
            rb_text_append(out, "&amp;");
            break;
        case '"':
            rb_text_append(out, "&quot;");
            break;
        default:
            rb_text_printf(out, "%c", *s);
        }
    }
}

rb_status rb_report_html(const rb_report *r, rb_text *out) {
    size_t bytes;
    rb_status status = RB_OK;
    const char *at = rb__page_template(&bytes), *next;
    /* What was put in is not searched again: a title may well be "{{data}}". */
    for (; (next = strstr(at, "{{")); at = next) {
        bool title = !strncmp(next, "{{title}}", 9), data = !strncmp(next, "{{data}}", 8);
        rb_text_printf(out, "%.*s", (int)(next - at), at);
        if (title) {
            put_escaped(r->title, out);
            next += 9;
        } else if (data) {
            RB_TRY(rb_report_json(r, out));
            next += 8;
        } else {
            rb_text_append(out, "{{");
            next += 2;
        }
    }
    rb_text_append(out, at);
    status = rb_text_status(out);
cleanup:
    return status;
}
