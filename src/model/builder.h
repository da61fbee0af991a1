/* builder.h: one variant while it is being compiled: values, their gradients, parameters, emitted ops.
 *
 * Failures are recorded once (rb_fail) and remembered in `status`; after that every call is harmless, so that op files
 * need no error paths of their own. */
#ifndef RB_MODEL_BUILDER_H
#define RB_MODEL_BUILDER_H

#include "core/arena.h"
#include "regbench/program.h"

enum { RB_MAX_OPS = 1024, RB_MAX_TENSORS = 2048 };

typedef struct rb_builder {
    rb_program *program;
    const rb_spec *spec;
    const rb_layout *layout;
    rb_arena *arena;
    rb_status status;

    int rows;          /* batch rows of this variant */
    bool training;     /* batch statistics, dropout active */
    bool backward;     /* a backward pass follows: save what it reads */
    bool weight_grads; /* emit gradients of parameters */
    const char *pass;  /* before the names of values: "" but for the passes of an attack inside a training step */
    int layer;         /* index of the layer being compiled, -1 outside */
    int n_ops, n_tensors;
    rb_op ops[RB_MAX_OPS];
    rb_tensor tensors[RB_MAX_TENSORS];
    int grad[RB_MAX_TENSORS];          /* id of a value's gradient, -1 = none yet */
    bool grad_written[RB_MAX_TENSORS]; /* by value id: its gradient has had its first writer */
    bool wants_grad[RB_MAX_TENSORS];   /* by value id */
    int order;                         /* tensor id of the family's order table */
} rb_builder;

/* The shape of how a tensor's elements lie. */
typedef enum rb_form {
    RB_FORM_ACTIVATION, /* (N,C,H,W) in the layout's order, channels padded */
    RB_FORM_PACKED,     /* the same without padding: data, inputs */
    RB_FORM_CONV,       /* (K,C,R,S) */
    RB_FORM_LINEAR,     /* (out,C,H,W) on rows that lie as the tensor `like` */
    RB_FORM_VECTOR,     /* (C), padded */
    RB_FORM_FLAT,       /* contiguous, as given */
} rb_form;

/* Fills dims, strides and bytes (not segment and offset). `like`: the input rows of a linear layer, else NULL. */
void rb__tensor_form(rb_tensor *t, const rb_layout *layout, rb_dtype dtype, rb_form form, const int64_t dims[4],
                     const rb_tensor *like);
/* Appends a tensor of any kind to the variant; returns its id. */
int rb__tensor_add(rb_builder *b, const rb_tensor *t);
/* A new activation of shape (rows, C, H, W); dtype RB_REAL, or RB_U8 for pool indices. */
int rb__value(rb_builder *b, const char *name, rb_dtype dtype, int64_t C, int64_t H, int64_t W);
/* A small flat buffer in ACT (saved statistics). */
int rb__buffer(rb_builder *b, const char *name, int64_t count);
/* The parameter of this layer with this role: created by the first variant, found by the others. `gradient`: its
 * gradient in GRAD instead. */
int rb__param(rb_builder *b, rb_param_role role, rb_form form, const int64_t dims[4], const rb_tensor *like,
              int64_t fan_in, bool gradient);
/* Appends an op with all tensors absent and returns it (never NULL; a scratch op after a failure). */
rb_op *rb__emit(rb_builder *b, rb_op_kind kind);
/* Where to write the gradient of `value`: a new tensor for the first writer, the same with RB_OPF_ACCUMULATE in *flags
 * for later ones; -1 if the value wants none. */
int rb__grad_target(rb_builder *b, int value, uint32_t *flags);
/* The finished gradient of `value`, or -1 if nothing wrote one. */
int rb__grad_of(const rb_builder *b, int value);
/* Records a mismatch at the current layer. */
void rb__build_error(rb_builder *b, rb_status status, const char *fmt, ...) RB_PRINTF(3, 4);

static inline size_t rb__align_up(size_t n, int align) {
    return (n + (size_t)align - 1) / (size_t)align * (size_t)align;
}

/* Passes over a finished list. */
void rb__fuse(rb_builder *b);
/* Packs ACT by liveness and returns the bytes used. */
size_t rb__pack_activations(rb_builder *b);
/* The op at which most bytes of ACT are needed at once (the first such), and how many; act_bytes is more where packing
 * left gaps. */
rb_status rb__peak_activations(const rb_variant *v, const rb_layout *layout, int *op, size_t *bytes);

#endif
