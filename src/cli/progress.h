/* progress.h: how far an item is: one line that is redrawn on a terminal, plain lines in a pipe. All on stderr. */
#ifndef RB_CLI_PROGRESS_H
#define RB_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/child.h"

typedef struct rb_bar {
    bool quiet, terminal, drawn;
    int index, total; /* of the items */
    char label[160];
    double spoken;       /* when the last line was printed */
    double from_s, from; /* the item's first sign of life, and what share of it was done then; 0 = none yet */
    int spoken_epoch;
} rb_bar;

void rb_bar_open(rb_bar *bar, bool quiet);
void rb_bar_item(rb_bar *bar, int index, int total, const char *label);
void rb_bar_update(rb_bar *bar, const rb_progress *p);
/* Takes the line away, so that other lines may follow. */
void rb_bar_clear(rb_bar *bar);

#endif
