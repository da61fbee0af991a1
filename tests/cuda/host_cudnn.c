/* host_cudnn.c: libcudnn for tests without a GPU: convolutions in plain loops, in order with the driver's other work.
 *
 * What the library would refuse, or would take for something else than was meant, is refused here with a line on
 * stderr: sizes that do not fit, tensors that do not lie in one allocation, too little workspace, a first call while a
 * step is captured. Its choices begin with what nobody may take: Winograd, which is off by more than fp32, and
 * algorithms whose bits differ from call to call. Of bfloat16 are all of x, w and y or none; sums are fp32, what is
 * given back is rounded; bias and ReLU are not to be had with it. A handle that is closed while descriptors live ends
 * the process. TEST_CUDNN, words separated by commas: plain=1 no bias and ReLU in a convolution; none=1 no algorithms;
 * version=80900. */
#include <cudnn.h>

#include "cuda/host_work.h"
#include "cuda/setting.h"

enum { FORWARD, FORWARD_ACT, DX, DW, DB, PASSES, ALGOS = 8, PIECES = 2 };

struct cudnnContext {
    void *stream;
    bool loaded[PASSES][ALGOS];
};
struct cudnnTensorStruct {
    int n, c, h, w;
    cudnnDataType_t type;
};
struct cudnnFilterStruct {
    int k, c, r, s;
    cudnnDataType_t type;
};
struct cudnnConvolutionStruct {
    int pad, stride;
    cudnnMathType_t math;
};
struct cudnnActivationStruct {
    cudnnActivationMode_t mode;
    cudnnNanPropagation_t nan;
};

static long living; /* descriptors */

static cudnnStatus_t refuse(const char *why) {
    fprintf(stderr, "host_cudnn: %s\n", why);
    return CUDNN_STATUS_BAD_PARAM;
}

size_t cudnnGetVersion(void) {
    long given = setting("TEST_CUDNN", "version");
    return given >= 0 ? (size_t)given : 91900;
}

const char *cudnnGetErrorString(cudnnStatus_t status) {
    return status == CUDNN_STATUS_BAD_PARAM ? "CUDNN_STATUS_BAD_PARAM" : "CUDNN_STATUS_OTHER";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    return (*handle = calloc(1, sizeof **handle)) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    if (living) {
        fprintf(stderr, "host_cudnn: %ld descriptors outlive their handle\n", living);
        abort();
    }
    free(handle);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

#define DESCRIPTOR(name, type)                                                                                         \
    cudnnStatus_t cudnnCreate##name(type *to) {                                                                        \
        living++;                                                                                                      \
        return (*to = calloc(1, sizeof **to)) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;                      \
    }                                                                                                                  \
    cudnnStatus_t cudnnDestroy##name(type it) {                                                                        \
        living--;                                                                                                      \
        free(it);                                                                                                      \
        return CUDNN_STATUS_SUCCESS;                                                                                   \
    }
DESCRIPTOR(TensorDescriptor, cudnnTensorDescriptor_t)
DESCRIPTOR(FilterDescriptor, cudnnFilterDescriptor_t)
DESCRIPTOR(ConvolutionDescriptor, cudnnConvolutionDescriptor_t)
DESCRIPTOR(ActivationDescriptor, cudnnActivationDescriptor_t)

