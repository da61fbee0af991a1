/* host_cublas.c: libcublasLt for tests without a GPU: products in plain loops, in order with the driver's other work.
 *
 * What the library would refuse, or would take for something else than was meant, is refused here with a line on
 * stderr: attributes of the wrong size, dimensions that do not fit, leading dimensions that are too small, matrices and
 * workspace that do not lie in one allocation or are not aligned, a first call while a step is captured. Its heuristic
 * first offers what nobody may take: an algorithm that rounds its operands (to bfloat16, and those of bfloat16
 * further), and, where the mask allows it, one whose bits differ from call to call. Of operands in bfloat16 sums are
 * fp32, as c is, and a's sums of rows are those of bfloat16. TEST_CUBLAS, words separated by commas: plain=1 no
 * epilogues; none=1 no algorithms; refuse=5 offers algorithm 5 and then does not take it, 0: none of them. */
#include <cublasLt.h>
#include <math.h>

#include "cuda/host_work.h"
#include "cuda/setting.h"

enum { MAGIC = 0x4C74, ID_ROUNDED = 66, ID_LOOSE = 7, ID_SPLIT = 21, ID_PLAIN = 5, PIECES = 3, ALIGN = 256 };

typedef struct desc {
    uint64_t magic;
    cublasComputeType_t compute;
    cublasOperation_t turn_a, turn_b;
    cublasLtEpilogue_t epilogue;
    void *vector;
} desc;

typedef struct layout {
    uint64_t magic;
    uint64_t rows, columns;
    int64_t ld;
    cudaDataType type;
} layout;

typedef struct preference {
    uint64_t magic;
    uint64_t workspace;
    uint32_t schemes;
} preference;

typedef struct algo {
    uint64_t magic;
    int32_t id, pieces;
    uint32_t scheme;
    bool tf32, bf16;
    uint64_t m, n, k; /* of the product that it was chosen for */
    cublasLtEpilogue_t epilogue;
} algo;

_Static_assert(sizeof(desc) <= sizeof(cublasLtMatmulDescOpaque_t), "desc");
_Static_assert(sizeof(layout) <= sizeof(cublasLtMatrixLayoutOpaque_t), "layout");
_Static_assert(sizeof(preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t), "preference");
_Static_assert(sizeof(algo) <= sizeof(cublasLtMatmulAlgo_t), "algo");

struct cublasLtContext {
    uint64_t magic;
    bool loaded[128]; /* by algorithm: the library has its kernel */
};

static cublasStatus_t refuse(const char *why) {
    fprintf(stderr, "host_cublas: %s\n", why);
    return CUBLAS_STATUS_INVALID_VALUE;
}

size_t cublasLtGetVersion(void) { return 130002; }
const char *cublasLtGetStatusName(cublasStatus_t status) {
    return status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE" : "CUBLAS_STATUS_OTHER";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
    *handle = calloc(1, sizeof **handle);
    (*handle)->magic = MAGIC;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    if (handle->magic != MAGIC) abort();
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

/* --- descriptions ------------------------------------------------------------------------------------------------- */

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t to, size_t size, cublasComputeType_t compute,
                                               cudaDataType_t scale) {
    if (size != sizeof *to || scale != CUDA_R_32F) return refuse("a product's size or scale");
    if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32)
        return refuse("a product's arithmetic");
    *(desc *)to = (desc){MAGIC, compute, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, NULL};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t to, cublasLtMatmulDescAttributes_t which,
                                              const void *value, size_t size) {
    desc *d = (desc *)to;
    if (d->magic != MAGIC) return refuse("a product that was not made");
    if (size != (which == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? 8 : 4)) return refuse("an attribute's size");
    switch (which) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        memcpy(&d->turn_a, value, size);
        break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
        memcpy(&d->turn_b, value, size);
        break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        memcpy(&d->epilogue, value, size);
        break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        memcpy(&d->vector, value, size);
        break;
    default:
        return refuse("an attribute of a product that nobody should set");
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t to, size_t size, cudaDataType type,
                                                 uint64_t rows, uint64_t columns, int64_t ld) {
    if (size != sizeof *to || (type != CUDA_R_32F && type != CUDA_R_16BF)) return refuse("a matrix' size or type");
    if (!rows || !columns || ld < (int64_t)rows) return refuse("a matrix' rows, columns or leading dimension");
    *(layout *)to = (layout){MAGIC, rows, columns, ld, type};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t to, size_t size) {
    if (size != sizeof *to) return refuse("preferences' size");
    *(preference *)to = (preference){MAGIC, 0, CUBLASLT_REDUCTION_SCHEME_MASK};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t to,
                                                    cublasLtMatmulPreferenceAttributes_t which, const void *value,
                                                    size_t size) {
    preference *p = (preference *)to;
    if (which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && size == 8)
        memcpy(&p->workspace, value, size);
    else if (which == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK && size == 4)
        memcpy(&p->schemes, value, size);
    else
        return refuse("an attribute of preferences");
    return CUBLAS_STATUS_SUCCESS;
}

