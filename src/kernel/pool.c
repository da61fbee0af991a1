/* pool.c: parts of pooling layers and of their gradients, where no neighbour has taken them over. */
#include "kernel/kernel.h"

void rb__kn_pool_index(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *pool) {
    const size_t bytes = (size_t)pool->N * (size_t)pool->P * (size_t)pool->Q * (size_t)pool->ldy;
    if (pool->out[1] >= 0)
        rb__kn_out(plan, part, pool->out[1]);
    else
        rb__kn_work_out(part, rb__kn_work_new(plan, bytes), "__global uchar *");
}

void rb__kn_lower_pool(rb__kn_plan *plan, rb__kn_item *it) {
    static const char *const bodies[RB_OP_KINDS] = {[RB_OP_MAXPOOL] = "max_pool",
                                                    [RB_OP_MAXPOOL_DX] = "max_pool_dx",
                                                    [RB_OP_AVGPOOL] = "avg_pool",
                                                    [RB_OP_AVGPOOL_DX] = "avg_pool_dx"};
    const rb_op_kind kind = it->op->kind;
    const bool max = kind == RB_OP_MAXPOOL || kind == RB_OP_MAXPOOL_DX;
    const bool forward = kind == RB_OP_MAXPOOL || kind == RB_OP_AVGPOOL;
    const int pixels = forward ? it->P * it->Q : it->H * it->W, ld = forward ? it->ldy : it->ldx;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "pool.cl", bodies[kind]);
    rb__kn_define(part, "H", it->H);
    rb__kn_define(part, "W", it->W);
    rb__kn_define(part, "P", it->P);
    rb__kn_define(part, "Q", it->Q);
    rb__kn_define(part, "R", it->R);
    rb__kn_define(part, "STRIDE", it->stride);
    rb__kn_define(part, "LDX", it->ldx);
    rb__kn_define(part, "LDY", it->ldy);
    rb__kn_define(part, "SCALAR", it->ldx != it->ldy);
    rb__kn_in(plan, part, it->in[0]);
    if (forward) {
        rb__kn_out(plan, part, it->out[0]);
        if (max) rb__kn_pool_index(plan, part, it);
    } else {
        rb__kn_define_act(part, it->op);
        rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
        if (max) rb__kn_in(plan, part, it->in[1]);
        rb__kn_in(plan, part, it->op->act == RB_ACT_NONE ? -1 : it->in[max ? 2 : 1]);
        rb__kn_result(plan, part, it);
    }
    rb__kn_int(part, it->N * pixels * ld);
    rb__kn_flat_rows(plan, part, it->N, pixels, ld);
}
