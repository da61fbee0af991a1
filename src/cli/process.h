/* process.h: another program, run to its end. */
#ifndef RB_CLI_PROCESS_H
#define RB_CLI_PROCESS_H

#include "regbench/status.h"

/* Runs argv[0] (looked for in PATH) with stdout and stderr appended to these files (NULL = nowhere) and nothing on
 * stdin. *code: its exit code, 128 + number for a signal, 127 where there is no such program. A wish to stop is passed
 * on and, once the program has ended, told: RB_INTERRUPTED. */
rb_status rb_process_run(const char *const *argv, const char *out, const char *err, int *code);

#endif
