/* plan.c: from parts to launches: what depends on what, side by side or one after another, kernels with their
 * arguments.
 *
 * The level of a part is one more than the highest level of an earlier part that wrote what it reads, read what it
 * writes, or wrote what it writes. Parts of one level share launches. The compiler's packing of activations reuses
 * addresses, so conflicts are found by bytes, not by tensors; small networks get memory without reuse instead.
 *
 * Parts that treat every batch row by itself, in equal groups of rows, may follow each other within one level: they are
 * a *chain*, whose functions a group calls one after another on its rows. So a network's forward and backward way
 * through the activations is one launch, and the rows stay in the cache. */
#include "kernel/kernel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/tuning.h"

/* --- parts -------------------------------------------------------------------------------------------------------- */

void rb__kn_plan_fail(rb__kn_plan *plan, rb_status status) {
    if (plan->status == RB_OK) plan->status = status;
}

rb__kn_part *rb__kn_part_new(rb__kn_plan *plan, int op, const char *file, const char *body) {
    static rb__kn_part scratch; /* after a failure */
    if (plan->n_parts == plan->room_parts) {
        int room = plan->room_parts ? 2 * plan->room_parts : 32;
        rb__kn_part *more = realloc(plan->parts, sizeof *more * (size_t)room);
        if (!more) {
            rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
            memset(&scratch, 0, sizeof scratch);
            return &scratch;
        }
        plan->parts = more;
        plan->room_parts = room;
    }
    rb__kn_part *part = &plan->parts[plan->n_parts++];
    memset(part, 0, sizeof *part);
    part->op = op;
    part->file = file;
    part->body = body;
    part->groups = 1;
    part->cost = 1.0;
    return part;
}

void rb__kn_define(rb__kn_part *part, const char *name, int value) {
    rb_text_printf(&part->defines, "#define %s %d\n", name, value);
}

void rb__kn_define_float(rb__kn_part *part, const char *name, float value) {
    rb_text_printf(&part->defines, "#define %s %af\n", name, (double)value);
}

static rb__kn_arg *add_arg(rb__kn_part *part, const char *type) {
    part->full |= part->n_args == RB__KN_MAX_ARGS;
    if (part->n_args < RB__KN_MAX_ARGS) part->n_args++;
    rb__kn_arg *arg = &part->args[part->n_args - 1];
    *arg = (rb__kn_arg){.type = type, .tensor = -1, .work = -1};
    return arg;
}

static void add_tensor(rb__kn_plan *plan, rb__kn_part *part, int tensor, bool reads, bool writes) {
    static const char *const in[] = {"__global const float *", "__global const int *", "__global const uchar *"};
    static const char *const out[] = {"__global float *", "__global int *", "__global uchar *"};
    rb_dtype dtype = tensor < 0 ? RB_F32 : plan->variant->tensors[tensor].dtype;
    int kind = dtype == RB_I32 ? 1 : dtype == RB_U8 ? 2 : 0;
    rb__kn_arg *arg = add_arg(part, writes ? out[kind] : in[kind]);
    arg->tensor = tensor;
    arg->reads = reads && tensor >= 0;
    arg->writes = writes && tensor >= 0;
}

void rb__kn_in(rb__kn_plan *plan, rb__kn_part *part, int tensor) { add_tensor(plan, part, tensor, true, false); }
void rb__kn_out(rb__kn_plan *plan, rb__kn_part *part, int tensor) { add_tensor(plan, part, tensor, false, true); }
void rb__kn_inout(rb__kn_plan *plan, rb__kn_part *part, int tensor) { add_tensor(plan, part, tensor, true, true); }

void rb__kn_result(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it) {
    add_tensor(plan, part, it->out[0], it->op->flags & RB_OPF_ACCUMULATE, true);
}

static void add_work(rb__kn_part *part, int work, const char *type, bool writes) {
    rb__kn_arg *arg = add_arg(part, type);
    arg->work = work;
    arg->reads = !writes;
    arg->writes = writes;
}

