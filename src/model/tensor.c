/* tensor.c: names, sizes, and the one strided copy between canonical order and a layout. */
#include <string.h>

#include "regbench/program.h"

static const char *const op_names[RB_OP_KINDS] = {
#define RB_OP(name, word) word,
#include "regbench/ops.def"
#undef RB_OP
};

const char *rb_op_name(rb_op_kind kind) { return kind < RB_OP_KINDS ? op_names[kind] : "?"; }

const char *rb_segment_name(rb_segment segment) {
    static const char *const names[RB_SEGMENTS] = {"param", "grad", "state",  "best", "data",
                                                   "input", "out",  "metric", "act",  "ctrl"};
    return segment < RB_SEGMENTS ? names[segment] : "?";
}

const char *rb_act_name(rb_act act) {
    static const char *const names[] = {"none", "sigmoid", "relu", "leaky-relu"};
    return names[act];
}

const char *rb_layer_name(rb_layer_kind kind) {
    static const char *const names[RB_LAYER_KINDS] = {"end",        "linear",  "conv", "max-pool",
                                                      "avg-pool",   "sigmoid", "relu", "leaky-relu",
                                                      "batch-norm", "dropout", "add"};
    return kind < RB_LAYER_KINDS ? names[kind] : "?";
}

int rb_layer_count(const rb_layer *layers) {
    int n = 0;
    while (layers[n].kind != RB_LAYER_END) n++;
    return n;
}

rb_layout rb_layout_canonical(void) {
    return (rb_layout){.order = RB_NCHW, .channel_align = 1, .align = 64, .real_bytes = 4};
}

int64_t rb_tensor_count(const rb_tensor *t) { return t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3]; }

size_t rb_dtype_bytes(rb_dtype dtype, int real_bytes) {
    return dtype == RB_U8 ? 1 : dtype == RB_REAL ? (size_t)real_bytes : 4;
}

bool rb_tensor_contiguous(const rb_tensor *t) {
    int64_t expected = 1;
    for (int d = 3; d >= 0; d--) {
        if (t->dims[d] != 1 && t->stride[d] != expected) return false;
        expected *= t->dims[d];
    }
    return true;
}

/* Walks over the canonical shape: `element` is the number of the element in the image, `k` in canonical order. */
#define FOR_EACH_ELEMENT(t, body)                                                                                      \
    do {                                                                                                               \
        const int64_t *n = (t)->dims, *s = (t)->stride;                                                                \
        int64_t k = 0;                                                                                                 \
        for (int64_t a = 0; a < n[0]; a++)                                                                             \
            for (int64_t b = 0; b < n[1]; b++)                                                                         \
                for (int64_t c = 0; c < n[2]; c++) {                                                                   \
                    int64_t element = a * s[0] + b * s[1] + c * s[2];                                                  \
                    for (int64_t d = 0; d < n[3]; d++, k++, element += s[3]) body;                                     \
                }                                                                                                      \
    } while (0)

void rb_tensor_pack(const rb_tensor *t, int real_bytes, const void *canonical, void *image) {
    size_t size = rb_dtype_bytes(t->dtype, real_bytes);
    const uint8_t *u8 = canonical;
    const float *f32 = canonical;
    const int32_t *i32 = canonical;
    memset(image, 0, t->bytes);
    if (size != 8 && rb_tensor_contiguous(t))
        memcpy(image, canonical, (size_t)rb_tensor_count(t) * size);
    else if (size == 1)
        FOR_EACH_ELEMENT(t, ((uint8_t *)image)[element] = u8[k]);
    else if (size == 8)
        FOR_EACH_ELEMENT(t, ((double *)image)[element] = (double)f32[k]);
    else if (t->dtype == RB_I32)
        FOR_EACH_ELEMENT(t, ((int32_t *)image)[element] = i32[k]);
    else
        FOR_EACH_ELEMENT(t, ((float *)image)[element] = f32[k]);
}

void rb_tensor_unpack(const rb_tensor *t, int real_bytes, const void *image, void *canonical) {
    size_t size = rb_dtype_bytes(t->dtype, real_bytes);
    uint8_t *u8 = canonical;
    float *f32 = canonical;
    int32_t *i32 = canonical;
    if (size != 8 && rb_tensor_contiguous(t))
        memcpy(canonical, image, (size_t)rb_tensor_count(t) * size);
    else if (size == 1)
        FOR_EACH_ELEMENT(t, u8[k] = ((const uint8_t *)image)[element]);
    else if (size == 8)
        FOR_EACH_ELEMENT(t, f32[k] = (float)((const double *)image)[element]);
    else if (t->dtype == RB_I32)
        FOR_EACH_ELEMENT(t, i32[k] = ((const int32_t *)image)[element]);
    else
        FOR_EACH_ELEMENT(t, f32[k] = ((const float *)image)[element]);
}
