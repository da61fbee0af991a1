/* backend.c: the cuda backend's entries: a device is its primary context with one stream, a store an allocation per
 * segment, a binding two CUDA graphs: of one step and of several.
 *
 * Graphs are captured, instantiated and uploaded by bind; submit launches the large one as often as it fits into the
 * steps asked for, and the small one for the rest. Both hold the same launches, since what changes between steps lies
 * in CTRL. Calls on a device come from one thread, which may hold several devices: each entry makes its own current. */
#include <stdio.h>
#include <stdlib.h>

#include "cuda/providers.h"

enum { MOST_NODES = 4096 }; /* of a graph: large networks keep the device busy anyway, and each node costs memory */

typedef struct bound {
    rb_bound base;
    CUgraphExec step; /* NULL: launch by launch */
    CUgraphExec many; /* of `steps` steps; NULL: none */
    int steps;
} bound;

static const char *const ways[] = {
    [RB__CUDA_GRAPH] = "graph", [RB__CUDA_GRAPH_STEP] = "graph-step", [RB__CUDA_EAGER] = "eager"};

static const char *submission(const rb_device *device) { return ways[rb__cuda_of(device)->submit]; }

static rb_status enter(const rb_device *device) {
    return rb__cuda_status(device, rb__cuda.context_use(rb__cuda_of(device)->context), "make a context current");
}

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    int count = 0;
    const char *quirks = options ? options->quirks : NULL;
    *n = 0;
    if (!rb__cuda_load(why)) return RB_OK;
    CUresult error = rb__cuda.device_count(&count);
    if (error != CUDA_SUCCESS) snprintf(why, 256, "the driver lists no devices (%d)", (int)error);
    for (int i = 0; i < count && *n < RB_MAX_DEVICES; i++) {
        CUdevice id;
        int capability;
        if (!rb__cuda_describe(i, quirks, &id, &capability, &list[*n], why)) continue;
        rb__cuda_providers_describe(options, &list[*n]);
        ++*n;
    }
    return RB_OK;
}

static void close_device(rb_device *base) {
    rb__cuda_device *device = rb__cuda_of(base);
    if (!device) return;
    if (device->context) {
        rb__cuda.context_use(device->context);
        rb__kn_built_free(base);
        rb__cuda_providers_close(device);
        for (int i = 0; i < 2; i++)
            if (device->marks[i]) rb__cuda.event_free(device->marks[i]);
        if (device->stream) rb__cuda.stream_free(device->stream);
        if (device->lost) rb__cuda.context_reset(device->id); /* whoever opens it next finds it well */
        rb__cuda.context_release(device->id);
    }
    free(device);
}

/* A power of two that the device takes. */
static int group_size(const rb__cuda_device *device) {
    int most = 1, local = 1;
    if (rb__cuda.device_attribute(&most, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, device->id) != CUDA_SUCCESS)
        most = 1;
    if (most > RB__KN_MAX_LOCAL) most = RB__KN_MAX_LOCAL;
    while (2 * local <= device->quirks.work_group && 2 * local <= most) local *= 2;
    return local;
}

/* The device that probe numbers so: those left out count for nothing. */
static bool find_device(int index, const char *quirks, rb__cuda_device *device, char why[256]) {
    int count = 0;
    if (rb__cuda.device_count(&count) != CUDA_SUCCESS) count = 0;
    for (int i = 0, n = 0; i < count; i++) {
        if (!rb__cuda_describe(i, quirks, &device->id, &device->capability, &device->base.info, why)) continue;
        if (n++ == index) return true;
    }
    if (!why[0]) snprintf(why, 256, "there is no such device");
    return false;
}

