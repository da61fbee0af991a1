/* opencl.h: the inside of the opencl backend: its device, and failures of OpenCL's calls. */
#ifndef RB_OPENCL_OPENCL_H
#define RB_OPENCL_OPENCL_H

#include <CL/cl.h>

#include "kernel/kernel.h"
#include "opencl/device.h"

typedef struct rb__cl_device {
    rb_device base;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue timed; /* with profiling; NULL until something is timed */
    rb__cl_limits limits;
    rb__quirks quirks;
    enum { RB__CL_AUTO, RB__CL_OWN, RB__CL_CLBLAST } provider;
} rb__cl_device;

static inline rb__cl_device *rb__cl(const rb_device *device) { return (rb__cl_device *)(uintptr_t)device; }

/* --- runtime.c ---------------------------------------------------------------------------------------------------- */
/* RB_OK for CL_SUCCESS, else a failure that says what was tried, on which device, with the error's name. */
rb_status rb__cl_status(const rb_device *device, cl_int error, const char *what);
/* The same of a call that allocates, where "out of resources" is out of memory; elsewhere it may be anything. */
rb_status rb__cl_memory_status(const rb_device *device, cl_int error, const char *what);
extern const rb__kn_runtime rb__cl_runtime;

/* --- compile.c ---------------------------------------------------------------------------------------------------- */
rb_status rb__cl_build(rb_device *device, const char *source, const char *const *names, int n_names,
                       rb__kn_program **out);

/* --- clblast.c ---------------------------------------------------------------------------------------------------- */
#ifdef REGBENCH_HAVE_CLBLAST
bool rb__cl_clblast_takes(const rb__kn_plan *plan, const rb__kn_item *item); /* the device asks for it, and it can */
void rb__cl_lower_clblast(rb__kn_plan *plan, rb__kn_item *item);
#endif

#endif