/* --- algorithms --------------------------------------------------------------------------------------------------- */

/* Which types go together. */
static bool are_types(const desc *d, const layout *a, const layout *b, const layout *c) {
    return a->type == b->type && c->type == CUDA_R_32F && (a->type == CUDA_R_32F || d->compute == CUBLAS_COMPUTE_32F);
}

/* Rows and columns of an operand; false: they do not fit. */
static bool fits(const desc *d, const layout *a, const layout *b, const layout *c, uint64_t *k) {
    const uint64_t rows = d->turn_a ? a->columns : a->rows, depth = d->turn_a ? a->rows : a->columns;
    const uint64_t columns = d->turn_b ? b->rows : b->columns, other = d->turn_b ? b->columns : b->rows;
    *k = depth;
    return a->magic == MAGIC && b->magic == MAGIC && c->magic == MAGIC && rows == c->rows && columns == c->columns &&
           depth == other;
}

static bool is_epilogue(const desc *d) {
    switch (d->epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
        return true;
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
        return setting("TEST_CUBLAS", "plain") != 1;
    case CUBLASLT_EPILOGUE_BGRADA: /* sums of a's rows: they must be those of c */
        return setting("TEST_CUBLAS", "plain") != 1 && d->turn_a == CUBLAS_OP_N;
    default:
        return false;
    }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t wishes, int most,
                                              cublasLtMatmulHeuristicResult_t list[], int *n) {
    const desc *it = (desc *)operation;
    const preference *p = (preference *)wishes;
    uint64_t k = 0;
    *n = 0;
    if (handle->magic != MAGIC || it->magic != MAGIC || p->magic != MAGIC) return refuse("a heuristic's arguments");
    if (!fits(it, (layout *)a, (layout *)b, (layout *)c, &k) || memcmp(c, d, sizeof *c)) return refuse("dimensions");
    const bool bf16 = ((layout *)a)->type == CUDA_R_16BF;
    if (!are_types(it, (layout *)a, (layout *)b, (layout *)c)) return refuse("types of a product");
    if (!is_epilogue(it) || setting("TEST_CUBLAS", "none") == 1) return CUBLAS_STATUS_NOT_SUPPORTED;
    const uint64_t m = ((layout *)c)->rows, columns = ((layout *)c)->columns, bytes = 4 * PIECES * m * columns;
    const bool tf32 = it->compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    const algo offers[] = {
        {MAGIC, ID_ROUNDED, 1, CUBLASLT_REDUCTION_SCHEME_NONE, false, bf16, m, columns, k, it->epilogue},
        {MAGIC, ID_LOOSE, 2, CUBLASLT_REDUCTION_SCHEME_INPLACE, tf32, bf16, m, columns, k, it->epilogue},
        {MAGIC, ID_SPLIT, PIECES, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, tf32, bf16, m, columns, k, it->epilogue},
        {MAGIC, ID_PLAIN, 1, CUBLASLT_REDUCTION_SCHEME_NONE, tf32, bf16, m, columns, k, it->epilogue}};
    for (int i = 0; i < 4 && *n < most; i++) {
        const bool split = offers[i].id == ID_SPLIT;
        if (offers[i].scheme & ~p->schemes) continue;
        if (split && (bytes > p->workspace || k < 4 * PIECES || it->epilogue != CUBLASLT_EPILOGUE_DEFAULT)) continue;
        cublasLtMatmulHeuristicResult_t *r = &list[(*n)++];
        memset(r, 0, sizeof *r);
        memcpy(&r->algo, &offers[i], sizeof offers[i]);
        r->workspaceSize = split ? bytes : 0;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t *it,
                                                 cublasLtMatmulAlgoCapAttributes_t which, void *value, size_t size,
                                                 size_t *written) {
    const algo *a = (const algo *)it;
    const uint64_t input = a->id == ID_ROUNDED && a->bf16   ? CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_8F_E5M2
                           : a->id == ID_ROUNDED || a->bf16 ? CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF
                           : a->tf32                        ? CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32
                                                            : CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F;
    const uint64_t flags =
        input | CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F |
        (a->tf32 || a->bf16 ? CUBLASLT_NUMERICAL_IMPL_FLAGS_HMMA : CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA);
    if (which != CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS || size != sizeof flags)
        return refuse("an algorithm's ability");
    memcpy(value, &flags, size);
    *written = size;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *it,
                                                    cublasLtMatmulAlgoConfigAttributes_t which, void *value,
                                                    size_t size, size_t *written) {
    const algo *a = (const algo *)it;
    const void *from = which == CUBLASLT_ALGO_CONFIG_ID                 ? (const void *)&a->id
                       : which == CUBLASLT_ALGO_CONFIG_SPLITK_NUM       ? (const void *)&a->pieces
                       : which == CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME ? (const void *)&a->scheme
                                                                        : NULL;
    if (!from || size != 4) return refuse("an algorithm's configuration");
    memcpy(value, from, 4);
    *written = 4;
    return CUBLAS_STATUS_SUCCESS;
}

/* --- products ----------------------------------------------------------------------------------------------------- */

typedef struct work {
    desc d;
    layout a, b, c;
    algo how;
    const void *at_a, *at_b;
    float *at_c, *workspace;
    float beta;
} work;

/* Not by a mask of 16 bits: gcc 12 loses it from -O2 on. Veltkamp's splitting: 2^s + 1 leaves 24 - s bits. */
static float rounded(float x, float by) {
    float high = x * by;
    return isfinite(high) ? high - (high - x) : x;
}

static float element(const work *w, const void *at, uint64_t place) {
    return w->how.bf16 ? of_bf16(((const uint16_t *)at)[place]) : ((const float *)at)[place];
}

static float operand(const work *w, const layout *l, const void *at, bool turned, uint64_t row, uint64_t column) {
    const float x = element(w, at, turned ? column + row * (uint64_t)l->ld : row + column * (uint64_t)l->ld);
    if (w->how.id == ID_ROUNDED) return rounded(x, w->how.bf16 ? 0x1p21f + 1 : 0x1p16f + 1);
    return w->how.tf32 ? to_tf32(x) : x;
}

static float dot(const work *w, uint64_t i, uint64_t j, uint64_t from, uint64_t to, bool back) {
    float sum = 0;
    for (uint64_t step = from; step < to; step++) {
        const uint64_t k = back ? to - 1 - (step - from) : step;
        sum += operand(w, &w->a, w->at_a, w->d.turn_a, i, k) * operand(w, &w->b, w->at_b, w->d.turn_b, k, j);
    }
    return sum;
}

static void run(const void *args) {
    work w;
    static int calls;
    memcpy(&w, args, sizeof w);
    const uint64_t m = w.how.m, n = w.how.n, k = w.how.k;
    const bool back = w.how.id == ID_LOOSE && calls++ % 2; /* other bits every time */
    for (uint64_t j = 0; j < n; j++)
        for (uint64_t i = 0; i < m; i++) {
            float *c = &w.at_c[i + j * (uint64_t)w.c.ld], sum = 0;
            for (uint64_t p = 0; p < PIECES && w.how.id == ID_SPLIT; p++)
                w.workspace[(p * n + j) * m + i] = dot(&w, i, j, p * k / PIECES, (p + 1) * k / PIECES, false);
            for (uint64_t p = 0; p < PIECES && w.how.id == ID_SPLIT; p++) sum += w.workspace[(p * n + j) * m + i];
            if (w.how.id != ID_SPLIT) sum = dot(&w, i, j, 0, k, back);
            if (w.beta != 0) sum += w.beta * *c;
            if (w.d.epilogue & CUBLASLT_EPILOGUE_BIAS) sum += ((const float *)w.d.vector)[i];
            if (w.d.epilogue & CUBLASLT_EPILOGUE_RELU) sum = sum > 0 ? sum : 0; /* NaN: 0 */
            *c = sum;
        }
    for (uint64_t i = 0; i < m && w.d.epilogue == CUBLASLT_EPILOGUE_BGRADA; i++) {
        float sum = 0;
        for (uint64_t p = 0; p < k; p++) sum += element(&w, w.at_a, i + p * (uint64_t)w.a.ld);
        ((float *)w.d.vector)[i] = sum;
    }
}

static bool lies(const void *at, const layout *l) {
    const uint64_t n = (l->columns - 1) * (uint64_t)l->ld + l->rows;
    return (uintptr_t)at % ALIGN == 0 && holds(at, n * (l->type == CUDA_R_16BF ? 2 : sizeof(float)));
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void *alpha, const void *A,
                              cublasLtMatrixLayout_t a, const void *B, cublasLtMatrixLayout_t b, const void *beta,
                              const void *C, cublasLtMatrixLayout_t c, void *D, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t *how, void *workspace, size_t bytes, cudaStream_t stream) {
    work w = {.at_a = A, .at_b = B, .at_c = D, .workspace = workspace};
    uint64_t k = 0;
    memcpy(&w.d, operation, sizeof w.d);
    memcpy(&w.a, a, sizeof w.a);
    memcpy(&w.b, b, sizeof w.b);
    memcpy(&w.c, c, sizeof w.c);
    memcpy(&w.how, how, sizeof w.how);
    memcpy(&w.beta, beta, sizeof w.beta);
    if (!stream || handle->magic != MAGIC || w.d.magic != MAGIC) return refuse("a product's arguments");
    if (*(const float *)alpha != 1 || (w.beta != 0 && w.beta != 1)) return refuse("alpha or beta");
    if (C != D || memcmp(c, d, sizeof *c)) return refuse("c and d differ");
    if (!fits(&w.d, &w.a, &w.b, &w.c, &k)) return refuse("dimensions of a product");
    if (!are_types(&w.d, &w.a, &w.b, &w.c)) return refuse("types of a product");
    if (w.how.bf16 != (w.a.type == CUDA_R_16BF) || w.how.magic != MAGIC || w.how.m != w.c.rows ||
        w.how.n != w.c.columns || w.how.k != k || w.how.epilogue != w.d.epilogue)
        return refuse("an algorithm that was chosen for something else");
    if (!lies(A, &w.a) || !lies(B, &w.b) || !lies(D, &w.c)) return refuse("a matrix is not aligned or not there");
    if (w.d.epilogue & (CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_BGRADA) &&
        ((uintptr_t)w.d.vector % 16 || !holds(w.d.vector, w.c.rows * sizeof(float))))
        return refuse("bias is not aligned or not there");
    const size_t need = w.how.id == ID_SPLIT ? 4 * PIECES * w.how.m * w.how.n : 0;
    if (need && (bytes < need || (uintptr_t)workspace % ALIGN || !holds(workspace, bytes))) return refuse("workspace");
    const long refused = setting("TEST_CUBLAS", "refuse");
    if (refused == 0 || refused == w.how.id) return CUBLAS_STATUS_INTERNAL_ERROR;
    if (capturing(stream) && !handle->loaded[w.how.id]) return refuse("a kernel is loaded while a step is captured");
    handle->loaded[w.how.id] = true;
    return enqueue(stream, run, &w, sizeof w) == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