static bool is_type(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16; }

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t to, cudnnTensorFormat_t format, cudnnDataType_t type,
                                         int n, int c, int h, int w) {
    if (format != CUDNN_TENSOR_NHWC || !is_type(type) || n < 1 || c < 1 || h < 1 || w < 1) return refuse("a tensor");
    *to = (struct cudnnTensorStruct){n, c, h, w, type};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t to, cudnnDataType_t type, cudnnTensorFormat_t format,
                                         int k, int c, int r, int s) {
    if (format != CUDNN_TENSOR_NHWC || !is_type(type) || k < 1 || c < 1 || r < 1 || s < 1) return refuse("filters");
    *to = (struct cudnnFilterStruct){k, c, r, s, type};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t to, int pad_h, int pad_w, int u, int v,
                                              int dilation_h, int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t type) {
    if (pad_h != pad_w || pad_h < 0 || u != v || u < 1 || dilation_h != 1 || dilation_w != 1 ||
        mode != CUDNN_CROSS_CORRELATION || type != CUDNN_DATA_FLOAT)
        return refuse("a convolution");
    *to = (struct cudnnConvolutionStruct){pad_h, u, CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t to, cudnnMathType_t math) {
    to->math = math;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t to, cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t nan, double coefficient) {
    if (coefficient != 0) return refuse("an activation");
    to->mode = mode;
    to->nan = nan;
    return CUDNN_STATUS_SUCCESS;
}

/* --- algorithms --------------------------------------------------------------------------------------------------- */

static bool fits(const struct cudnnTensorStruct *x, const struct cudnnFilterStruct *w,
                 const struct cudnnConvolutionStruct *c, const struct cudnnTensorStruct *y) {
    if (x->type != w->type || x->type != y->type) return false;
    if (x->type == CUDNN_DATA_BFLOAT16 && c->math != CUDNN_TENSOR_OP_MATH) return false;
    return x->n == y->n && x->c == w->c && y->c == w->k && y->h == (x->h + 2 * c->pad - w->r) / c->stride + 1 &&
           y->w == (x->w + 2 * c->pad - w->s) / c->stride + 1;
}

/* Algorithms whose sums go through workspace, in two pieces of the depth. */
static bool in_pieces(int pass, int algo) {
    return pass == FORWARD ? algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM : algo == 1;
}

static size_t bytes_of(int pass, int algo, const struct cudnnTensorStruct *x, const struct cudnnFilterStruct *w,
                       const struct cudnnTensorStruct *y) {
    const size_t n = pass == DX   ? (size_t)x->n * (size_t)x->c * (size_t)x->h * (size_t)x->w
                     : pass == DW ? (size_t)w->k * (size_t)w->c * (size_t)w->r * (size_t)w->s
                                  : (size_t)y->n * (size_t)y->c * (size_t)y->h * (size_t)y->w;
    return in_pieces(pass, algo) ? n * sizeof(float) : 0;
}

#define CHOICES(function, type, pass, first, second, third, X, W, Y, ...)                                              \
    cudnnStatus_t function(__VA_ARGS__, const int most, int *n, type *list) {                                          \
        const int offers[] = {first, second, third};                                                                   \
        if (!fits(X, W, conv, Y)) return refuse("sizes of a convolution");                                             \
        if (setting("TEST_CUDNN", "none") == 1) return CUDNN_STATUS_NOT_SUPPORTED;                                     \
        for (*n = 0; *n < 3 && *n < most; ++*n) {                                                                      \
            memset(&list[*n], 0, sizeof *list);                                                                        \
            list[*n].algo = offers[*n];                                                                                \
            list[*n].status = CUDNN_STATUS_SUCCESS;                                                                    \
            list[*n].memory = bytes_of(pass, offers[*n], X, W, Y);                                                     \
            list[*n].determinism = *n == 1 ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;                            \
            list[*n].mathType = conv->math;                                                                            \
        }                                                                                                              \
        return handle ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;                                                 \
    }
CHOICES(cudnnGetConvolutionForwardAlgorithm_v7, cudnnConvolutionFwdAlgoPerf_t, FORWARD,
        CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, CUDNN_CONVOLUTION_FWD_ALGO_DIRECT,
        CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, x, w, y, cudnnHandle_t handle,
        const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t conv,
        const cudnnTensorDescriptor_t y)
CHOICES(cudnnGetConvolutionBackwardDataAlgorithm_v7, cudnnConvolutionBwdDataAlgoPerf_t, DX,
        CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
        x, w, y, cudnnHandle_t handle, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y,
        const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t x)
CHOICES(cudnnGetConvolutionBackwardFilterAlgorithm_v7, cudnnConvolutionBwdFilterAlgoPerf_t, DW,
        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, x, w, y, cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
        const cudnnTensorDescriptor_t y, const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t w)

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                      const cudnnFilterDescriptor_t w,
                                                      const cudnnConvolutionDescriptor_t conv,
                                                      const cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algo,
                                                      size_t *bytes) {
    *bytes = bytes_of(FORWARD, (int)algo, x, w, y);
    return handle && fits(x, w, conv, y) ? CUDNN_STATUS_SUCCESS : refuse("workspace of what?");
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, const cudnnFilterDescriptor_t w,
                                                           const cudnnTensorDescriptor_t y,
                                                           const cudnnConvolutionDescriptor_t conv,
                                                           const cudnnTensorDescriptor_t x,
                                                           cudnnConvolutionBwdDataAlgo_t algo, size_t *bytes) {
    *bytes = bytes_of(DX, (int)algo, x, w, y);
    return handle && fits(x, w, conv, y) ? CUDNN_STATUS_SUCCESS : refuse("workspace of what?");
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, const cudnnTensorDescriptor_t x,
                                                             const cudnnTensorDescriptor_t y,
                                                             const cudnnConvolutionDescriptor_t conv,
                                                             const cudnnFilterDescriptor_t w,
                                                             cudnnConvolutionBwdFilterAlgo_t algo, size_t *bytes) {
    *bytes = bytes_of(DW, (int)algo, x, w, y);
    return handle && fits(x, w, conv, y) ? CUDNN_STATUS_SUCCESS : refuse("workspace of what?");
}

