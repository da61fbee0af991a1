/* report.c: the report from its sessions: every section in turn. */
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"

rb_status rb_report_read(const char *const *paths, int n, const char *title, rb_report **out) {
    static rb_status (*const sections[])(rb_report *
                                         r) = {rb__page_sessions_table, rb__page_devices, rb__page_environment,
                                               rb__page_speeds,         rb__page_ops,     rb__page_compared,
                                               rb__page_outcomes,       rb__page_effects, rb__page_history,
                                               rb__page_studies,        rb__page_tta,     rb__page_failures,
                                               rb__page_summary,        rb__page_doubts};
    rb_status status = RB_OK;
    rb_report *r = calloc(1, sizeof *r);
    if (!r) return rb_fail(RB_MEMORY, "out of memory for a report");
    r->title = strdup(title ? title : "regbench report");
    r->arena = rb_arena_new();
    if (!r->title || !r->arena) {
        status = rb_fail(RB_MEMORY, "out of memory for a report");
        goto cleanup;
    }
    RB_TRY(rb__page_read(r, paths, n));
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        RB_TRY(sections[i](r));
        RB_TRY(rb__page_status(r));
    }
    *out = r;
cleanup:
    if (status != RB_OK) rb_report_free(r);
    return status;
}

void rb_report_free(rb_report *r) {
    if (!r) return;
    for (int t = 0; t < RB_PAGE_TABLES; t++) free(r->tables[t].cells);
    rb_compared_free(&r->compared);
    rb_history_free(&r->history);
    for (int i = 0; i < r->n_effects; i++) rb_row_end(&r->effects[i]);
    free(r->effects);
    rb_text_free(&r->summary);
    rb_text_free(&r->notes);
    rb__page_sessions_free(r);
    rb_arena_free(r->arena);
    free(r->title);
    free(r);
}
