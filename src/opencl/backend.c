/* backend.c: the opencl backend's entries: a device is a context with one in-order queue, a store is a buffer per
 * segment.
 *
 * submit enqueues and returns; the queue is bounded, because drivers keep memory for every command that waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "opencl/opencl.h"
#include "opencl/tuning.h"

struct rb_bound {
    rb__cl_plan *plan;
    rb__cl_plan *apart; /* one op per launch: made by the first profile */
    cl_event marks[2];  /* ends of the last two portions of steps */
    int since_mark;     /* steps */
};

static void close_device(rb_device *device) {
    if (!device) return;
    rb__cl_built_free(device);
    if (device->queue) clReleaseCommandQueue(device->queue);
    if (device->timed) clReleaseCommandQueue(device->timed);
    if (device->context) clReleaseContext(device->context);
    free(device);
}

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    (void)options;
    cl_platform_id p;
    cl_device_id d;
    *n = 0;
    why[0] = 0;
    if (clGetPlatformIDs(1, &p, NULL) || clGetDeviceIDs(p, CL_DEVICE_TYPE_ALL, 1, &d, NULL)) return RB_OK;
    memset(list, 0, sizeof *list);
    snprintf(list->key, sizeof list->key, "opencl:0");
    clGetDeviceInfo(d, CL_DEVICE_NAME, sizeof list->name, list->name, NULL);
    *n = 1;
    return RB_OK;
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    rb_status status = RB_OK;
    cl_int error;
    rb_device *device = calloc(1, sizeof *device);
    *out = NULL;
    (void)options;
    if (!device) return rb_fail(RB_MEMORY, "out of memory while opening an OpenCL device");
    snprintf(device->key, sizeof device->key, "opencl:%d", index);
    clGetPlatformIDs(1, &device->about.platform, NULL);
    clGetDeviceIDs(device->about.platform, CL_DEVICE_TYPE_ALL, 1, &device->about.id, NULL);
    device->about.align = 128;
    device->about.quirks.max_alloc = (size_t)1 << 40;
    device->about.quirks.queue_bound = 64;
    device->about.quirks.max_wg = 4096;
    device->gpu = getenv("CLGPU") != NULL;

    device->id = device->about.id;
    device->local = device->gpu ? RB__CL_GPU_LOCAL : 1;
    while ((size_t)device->local > device->about.quirks.max_wg) device->local /= 2;
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->about.platform, 0};
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &error);
    RB_TRY(rb__cl_status(device, error, "make a context"));
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    RB_TRY(rb__cl_status(device, error, "make a queue"));
    *out = device;
    device = NULL;
cleanup:
    close_device(device);
    return status;
}

static void info(const rb_device *device, rb_device_info *out) {
    memset(out, 0, sizeof *out);
    snprintf(out->key, sizeof out->key, "%s", device->key);
}

static void layout(const rb_device *device, rb_layout *out) {
    *out = (rb_layout){.order = RB_NHWC,
                       .out_last = true,
                       .channel_align = RB__CL_LANES,
                       .align = (int)device->about.align,
                       .real_bytes = 4,
                       .fuse = RB_FUSE_ACT | RB_FUSE_ACT_DX};
}

static const char *supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op) {
    (void)program, (void)variant;
    switch (op->kind) {
    case RB_OP_CONV:
    case RB_OP_CONV_DX:
    case RB_OP_CONV_DW:
        return device->gpu ? "conv todo" : NULL;
    case RB_OP_BATCHNORM:
    case RB_OP_BATCHNORM_DX:
        return "batch normalization is not built for OpenCL yet";
    case RB_OP_DROPOUT:
    case RB_OP_DROPOUT_DX:
        return "dropout is not built for OpenCL yet";
    case RB_OP_LOSS_MSE:
        return "the mean squared error is not built for OpenCL yet";
    case RB_OP_UPDATE:
        return op->u.update.kind == RB_ADAM ? "Adam is not built for OpenCL yet" : NULL;
    case RB_OP_ATTACK:
        return "attacks are not built for OpenCL yet";
    default:
        return NULL;
    }
}

