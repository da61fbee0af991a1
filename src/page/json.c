/* json.c: the report's data as JSON that may stand inside of a script element, each table within its share of the page.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "measure/build.h"
#include "page/internal.h"
#include "report/internal.h"

/* What JSON wants escaped, and what HTML would take for markup or JavaScript for the end of a line. */
static const char *escape_of(const unsigned char *s, int length, char small[8]) {
    if (length == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
        return s[2] == 0xa8 ? "\\u2028" : "\\u2029";
    if (length != 1) return NULL;
    if (*s == '"') return "\\\"";
    if (*s == '\\') return "\\\\";
    if (*s >= ' ' && *s != 0x7f && !strchr("<>&", *s)) return NULL;
    snprintf(small, 8, "\\u%04x", *s);
    return small;
}

/* Appends `length` bytes. */
static void append(rb_text *out, const char *s, size_t length) {
    if (length) rb_text_printf(out, "%.*s", (int)length, s);
}

void rb__page_json_text(const char *text, rb_text *out) {
    const unsigned char *s = (const unsigned char *)text, *plain = s;
    char small[8];
    rb_text_append(out, "\"");
    while (*s) {
        int length = rb__utf8_length(s);
        const char *escaped = length ? escape_of(s, length, small) : "\xef\xbf\xbd";
        if (escaped) {
            append(out, (const char *)plain, (size_t)(s - plain));
            rb_text_append(out, escaped);
        }
        s += length ? length : 1;
        if (escaped) plain = s;
    }
    append(out, (const char *)plain, (size_t)(s - plain));
    rb_text_append(out, "\"");
}

static void put_cell(const rb_page_cell *cell, rb_text *out) {
    switch (cell->type) {
    case RB_CELL_EMPTY:
        rb_text_append(out, "null");
        break;
    case RB_CELL_INT:
        rb_text_printf(out, "%lld", (long long)cell->u.i);
        break;
    case RB_CELL_REAL: /* as the CSV files have it */
        rb_text_printf(out, "%.9g", cell->u.r);
        break;
    case RB_CELL_TEXT:
        rb__page_json_text(cell->u.s, out);
        break;
    }
}

/* Rows until the table's share of the page is full; how many there were not put. */
static int put_rows(const rb_report *r, rb_page_table table, rb_text *out) {
    int n = r->tables[table].n, columns = rb__page_columns(table);
    size_t end = out->length + (size_t)rb__page_budget(table);
    for (int i = 0; i < n; i++) {
        if (out->length >= end) return n - i;
        rb_text_append(out, i ? ",\n[" : "\n[");
        for (int c = 0; c < columns; c++) {
            if (c) rb_text_append(out, ",");
            put_cell(rb__page_at(r, table, i, c), out);
        }
        rb_text_append(out, "]");
    }
    return 0;
}

static void put_table(const rb_report *r, rb_page_table table, rb_text *out, rb_text *notes) {
    int columns = rb__page_columns(table);
    rb_text_printf(out, ",\n\"%s\":{\"columns\":[", rb__page_table_name(table));
    for (int c = 0; c < columns; c++) {
        if (c) rb_text_append(out, ",");
        rb__page_json_text(rb__page_column_name(table, c), out);
    }
    rb_text_append(out, "],\"meaning\":[");
    for (int c = 0; c < columns; c++) {
        if (c) rb_text_append(out, ",");
        rb__page_json_text(rb__page_column_doc(table, c), out);
    }
    rb_text_append(out, "],\"rows\":[");
    int left = put_rows(r, table, out);
    rb_text_append(out, "]}");
    if (left)
        rb_text_printf(
            notes,
            "Table %s: %d of %d rows are left out here, to keep the page small; the sessions' CSV files have "
            "all of them.\n",
            rb__page_table_name(table), left, r->tables[table].n);
}

/* Lines as an array of texts; the last one may be without its end. */
static void put_sentences(const char *lines, rb_text *out) {
    rb_text one = {0};
    rb_text_append(out, "[");
    for (bool first = true; *lines; first = false) {
        size_t length = strcspn(lines, "\n");
        rb_text_clear(&one);
        append(&one, lines, length);
        rb_text_append(out, first ? "\n" : ",\n");
        rb__page_json_text(rb_text_string(&one), out);
        lines += length + (lines[length] == '\n');
    }
    rb_text_append(out, "]");
    out->failed |= one.failed;
    rb_text_free(&one);
}

rb_status rb_report_json(const rb_report *r, rb_text *out) {
    rb_text notes = {0};
    char utc[32];
    time_t now = time(NULL);
    struct tm broken;
    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
    rb_text_append(&notes, rb_text_string(&r->notes));
    rb_text_append(out, "{\"format\":1,\"title\":");
    rb__page_json_text(r->title, out);
    rb_text_printf(out, ",\"generated_utc\":\"%s\",\"version\":\"%s\",\"commit\":\"%s%s\",\n\"summary\":", utc,
                   rb_build_version(), rb_build_commit(), rb_build_dirty() ? "-dirty" : "");
    put_sentences(rb_text_string(&r->summary), out);
    for (int t = 0; t < RB_PAGE_TABLES; t++) put_table(r, (rb_page_table)t, out, &notes);
    rb_text_append(out, ",\n\"notes\":");
    put_sentences(rb_text_string(&notes), out);
    rb_text_append(out, "}");
    out->failed |= notes.failed;
    rb_text_free(&notes);
    return rb_text_status(out);
}
