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

/* Copies every element of the canonical shape; `to_image` says which way. */
static void strided_copy(const rb_tensor *t, int real_bytes, char *canonical, char *image, bool to_image) {
    size_t inside = rb_dtype_bytes(t->dtype, real_bytes), outside = rb_dtype_bytes(t->dtype, 4);
    if (inside == outside && rb_tensor_contiguous(t)) {
        size_t bytes = (size_t)rb_tensor_count(t) * inside;
        if (to_image)
            memcpy(image, canonical, bytes);
        else
            memcpy(canonical, image, bytes);
        return;
    }
    const int64_t *n = t->dims, *s = t->stride;
    for (int64_t a = 0; a < n[0]; a++)
        for (int64_t b = 0; b < n[1]; b++)
            for (int64_t c = 0; c < n[2]; c++)
                for (int64_t d = 0; d < n[3]; d++, canonical += outside) {
                    char *element = image + (size_t)(a * s[0] + b * s[1] + c * s[2] + d * s[3]) * inside;
                    if (inside == outside)
                        memcpy(to_image ? element : canonical, to_image ? canonical : element, inside);
                    else if (to_image) { /* RB_REAL in the double reference */
                        float value;
                        memcpy(&value, canonical, sizeof value);
                        memcpy(element, &(double){value}, sizeof(double));
                    } else {
                        double value;
                        memcpy(&value, element, sizeof value);
                        memcpy(canonical, &(float){(float)value}, sizeof(float));
                    }
                }
}

void rb_tensor_pack(const rb_tensor *t, int real_bytes, const void *canonical, void *image) {
    memset(image, 0, t->bytes);
    strided_copy(t, real_bytes, (char *)(uintptr_t)canonical, image, true);
}

void rb_tensor_unpack(const rb_tensor *t, int real_bytes, const void *image, void *canonical) {
    strided_copy(t, real_bytes, canonical, (char *)(uintptr_t)image, false);
}
