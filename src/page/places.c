/* places.c: where it ran: sessions, devices, facts about the machines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page/internal.h"

bool rb__page_as_foreseen(const rb_row *row) {
    return !strncmp(rb_row_get_text(row, RB_COL(runs, status_reason)), RB_FORESEEN, sizeof RB_FORESEEN - 1);
}

static const char *text_of(const rb_row *row, int column) { return rb_row_get_text(row, column); }

rb_status rb__page_sessions_table(rb_report *r) {
    for (int k = 0; k < r->n_sessions; k++) {
        const rb_page_session *s = &r->sessions[k];
        const rb_row *newest = NULL;
        const char *started = s->started ? s->started : "", *id = NULL;
        int ok = 0, failed = 0, ids = 0;
        char several[32];
        for (int i = 0; i < s->runs.n; i++) {
            const rb_row *row = &s->runs.rows[i];
            const char *at = text_of(row, RB_COL(runs, started_utc)), *its = text_of(row, RB_COL(runs, session_id));
            if (*at && (!*started || strcmp(at, started) < 0)) started = at;
            if (!newest || strcmp(at, text_of(newest, RB_COL(runs, started_utc))) > 0) newest = row;
            ok += rb_run_ok(row);
            failed += !rb_run_ok(row) && !rb__page_as_foreseen(row);
            if (!id || strcmp(its, id) != 0) ids++; /* rows of one session follow each other */
            id = its;
        }
        snprintf(several, sizeof several, "%d sessions", ids);
        rb_page_cell *row = rb__page_row(r, RB_PAGE_sessions);
        if (!row) return rb__page_status(r);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, session_id)], ids > 1     ? rb__page_keep(r, several)
                                                                   : id && *id ? id
                                                                               : s->id);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, dir)], s->dir);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, machine)],
                          newest ? text_of(newest, RB_COL(runs, machine)) : s->machine);
        rb__page_set_text(&row[RB_PAGE_COL(sessions, started_utc)], started);
        if (newest) {
            rb__page_set_cell(&row[RB_PAGE_COL(sessions, commit)], &newest->cells[RB_COL(runs, commit)]);
            rb__page_set_cell(&row[RB_PAGE_COL(sessions, dirty)], &newest->cells[RB_COL(runs, dirty)]);
        }
        rb__page_set_text(&row[RB_PAGE_COL(sessions, command)], s->command);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, runs)], s->runs.n);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, ok)], ok);
        rb__page_set_int(&row[RB_PAGE_COL(sessions, failed)], failed);
    }
    return RB_OK;
}
