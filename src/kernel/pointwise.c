/* pointwise.c: parts of the ops without neighbours: activations alone, residual sums, copies, the batch from the data
 * set, steps of an attack. */
#include <stddef.h>

#include "kernel/kernel.h"
#include "kernel/tuning.h"

static int64_t elements(const rb_tensor *t) { return (int64_t)(t->bytes / rb_dtype_bytes(t->dtype, 4)); }

static void lower_gather(rb__kn_plan *plan, const rb__kn_item *it) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "gather.cl", "gather");
    const rb_op *op = it->op;
    rb__kn_define(part, "D", it->D);
    rb__kn_define(part, "AUGMENT", rb_op_augments(op));
    if (rb_op_augments(op)) {
        rb__kn_define(part, "C", it->C);
        rb__kn_define(part, "H", it->H);
        rb__kn_define(part, "W", it->W);
        rb__kn_define(part, "SEED", (int)(offsetof(rb_ctrl_head, seed) / sizeof(int32_t)));
        rb__kn_define_float(part, "HFLIP", op->u.normalize.hflip);
        rb__kn_define_float(part, "VFLIP", op->u.normalize.vflip);
        rb__kn_define(part, "CROP_PAD", op->u.normalize.crop_pad);
        rb__kn_define(part, "ROTATE", op->u.normalize.rotate);
    }
    rb__kn_input(plan, part, it);
    rb__kn_out(plan, part, it->out[0]);
    part->groups = it->N;
    part->cost = it->D / 4.0;
}

/* The gradient's pixels (behind a linear layer: its rows) may be padded, those of the images are not. */
static void lower_attack(rb__kn_plan *plan, const rb__kn_item *it) {
    const rb_tensor *gradient = &plan->variant->tensors[it->in[1]];
    const float mean = it->op->u.normalize.mean, stddev = it->op->u.normalize.stddev;
    const bool flat = it->ldx == it->C; /* pixels without padding */
    int pixels = flat ? 1 : it->H * it->W, ld = flat ? it->H * it->W * it->C : it->C;
    int lda = flat ? (int)gradient->stride[0] : it->ldx;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "pointwise.cl", "attack");
    rb__kn_define(part, "LDA", lda);
    rb__kn_define(part, "LD", ld);
    rb__kn_define(part, "SCALAR", lda != ld || ld % RB__KN_LANES != 0);
    rb__kn_define_float(part, "BLACK", (0 - mean) / stddev);
    rb__kn_define_float(part, "WHITE", (1 - mean) / stddev);
    for (int k = 0; k < 4; k++) rb__kn_in(plan, part, it->in[k]);
    rb__kn_out(plan, part, it->out[0]);
    rb__kn_int(part, it->N * pixels * ld);
    if (plan->variant->tensors[it->out[0]].segment == RB_SEG_ACT)
        rb__kn_flat_rows(plan, part, it->N, pixels, ld);
    else
        rb__kn_flat(plan, part, (int64_t)it->N * pixels * ld);
}

void rb__kn_lower_pointwise(rb__kn_plan *plan, rb__kn_item *it) {
    static const char *const bodies[RB_OP_KINDS] = {
        [RB_OP_ACT] = "act", [RB_OP_ACT_DX] = "act_dx", [RB_OP_ADD] = "add", [RB_OP_COPY] = "copy"};
    const rb_variant *v = plan->variant;
    if (it->op->kind == RB_OP_GATHER) {
        lower_gather(plan, it);
        return;
    }
    if (it->op->kind == RB_OP_ATTACK) {
        lower_attack(plan, it);
        return;
    }
    const rb_tensor *a = &v->tensors[it->in[0]], *y = &v->tensors[it->out[0]];
    const rb_tensor *b = it->in[1] < 0 ? a : &v->tensors[it->in[1]];
    bool flat = it->op->kind == RB_OP_COPY && a->segment != RB_SEG_ACT; /* parameters: no rows, no padding to mind */
    int64_t count = elements(y);
    int lda = (int)a->stride[3], ldb = (int)b->stride[3], ld = (int)y->stride[3];
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "pointwise.cl", bodies[it->op->kind]);
    if (flat) lda = ldb = ld = 1;
    rb__kn_define_act(part, it->op);
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define(part, "LDA", lda);
    rb__kn_define(part, "LDB", ldb);
    rb__kn_define(part, "LD", ld);
    rb__kn_define(part, "C", flat ? 1 : it->K);
    const bool packed = !flat && ld % RB__KN_LANES != 0; /* groups begin between vectors */
    rb__kn_define(part, "SCALAR", count % RB__KN_LANES != 0 || packed || lda != ld || ldb != ld);
    rb__kn_in(plan, part, it->in[0]);
    if (it->op->kind == RB_OP_ACT_DX || it->op->kind == RB_OP_ADD) rb__kn_in(plan, part, it->in[1]);
    rb__kn_inout(plan, part, it->out[0]);
    rb__kn_int(part, (int)count);
    if (y->segment == RB_SEG_ACT)
        rb__kn_flat_rows(plan, part, it->N, it->P * it->Q, ld);
    else
        rb__kn_flat(plan, part, count);
}
