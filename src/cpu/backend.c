/* backend.c: the cpu backend's entries: the device is this process's processors, a store is plain memory.
 *
 * submit works at once and returns when its steps are done, so that put, get and wait have nothing to wait for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/pages.h"
#include "core/text.h"
#include "cpu/cpu.h"
#ifdef REGBENCH_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

struct rb_bound {
    rb_store *store;
    const rb_variant *variant;
    const int32_t *order; /* row numbers of the variant's family; NULL: no op counts the rows present */
    rb__plan *plan;
};

static void describe(int threads, const char *isa, rb_device_info *out) {
    memset(out, 0, sizeof *out);
    snprintf(out->key, sizeof out->key, "cpu");
    rb__cpu_name(out->name, sizeof out->name);
#ifdef REGBENCH_HAVE_ONEDNN
    const dnnl_version_t *v = dnnl_version();
    snprintf(out->driver, sizeof out->driver, "OpenMP, oneDNN %d.%d.%d", v->major, v->minor, v->patch);
#else
    snprintf(out->driver, sizeof out->driver, "OpenMP");
#endif
    snprintf(out->isa, sizeof out->isa, "%s", isa);
    snprintf(out->type, sizeof out->type, "cpu");
    out->threads = threads;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    if (pages > 0 && size > 0) out->memory = (size_t)pages * (size_t)size;
}

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    const rb__kernels *kernels;
    (void)options;
    why[0] = '\0';
    *n = 0;
    rb_status status = rb__cpu_kernels(&kernels);
    if (status != RB_OK) return status;
    describe(rb__cpu_threads(), kernels->isa, &list[0]);
    *n = 1;
    return RB_OK;
}

static rb_status choose_provider(const char *name, rb_device *device) {
    static const char *const names[] = {[RB__AUTO] = "auto", [RB__OWN] = "own", [RB__ONEDNN] = "onednn"};
    int provider;
    rb_status status = rb_provider_select("the cpu", name, names, 3, &provider);
    if (status != RB_OK) return status;
#ifndef REGBENCH_HAVE_ONEDNN
    if (provider == RB__ONEDNN)
        return rb_fail(RB_USAGE,
                       "provider \"onednn\": this build has no oneDNN; install it and build again, or use own");
#endif
    device->provider = provider;
    return RB_OK;
}

static rb_status open_device(int index, const rb_open_options *options, rb_device **out) {
    static const char *const ways[] = {"direct"};
    rb_status status = RB_OK;
    int way;
    rb_device *device = calloc(1, sizeof *device);
    *out = NULL;
    (void)index;
    if (!device) return rb_fail(RB_MEMORY, "out of memory while opening the cpu");
    if (options && (options->threads < 0 || options->threads > 4096)) {
        status = rb_fail(RB_USAGE, "%d threads: give 0 (all) to 4096", options->threads);
        goto cleanup;
    }
    RB_TRY(rb__cpu_kernels(&device->kernels));
    RB_TRY(choose_provider(options ? options->provider : NULL, device));
    RB_TRY(rb_submit_select("cpu", options ? options->submit : NULL, ways, 1, &way));
    RB_TRY(rb_precision_fp32("the cpu", options));
#ifdef REGBENCH_HAVE_ONEDNN /* the library too keeps to REGBENCH_ISA; refused once it has been used: no matter */
    if (strcmp(device->kernels->isa, "avx512") != 0)
        (void)dnnl_set_max_cpu_isa(strcmp(device->kernels->isa, "avx2") == 0 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41);
#endif
    device->threads_given = options && options->threads;
    device->threads = device->threads_given ? options->threads : rb__cpu_threads();
    *out = device;
    device = NULL;
cleanup:
    free(device);
    return status;
}

static void close_device(rb_device *device) { free(device); }

static void info(const rb_device *device, rb_device_info *out) { describe(device->threads, device->kernels->isa, out); }

