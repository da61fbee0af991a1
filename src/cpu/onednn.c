/* onednn.c: linear layers and convolutions by oneDNN's C API, on our layouts.
 *
 * Matrices and images are described with their padded extents, so that pad lanes come out as the zeros that the padded
 * weights make of them. Convolution weights go through the format the library prefers: one reorder per step into WORK,
 * and back for gradients. Activations run in our own kernels afterwards: the library's relu may turn a NaN into 0.
 * Strict fp32, direct convolutions, scratch owned by the item. A gradient that is to be added goes to WORK first: the
 * library only assigns. An op that the library refuses stays with our kernels. */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "cpu/cpu.h"
#include "cpu/tuning.h"

enum { MAX_STAGES = 3, MAX_ARGS = 5 };

typedef struct stage { /* one primitive and its arguments */
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MAX_ARGS];
    int n_args;
} stage;

typedef struct library {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_t memories[MAX_STAGES * MAX_ARGS];
    int n_memories, n_stages, threads;
    stage stages[MAX_STAGES];
    unsigned char *buffers[MAX_STAGES + 2];
    size_t buffer_bytes[MAX_STAGES + 2];
    int n_buffers;
    float *wide; /* weights or their gradient with channels padded as the image's; NULL: as they are */
} library;

#define DNNL_TRY(call)                                                                                                 \
    do {                                                                                                               \
        dnnl_status_t native = (call);                                                                                 \
        if (native != dnnl_success) {                                                                                  \
            status = native == dnnl_unimplemented                                                                      \
                         ? RB_UNSUPPORTED                                                                              \
                         : rb_fail_native(RB_DEVICE, native, "oneDNN: %s failed (%d)", #call, (int)native);            \
            goto cleanup;                                                                                              \
        }                                                                                                              \
    } while (0)

bool rb__onednn_wanted(const rb_device *device, const rb__item *it) {
    const rb_op *op = it->op;
    const rb__geometry *g = &it->g;
    bool linear = op->kind == RB_OP_LINEAR || op->kind == RB_OP_LINEAR_DX || op->kind == RB_OP_LINEAR_DW;
    bool conv = op->kind == RB_OP_CONV || op->kind == RB_OP_CONV_DX || op->kind == RB_OP_CONV_DW;
    if ((!linear && !conv) || device->provider == RB__OWN) return false;
    if ((op->flags & RB_OPF_ACCUMULATE) && op->kind != RB_OP_CONV_DX) return false;
    const rb_tensor *w = op->kind == RB_OP_LINEAR_DX ? &it->variant->tensors[op->in[1]] : NULL;
    if (w && w->bytes < sizeof(float) * (size_t)g->ldx * (size_t)g->ldw) return false; /* padding without weights */
    if (device->provider == RB__ONEDNN) return true;
    double weights = linear ? (double)g->D * g->K : (double)g->R * g->R * g->C * g->K;
    return weights >= (linear ? RB__LIBRARY_LINEAR : RB__LIBRARY_CONV);
}

/* --- memory ---------------------------------------------------------------------------------------------------------
 */

static rb_status buffer(library *l, size_t bytes, void **out) {
    l->buffer_bytes[l->n_buffers] = bytes;
    *out = l->buffers[l->n_buffers] = rb_pages_new(bytes);
    l->n_buffers++;
    return *out ? RB_OK : rb_fail(RB_MEMORY, "oneDNN: no memory for %zu bytes", bytes);
}

/* An argument of stage s at `data` (set later where it is NULL). */
static rb_status argument(library *l, stage *s, int arg, const dnnl_memory_desc_t *md, void *data) {
    rb_status status = RB_OK;
    dnnl_memory_t m;
    DNNL_TRY(dnnl_memory_create(&m, md, l->engine, data ? data : DNNL_MEMORY_NONE));
    l->memories[l->n_memories++] = m;
    s->args[s->n_args++] = (dnnl_exec_arg_t){arg, m};
cleanup:
    return status;
}

static dnnl_memory_desc_t matrix(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){rows, columns}, dnnl_f32,
                                     (dnnl_dims_t){row_stride, column_stride});
    return md;
}

