/* backend.c: the opencl backend's entries: a device is a context with one in-order queue, a store is a buffer per
 * segment.
 *
 * submit enqueues and returns; the queue is bounded, because drivers keep memory for every command that waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/pages.h"
#include "core/text.h"
#include "opencl/opencl.h"
#include "opencl/tuning.h"

struct rb_bound {
    rb__cl_plan *plan;
    rb__cl_plan *apart; /* one op per launch: made by the first profile */
    cl_event marks[2];  /* ends of the last two portions of steps */
    int since_mark;     /* steps */
};

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

static void close_device(rb_device *device) {
    if (!device) return;
    rb__cl_built_free(device);
    if (device->queue) clReleaseCommandQueue(device->queue);
    if (device->timed) clReleaseCommandQueue(device->timed);
    if (device->context) clReleaseContext(device->context);
    free(device);
}

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    rb_status status = RB_OK;
    rb__cl_limits *limits = NULL;
    RB_TRY(rb__cl_devices(&limits, n, why));
    for (int i = 0; i < *n; i++) RB_TRY(rb__cl_describe(&limits[i], i, options ? options->quirks : NULL, &list[i]));
cleanup:
    free(limits);
    return status;
}

static rb_status choose_provider(const char *name, rb_device *device) {
    static const char *const names[] = {[RB__CL_AUTO] = "auto", [RB__CL_OWN] = "own", [RB__CL_CLBLAST] = "clblast"};
    int provider;
    rb_status status = rb_provider_select("opencl", name, names, 3, &provider);
    if (status != RB_OK) return status;
#ifndef REGBENCH_HAVE_CLBLAST
    if (provider == RB__CL_CLBLAST)
        return rb_fail(RB_USAGE,
                       "provider \"clblast\": this build has no CLBlast; install it and build again, or use own");
#endif
    device->provider = provider;
    return RB_OK;
}

/* Work-items of a group: a power of two that the device takes. */
static int group_size(const rb_device *device) {
    int64_t local = 1;
    while (device->gpu && 2 * local <= device->quirks.work_group && local < RB__CL_MAX_LOCAL) local *= 2;
    while (local > device->quirks.max_wg || (size_t)local > device->limits.item_sizes[0]) local /= 2;
    return local < 1 ? 1 : (int)local;
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    rb_status status = RB_OK;
    cl_int error;
    rb__cl_limits *list = NULL;
    int n;
    char why[256];
    rb_device *device = calloc(1, sizeof *device);
    *out = NULL;
    if (!device) return rb_fail(RB_MEMORY, "out of memory while opening an OpenCL device");
    RB_TRY(rb__cl_devices(&list, &n, why));
    if (index >= n) {
        status = rb_fail(RB_NO_DEVICE, "no device opencl:%d: there are %d", index, n);
        goto cleanup;
    }
    device->limits = list[index];
    device->id = list[index].device;
    snprintf(device->key, sizeof device->key, "opencl:%d", index);
    RB_TRY(rb__cl_quirks(&device->limits, options ? options->quirks : NULL, &device->quirks, NULL));
    RB_TRY(rb__cl_describe(&device->limits, index, options ? options->quirks : NULL, &device->info));
    RB_TRY(choose_provider(options ? options->provider : NULL, device));
    device->gpu = device->quirks.family == RB__FAMILY_GPU;
    device->local = group_size(device);
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->limits.platform, 0};
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &error);
    RB_TRY(rb__cl_status(device, error, "make a context"));
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    RB_TRY(rb__cl_status(device, error, "make a queue"));
    *out = device;
    device = NULL;
cleanup:
    free(list);
    close_device(device);
    return status;
}

static void info(const rb_device *device, rb_device_info *out) { *out = device->info; }

/* Sub-buffers begin at multiples of the device's alignment; vectors of 16 floats at multiples of 64. */
static int device_align(const rb_device *device) {
    return device->limits.align > 128 ? (int)device->limits.align : 128;
}

static void layout(const rb_device *device, rb_layout *out) {
    *out = (rb_layout){.order = RB_NHWC,
                       .out_last = true,
                       .channel_align = RB__CL_LANES,
                       .align = device_align(device),
                       .real_bytes = 4,
                       .fuse = RB_FUSE_ACT | RB_FUSE_ACT_DX | RB_FUSE_ACT_BN | RB_FUSE_ADD | RB_FUSE_COPY};
}

/* Kernels count the elements of a tensor in int. */
static const char *too_large(rb_device *device, const rb_variant *variant, int tensor) {
    if (tensor < 0) return NULL;
    const rb_tensor *t = &variant->tensors[tensor];
    const size_t n = t->bytes / rb_dtype_bytes(t->dtype, sizeof(float));
    if (n <= INT32_MAX) return NULL;
    snprintf(device->reason, sizeof device->reason, "%s has %zu elements, OpenCL's kernels count up to %d", t->name, n,
             INT32_MAX);
    return device->reason;
}

