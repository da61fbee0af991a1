/* ways.c: how a device worked, in words, where that is not the usual: two rows of one case on one device differ in it.
 */
#include <string.h>

#include "published/internal.h"

/* Of the same case on the same device: what tells two such rows apart must be said. */
static bool same_place(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(result_devices, machine), RB_COL(result_devices, device_key),
                                  RB_COL(result_devices, case), RB_COL(result_devices, batch_size),
                                  RB_COL(result_devices, overrides)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* Another row of the place has another value. */
static bool differs(const rb_row *rows, int n, const rb_row *row, int column) {
    for (int i = 0; i < n; i++)
        if (same_place(&rows[i], row) && !rb__same(&rows[i], row, column)) return true;
    return false;
}

bool rb__usual_submit(const char *device_key, const char *submit) {
    static const char *const ways[][2] = {{"opencl", "eager"}, {"cuda", "graph"}};
    const char *usual = "direct";
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strncmp(device_key, ways[i][0], strlen(ways[i][0]))) usual = ways[i][1];
    return !*submit || !strcmp(submit, usual); /* empty: from before the column */
}

bool rb__usual_precision(const char *precision) { return !*precision || !strcmp(precision, "fp32"); }

static void add(const char *before, const char *word, rb_text *out) {
    rb_text_printf(out, "%s%s%s", out->length ? ", " : "", before, word);
}

void rb__way(const rb_row *rows, int n, const rb_row *row, rb_text *out) {
    const char *key = rb__cell(row, RB_COL(result_devices, device_key)),
               *provider = rb__cell(row, RB_COL(result_devices, provider)),
               *submit = rb__cell(row, RB_COL(result_devices, submit)),
               *quirks = rb__cell(row, RB_COL(result_devices, quirks)),
               *settings = rb__cell(row, RB_COL(result_devices, settings));
    double threads = rb__number(row, RB_COL(result_devices, threads));
    rb_text_clear(out);
    if (differs(rows, n, row, RB_COL(result_devices, provider))) add("", *provider ? provider : "unknown code", out);
    if (differs(rows, n, row, RB_COL(result_devices, threads)))
        rb_text_printf(out, "%s%.0f thread%s", out->length ? ", " : "", threads, threads == 1 ? "" : "s");
    if (!rb__usual_submit(key, submit)) add("submit ", submit, out);
    if (*quirks) add("quirk ", quirks, out);
    if (*settings) add("", settings, out);
}

bool rb__peers_differ(const rb_row *rows, int n) {
    const rb_row *first = NULL;
    for (int i = 0; i < n; i++) {
        if (!*rb__cell(&rows[i], RB_COL(result_devices, peer))) continue;
        if (!first) first = &rows[i];
        if (rb__same(first, &rows[i], RB_COL(result_devices, peer)) &&
            !rb__same(first, &rows[i], RB_COL(result_devices, peer_version)))
            return true;
    }
    return false;
}

void rb__put_peer(const rb_row *row, bool version, rb_text *out) {
    const char *which = rb__cell(row, RB_COL(result_devices, peer_version));
    rb_text_append(out, rb__cell(row, RB_COL(result_devices, peer)));
    if (version && *which) rb_text_printf(out, " (%s)", which);
}