static dnnl_memory_desc_t image(int64_t N, int64_t C, int64_t H, int64_t W, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_tag(&md, 4, (dnnl_dims_t){N, C, H, W}, dnnl_f32, tag);
    return md;
}

/* The library's implementation `name` in place of its first choice, where it has that one for this op. */
static rb_status prefer(library *l, const char *name, const_dnnl_op_desc_t desc, const_dnnl_primitive_attr_t attr,
                        dnnl_primitive_desc_t *pd) {
    rb_status status = RB_OK;
    dnnl_primitive_desc_iterator_t choices = NULL;
    DNNL_TRY(dnnl_primitive_desc_iterator_create(&choices, desc, attr, l->engine, NULL));
    do {
        dnnl_primitive_desc_t choice = dnnl_primitive_desc_iterator_fetch(choices);
        const char *is = "";
        if (choice) dnnl_primitive_desc_query(choice, dnnl_query_impl_info_str, 0, (void *)&is);
        if (strcmp(is, name) == 0) {
            dnnl_primitive_desc_destroy(*pd);
            *pd = choice;
            break;
        }
        dnnl_primitive_desc_destroy(choice);
    } while (dnnl_primitive_desc_iterator_next(choices) == dnnl_success);
cleanup:
    dnnl_primitive_desc_iterator_destroy(choices);
    return status;
}

/* Makes the stage's primitive, with strict arithmetic and scratch of our own. name: of the implementation, NULL = the
 * library's first choice. */
static rb_status primitive(library *l, stage *s, const_dnnl_op_desc_t desc, const_dnnl_primitive_desc_t hint,
                           const char *name, dnnl_primitive_desc_t *pd) {
    rb_status status = RB_OK;
    dnnl_primitive_attr_t attr = NULL;
    void *scratch;
    DNNL_TRY(dnnl_primitive_attr_create(&attr));
    DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user));
    DNNL_TRY(dnnl_primitive_attr_set_fpmath_mode(attr, dnnl_fpmath_mode_strict));
    DNNL_TRY(dnnl_primitive_desc_create(pd, desc, attr, l->engine, hint));
    if (name) RB_TRY(prefer(l, name, desc, attr, pd));
    DNNL_TRY(dnnl_primitive_create(&s->primitive, *pd));
    const dnnl_memory_desc_t *need = dnnl_primitive_desc_query_md(*pd, dnnl_query_scratchpad_md, 0);
    if (need && dnnl_memory_desc_get_size(need)) {
        RB_TRY(buffer(l, dnnl_memory_desc_get_size(need), &scratch));
        RB_TRY(argument(l, s, DNNL_ARG_SCRATCHPAD, need, scratch));
    }
cleanup:
    dnnl_primitive_attr_destroy(attr);
    return status;
}

/* --- linear layers: one product of matrices --------------------------------------------------------------------------
 */

static rb_status prepare_linear(library *l, const rb__item *it) {
    rb_status status = RB_OK;
    const rb__geometry *g = &it->g;
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_desc_t a, b, c, bias = matrix(1, g->ldw, g->ldw, 1);
    int columns = (g->D + 15) / 16 * 16 <= g->ldx ? (g->D + 15) / 16 * 16 : g->ldx; /* of dx, pad lanes included */
    bool has_bias = it->op->kind == RB_OP_LINEAR && it->op->in[2] >= 0;
    switch (it->op->kind) {
    case RB_OP_LINEAR: /* y = x w */
        a = matrix(g->N, g->D, g->ldx, 1), b = matrix(g->D, g->ldw, g->ldw, 1), c = matrix(g->N, g->ldw, g->ldy, 1);
        break;
    case RB_OP_LINEAR_DX: /* dx = dy w' */
        a = matrix(g->N, g->K, g->ldy, 1), b = matrix(g->K, columns, 1, g->ldw), c = matrix(g->N, columns, g->ldx, 1);
        break;
    default: /* dw = x' dy */
        a = matrix(g->D, g->N, 1, g->ldx), b = matrix(g->N, g->ldw, g->ldy, 1), c = matrix(g->D, g->ldw, g->ldw, 1);
    }
    stage *s = &l->stages[l->n_stages++];
    DNNL_TRY(dnnl_matmul_desc_init(&desc, &a, &b, has_bias ? &bias : NULL, &c));
    RB_TRY(argument(l, s, DNNL_ARG_SRC, &a, NULL));
    RB_TRY(argument(l, s, DNNL_ARG_WEIGHTS, &b, NULL));
    RB_TRY(argument(l, s, DNNL_ARG_DST, &c, NULL));
    if (has_bias) RB_TRY(argument(l, s, DNNL_ARG_BIAS, &bias, NULL));
    RB_TRY(primitive(l, s, &desc, NULL, NULL, &pd));
cleanup:
    dnnl_primitive_desc_destroy(pd);
    return status;
}