/* --- store -------------------------------------------------------------------------------------------------------- */

static void store_free(rb_store *store) {
    if (!store) return;
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (store->buffer[s]) clReleaseMemObject(store->buffer[s]);
    free(store);
}

static rb_status clear(rb_store *store, int segment) {
    cl_int zero = 0;
    size_t bytes = (store->bytes[segment] + 3) / 4 * 4;
    return rb__cl_status(
        store->device,
        clEnqueueFillBuffer(store->device->queue, store->buffer[segment], &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
        "clear a segment");
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_status status = RB_OK;
    rb_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) return rb_fail(RB_MEMORY, "out of memory while making a store");
    store->device = device;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (device->about.quirks.zero_copy ? CL_MEM_ALLOC_HOST_PTR : 0);
    for (int s = 0; s < RB_SEGMENTS; s++) {
        cl_int error;
        store->bytes[s] = bytes[s];
        if (bytes[s] == 0) continue;
        if (bytes[s] > device->about.quirks.max_alloc) {
            status =
                rb_fail(RB_MEMORY, "%s: segment %s needs %zu bytes, the largest allocation is %zu bytes", device->key,
                        rb_segment_name((rb_segment)s), bytes[s], (size_t)device->about.quirks.max_alloc);
            goto cleanup;
        }
        store->buffer[s] = clCreateBuffer(device->context, flags, (bytes[s] + 3) / 4 * 4, NULL, &error);
        RB_TRY(rb__cl_status(device, error, "allocate a segment"));
        RB_TRY(clear(store, s)); /* also the first touch, where a driver allocates lazily */
    }
    RB_TRY(rb__cl_status(device, clFinish(device->queue), "make a store"));
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
    if (!device->about.quirks.zero_copy) {
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
        RB_TRY(rb__cl_plan_enqueue(bound->plan, device->queue, NULL));
        if (device->about.quirks.flush) RB_TRY(rb__cl_status(device, clFlush(device->queue), "flush the queue"));
        if (++bound->since_mark >= device->about.quirks.queue_bound) RB_TRY(bound_queue(bound));
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

static size_t work_bytes(const rb_bound *bound) {
    size_t bytes = 0;
    for (int i = 0; i < bound->plan->n_works; i++) bytes += bound->plan->works[i].bytes;
    return bytes;
}

/* Events' times, each op's parts in launches of their own. */
static rb_status profile(rb_bound *bound, int n_steps, int64_t *ns_per_op) {
    rb_status status = RB_OK;
    rb_device *device = bound->plan->device;
    rb_store *store = bound->plan->store;
    cl_event *events = NULL;
    cl_int error;
    if (!device->timed) {
        device->timed = clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &error);
        RB_TRY(rb__cl_status(device, error, "make a queue with profiling"));
    }
    if (!bound->apart) RB_TRY(rb__cl_plan_new(store, bound->plan->program, bound->plan->variant, true, &bound->apart));
    rb__cl_plan *plan = bound->apart;
    events = calloc((size_t)plan->n_launches + 1, sizeof *events);
    if (!events) {
        status = rb_fail(RB_MEMORY, "out of memory while profiling");
        goto cleanup;
    }
    RB_TRY(wait_device(device));
    for (int step = 0; step < n_steps; step++) {
        RB_TRY(rb__cl_plan_enqueue(plan, device->timed, events));
        RB_TRY(rb__cl_status(device, clFinish(device->timed), "profile"));
        for (int i = 0; i < plan->n_launches; i++) {
            cl_ulong start = 0, end = 0;
            int op = plan->parts[plan->sequence[plan->launches[i].first]].op;
            error = clGetEventProfilingInfo(events[i], CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
            if (error == CL_SUCCESS)
                error = clGetEventProfilingInfo(events[i], CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
            clReleaseEvent(events[i]);
            events[i] = NULL;
            RB_TRY(rb__cl_status(device, error, "read a launch's time"));
            if (op >= 0) ns_per_op[op] += (int64_t)(end - start);
        }
    }
cleanup:
    free(events);
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
                                      .work_bytes = work_bytes,
                                      .profile = profile};