/* --- convolutions ------------------------------------------------------------------------------------------------- */

typedef struct work {
    struct cudnnTensorStruct x, y;
    struct cudnnFilterStruct w;
    struct cudnnConvolutionStruct conv;
    int pass, algo;
    void *at_x, *at_w, *at_y, *workspace;
    const float *bias;
    float beta;
} work;

static size_t place(const struct cudnnTensorStruct *t, int n, int h, int w) {
    return ((size_t)(n * t->h + h) * (size_t)t->w + (size_t)w) * (size_t)t->c;
}

static float operand(const work *w, const void *at, size_t place) {
    if (w->x.type == CUDNN_DATA_BFLOAT16) return of_bf16(((const uint16_t *)at)[place]);
    const float v = ((const float *)at)[place];
    return w->conv.math == CUDNN_FMA_MATH ? v : to_tf32(v);
}

/* The places where pixel (h, w) of x and pixel (p, q) of y meet filter tap (r, s); false: nowhere. */
static bool meets(const work *w, int p, int q, int r, int s, int *h, int *v) {
    *h = p * w->conv.stride - w->conv.pad + r;
    *v = q * w->conv.stride - w->conv.pad + s;
    return *h >= 0 && *h < w->x.h && *v >= 0 && *v < w->x.w;
}

static size_t tap(const work *w, int k, int r, int s) {
    return ((size_t)(k * w->w.r + r) * (size_t)w->w.s + (size_t)s) * (size_t)w->w.c;
}

/* Adds the products of one image to `to`, which is one of x, w and y. */
static void add_image(const work *w, int n, float *to) {
    for (int p = 0; p < w->y.h; p++)
        for (int q = 0; q < w->y.w; q++)
            for (int r = 0; r < w->w.r; r++)
                for (int s = 0; s < w->w.s; s++) {
                    int h, v;
                    if (!meets(w, p, q, r, s, &h, &v)) continue;
                    const size_t x = place(&w->x, n, h, v), y = place(&w->y, n, p, q);
                    for (int k = 0; k < w->y.c; k++) {
                        const size_t f = tap(w, k, r, s);
                        const float dy = w->pass == FORWARD ? 0 : operand(w, w->at_y, y + (size_t)k);
                        float sum = 0;
                        for (int c = 0; c < w->x.c; c++) {
                            if (w->pass == FORWARD)
                                sum += operand(w, w->at_x, x + (size_t)c) * operand(w, w->at_w, f + (size_t)c);
                            else if (w->pass == DX)
                                to[x + (size_t)c] += dy * operand(w, w->at_w, f + (size_t)c);
                            else
                                to[f + (size_t)c] += dy * operand(w, w->at_x, x + (size_t)c);
                        }
                        if (w->pass == FORWARD) to[y + (size_t)k] += sum;
                    }
                }
}

