/* sources.h: the texts of the kernels: embedded when the program was built, or files that somebody is working on. */
#ifndef RB_KERNEL_SOURCES_H
#define RB_KERNEL_SOURCES_H

#include <stddef.h>

#include "regbench/status.h"

typedef struct rb__kn_source {
    const char *name, *text; /* "gemm.cl"; NUL-terminated */
    size_t size;             /* without the NUL */
} rb__kn_source;

extern const rb__kn_source rb__kn_sources[]; /* cl/, cuda/ and portable.h; ends with a NULL name */

/* A malloc'ed copy of one of them. Where REGBENCH_CL_DIR names a folder, kernels come from there
 * alone: RB_MISSING tells which file it lacks. */
rb_status rb__kn_source_find(const char *name, char **text);

#endif
