/* sources.h: the texts of the kernels: embedded when the program was built, or files that somebody is working on. */
#ifndef RB_OPENCL_SOURCES_H
#define RB_OPENCL_SOURCES_H

#include <stddef.h>

#include "regbench/status.h"

typedef struct rb__cl_source {
    const char *name, *text; /* "gemm.cl"; NUL-terminated */
    size_t size;             /* without the NUL */
} rb__cl_source;

extern const rb__cl_source rb__cl_sources[]; /* cl/ and portable.h; ends with a NULL name */

/* A malloc'ed copy of a file of cl/ or of "portable.h". Where REGBENCH_CL_DIR names a folder, kernels come from there
 * alone: RB_MISSING tells which file it lacks. */
rb_status rb__cl_source_find(const char *name, char **text);

#endif
