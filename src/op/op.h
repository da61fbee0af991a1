/* op.h: what one file of src/op gives: THE definition of an op, and its plain reference code.
 *
 * Every file here is compiled twice (RB_REAL_BITS 32 and 64). Reference functions are written with `real` and named
 * through RB_REF; the definition of the op (shapes, FLOPs, gradient) stands once, under RB_DEFINITIONS.
 * Reference code reads canonical, contiguous tensors only and is written to be read, not to be fast. */
#ifndef RB_OP_OP_H
#define RB_OP_OP_H

#include "model/builder.h"
#include "regbench/program.h"

#ifndef RB_REAL_BITS
#define RB_REAL_BITS 32
#endif
#if RB_REAL_BITS == 32
typedef float real;
#define RB_REF(name)   name##_f32
#define RB_DEFINITIONS 1
#else
typedef double real;
#define RB_REF(name)   name##_f64
#define RB_DEFINITIONS 0
#endif

/* Where the segments of a store are, while reference code runs one step. */
typedef struct rb_ref_context {
    unsigned char *base[RB_SEGMENTS];
    const rb_program *program;
    const rb_variant *variant;
} rb_ref_context;

typedef void rb_ref_function(const rb_ref_context *x, const rb_op *op);

/* Tensor `id` of the running variant and the address of its first element (NULL for id -1). */
static inline const rb_tensor *rb_ref_tensor(const rb_ref_context *x, int id) {
    return id < 0 ? NULL : &x->variant->tensors[id];
}
static inline void *rb_ref_data(const rb_ref_context *x, int id) {
    return id < 0 ? NULL : x->base[x->variant->tensors[id].segment] + x->variant->tensors[id].offset;
}
static inline const rb_cursor *rb_ref_cursor(const rb_ref_context *x) {
    return &((const rb_ctrl_head *)x->base[RB_SEG_CTRL])->cursor[x->variant->family];
}
/* Row of DATA that batch row k of this step stands for, -1 = none; `order` is the address of the order table. */
static inline int32_t rb_ref_row(const rb_ref_context *x, const int32_t *order, int64_t k) {
    const rb_cursor *c = rb_ref_cursor(x);
    return order[c->base + (int64_t)(c->slot % c->wrap) * rb_variant_batch(x->program, x->variant) + k];
}

/* Both precisions of reference function `name`, for the definition's f32 and f64. */
#define RB_REF_DECLARE(name) rb_ref_function name##_f32, name##_f64
#define RB_REF_BOTH(name)    .f32 = name##_f32, .f64 = name##_f64

typedef struct rb_op_def {
    /* Floating-point operations of one execution (multiply-add = 2); NULL = one per element of the first output. */
    double (*flops)(const rb_variant *v, const rb_op *op);
    bool model_flops; /* counted in the model's FLOPs */
    /* Layers: emits the op on value `x`, returns the output's id. NULL for ops that are no layer. */
    int (*forward)(rb_builder *b, const rb_layer *layer, int x);
    /* Layers: emits the gradient ops of this forward op; they read rb__grad_of(output). */
    void (*backward)(rb_builder *b, const rb_op *op);
    rb_ref_function *f32, *f64; /* NULL: no reference code yet; the reference backend says so */
} rb_op_def;

#define RB_OP(name, word) extern const rb_op_def rb_op_def_##name;
#include "regbench/ops.def"
#undef RB_OP
const rb_op_def *rb_op_definition(rb_op_kind kind);

/* The op that a layer becomes. */
rb_op_kind rb_layer_op(rb_layer_kind kind);

/* Short names for the extents of a 4-D tensor. */
#define RB_N(t) ((t)->dims[0])
#define RB_C(t) ((t)->dims[1])
#define RB_H(t) ((t)->dims[2])
#define RB_W(t) ((t)->dims[3])

#endif
