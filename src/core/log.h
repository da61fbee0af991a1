/* log.h: lines for the person at the terminal, on stderr; stdout is data. */
#ifndef RB_CORE_LOG_H
#define RB_CORE_LOG_H

#include "regbench/status.h"

typedef enum rb_log_level { RB_LOG_ERROR, RB_LOG_WARN, RB_LOG_INFO, RB_LOG_DEBUG } rb_log_level;

extern rb_log_level rb_log_threshold; /* lines above it are dropped; RB_LOG_INFO at start */
void rb_log(rb_log_level level, const char *fmt, ...) RB_PRINTF(2, 3);
/* Prints the pending failure as "regbench: error: TEXT" (source line with RB_LOG_DEBUG) and clears it. */
void rb_log_error(void);

#endif
