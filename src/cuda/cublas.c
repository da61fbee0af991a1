/* cublas.c: linear layers by cuBLASLt: y = x w, dx = dy w^T, dw = x^T dy, with bias, ReLU and db in the same call.
 *
 * Our matrices are row-major, the library's column-major: it sees their transposes, y^T = w^T x^T, so that its rows are
 * our columns, which is where its epilogues want bias and db. Pad columns are multiplied along: they are zero.
 *
 * Algorithms are chosen when a plan is made, for the pointers' alignment that every tensor has; their workspace is the
 * plan's. The first of the library's choices that computes on scratch is taken, with its epilogue or, where none does,
 * without; a product that it has no choice for is done by own kernels, as the provider column says. Parts of a split
 * depth are added in a pass of their own, in fp32 and in order, unless --fastest allows more. In fp32 an algorithm that
 * rounds its operands is refused; in bf16 (bf16.c) one that takes them for anything else, and db, which the library
 * would sum from what is rounded, is summed by own kernels. The library's ReLU may take a NaN for 0: behind the last
 * layer, which has none, it shows. */
#include "core/log.h"
#include "cuda/providers.h"

#ifdef REGBENCH_HAVE_CUBLAS
#include <cublasLt.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKSPACE = 32 << 20, CHOICES = 16, ALIGNMENT = 256 };
/* Of a split depth: none, or added in a pass of their own in the type of the sums. */
static const uint32_t in_order = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

static struct {
#define RB_CUBLAS(name, symbol) __typeof__(symbol) *name;
#include "cuda/cublas.def"
#undef RB_CUBLAS
} lt;

typedef struct product {
    cublasLtMatmulDescOpaque_t desc;
    cublasLtMatrixLayoutOpaque_t a, b, c;
    cublasLtMatmulAlgo_t algo;
    size_t workspace; /* bytes; its argument is the last */
    float beta;
    bool vector; /* argument 3: bias or db */
    char text[48];
} product;

/* --- the library -------------------------------------------------------------------------------------------------- */

static bool loaded;
static char reason[256];

