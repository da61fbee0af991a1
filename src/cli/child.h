/* child.h: one item of work in a forked child, its messages, its end.
 *
 * The parent never opens a device nor starts a thread: a crash, a compiler's abort or a lost device costs one item. The
 * child speaks JSON lines over a pipe: rows (rb_json_row), {"progress":..}, {"text":..} and, last, {"error":..}. Its
 * stdout and stderr are the parent's log. */
#ifndef RB_CLI_CHILD_H
#define RB_CLI_CHILD_H

#include <signal.h>
#include <stdio.h>

#include "regbench/report.h"

/* How often the user has asked to stop (SIGINT, SIGTERM, SIGHUP): in the parent, and in a child once the parent told
 * it. A child looks at it between steps; the second time the parent kills. */
extern volatile sig_atomic_t rb_interrupts;
/* From now on signals are counted. Who waits for a child or keeps a session does so; all others die of a Ctrl-C, as
 * they should: a verb that reads files looks at no counter. */
void rb_signals_catch(void);

typedef struct rb_progress {
    int epoch, epochs;                    /* 1-based; epochs 0 = unknown */
    int step, steps;                      /* within the epoch */
    double loss, accuracy, samples_per_s; /* NaN = unknown */
} rb_progress;

/* For the child. A failure to send is a dead parent: the work may as well stop. */
rb_status rb_send_row(FILE *to, const rb_row *row);
rb_status rb_send_progress(FILE *to, const rb_progress *p);
rb_status rb_send_text(FILE *to, const char *text);

/* What the parent does with a message; hooks may be NULL. A row that cannot be written ends the child. */
typedef struct rb_child_hooks {
    void *context;
    rb_status (*row)(void *context, const rb_row *row);
    void (*progress)(void *context, const rb_progress *p);
    void (*text)(void *context, const char *text);
    void (*log)(void *context, const char *bytes, size_t n); /* stderr of the child; NULL = on to stderr */
} rb_child_hooks;

/* What became of the child: RB_OK, what the child reported, RB_CRASH, RB_MEMORY, RB_TIMEOUT, RB_INTERRUPTED. */
typedef struct rb_child_end {
    rb_status status;
    char text[1024];
    double seconds;
} rb_child_end;

typedef rb_status rb_child_work(void *context, FILE *to);

/* Runs work(context, pipe) in a child until its end. timeout_s 0 = none. The returned status is about the parent:
 * a hook that failed, or no process. */
rb_status rb_child_run(rb_child_work *work, void *context, const rb_child_hooks *hooks, double timeout_s,
                       rb_child_end *end);

#endif
