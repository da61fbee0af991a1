/* opencl.h: the inside of the opencl backend: parts, launches, plans.
 *
 * An op of a variant becomes one or a few *parts*: a function of cl/<file>, the constants it is compiled with (shapes,
 * tiles), its arguments and its number of work-groups. Parts that do not depend on each other run side by side in one
 * *launch*: a generated kernel that calls one function per part, chosen by the group's number. What depends on what
 * follows from the bytes that parts read and write, so a step has as few launches as its longest chain. Launches,
 * arguments and sizes are made once, by bind; a step enqueues them in order. Only the last part of a step
 * (cl/finish.cl) changes the cursor, and it runs alone.
 *
 * Two kernel families from one source: in the cpu family (FAMILY_CPU) a work-group is one work-item that uses vectors
 * of 16 lanes; in the gpu family it is `device->local` items, a lane each. */
#ifndef RB_OPENCL_OPENCL_H
#define RB_OPENCL_OPENCL_H

#include <CL/cl.h>
#include <stdint.h>

#include "core/text.h"
#include "opencl/device.h"
#include "regbench/backend.h"

enum {
    RB__CL_MAX_ARGS = 16,
    RB__CL_TOGETHER = 100,   /* arguments of a launch: a device need not take more than 1 KB */
    RB__CL_LANES = 16,       /* of a vector of the cpu family */
    RB__CL_TEXTS = 24,       /* files of cl/ at most */
    RB__CL_HEAD = -2,        /* rb__cl_arg.work: CTRL's head */
    RB__CL_MAX_LOCAL = 4096, /* work-items of a group: what the 4x4 and 2x2 tiles of tuning.h fit */
};

/* How many pieces of `by` cover n. */
static inline int rb__cl_divide(int n, int by) { return (n + by - 1) / by; }
/* Columns with their padding to whole vectors. */
static inline int rb__cl_pad(int n) { return rb__cl_divide(n, RB__CL_LANES) * RB__CL_LANES; }

typedef struct rb__cl_arg {
    const char *type; /* as in OpenCL C: "__global const float *" */
    int tensor, work; /* of the variant; of the plan, or RB__CL_HEAD; -1 = neither: an int */
    int value;        /* of an int */
    bool reads, writes;
    bool whole; /* a tensor without batch rows: see rb__cl_part.rows */
} rb__cl_arg;

struct rb__cl_plan;
struct rb__cl_item;

/* A piece of scratch memory of a plan (split sums, turned weights), outside of the store. */
typedef struct rb__cl_work {
    size_t bytes;
    cl_mem memory;
} rb__cl_work;

typedef struct rb__cl_part {
    int op;           /* of the variant; -1 = the end of the step */
    const char *file; /* of cl/ */
    char name[64];    /* of its function in a program; program.c */
    const char *body; /* function in it, and its switch: file.cl has #ifdef BODY_<body> */
    rb_text defines;  /* "#define NAME value" lines */
    rb__cl_arg args[RB__CL_MAX_ARGS];
    int n_args;
    int groups;       /* work-groups, numbered from 0 */
    int rows;         /* group g has the batch rows from g * rows on, and of activations touches no others; 0: any */
    int local_floats; /* of local memory that a group wants (gpu family) */
    double cost;      /* of a group, in multiply-adds of vectors, roughly: cheap parts go first in a launch */
    int level;        /* of the launch it belongs to */
    int chain;        /* first part of the chain it belongs to, itself if none: see plan.c */
    size_t stack;     /* bytes of a group's private arrays, where they are large (cpu family) */
    bool alone;       /* no other part beside it (library calls, the end of the step) */
    bool full;        /* it was given more arguments than it has room for */
    /* Instead of a kernel: enqueues a library's call. `state` is its own, freed by free(). prepare: at bind, what a
     * first call would compile. */
    rb_status (*prepare)(struct rb__cl_plan *plan, const struct rb__cl_part *part);
    rb_status (*call)(struct rb__cl_plan *plan, const struct rb__cl_part *part, cl_command_queue queue,
                      cl_event *event);
    void *state;
} rb__cl_part;

typedef struct rb__cl_launch {
    cl_kernel kernel; /* NULL: parts[first].call */
    size_t groups;
    int first, count; /* parts, in plan->sequence */
    char name[80];    /* of the kernel function */
} rb__cl_launch;

typedef struct rb__cl_plan {
    rb_device *device;
    rb_store *store;
    const rb_program *program;
    const rb_variant *variant;
    bool strict; /* activations come from or go to outside (tests of single ops): nothing may be merged away */
    bool apart;  /* one part per launch: for profiles */
    bool own;    /* every activation has memory of its own instead of its place in the store */
    rb__cl_part *parts;
    int n_parts, room_parts;
    int *sequence; /* part numbers in the order of launches */
    rb__cl_work *works;
    int n_works, room_works;
    cl_mem *views; /* by tensor: the part of its segment's buffer, or one of the store's spares; made by bind */
    rb__cl_launch *launches;
    int n_launches;
    const char **providers; /* by op; NULL = own */
    /* what the last part of the step adds up */
    int loss_rows, loss_op, n_loss_rows;     /* WORK of pairs (loss, hit), -1 = none; the op they belong to */
    int norm_blocks, norm_op, n_norm_blocks; /* WORK of pairs (gradient, parameters): sums of squares */
    rb_status status;                        /* of lowering: the first failure; after it every call is harmless */
} rb__cl_plan;

