/* backend.c: the opencl backend's entries: a device is a context with one in-order queue, a store is a buffer per
 * segment.
 *
 * submit enqueues and returns; the queue is bounded, because drivers keep memory for every command that waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "core/text.h"
#include "opencl/opencl.h"

typedef struct store {
    rb_store base;
    unsigned char *pages[RB_SEGMENTS]; /* what a buffer uses, where the device is this host's processors */
} store;

typedef struct bound {
    rb_bound base;
    cl_event marks[2]; /* ends of the last two portions of steps */
    int since_mark;    /* steps */
} bound;

static void close_device(rb_device *base) {
    rb__cl_device *device = rb__cl(base);
    if (!device) return;
    rb__kn_built_free(base);
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

static rb_status choose_provider(const char *name, rb__cl_device *device) {
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
static int group_size(const rb__cl_device *device) {
    int64_t local = 1;
    while (device->base.gpu && 2 * local <= device->quirks.work_group && local < RB__KN_MAX_LOCAL) local *= 2;
    while (local > device->quirks.max_wg || (size_t)local > device->limits.item_sizes[0]) local /= 2;
    return local < 1 ? 1 : (int)local;
}

static const char *const ways[] = {"eager"};

static const char *submission(const rb_device *device) {
    (void)device;
    return ways[0];
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    rb_status status = RB_OK;
    cl_int error;
    rb__cl_limits *list = NULL;
    int n, way;
    char why[256];
    rb__cl_device *device = calloc(1, sizeof *device);
    const char *quirks = options ? options->quirks : NULL;
    *out = NULL;
    if (!device) return rb_fail(RB_MEMORY, "out of memory while opening an OpenCL device");
    RB_TRY(rb__cl_devices(&list, &n, why));
    if (index >= n) {
        status = rb_fail(RB_NO_DEVICE, "no device opencl:%d: there are %d", index, n);
        goto cleanup;
    }
    rb_device *base = &device->base;
    base->runtime = &rb__cl_runtime;
    device->limits = list[index];
    device->id = list[index].device;
    snprintf(base->key, sizeof base->key, "opencl:%d", index);
    RB_TRY(rb__cl_quirks(&device->limits, quirks, &device->quirks, NULL));
    RB_TRY(rb__cl_describe(&device->limits, index, quirks, &base->info));
    RB_TRY(choose_provider(options ? options->provider : NULL, device));
    RB_TRY(rb_submit_select("opencl", options ? options->submit : NULL, ways, 1, &way));
    RB_TRY(rb_precision_fp32("opencl", options));
    base->gpu = device->quirks.family == RB__FAMILY_GPU;
    base->local = group_size(device);
    base->local_mem = device->quirks.local_mem;
    /* Sub-buffers begin at multiples of the device's alignment; vectors of 16 floats at multiples of 64. */
    base->align = device->limits.align > 128 ? (int)device->limits.align : 128;
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->limits.platform, 0};
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &error);
    RB_TRY(rb__cl_status(base, error, "make a context"));
    device->queue = clCreateCommandQueue(device->context, device->id, 0, &error);
    RB_TRY(rb__cl_status(base, error, "make a queue"));
    *out = base;
    device = NULL;
cleanup:
    free(list);
    if (device) close_device(&device->base);
    return status;
}

/* --- store -------------------------------------------------------------------------------------------------------- */

static void store_free(rb_store *base) {
    store *mine = (store *)base;
    if (!base) return;
    clFinish(rb__cl(base->device)->queue); /* nothing writes to pages that are given back */
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (base->buffer[s]) clReleaseMemObject((cl_mem)base->buffer[s]);
    rb__kn_spares_free(base);
    for (int s = 0; s < RB_SEGMENTS; s++) rb_pages_free(mine->pages[s], base->bytes[s] + 3);
    free(mine);
}

static rb_status clear(rb_store *base, int segment) {
    cl_int zero = 0;
    size_t bytes = (base->bytes[segment] + 3) / 4 * 4;
    return rb__cl_memory_status(base->device,
                                clEnqueueFillBuffer(rb__cl(base->device)->queue, (cl_mem)base->buffer[segment], &zero,
                                                    sizeof zero, 0, bytes, 0, NULL, NULL),
                                "clear a segment");
}

/* Processors that share the host's memory take ours: drivers' own allocations come without huge pages, and rows
 * gathered from a large data set wait for address translations then (a first layer took 1.4 times as long). */
static rb_status make_buffer(store *mine, int segment) {
    rb_store *base = &mine->base;
    rb__cl_device *device = rb__cl(base->device);
    size_t bytes = (base->bytes[segment] + 3) / 4 * 4;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (device->quirks.zero_copy ? CL_MEM_ALLOC_HOST_PTR : 0);
    cl_int error;
    if (device->quirks.zero_copy && !device->base.gpu) {
        flags = CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR;
        mine->pages[segment] = rb_pages_new(base->bytes[segment] + 3);
        if (!mine->pages[segment]) return rb_fail(RB_MEMORY, "%s: no memory for %zu bytes", device->base.key, bytes);
    }
    base->buffer[segment] =
        (rb__kn_memory *)clCreateBuffer(device->context, flags, bytes, mine->pages[segment], &error);
    return rb__cl_memory_status(base->device, error, "allocate a segment");
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_status status = RB_OK;
    store *mine = calloc(1, sizeof *mine);
    *out = NULL;
    if (!mine) return rb_fail(RB_MEMORY, "out of memory while making a store");
    mine->base.device = device;
    RB_TRY(rb__kn_store_check(device, bytes));
    for (int s = 0; s < RB_SEGMENTS; s++) {
        mine->base.bytes[s] = bytes[s];
        if (bytes[s] == 0) continue;
        RB_TRY(make_buffer(mine, s));
        RB_TRY(clear(&mine->base, s)); /* also the first touch, where a driver allocates lazily */
    }
    RB_TRY(rb__cl_memory_status(device, clFinish(rb__cl(device)->queue), "make a store"));
    *out = &mine->base;
    mine = NULL;
cleanup:
    if (mine) store_free(&mine->base);
    return status;
}

