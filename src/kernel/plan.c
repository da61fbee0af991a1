/* plan.c: a variant made ready to run: lowered to parts, parts put into launches, memory, compiled kernels. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "kernel/tuning.h"

/* Bytes of all activations if none shared memory with another. */
static size_t own_bytes(const rb_variant *v) {
    size_t bytes = 0;
    for (int t = 0; t < v->n_tensors; t++)
        if (v->tensors[t].segment == RB_SEG_ACT) bytes += v->tensors[t].bytes;
    return bytes;
}

/* Beside the activations' segment, which then lies idle: only what is small for the device, too. */
static bool has_own_memory(const rb__kn_plan *plan) {
    size_t bytes = own_bytes(plan->variant);
    return !plan->strict && bytes <= RB__KN_OWN_ACTIVATIONS && bytes <= plan->device->info.memory / 4;
}

/* What lowering could not say on the spot. */
static rb_status check_parts(const rb__kn_plan *plan) {
    for (int i = 0; i < plan->n_parts; i++) {
        const rb__kn_part *part = &plan->parts[i];
        if (part->full)
            return rb_fail(RB_INTERNAL, "kernels: %s has more than %d arguments", part->body, RB__KN_MAX_ARGS);
        rb_status status = rb_text_status(&part->defines);
        if (status != RB_OK) return status;
    }
    return RB_OK;
}

void rb__kn_plan_free(rb__kn_plan *plan) {
    if (!plan) return;
    const rb__kn_runtime *runtime = plan->device->runtime;
    for (int i = 0; plan->launches && i < plan->n_launches; i++)
        if (plan->launches[i].kernel) runtime->kernel_free(plan->launches[i].kernel);
    for (int i = 0; plan->views && i < plan->variant->n_tensors; i++) {
        bool spare = plan->own && plan->variant->tensors[i].segment == RB_SEG_ACT;
        if (plan->views[i] && !spare) runtime->view_release(plan->views[i]);
    }
    for (int i = 0; i < plan->n_works; i++)
        if (plan->works[i].memory) runtime->release(plan->works[i].memory);
    for (int i = 0; i < plan->n_parts; i++) {
        rb_text_free(&plan->parts[i].defines);
        if (plan->parts[i].release)
            plan->parts[i].release(plan->parts[i].state);
        else
            free(plan->parts[i].state);
    }
    free(plan->parts);
    free(plan->sequence);
    free(plan->works);
    free(plan->views);
    free(plan->launches);
    free(plan->providers);
    free(plan->algos);
    free(plan);
}

rb_status rb__kn_plan_new(rb_store *store, const rb_program *program, const rb_variant *variant, bool apart,
                          rb__kn_plan **out) {
    rb_status status = RB_OK;
    rb__kn_plan *plan = calloc(1, sizeof *plan);
    *out = NULL;
    if (!plan) return rb_fail(RB_MEMORY, "out of memory while binding");
    plan->device = store->device;
    plan->store = store;
    plan->program = program;
    plan->variant = variant;
    plan->apart = apart;
    plan->strict = rb_variant_is_part(variant);
    plan->own = has_own_memory(plan);
    plan->loss_rows = plan->norm_blocks = plan->library_work = plan->library_result = -1;
    plan->views = calloc((size_t)variant->n_tensors + 1, sizeof *plan->views);
    plan->providers = calloc((size_t)variant->n_ops + 1, sizeof *plan->providers);
    plan->algos = calloc((size_t)variant->n_ops + 1, sizeof *plan->algos);
    if (!plan->views || !plan->providers || !plan->algos) {
        status = rb_fail(RB_MEMORY, "out of memory while binding");
        goto cleanup;
    }
    rb__kn_lower(plan);
    RB_TRY(plan->status);
    RB_TRY(check_parts(plan));
    RB_TRY(rb__kn_make_launches(plan));
    if (plan->own) RB_TRY(rb__kn_take_spares(plan));
    RB_TRY(rb__kn_allocate_works(plan));
    RB_TRY(rb__kn_build(plan));
    *out = plan;
    plan = NULL;
cleanup:
    rb__kn_plan_free(plan);
    return status;
}

rb_status rb__kn_enqueue(rb__kn_plan *plan, const rb__kn_launch *launch) {
    const rb__kn_part *part = &plan->parts[plan->sequence[launch->first]];
    if (!launch->kernel) return part->call(plan, part);
    return plan->device->runtime->launch(plan->device, launch->kernel, launch->groups, launch->name);
}
