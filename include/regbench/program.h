/* program.h: what a case compiles to: flat lists of ops on one store, with fixed shapes and addresses.
 *
 * A program is immutable, printable (`regbench plan`) and needs no device. It holds a few variants (train a batch,
 * train the last smaller batch, evaluate, ...). Every operand is a tensor: segment, byte offset, shape, strides. Shapes
 * are always given in the canonical order (N,C,H,W; weights K,C,R,S; linear weights out,C,H,W of what was flattened);
 * strides say where the backend's layout puts each element, so that one strided copy serves put, get, checkpoints and
 * goldens on every backend.
 *
 * Contract of every op: it writes all of its outputs, padding lanes (beyond the canonical shape) as zeros, and nothing
 * else; it reads nothing but its inputs and CTRL's head (cursor, seed). With RB_OPF_ACCUMULATE it adds to its first
 * output instead of assigning. Tensors of STATE among the inputs (momentum, BN running statistics) are updated in
 * place. */
#ifndef REGBENCH_PROGRAM_H
#define REGBENCH_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "regbench/model.h"
#include "regbench/status.h"

typedef enum rb_op_kind {
#define RB_OP(name, word) RB_OP_##name,
#include "regbench/ops.def"
#undef RB_OP
    RB_OP_KINDS
} rb_op_kind;

/* The parts of a store. Each is one allocation on the device. */
typedef enum rb_segment {
    RB_SEG_PARAM,  /* parameters, contiguous in drawing order */
    RB_SEG_GRAD,   /* their gradients, same addresses */
    RB_SEG_STATE,  /* BN running statistics, then momentum, Adam's moments (each laid out as PARAM) */
    RB_SEG_BEST,   /* copy of PARAM and of the BN statistics: best epoch */
    RB_SEG_DATA,   /* all rows of the data set, u8 or f32, and labels i32 or targets f32 */
    RB_SEG_INPUT,  /* inputs that are not gathered from DATA: adversarial examples and their origin */
    RB_SEG_OUT,    /* predictions of an evaluation pass; soft labels */
    RB_SEG_METRIC, /* one row per step and family */
    RB_SEG_ACT,    /* activations and their gradients, packed by liveness; the largest variant's size */
    RB_SEG_CTRL,   /* cursors, schedule table, row orders */
    RB_SEGMENTS
} rb_segment;

typedef enum rb_dtype { RB_REAL, RB_F32, RB_I32, RB_U8 } rb_dtype; /* RB_REAL: layout.real_bytes wide */

typedef enum rb_act { RB_ACT_NONE, RB_ACT_SIGMOID, RB_ACT_RELU, RB_ACT_LEAKY_RELU } rb_act;

typedef enum rb_order { RB_NCHW, RB_NHWC } rb_order;

/* Rewrites that a backend asks the compiler for; each is a pass of src/model/fuse.c, tested by itself. */
enum {
    RB_FUSE_ACT = 1u << 0,    /* LINEAR, CONV, BATCHNORM or ADD + ACT: epilogue */
    RB_FUSE_ACT_DX = 1u << 1, /* ACT_DX into the op that wrote its dy: epilogue of a gradient */
    RB_FUSE_ACT_BN = 1u << 2, /* ACT_DX into the BATCHNORM_DX that reads it, before RB_FUSE_ACT_DX is tried */
    RB_FUSE_ADD = 1u << 3,    /* BATCHNORM + ADD: the sum of a residual block is batch norm's epilogue, before ACT */
    RB_FUSE_COPY = 1u << 4,   /* no COPY between gradients that never differ while both are needed */
};

/* What a backend states about memory; the compiler follows it. Padding is in elements of the innermost dimension. */
typedef struct rb_layout {
    rb_order order;    /* activations */
    bool out_last;     /* weights (R,S,C,K) and (in,out) instead of (K,C,R,S) and (out,in) */
    int channel_align; /* innermost dimension of activations and weights is padded to a multiple; 1 = packed */
    int align;         /* bytes: every tensor and segment starts at a multiple */
    int real_bytes;    /* 4; 8 in the double reference */
    uint32_t fuse;     /* RB_FUSE_* */
} rb_layout;

