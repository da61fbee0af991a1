/* system.h: reading what the kernel tells in small files under /proc, /sys and /etc. */
#ifndef RB_MEASURE_SYSTEM_H
#define RB_MEASURE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

#include "regbench/status.h"

/* Stands before every path below; "" but in tests, which play other machines from a made folder. */
extern const char *rb_system_root;

/* First line of a file, without blanks at its end; false where it cannot be read or is empty. `fmt` is its path. */
bool rb_system_line(char *out, size_t size, const char *fmt, ...) RB_PRINTF(3, 4);
/* The same as a number. */
bool rb_system_number(double *out, const char *fmt, ...) RB_PRINTF(2, 3);
/* Value behind `key` and `separator` on the first such line of a file ("model name : X", NAME="X");
 * a blank separates "nr_throttled 5". */
bool rb_system_entry(char *out, size_t size, const char *path, const char *key, char separator);
bool rb_system_there(const char *path);

#endif