static void load_once(void) {
    static const char *const names[] = {"libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.13",
                                        "libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.12", NULL};
    const bool older = rb__cuda.version < 13000; /* a driver that does not run what 13 brings */
    void *library = rb__cuda_open_library("REGBENCH_CUBLAS_LIBRARY", names + (older ? 2 : 0));
    if (!library) {
        snprintf(reason, sizeof reason,
                 "cuBLAS (libcublasLt.so.13 or 12) is not found: install NVIDIA's package libcublas, or name the file "
                 "in REGBENCH_CUBLAS_LIBRARY");
        return;
    }
#define RB_CUBLAS(name, symbol)                                                                                        \
    if (!(*(void **)&lt.name = dlsym(library, #symbol))) {                                                             \
        snprintf(reason, sizeof reason, "cuBLAS has no " #symbol ": update it");                                       \
        return;                                                                                                        \
    }
#include "cuda/cublas.def"
#undef RB_CUBLAS
    loaded = true;
}

static bool load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_once);
    return loaded;
}

size_t rb__cublas_version(void) { return load() ? lt.version() : 0; }

static rb_status check(const rb_device *device, cublasStatus_t code, const char *what) {
    if (code == CUBLAS_STATUS_SUCCESS) return RB_OK;
    return rb_fail_native(code == CUBLAS_STATUS_ALLOC_FAILED ? RB_MEMORY : RB_DEVICE, code, "%s: cuBLAS: %s: %s (%d)",
                          device->key, what, lt.status_name(code), (int)code);
}

rb_status rb__cublas_open(rb__cuda_device *device) {
    cublasLtHandle_t handle = NULL;
    const char *emulated = getenv("CUBLAS_EMULATE_SINGLE_PRECISION");
    if (!load()) return rb_fail(RB_UNSUPPORTED, "%s: provider cublas: %s", device->base.key, reason);
    if (emulated && emulated[0] && emulated[0] != '0')
        return rb_fail(RB_UNSUPPORTED, "%s: CUBLAS_EMULATE_SINGLE_PRECISION is set: unset it, fp32 means fp32",
                       device->base.key);
    rb_status status = check(&device->base, lt.open(&handle), "open it");
    device->cublas = handle;
    return status;
}

void rb__cublas_close(rb__cuda_device *device) {
    if (device->cublas) lt.close(device->cublas);
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

static rb_status set_layout(const rb_device *device, cublasLtMatrixLayoutOpaque_t *to, cudaDataType type, int rows,
                            int columns, int ld) {
    return check(device, lt.layout(to, sizeof *to, type, (uint64_t)rows, (uint64_t)columns, ld), "describe a matrix");
}

static rb_status set_desc(const rb_device *device, product *p, cublasLtMatmulDescAttributes_t which, const void *value,
                          size_t size) {
    return check(device, lt.desc_set(&p->desc, which, value, size), "describe a product");
}

/* Nothing is rounded but sums, nothing is added in an order that another run might change. */
static bool is_fine(const rb__cuda_device *device, const cublasLtMatmulHeuristicResult_t *r) {
    uint64_t flags = 0, inputs;
    uint32_t scheme = 0;
    size_t written;
    if (r->state != CUBLAS_STATUS_SUCCESS || r->workspaceSize > WORKSPACE) return false;
    if (lt.algo_cap(&r->algo, CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS, &flags, sizeof flags, &written)) flags = 0;
    if (lt.algo_config(&r->algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme, sizeof scheme, &written)) scheme = 0;
    inputs = flags & CUBLASLT_NUMERICAL_IMPL_FLAGS_OP_INPUT_TYPE_MASK;
    uint64_t allowed = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F;
    if (device->precision == RB__CUDA_TF32) allowed |= CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32;
    if (device->precision == RB__CUDA_BF16) allowed = CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
    return !(inputs & ~allowed) && (device->fastest || !(scheme & ~in_order));
}

static void describe_algo(const rb__cuda_device *device, const cublasLtMatmulAlgo_t *algo, char *text, size_t size) {
    int32_t id = -1, pieces = 1;
    size_t written;
    if (lt.algo_config(algo, CUBLASLT_ALGO_CONFIG_ID, &id, sizeof id, &written)) id = -1;
    if (lt.algo_config(algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &pieces, sizeof pieces, &written)) pieces = 1;
    snprintf(text, size, "%slt%d", device->fastest ? "any:" : "", (int)id);
    if (pieces > 1) snprintf(text, size, "%slt%d/%d", device->fastest ? "any:" : "", (int)id, (int)pieces);
}

/* What the library offers for this product with this epilogue, the best first; *n = 0: nothing. */
static rb_status ask(const rb__cuda_device *device, product *p, cublasLtEpilogue_t epilogue,
                     cublasLtMatmulHeuristicResult_t results[CHOICES], int *n) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    cublasLtMatmulPreferenceOpaque_t preference;
    const uint64_t workspace = WORKSPACE;
    const uint32_t schemes = device->fastest ? CUBLASLT_REDUCTION_SCHEME_MASK : in_order;
    const void *aligned = (void *)(uintptr_t)ALIGNMENT; /* not read: its alignment counts */
    *n = 0;
    p->vector = epilogue != CUBLASLT_EPILOGUE_DEFAULT && epilogue != CUBLASLT_EPILOGUE_RELU;
    RB_TRY(set_desc(base, p, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    if (p->vector) RB_TRY(set_desc(base, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &aligned, sizeof aligned));
    RB_TRY(check(base, lt.preference(&preference, sizeof preference), "state preferences"));
    RB_TRY(check(base,
                 lt.preference_set(&preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace),
                 "state preferences"));
    RB_TRY(check(base,
                 lt.preference_set(&preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof schemes),
                 "state preferences"));
    cublasStatus_t code =
        lt.heuristic(device->cublas, &p->desc, &p->a, &p->b, &p->c, &p->c, &preference, CHOICES, results, n);
    /* an epilogue that it does not know, as it does not with these types: without it, what is wrong shows again */
    bool without = code == CUBLAS_STATUS_NOT_SUPPORTED ||
                   (code == CUBLAS_STATUS_INVALID_VALUE && epilogue != CUBLASLT_EPILOGUE_DEFAULT);
    if (!without) RB_TRY(check(base, code, "choose an algorithm"));
    if (without) *n = 0;
cleanup:
    return status;
}

/* a, b, c, bias or db, workspace. */
static rb_status call(rb__cuda_device *device, product *p, const CUdeviceptr at[5]) {
    rb_status status = RB_OK;
    const float one = 1.0f;
    if (p->vector) RB_TRY(set_desc(&device->base, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &at[3], sizeof at[3]));
    status = check(&device->base,
                   lt.multiply(device->cublas, &p->desc, &one, (void *)at[0], &p->a, (void *)at[1], &p->b, &p->beta,
                               (void *)at[2], &p->c, (void *)at[2], &p->c, &p->algo,
                               p->workspace ? (void *)at[4] : NULL, p->workspace, (cudaStream_t)device->stream),
                   "multiply");
cleanup:
    return status;
}

/* On scratch, which also loads the kernels that a capture may not. *computes: the library did not refuse what it had
 * offered. A failure: one that the device does not survive. */
static rb_status try_out(rb__cuda_device *device, product *p, const CUdeviceptr at[5], bool *computes) {
    *computes = call(device, p, at) == RB_OK;
    if (!*computes) {
        rb_log(RB_LOG_DEBUG, "%s: %s is not taken: %s", device->base.key, p->text, rb_error_last()->text);
        rb_error_clear();
    }
    return device->base.runtime->wait(&device->base, "try cuBLAS out");
}

/* *found: p has the first algorithm that is fine and computes. */
static rb_status choose(rb__cuda_device *device, const rb__kn_item *it, product *p, cublasLtEpilogue_t epilogue,
                        bool *found) {
    rb_status status = RB_OK;
    rb_device *base = &device->base;
    cublasLtMatmulHeuristicResult_t results[CHOICES];
    /* as many floats as a, b, c and a vector have at most */
    const size_t x = (size_t)it->N * (size_t)(it->D > it->ldx ? it->D : it->ldx), y = (size_t)it->N * (size_t)it->ldy;
    const size_t w = (size_t)it->D * (size_t)it->ldw,
                 most = sizeof(float) * (x > y ? (x > w ? x : w) : (y > w ? y : w));
    const size_t step = (most + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    rb__kn_memory *scratch = NULL;
    size_t workspace = 0;
    int n;
    *found = false;
    RB_TRY(ask(device, p, epilogue, results, &n));
    for (int i = 0; i < n; i++)
        if (is_fine(device, &results[i]) && results[i].workspaceSize > workspace) workspace = results[i].workspaceSize;
    if (n) RB_TRY(base->runtime->allocate(base, 4 * step + workspace, "allocate what tries cuBLAS out", &scratch));
    CUdeviceptr at[5];
    for (size_t k = 0; k < 5; k++) at[k] = (CUdeviceptr)scratch + k * step;
    for (int i = 0; i < n && !*found; i++) {
        if (!is_fine(device, &results[i])) continue;
        p->algo = results[i].algo;
        p->workspace = results[i].workspaceSize;
        describe_algo(device, &p->algo, p->text, sizeof p->text);
        RB_TRY(try_out(device, p, at, found));
    }
cleanup:
    if (scratch) base->runtime->release(scratch);
    return status;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static rb_status multiply(rb__kn_plan *plan, const rb__kn_part *part) {
    rb_status status = RB_OK;
    rb__cuda_device *device = rb__cuda_of(plan->device);
    product *p = part->state;
    CUdeviceptr at[5] = {0};
    for (int i = 0; i < part->n_args; i++) RB_TRY(rb__cuda_address(plan, part, i, &at[i]));
    at[4] = at[part->n_args - 1];
    status = call(device, p, at);
    if (status != RB_OK && rb_error_last()->native == CUBLAS_STATUS_EXECUTION_FAILED) device->lost = true;
cleanup:
    return status;
}

static const char any[] = "__global void *"; /* no kernel takes a call's arguments */

/* Takes p over. a, b, c, bias or db: tensors. */
static void add_part(rb__kn_plan *plan, const rb__kn_item *it, product *p, int vector) {
    const bool db = it->op->kind == RB_OP_LINEAR_DW, narrow = rb__cuda_narrow(plan);
    const int a = narrow ? rb__cuda_rounded(plan, it, it->in[1]) : -1;
    const int b = narrow ? rb__cuda_rounded(plan, it, it->in[0]) : -1;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "product");
    part->call = multiply; /* tried out by lowering: nothing to prepare */
    part->alone = true;
    part->state = p;
    if (narrow) {
        rb__kn_work_in(part, a, any);
        rb__kn_work_in(part, b, any);
    } else {
        rb__kn_in(plan, part, it->in[1]); /* w or dy */
        rb__kn_in(plan, part, it->in[0]);
    }
    rb__kn_inout(plan, part, it->out[0]);
    if (p->vector && db) rb__kn_out(plan, part, vector);
    if (p->vector && !db) rb__kn_in(plan, part, vector);
    if (p->workspace) rb__kn_work_out(part, rb__kn_library_work(plan, p->workspace), any);
    plan->providers[it->number] = "cublas";
    plan->algos[it->number] = p->text;
}

/* Matrices as they lie in memory, columns first; c (m,n). */
static rb_status describe(const rb__cuda_device *device, const rb__kn_item *it, product *p) {
    rb_status status = RB_OK;
    const rb_device *base = &device->base;
    const cublasOperation_t turned = CUBLAS_OP_T;
    const bool tf32 = device->precision == RB__CUDA_TF32;
    const cudaDataType type = device->precision == RB__CUDA_BF16 ? CUDA_R_16BF : CUDA_R_32F;
    p->beta = it->op->flags & RB_OPF_ACCUMULATE ? 1.0f : 0.0f;
    RB_TRY(check(
        base, lt.desc(&p->desc, sizeof p->desc, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "describe a product"));
    switch (it->op->kind) {
    case RB_OP_LINEAR: /* y^T = w^T x^T */
        RB_TRY(set_layout(base, &p->a, type, it->ldw, it->D, it->ldw));
        RB_TRY(set_layout(base, &p->b, type, it->D, it->N, it->ldx));
        RB_TRY(set_layout(base, &p->c, CUDA_R_32F, it->ldw, it->N, it->ldy));
        break;
    case RB_OP_LINEAR_DX: /* dx^T = w dy^T */
        RB_TRY(set_desc(base, p, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned));
        RB_TRY(set_layout(base, &p->a, type, it->ldw, it->D, it->ldw));
        RB_TRY(set_layout(base, &p->b, type, it->ldw, it->N, it->ldy));
        RB_TRY(set_layout(base, &p->c, CUDA_R_32F, it->D, it->N, it->ldx));
        break;
    default: /* dw^T = dy^T x */
        RB_TRY(set_desc(base, p, CUBLASLT_MATMUL_DESC_TRANSB, &turned, sizeof turned));
        RB_TRY(set_layout(base, &p->a, type, it->ldw, it->N, it->ldy));
        RB_TRY(set_layout(base, &p->b, type, it->D, it->N, it->ldx));
        RB_TRY(set_layout(base, &p->c, CUDA_R_32F, it->ldw, it->D, it->ldw));
    }
cleanup:
    return status;
}

/* What the product can take along of this op. */
static cublasLtEpilogue_t wanted(const rb__kn_item *it, bool narrow) {
    const bool sums = it->op->kind == RB_OP_LINEAR_DW && it->out[1] >= 0 && !narrow;
    if (it->op->kind == RB_OP_LINEAR_DW) return sums ? CUBLASLT_EPILOGUE_BGRADA : CUBLASLT_EPILOGUE_DEFAULT;
    if (it->op->kind == RB_OP_LINEAR_DX) return CUBLASLT_EPILOGUE_DEFAULT;
    const bool bias = it->in[2] >= 0;
    if (it->op->act == RB_ACT_RELU) return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

bool rb__cublas_takes(const rb__kn_item *it) {
    return (it->op->kind == RB_OP_LINEAR || it->op->kind == RB_OP_LINEAR_DX || it->op->kind == RB_OP_LINEAR_DW) &&
           (it->op->kind == RB_OP_LINEAR_DX || it->ldy >= it->ldw);
}

/* What the product left to be done. */
static void add_rest(rb__kn_plan *plan, const rb__kn_item *it, cublasLtEpilogue_t done) {
    const bool sums = it->op->kind == RB_OP_LINEAR_DW && it->out[1] >= 0;
    const bool bias = it->op->kind == RB_OP_LINEAR && it->in[2] >= 0;
    if (it->op->kind == RB_OP_LINEAR && !(done & CUBLASLT_EPILOGUE_RELU))
        rb__cuda_add_bias_act(plan, it, it->N, bias && !(done & CUBLASLT_EPILOGUE_BIAS), -1);
    if (it->op->kind == RB_OP_LINEAR_DX) rb__cuda_add_derive(plan, it, it->N, it->D, -1);
    if (sums && done != CUBLASLT_EPILOGUE_BGRADA) rb__cuda_add_column_sums(plan, it, it->N);
}

void rb__cublas_lower(rb__kn_plan *plan, rb__kn_item *it) {
    rb_status status = RB_OK;
    rb__cuda_device *device = rb__cuda_of(plan->device);
    cublasLtEpilogue_t epilogue = wanted(it, rb__cuda_narrow(plan));
    product *p = calloc(1, sizeof *p);
    bool found = false;
    if (!p) {
        rb__kn_plan_fail(plan, rb_fail(RB_MEMORY, "out of memory while binding"));
        return;
    }
    RB_TRY(describe(device, it, p));
    RB_TRY(choose(device, it, p, epilogue, &found));
    if (!found && epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
        epilogue = CUBLASLT_EPILOGUE_DEFAULT;
        RB_TRY(choose(device, it, p, epilogue, &found));
    }
    if (!found) { /* provider "own" says so */
        rb__kn_lower_gemm(plan, it);
        goto cleanup;
    }
    add_part(plan, it, p, it->op->kind == RB_OP_LINEAR ? it->in[2] : it->out[1]);
    p = NULL;
    add_rest(plan, it, epilogue);
cleanup:
    free(p);
    rb__kn_plan_fail(plan, status);
}
#endif