static void run(const void *args) {
    work w;
    static int calls;
    memcpy(&w, args, sizeof w);
    const bool act = w.pass == FORWARD_ACT, pieces = in_pieces(act ? FORWARD : w.pass, w.algo);
    if (act) w.pass = FORWARD;
    void *out = w.pass == DX ? w.at_x : w.pass == DW ? w.at_w : w.at_y;
    const size_t n = w.pass == DX   ? (size_t)w.x.n * place(&w.x, 1, 0, 0)
                     : w.pass == DW ? tap(&w, w.w.k, 0, 0)
                                    : (size_t)w.y.n * place(&w.y, 1, 0, 0);
    const bool back = !pieces && w.pass != FORWARD && calls++ % 2; /* dx0, dw0: other bits every time */
    float *sums = pieces ? w.workspace : calloc(n, sizeof *sums);
    if (pieces) memset(sums, 0, n * sizeof *sums);
    for (int i = 0; i < w.x.n; i++) add_image(&w, back ? w.x.n - 1 - i : i, sums);
    for (size_t i = 0; i < n; i++) {
        float v = sums[i] * (w.algo > 3 ? 1.001f : 1.0f);
        if (w.x.type == CUDNN_DATA_BFLOAT16) {
            ((uint16_t *)out)[i] = to_bf16(v);
            continue;
        }
        if (w.beta != 0) v += w.beta * ((float *)out)[i];
        if (act) v += w.bias[i % (size_t)w.y.c];
        ((float *)out)[i] = act && !(v > 0) ? 0 : v; /* NaN: 0 */
    }
    if (!pieces) free(sums);
}

static void add_rows(const void *args) {
    work w;
    memcpy(&w, args, sizeof w);
    for (int k = 0; k < w.y.c; k++) {
        float sum = 0;
        for (int row = 0; row < w.y.n * w.y.h * w.y.w; row++)
            sum += ((float *)w.at_y)[(size_t)row * (size_t)w.y.c + (size_t)k];
        ((float *)w.at_x)[k] = sum;
    }
}

static bool lies(const void *at, size_t n, cudnnDataType_t type) {
    return (uintptr_t)at % 16 == 0 && holds(at, n * (type == CUDNN_DATA_BFLOAT16 ? 2 : sizeof(float)));
}