void rb__kn_work_in(rb__kn_part *part, int work, const char *type) { add_work(part, work, type, false); }
void rb__kn_work_out(rb__kn_part *part, int work, const char *type) { add_work(part, work, type, true); }
void rb__kn_int(rb__kn_part *part, int value) { add_arg(part, "const int ")->value = value; }
void rb__kn_whole(rb__kn_part *part) { part->args[part->n_args - 1].whole = true; }
void rb__kn_cursor(const rb__kn_plan *plan, rb__kn_part *part) {
    add_arg(part, "__global const int *")->work = RB__KN_HEAD;
    rb__kn_define(part, "CURSOR", (int)(offsetof(rb_ctrl_head, cursor[plan->variant->family]) / sizeof(int32_t)));
    rb__kn_define(part, "BATCH", rb_variant_batch(plan->program, plan->variant));
}

int rb__kn_work_new(rb__kn_plan *plan, size_t bytes) {
    if (plan->n_works == plan->room_works) {
        int room = plan->room_works ? 2 * plan->room_works : 16;
        rb__kn_work *more = realloc(plan->works, sizeof *more * (size_t)room);
        if (!more) {
            rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
            return 0;
        }
        plan->works = more;
        plan->room_works = room;
    }
    plan->works[plan->n_works] = (rb__kn_work){.bytes = bytes};
    return plan->n_works++;
}

int rb__kn_library_work(rb__kn_plan *plan, size_t bytes) {
    if (plan->library_work < 0)
        plan->library_work = rb__kn_work_new(plan, bytes);
    else if (plan->works[plan->library_work].bytes < bytes)
        plan->works[plan->library_work].bytes = bytes;
    return plan->library_work;
}

void rb__kn_rows(const rb__kn_plan *plan, rb__kn_part *part, int n) {
    int rows = plan->device->gpu ? plan->device->local : RB__KN_ROWS;
    rb__kn_define(part, "ROWS", rows);
    part->groups = (n + rows - 1) / rows;
    part->rows = plan->device->gpu ? 0 : rows; /* a group of the gpu family would want barriers between parts */
}

int rb__kn_batch_rows(const rb__kn_plan *plan, int pixels) {
    int batch = rb_variant_batch(plan->program, plan->variant);
    return pixels == 1 ? RB__KN_ROWS : (batch + RB__KN_CONV_GROUPS - 1) / RB__KN_CONV_GROUPS;
}

/* --- levels ------------------------------------------------------------------------------------------------------- */

typedef enum relation { FREE, ROW_BY_ROW, AFTER } relation;

static relation compare_args(const rb__kn_plan *plan, const rb__kn_part *p, const rb__kn_arg *a, const rb__kn_part *q,
                             const rb__kn_arg *b) {
    if (!(a->writes && (b->writes || b->reads)) && !(b->writes && a->reads)) return FREE;
    if (a->work >= 0 || b->work >= 0) return a->work == b->work ? AFTER : FREE;
    const rb_tensor *s = &plan->variant->tensors[a->tensor], *t = &plan->variant->tensors[b->tensor];
    if (s->segment != t->segment) return FREE;
    bool rows = p->rows && p->rows == q->rows && !a->whole && !b->whole;
    if (s->segment == RB_SEG_ACT && a->tensor == b->tensor && rows) return ROW_BY_ROW;
    if (s->segment == RB_SEG_ACT && plan->own) return a->tensor == b->tensor ? AFTER : FREE;
    return s->offset < t->offset + t->bytes && t->offset < s->offset + s->bytes ? AFTER : FREE;
}

static relation compare_parts(const rb__kn_plan *plan, const rb__kn_part *later, const rb__kn_part *earlier) {
    relation most = FREE;
    if (plan->apart || later->alone || earlier->alone) return AFTER;
    for (int i = 0; i < later->n_args; i++)
        for (int j = 0; j < earlier->n_args; j++) {
            relation r = compare_args(plan, later, &later->args[i], earlier, &earlier->args[j]);
            if (r > most) most = r;
        }
    return most;
}

static void set_levels(rb__kn_plan *plan) {
    for (int i = 0; i < plan->n_parts; i++) {
        rb__kn_part *part = &plan->parts[i];
        part->level = 0;
        for (int j = 0; j < i; j++) {
            relation r = compare_parts(plan, part, &plan->parts[j]);
            int least = r == FREE ? 0 : plan->parts[j].level + (r == AFTER);
            if (part->level < least) part->level = least;
        }
    }
}