/* --- convolutions ----------------------------------------------------------------------------------------------------
 */

/* A stage that reorders from (md at data) to (md at data). */
static rb_status reorder(library *l, const dnnl_memory_desc_t *from, void *from_data, const dnnl_memory_desc_t *to,
                         void *to_data) {
    rb_status status = RB_OK;
    dnnl_primitive_desc_t pd = NULL;
    stage *s = &l->stages[l->n_stages++];
    RB_TRY(argument(l, s, DNNL_ARG_FROM, from, from_data));
    RB_TRY(argument(l, s, DNNL_ARG_TO, to, to_data));
    DNNL_TRY(dnnl_reorder_primitive_desc_create(&pd, from, l->engine, to, l->engine, NULL));
    DNNL_TRY(dnnl_primitive_create(&s->primitive, pd));
cleanup:
    dnnl_primitive_desc_destroy(pd);
    return status;
}

static rb_status prepare_conv(library *l, const rb__item *it) {
    rb_status status = RB_OK;
    const rb__geometry *g = &it->g;
    int C = g->ldx, K = g->ldy, end = (g->P - 1) * g->stride + g->R - g->H - g->pad; /* zeros behind the image */
    dnnl_dims_t strides = {g->stride, g->stride}, before = {g->pad, g->pad};
    dnnl_dims_t after = {end, (g->Q - 1) * g->stride + g->R - g->W - g->pad};
    dnnl_memory_desc_t x = image(g->N, C, g->H, g->W, dnnl_nhwc), y = image(g->N, K, g->P, g->Q, dnnl_nhwc), bias;
    dnnl_memory_desc_t ours = image(K, C, g->R, g->R, dnnl_hwio), any = image(K, C, g->R, g->R, dnnl_format_tag_any);
    dnnl_convolution_desc_t forward, desc;
    dnnl_primitive_desc_t hint = NULL, pd = NULL;
    void *theirs, *wide = NULL;
    dnnl_memory_desc_init_by_tag(&bias, 1, (dnnl_dims_t){K}, dnnl_f32, dnnl_a);
    bool has_bias = it->op->kind == RB_OP_CONV      ? it->op->in[2] >= 0
                    : it->op->kind == RB_OP_CONV_DW ? it->op->out[1] >= 0
                                                    : false;
    DNNL_TRY(dnnl_dilated_convolution_forward_desc_init(&forward, dnnl_forward_training, dnnl_convolution_direct, &x,
                                                        &any, has_bias ? &bias : NULL, &y, strides, (dnnl_dims_t){0, 0},
                                                        before, after));
    if (C != g->C) {
        RB_TRY(buffer(l, sizeof(float) * (size_t)g->R * (size_t)g->R * (size_t)C * (size_t)K, &wide));
        l->wide = wide;
    }
    stage *s;
    if (it->op->kind == RB_OP_CONV || it->op->kind == RB_OP_CONV_DX) {
        s = &l->stages[1]; /* the reorder of the weights comes before it, but its target is known only afterwards */
        if (it->op->kind == RB_OP_CONV) {
            bool small = g->R > 1 && g->P * g->Q <= RB__LIBRARY_SMALL_MAP;
            RB_TRY(argument(l, s, DNNL_ARG_SRC, &x, NULL));
            RB_TRY(argument(l, s, DNNL_ARG_DST, &y, NULL));
            if (has_bias) RB_TRY(argument(l, s, DNNL_ARG_BIAS, &bias, NULL));
            RB_TRY(primitive(l, s, &forward, NULL, small ? "jit:avx512_core" : NULL, &pd));
        } else {
            DNNL_TRY(dnnl_primitive_desc_create(&hint, &forward, NULL, l->engine, NULL));
            DNNL_TRY(dnnl_dilated_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &x, &any, &y,
                                                                      strides, (dnnl_dims_t){0, 0}, before, after));
            RB_TRY(argument(l, s, DNNL_ARG_DIFF_DST, &y, NULL));
            RB_TRY(argument(l, s, DNNL_ARG_DIFF_SRC, &x, NULL));
            RB_TRY(primitive(l, s, &desc, hint, NULL, &pd));
        }
        const dnnl_memory_desc_t *want = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        RB_TRY(buffer(l, dnnl_memory_desc_get_size(want), &theirs));
        RB_TRY(argument(l, s, DNNL_ARG_WEIGHTS, want, theirs));
        RB_TRY(reorder(l, &ours, wide, want, theirs));
        l->n_stages = 2;
    } else {
        DNNL_TRY(dnnl_primitive_desc_create(&hint, &forward, NULL, l->engine, NULL));
        DNNL_TRY(dnnl_dilated_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &x, &any,
                                                                     has_bias ? &bias : NULL, &y, strides,
                                                                     (dnnl_dims_t){0, 0}, before, after));
        s = &l->stages[l->n_stages++];
        RB_TRY(argument(l, s, DNNL_ARG_SRC, &x, NULL));
        RB_TRY(argument(l, s, DNNL_ARG_DIFF_DST, &y, NULL));
        if (has_bias) RB_TRY(argument(l, s, DNNL_ARG_DIFF_BIAS, &bias, NULL));
        RB_TRY(primitive(l, s, &desc, hint, NULL, &pd));
        const dnnl_memory_desc_t *made = dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 0);
        RB_TRY(buffer(l, dnnl_memory_desc_get_size(made), &theirs));
        RB_TRY(argument(l, s, DNNL_ARG_DIFF_WEIGHTS, made, theirs));
        RB_TRY(reorder(l, made, theirs, &ours, wide));
    }
