/* run_item.h: one run of a case, for the verb `run` and for studies. */
#ifndef RB_CLI_RUN_ITEM_H
#define RB_CLI_RUN_ITEM_H

#include "cli/place.h"
#include "cli/recorder.h"

/* Runs an item in a child, unless this session has a row of it. `verified`: of an earlier item with the same case and
 * device, and then of this one. *at: its row among the recorder's. */
rb_status rb_run_item(rb_recorder *r, const rb_item *item, rb_verified *verified, int index, int total, int *at);

#endif