static const char *supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op) {
    (void)program;
    const char *reason = NULL;
    for (int k = 0; k < RB_OP_MAX_IN && !reason; k++) reason = too_large(device, variant, op->in[k]);
    for (int k = 0; k < RB_OP_MAX_OUT && !reason; k++) reason = too_large(device, variant, op->out[k]);
    if (reason) return reason;
    bool attack = op->kind == RB_OP_BATCHNORM_DX && !(op->flags & RB_OPF_TRAIN);
    return attack ? "attacks on a model with batch norm are not built for OpenCL" : NULL;
}

/* --- store -------------------------------------------------------------------------------------------------------- */

static void store_free(rb_store *store) {
    if (!store) return;
    clFinish(store->device->queue); /* nothing writes to pages that are given back */
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (store->buffer[s]) clReleaseMemObject(store->buffer[s]);
    for (int i = 0; i < store->n_spares; i++) clReleaseMemObject(store->spares[i].memory);
    for (int s = 0; s < RB_SEGMENTS; s++) rb_pages_free(store->pages[s], store->bytes[s] + 3);
    free(store->spares);
    free(store);
}

static rb_status clear(rb_store *store, int segment) {
    cl_int zero = 0;
    size_t bytes = (store->bytes[segment] + 3) / 4 * 4;
    return rb__cl_memory_status(
        store->device,
        clEnqueueFillBuffer(store->device->queue, store->buffer[segment], &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
        "clear a segment");
}

/* Processors that share the host's memory take ours: drivers' own allocations come without huge pages, and rows
 * gathered from a large data set wait for address translations then (a first layer took 1.4 times as long). */
static rb_status make_buffer(rb_store *store, int segment) {
    rb_device *device = store->device;
    size_t bytes = (store->bytes[segment] + 3) / 4 * 4;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (device->quirks.zero_copy ? CL_MEM_ALLOC_HOST_PTR : 0);
    cl_int error;
    if (device->quirks.zero_copy && !device->gpu) {
        flags = CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR;
        store->pages[segment] = rb_pages_new(store->bytes[segment] + 3);
        if (!store->pages[segment]) return rb_fail(RB_MEMORY, "%s: no memory for %zu bytes", device->key, bytes);
    }
    store->buffer[segment] = clCreateBuffer(device->context, flags, bytes, store->pages[segment], &error);
    return rb__cl_memory_status(device, error, "allocate a segment");
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_status status = RB_OK;
    rb_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) return rb_fail(RB_MEMORY, "out of memory while making a store");
    store->device = device;
    for (int s = 0; s < RB_SEGMENTS; s++) {
        if (bytes[s] <= (size_t)device->quirks.max_alloc) continue;
        status = rb_fail(RB_MEMORY, "%s: segment %s needs %zu bytes, the largest allocation is %zu bytes", device->key,
                         rb_segment_name((rb_segment)s), bytes[s], (size_t)device->quirks.max_alloc);
        goto cleanup;
    }
    for (int s = 0; s < RB_SEGMENTS; s++) {
        store->bytes[s] = bytes[s];
        if (bytes[s] == 0) continue;
        RB_TRY(make_buffer(store, s));
        RB_TRY(clear(store, s)); /* also the first touch, where a driver allocates lazily */
    }
    RB_TRY(rb__cl_memory_status(device, clFinish(device->queue), "make a store"));
    *out = store;
    store = NULL;
cleanup:
    store_free(store);
    return status;
}

/* Blocking; where host and device share memory, a mapping saves the driver's copy. */
static rb_status transfer(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from,
                          void *to) {
    rb_device *device = store->device;
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status != RB_OK || bytes == 0) return status;
    cl_mem buffer = store->buffer[segment];
    cl_int error;
    if (!device->quirks.zero_copy) {
        error = from ? clEnqueueWriteBuffer(device->queue, buffer, CL_TRUE, offset, bytes, from, 0, NULL, NULL)
                     : clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, offset, bytes, to, 0, NULL, NULL);
        return rb__cl_status(device, error, from ? "write a buffer" : "read a buffer");
    }
    void *memory = clEnqueueMapBuffer(device->queue, buffer, CL_TRUE, from ? CL_MAP_WRITE : CL_MAP_READ, offset, bytes,
                                      0, NULL, NULL, &error);
    if (error != CL_SUCCESS) return rb__cl_status(device, error, "map a buffer");
    memcpy(from ? memory : to, from ? from : memory, bytes);
    error = clEnqueueUnmapMemObject(device->queue, buffer, memory, 0, NULL, NULL);
    return rb__cl_status(device, error, "unmap a buffer");
}

static rb_status put(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from) {
    return transfer(store, segment, offset, bytes, from, NULL);
}