typedef struct rb_tensor {
    char name[32];
    rb_dtype dtype;
    rb_segment segment;
    int64_t dims[4];   /* canonical; unused trailing dims are 1 */
    int64_t stride[4]; /* elements; element (a,b,c,d) is at a*stride[0] + b*stride[1] + ... */
    size_t offset;     /* bytes from the segment's start */
    size_t bytes;      /* extent with padding */
} rb_tensor;

enum { RB_OP_MAX_IN = 6, RB_OP_MAX_OUT = 4 };
enum {
    RB_OPF_ACCUMULATE = 1u << 0, /* out[0] += instead of = */
    RB_OPF_TRAIN = 1u << 1,      /* BATCHNORM: batch statistics; DROPOUT: active */
};

typedef enum rb_optimizer_kind { RB_SGD, RB_ADAM } rb_optimizer_kind;

typedef struct rb_op {
    rb_op_kind kind;
    int layer;            /* index in the model, -1 for ops of no layer */
    uint32_t flags;       /* RB_OPF_* */
    rb_act act;           /* ACT, ACT_DX, and what was fused */
    float slope;          /* leaky ReLU */
    int in[RB_OP_MAX_IN]; /* tensor ids of the variant, roles as in ops.def; -1 = absent */
    int out[RB_OP_MAX_OUT];
    union {
        struct {
            int kernel, stride, pad;
        } window; /* CONV*, *POOL* */
        struct {
            float mean, stddev;   /* GATHER u8: (x/255 - mean)/stddev; ATTACK: the range of pixels 0 to 1 after that */
            float hflip, vflip;   /* GATHER of images to train on: see rb_view_drawn; all 0: as they are */
            int crop_pad, rotate; /* rotate in RB_TURN */
        } normalize;
        struct {
            float temperature;
        } loss; /* LOSS_CE: of softmax(z / temperature) */
        struct {
            float p;
            uint32_t stream;
        } dropout; /* stream: Philox op id */
        struct {
            float eps, momentum;
        } bn;
        struct { /* UPDATE; rates are in the schedule */
            rb_optimizer_kind kind;
            float momentum, weight_decay, l1, l2, beta1, beta2, eps;
        } update;
    } u;
} rb_op;

/* A cursor says which step of the window a family of variants is at. It lives in CTRL; submit advances slot by one
 * after every step, on the device. Row k of the batch is order[base + (slot % wrap) * rb_variant_batch + k]; -1 there
 * means no row (evaluation pads its last batch): gather writes zeros, losses count nothing. Metrics go to row `slot`;
 * dropout's Philox counts step + slot; augmentation's counts epochs, (step + slot) / wrap, for windows begin where an
 * epoch does. */
typedef struct rb_cursor {
    int32_t slot; /* step within the window = row of METRIC and of the schedule */
    int32_t base; /* first entry of the order table */
    int32_t wrap; /* steps per pass over the order table, at least 1 */
    int32_t step; /* global number of the step at slot 0 */
} rb_cursor;
typedef enum rb_family { RB_FAMILY_TRAIN, RB_FAMILY_EVAL, RB_FAMILIES } rb_family;

/* CTRL begins with this. */
typedef struct rb_ctrl_head {
    rb_cursor cursor[RB_FAMILIES];
    uint32_t seed[2]; /* Philox key: the run's seed, low word first */
} rb_ctrl_head;

/* One row of the schedule table, computed on the host for a whole window. */
enum { RB_SCHED_LR, RB_SCHED_CORRECTION1, RB_SCHED_CORRECTION2, RB_SCHED_SPARE, RB_SCHED_COLUMNS };
/* What an attack may do, in normalized units: how far a step goes, how far it may go in all. One row per family,
 * written by the host: training's holds for the whole run. */