static void layout(const rb_device *device, rb_layout *out) {
    (void)device;
    *out = (rb_layout){.order = RB_NHWC,
                       .out_last = true,
                       .channel_align = 16,
                       .align = RB__ALIGN,
                       .real_bytes = 4,
                       .fuse = RB_FUSE_ACT | RB_FUSE_ACT_DX | RB_FUSE_ACT_BN | RB_FUSE_ADD | RB_FUSE_COPY};
}

static const char *supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op) {
    (void)device, (void)program, (void)variant;
    bool attack = op->kind == RB_OP_BATCHNORM_DX && !(op->flags & RB_OPF_TRAIN);
    return attack ? "attacks on a model with batch norm are not built for the cpu" : NULL;
}

static void store_free(rb_store *store) {
    if (!store) return;
    for (int s = 0; s < RB_SEGMENTS; s++) rb_pages_free(store->base[s], store->bytes[s]);
    free(store);
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) return rb_fail(RB_MEMORY, "out of memory while making a store");
    store->device = device;
    for (int s = 0; s < RB_SEGMENTS; s++) {
        store->bytes[s] = bytes[s];
        store->base[s] = rb_pages_new(bytes[s]);
        if (!store->base[s]) {
            store_free(store);
            return rb_fail(RB_MEMORY, "cpu: no memory for segment %s of %zu bytes", rb_segment_name((rb_segment)s),
                           bytes[s]);
        }
    }
    *out = store;
    return RB_OK;
}

static rb_status put(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from) {
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status == RB_OK && bytes) memcpy(store->base[segment] + offset, from, bytes);
    return status;
}

static rb_status get(rb_store *store, rb_segment segment, size_t offset, size_t bytes, void *to) {
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status == RB_OK && bytes) memcpy(to, store->base[segment] + offset, bytes);
    return status;
}

static void unbind(rb_bound *bound) {
    if (!bound) return;
    rb__plan_free(bound->plan);
    free(bound);
}

static rb_status bind(rb_store *store, const rb_program *program, const rb_variant *variant, rb_bound **out) {
    rb_status status = RB_OK;
    rb_bound *bound = calloc(1, sizeof *bound);
    *out = NULL;
    if (!bound) return rb_fail(RB_MEMORY, "out of memory while binding");
    bound->store = store;
    bound->variant = variant;
    for (int i = 0; i < variant->n_ops; i++)
        if (variant->ops[i].kind == RB_OP_LOSS_CE || variant->ops[i].kind == RB_OP_LOSS_MSE)
            bound->order =
                (const int32_t *)(const void *)(store->base[RB_SEG_CTRL] + program->order[variant->family].offset);
    RB_TRY(rb__plan_new(store, program, variant, &bound->plan));
    *out = bound;
    bound = NULL;
cleanup:
    unbind(bound);
    return status;
}

static rb_status submit(rb_bound *bound, int n_steps) {
    if (bound->plan->n_items == 0) return RB_OK;
    rb__team_run(bound->plan, bound->variant, (rb_ctrl_head *)(void *)bound->store->base[RB_SEG_CTRL], bound->order,
                 n_steps, NULL);
    return RB_OK;
}

static rb_status profile(rb_bound *bound, int n_steps, int64_t *ns_per_op) {
    if (bound->plan->n_items == 0) return RB_OK;
    rb__team_run(bound->plan, bound->variant, (rb_ctrl_head *)(void *)bound->store->base[RB_SEG_CTRL], bound->order,
                 n_steps, ns_per_op);
    return RB_OK;
}

static rb_status fma_peak(rb_device *device, double seconds, double *gflop_per_s) {
    *gflop_per_s = rb__team_fma_peak(device->kernels, device->threads, seconds);
    return RB_OK;
}

static rb_status wait_device(rb_device *device) {
    (void)device;
    return RB_OK;
}

static const char *provider(const rb_bound *bound, int op) { return bound->plan->items[op].provider; }

const rb_backend rb_backend_cpu = {.name = "cpu",
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
                                   .fma_peak = fma_peak,
                                   .profile = profile};