cleanup:
    dnnl_primitive_desc_destroy(hint);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

/* --- life ------------------------------------------------------------------------------------------------------------
 */

rb_status rb__onednn_prepare(rb__item *it, int threads) {
    rb_status status = RB_OK;
    int before = omp_get_max_threads();
    library *l = calloc(1, sizeof *l);
    if (!l) return rb_fail(RB_MEMORY, "out of memory while binding");
    it->library = l;
    l->threads = threads;
    omp_set_num_threads(threads); /* primitives are cut for so many */
    bool linear = it->op->kind == RB_OP_LINEAR || it->op->kind == RB_OP_LINEAR_DX || it->op->kind == RB_OP_LINEAR_DW;
    DNNL_TRY(dnnl_engine_create(&l->engine, dnnl_cpu, 0));
    DNNL_TRY(dnnl_stream_create(&l->stream, l->engine, dnnl_stream_default_flags));
    RB_TRY(linear ? prepare_linear(l, it) : prepare_conv(l, it));
    it->provider = "onednn";
    const rb__geometry *g = &it->g;
    if (it->op->flags & RB_OPF_ACCUMULATE)
        it->apart_bytes = sizeof(float) * (size_t)g->N * (size_t)g->H * (size_t)g->W * (size_t)g->ldx;
cleanup:
    omp_set_num_threads(before);
    if (status != RB_OK) rb__onednn_release(it);
    return status == RB_UNSUPPORTED ? RB_OK : status;
}

void rb__onednn_release(rb__item *it) {
    library *l = it->library;
    if (!l) return;
    for (int i = 0; i < l->n_memories; i++) dnnl_memory_destroy(l->memories[i]);
    for (int i = 0; i < MAX_STAGES; i++) dnnl_primitive_destroy(l->stages[i].primitive);
    dnnl_stream_destroy(l->stream);
    dnnl_engine_destroy(l->engine);
    for (int i = 0; i < l->n_buffers; i++) rb_pages_free(l->buffers[i], l->buffer_bytes[i]);
    free(l);
    it->library = NULL;
}