enum { RB_STRENGTH_STEP, RB_STRENGTH_EPS, RB_STRENGTH_COLUMNS };
/* One row of METRIC (RB_REAL). GRAD_SQ has penalties, not weight decay; PARAM_SQ is after the update. */
enum { RB_METRIC_LOSS_SUM, RB_METRIC_CORRECT, RB_METRIC_PARAM_SQ, RB_METRIC_GRAD_SQ, RB_METRIC_COLUMNS };

typedef enum rb_variant_kind {
    RB_VARIANT_TRAIN,
    RB_VARIANT_TRAIN_TAIL, /* n_train % batch rows; absent where that is 0 */
    RB_VARIANT_EVAL,       /* order rows of -1 fill the last batch */
    RB_VARIANT_NORMS,      /* parameter norm without a step */
    RB_VARIANT_SNAPSHOT,   /* BEST <- PARAM and BN statistics */
    RB_VARIANT_RESTORE,
    RB_VARIANT_ATTACK_INIT, /* INPUT.x0 and INPUT.x <- rows */
    RB_VARIANT_ATTACK,      /* one step on INPUT.x by the input gradient; no weight gradients */
    RB_VARIANT_ATTACK_EVAL, /* evaluate INPUT.x */
    RB_VARIANTS
} rb_variant_kind;

typedef struct rb_variant {
    const char *name;
    rb_family family;
    int rows; /* batch rows of a step */
    int n_ops;
    rb_op *ops;
    int n_tensors;
    rb_tensor *tensors;
    size_t act_bytes; /* of ACT that this variant uses */
} rb_variant;

typedef enum rb_param_role { RB_WEIGHT, RB_BIAS, RB_GAMMA, RB_BETA, RB_RUNNING_MEAN, RB_RUNNING_VAR } rb_param_role;
typedef struct rb_param {
    rb_tensor tensor; /* in PARAM (running statistics: in STATE) */
    rb_param_role role;
    int layer;
    int64_t fan_in; /* of the initialization bound */
} rb_param;

/* What a training image may look like in an epoch: a crop of it in a border of `crop_pad` black pixels (torchvision's
 * RandomCrop(size, padding)), rotated by up to `rotate` degrees either way (RandomRotation: nearest pixel, black
 * corners), mirrored with probabilities hflip and vflip; in this order, before normalization. */
typedef struct rb_augment {
    float hflip, vflip; /* 0 to 1: left and right, top and bottom change places */
    int crop_pad;       /* pixels, less than a side */
    float rotate;       /* degrees, up to 180 */
} rb_augment;

/* What is compiled: the model on a data set of known shape, with its optimizer. Pointers are only read during the call.
 */
typedef struct rb_spec {
    const rb_layer *layers;
    int C, H, W;        /* a sample */
    rb_dtype x_dtype;   /* of DATA: RB_U8 or RB_F32 */
    float mean, stddev; /* normalization of u8 data */
    bool regression;    /* MSE on f32 targets of `classes` columns instead of cross-entropy on labels */
    int classes;        /* columns of the last layer */
    int batch;
    int64_t n_rows;  /* rows in DATA */
    int64_t n_train; /* entries of the training order */
    int64_t n_eval;  /* largest number of rows of an evaluation pass */
    int eval_batch;  /* rows of an evaluation step; 0 = batch, as it must be with attack */
    int window;      /* largest number of steps between two decision points */
    int eval_passes; /* evaluation passes within a window; 0 = 1 */
    rb_optimizer_kind optimizer;
    float momentum, weight_decay, l1, l2, beta1, beta2, eps;
    bool attack;      /* compile the ATTACK variants */
    bool soft_labels; /* train on OUT.soft (n_rows, classes), by row number as DATA */
    bool scores;      /* evaluations leave the last layer's values in OUT.scores, where the row stands in the order */
    float temperature, attack_temperature; /* of the training loss, of the loss that attacks climb; 0 = 1 */
    int adversary_steps; /* train on examples that so many steps of an attack have made of each batch; 0 = none */
    rb_augment augment;  /* of u8 images, in TRAIN and TRAIN_TAIL */
} rb_spec;