/* Parts of a level that go by the same rows; costs become those of the whole chain. */
static void make_chains(rb__kn_plan *plan) {
    for (int i = 0; i < plan->n_parts; i++) {
        rb__kn_part *part = &plan->parts[i];
        part->chain = i;
        for (int j = 0; j < i && part->rows; j++)
            if (plan->parts[j].level == part->level && plan->parts[j].rows == part->rows && !plan->apart) {
                part->chain = plan->parts[j].chain;
                plan->parts[part->chain].cost += part->cost;
                break;
            }
    }
}

static bool goes_before(const rb__kn_plan *plan, int a, int b) {
    int p = plan->parts[a].chain, q = plan->parts[b].chain;
    if (p == q) return a < b;
    return plan->parts[p].cost != plan->parts[q].cost ? plan->parts[p].cost < plan->parts[q].cost : p < q;
}

/* Launches of one level: cheap groups first, because a device's threads take the first groups in the largest portions.
 */
static void cut_level(rb__kn_plan *plan, int level, int *filled) {
    int first = *filled;
    for (int i = 0; i < plan->n_parts; i++) {
        if (plan->parts[i].level != level) continue;
        int at = (*filled)++;
        for (; at > first && goes_before(plan, i, plan->sequence[at - 1]); at--)
            plan->sequence[at] = plan->sequence[at - 1];
        plan->sequence[at] = i;
    }
    int args = 0;
    size_t stack = 0;
    for (int at = first; at < *filled; at++) {
        const rb__kn_part *part = &plan->parts[plan->sequence[at]];
        args += part->n_args + 1;
        stack += part->stack; /* compilers do not share it between the parts of a kernel */
        if (at == first || args > RB__KN_TOGETHER || stack > RB__KN_STACK_TOGETHER) {
            plan->launches[plan->n_launches++] = (rb__kn_launch){.first = at};
            args = part->n_args + 1;
            stack = part->stack;
        }
        plan->launches[plan->n_launches - 1].count++;
    }
}

/* Part k of a launch goes on with the groups of the part before it. */
bool rb__kn_goes_on(const rb__kn_plan *plan, const rb__kn_launch *launch, int k) {
    const int *at = &plan->sequence[launch->first + k];
    return k > 0 && plan->parts[at[0]].chain == plan->parts[at[-1]].chain;
}

static rb_status make_launches(rb__kn_plan *plan) {
    int levels = 0, filled = 0;
    set_levels(plan);
    make_chains(plan);
    plan->sequence = calloc((size_t)plan->n_parts + 1, sizeof *plan->sequence);
    plan->launches = calloc((size_t)plan->n_parts + 1, sizeof *plan->launches);
    if (!plan->sequence || !plan->launches) return rb_fail(RB_MEMORY, "out of memory while binding");
    for (int i = 0; i < plan->n_parts; i++)
        if (plan->parts[i].level >= levels) levels = plan->parts[i].level + 1;
    for (int level = 0; level < levels; level++) cut_level(plan, level, &filled);
    for (int i = 0; i < plan->n_launches; i++) {
        rb__kn_launch *launch = &plan->launches[i];
        for (int k = 0; k < launch->count; k++)
            if (!rb__kn_goes_on(plan, launch, k))
                launch->groups += (size_t)plan->parts[plan->sequence[launch->first + k]].groups;
    }
    return RB_OK;
}

/* --- memory and arguments ----------------------------------------------------------------------------------------- */

static rb_status allocate_works(rb__kn_plan *plan) {
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

/* Memory for each activation: the smallest of the store's spares that holds it and that this plan has not taken. */
static rb_status take_spares(rb__kn_plan *plan) {
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

/* Layouts align tensors as the device wants its sub-buffers. */
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

/* --- the plan ----------------------------------------------------------------------------------------------------- */

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
    plan->loss_rows = plan->norm_blocks = plan->library_work = -1;
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
    RB_TRY(make_launches(plan));
    if (plan->own) RB_TRY(take_spares(plan));
    RB_TRY(allocate_works(plan));
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
