/* backend.c: entries of the backends that run planned kernels, as far as they need no runtime's calls. */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "kernel/kernel.h"

void rb__kn_info(const rb_device *device, rb_device_info *out) { *out = device->info; }

void rb__kn_layout(const rb_device *device, rb_layout *out) {
    *out = (rb_layout){.order = RB_NHWC,
                       .out_last = true,
                       .channel_align = RB__KN_LANES,
                       .align = device->align,
                       .real_bytes = 4,
                       .fuse = RB_FUSE_ACT | RB_FUSE_ACT_DX | RB_FUSE_ACT_BN | RB_FUSE_ADD | RB_FUSE_COPY};
}

/* Kernels count the elements of a tensor in int. */
static const char *too_large(rb_device *device, const rb_variant *variant, int tensor) {
    if (tensor < 0) return NULL;
    const rb_tensor *t = &variant->tensors[tensor];
    const size_t n = t->bytes / rb_dtype_bytes(t->dtype, sizeof(float));
    if (n <= INT32_MAX) return NULL;
    snprintf(device->reason, sizeof device->reason, "%s has %zu elements, %s's kernels count up to %d", t->name, n,
             device->runtime->title, INT32_MAX);
    return device->reason;
}

const char *rb__kn_supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op) {
    (void)program;
    const char *reason = NULL;
    for (int k = 0; k < RB_OP_MAX_IN && !reason; k++) reason = too_large(device, variant, op->in[k]);
    for (int k = 0; k < RB_OP_MAX_OUT && !reason; k++) reason = too_large(device, variant, op->out[k]);
    if (reason) return reason;
    bool attack = op->kind == RB_OP_BATCHNORM_DX && !(op->flags & RB_OPF_TRAIN);
    return attack ? "attacks on a model with batch norm are not built for OpenCL and CUDA" : NULL;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

rb_status rb__kn_store_check(const rb_device *device, const size_t bytes[RB_SEGMENTS]) {
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (device->info.max_alloc && bytes[s] > device->info.max_alloc)
            return rb_fail(RB_MEMORY, "%s: segment %s needs %zu bytes, the largest allocation is %zu bytes",
                           device->key, rb_segment_name((rb_segment)s), bytes[s], device->info.max_alloc);
    return RB_OK;
}

void rb__kn_spares_free(rb_store *store) {
    for (int i = 0; i < store->n_spares; i++) store->device->runtime->release(store->spares[i].memory);
    free(store->spares);
}

/* --- what a binding is -------------------------------------------------------------------------------------------- */

const char *rb__kn_provider(const rb_bound *bound, int op) {
    return bound->plan->providers[op] ? bound->plan->providers[op] : "own";
}

const char *rb__kn_algo(const rb_bound *bound, int op) { return bound->plan->algos[op]; }

int rb__kn_launches(const rb_bound *bound) { return bound->plan->n_launches; }

/* One launch with nothing beside it. */
static rb_status time_launch(rb__kn_plan *plan, const rb__kn_launch *launch, int64_t *ns) {
    rb_device *device = plan->device;
    if (launch->kernel) return device->runtime->time(device, launch->kernel, launch->groups, launch->name, ns);
    if (device->runtime->time_call)
        return device->runtime->time_call(plan, &plan->parts[plan->sequence[launch->first]], ns);
    int64_t start = rb_clock_ns();
    rb_status status = rb__kn_enqueue(plan, launch);
    if (status == RB_OK) status = device->runtime->wait(device, "profile");
    *ns = rb_clock_ns() - start;
    return status;
}

rb_status rb__kn_profile(rb_bound *bound, int n_steps, int64_t *ns_per_op) {
    rb_status status = RB_OK;
    const rb__kn_plan *whole = bound->plan;
    if (!bound->apart) RB_TRY(rb__kn_plan_new(whole->store, whole->program, whole->variant, true, &bound->apart));
    RB_TRY(whole->device->runtime->wait(whole->device, "wait for the device"));
    for (int step = 0; step < n_steps; step++)
        for (int i = 0; i < bound->apart->n_launches; i++) {
            const rb__kn_launch *launch = &bound->apart->launches[i];
            int op = bound->apart->parts[bound->apart->sequence[launch->first]].op;
            int64_t ns = 0;
            RB_TRY(time_launch(bound->apart, launch, &ns));
            if (op >= 0) ns_per_op[op] += ns;
        }
cleanup:
    return status;
}
