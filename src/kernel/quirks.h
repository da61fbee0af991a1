/* quirks.h: settings by name, "NAME=VALUE,..": what --quirk and a backend's table of known devices say. */
#ifndef RB_KERNEL_QUIRKS_H
#define RB_KERNEL_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

#include "regbench/status.h"

enum { RB__KN_QUIRKS = 16 }; /* of a backend at most */

typedef struct rb__kn_quirk {
    const char *name, *words; /* "off|on", stored as the index; NULL: a whole number */
    int64_t low;              /* of a number */
} rb__kn_quirk;

/* Settles what `text` names and from[] does not say yet; later words win within one text. RB_USAGE for an unknown name
 * or a bad value. */
rb_status rb__kn_quirks_apply(const rb__kn_quirk *table, int n, const char *text, const char *source, int64_t *values,
                              const char **from);
/* The value as --quirk takes it. */
void rb__kn_quirk_value(const rb__kn_quirk *quirk, int64_t value, char out[32]);

#endif
