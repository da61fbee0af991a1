/* part.c: parts as lowering writes them down: a function of cl/, its #defines, its arguments, its groups. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/tuning.h"

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

static int shared_work(rb__kn_plan *plan, int *work, size_t bytes) {
    if (*work < 0)
        *work = rb__kn_work_new(plan, bytes);
    else if (plan->works[*work].bytes < bytes)
        plan->works[*work].bytes = bytes;
    return *work;
}

int rb__kn_library_work(rb__kn_plan *plan, size_t bytes) { return shared_work(plan, &plan->library_work, bytes); }
int rb__kn_library_result(rb__kn_plan *plan, size_t bytes) { return shared_work(plan, &plan->library_result, bytes); }

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

void rb__kn_flat(const rb__kn_plan *plan, rb__kn_part *part, int64_t count) {
    int block = plan->device->gpu ? RB__KN_GPU_FLAT * plan->device->local : RB__KN_CPU_FLAT;
    part->groups = (int)((count + block - 1) / block);
    part->cost = (double)block / RB__KN_LANES;
    rb__kn_define(part, "BLOCK", block);
}

void rb__kn_flat_rows(const rb__kn_plan *plan, rb__kn_part *part, int n, int pixels, int ld) {
    if (plan->device->gpu) {
        rb__kn_flat(plan, part, (int64_t)n * pixels * ld);
        return;
    }
    int rows = rb__kn_batch_rows(plan, pixels), block = rows * pixels * ld;
    part->rows = rows;
    part->groups = (n + rows - 1) / rows;
    part->cost = (double)block / RB__KN_LANES;
    rb__kn_define(part, "BLOCK", block);
}

bool rb__kn_adds_items(const rb__kn_plan *plan, rb__kn_part *part) {
    const rb_device *device = plan->device;
    const bool local =
        device->gpu && device->local > 1 && device->local_mem >= 2 * (int64_t)sizeof(float) * device->local;
    rb__kn_define(part, "LMEM", local);
    if (local && part->local_floats < 2 * device->local) part->local_floats = 2 * device->local;
    return local;
}

int rb__kn_act(rb_act act) {
    static const int codes[] = {[RB_ACT_NONE] = 0, [RB_ACT_SIGMOID] = 1, [RB_ACT_RELU] = 2, [RB_ACT_LEAKY_RELU] = 3};
    return codes[act];
}

void rb__kn_define_act(rb__kn_part *part, const rb_op *op) {
    rb__kn_define(part, "ACT", rb__kn_act(op->act));
    rb__kn_define_float(part, "SLOPE", op->slope);
}

void rb__kn_input(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it) {
    const rb__kn_item *gather = it->op->kind == RB_OP_GATHER ? it : it->gather;
    rb__kn_define(part, "GATHER", gather != NULL);
    if (!gather) {
        rb__kn_in(plan, part, it->in[0]);
        return;
    }
    rb__kn_define(part, "BYTES", plan->variant->tensors[gather->in[0]].dtype == RB_U8);
    rb__kn_define_float(part, "MEAN", gather->op->u.normalize.mean);
    rb__kn_define_float(part, "STDDEV", gather->op->u.normalize.stddev);
    rb__kn_cursor(plan, part);
    rb__kn_in(plan, part, gather->in[0]);
    rb__kn_in(plan, part, gather->in[1]);
}

bool rb__kn_taken(const rb__kn_plan *plan, const rb__kn_item *it) {
    const rb__kn_runtime *runtime = plan->device->runtime;
    return runtime->takes && runtime->takes(plan, it);
}
