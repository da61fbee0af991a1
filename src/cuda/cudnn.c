/* cudnn.c: convolutions by cuDNN 9: y = act(x * w + b), dx, dw, db.
 *
 * Tensors are NHWC as they lie, pad channels counted as channels: they are zero. Filters are (K,R,S,C) there and
 * (R,S,C,K) here: they are turned on every step. A layer of few channels (pictures) stays with own kernels, because the
 * library would multiply mostly padding.
 *
 * Algorithms are chosen when a plan is made, deterministic ones unless --fastest; never by Winograd or Fourier, whose
 * rounding is another. fp32 allows no tensor cores (CUDNN_FMA_MATH). A first call, on scratch, says whether the library
 * has the case and loads what it needs, so that a step may be captured; a case that it has not is done by own kernels,
 * as the provider column says. Bias and ReLU are taken along where the library has them (algo: "+relu"): its ReLU may
 * take a NaN for 0, as it has no other there; behind the last layer, which has none, it shows. Pooling stays own: which
 * of equal values CUDNN_POOLING_MAX_DETERMINISTIC takes is not documented. So does batch norm, whose op here includes
 * sums and activations that the library's has not. */
#include "cuda/providers.h"

#ifdef REGBENCH_HAVE_CUDNN
#include <cudnn.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKSPACE = 256 << 20, CHOICES = 16, LEAST_CHANNELS = 4, LEAST_VERSION = 90000 };

static struct {
#define RB_CUDNN(name, symbol) __typeof__(symbol) *name;
#include "cuda/cudnn.def"
#undef RB_CUDNN
} nn;

typedef struct conv {
    rb_op_kind kind;
    cudnnTensorDescriptor_t x, y, bias;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    cudnnActivationDescriptor_t act;
    int algo;
    size_t workspace; /* bytes */
    float beta;
    bool fused; /* bias and ReLU */
    char text[64];
} conv;

/* What a call reads and writes: of the input side, filters, of the output side, bias. */
typedef struct places {
    CUdeviceptr x, w, y, bias, workspace;
} places;

/* --- the library -------------------------------------------------------------------------------------------------- */

static bool loaded;
static char reason[256];