typedef struct rb_program {
    rb_spec spec; /* layers: a copy owned by the program */
    rb_layout layout;
    size_t bytes[RB_SEGMENTS];
    int n_params; /* what is drawn and trained */
    rb_param *params;
    int n_buffers; /* BN running statistics */
    rb_param *buffers;
    int64_t n_weights; /* canonical number of trained values */
    /* fixed tensors of the store, outside of any variant */
    rb_tensor param_all, grad_all, momentum_all; /* flat; momentum_all also is Adam's first moment */
    rb_tensor data_x, data_y, head, schedule, order[RB_FAMILIES], metric[RB_FAMILIES], pred, soft, scores, input_x,
        input_x0, strength[RB_FAMILIES];
    rb_variant variant[RB_VARIANTS]; /* n_ops == 0: not compiled */
    struct rb_arena *arena;
} rb_program;

/* Compiles `spec` for `layout`. Fails with RB_MISMATCH naming the layer where shapes do not fit, RB_USAGE for
 * impossible values (batch 0, probability 1). *out is freed by rb_program_free. */
rb_status rb_program_compile(const rb_spec *spec, const rb_layout *layout, rb_program **out);
void rb_program_free(rb_program *program);

/* The optimizer's state: how many tensors as large as PARAM (0; 1: momentum; 2: Adam's moments), and where that of
 * parameter tensor `param` is in number k of them. */
int rb_program_states(const rb_program *program);
rb_tensor rb_program_state(const rb_program *program, const rb_tensor *param, int k);

/* The canonical, contiguous, unfused fp32 layout: PyTorch's. */
rb_layout rb_layout_canonical(void);

/* Entries of the order table from one step of the variant to its family's next. */
static inline int rb_variant_batch(const rb_program *program, const rb_variant *variant) {
    return variant->family == RB_FAMILY_TRAIN ? program->spec.batch : variant->rows; /* a tail follows whole batches */
}

/* Multiply-adds counted as two, per training step of `variant`: linear and conv and their gradients, without the
 * gradient of the input. The one definition of model FLOPs. */
double rb_variant_model_flops(const rb_variant *variant);
/* Some image may be changed; a GATHER that changes images. */
bool rb_augment_any(const rb_augment *a);
bool rb_op_augments(const rb_op *op);
/* Its rotation in RB_TURN, the nearest: once for all devices. */
int rb_augment_turn(const rb_augment *a);
/* RB_USAGE where it is impossible, or impossible on samples of this kind: no images of bytes, larger than RB_VIEW_MAX,
 * or so small that a crop might leave nothing of them. */
rb_status rb_augment_check(const rb_augment *a, rb_dtype x_dtype, int C, int H, int W);
/* Some activation is only read or only written here: the variant is a part of something (tests of single ops), and what
 * its ops exchange with the rest lies in the store. */
bool rb_variant_is_part(const rb_variant *variant);
/* All work of one op: floating-point operations and bytes that must move at least once. */
double rb_op_flops(const rb_variant *variant, const rb_op *op);
double rb_op_bytes(const rb_variant *variant, const rb_op *op, int real_bytes);
const char *rb_op_name(rb_op_kind kind);
const char *rb_segment_name(rb_segment segment);
const char *rb_act_name(rb_act act);

/* Elements of the canonical shape. */
int64_t rb_tensor_count(const rb_tensor *t);
size_t rb_dtype_bytes(rb_dtype dtype, int real_bytes);
bool rb_tensor_contiguous(const rb_tensor *t); /* strides are those of the canonical order, nothing padded */

/* Between canonical contiguous host values and a tensor's bytes in its layout. `image` is t->bytes long (already
 * t->offset into its segment); padding is zeroed by pack. RB_REAL values are float on the canonical side. */
void rb_tensor_pack(const rb_tensor *t, int real_bytes, const void *canonical, void *image);
void rb_tensor_unpack(const rb_tensor *t, int real_bytes, const void *image, void *canonical);

/* Human-readable dump: segments, tensors, ops of every variant. Stable text, kept as goldens. Appended to `text`. */
struct rb_text;
rb_status rb_program_dump(const rb_program *program, struct rb_text *text);

#endif
