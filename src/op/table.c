/* table.c: the definitions of all ops, in the order of ops.def, and what follows from them. */
#include "op/op.h"

#if RB_DEFINITIONS

const rb_op_def *rb_op_definition(rb_op_kind kind) {
    static const rb_op_def *const table[RB_OP_KINDS] = {
#define RB_OP(name, word) &rb_op_def_##name,
#include "regbench/ops.def"
#undef RB_OP
    };
    return table[kind];
}

rb_op_kind rb_layer_op(rb_layer_kind kind) {
    static const rb_op_kind table[RB_LAYER_KINDS] = {
        [RB_LAYER_LINEAR] = RB_OP_LINEAR,   [RB_LAYER_CONV] = RB_OP_CONV,           [RB_LAYER_MAXPOOL] = RB_OP_MAXPOOL,
        [RB_LAYER_AVGPOOL] = RB_OP_AVGPOOL, [RB_LAYER_SIGMOID] = RB_OP_ACT,         [RB_LAYER_RELU] = RB_OP_ACT,
        [RB_LAYER_LEAKY_RELU] = RB_OP_ACT,  [RB_LAYER_BATCHNORM] = RB_OP_BATCHNORM, [RB_LAYER_DROPOUT] = RB_OP_DROPOUT,
        [RB_LAYER_ADD] = RB_OP_ADD,
    };
    return table[kind];
}

double rb_op_flops(const rb_variant *v, const rb_op *op) {
    const rb_op_def *def = rb_op_definition(op->kind);
    if (def->flops) return def->flops(v, op);
    return op->out[0] < 0 ? 0.0 : (double)rb_tensor_count(&v->tensors[op->out[0]]);
}

double rb_op_bytes(const rb_variant *v, const rb_op *op, int real_bytes) {
    double bytes = 0.0;
    for (int k = 0; k < RB_OP_MAX_IN + RB_OP_MAX_OUT; k++) {
        int id = k < RB_OP_MAX_IN ? op->in[k] : op->out[k - RB_OP_MAX_IN];
        if (id < 0) continue;
        const rb_tensor *t = &v->tensors[id];
        double row = (double)(RB_C(t) * RB_H(t) * RB_W(t)), count = (double)rb_tensor_count(t);
        if (t->segment == RB_SEG_METRIC || (t->segment == RB_SEG_CTRL && t->dtype == RB_F32))
            count = row; /* this step's row of the metrics, of the schedule */
        else if (t->segment == RB_SEG_DATA || t->segment == RB_SEG_OUT || t->segment == RB_SEG_CTRL)
            count = row * (double)v->rows; /* the batch's rows of a table over all rows */
        bytes += count * (double)rb_dtype_bytes(t->dtype, real_bytes);
    }
    return bytes;
}

double rb_variant_model_flops(const rb_variant *v) {
    double flops = 0.0;
    for (int i = 0; i < v->n_ops; i++)
        if (rb_op_definition(v->ops[i].kind)->model_flops) flops += rb_op_flops(v, &v->ops[i]);
    return flops;
}

#endif
