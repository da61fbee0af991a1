/* dump.c: a program as stable text: what `regbench plan` prints and what the plan goldens keep. */
#include <string.h>

#include "core/text.h"
#include "model/builder.h"
#include "regbench/portable.h"

static void print_dims(const int64_t dims[4], rb_text *text) {
    int last = 3;
    while (last > 0 && dims[last] == 1) last--;
    rb_text_printf(text, "(");
    for (int d = 0; d <= last; d++) rb_text_printf(text, "%s%lld", d ? "," : "", (long long)dims[d]);
    rb_text_printf(text, ")");
}

static void print_tensor(const rb_tensor *t, rb_text *text) {
    static const char *const types[] = {"", " f32", " i32", " u8"};
    rb_text_printf(text, "%s", t->name);
    print_dims(t->dims, text);
    rb_text_printf(text, "%s @%s+%zu", types[t->dtype], rb_segment_name(t->segment), t->offset);
    if (!rb_tensor_contiguous(t))
        rb_text_printf(text, " stride %lld,%lld,%lld,%lld", (long long)t->stride[0], (long long)t->stride[1],
                       (long long)t->stride[2], (long long)t->stride[3]);
}

static void print_attributes(const rb_op *op, rb_text *text) {
    switch (op->kind) {
    case RB_OP_CONV:
    case RB_OP_CONV_DX:
    case RB_OP_CONV_DW:
        rb_text_printf(text, " kernel %d stride %d pad %d", op->u.window.kernel, op->u.window.stride, op->u.window.pad);
        break;
    case RB_OP_MAXPOOL:
    case RB_OP_MAXPOOL_DX:
    case RB_OP_AVGPOOL:
    case RB_OP_AVGPOOL_DX:
        rb_text_printf(text, " window %d stride %d", op->u.window.kernel, op->u.window.stride);
        break;
    case RB_OP_GATHER:
    case RB_OP_ATTACK:
        rb_text_printf(text, " mean %g stddev %g", (double)op->u.normalize.mean, (double)op->u.normalize.stddev);
        if (rb_op_augments(op))
            rb_text_printf(text, " hflip %g vflip %g crop-pad %d rotate %g", (double)op->u.normalize.hflip,
                           (double)op->u.normalize.vflip, op->u.normalize.crop_pad,
                           op->u.normalize.rotate * 360.0 / RB_TURN);
        break;
    case RB_OP_LOSS_CE:
        if (op->u.loss.temperature != 1) rb_text_printf(text, " temperature %g", (double)op->u.loss.temperature);
        break;
    case RB_OP_DROPOUT:
    case RB_OP_DROPOUT_DX:
        rb_text_printf(text, " p %g stream %u", (double)op->u.dropout.p, op->u.dropout.stream);
        break;
    case RB_OP_BATCHNORM:
    case RB_OP_BATCHNORM_DX:
        rb_text_printf(text, " eps %g momentum %g", (double)op->u.bn.eps, (double)op->u.bn.momentum);
        break;
    case RB_OP_UPDATE:
        if (op->u.update.kind == RB_ADAM)
            rb_text_printf(text, " adam beta %g %g eps %g", (double)op->u.update.beta1, (double)op->u.update.beta2,
                           (double)op->u.update.eps);
        else
            rb_text_printf(text, " sgd momentum %g", (double)op->u.update.momentum);
        rb_text_printf(text, " decay %g l1 %g l2 %g", (double)op->u.update.weight_decay, (double)op->u.update.l1,
                       (double)op->u.update.l2);
        break;
    default:
        break;
    }
    if (op->act != RB_ACT_NONE) rb_text_printf(text, " act %s", rb_act_name(op->act));
    if (op->act == RB_ACT_LEAKY_RELU) rb_text_printf(text, " %g", (double)op->slope);
    if (op->flags & RB_OPF_ACCUMULATE) rb_text_printf(text, " accumulate");
    if (op->flags & RB_OPF_TRAIN) rb_text_printf(text, " train");
}

static rb_status print_variant(const rb_variant *v, const rb_layout *layout, rb_text *text) {
    rb_status status = RB_OK;
    size_t peak;
    int at;
    RB_TRY(rb__peak_activations(v, layout, &at, &peak));
    rb_text_printf(text, "\nvariant %s: %d rows, %d ops, act %zu bytes, %.6g model MFLOP\n", v->name, v->rows, v->n_ops,
                   v->act_bytes, rb_variant_model_flops(v) * 1e-6);
    if (peak)
        rb_text_printf(text, "peak of act: %zu bytes needed at once, at op %d (%s)\n", peak, at,
                       rb_op_name(v->ops[at].kind));
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        rb_text_printf(text, "%4d %-13s", i, rb_op_name(op->kind));
        for (int k = 0; k < RB_OP_MAX_IN; k++) {
            if (op->in[k] < 0) continue;
            rb_text_printf(text, " ");
            print_tensor(&v->tensors[op->in[k]], text);
        }
        rb_text_printf(text, " ->");
        for (int k = 0; k < RB_OP_MAX_OUT; k++) {
            if (op->out[k] < 0) continue;
            rb_text_printf(text, " ");
            print_tensor(&v->tensors[op->out[k]], text);
        }
        print_attributes(op, text);
        rb_text_printf(text, "\n");
    }
cleanup:
    return status;
}

rb_status rb_program_dump(const rb_program *p, rb_text *text) {
    rb_status status = RB_OK;
    size_t total = 0;
    const rb_spec *s = &p->spec;
    rb_text_printf(text, "input %dx%dx%d, %d classes, batch %d, %lld training rows, evaluation up to %lld rows\n", s->C,
                   s->H, s->W, s->classes, s->batch, (long long)s->n_train, (long long)s->n_eval);
    rb_text_printf(text, "layout %s, weights %s, channel align %d, align %d, real %d bytes, fuse%s%s%s\n",
                   p->layout.order == RB_NHWC ? "nhwc" : "nchw", p->layout.out_last ? "out-last" : "out-first",
                   p->layout.channel_align, p->layout.align, p->layout.real_bytes, p->layout.fuse ? "" : " nothing",
                   p->layout.fuse & RB_FUSE_ACT ? " act" : "", p->layout.fuse & RB_FUSE_ACT_DX ? " act-dx" : "");
    rb_text_printf(text, "segments in bytes:");
    for (int i = 0; i < RB_SEGMENTS; i++) {
        rb_text_printf(text, " %s %zu", rb_segment_name((rb_segment)i), p->bytes[i]);
        total += p->bytes[i];
    }
    rb_text_printf(text, ", in all %zu\n\n%lld parameters:\n", total, (long long)p->n_weights);
    for (int i = 0; i < p->n_params + p->n_buffers; i++) {
        const rb_param *q = i < p->n_params ? &p->params[i] : &p->buffers[i - p->n_params];
        rb_text_printf(text, "  ");
        print_tensor(&q->tensor, text);
        rb_text_printf(text, "\n");
    }
    for (int i = 0; i < RB_VARIANTS; i++)
        if (p->variant[i].n_ops) RB_TRY(print_variant(&p->variant[i], &p->layout, text));
    RB_TRY(rb_text_status(text));
cleanup:
    return status;
}
