/* builder.c: tensors, parameters and ops of one variant while it is being compiled. */
#include "model/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

void rb__build_error(rb_builder *b, rb_status status, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (b->status != RB_OK) return;
    if (b->layer < 0)
        b->status = rb_fail(status, "%s", text);
    else
        b->status = rb_fail(status, "layer %d (%s): %s", b->layer, rb_layer_name(b->spec->layers[b->layer].kind), text);
}

void rb__tensor_form(rb_tensor *t, const rb_layout *layout, rb_dtype dtype, rb_form form, const int64_t dims[4],
                     const rb_tensor *like) {
    int64_t N = dims[0], C = dims[1], H = dims[2], W = dims[3], count;
    int64_t align = form == RB_FORM_PACKED || form == RB_FORM_FLAT ? 1 : layout->channel_align;
    memcpy(t->dims, dims, sizeof t->dims);
    t->dtype = dtype;
    int64_t *s = t->stride;
    if (form == RB_FORM_VECTOR) { /* (C,1,1,1) */
        s[0] = 1, s[1] = s[2] = s[3] = round_up(N, align);
        count = round_up(N, align);
    } else if (form == RB_FORM_LINEAR && layout->out_last) {
        int64_t ld = round_up(N, align);
        s[0] = 1, s[1] = like->stride[1] * ld, s[2] = like->stride[2] * ld, s[3] = like->stride[3] * ld;
        count = like->stride[0] * ld;
    } else if (form == RB_FORM_LINEAR) {
        s[0] = like->stride[0], s[1] = like->stride[1], s[2] = like->stride[2], s[3] = like->stride[3];
        count = N * s[0];
    } else if (form == RB_FORM_CONV && layout->out_last) { /* (R,S,C,K) */
        int64_t ld = round_up(N, align);
        s[0] = 1, s[1] = ld, s[3] = C * ld, s[2] = W * C * ld;
        count = H * W * C * ld;
    } else if (form == RB_FORM_CONV || form == RB_FORM_FLAT || layout->order == RB_NCHW) {
        s[3] = 1, s[2] = W, s[1] = H * W, s[0] = C * H * W;
        count = N * C * H * W;
    } else { /* NHWC */
        int64_t ld = round_up(C, align);
        s[1] = 1, s[3] = ld, s[2] = W * ld, s[0] = H * W * ld;
        count = N * s[0];
    }
    t->bytes = (size_t)count * rb_dtype_bytes(dtype, layout->real_bytes);
}

int rb__tensor_add(rb_builder *b, const rb_tensor *t) {
    if (b->n_tensors == RB_MAX_TENSORS) {
        rb__build_error(b, RB_MISMATCH, "the model needs more than %d tensors; make it smaller", RB_MAX_TENSORS);
        return 0;
    }
    int id = b->n_tensors++;
    b->tensors[id] = *t;
    b->grad[id] = -1;
    b->grad_written[id] = b->wants_grad[id] = false;
    return id;
}

int rb__value(rb_builder *b, const char *name, rb_dtype dtype, int64_t C, int64_t H, int64_t W) {
    rb_tensor t = {.segment = RB_SEG_ACT};
    if (b->layer >= 0)
        snprintf(t.name, sizeof t.name, "%s%d.%s", b->pass, b->layer, name);
    else
        snprintf(t.name, sizeof t.name, "%s%s", b->pass, name);
    /* what comes straight from the data set is packed: padding one or three channels would multiply its size */
    rb_form form = b->layer < 0 ? RB_FORM_PACKED : RB_FORM_ACTIVATION;
    rb__tensor_form(&t, b->layout, dtype, form, (int64_t[4]){b->rows, C, H, W}, NULL);
    int id = rb__tensor_add(b, &t);
    b->wants_grad[id] = b->layer >= 0 && dtype == RB_REAL;
    return id;
}

int rb__buffer(rb_builder *b, const char *name, int64_t count) {
    rb_tensor t = {.segment = RB_SEG_ACT};
    snprintf(t.name, sizeof t.name, "%s%d.%s", b->pass, b->layer, name);
    rb__tensor_form(&t, b->layout, RB_REAL, RB_FORM_VECTOR, (int64_t[4]){count, 1, 1, 1}, NULL);
    return rb__tensor_add(b, &t);
}

static rb_param *find_param(rb_param *list, int n, int layer, rb_param_role role) {
    for (int i = 0; i < n; i++)
        if (list[i].layer == layer && list[i].role == role) return &list[i];
    return NULL;
}

int rb__param(rb_builder *b, rb_param_role role, rb_form form, const int64_t dims[4], const rb_tensor *like,
              int64_t fan_in, bool gradient) {
    static const char *const name[] = {"weight", "bias", "weight", "bias", "running_mean", "running_var"};
    rb_program *p = b->program;
    bool running = role == RB_RUNNING_MEAN || role == RB_RUNNING_VAR;
    rb_param *list = running ? p->buffers : p->params;
    int *n = running ? &p->n_buffers : &p->n_params;
    rb_segment segment = running ? RB_SEG_STATE : RB_SEG_PARAM;
    rb_param *q = find_param(list, *n, b->layer, role);
    if (!q) {
        q = &list[(*n)++]; /* rb_program_compile made room for four of each per layer */
        *q = (rb_param){.role = role, .layer = b->layer, .fan_in = fan_in};
        snprintf(q->tensor.name, sizeof q->tensor.name, "%d.%s", b->layer, name[role]);
        rb__tensor_form(&q->tensor, b->layout, RB_REAL, form, dims, like);
        q->tensor.segment = segment;
        q->tensor.offset = p->bytes[segment];
        p->bytes[segment] += (size_t)round_up((int64_t)q->tensor.bytes, b->layout->align);
    }
    rb_tensor t = q->tensor;
    if (gradient) {
        t.segment = RB_SEG_GRAD;
        snprintf(t.name, sizeof t.name, "%d.d%s", b->layer, name[role]);
    }
    for (int id = 0; id < b->n_tensors; id++) /* one id per tensor and variant */
        if (b->tensors[id].segment == t.segment && b->tensors[id].offset == t.offset) return id;
    return rb__tensor_add(b, &t);
}

rb_op *rb__emit(rb_builder *b, rb_op_kind kind) {
    if (b->n_ops == RB_MAX_OPS) {
        rb__build_error(b, RB_MISMATCH, "the model needs more than %d ops; make it smaller", RB_MAX_OPS);
        b->n_ops--;
    }
    rb_op *op = &b->ops[b->n_ops++];
    *op = (rb_op){.kind = kind, .layer = b->layer};
    for (int i = 0; i < RB_OP_MAX_IN; i++) op->in[i] = -1;
    for (int i = 0; i < RB_OP_MAX_OUT; i++) op->out[i] = -1;
    return op;
}

int rb__grad_target(rb_builder *b, int value, uint32_t *flags) {
    if (value < 0 || !b->wants_grad[value]) return -1;
    if (b->grad[value] < 0) {
        rb_tensor t = b->tensors[value];
        snprintf(t.name, sizeof t.name, "d(%.*s)", (int)sizeof t.name - 4, b->tensors[value].name);
        t.segment = RB_SEG_ACT; /* the gradient of an INPUT tensor too */
        t.offset = 0;
        b->grad[value] = rb__tensor_add(b, &t);
    }
    if (b->grad_written[value]) *flags |= RB_OPF_ACCUMULATE;
    b->grad_written[value] = true;
    return b->grad[value];
}

int rb__grad_of(const rb_builder *b, int value) { return value >= 0 && b->grad_written[value] ? b->grad[value] : -1; }
