/* linear.c: parts of linear layers: products of rows with weights or turned weights, and sums over the batch. */
#include "kernel/kernel.h"
#include "kernel/tuning.h"

enum { LANES = RB__KN_LANES };

/* Rows of a tile: all of a small batch. */
static int tile_rows(const rb__kn_item *it) { return it->N <= RB__KN_TILE_MOST ? it->N : RB__KN_TILE_ROWS; }

/* A group of batch rows alone would keep one thread busy, and turning the weights would cost more than their use. */
static bool has_few_rows(const rb__kn_item *it) { return it->N <= RB__KN_FEW_ROWS; }

/* Columns of a product in tiles of whole vectors. */
static void define_width(rb__kn_part *part, int width, int tile) {
    int vectors = width / LANES, across = RB__KN_TILE_VECTORS;
    rb__kn_define(part, "WIDTH", width);
    rb__kn_define(part, "VECTORS", across);
    rb__kn_define(part, "REST", vectors % across);
    rb__kn_define(part, "TILE", tile);
}

/* x: an activation, or the rows of the data set that a merged gather would copy. */
static void pass_x(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it) {
    const int ld = it->op->kind == RB_OP_LINEAR_DX ? it->ldy : it->ldx;
    rb__kn_define(part, "LDX", it->gather ? it->gather->D : ld);
    rb__kn_input(plan, part, it);
}

/* Vectors of columns of a product of `depth` steps with a tile of rows: its cost. */
static double product_cost(int rows, int depth, int width) { return (double)rows * depth * (width / LANES); }

/* Bytes of a tile of rows in a group's private memory (TILE * LDS in linear.cl). */
static size_t stack_of(const rb__kn_item *it) {
    const int depth = it->op->kind == RB_OP_LINEAR ? it->D : it->op->kind == RB_OP_LINEAR_DX ? it->K : 0;
    return sizeof(float) * (size_t)tile_rows(it) * ((size_t)depth + 2 * LANES);
}

/* Groups that share the columns of few rows, where there is enough to do for them. */
static void spread_columns(rb__kn_part *part, const rb__kn_item *it, int width) {
    bool spread = has_few_rows(it) && it->D * it->ldw >= RB__KN_FEW_WEIGHTS;
    int span = spread ? RB__KN_FEW_COLUMNS : width, groups = (width + span - 1) / span;
    rb__kn_define(part, "SPAN", span);
    rb__kn_define(part, "SPREAD", groups);
    part->cost /= groups;
    part->groups *= groups;
    if (groups > 1) part->rows = 0;
}

static void lower_forward(rb__kn_plan *plan, const rb__kn_item *it) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "linear.cl", "linear");
    part->stack = stack_of(it);
    define_width(part, it->ldw, tile_rows(it));
    rb__kn_define(part, "DEPTH", it->D);
    rb__kn_define(part, "LDB", it->ldw);
    rb__kn_define(part, "LDC", it->ldy);
    rb__kn_define(part, "COLUMNS", it->K);
    rb__kn_define(part, "BIAS", it->in[2] >= 0);
    rb__kn_define(part, "ADD", 0);
    rb__kn_define_act(part, it->op);
    pass_x(plan, part, it);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_out(plan, part, it->out[0]);
    rb__kn_int(part, it->N);
    rb__kn_rows(plan, part, it->N);
    part->cost = product_cost(RB__KN_ROWS, it->D, it->ldw);
    spread_columns(part, it, it->ldw);
}

static void lower_dx_few(rb__kn_plan *plan, const rb__kn_item *it) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "linear.cl", "linear_dx_few");
    rb__kn_define(part, "GATHER", 0);
    rb__kn_define(part, "TILE", tile_rows(it));
    rb__kn_define(part, "D", it->D);
    rb__kn_define(part, "LDX", it->ldy);
    rb__kn_define(part, "LDB", it->ldw);
    rb__kn_define(part, "LDC", it->ldx);
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define_act(part, it->op);
    rb__kn_in(plan, part, it->in[0]);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_inout(plan, part, it->out[0]);
    rb__kn_int(part, it->N);
    part->groups = it->ldx / LANES;
    part->cost = product_cost(it->N, LANES, it->ldw);
}

