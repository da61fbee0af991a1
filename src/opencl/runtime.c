/* runtime.c: what the planner asks of OpenCL: buffers, kernels with their arguments, launches on one in-order queue. */
#include "opencl/opencl.h"

static rb_status failure(rb_status status, const rb_device *device, cl_int error, const char *what) {
    return rb_fail_native(status, error, "%s: %s: %s (%d)", device->key, what, rb__cl_error_name(error), (int)error);
}

rb_status rb__cl_status(const rb_device *device, cl_int error, const char *what) {
    if (error == CL_SUCCESS) return RB_OK;
    bool memory =
        error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY || error == CL_INVALID_BUFFER_SIZE;
    return failure(memory ? RB_MEMORY : RB_DEVICE, device, error, what);
}

rb_status rb__cl_memory_status(const rb_device *device, cl_int error, const char *what) {
    return error == CL_OUT_OF_RESOURCES ? failure(RB_MEMORY, device, error, what) : rb__cl_status(device, error, what);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static rb_status allocate(rb_device *device, size_t bytes, const char *what, rb__kn_memory **out) {
    cl_int error;
    *out = (rb__kn_memory *)clCreateBuffer(rb__cl(device)->context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    return rb__cl_memory_status(device, error, what);
}

static void release(rb__kn_memory *memory) { clReleaseMemObject((cl_mem)memory); }

static rb_status view(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const char *name,
                      rb__kn_memory **out) {
    cl_buffer_region region = {offset, bytes};
    cl_int error;
    *out = (rb__kn_memory *)clCreateSubBuffer((cl_mem)store->buffer[segment], 0, CL_BUFFER_CREATE_TYPE_REGION, &region,
                                              &error);
    return rb__cl_memory_status(store->device, error, name);
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

static void program_free(rb__kn_program *program) { clReleaseProgram((cl_program)program); }
static void kernel_free(rb__kn_kernel *kernel) { clReleaseKernel((cl_kernel)kernel); }

/* A driver knows the largest group of a kernel only when it has compiled it. */
static rb_status kernel_new(rb_device *device, rb__kn_program *program, const char *name, rb__kn_kernel **out) {
    rb_status status = RB_OK;
    cl_int error;
    size_t most = 0, smaller = 1;
    cl_kernel kernel = clCreateKernel((cl_program)program, name, &error);
    if (error == CL_INVALID_KERNEL_NAME) { /* it was built without complaint */
        status = rb_fail_native(RB_DEVICE, error,
                                "%s: the driver's program lacks %s (CL_INVALID_KERNEL_NAME): its own cache may be "
                                "damaged, remove it (PoCL's is ~/.cache/pocl, or POCL_CACHE_DIR)",
                                device->key, name);
        goto cleanup;
    }
    RB_TRY(rb__cl_status(device, error, name));
    error = clGetKernelWorkGroupInfo(kernel, rb__cl(device)->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    RB_TRY(rb__cl_status(device, error, "ask for a kernel's largest group"));
    if (most < (size_t)device->local) {
        while (2 * smaller <= most) smaller *= 2;
        status = rb_fail(RB_UNSUPPORTED,
                         "%s: the device runs %s in groups of at most %zu work-items, not %d: use --quirk "
                         "work_group=%zu",
                         device->key, name, most, device->local, smaller);
        goto cleanup;
    }
    *out = (rb__kn_kernel *)kernel;
    kernel = NULL;
cleanup:
    if (kernel) clReleaseKernel(kernel);
    return status;
}

static rb_status arguments(rb_device *device, rb__kn_kernel *kernel, const rb__kn_value *values, int n) {
    rb_status status = RB_OK;
    for (int i = 0; i < n && status == RB_OK; i++) {
        const rb__kn_value *v = &values[i];
        cl_int error = v->memory ? clSetKernelArg((cl_kernel)kernel, (cl_uint)i, sizeof v->memory, &v->memory)
                                 : clSetKernelArg((cl_kernel)kernel, (cl_uint)i, sizeof v->number, &v->number);
        status = rb__cl_status(device, error, "set a kernel's argument");
    }
    return status;
}

static cl_int enqueue(rb_device *device, cl_command_queue queue, rb__kn_kernel *kernel, size_t groups,
                      cl_event *event) {
    size_t local = (size_t)device->local, global = groups * local;
    return clEnqueueNDRangeKernel(queue, (cl_kernel)kernel, 1, NULL, &global, &local, 0, NULL, event);
}

static rb_status launch(rb_device *device, rb__kn_kernel *kernel, size_t groups, const char *name) {
    return rb__cl_status(device, enqueue(device, rb__cl(device)->queue, kernel, groups, NULL), name);
}

static rb_status time_launch(rb_device *base, rb__kn_kernel *kernel, size_t groups, const char *name, int64_t *ns) {
    rb__cl_device *device = rb__cl(base);
    rb_status status = RB_OK;
    cl_event event = NULL;
    cl_ulong from = 0, to = 0;
    cl_int error;
    if (!device->timed) {
        device->timed = clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &error);
        RB_TRY(rb__cl_status(base, error, "make a queue with profiling"));
    }
    RB_TRY(rb__cl_status(base, enqueue(base, device->timed, kernel, groups, &event), name));
    RB_TRY(rb__cl_status(base, clFinish(device->timed), "profile"));
    error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof from, &from, NULL);
    if (error == CL_SUCCESS) error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL);
    RB_TRY(rb__cl_status(base, error, "read a launch's time"));
    *ns = (int64_t)(to - from);
cleanup:
    if (event) clReleaseEvent(event);
    return status;
}

static rb_status wait(rb_device *device, const char *what) {
    return rb__cl_status(device, clFinish(rb__cl(device)->queue), what);
}

static const char *const heads[] = {"portable.h", "prelude.cl", NULL};

const rb__kn_runtime rb__cl_runtime = {
    .title = "OpenCL",
    .heads = heads,
    .shared = "__local",
    .allocate = allocate,
    .release = release,
    .view = view,
    .view_release = release,
    .build = rb__cl_build,
    .program_free = program_free,
    .kernel_new = kernel_new,
    .kernel_free = kernel_free,
    .arguments = arguments,
    .launch = launch,
    .time = time_launch,
    .wait = wait,
#ifdef REGBENCH_HAVE_CLBLAST
    .takes = rb__cl_clblast_takes,
    .lower = rb__cl_lower_clblast,
#endif
};
