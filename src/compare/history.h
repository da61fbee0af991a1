/* history.h: one case on one device over commits: where it became faster or slower.
 *
 * A series is all sittings that did the same work with the same code path on the same machine, in order of time; it
 * ends where a stable fact of env.csv other than the source's own version changed: another driver, compiler or kernel
 * is another instrument, and a step there says nothing about a commit.
 *
 * Steps: of all places to split a series where p of Mann and Whitney's test, before against after, times the number of
 * places is at most RB_COMPARE_LEVEL and the ratio reaches the threshold, the one with the least p is a step; then the
 * same in both halves. Of these only those stay that are larger than what sittings differ by among themselves, where
 * there are enough sittings to tell (Student's t of their medians, 5 % over a series): the processes of one sitting
 * share its day, and are no witnesses of another. A step that only one sitting has seen is suspected: machines have bad
 * days. It is confirmed once a later sitting, by itself, is as far from what came before.
 *
 * A sitting is a session, or as many of one folder, build and machine's state (env_id) as follow each other without a
 * pause of RB_HISTORY_PAUSE_S between one run's end and the next one's begin: bench/peers/alternate begins a session
 * for each process. Only what began so long after the end of the sitting that saw a step first can confirm it, of
 * whatever folder and commit; runs that do not say when they began confirm nothing.
 *
 * Runs from before the column settings go on with those for which nothing was asked. */
#ifndef RB_COMPARE_HISTORY_H
#define RB_COMPARE_HISTORY_H

#include "compare/runs.h"

struct rb_text;

#define RB_HISTORY_PAUSE_S 3600

typedef struct rb_history {
    rb_row *rows;       /* (n) of `history`, one per sitting: by case, device and the like, then by time */
    const rb_row **run; /* (n) the first run behind each; the sessions' */
    int n;
    int slower; /* steps down */
} rb_history;

/* Runs of sessions that compared builds (column `arm`) are experiments and left out. */
rb_status rb_history_of(const rb_runs *const *sessions, int n, rb_history *out);
void rb_history_free(rb_history *history);
/* For every step down the command that looks for its commit, one per line, with a comment line before: the same work on
 * the same device, by the same choices. The sessions must still be there. */
void rb_history_bisect(const rb_history *history, struct rb_text *out);

#endif
