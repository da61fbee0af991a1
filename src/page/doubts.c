/* doubts.c: what to know before the report's numbers are trusted: no check, a changed source, a disturbed machine. */
#include <math.h>
#include <string.h>

#include "page/internal.h"
#include "report/others.h"

enum { STAND_IN, UNVERIFIED, DIRTY, OTHERS, THROTTLED, DOUBTS };

static bool has_doubt(int doubt, const rb_page_session *from, const rb_row *row) {
    switch (doubt) {
    case STAND_IN:
        return !strcmp(rb_row_get_text(row, RB_COL(runs, dataset)), "sample") ||
               !strcmp(rb_row_get_text(row, RB_COL(runs, dataset)), "cifar-animals");
    case UNVERIFIED:
        return !strcmp(rb_row_get_text(row, RB_COL(runs, verify)), "off") && !rb_run_is_peer(row);
    case DIRTY:
        return row->cells[RB_COL(runs, dirty)].u.i == 1;
    case OTHERS:
        return rb_others_cores(&from->runs.ratios, row) > RB_OTHERS_CORES;
    default:
        return rb_row_number(row, RB_COL(runs, throttled_frac)) > 0.05;
    }
}

rb_status rb__page_doubts(rb_report *r) {
    static const char *const words[DOUBTS] = {
        [STAND_IN] =
            "used a data set that stands in for another (sample, cifar-animals): their accuracies are not the other's",
        [UNVERIFIED] = "were not checked against the reference before they were taken (--verify off)",
        [DIRTY] = "come from a build whose source differed from its commit",
        [OTHERS] = "were timed while other programs used more than " RB_OTHERS_CORES_TEXT " cores: doubtful values",
        [THROTTLED] = "were throttled, or without a processor, in more than 5 % of their windows"};
    int counts[DOUBTS] = {0}, runs = 0;
    for (int k = 0; k < r->n_sessions; k++)
        for (int i = 0; i < r->sessions[k].runs.n; i++, runs++)
            for (int d = 0; d < DOUBTS; d++)
                counts[d] += rb_run_ok(&r->sessions[k].runs.rows[i]) &&
                             has_doubt(d, &r->sessions[k], &r->sessions[k].runs.rows[i]);
    for (int d = 0; d < DOUBTS; d++)
        if (counts[d]) rb__page_note(r, "%d of %d runs %s.", counts[d], runs, words[d]);
    return rb__page_status(r);
}
