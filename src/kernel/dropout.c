/* dropout.c: parts of dropout and of its gradient, which are the same. */
#include <stddef.h>

#include "kernel/kernel.h"

void rb__kn_lower_dropout(rb__kn_plan *plan, rb__kn_item *it) {
    const rb_op *op = it->op;
    const float p = op->u.dropout.p;
    const int pixels = it->P * it->Q;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "dropout.cl", "dropout");
    rb__kn_define(part, "C", it->C);
    rb__kn_define(part, "HW", pixels);
    rb__kn_define(part, "LDX", it->ldx);
    rb__kn_define(part, "LD", it->ldy);
    rb__kn_define(part, "SCALAR", it->ldx != it->ldy || it->ldy % RB__KN_LANES != 0);
    rb__kn_define(part, "ADD", (op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define(part, "SEED", (int)(offsetof(rb_ctrl_head, seed) / sizeof(int32_t)));
    rb__kn_define(part, "STREAM", (int)op->u.dropout.stream);
    rb__kn_define_float(part, "PROBABILITY", p);
    rb__kn_define_float(part, "SCALE", 1.0f / (1.0f - p)); /* as rb_dropout_factor */
    rb__kn_cursor(plan, part);
    rb__kn_in(plan, part, it->in[0]);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_inout(plan, part, it->out[0]);
    rb__kn_int(part, it->N * pixels * it->ldy);
    rb__kn_flat_rows(plan, part, it->N, pixels, it->ldy);
    part->cost *= 16;
}
