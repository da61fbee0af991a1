/* linear.c: parts of linear layers: products of rows with weights or turned weights, and sums over the batch. */
#include "opencl/opencl.h"
#include "opencl/tuning.h"

enum { LANES = RB__CL_LANES };

/* Rows of a tile: all of a small batch. */
static int tile_rows(const rb__cl_item *it) { return it->N <= RB__CL_TILE_MOST ? it->N : RB__CL_TILE_ROWS; }

/* A group of batch rows alone would keep one thread busy, and turning the weights would cost more than their use. */
static bool has_few_rows(const rb__cl_item *it) { return it->N <= RB__CL_FEW_ROWS; }

/* Columns of a product in tiles of whole vectors. */
static void define_width(rb__cl_part *part, int width, int tile) {
    int vectors = width / LANES, across = RB__CL_TILE_VECTORS;
    rb__cl_define(part, "WIDTH", width);
    rb__cl_define(part, "VECTORS", across);
    rb__cl_define(part, "REST", vectors % across);
    rb__cl_define(part, "TILE", tile);
}

/* x: an activation, or the rows of the data set that a merged gather would copy. */
static void pass_x(rb__cl_plan *plan, rb__cl_part *part, const rb__cl_item *it) {
    const int ld = it->op->kind == RB_OP_LINEAR_DX ? it->ldy : it->ldx;
    rb__cl_define(part, "LDX", it->gather ? it->gather->D : ld);
    rb__cl_input(plan, part, it);
}

/* Vectors of columns of a product of `depth` steps with a tile of rows: its cost. */
static double product_cost(int rows, int depth, int width) { return (double)rows * depth * (width / LANES); }

/* Bytes of a tile of rows in a group's private memory (TILE * LDS in linear.cl). */
static size_t stack_of(const rb__cl_item *it) {
    const int depth = it->op->kind == RB_OP_LINEAR ? it->D : it->op->kind == RB_OP_LINEAR_DX ? it->K : 0;
    return sizeof(float) * (size_t)tile_rows(it) * ((size_t)depth + 2 * LANES);
}

/* Groups that share the columns of few rows, where there is enough to do for them. */
static void spread_columns(rb__cl_part *part, const rb__cl_item *it, int width) {
    bool spread = has_few_rows(it) && it->D * it->ldw >= RB__CL_FEW_WEIGHTS;
    int span = spread ? RB__CL_FEW_COLUMNS : width, groups = (width + span - 1) / span;
    rb__cl_define(part, "SPAN", span);
    rb__cl_define(part, "SPREAD", groups);
    part->cost /= groups;
    part->groups *= groups;
    if (groups > 1) part->rows = 0;
}

static void lower_forward(rb__cl_plan *plan, const rb__cl_item *it) {
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "linear.cl", "linear");
    part->stack = stack_of(it);
    define_width(part, it->ldw, tile_rows(it));
    rb__cl_define(part, "DEPTH", it->D);
    rb__cl_define(part, "LDB", it->ldw);
    rb__cl_define(part, "LDC", it->ldy);
    rb__cl_define(part, "COLUMNS", it->K);
    rb__cl_define(part, "BIAS", it->in[2] >= 0);
    rb__cl_define(part, "ADD", 0);
    rb__cl_define_act(part, it->op);
    pass_x(plan, part, it);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_out(plan, part, it->out[0]);
    rb__cl_int(part, it->N);
    rb__cl_rows(plan, part, it->N);
    part->cost = product_cost(RB__CL_ROWS, it->D, it->ldw);
    spread_columns(part, it, it->ldw);
}

static void lower_dx_few(rb__cl_plan *plan, const rb__cl_item *it) {
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "linear.cl", "linear_dx_few");
    rb__cl_define(part, "GATHER", 0);
    rb__cl_define(part, "TILE", tile_rows(it));
    rb__cl_define(part, "D", it->D);
    rb__cl_define(part, "LDX", it->ldy);
    rb__cl_define(part, "LDB", it->ldw);
    rb__cl_define(part, "LDC", it->ldx);
    rb__cl_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__cl_define_act(part, it->op);
    rb__cl_in(plan, part, it->in[0]);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_inout(plan, part, it->out[0]);
    rb__cl_int(part, it->N);
    part->groups = it->ldx / LANES;
    part->cost = product_cost(it->N, LANES, it->ldw);
}

