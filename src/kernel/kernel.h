/* kernel.h: how a program becomes kernels, for OpenCL and CUDA alike: parts, launches, plans.
 *
 * An op of a variant becomes one or a few *parts*: a function of cl/<file>, the constants it is compiled with (shapes,
 * tiles), its arguments and its number of work-groups. Parts that do not depend on each other run side by side in one
 * *launch*: a generated kernel that calls one function per part, chosen by the group's number. What depends on what
 * follows from the bytes that parts read and write, so a step has as few launches as its longest chain. Launches,
 * arguments and sizes are made once, by bind; a step enqueues them in order. Only the last part of a step
 * (cl/finish.cl) changes the cursor, and it runs alone. What compiles and runs kernels is a table of functions:
 * runtime.h.
 *
 * Two kernel families from one source: in the cpu family (FAMILY_CPU) a work-group is one work-item that uses vectors
 * of 16 lanes; in the gpu family it is `device->local` items, a lane each. */
#ifndef RB_KERNEL_KERNEL_H
#define RB_KERNEL_KERNEL_H

#include <stdint.h>

#include "core/text.h"
#include "kernel/runtime.h"
#include "regbench/backend.h"

enum {
    RB__KN_MAX_ARGS = 16,
    RB__KN_TOGETHER = 100,   /* arguments of a launch: a device need not take more than 1 KB */
    RB__KN_LANES = 16,       /* of a vector of the cpu family */
    RB__KN_TEXTS = 24,       /* files of cl/ and cuda/ at most */
    RB__KN_HEAD = -2,        /* rb__kn_arg.work: CTRL's head */
    RB__KN_MAX_LOCAL = 4096, /* work-items of a group: what the 4x4 and 2x2 tiles of tuning.h fit */
};

/* How many pieces of `by` cover n. */
static inline int rb__kn_divide(int n, int by) { return (n + by - 1) / by; }
/* Columns with their padding to whole vectors. */
static inline int rb__kn_pad(int n) { return rb__kn_divide(n, RB__KN_LANES) * RB__KN_LANES; }

typedef struct rb__kn_arg {
    const char *type; /* as in OpenCL C: "__global const float *" */
    int tensor, work; /* of the variant; of the plan, or RB__KN_HEAD; -1 = neither: an int */
    int value;        /* of an int */
    bool reads, writes;
    bool whole; /* a tensor without batch rows: see rb__kn_part.rows */
} rb__kn_arg;

struct rb__kn_plan;
struct rb__kn_item;

/* A piece of scratch memory of a plan (split sums, turned weights), outside of the store. */
typedef struct rb__kn_work {
    size_t bytes;
    rb__kn_memory *memory;
} rb__kn_work;

typedef struct rb__kn_part {
    int op;           /* of the variant; -1 = the end of the step */
    const char *file; /* of cl/ */
    const char *base; /* of cl/: compiled before it with the same definitions; NULL = none */
    char name[64];    /* of its function in a program; program.c */
    const char *body; /* function in it, and its switch: file.cl has #ifdef BODY_<body> */
    rb_text defines;  /* "#define NAME value" lines */
    rb__kn_arg args[RB__KN_MAX_ARGS];
    int n_args;
    int groups;       /* work-groups, numbered from 0 */
    int rows;         /* group g has the batch rows from g * rows on, and of activations touches no others; 0: any */
    int local_floats; /* of local memory that a group wants (gpu family) */
    double cost;      /* of a group, in multiply-adds of vectors, roughly: cheap parts go first in a launch */
    int level;        /* of the launch it belongs to */
    int chain;        /* first part of the chain it belongs to, itself if none: see launches.c */
    size_t stack;     /* bytes of a group's private arrays, where they are large (cpu family) */
    bool alone;       /* no other part beside it (library calls, the end of the step) */
    bool full;        /* it was given more arguments than it has room for */
    /* Instead of a kernel: enqueues a library's call. `state` is its own, given to `release` (NULL: free). prepare
     * (NULL: nothing): at bind, what a first call would compile. */
    rb_status (*prepare)(struct rb__kn_plan *plan, const struct rb__kn_part *part);
    rb_status (*call)(struct rb__kn_plan *plan, const struct rb__kn_part *part);
    void (*release)(void *state);
    void *state;
} rb__kn_part;