/* Blocking; where host and device share memory, a mapping saves the driver's copy. */
static rb_status transfer(rb_store *base, rb_segment segment, size_t offset, size_t bytes, const void *from, void *to) {
    rb__cl_device *device = rb__cl(base->device);
    rb_status status = rb_transfer_check(base->bytes, segment, offset, bytes);
    if (status != RB_OK || bytes == 0) return status;
    cl_mem buffer = (cl_mem)base->buffer[segment];
    cl_int error;
    if (!device->quirks.zero_copy) {
        error = from ? clEnqueueWriteBuffer(device->queue, buffer, CL_TRUE, offset, bytes, from, 0, NULL, NULL)
                     : clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, offset, bytes, to, 0, NULL, NULL);
        return rb__cl_status(base->device, error, from ? "write a buffer" : "read a buffer");
    }
    void *memory = clEnqueueMapBuffer(device->queue, buffer, CL_TRUE, from ? CL_MAP_WRITE : CL_MAP_READ, offset, bytes,
                                      0, NULL, NULL, &error);
    if (error != CL_SUCCESS) return rb__cl_status(base->device, error, "map a buffer");
    memcpy(from ? memory : to, from ? from : memory, bytes);
    error = clEnqueueUnmapMemObject(device->queue, buffer, memory, 0, NULL, NULL);
    return rb__cl_status(base->device, error, "unmap a buffer");
}

static rb_status put(rb_store *base, rb_segment segment, size_t offset, size_t bytes, const void *from) {
    return transfer(base, segment, offset, bytes, from, NULL);
}

static rb_status get(rb_store *base, rb_segment segment, size_t offset, size_t bytes, void *to) {
    return transfer(base, segment, offset, bytes, NULL, to);
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void unbind(rb_bound *base) {
    bound *mine = (bound *)base;
    if (!base) return;
    clFinish(rb__cl(base->plan->device)->queue);
    for (int i = 0; i < 2; i++)
        if (mine->marks[i]) clReleaseEvent(mine->marks[i]);
    rb__kn_plan_free(base->plan);
    rb__kn_plan_free(base->apart);
    free(mine);
}

static rb_status bind(rb_store *base, const rb_program *program, const rb_variant *variant, rb_bound **out) {
    bound *mine = calloc(1, sizeof *mine);
    *out = NULL;
    if (!mine) return rb_fail(RB_MEMORY, "out of memory while binding");
    rb_status status = rb__kn_plan_new(base, program, variant, false, &mine->base.plan);
    if (status != RB_OK) {
        free(mine);
        return status;
    }
    *out = &mine->base;
    return RB_OK;
}

/* Waits until at most two portions of steps are queued. */
static rb_status bound_queue(bound *mine) {
    rb_device *device = mine->base.plan->device;
    cl_command_queue queue = rb__cl(device)->queue;
    cl_int error = CL_SUCCESS;
    mine->since_mark = 0;
    if (mine->marks[0]) {
        error = clWaitForEvents(1, &mine->marks[0]);
        clReleaseEvent(mine->marks[0]);
    }
    mine->marks[0] = mine->marks[1];
    mine->marks[1] = NULL;
    if (error == CL_SUCCESS) error = clEnqueueMarkerWithWaitList(queue, 0, NULL, &mine->marks[1]);
    if (error == CL_SUCCESS) error = clFlush(queue);
    return rb__cl_status(device, error, "bound the queue");
}

static rb_status submit(rb_bound *base, int n_steps) {
    bound *mine = (bound *)base;
    rb__kn_plan *plan = base->plan;
    rb__cl_device *device = rb__cl(plan->device);
    rb_status status = RB_OK;
    for (int i = 0; i < n_steps; i++) {
        for (int k = 0; k < plan->n_launches; k++) RB_TRY(rb__kn_enqueue(plan, &plan->launches[k]));
        if (device->quirks.flush) RB_TRY(rb__cl_status(plan->device, clFlush(device->queue), "flush the queue"));
        if (++mine->since_mark >= device->quirks.queue_bound) RB_TRY(bound_queue(mine));
    }
    RB_TRY(rb__cl_status(plan->device, clFlush(device->queue), "flush the queue"));
cleanup:
    return status;
}

static rb_status wait_device(rb_device *device) { return rb__cl_runtime.wait(device, "wait for the device"); }

const rb_backend rb_backend_opencl = {.name = "opencl",
                                      .abi = RB_BACKEND_ABI,
                                      .probe = probe,
                                      .open = open_device,
                                      .close = close_device,
                                      .info = rb__kn_info,
                                      .layout = rb__kn_layout,
                                      .supports = rb__kn_supports,
                                      .store_new = store_new,
                                      .store_free = store_free,
                                      .put = put,
                                      .get = get,
                                      .bind = bind,
                                      .unbind = unbind,
                                      .submit = submit,
                                      .wait = wait_device,
                                      .provider = rb__kn_provider,
                                      .profile = rb__kn_profile,
                                      .launches = rb__kn_launches,
                                      .submission = submission,
                                      .fma_peak = rb__kn_fma_peak};
