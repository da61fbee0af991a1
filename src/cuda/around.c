/* around.c: what stands around a library's call: parts of cl/library.cl. */
#include "cuda/providers.h"

void rb__cuda_add_bias_act(rb__kn_plan *plan, const rb__kn_item *it, int rows, bool bias, int narrow) {
    if (!bias && it->op->act == RB_ACT_NONE && narrow < 0) return;
    int64_t count = (int64_t)rows * it->ldy;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "bias_act");
    rb__kn_define(part, "LD", it->ldy);
    rb__kn_define(part, "COLUMNS", it->K);
    rb__kn_define(part, "BIAS", bias);
    rb__kn_define_act(part, it->op);
    rb__kn_define(part, "NARROW", narrow >= 0);
    rb__kn_in(plan, part, bias ? it->in[2] : -1);
    if (narrow >= 0) {
        rb__kn_work_in(part, narrow, "__global const ushort *");
        rb__kn_out(plan, part, it->out[0]);
    } else {
        rb__kn_inout(plan, part, it->out[0]);
    }
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
}

void rb__cuda_add_derive(rb__kn_plan *plan, const rb__kn_item *it, int rows, int columns, int narrow) {
    const bool act = it->op->act != RB_ACT_NONE, add = it->op->flags & RB_OPF_ACCUMULATE;
    if (!act && columns == it->ldx && narrow < 0) return;
    int64_t count = (int64_t)rows * it->ldx;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "derive");
    rb__kn_define(part, "LD", it->ldx);
    rb__kn_define(part, "COLUMNS", columns);
    rb__kn_define_act(part, it->op);
    rb__kn_define(part, "NARROW", narrow >= 0);
    rb__kn_define(part, "ADD", add);
    rb__kn_in(plan, part, act ? it->in[2] : -1);
    if (narrow >= 0) {
        rb__kn_work_in(part, narrow, "__global const ushort *");
        rb__kn_result(plan, part, it);
    } else {
        rb__kn_inout(plan, part, it->out[0]);
    }
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
}

void rb__cuda_add_column_sums(rb__kn_plan *plan, const rb__kn_item *it, int rows) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "column_sums");
    rb__kn_define(part, "WIDTH", it->ldw);
    rb__kn_define(part, "LDY", it->ldy);
    rb__kn_define(part, "NARROW", 0);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_out(plan, part, it->out[1]);
    rb__kn_int(part, rows);
    /* a few columns a group, so that an item has few of the rows */
    const int local = plan->device->local, columns = rb__kn_adds_items(plan, part) ? (local < 4 ? local : 4) : local;
    rb__kn_define(part, "ABREAST", columns);
    part->groups = rb__kn_divide(it->ldw, columns);
    part->cost = (double)rows * columns / local;
}

void rb__cuda_add_turn(rb__kn_plan *plan, const rb__kn_item *it, int work, bool back) {
    const bool narrow = rb__cuda_narrow(plan);
    const int taps = it->R * it->R;
    int64_t count = (int64_t)taps * it->ldw * (back ? it->C : it->ldx);
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", back ? "turn_back" : "turn_filter");
    rb__kn_define(part, "TAPS", taps);
    rb__kn_define(part, "C", it->ldx);
    rb__kn_define(part, "ROWS", it->C);
    rb__kn_define(part, "K", it->ldw);
    rb__kn_define(part, "NARROW", narrow);
    if (back) {
        rb__kn_work_in(part, work, narrow ? "__global const ushort *" : "__global const float *");
        rb__kn_out(plan, part, it->out[0]);
    } else {
        rb__kn_in(plan, part, it->in[1]);
        rb__kn_work_out(part, work, narrow ? "__global ushort *" : "__global float *");
    }
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
}
