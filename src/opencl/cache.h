/* cache.h: one program from its source, or from what an earlier run left on disk. */
#ifndef RB_OPENCL_CACHE_H
#define RB_OPENCL_CACHE_H

#include "opencl/opencl.h"

/* A program that has the kernels `names`. RB_UNSUPPORTED where the compiler refuses the source: its first lines are in
 * the failure's text, the whole log and the source in files that the text names. */
rb_status rb__cl_compile(rb_device *device, const char *source, const char *options, const char *const *names,
                         int n_names, cl_program *out);

#endif