/* Address of the tensor that plays an argument's role. */
static void *role(const rb__item *it, int arg) {
    const rb_op *op = it->op;
    switch (arg) {
    case DNNL_ARG_SRC: /* of a matrix product: its left side, which is x or dy */
        return it->in[0].base;
    case DNNL_ARG_WEIGHTS:
        return it->in[1].base;
    case DNNL_ARG_BIAS:
        return it->in[2].base;
    case DNNL_ARG_DIFF_DST:
        return it->in[op->kind == RB_OP_CONV_DW ? 1 : 0].base;
    case DNNL_ARG_DIFF_BIAS:
        return it->out[1].base;
    default:
        return it->apart ? (void *)it->apart : it->out[0].base;
    }
}

/* Between (R,S,C,ld) and (R,S,wide channels,ld): the rows that pad channels are zero. */
static void copy_channels(const rb__item *it, const float *from, int from_channels, float *to, int to_channels) {
    const rb__geometry *g = &it->g;
    int both = from_channels < to_channels ? from_channels : to_channels;
    for (int i = 0; i < g->R * g->R; i++)
        memcpy(to + (int64_t)i * to_channels * g->ldw, from + (int64_t)i * from_channels * g->ldw,
               sizeof(float) * (size_t)(both * g->ldw));
}

/* The sum, the activation or its derivative over what was written. */
static void finish(const rb__item *it, int threads) {
    const rb__geometry *g = &it->g;
    const rb_op *op = it->op;
    bool forward = op->kind == RB_OP_LINEAR || op->kind == RB_OP_CONV;
    float *out = (float *)(void *)it->out[0].base;
    int64_t row = (int64_t)(it->out[0].row_bytes / sizeof(float));
    (void)threads; /* without OpenMP */
    if (op->act == RB_ACT_NONE && !it->apart) return;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int n = 0; n < g->N; n++)
        if (it->apart) /* which has several writers: no derivative was fused into this one */
            for (int64_t i = n * row; i < (n + 1) * row; i++) out[i] += it->apart[i];
        else if (forward)
            it->kernels->activate_rows(op, out + n * row, out + n * row, row / g->ldy, g->K, g->ldy);
        else
            it->kernels->derive_rows(op, out + n * row, (const float *)(const void *)it->in[2].base + n * row,
                                     out + n * row, row);
}

void rb__onednn_run(const rb__item *it) {
    library *l = it->library;
    int before = omp_get_max_threads();
    bool conv_dw = it->op->kind == RB_OP_CONV_DW;
    omp_set_num_threads(l->threads);
    if (l->wide && !conv_dw)
        copy_channels(it, (const float *)(const void *)it->in[1].base, it->g.C, l->wide, it->g.ldx);
    for (int i = 0; i < l->n_stages; i++) {
        stage *s = &l->stages[i];
        for (int k = 0; k < s->n_args; k++) {
            void *data;
            dnnl_memory_get_data_handle(s->args[k].memory, &data);
            int arg = s->args[k].arg;
            if (data) continue; /* bound on the first run: addresses do not change */
            if (arg == DNNL_ARG_FROM && i == 0 && l->n_stages == 2 && !conv_dw)
                data = it->in[1].base;
            else if (arg == DNNL_ARG_TO)
                data = it->out[0].base;
            else
                data = role(it, arg);
            dnnl_memory_set_data_handle(s->args[k].memory, data);
        }
        dnnl_primitive_execute(s->primitive, l->stream, s->n_args, s->args);
    }
    if (l->wide && conv_dw) copy_channels(it, l->wide, it->g.ldx, (float *)(void *)it->out[0].base, it->g.C);
    if (it->op->kind == RB_OP_LINEAR_DW) {
        rb__call c = {.in = {it->in[0].base, it->in[1].base}, .out = {it->out[0].base, it->out[1].base}};
        if (c.out[1]) it->kernels->linear_db(it, 0, &c);
    } else if (!conv_dw) {
        finish(it, l->threads);
    }
    omp_set_num_threads(before);
}