typedef struct rb__kn_launch {
    rb__kn_kernel *kernel; /* NULL: parts[first].call */
    size_t groups;
    int first, count; /* parts, in plan->sequence */
    char name[80];    /* of the kernel function */
} rb__kn_launch;

typedef struct rb__kn_plan {
    rb_device *device;
    rb_store *store;
    const rb_program *program;
    const rb_variant *variant;
    bool strict; /* activations come from or go to outside (tests of single ops): nothing may be merged away */
    bool apart;  /* one part per launch: for profiles */
    bool own;    /* every activation has memory of its own instead of its place in the store */
    rb__kn_part *parts;
    int n_parts, room_parts;
    int *sequence; /* part numbers in the order of launches */
    rb__kn_work *works;
    int n_works, room_works;
    rb__kn_memory **views; /* by tensor: the part of its segment, or one of the store's spares; made by bind */
    rb__kn_launch *launches;
    int n_launches;
    const char **providers; /* by op; NULL = own */
    const char **algos;     /* by op: what its library chose, kept by its part; NULL = nothing to choose */
    /* scratch that all library calls share, which never run side by side, and what one leaves for the part behind it
     * where that is no tensor; -1 = none */
    int library_work, library_result;
    /* what the last part of the step adds up */
    int loss_rows, loss_op, n_loss_rows;     /* WORK of pairs (loss, hit), -1 = none; the op they belong to */
    int norm_blocks, norm_op, n_norm_blocks; /* WORK of pairs (gradient, parameters): sums of squares */
    rb_status status;                        /* of lowering: the first failure; after it every call is harmless */
} rb__kn_plan;

/* Programs that this device has built: kernels are found by their names, which hold a hash of their source. */
typedef struct rb__kn_built {
    rb__kn_program *program;
    char **names;
    int n_names;
    struct rb__kn_built *next;
} rb__kn_built;

typedef struct rb__kn_text { /* a file of cl/ */
    const char *name;
    char *text;
} rb__kn_text;

/* Each runtime's device begins with this, and fills it. */
struct rb_device {
    const rb__kn_runtime *runtime;
    rb_device_info info;
    char key[32];
    bool gpu;          /* kernel family */
    int local;         /* work-items of a group: 1 in the cpu family */
    int64_t local_mem; /* bytes of a group's memory that kernels may use; 0 = none */
    int align;         /* bytes, of tensors */
    rb__kn_text texts[RB__KN_TEXTS];
    rb__kn_built *built;
    char reason[256]; /* why an op is not supported */
};

/* Memory of activations that do not share their segment. Plans of one store never run at the same time, so each takes
 * the ones that another has taken, too. */
typedef struct rb__kn_spare {
    size_t bytes;
    rb__kn_memory *memory;
} rb__kn_spare;

/* Each runtime's store begins with this. */
struct rb_store {
    rb_device *device;
    size_t bytes[RB_SEGMENTS];
    rb__kn_memory *buffer[RB_SEGMENTS]; /* NULL where bytes is 0 */
    rb__kn_spare *spares;
    int n_spares;
};

/* Each runtime's binding begins with this. */
struct rb_bound {
    rb__kn_plan *plan;
    rb__kn_plan *apart; /* one op per launch: made by the first profile */
};

/* --- part.c: what lowering calls ---------------------------------------------------------------------------------- */
/* A new part for op `op`. Valid until the next call; a scratch part after a failure. */
rb__kn_part *rb__kn_part_new(rb__kn_plan *plan, int op, const char *file, const char *body);
void rb__kn_define(rb__kn_part *part, const char *name, int value);
void rb__kn_define_float(rb__kn_part *part, const char *name, float value); /* exact: hexadecimal */
/* Arguments, in the order of the function's parameters. The type follows from the tensor (float, int or uchar). A
 * tensor id of -1 passes some buffer in place of one that the function, as it is compiled, does not use. */