static rb_status make_context(rb__cuda_device *device) {
    int mode = CU_COMPUTEMODE_DEFAULT;
    CUresult error = rb__cuda.context_retain(&device->context, device->id);
    if (error != CUDA_ERROR_DEVICE_UNAVAILABLE) return rb__cuda_status(&device->base, error, "make a context");
    device->context = NULL;
    if (rb__cuda.device_attribute(&mode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, device->id) != CUDA_SUCCESS)
        mode = CU_COMPUTEMODE_DEFAULT;
    return rb_fail_native(
        RB_DEVICE, error, "%s: the device is not available (CUDA_ERROR_DEVICE_UNAVAILABLE, %d): %s", device->base.key,
        (int)error,
        mode == CU_COMPUTEMODE_EXCLUSIVE_PROCESS
            ? "another process has it, and its compute mode is exclusive: wait, or `nvidia-smi -c DEFAULT`"
        : mode == CU_COMPUTEMODE_PROHIBITED ? "its compute mode is prohibited: `nvidia-smi -c DEFAULT`"
                                            : "another process may have it: `nvidia-smi` shows which");
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    rb_status status = RB_OK;
    char why[256] = "";
    const char *quirks = options ? options->quirks : NULL;
    rb__cuda_device *device = calloc(1, sizeof *device);
    *out = NULL;
    if (!device) return rb_fail(RB_MEMORY, "out of memory while opening a CUDA device");
    rb_device *base = &device->base;
    base->runtime = &rb__cuda_runtime;
    base->gpu = true;
    base->align = 256; /* as the driver's own allocations */
    snprintf(base->key, sizeof base->key, "cuda:%d", index);
    if (!rb__cuda_load(why) || !find_device(index, quirks, device, why)) {
        status = rb_fail(RB_NO_DEVICE, "cuda:%d: %s", index, why);
        goto cleanup;
    }
    RB_TRY(rb_submit_select("cuda", options ? options->submit : NULL, ways, 3, &device->submit));
    RB_TRY(rb__cuda_settle(quirks, &device->quirks));
    base->local = group_size(device);
    base->local_mem = device->quirks.local_mem;
    RB_TRY(make_context(device));
    RB_TRY(enter(base));
    RB_TRY(rb__cuda_status(base, rb__cuda.stream_new(&device->stream, CU_STREAM_NON_BLOCKING), "make a stream"));
    for (int i = 0; i < 2; i++)
        RB_TRY(rb__cuda_status(base, rb__cuda.event_new(&device->marks[i], CU_EVENT_DEFAULT), "make an event"));
    RB_TRY(rb__cuda_providers_open(device, options));
    *out = base;
    device = NULL;
cleanup:
    if (device) close_device(&device->base);
    return status;
}

/* --- store -------------------------------------------------------------------------------------------------------- */

static void store_free(rb_store *store) {
    if (!store) return;
    rb__cuda_device *device = rb__cuda_of(store->device);
    rb__cuda.context_use(device->context);
    rb__cuda.stream_wait(device->stream);
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (store->buffer[s]) store->device->runtime->release(store->buffer[s]);
    rb__kn_spares_free(store);
    free(store);
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_status status = RB_OK;
    CUstream stream = rb__cuda_of(device)->stream;
    rb_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) return rb_fail(RB_MEMORY, "out of memory while making a store");
    store->device = device;
    RB_TRY(enter(device));
    for (int s = 0; s < RB_SEGMENTS; s++) {
        char what[64];
        store->bytes[s] = bytes[s];
        if (bytes[s] == 0) continue;
        snprintf(what, sizeof what, "allocate segment %s", rb_segment_name((rb_segment)s));
        RB_TRY(rb__cuda_allocate(device, bytes[s], what, &store->buffer[s]));
        RB_TRY(rb__cuda_status(device, rb__cuda.fill((CUdeviceptr)store->buffer[s], 0, bytes[s], stream),
                               "clear a segment"));
    }
    RB_TRY(device->runtime->wait(device, "make a store"));
    *out = store;
    store = NULL;
cleanup:
    store_free(store);
    return status;
}

static rb_status put(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from) {
    rb_device *device = store->device;
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status != RB_OK || bytes == 0) return status;
    RB_TRY(enter(device));
    RB_TRY(rb__cuda_status(
        device, rb__cuda.write((CUdeviceptr)store->buffer[segment] + offset, from, bytes, rb__cuda_of(device)->stream),
        "write memory"));
    RB_TRY(device->runtime->wait(device, "write memory"));
cleanup:
    return status;
}

static rb_status get(rb_store *store, rb_segment segment, size_t offset, size_t bytes, void *to) {
    rb_device *device = store->device;
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status != RB_OK || bytes == 0) return status;
    RB_TRY(enter(device));
    RB_TRY(rb__cuda_status(
        device, rb__cuda.read(to, (CUdeviceptr)store->buffer[segment] + offset, bytes, rb__cuda_of(device)->stream),
        "read memory"));
    RB_TRY(device->runtime->wait(device, "read memory"));
cleanup:
    return status;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void unbind(rb_bound *base) {
    bound *mine = (bound *)base;
    if (!base) return;
    if (base->plan) {
        rb__cuda_device *device = rb__cuda_of(base->plan->device);
        rb__cuda.context_use(device->context);
        rb__cuda.stream_wait(device->stream);
    }
    if (mine->step) rb__cuda.graph_exec_free(mine->step);
    if (mine->many) rb__cuda.graph_exec_free(mine->many);
    rb__kn_plan_free(base->plan);
    rb__kn_plan_free(base->apart);
    free(mine);
}

static rb_status enqueue_step(rb__kn_plan *plan) {
    rb_status status = RB_OK;
    for (int k = 0; k < plan->n_launches && status == RB_OK; k++) status = rb__kn_enqueue(plan, &plan->launches[k]);
    return status;
}

