/* clblast.c: linear layers with CLBlast's product, for comparison with ours: y = x w, dx = dy w^T, dw = x^T dy.
 *
 * A call compiles its kernels when it first runs, picks them by the size of the problem, and fuses nothing: bias,
 * activation and the bias' gradient are parts of cl/clblast.cl. Matrices are row-major with our padded rows. */
#include <clblast_c.h>
#include <stdlib.h>

#include "opencl/opencl.h"

typedef struct product {
    CLBlastTranspose turn_a, turn_b;
    int m, n, k, lda, ldb, ldc;
    bool add;
} product;

static rb_status call(rb__cl_plan *plan, const product *p, const cl_mem memory[3], cl_command_queue queue,
                      cl_event *event) {
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, p->turn_a, p->turn_b, (size_t)p->m, (size_t)p->n, (size_t)p->k, 1.0f,
                     memory[0], 0, (size_t)p->lda, memory[1], 0, (size_t)p->ldb, p->add ? 1.0f : 0.0f, memory[2], 0,
                     (size_t)p->ldc, &queue, event);
    if (code == CLBlastSuccess) return RB_OK;
    return rb_fail_native(RB_DEVICE, code, "%s: CLBlast's product of %d x %d x %d fails with status %d",
                          plan->device->key, p->m, p->n, p->k, (int)code);
}

/* args: a, b, c */
static rb_status multiply(rb__cl_plan *plan, const rb__cl_part *part, cl_command_queue queue, cl_event *event) {
    cl_mem memory[3];
    for (int i = 0; i < 3; i++) {
        rb_status status = rb__cl_view(plan, part->args[i].tensor, &memory[i]);
        if (status != RB_OK) return status;
    }
    return call(plan, part->state, memory, queue, event);
}

/* The first call compiles: its result goes nowhere. */
static rb_status prepare(rb__cl_plan *plan, const rb__cl_part *part) {
    rb_status status = RB_OK;
    rb_device *device = plan->device;
    cl_mem memory[3] = {NULL}, nowhere = NULL;
    cl_int error;
    for (int i = 0; i < 3; i++) RB_TRY(rb__cl_view(plan, part->args[i].tensor, &memory[i]));
    size_t bytes = plan->variant->tensors[part->args[2].tensor].bytes;
    nowhere = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    RB_TRY(rb__cl_memory_status(device, error, "allocate a product that tries CLBlast out"));
    memory[2] = nowhere;
    RB_TRY(call(plan, part->state, memory, device->queue, NULL));
    RB_TRY(rb__cl_status(device, clFinish(device->queue), "try CLBlast out"));
cleanup:
    if (nowhere) clReleaseMemObject(nowhere);
    return status;
}

static void emit(rb__cl_plan *plan, const rb__cl_item *it, product p, int a, int b, int c) {
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "clblast.cl", "product");
    part->state = malloc(sizeof p);
    if (!part->state) {
        rb__cl_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
        return;
    }
    *(product *)part->state = p;
    part->call = multiply;
    part->prepare = prepare;
    part->alone = true;
    rb__cl_in(plan, part, a);
    rb__cl_in(plan, part, b);
    rb__cl_inout(plan, part, c);
    plan->providers[it->number] = "clblast";
}

static void lower_forward(rb__cl_plan *plan, const rb__cl_item *it) {
    int64_t count = (int64_t)it->N * it->ldy;
    emit(plan, it,
         (product){.turn_a = CLBlastTransposeNo,
                   .turn_b = CLBlastTransposeNo,
                   .m = it->N,
                   .n = it->ldw,
                   .k = it->D,
                   .lda = it->ldx,
                   .ldb = it->ldw,
                   .ldc = it->ldy},
         it->in[0], it->in[1], it->out[0]);
    if (it->in[2] < 0 && it->op->act == RB_ACT_NONE) return;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "clblast.cl", "bias_act");
    rb__cl_define(part, "LD", it->ldy);
    rb__cl_define(part, "COLUMNS", it->K);
    rb__cl_define(part, "BIAS", it->in[2] >= 0);
    rb__cl_define_act(part, it->op);
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_inout(plan, part, it->out[0]);
    rb__cl_int(part, (int)count);
    rb__cl_flat(plan, part, count);
}

static void lower_dx(rb__cl_plan *plan, const rb__cl_item *it) {
    int64_t count = (int64_t)it->N * it->ldx;
    emit(plan, it,
         (product){.turn_a = CLBlastTransposeNo,
                   .turn_b = CLBlastTransposeYes,
                   .m = it->N,
                   .n = it->D,
                   .k = it->K,
                   .lda = it->ldy,
                   .ldb = it->ldw,
                   .ldc = it->ldx,
                   .add = it->op->flags & RB_OPF_ACCUMULATE},
         it->in[0], it->in[1], it->out[0]);
    if (it->op->act == RB_ACT_NONE) return;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "clblast.cl", "derive");
    rb__cl_define_act(part, it->op);
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_inout(plan, part, it->out[0]);
    rb__cl_int(part, (int)count);
    rb__cl_flat(plan, part, count);
}

static void lower_dw(rb__cl_plan *plan, const rb__cl_item *it) {
    int columns = plan->device->local * (plan->device->gpu ? 1 : RB__CL_LANES);
    emit(plan, it,
         (product){.turn_a = CLBlastTransposeYes,
                   .turn_b = CLBlastTransposeNo,
                   .m = it->D,
                   .n = it->ldw,
                   .k = it->N,
                   .lda = it->ldx,
                   .ldb = it->ldy,
                   .ldc = it->ldw},
         it->in[0], it->in[1], it->out[0]);
    if (it->out[1] < 0) return;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "clblast.cl", "column_sums");
    rb__cl_define(part, "WIDTH", it->ldw);
    rb__cl_define(part, "LDY", it->ldy);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_out(plan, part, it->out[1]);
    rb__cl_int(part, it->N);
    part->groups = (it->ldw + columns - 1) / columns;
    part->cost = it->N;
}

/* dx of an unpadded image is written column by column of vectors by ours; CLBlast would leave pad lanes of dx as they
 * are: only where rows are whole vectors without padding, or flat rows of a linear layer before. */
bool rb__cl_clblast_takes(const rb__cl_plan *plan, const rb__cl_item *it) {
    if (plan->device->provider != RB__CL_CLBLAST) return false;
    switch (it->op->kind) {
    case RB_OP_LINEAR:
    case RB_OP_LINEAR_DW:
        return true;
    case RB_OP_LINEAR_DX:
        return it->D == it->ldx && (it->N * it->ldx) % RB__CL_LANES == 0;
    default:
        return false;
    }
}

void rb__cl_lower_clblast(rb__cl_plan *plan, rb__cl_item *it) {
    if (it->op->kind == RB_OP_LINEAR)
        lower_forward(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