void rb__kn_in(rb__kn_plan *plan, rb__kn_part *part, int tensor);
void rb__kn_out(rb__kn_plan *plan, rb__kn_part *part, int tensor);
void rb__kn_inout(rb__kn_plan *plan, rb__kn_part *part, int tensor);
/* The op's first output: added to where the op accumulates. */
void rb__kn_result(rb__kn_plan *plan, rb__kn_part *part, const struct rb__kn_item *it);
void rb__kn_work_in(rb__kn_part *part, int work, const char *type);
void rb__kn_work_out(rb__kn_part *part, int work, const char *type);
void rb__kn_int(rb__kn_part *part, int value);
/* Groups of ROWS of the batch's n rows each: a part that treats every row by itself. */
void rb__kn_rows(const rb__kn_plan *plan, rb__kn_part *part, int n);
/* The last argument has no batch rows, as statistics of a batch have none. */
void rb__kn_whole(rb__kn_part *part);
/* Batch rows of a group of the cpu family, for maps of so many pixels. */
int rb__kn_batch_rows(const rb__kn_plan *plan, int pixels);
/* CTRL's head as an argument `__global const int *`, and CURSOR, where the variant's cursor stands in it. */
void rb__kn_cursor(const rb__kn_plan *plan, rb__kn_part *part);
int rb__kn_work_new(rb__kn_plan *plan, size_t bytes);
/* The scratch that the plan's library calls share, of at least so many bytes. */
int rb__kn_library_work(rb__kn_plan *plan, size_t bytes);
/* Likewise, of what a call leaves for the next part alone. */
int rb__kn_library_result(rb__kn_plan *plan, size_t bytes);
void rb__kn_plan_fail(rb__kn_plan *plan, rb_status status);
/* Groups and BLOCK of flat work over `count` elements. */
void rb__kn_flat(const rb__kn_plan *plan, rb__kn_part *part, int64_t count);
/* The same over n batch rows of `pixels` x `ld` elements; cpu family: each row is treated by itself. */
void rb__kn_flat_rows(const rb__kn_plan *plan, rb__kn_part *part, int n, int pixels, int ld);
/* LMEM: whether a group adds up pairs of its items in local memory, where there is enough; also returned. */
bool rb__kn_adds_items(const rb__kn_plan *plan, rb__kn_part *part);
/* An activation's number in kernels: 0 none, 1 sigmoid, 2 relu, 3 leaky. */
int rb__kn_act(rb_act act);
/* #define ACT and SLOPE. */
void rb__kn_define_act(rb__kn_part *part, const rb_op *op);
/* GATHER and the arguments of an input: x, or where a gather is merged (head, data, order) and how bytes become
 * numbers. */
void rb__kn_input(rb__kn_plan *plan, rb__kn_part *part, const struct rb__kn_item *it);
/* A library of the runtime does this op. */
bool rb__kn_taken(const rb__kn_plan *plan, const struct rb__kn_item *item);

/* --- launches.c --------------------------------------------------------------------------------------------------- */
/* Orders the parts and cuts them into launches; RB_MEMORY. */
rb_status rb__kn_make_launches(rb__kn_plan *plan);
/* Part k of a launch goes on with the groups of the part before it. */
bool rb__kn_goes_on(const rb__kn_plan *plan, const rb__kn_launch *launch, int k);

/* --- memory.c ----------------------------------------------------------------------------------------------------- */
rb_status rb__kn_allocate_works(rb__kn_plan *plan);
/* Memory for each activation: the smallest of the store's spares that holds it and that this plan has not taken. */
rb_status rb__kn_take_spares(rb__kn_plan *plan);
/* The bytes of a tensor as a buffer of the plan's. Layouts align tensors as the device wants its sub-buffers. */
rb_status rb__kn_view(rb__kn_plan *plan, int tensor, rb__kn_memory **out);
/* What an argument of a part stands for. */
rb_status rb__kn_memory_of(rb__kn_plan *plan, const rb__kn_arg *arg, rb__kn_memory **out);
/* idle: no group has anything to do. */
rb_status rb__kn_set_args(rb__kn_plan *plan, const rb__kn_launch *launch, bool idle);

/* --- plan.c ------------------------------------------------------------------------------------------------------- */
rb_status rb__kn_plan_new(rb_store *store, const rb_program *program, const rb_variant *variant, bool apart,
                          rb__kn_plan **out);
