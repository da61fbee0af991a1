/* clblast.c: linear layers with CLBlast's product, for comparison with ours: y = x w, dx = dy w^T, dw = x^T dy.
 *
 * A call compiles its kernels when it first runs, picks them by the size of the problem, and fuses nothing: bias,
 * activation and the bias' gradient are parts of cl/library.cl. Matrices are row-major with our padded rows. */
#include <clblast_c.h>
#include <stdlib.h>

#include "opencl/opencl.h"

typedef struct product {
    CLBlastTranspose turn_a, turn_b;
    int m, n, k, lda, ldb, ldc;
    bool add;
} product;

static rb_status call(rb_device *device, const product *p, const cl_mem memory[3]) {
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, p->turn_a, p->turn_b, (size_t)p->m, (size_t)p->n, (size_t)p->k, 1.0f,
                     memory[0], 0, (size_t)p->lda, memory[1], 0, (size_t)p->ldb, p->add ? 1.0f : 0.0f, memory[2], 0,
                     (size_t)p->ldc, &rb__cl(device)->queue, NULL);
    if (code == CLBlastSuccess) return RB_OK;
    return rb_fail_native(RB_DEVICE, code, "%s: CLBlast's product of %d x %d x %d fails with status %d", device->key,
                          p->m, p->n, p->k, (int)code);
}

/* args: a, b, c */
static rb_status operands(rb__kn_plan *plan, const rb__kn_part *part, cl_mem memory[3]) {
    for (int i = 0; i < 3; i++) {
        rb__kn_memory *view;
        rb_status status = rb__kn_view(plan, part->args[i].tensor, &view);
        if (status != RB_OK) return status;
        memory[i] = (cl_mem)view;
    }
    return RB_OK;
}

static rb_status multiply(rb__kn_plan *plan, const rb__kn_part *part) {
    cl_mem memory[3];
    rb_status status = operands(plan, part, memory);
    return status == RB_OK ? call(plan->device, part->state, memory) : status;
}

/* The first call compiles: its result goes nowhere. */
static rb_status prepare(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    rb_device *device = plan->device;
    rb__kn_memory *nowhere = NULL;
    cl_mem memory[3];
    RB_TRY(operands(plan, part, memory));
    size_t bytes = plan->variant->tensors[part->args[2].tensor].bytes;
    RB_TRY(device->runtime->allocate(device, bytes, "allocate a product that tries CLBlast out", &nowhere));
    memory[2] = (cl_mem)nowhere;
    RB_TRY(call(device, part->state, memory));
    RB_TRY(device->runtime->wait(device, "try CLBlast out"));
cleanup:
    if (nowhere) device->runtime->release(nowhere);
    return status;
}

static void emit(rb__kn_plan *plan, const rb__kn_item *it, product p, int a, int b, int c) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "product");
    part->state = malloc(sizeof p);
    if (!part->state) {
        rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
        return;
    }
    *(product *)part->state = p;
    part->call = multiply;
    part->prepare = prepare;
    part->alone = true;
    rb__kn_in(plan, part, a);
    rb__kn_in(plan, part, b);
    rb__kn_inout(plan, part, c);
    plan->providers[it->number] = "clblast";
}

static void lower_forward(rb__kn_plan *plan, const rb__kn_item *it) {
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
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "bias_act");
    rb__kn_define(part, "LD", it->ldy);
    rb__kn_define(part, "COLUMNS", it->K);
    rb__kn_define(part, "BIAS", it->in[2] >= 0);
    rb__kn_define_act(part, it->op);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_inout(plan, part, it->out[0]);
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
}

static void lower_dx(rb__kn_plan *plan, const rb__kn_item *it) {
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
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "derive");
    rb__kn_define(part, "LD", it->ldx);
    rb__kn_define(part, "COLUMNS", it->D);
    rb__kn_define_act(part, it->op);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_inout(plan, part, it->out[0]);
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
}

static void lower_dw(rb__kn_plan *plan, const rb__kn_item *it) {
    int columns = plan->device->local * (plan->device->gpu ? 1 : RB__KN_LANES);
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
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "column_sums");
    rb__kn_define(part, "WIDTH", it->ldw);
    rb__kn_define(part, "LDY", it->ldy);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_out(plan, part, it->out[1]);
    rb__kn_int(part, it->N);
    part->groups = (it->ldw + columns - 1) / columns;
    part->cost = it->N;
}

/* dx of an unpadded image is written column by column of vectors by ours; CLBlast would leave pad lanes of dx as they
 * are: only where rows are whole vectors without padding, or flat rows of a linear layer before. */
bool rb__cl_clblast_takes(const rb__kn_plan *plan, const rb__kn_item *it) {
    if (rb__cl(plan->device)->provider != RB__CL_CLBLAST) return false;
    switch (it->op->kind) {
    case RB_OP_LINEAR:
    case RB_OP_LINEAR_DW:
        return true;
    case RB_OP_LINEAR_DX:
        return it->D == it->ldx && (it->N * it->ldx) % RB__KN_LANES == 0;
    default:
        return false;
    }
}

void rb__cl_lower_clblast(rb__kn_plan *plan, rb__kn_item *it) {
    if (it->op->kind == RB_OP_LINEAR)
        lower_forward(plan, it);
    else if (it->op->kind == RB_OP_LINEAR_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