static rb_status get(rb_store *store, rb_segment segment, size_t offset, size_t bytes, void *to) {
    return transfer(store, segment, offset, bytes, NULL, to);
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void unbind(rb_bound *bound) {
    if (!bound) return;
    clFinish(bound->plan->device->queue);
    for (int i = 0; i < 2; i++)
        if (bound->marks[i]) clReleaseEvent(bound->marks[i]);
    rb__cl_plan_free(bound->plan);
    rb__cl_plan_free(bound->apart);
    free(bound);
}

static rb_status bind(rb_store *store, const rb_program *program, const rb_variant *variant, rb_bound **out) {
    rb_bound *bound = calloc(1, sizeof *bound);
    *out = NULL;
    if (!bound) return rb_fail(RB_MEMORY, "out of memory while binding");
    rb_status status = rb__cl_plan_new(store, program, variant, false, &bound->plan);
    if (status != RB_OK) {
        free(bound);
        return status;
    }
    *out = bound;
    return RB_OK;
}

/* Waits until at most two portions of steps are queued. */
static rb_status bound_queue(rb_bound *bound) {
    rb_device *device = bound->plan->device;
    cl_int error = CL_SUCCESS;
    bound->since_mark = 0;
    if (bound->marks[0]) {
        error = clWaitForEvents(1, &bound->marks[0]);
        clReleaseEvent(bound->marks[0]);
    }
    bound->marks[0] = bound->marks[1];
    bound->marks[1] = NULL;
    if (error == CL_SUCCESS) error = clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &bound->marks[1]);
    if (error == CL_SUCCESS) error = clFlush(device->queue);
    return rb__cl_status(device, error, "bound the queue");
}

static rb_status submit(rb_bound *bound, int n_steps) {
    rb_device *device = bound->plan->device;
    rb_status status = RB_OK;
    for (int i = 0; i < n_steps; i++) {
        for (int k = 0; k < bound->plan->n_launches; k++)
            RB_TRY(rb__cl_enqueue(bound->plan, &bound->plan->launches[k], device->queue, NULL));
        if (device->quirks.flush) RB_TRY(rb__cl_status(device, clFlush(device->queue), "flush the queue"));
        if (++bound->since_mark >= device->quirks.queue_bound) RB_TRY(bound_queue(bound));
    }
    RB_TRY(rb__cl_status(device, clFlush(device->queue), "flush the queue"));
cleanup:
    return status;
}

static rb_status wait_device(rb_device *device) {
    return rb__cl_status(device, clFinish(device->queue), "wait for the device");
}

static const char *provider(const rb_bound *bound, int op) {
    return bound->plan->providers[op] ? bound->plan->providers[op] : "own";
}

static int launches(const rb_bound *bound) { return bound->plan->n_launches; }

/* One launch with nothing beside it: its event's time, or where a library brings no event, the time until it is done.
 */
static rb_status time_launch(rb__cl_plan *plan, const rb__cl_launch *launch, int64_t *ns) {
    rb_device *device = plan->device;
    rb_status status = RB_OK;
    cl_event event = NULL;
    int64_t start = rb_clock_ns();
    RB_TRY(rb__cl_enqueue(plan, launch, device->timed, launch->kernel ? &event : NULL));
    RB_TRY(rb__cl_status(device, clFinish(device->timed), "profile"));
    *ns = rb_clock_ns() - start;
    if (event) {
        cl_ulong from = 0, to = 0;
        cl_int error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof from, &from, NULL);
        if (error == CL_SUCCESS) error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL);
        RB_TRY(rb__cl_status(device, error, "read a launch's time"));
        *ns = (int64_t)(to - from);
    }
cleanup:
    if (event) clReleaseEvent(event);
    return status;
}

/* Each op's parts in launches of their own, one after another. */
static rb_status profile(rb_bound *bound, int n_steps, int64_t *ns_per_op) {
    rb_status status = RB_OK;
    const rb__cl_plan *whole = bound->plan;
    rb_device *device = whole->device;
    if (!device->timed) {
        cl_int error;
        device->timed = clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &error);
        RB_TRY(rb__cl_status(device, error, "make a queue with profiling"));
    }
    if (!bound->apart) RB_TRY(rb__cl_plan_new(whole->store, whole->program, whole->variant, true, &bound->apart));
    RB_TRY(wait_device(device));
    for (int step = 0; step < n_steps; step++)
        for (int i = 0; i < bound->apart->n_launches; i++) {
            const rb__cl_launch *launch = &bound->apart->launches[i];
            int op = bound->apart->parts[bound->apart->sequence[launch->first]].op;
            int64_t ns = 0;
            RB_TRY(time_launch(bound->apart, launch, &ns));
            if (op >= 0) ns_per_op[op] += ns;
        }
cleanup:
    return status;
}

const rb_backend rb_backend_opencl = {.name = "opencl",
                                      .abi = RB_BACKEND_ABI,
                                      .probe = probe,
                                      .open = open_device,
                                      .close = close_device,
                                      .info = info,
                                      .layout = layout,
                                      .supports = supports,
                                      .store_new = store_new,
                                      .store_free = store_free,
                                      .put = put,
                                      .get = get,
                                      .bind = bind,
                                      .unbind = unbind,
                                      .submit = submit,
                                      .wait = wait_device,
                                      .provider = provider,
                                      .profile = profile,
                                      .launches = launches,
                                      .fma_peak = rb__cl_fma_peak};
