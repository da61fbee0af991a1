/* update.c: parts of the optimizer and of the norms: one launch over all parameters. */
#include "kernel/kernel.h"
#include "kernel/tuning.h"

/* Flat work in so few groups that one group of finish.cl soon has their sums. */
static void share_out(const rb__kn_plan *plan, rb__kn_part *part, int64_t count) {
    int64_t block = (int64_t)RB__KN_GPU_FLAT * plan->device->local;
    if (!plan->device->gpu || count <= block * RB__KN_UPDATE_GROUPS) {
        rb__kn_flat(plan, part, count);
        return;
    }
    while (count > block * RB__KN_UPDATE_GROUPS) block *= 2;
    part->groups = (int)((count + block - 1) / block);
    part->cost = (double)block / RB__KN_LANES;
    rb__kn_define(part, "BLOCK", (int)block);
}

void rb__kn_lower_update(rb__kn_plan *plan, rb__kn_item *it) {
    const rb_op *op = it->op;
    bool step = op->kind == RB_OP_UPDATE;
    const rb_tensor *param = &plan->variant->tensors[step ? it->out[0] : it->in[0]];
    int64_t count = (int64_t)(param->bytes / sizeof(float));
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "update.cl", step ? "update" : "norms");
    share_out(plan, part, count);
    plan->n_norm_blocks = part->groups * (rb__kn_adds_items(plan, part) ? 1 : plan->device->local);
    plan->norm_op = it->number;
    plan->norm_blocks = rb__kn_work_new(plan, 2 * sizeof(float) * (size_t)plan->n_norm_blocks);
    if (step) {
        const float l1 = op->u.update.l1, l2 = op->u.update.l2, decay = op->u.update.weight_decay;
        rb__kn_define(part, "SCHEDULE_COLUMNS", RB_SCHED_COLUMNS);
        rb__kn_define(part, "SCHEDULE_LR", RB_SCHED_LR);
        rb__kn_define(part, "PENALTY", l1 != 0 || l2 != 0 || decay != 0);
        rb__kn_define_float(part, "L1", l1);
        rb__kn_define_float(part, "L2", l2);
        rb__kn_define_float(part, "DECAY", decay);
        const bool adam = op->u.update.kind == RB_ADAM;
        rb__kn_define(part, "ADAM", adam);
        if (adam) {
            rb__kn_define(part, "SCHEDULE_CORRECTION1", RB_SCHED_CORRECTION1);
            rb__kn_define(part, "SCHEDULE_CORRECTION2", RB_SCHED_CORRECTION2);
            rb__kn_define_float(part, "BETA1", op->u.update.beta1);
            rb__kn_define_float(part, "BETA2", op->u.update.beta2);
            rb__kn_define_float(part, "EPS", op->u.update.eps);
        }
        rb__kn_define(part, "MOMENTUM", !adam && it->in[2] >= 0);
        rb__kn_define_float(part, "MOMENTUM_RATE", op->u.update.momentum);
        rb__kn_cursor(plan, part);
        rb__kn_in(plan, part, it->in[0]);
        rb__kn_in(plan, part, it->in[1]);
        rb__kn_inout(plan, part, it->in[2]);
        if (adam) rb__kn_inout(plan, part, it->in[3]);
        rb__kn_inout(plan, part, it->out[0]);
    } else {
        rb__kn_in(plan, part, it->in[0]);
    }
    rb__kn_work_out(part, plan->norm_blocks, "__global float2 *");
    rb__kn_int(part, (int)count);
}