/* Programs that this device has built: kernels are found by their names, which hold a hash of their source. */
typedef struct rb__cl_built {
    cl_program program;
    char **names;
    int n_names;
    struct rb__cl_built *next;
} rb__cl_built;

typedef struct rb__cl_text { /* a file of cl/ */
    const char *name;
    char *text;
} rb__cl_text;

struct rb_device {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue timed; /* with profiling; NULL until profile is called */
    rb__cl_limits limits;
    rb__quirks quirks;
    rb_device_info info;
    char key[32];
    bool gpu;  /* kernel family */
    int local; /* work-items of a group: 1 in the cpu family */
    enum { RB__CL_AUTO, RB__CL_OWN, RB__CL_CLBLAST } provider;
    rb__cl_text texts[RB__CL_TEXTS];
    rb__cl_built *built;
    char reason[256]; /* why an op is not supported */
};

/* Memory of activations that do not share their segment. Plans of one store never run at the same time, so each takes
 * the ones that another has taken, too. */
typedef struct rb__cl_spare {
    size_t bytes;
    cl_mem memory;
} rb__cl_spare;

struct rb_store {
    rb_device *device;
    size_t bytes[RB_SEGMENTS];
    cl_mem buffer[RB_SEGMENTS];        /* NULL where bytes is 0 */
    unsigned char *pages[RB_SEGMENTS]; /* what a buffer uses, where the device is this host's processors */
    rb__cl_spare *spares;
    int n_spares;
};

/* --- plan.c: what lowering calls ---------------------------------------------------------------------------------- */
/* A new part for op `op`. Valid until the next call; a scratch part after a failure. */
rb__cl_part *rb__cl_part_new(rb__cl_plan *plan, int op, const char *file, const char *body);
void rb__cl_define(rb__cl_part *part, const char *name, int value);
void rb__cl_define_float(rb__cl_part *part, const char *name, float value); /* exact: hexadecimal */
/* Arguments, in the order of the function's parameters. The type follows from the tensor (float, int or uchar). A
 * tensor id of -1 passes some buffer in place of one that the function, as it is compiled, does not use. */
void rb__cl_in(rb__cl_plan *plan, rb__cl_part *part, int tensor);
void rb__cl_out(rb__cl_plan *plan, rb__cl_part *part, int tensor);
void rb__cl_inout(rb__cl_plan *plan, rb__cl_part *part, int tensor);
/* The op's first output: added to where the op accumulates. */
void rb__cl_result(rb__cl_plan *plan, rb__cl_part *part, const struct rb__cl_item *it);
void rb__cl_work_in(rb__cl_part *part, int work, const char *type);
void rb__cl_work_out(rb__cl_part *part, int work, const char *type);
void rb__cl_int(rb__cl_part *part, int value);
/* Groups of ROWS of the batch's n rows each: a part that treats every row by itself. */
void rb__cl_rows(const rb__cl_plan *plan, rb__cl_part *part, int n);
/* The last argument has no batch rows, as statistics of a batch have none. */
void rb__cl_whole(rb__cl_part *part);
/* Batch rows of a group of the cpu family, for maps of so many pixels. */
int rb__cl_batch_rows(const rb__cl_plan *plan, int pixels);
/* CTRL's head as an argument `__global const int *`, and CURSOR, where the variant's cursor stands in it. */
void rb__cl_cursor(const rb__cl_plan *plan, rb__cl_part *part);
int rb__cl_work_new(rb__cl_plan *plan, size_t bytes);
void rb__cl_plan_fail(rb__cl_plan *plan, rb_status status);

bool rb__cl_goes_on(const rb__cl_plan *plan, const rb__cl_launch *launch, int k);
/* The bytes of a tensor as a buffer of the plan's. */
rb_status rb__cl_view(rb__cl_plan *plan, int tensor, cl_mem *out);
/* idle: no group has anything to do. */
rb_status rb__cl_set_args(rb__cl_plan *plan, const rb__cl_launch *launch, bool idle);
rb_status rb__cl_plan_new(rb_store *store, const rb_program *program, const rb_variant *variant, bool apart,
                          rb__cl_plan **out);
void rb__cl_plan_free(rb__cl_plan *plan);
rb_status rb__cl_enqueue(rb__cl_plan *plan, const rb__cl_launch *launch, cl_command_queue queue, cl_event *event);