void rb__kn_plan_free(rb__kn_plan *plan);
rb_status rb__kn_enqueue(rb__kn_plan *plan, const rb__kn_launch *launch);

/* --- lower.c and one file per op family --------------------------------------------------------------------------- */
/* An op made ready: its operands and extents, and what a neighbour left to it. */
typedef struct rb__kn_item {
    const rb_op *op;
    int number; /* of the op */
    int in[RB_OP_MAX_IN], out[RB_OP_MAX_OUT];
    int N, C, H, W, K, P, Q, R, stride, pad;
    int D;             /* linear: elements of an input row, padding included */
    int ldx, ldy, ldw; /* elements from one row or pixel of the input side, output side, of weights to the next */
    bool idle;         /* a neighbour does this op's work */
    bool planar;       /* CONV, CONV_DW: by conv_planar.cl, which lays out what both know of the layer's output */
    const struct rb__kn_item *gather;  /* reads its batch from the data set itself */
    const struct rb__kn_item *loss;    /* LINEAR: goes on with this loss */
    const struct rb__kn_item *pool;    /* CONV: goes on with this pooling; gradients: the pooling behind the layer */
    const struct rb__kn_item *pool_dx; /* gradients: read what this op would make of its inputs */
} rb__kn_item;

void rb__kn_lower(rb__kn_plan *plan); /* all ops; failures in plan->status */
/* A maximum's index as an argument: scratch where nobody wants it, so that training and evaluation share the kernel. */
void rb__kn_pool_index(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *pool);
/* A convolution's private arrays fit a thread's stack; else it goes without a merged pooling, or by gemm.cl. */
bool rb__kn_conv_fits(const rb__kn_item *it);
/* A convolution, or its gradient by the weights, that may go by conv_planar.cl with the pooling of these windows, and
 * is faster so. */
bool rb__kn_conv_planar(const rb__kn_item *it, const rb__kn_item *pool);
/* merge.c: neighbours that one part does better together; not called where plan->strict. */
void rb__kn_merge(rb__kn_plan *plan, rb__kn_item *items);
/* conv_merge.c: the same for convolutions of the cpu family. */
void rb__kn_merge_conv(const rb__kn_plan *plan, rb__kn_item *items);
void rb__kn_lower_linear(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_conv(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_gemm(rb__kn_plan *plan, rb__kn_item *item); /* linear and conv in the gpu family */
void rb__kn_lower_pool(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_pointwise(rb__kn_plan *plan, rb__kn_item *item); /* ACT, ACT_DX, ADD, COPY, GATHER, ATTACK */
void rb__kn_lower_batchnorm(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_dropout(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_loss(rb__kn_plan *plan, rb__kn_item *item);
void rb__kn_lower_update(rb__kn_plan *plan, rb__kn_item *item);

/* --- program.c ---------------------------------------------------------------------------------------------------- */
/* Compiles what is not built yet and makes plan->launches[].kernel, arguments set. */
rb_status rb__kn_build(rb__kn_plan *plan);
void rb__kn_built_free(rb_device *device);
/* A file of cl/ by itself, with all that comes before it. */
rb_status rb__kn_source_of(rb_device *device, const char *file, rb_text *source);

/* --- backend.c: what backends have in common ---------------------------------------------------------------------- */
void rb__kn_info(const rb_device *device, rb_device_info *out);
void rb__kn_layout(const rb_device *device, rb_layout *out);
const char *rb__kn_supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op);
/* RB_MEMORY where a segment is larger than the device's largest allocation. */
rb_status rb__kn_store_check(const rb_device *device, const size_t bytes[RB_SEGMENTS]);
void rb__kn_spares_free(rb_store *store);
const char *rb__kn_provider(const rb_bound *bound, int op);
const char *rb__kn_algo(const rb_bound *bound, int op);
int rb__kn_launches(const rb_bound *bound);
/* Each op's parts in launches of their own, one after another. */
rb_status rb__kn_profile(rb_bound *bound, int n_steps, int64_t *ns_per_op);

/* --- peak.c ------------------------------------------------------------------------------------------------------- */
rb_status rb__kn_fma_peak(rb_device *device, double seconds, double *gflop_per_s);

#endif