static void load_once(void) {
    static const char *const names[] = {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9", NULL};
    void *library = rb__cuda_open_library("REGBENCH_CUDNN_LIBRARY", names);
    if (!library) {
        snprintf(reason, sizeof reason,
                 "cuDNN (libcudnn.so.9) is not found: install NVIDIA's package cudnn9-cuda, or name the file in "
                 "REGBENCH_CUDNN_LIBRARY");
        return;
    }
#define RB_CUDNN(name, symbol)                                                                                         \
    if (!(*(void **)&nn.name = dlsym(library, #symbol))) {                                                             \
        snprintf(reason, sizeof reason, "cuDNN has no " #symbol ": version 9 is wanted");                              \
        return;                                                                                                        \
    }
#include "cuda/cudnn.def"
#undef RB_CUDNN
    const size_t version = nn.version();
    loaded = version >= LEAST_VERSION && version < 2 * LEAST_VERSION;
    if (!loaded) snprintf(reason, sizeof reason, "cuDNN is version %zu: 9 is wanted", version);
}

static bool load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_once);
    return loaded;
}

size_t rb__cudnn_version(void) { return load() ? nn.version() : 0; }

static rb_status check(const rb_device *device, cudnnStatus_t code, const char *what) {
    if (code == CUDNN_STATUS_SUCCESS) return RB_OK;
    rb_status status = CUDNN_STATUS_CATEGORY(code) == CUDNN_STATUS_NOT_SUPPORTED ? RB_UNSUPPORTED : RB_DEVICE;
    if (CUDNN_STATUS_CATEGORY(code) == CUDNN_STATUS_EXECUTION_FAILED) rb__cuda_of(device)->lost = true;
    return rb_fail_native(status, code, "%s: cuDNN: %s: %s (%d)", device->key, what, nn.status_text(code), (int)code);
}

rb_status rb__cudnn_open(rb__cuda_device *device) {
    cudnnHandle_t handle = NULL;
    rb_status status = RB_OK;
    if (!load()) return rb_fail(RB_UNSUPPORTED, "%s: provider cudnn: %s", device->base.key, reason);
    RB_TRY(check(&device->base, nn.open(&handle), "open it"));
    device->cudnn = handle;
    RB_TRY(check(&device->base, nn.stream(handle, (cudaStream_t)device->stream), "use a stream"));
cleanup:
    return status;
}

void rb__cudnn_close(rb__cuda_device *device) {
    if (device->cudnn) nn.close(device->cudnn);
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

static void release(void *state) {
    conv *c = state;
    if (!c) return;
    if (c->x) nn.tensor_free(c->x);
    if (c->y) nn.tensor_free(c->y);
    if (c->bias) nn.tensor_free(c->bias);
    if (c->w) nn.filter_free(c->w);
    if (c->conv) nn.conv_free(c->conv);
    if (c->act) nn.act_free(c->act);
    free(c);
}

static rb_status describe_tensor(const rb_device *device, cudnnTensorDescriptor_t *out, int n, int c, int h, int w) {
    rb_status status = RB_OK;
    RB_TRY(check(device, nn.tensor_new(out), "describe a tensor"));
    RB_TRY(check(device, nn.tensor_set(*out, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, n, c, h, w), "describe a tensor"));
cleanup:
    return status;
}

static rb_status describe(const rb__cuda_device *device, const rb__kn_item *it, conv *c) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    const cudnnMathType_t math = device->precision == RB__CUDA_TF32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
    c->kind = it->op->kind;
    c->beta = it->op->flags & RB_OPF_ACCUMULATE ? 1.0f : 0.0f;
    c->fused = c->kind == RB_OP_CONV && it->in[2] >= 0 && it->op->act == RB_ACT_RELU;
    RB_TRY(describe_tensor(base, &c->x, it->N, it->ldx, it->H, it->W));
    RB_TRY(describe_tensor(base, &c->y, it->N, it->ldy, it->P, it->Q));
    RB_TRY(describe_tensor(base, &c->bias, 1, it->ldy, 1, 1));
    RB_TRY(check(base, nn.filter_new(&c->w), "describe filters"));
    RB_TRY(check(base, nn.filter_set(c->w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, it->ldw, it->ldx, it->R, it->R),
                 "describe filters"));
    RB_TRY(check(base, nn.conv_new(&c->conv), "describe a convolution"));
    RB_TRY(check(
        base,
        nn.conv_set(c->conv, it->pad, it->pad, it->stride, it->stride, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        "describe a convolution"));
    RB_TRY(check(base, nn.conv_math(c->conv, math), "choose the arithmetic"));
    RB_TRY(check(base, nn.act_new(&c->act), "describe an activation"));
    RB_TRY(
        check(base, nn.act_set(c->act, CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN, 0.0), "describe an activation"));
cleanup:
    return status;
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

/* By algorithm; NULL: never taken. */
static const char *const forward_names[CUDNN_CONVOLUTION_FWD_ALGO_COUNT] = {
    [CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM] = "implicit_gemm",
    [CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM] = "precomp_gemm",
    [CUDNN_CONVOLUTION_FWD_ALGO_GEMM] = "gemm",
    [CUDNN_CONVOLUTION_FWD_ALGO_DIRECT] = "direct"};
static const char *const dx_names[CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT] = {
    [CUDNN_CONVOLUTION_BWD_DATA_ALGO_0] = "dx0", [CUDNN_CONVOLUTION_BWD_DATA_ALGO_1] = "dx1"};
static const char *const dw_names[CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT] = {
    [CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0] = "dw0",
    [CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1] = "dw1",
    [CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3] = "dw3"};

/* The first of the library's choices that is fine becomes c->algo. */
#define TAKE_FIRST(list, n, names, count)                                                                              \
    for (int i = 0; i < (n) && c->algo < 0; i++) {                                                                     \
        const int algo = (int)(list)[i].algo;                                                                          \
        const bool same = (list)[i].determinism == CUDNN_DETERMINISTIC;                                                \
        if ((list)[i].status != CUDNN_STATUS_SUCCESS || (list)[i].memory > WORKSPACE || algo < 0 || algo >= (count) || \
            !(names)[algo] || !(same || device->fastest))                                                              \
            continue;                                                                                                  \
        c->algo = algo;                                                                                                \
        snprintf(c->text, sizeof c->text, "%s%s", device->fastest ? "any:" : "", (names)[algo]);                       \
    }

/* RB_UNSUPPORTED: the library has nothing for it. */
static rb_status choose(const rb__cuda_device *device, conv *c) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    cudnnConvolutionFwdAlgoPerf_t forward[CHOICES];
    cudnnConvolutionBwdDataAlgoPerf_t dx[CHOICES];
    cudnnConvolutionBwdFilterAlgoPerf_t dw[CHOICES];
    cudnnHandle_t handle = device->cudnn;
    int n = 0;
    c->algo = -1;
    if (c->kind == RB_OP_CONV) {
        RB_TRY(check(base, nn.forward_algos(handle, c->x, c->w, c->conv, c->y, CHOICES, &n, forward),
                     "choose an algorithm"));
        TAKE_FIRST(forward, n, forward_names, CUDNN_CONVOLUTION_FWD_ALGO_COUNT)
    } else if (c->kind == RB_OP_CONV_DX) {
        RB_TRY(check(base, nn.dx_algos(handle, c->w, c->y, c->conv, c->x, CHOICES, &n, dx), "choose an algorithm"));
        TAKE_FIRST(dx, n, dx_names, CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT)
    } else {
        RB_TRY(check(base, nn.dw_algos(handle, c->x, c->y, c->conv, c->w, CHOICES, &n, dw), "choose an algorithm"));
        TAKE_FIRST(dw, n, dw_names, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT)
    }
    if (c->algo < 0) return rb_fail(RB_UNSUPPORTED, "%s: cuDNN has no algorithm that may be taken", base->key);
    cudnnStatus_t code =
        c->kind == RB_OP_CONV
            ? nn.forward_bytes(handle, c->x, c->w, c->conv, c->y, (cudnnConvolutionFwdAlgo_t)c->algo, &c->workspace)
        : c->kind == RB_OP_CONV_DX
            ? nn.dx_bytes(handle, c->w, c->y, c->conv, c->x, (cudnnConvolutionBwdDataAlgo_t)c->algo, &c->workspace)
            : nn.dw_bytes(handle, c->x, c->y, c->conv, c->w, (cudnnConvolutionBwdFilterAlgo_t)c->algo, &c->workspace);
    status = check(base, code, "ask for workspace");
cleanup:
    return status;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static rb_status run(const rb__cuda_device *device, const conv *c, const places *at) {
    const float one = 1.0f, zero = 0.0f;
    cudnnHandle_t handle = device->cudnn;
    void *x = (void *)at->x, *w = (void *)at->w, *y = (void *)at->y, *bias = (void *)at->bias;
    void *space = c->workspace ? (void *)at->workspace : NULL;
    cudnnStatus_t code;
    if (c->kind == RB_OP_CONV && c->fused)
        code = nn.forward_act(handle, &one, c->x, x, c->w, w, c->conv, (cudnnConvolutionFwdAlgo_t)c->algo, space,
                              c->workspace, &zero, c->y, y, c->bias, bias, c->act, c->y, y);
    else if (c->kind == RB_OP_CONV)
        code = nn.forward(handle, &one, c->x, x, c->w, w, c->conv, (cudnnConvolutionFwdAlgo_t)c->algo, space,
                          c->workspace, &zero, c->y, y);
    else if (c->kind == RB_OP_CONV_DX)
        code = nn.dx(handle, &one, c->w, w, c->y, y, c->conv, (cudnnConvolutionBwdDataAlgo_t)c->algo, space,
                     c->workspace, &c->beta, c->x, x);
    else
        code = nn.dw(handle, &one, c->x, x, c->y, y, c->conv, (cudnnConvolutionBwdFilterAlgo_t)c->algo, space,
                     c->workspace, &zero, c->w, w);
    return check(&device->base, code, "convolve");
}

/* On scratch. */
static rb_status try_out(rb_device *base, const rb__kn_item *it, const conv *c) {
    rb_status status = RB_OK;
    const size_t pixels[] = {(size_t)it->N * (size_t)it->H * (size_t)it->W, (size_t)(it->R * it->R) * (size_t)it->ldw,
                             (size_t)it->N * (size_t)it->P * (size_t)it->Q, 1};
    const int widths[] = {it->ldx, it->ldx, it->ldy, it->ldy};
    size_t starts[5] = {0};
    rb__kn_memory *scratch = NULL;
    for (int i = 0; i < 4; i++)
        starts[i + 1] = (starts[i] + sizeof(float) * pixels[i] * (size_t)widths[i] + 255) & ~(size_t)255;
    RB_TRY(base->runtime->allocate(base, starts[4] + c->workspace, "allocate what tries cuDNN out", &scratch));
    CUdeviceptr at = (CUdeviceptr)scratch;
    const places p = {at, at + starts[1], at + starts[2], at + starts[3], at + starts[4]};
    RB_TRY(run(rb__cuda_of(base), c, &p));
    RB_TRY(base->runtime->wait(base, "try cuDNN out"));
cleanup:
    if (scratch) base->runtime->release(scratch);
    return status;
}

/* Arguments: x, w, y in the order of the pass, then bias, then workspace. */
static rb_status convolve(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    const conv *c = part->state;
    CUdeviceptr at[5] = {0};
    for (int i = 0; i < part->n_args; i++) RB_TRY(rb__cuda_address(plan, part, i, &at[i]));
    const places p = {at[0], at[1], at[2], c->fused ? at[3] : 0, at[part->n_args - 1]};
    status = run(rb__cuda_of(plan->device), c, &p);
cleanup:
    return status;
}

static rb_status add_rows(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    rb__cuda_device *device = rb__cuda_of(plan->device);
    const conv *c = part->state;
    const float one = 1.0f, zero = 0.0f;
    CUdeviceptr dy, db;
    RB_TRY(rb__cuda_address(plan, part, 0, &dy));
    RB_TRY(rb__cuda_address(plan, part, 1, &db));
    status = check(&device->base, nn.db(device->cudnn, &one, c->y, (void *)dy, &zero, c->bias, (void *)db), "sum rows");
cleanup:
    return status;
}

/* A first call of the sum loads its kernel, too: into scratch. */
static rb_status prepare_rows(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    rb__cuda_device *device = rb__cuda_of(plan->device);
    rb_device *base = plan->device;
    const conv *c = part->state;
    const float one = 1.0f, zero = 0.0f;
    rb__kn_memory *scratch = NULL;
    CUdeviceptr dy;
    RB_TRY(rb__cuda_address(plan, part, 0, &dy));
    RB_TRY(base->runtime->allocate(base, plan->variant->tensors[part->args[1].tensor].bytes,
                                   "allocate what tries cuDNN out", &scratch));
    RB_TRY(check(base, nn.db(device->cudnn, &one, c->y, (void *)dy, &zero, c->bias, scratch), "sum rows"));
    RB_TRY(base->runtime->wait(base, "try cuDNN out"));
cleanup:
    if (scratch) base->runtime->release(scratch);
    return status;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static rb__kn_part *call_new(rb__kn_plan *plan, const rb__kn_item *it, conv *state) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "convolution");
    part->call = convolve; /* tried out by lowering: nothing to prepare */
    part->alone = true;
    part->state = state;
    part->release = release;
    return part;
}

static void add_workspace(rb__kn_plan *plan, rb__kn_part *part, const conv *c) {
    if (c->workspace) rb__kn_work_out(part, rb__kn_library_work(plan, c->workspace), "__global float *");
}

static void add_parts(rb__kn_plan *plan, const rb__kn_item *it, conv *c) {
    const bool forward = c->kind == RB_OP_CONV, dw = c->kind == RB_OP_CONV_DW;
    const size_t bytes = sizeof(float) * (size_t)(it->R * it->R) * (size_t)it->ldx * (size_t)it->ldw;
    const int turned = rb__kn_work_new(plan, bytes);
    if (!dw) rb__cuda_add_turn(plan, it, turned, false);
    rb__kn_part *part = call_new(plan, it, c);
    plan->providers[it->number] = "cudnn";
    plan->algos[it->number] = c->text;
    if (forward || dw)
        rb__kn_in(plan, part, it->in[0]);
    else
        rb__kn_inout(plan, part, it->out[0]);
    if (dw)
        rb__kn_work_out(part, turned, "__global float *");
    else
        rb__kn_work_in(part, turned, "__global const float *");
    if (forward)
        rb__kn_out(plan, part, it->out[0]);
    else
        rb__kn_in(plan, part, it->in[dw ? 1 : 0]);
    if (c->fused) rb__kn_in(plan, part, it->in[2]);
    add_workspace(plan, part, c);
    if (dw) rb__cuda_add_turn(plan, it, turned, true);
    if (forward && !c->fused) rb__cuda_add_bias_act(plan, it, it->N * it->P * it->Q, it->in[2] >= 0);
    if (!forward && !dw) rb__cuda_add_derive(plan, it, it->N * it->H * it->W, it->ldx);
}

/* db: its own descriptors, because a part frees what it has. */
static rb_status add_bias_gradient(rb__kn_plan *plan, const rb__kn_item *it) {
    rb_status status = RB_OK;
    conv *c = calloc(1, sizeof *c);
    if (!c) return rb_fail(RB_MEMORY, "out of memory while binding");
    RB_TRY(describe_tensor(plan->device, &c->y, it->N, it->ldy, it->P, it->Q));
    RB_TRY(describe_tensor(plan->device, &c->bias, 1, it->ldy, 1, 1));
    rb__kn_part *part = call_new(plan, it, c);
    c = NULL;
    part->call = add_rows;
    part->prepare = prepare_rows;
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_out(plan, part, it->out[1]);
cleanup:
    release(c);
    return status;
}

bool rb__cudnn_takes(const rb__kn_item *it) {
    if (it->op->kind != RB_OP_CONV && it->op->kind != RB_OP_CONV_DX && it->op->kind != RB_OP_CONV_DW) return false;
    return it->C >= LEAST_CHANNELS && it->ldy == it->ldw && (it->H + 2 * it->pad - it->R) / it->stride + 1 == it->P &&
           (it->W + 2 * it->pad - it->R) / it->stride + 1 == it->Q;
}

void rb__cudnn_lower(rb__kn_plan *plan, rb__kn_item *it) {
    rb_status status = RB_OK;
    const rb__cuda_device *device = rb__cuda_of(plan->device);
    conv *c = calloc(1, sizeof *c);
    if (!c) {
        rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
        return;
    }
    RB_TRY(describe(device, it, c));
    RB_TRY(choose(device, c));
    status = try_out(plan->device, it, c);
    if (c->fused && !device->lost && (status == RB_UNSUPPORTED || status == RB_DEVICE)) { /* without bias and ReLU */
        rb_error_clear();
        c->fused = false;
        status = try_out(plan->device, it, c);
    }
    RB_TRY(status);
    if (c->fused) snprintf(c->text + strlen(c->text), sizeof c->text - strlen(c->text), "+relu");
    add_parts(plan, it, c);
    c = NULL;
    if (it->op->kind == RB_OP_CONV_DW && it->out[1] >= 0) RB_TRY(add_bias_gradient(plan, it));
cleanup:
    if (c && status == RB_UNSUPPORTED) { /* provider "own" says so */
        rb_error_clear();
        status = RB_OK;
        rb__kn_lower_gemm(plan, it);
    }
    release(c);
    rb__kn_plan_fail(plan, status);
}
#endif