/* The weights are turned anew in every step, from the one form that the optimizer writes: that part reads nothing but
 * parameters, so it runs beside the first layer's forward and costs no launch. */
static void lower_dx(rb__cl_plan *plan, const rb__cl_item *it) {
    int ld = (it->D + LANES - 1) / LANES * LANES;
    int turned = rb__cl_work_new(plan, sizeof(float) * (size_t)it->K * (size_t)ld);
    rb__cl_part *pack = rb__cl_part_new(plan, it->number, "linear.cl", "linear_pack");
    rb__cl_define(pack, "GATHER", 0);
    rb__cl_define(pack, "DEPTH", it->K);
    rb__cl_define(pack, "D", it->D);
    rb__cl_define(pack, "LDB", ld);
    rb__cl_define(pack, "LDW", it->ldw);
    rb__cl_in(plan, pack, it->in[1]);
    rb__cl_work_out(pack, turned, "__global float *");
    pack->groups = ld / LANES;
    pack->cost = 4.0 * it->K;

    rb__cl_part *part = rb__cl_part_new(plan, it->number, "linear.cl", "linear_dx");
    part->stack = stack_of(it);
    define_width(part, ld, tile_rows(it));
    rb__cl_define(part, "DEPTH", it->K);
    rb__cl_define(part, "LDB", ld);
    rb__cl_define(part, "LDC", it->ldx);
    rb__cl_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__cl_define_act(part, it->op);
    pass_x(plan, part, it);
    rb__cl_work_in(part, turned, "__global const float *");
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_result(plan, part, it);
    rb__cl_int(part, it->N);
    rb__cl_rows(plan, part, it->N);
    part->cost = product_cost(RB__CL_ROWS, it->K, ld);
    spread_columns(part, it, ld);
}

static void lower_dw(rb__cl_plan *plan, const rb__cl_item *it) {
    /* narrow strips where there would be few */
    int strip = it->D >= 8 * RB__CL_STRIP ? RB__CL_STRIP : LANES;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "linear.cl", "linear_dw");
    define_width(part, it->ldw, RB__CL_TILE_ROWS);
    rb__cl_define(part, "D", it->D);
    rb__cl_define(part, "LDW", it->ldw);
    rb__cl_define(part, "LDY", it->ldy);
    rb__cl_define(part, "STRIP", strip);
    rb__cl_define(part, "CHUNK", RB__CL_CHUNK);
    pass_x(plan, part, it);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_out(plan, part, it->out[0]);
    rb__cl_int(part, it->N);
    part->groups = (it->D + strip - 1) / strip;
    part->cost = product_cost(strip, it->N, it->ldw);
    if (it->out[1] < 0) return;

    rb__cl_part *db = rb__cl_part_new(plan, it->number, "linear.cl", "linear_db");
    rb__cl_define(db, "GATHER", 0);
    rb__cl_define(db, "LDY", it->ldy);
    rb__cl_in(plan, db, it->in[1]);
    rb__cl_out(plan, db, it->out[1]);
    rb__cl_int(db, it->N);
    db->groups = it->ldw / LANES;
    db->cost = it->N;
}

void rb__cl_lower_linear(rb__cl_plan *plan, rb__cl_item *it) {
#ifdef REGBENCH_HAVE_CLBLAST
    if (rb__cl_clblast_takes(plan, it)) {
        rb__cl_lower_clblast(plan, it);
        return;
    }
#endif
    if (plan->device->gpu || stack_of(it) > RB__CL_STACK) /* slower in the cpu family, but right */
        rb__cl_lower_gemm(plan, it);
    else if (it->op->kind == RB_OP_LINEAR)
        lower_forward(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX && has_few_rows(it) && it->ldx % LANES == 0)
        lower_dx_few(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
