/* lock.h: one writer per session folder. */
#ifndef RB_REPORT_LOCK_H
#define RB_REPORT_LOCK_H

#include "regbench/status.h"

/* Takes DIR/lock. RB_USAGE: another live process has it (its pid is in the text); RB_OUTPUT, RB_DISK: cannot be
 * written. */
rb_status rb__lock_take(const char *dir, int *fd);
void rb__lock_give(const char *dir, int fd); /* removes the file; fd -1 is fine */

#endif