/* The weights are turned anew in every step, from the one form that the optimizer writes: that part reads nothing but
 * parameters, so it runs beside the first layer's forward and costs no launch. */
static void lower_dx(rb__kn_plan *plan, const rb__kn_item *it) {
    int ld = (it->D + LANES - 1) / LANES * LANES;
    int turned = rb__kn_work_new(plan, sizeof(float) * (size_t)it->K * (size_t)ld);
    rb__kn_part *pack = rb__kn_part_new(plan, it->number, "linear.cl", "linear_pack");
    rb__kn_define(pack, "GATHER", 0);
    rb__kn_define(pack, "DEPTH", it->K);
    rb__kn_define(pack, "D", it->D);
    rb__kn_define(pack, "LDB", ld);
    rb__kn_define(pack, "LDW", it->ldw);
    rb__kn_in(plan, pack, it->in[1]);
    rb__kn_work_out(pack, turned, "__global float *");
    pack->groups = ld / LANES;
    pack->cost = 4.0 * it->K;

    rb__kn_part *part = rb__kn_part_new(plan, it->number, "linear.cl", "linear_dx");
    part->stack = stack_of(it);
    define_width(part, ld, tile_rows(it));
    rb__kn_define(part, "DEPTH", it->K);
    rb__kn_define(part, "LDB", ld);
    rb__kn_define(part, "LDC", it->ldx);
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define_act(part, it->op);
    pass_x(plan, part, it);
    rb__kn_work_in(part, turned, "__global const float *");
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_result(plan, part, it);
    rb__kn_int(part, it->N);
    rb__kn_rows(plan, part, it->N);
    part->cost = product_cost(RB__KN_ROWS, it->K, ld);
    spread_columns(part, it, ld);
}

static void lower_dw(rb__kn_plan *plan, const rb__kn_item *it) {
    /* narrow strips where there would be few */
    int strip = it->D >= 8 * RB__KN_STRIP ? RB__KN_STRIP : LANES;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "linear.cl", "linear_dw");
    define_width(part, it->ldw, RB__KN_TILE_ROWS);
    rb__kn_define(part, "D", it->D);
    rb__kn_define(part, "LDW", it->ldw);
    rb__kn_define(part, "LDY", it->ldy);
    rb__kn_define(part, "STRIP", strip);
    rb__kn_define(part, "CHUNK", RB__KN_CHUNK);
    pass_x(plan, part, it);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_out(plan, part, it->out[0]);
    rb__kn_int(part, it->N);
    part->groups = (it->D + strip - 1) / strip;
    part->cost = product_cost(strip, it->N, it->ldw);
    if (it->out[1] < 0) return;

    rb__kn_part *db = rb__kn_part_new(plan, it->number, "linear.cl", "linear_db");
    rb__kn_define(db, "GATHER", 0);
    rb__kn_define(db, "LDY", it->ldy);
    rb__kn_in(plan, db, it->in[1]);
    rb__kn_out(plan, db, it->out[1]);
    rb__kn_int(db, it->N);
    db->groups = it->ldw / LANES;
    db->cost = it->N;
}

void rb__kn_lower_linear(rb__kn_plan *plan, rb__kn_item *it) {
    if (rb__kn_taken(plan, it))
        plan->device->runtime->lower(plan, it);
    else if (plan->device->gpu || stack_of(it) > RB__KN_STACK) /* slower in the cpu family, but right */
        rb__kn_lower_gemm(plan, it);
    else if (it->op->kind == RB_OP_LINEAR)
        lower_forward(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX && has_few_rows(it) && it->ldx % LANES == 0)
        lower_dx_few(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
