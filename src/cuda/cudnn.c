/* cudnn.c: cuDNN 9: the library, descriptors of a convolution, its algorithm, its calls.
 *
 * Algorithms are chosen when a plan is made, deterministic ones unless --fastest; never by Winograd or Fourier, whose
 * rounding is another. fp32 allows no tensor cores (CUDNN_FMA_MATH); bf16 (bf16.c) is the library's
 * PSEUDO_BFLOAT16_CONFIG: x, w and y of bf16, sums in fp32. */
#include "cuda/cudnn_calls.h"

#ifdef REGBENCH_HAVE_CUDNN
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKSPACE = 256 << 20, CHOICES = 16, LEAST_VERSION = 90000 };

static struct {
#define RB_CUDNN(name, symbol) __typeof__(symbol) *name;
#include "cuda/cudnn.def"
#undef RB_CUDNN
} nn;

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

void rb__cudnn_conv_free(void *state) {
    rb__cudnn_conv *c = state;
    if (!c) return;
    if (c->x) nn.tensor_free(c->x);
    if (c->y) nn.tensor_free(c->y);
    if (c->bias) nn.tensor_free(c->bias);
    if (c->w) nn.filter_free(c->w);
    if (c->conv) nn.conv_free(c->conv);
    if (c->act) nn.act_free(c->act);
    free(c);
}

static rb_status describe_tensor(const rb_device *device, cudnnTensorDescriptor_t *out, cudnnDataType_t type, int n,
                                 int c, int h, int w) {
    rb_status status = RB_OK;
    RB_TRY(check(device, nn.tensor_new(out), "describe a tensor"));
    RB_TRY(check(device, nn.tensor_set(*out, CUDNN_TENSOR_NHWC, type, n, c, h, w), "describe a tensor"));
cleanup:
    return status;
}

static rb_status describe(const rb__cuda_device *device, const rb__kn_item *it, rb__cudnn_conv *c) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    static const cudnnMathType_t maths[] = {
        [RB__CUDA_FP32] = CUDNN_FMA_MATH, [RB__CUDA_TF32] = CUDNN_DEFAULT_MATH, [RB__CUDA_BF16] = CUDNN_TENSOR_OP_MATH};
    const cudnnMathType_t math = maths[device->precision];
    const bool narrow = device->precision == RB__CUDA_BF16;
    const cudnnDataType_t type = narrow ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    c->kind = it->op->kind;
    c->beta = it->op->flags & RB_OPF_ACCUMULATE && !narrow ? 1.0f : 0.0f;
    c->fused = c->kind == RB_OP_CONV && it->in[2] >= 0 && it->op->act == RB_ACT_RELU && !narrow;
    RB_TRY(describe_tensor(base, &c->x, type, it->N, it->ldx, it->H, it->W));
    RB_TRY(describe_tensor(base, &c->y, type, it->N, it->ldy, it->P, it->Q));
    RB_TRY(describe_tensor(base, &c->bias, CUDNN_DATA_FLOAT, 1, it->ldy, 1, 1));
    RB_TRY(check(base, nn.filter_new(&c->w), "describe filters"));
    RB_TRY(
        check(base, nn.filter_set(c->w, type, CUDNN_TENSOR_NHWC, it->ldw, it->ldx, it->R, it->R), "describe filters"));
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
static rb_status choose(const rb__cuda_device *device, rb__cudnn_conv *c) {
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

rb_status rb__cudnn_conv_new(const rb__cuda_device *device, const rb__kn_item *it, rb__cudnn_conv **out) {
    rb_status status = RB_OK;
    rb__cudnn_conv *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return rb_fail(RB_MEMORY, "out of memory while binding");
    RB_TRY(describe(device, it, c));
    RB_TRY(choose(device, c));
    *out = c;
    c = NULL;
cleanup:
    rb__cudnn_conv_free(c);
    return status;
}

rb_status rb__cudnn_rows_new(const rb__cuda_device *device, const rb__kn_item *it, rb__cudnn_conv **out) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    rb__cudnn_conv *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return rb_fail(RB_MEMORY, "out of memory while binding");
    RB_TRY(describe_tensor(base, &c->y, CUDNN_DATA_FLOAT, it->N, it->ldy, it->P, it->Q));
    RB_TRY(describe_tensor(base, &c->bias, CUDNN_DATA_FLOAT, 1, it->ldy, 1, 1));
    *out = c;
    c = NULL;
cleanup:
    rb__cudnn_conv_free(c);
    return status;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

rb_status rb__cudnn_convolve(const rb__cuda_device *device, const rb__cudnn_conv *c, const rb__cudnn_places *at) {
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

rb_status rb__cudnn_sum_rows(const rb__cuda_device *device, const rb__cudnn_conv *c, CUdeviceptr dy, CUdeviceptr db) {
    const float one = 1.0f, zero = 0.0f;
    return check(&device->base, nn.db(device->cudnn, &one, c->y, (void *)dy, &zero, c->bias, (void *)db), "sum rows");
}
#endif