static cudnnStatus_t submit(cudnnHandle_t handle, work *w, const void *alpha, const void *beta, size_t bytes) {
    const size_t x = (size_t)w->x.n * place(&w->x, 1, 0, 0), y = (size_t)w->y.n * place(&w->y, 1, 0, 0);
    memcpy(&w->beta, beta, sizeof w->beta);
    if (!handle->stream) return refuse("no stream");
    if (*(const float *)alpha != 1 ||
        (w->beta != 0 && (w->beta != 1 || w->pass != DX || w->x.type != CUDNN_DATA_FLOAT)))
        return refuse("alpha or beta");
    if (!fits(&w->x, &w->w, &w->conv, &w->y)) return refuse("sizes of a convolution");
    if (!lies(w->at_x, x, w->x.type) || !lies(w->at_y, y, w->y.type) || !lies(w->at_w, tap(w, w->w.k, 0, 0), w->w.type))
        return refuse("a tensor is not aligned or not there");
    const size_t need = bytes_of(w->pass == FORWARD_ACT ? FORWARD : w->pass, w->algo, &w->x, &w->w, &w->y);
    if (need && (bytes < need || !lies(w->workspace, bytes / sizeof(float), CUDNN_DATA_FLOAT)))
        return refuse("workspace");
    if (capturing(handle->stream) && !handle->loaded[w->pass][w->algo])
        return refuse("a kernel is loaded while a step is captured");
    handle->loaded[w->pass][w->algo] = true;
    return enqueue(handle->stream, run, w, sizeof *w) == CUDA_SUCCESS ? CUDNN_STATUS_SUCCESS
                                                                      : CUDNN_STATUS_EXECUTION_FAILED;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha, const cudnnTensorDescriptor_t x_desc,
                                      const void *x, const cudnnFilterDescriptor_t w_desc, const void *w,
                                      const cudnnConvolutionDescriptor_t conv, cudnnConvolutionFwdAlgo_t algo,
                                      void *workspace, size_t bytes, const void *beta,
                                      const cudnnTensorDescriptor_t y_desc, void *y) {
    work it = {*x_desc, *y_desc, *w_desc, *conv, FORWARD, (int)algo, (float *)x, (float *)w, y, workspace, NULL, 0};
    return submit(handle, &it, alpha, beta, bytes);
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnFilterDescriptor_t w_desc, const void *w, const cudnnConvolutionDescriptor_t conv,
    cudnnConvolutionFwdAlgo_t algo, void *workspace, size_t bytes, const void *alpha2,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t bias_desc, const void *bias,
    const cudnnActivationDescriptor_t act, const cudnnTensorDescriptor_t y_desc, void *y) {
    work it = {*x_desc, *y_desc, *w_desc, *conv, FORWARD_ACT, (int)algo, (float *)x, (float *)w, y, workspace, bias, 0};
    /* the third: as the library's documentation says */
    if (setting("TEST_CUDNN", "plain") == 1 || x_desc->type != CUDNN_DATA_FLOAT || act->nan != CUDNN_NOT_PROPAGATE_NAN)
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (act->mode != CUDNN_ACTIVATION_RELU || *(const float *)alpha2 != 0 || z != y || z_desc != y_desc)
        return refuse("an activation behind a convolution");
    if (bias_desc->n != 1 || bias_desc->c != y_desc->c || bias_desc->h != 1 || bias_desc->w != 1 ||
        !lies(bias, (size_t)bias_desc->c, bias_desc->type))
        return refuse("bias");
    return submit(handle, &it, alpha, alpha2, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha,
                                           const cudnnFilterDescriptor_t w_desc, const void *w,
                                           const cudnnTensorDescriptor_t y_desc, const void *y,
                                           const cudnnConvolutionDescriptor_t conv, cudnnConvolutionBwdDataAlgo_t algo,
                                           void *workspace, size_t bytes, const void *beta,
                                           const cudnnTensorDescriptor_t x_desc, void *x) {
    work it = {*x_desc, *y_desc, *w_desc, *conv, DX, (int)algo, x, (float *)w, (float *)y, workspace, NULL, 0};
    return submit(handle, &it, alpha, beta, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha,
                                             const cudnnTensorDescriptor_t x_desc, const void *x,
                                             const cudnnTensorDescriptor_t y_desc, const void *y,
                                             const cudnnConvolutionDescriptor_t conv,
                                             cudnnConvolutionBwdFilterAlgo_t algo, void *workspace, size_t bytes,
                                             const void *beta, const cudnnFilterDescriptor_t w_desc, void *w) {
    work it = {*x_desc, *y_desc, *w_desc, *conv, DW, (int)algo, (float *)x, w, (float *)y, workspace, NULL, 0};
    return submit(handle, &it, alpha, beta, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardBias(cudnnHandle_t handle, const void *alpha,
                                           const cudnnTensorDescriptor_t y_desc, const void *y, const void *beta,
                                           const cudnnTensorDescriptor_t bias_desc, void *bias) {
    work it = {.y = *y_desc, .at_y = (float *)y, .at_x = bias};
    if (y_desc->type != CUDNN_DATA_FLOAT || bias_desc->type != CUDNN_DATA_FLOAT) return refuse("a sum's types");
    if (!handle->stream || *(const float *)alpha != 1 || *(const float *)beta != 0) return refuse("a sum's arguments");
    if (bias_desc->n != 1 || bias_desc->c != y_desc->c || bias_desc->h != 1 || bias_desc->w != 1 ||
        !lies(bias, (size_t)bias_desc->c, bias_desc->type) ||
        !lies(y, (size_t)y_desc->n * place(y_desc, 1, 0, 0), y_desc->type))
        return refuse("a sum's tensors");
    if (capturing(handle->stream) && !handle->loaded[DB][0])
        return refuse("a kernel is loaded while a step is captured");
    handle->loaded[DB][0] = true;
    return enqueue(handle->stream, add_rows, &it, sizeof it) == CUDA_SUCCESS ? CUDNN_STATUS_SUCCESS
                                                                             : CUDNN_STATUS_EXECUTION_FAILED;
}
