/* dropout.c: parts of dropout and of its gradient, which are the same. */
#include <stddef.h>

#include "opencl/opencl.h"

void rb__cl_lower_dropout(rb__cl_plan *plan, rb__cl_item *it) {
    const rb_op *op = it->op;
    const float p = op->u.dropout.p;
    const int pixels = it->P * it->Q;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "dropout.cl", "dropout");
    rb__cl_define(part, "C", it->C);
    rb__cl_define(part, "HW", pixels);
    rb__cl_define(part, "LDX", it->ldx);
    rb__cl_define(part, "LD", it->ldy);
    rb__cl_define(part, "SCALAR", it->ldx != it->ldy || it->ldy % RB__CL_LANES != 0);
    rb__cl_define(part, "ADD", (op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__cl_define(part, "SEED", (int)(offsetof(rb_ctrl_head, seed) / sizeof(int32_t)));
    rb__cl_define(part, "STREAM", (int)op->u.dropout.stream);
    rb__cl_define_float(part, "PROBABILITY", p);
    rb__cl_define_float(part, "SCALE", 1.0f / (1.0f - p)); /* as rb_dropout_factor */
    rb__cl_cursor(plan, part);
    rb__cl_in(plan, part, it->in[0]);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_inout(plan, part, it->out[0]);
    rb__cl_int(part, it->N * pixels * it->ldy);
    rb__cl_flat_rows(plan, part, it->N, pixels, it->ldy);
    part->cost *= 16;
}
