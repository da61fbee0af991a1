/* memory.c: what a plan's kernels read and write: scratch, activations of their own, tensors as views, arguments. */
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

rb_status rb__kn_allocate_works(rb__kn_plan *plan) {
    rb_device *device = plan->device;
    for (int i = 0; i < plan->n_works; i++) {
        size_t bytes = plan->works[i].bytes ? plan->works[i].bytes : 4;
        if (device->info.max_alloc && bytes > device->info.max_alloc)
            return rb_fail(RB_MEMORY, "%s: scratch of %zu bytes is more than the largest allocation, %zu bytes",
                           device->key, bytes, device->info.max_alloc);
        rb_status status = device->runtime->allocate(device, bytes, "allocate scratch memory", &plan->works[i].memory);
        if (status != RB_OK) return status;
    }
    return RB_OK;
}

rb_status rb__kn_take_spares(rb__kn_plan *plan) {
    rb_store *store = plan->store;
    rb_status status = RB_OK;
    bool *taken = calloc((size_t)(store->n_spares + plan->variant->n_tensors) + 1, sizeof *taken);
    if (!taken) return rb_fail(RB_MEMORY, "out of memory while binding");
    for (int t = 0; t < plan->variant->n_tensors; t++) {
        const size_t bytes = plan->variant->tensors[t].bytes;
        int best = -1;
        if (plan->variant->tensors[t].segment != RB_SEG_ACT) continue;
        for (int i = 0; i < store->n_spares; i++) {
            const bool fits = !taken[i] && store->spares[i].bytes >= bytes;
            if (fits && (best < 0 || store->spares[i].bytes < store->spares[best].bytes)) best = i;
        }
        if (best < 0) {
            rb__kn_spare *more = realloc(store->spares, sizeof *more * ((size_t)store->n_spares + 1));
            rb__kn_memory *memory;
            if (!more) {
                status = rb_fail(RB_MEMORY, "out of memory while binding");
                goto cleanup;
            }
            store->spares = more;
            RB_TRY(plan->device->runtime->allocate(plan->device, bytes, "allocate an activation", &memory));
            best = store->n_spares++;
            store->spares[best] = (rb__kn_spare){bytes, memory};
        }
        taken[best] = true;
        plan->views[t] = store->spares[best].memory;
    }
cleanup:
    free(taken);
    return status;
}

rb_status rb__kn_view(rb__kn_plan *plan, int tensor, rb__kn_memory **out) {
    const rb_tensor *t = &plan->variant->tensors[tensor];
    rb_status status = RB_OK;
    if (!plan->views[tensor])
        status =
            plan->device->runtime->view(plan->store, t->segment, t->offset, t->bytes, t->name, &plan->views[tensor]);
    *out = plan->views[tensor];
    return status;
}

rb_status rb__kn_memory_of(rb__kn_plan *plan, const rb__kn_arg *arg, rb__kn_memory **out) {
    *out = NULL;
    if (arg->work >= 0)
        *out = plan->works[arg->work].memory;
    else if (arg->work == RB__KN_HEAD)
        *out = plan->store->buffer[RB_SEG_CTRL];
    else if (arg->tensor >= 0)
        return rb__kn_view(plan, arg->tensor, out);
    else if (strchr(arg->type, '*'))
        *out = plan->store->buffer[RB_SEG_CTRL]; /* any: it is not touched */
    return RB_OK;
}

rb_status rb__kn_set_args(rb__kn_plan *plan, const rb__kn_launch *launch, bool idle) {
    rb_status status = RB_OK;
    int room = 0, n = 0, end = 0;
    for (int k = 0; k < launch->count; k++) room += plan->parts[plan->sequence[launch->first + k]].n_args + 1;
    rb__kn_value *values = calloc((size_t)room, sizeof *values);
    if (!values) return rb_fail(RB_MEMORY, "out of memory while binding");
    for (int k = 0; k < launch->count; k++) {
        const rb__kn_part *part = &plan->parts[plan->sequence[launch->first + k]];
        for (int i = 0; i < part->n_args; i++, n++) {
            RB_TRY(rb__kn_memory_of(plan, &part->args[i], &values[n].memory));
            values[n].number = part->args[i].value;
        }
    }
    for (int k = 0; k < launch->count; k++) {
        if (rb__kn_goes_on(plan, launch, k)) continue;
        end += idle ? 0 : plan->parts[plan->sequence[launch->first + k]].groups;
        values[n++].number = end;
    }
    RB_TRY(plan->device->runtime->arguments(plan->device, launch->kernel, values, n));
cleanup:
    free(values);
    return status;
}
