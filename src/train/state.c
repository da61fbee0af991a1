/* state.c: what training has changed on a device, in canonical order.
 *
 *     0.weight, 0.bias, 1.running_mean ..     as in the state_dict of a torch.nn.Sequential of the case's layers
 *     momentum_buffer.0.weight ..             SGD with momentum
 *     exp_avg.0.weight, exp_avg_sq.0.weight   Adam's moments
 *     best.0.weight, best.1.running_mean ..   copy of the best epoch */
#include "train/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape that PyTorch has: weights of a linear layer are (out, in), vectors have one dimension. */
static void shape(const rb_program *p, const rb_param *q, rb__tensor_out *to) {
    const int64_t *d = q->tensor.dims;
    rb_layer_kind kind = p->spec.layers[q->layer].kind;
    to->type = RB__F32;
    to->n_dims = q->role != RB_WEIGHT ? 1 : kind == RB_LAYER_CONV ? 4 : 2;
    memcpy(to->dims, d, sizeof to->dims);
    if (to->n_dims == 2) to->dims[1] = d[1] * d[2] * d[3];
}

/* `like`, but in `segment` and `shift` bytes further on. */
static rb_status add(rb__state *s, const rb_program *p, const rb_param *like, const char *prefix, rb_segment segment,
                     size_t shift) {
    rb__state_tensor *t = &s->at[s->n++];
    t->tensor = like->tensor;
    t->tensor.segment = segment;
    t->tensor.offset += shift;
    snprintf(t->file.name, sizeof t->file.name, "%s%s", prefix, like->tensor.name);
    shape(p, like, &t->file);
    t->file.values = calloc((size_t)rb_tensor_count(&like->tensor), sizeof(float));
    return t->file.values ? RB_OK : rb_fail(RB_MEMORY, "out of memory for the values of %s", t->file.name);
}

/* What the update of a training step keeps: up to two copies of PARAM's layout in STATE; NULL where absent. */
static void optimizer_state(const rb_program *p, const rb_tensor *kept[2]) {
    const rb_variant *v = &p->variant[RB_VARIANT_TRAIN];
    kept[0] = kept[1] = NULL;
    for (int i = 0; i < v->n_ops; i++)
        for (int k = 0; k < 2 && v->ops[i].kind == RB_OP_UPDATE; k++)
            if (v->ops[i].in[2 + k] >= 0) kept[k] = &v->tensors[v->ops[i].in[2 + k]];
}

rb_status rb__state_new(const rb_program *p, bool best, rb__state *out) {
    rb_status status = RB_OK;
    const rb_tensor *kept[2];
    bool adam = p->spec.optimizer == RB_ADAM;
    const char *prefix[2] = {adam ? "exp_avg." : "momentum_buffer.", "exp_avg_sq."};
    *out = (rb__state){.at = calloc((size_t)(4 * p->n_params + 2 * p->n_buffers), sizeof *out->at)};
    if (!out->at) return rb_fail(RB_MEMORY, "out of memory for a list of tensors");
    for (int i = 0; i < p->n_params; i++) RB_TRY(add(out, p, &p->params[i], "", RB_SEG_PARAM, 0));
    for (int i = 0; i < p->n_buffers; i++) RB_TRY(add(out, p, &p->buffers[i], "", RB_SEG_STATE, 0));
    optimizer_state(p, kept);
    for (int k = 0; k < 2; k++)
        for (int i = 0; kept[k] && i < p->n_params; i++)
            RB_TRY(add(out, p, &p->params[i], prefix[k], kept[k]->segment, kept[k]->offset));
    for (int i = 0; best && i < p->n_params; i++) RB_TRY(add(out, p, &p->params[i], "best.", RB_SEG_BEST, 0));
    for (int i = 0; best && i < p->n_buffers; i++) /* behind the parameters, laid out as in STATE */
        RB_TRY(add(out, p, &p->buffers[i], "best.", RB_SEG_BEST, p->bytes[RB_SEG_PARAM]));
cleanup:
    if (status != RB_OK) rb__state_free(out);
    return status;
}

void rb__state_free(rb__state *s) {
    for (int i = 0; i < s->n; i++) free((void *)s->at[i].file.values);
    free(s->at);
    *s = (rb__state){0};
}

rb_status rb__state_get(const rb__state *s, const rb_backend *backend, rb_store *store, const rb_program *program) {
    rb_status status = RB_OK;
    for (int i = 0; i < s->n; i++)
        RB_TRY(rb_tensor_get(backend, store, program, &s->at[i].tensor, (void *)s->at[i].file.values));
cleanup:
    return status;
}

rb_status rb__state_put(const rb__state *s, const rb_backend *backend, rb_store *store, const rb_program *program) {
    rb_status status = RB_OK;
    for (int i = 0; i < s->n; i++)
        RB_TRY(rb_tensor_put(backend, store, program, &s->at[i].tensor, s->at[i].file.values));
cleanup:
    return status;
}