/* --- lower.c and one file per op family --------------------------------------------------------------------------- */
/* An op made ready: its operands and extents, and what a neighbour left to it. */
typedef struct rb__cl_item {
    const rb_op *op;
    int number; /* of the op */
    int in[RB_OP_MAX_IN], out[RB_OP_MAX_OUT];
    int N, C, H, W, K, P, Q, R, stride, pad;
    int D;             /* linear: elements of an input row, padding included */
    int ldx, ldy, ldw; /* elements from one row or pixel of the input side, output side, of weights to the next */
    bool idle;         /* a neighbour does this op's work */
    const struct rb__cl_item *gather;  /* reads its batch from the data set itself */
    const struct rb__cl_item *loss;    /* LINEAR: goes on with this loss */
    const struct rb__cl_item *pool;    /* CONV: goes on with this pooling; gradients: the pooling behind the layer */
    const struct rb__cl_item *pool_dx; /* gradients: read what this op would make of its inputs */
} rb__cl_item;

void rb__cl_lower(rb__cl_plan *plan); /* all ops; failures in plan->status */
/* GATHER and the arguments of an input: x, or where a gather is merged (head, data, order) and how bytes become
 * numbers. */
void rb__cl_input(rb__cl_plan *plan, rb__cl_part *part, const rb__cl_item *it);
/* A maximum's index as an argument: scratch where nobody wants it, so that training and evaluation share the kernel. */
void rb__cl_pool_index(rb__cl_plan *plan, rb__cl_part *part, const rb__cl_item *pool);
/* A convolution's private arrays fit a thread's stack; else it goes without a merged pooling, or by gemm.cl. */
bool rb__cl_conv_fits(const rb__cl_item *it);
/* merge.c: neighbours that one part does better together; not called where plan->strict. */
void rb__cl_merge(rb__cl_plan *plan, rb__cl_item *items);
/* conv_merge.c: the same for convolutions of the cpu family. */
void rb__cl_merge_conv(const rb__cl_plan *plan, rb__cl_item *items);
void rb__cl_lower_linear(rb__cl_plan *plan, rb__cl_item *item);
#ifdef REGBENCH_HAVE_CLBLAST
bool rb__cl_clblast_takes(const rb__cl_plan *plan, const rb__cl_item *item); /* the device asks for it, and it can */
void rb__cl_lower_clblast(rb__cl_plan *plan, rb__cl_item *item);
#endif
void rb__cl_lower_conv(rb__cl_plan *plan, rb__cl_item *item);
void rb__cl_lower_gemm(rb__cl_plan *plan, rb__cl_item *item); /* linear and conv in the gpu family */
void rb__cl_lower_pool(rb__cl_plan *plan, rb__cl_item *item);
void rb__cl_lower_pointwise(rb__cl_plan *plan, rb__cl_item *item); /* ACT, ACT_DX, ADD, COPY, GATHER, ATTACK */
void rb__cl_lower_batchnorm(rb__cl_plan *plan, rb__cl_item *item);
void rb__cl_lower_dropout(rb__cl_plan *plan, rb__cl_item *item);
void rb__cl_lower_loss(rb__cl_plan *plan, rb__cl_item *item);
void rb__cl_lower_update(rb__cl_plan *plan, rb__cl_item *item);
/* Groups and BLOCK of flat work over `count` elements. */
void rb__cl_flat(const rb__cl_plan *plan, rb__cl_part *part, int64_t count);
/* The same over n batch rows of `pixels` x `ld` elements; cpu family: each row is treated by itself. */
void rb__cl_flat_rows(const rb__cl_plan *plan, rb__cl_part *part, int n, int pixels, int ld);
/* An activation's number in kernels: 0 none, 1 sigmoid, 2 relu, 3 leaky. */
int rb__cl_act(rb_act act);
/* #define ACT and SLOPE. */
void rb__cl_define_act(rb__cl_part *part, const rb_op *op);

/* --- program.c ---------------------------------------------------------------------------------------------------- */
/* Compiles what is not built yet and makes plan->launches[].kernel, arguments set. */
rb_status rb__cl_build(rb__cl_plan *plan);
void rb__cl_built_free(rb_device *device);
/* A file of cl/ by itself, and the options it is compiled with. */
rb_status rb__cl_source_with_prelude(rb_device *device, const char *file, rb_text *source, rb_text *options);

/* --- peak.c ------------------------------------------------------------------------------------------------------- */
rb_status rb__cl_fma_peak(rb_device *device, double seconds, double *gflop_per_s);

/* --- backend.c ---------------------------------------------------------------------------------------------------- */
/* RB_OK for CL_SUCCESS, else a failure that says what was tried, on which device, with the error's name. */
rb_status rb__cl_status(const rb_device *device, cl_int error, const char *what);
/* The same of a call that allocates, where "out of resources" is out of memory; elsewhere it may be anything. */
rb_status rb__cl_memory_status(const rb_device *device, cl_int error, const char *what);

#endif