static rb_status capture(rb__kn_plan *plan, int n_steps, CUgraphExec *out) {
    rb_status status = RB_OK;
    rb_device *device = plan->device;
    CUstream stream = rb__cuda_of(device)->stream;
    CUgraph graph = NULL;
    RB_TRY(
        rb__cuda_status(device, rb__cuda.capture_begin(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "capture a step"));
    for (int i = 0; i < n_steps && status == RB_OK; i++) status = enqueue_step(plan);
    CUresult error = rb__cuda.capture_end(stream, &graph);
    if (status == RB_OK) status = rb__cuda_status(device, error, "capture a step");
    if (status == RB_OK)
        status = rb__cuda_status(device, rb__cuda.graph_instantiate(out, graph, 0), "instantiate a graph of steps");
    if (status == RB_OK) status = rb__cuda_status(device, rb__cuda.graph_upload(*out, stream), "upload a graph");
cleanup:
    if (graph) rb__cuda.graph_free(graph);
    return status;
}

/* The most steps that one call of submit enqueues, as far as the program tells. */
static int most_steps(const rb_program *program, const rb_variant *variant) {
    if (variant->rows < 1 || program->spec.batch < 1) return 1;
    if (variant == &program->variant[RB_VARIANT_TRAIN]) {
        int64_t whole = program->spec.n_train / program->spec.batch;
        bool even = program->spec.n_train % program->spec.batch == 0; /* else each epoch ends in a smaller step */
        return even || whole > program->spec.window ? program->spec.window : (int)whole;
    }
    if (variant == &program->variant[RB_VARIANT_EVAL])
        return (int)((program->spec.n_eval + variant->rows - 1) / variant->rows);
    return 1;
}

/* Steps of a graph, at most `limit`, so that `most` steps take few launches: of 117 steps, graphs of 32 would leave 21
 * single ones, graphs of 29 leave one. */
static int steps_of_graph(int most, int limit) {
    if (most <= limit) return most;
    int even = most / ((most + limit - 1) / limit);
    return most / limit + most % limit < most / even + most % even ? limit : even;
}

static rb_status make_graphs(bound *mine, const rb_program *program, const rb_variant *variant) {
    rb_status status = RB_OK;
    rb__kn_plan *plan = mine->base.plan;
    const rb__cuda_device *device = rb__cuda_of(plan->device);
    int64_t fit = plan->n_launches ? MOST_NODES / plan->n_launches : 1, limit = device->quirks.graph_steps;
    if (device->submit == RB__CUDA_EAGER) return RB_OK;
    RB_TRY(capture(plan, 1, &mine->step));
    if (device->submit == RB__CUDA_GRAPH_STEP) return RB_OK;
    mine->steps = steps_of_graph(most_steps(program, variant), (int)(fit < 1 ? 1 : fit < limit ? fit : limit));
    if (mine->steps > 1) RB_TRY(capture(plan, mine->steps, &mine->many));
cleanup:
    return status;
}

static rb_status bind(rb_store *store, const rb_program *program, const rb_variant *variant, rb_bound **out) {
    rb_status status = RB_OK;
    rb_device *device = store->device;
    bound *mine = calloc(1, sizeof *mine);
    *out = NULL;
    if (!mine) return rb_fail(RB_MEMORY, "out of memory while binding");
    RB_TRY(enter(device));
    RB_TRY(rb__kn_plan_new(store, program, variant, false, &mine->base.plan));
    RB_TRY(make_graphs(mine, program, variant));
    *out = &mine->base;
    mine = NULL;
cleanup:
    if (mine) unbind(&mine->base);
    return status;
}

static rb_status submit(rb_bound *base, int n_steps) {
    const bound *mine = (bound *)base;
    rb_device *device = base->plan->device;
    rb_status status = RB_OK;
    CUstream stream = rb__cuda_of(device)->stream;
    RB_TRY(enter(device));
    for (int left = n_steps; left > 0;) {
        bool many = mine->many && left >= mine->steps;
        if (mine->step)
            RB_TRY(rb__cuda_status(device, rb__cuda.graph_launch(many ? mine->many : mine->step, stream),
                                   "launch a graph of steps"));
        else
            RB_TRY(enqueue_step(base->plan));
        left -= many ? mine->steps : 1;
    }
cleanup:
    return status;
}

static rb_status wait_device(rb_device *device) {
    rb_status status = enter(device);
    return status == RB_OK ? device->runtime->wait(device, "wait for the device") : status;
}

static rb_status profile(rb_bound *base, int n_steps, int64_t *ns_per_op) {
    rb_status status = enter(base->plan->device);
    return status == RB_OK ? rb__kn_profile(base, n_steps, ns_per_op) : status;
}

static rb_status fma_peak(rb_device *device, double seconds, double *gflop_per_s) {
    rb_status status = enter(device);
    return status == RB_OK ? rb__kn_fma_peak(device, seconds, gflop_per_s) : status;
}

const rb_backend rb_backend_cuda = {.name = "cuda",
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
                                    .algo = rb__kn_algo,
                                    .profile = profile,
                                    .launches = rb__kn_launches,
                                    .submission = submission,
                                    .fma_peak = fma_peak};
