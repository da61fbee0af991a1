/* compile.c: a case's model and data shape -> a program: parameters, store layout, and the op lists of all variants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

/* --- fixed tensors of the store -------------------------------------------------------------------------------------
 */

/* Appends a fixed tensor to its segment. */
static void reserve(rb_program *p, rb_tensor *t, const char *name, rb_segment segment, rb_dtype dtype, rb_form form,
                    const int64_t dims[4]) {
    snprintf(t->name, sizeof t->name, "%s", name);
    t->segment = segment;
    rb__tensor_form(t, &p->layout, dtype, form, dims, NULL);
    t->offset = p->bytes[segment];
    p->bytes[segment] += rb__align_up(t->bytes, p->layout.align);
}

static void reserve_data(rb_program *p) {
    const rb_spec *s = &p->spec;
    int eval_batch = s->eval_batch ? s->eval_batch : s->batch;
    int64_t eval_batches = (s->n_eval + eval_batch - 1) / eval_batch, flat[4] = {1, 1, 1, 1};
    reserve(p, &p->data_x, "data.x", RB_SEG_DATA, s->x_dtype, RB_FORM_PACKED,
            (int64_t[4]){s->n_rows, s->C, s->H, s->W});
    int64_t targets[4] = {s->n_rows, s->regression ? s->classes : 1, 1, 1};
    reserve(p, &p->data_y, "data.y", RB_SEG_DATA, s->regression ? RB_F32 : RB_I32, RB_FORM_FLAT, targets);
    flat[0] = (int64_t)sizeof(rb_ctrl_head);
    reserve(p, &p->head, "head", RB_SEG_CTRL, RB_U8, RB_FORM_FLAT, flat);
    int64_t table[4] = {s->window, RB_SCHED_COLUMNS, 1, 1};
    reserve(p, &p->schedule, "schedule", RB_SEG_CTRL, RB_F32, RB_FORM_FLAT, table);
    flat[0] = s->n_train;
    reserve(p, &p->order[RB_FAMILY_TRAIN], "order.train", RB_SEG_CTRL, RB_I32, RB_FORM_FLAT, flat);
    flat[0] = eval_batches * eval_batch;
    reserve(p, &p->order[RB_FAMILY_EVAL], "order.eval", RB_SEG_CTRL, RB_I32, RB_FORM_FLAT, flat);
    int64_t columns = s->regression ? s->classes : 1;
    reserve(p, &p->pred, "pred", RB_SEG_OUT, s->regression ? RB_F32 : RB_I32, RB_FORM_FLAT,
            (int64_t[4]){flat[0], columns, 1, 1});
    if (s->soft_labels)
        reserve(p, &p->soft, "soft", RB_SEG_OUT, RB_F32, RB_FORM_FLAT, (int64_t[4]){s->n_rows, s->classes, 1, 1});
    if (s->scores)
        reserve(p, &p->scores, "scores", RB_SEG_OUT, RB_F32, RB_FORM_FLAT, (int64_t[4]){flat[0], s->classes, 1, 1});
    int64_t strength[4] = {1, RB_STRENGTH_COLUMNS, 1, 1};
    if (s->adversary_steps)
        reserve(p, &p->strength[RB_FAMILY_TRAIN], "strength.train", RB_SEG_CTRL, RB_F32, RB_FORM_FLAT, strength);
    if (s->attack)
        reserve(p, &p->strength[RB_FAMILY_EVAL], "strength.eval", RB_SEG_CTRL, RB_F32, RB_FORM_FLAT, strength);
    int64_t metric[4] = {s->window, RB_METRIC_COLUMNS, 1, 1};
    reserve(p, &p->metric[RB_FAMILY_TRAIN], "metric.train", RB_SEG_METRIC, RB_REAL, RB_FORM_FLAT, metric);
    metric[0] = eval_batches * (s->eval_passes > 1 ? s->eval_passes : 1);
    reserve(p, &p->metric[RB_FAMILY_EVAL], "metric.eval", RB_SEG_METRIC, RB_REAL, RB_FORM_FLAT, metric);
    if (s->attack) {
        int64_t batch[4] = {s->batch, s->C, s->H, s->W};
        reserve(p, &p->input_x, "input.x", RB_SEG_INPUT, RB_REAL, RB_FORM_PACKED, batch);
        reserve(p, &p->input_x0, "input.x0", RB_SEG_INPUT, RB_REAL, RB_FORM_PACKED, batch);
    }
}

/* A flat view of a whole segment part, for ops that walk over all parameters. */
static rb_tensor flat_view(const rb_program *p, const char *name, rb_segment segment, size_t offset, size_t bytes) {
    rb_tensor t = {.segment = segment, .offset = offset};
    snprintf(t.name, sizeof t.name, "%s", name);
    rb__tensor_form(&t, &p->layout, RB_REAL, RB_FORM_FLAT, (int64_t[4]){(int64_t)bytes / p->layout.real_bytes, 1, 1, 1},
                    NULL);
    return t;
}

/* --- one variant ----------------------------------------------------------------------------------------------------
 */

static void begin(rb_builder *b, rb_program *p, rb_family family, int rows) {
    b->program = p;
    b->spec = &p->spec;
    b->layout = &p->layout;
    b->arena = p->arena;
    b->status = RB_OK;
    b->rows = rows;
    b->training = b->backward = b->weight_grads = false;
    b->pass = "";
    b->layer = -1;
    b->n_ops = b->n_tensors = 0;
    b->order = rb__tensor_add(b, &p->order[family]);
}

static void finish(rb_builder *b, rb_variant_kind kind, const char *name, rb_family family) {
    rb_variant *v = &b->program->variant[kind];
    rb__fuse(b);
    size_t act = rb__pack_activations(b);
    if (b->status != RB_OK) return;
    *v = (rb_variant){.name = name,
                      .family = family,
                      .rows = b->rows,
                      .n_ops = b->n_ops,
                      .n_tensors = b->n_tensors,
                      .act_bytes = act};
    v->ops = rb_arena_alloc(b->arena, sizeof *v->ops * (size_t)b->n_ops);
    v->tensors = rb_arena_alloc(b->arena, sizeof *v->tensors * (size_t)b->n_tensors);
    if (!v->ops || !v->tensors) {
        rb__build_error(b, RB_MEMORY, "out of memory while compiling");
        return;
    }
    memcpy(v->ops, b->ops, sizeof *v->ops * (size_t)b->n_ops);
    memcpy(v->tensors, b->tensors, sizeof *v->tensors * (size_t)b->n_tensors);
    if (act > b->program->bytes[RB_SEG_ACT]) b->program->bytes[RB_SEG_ACT] = act;
}

static int gather(rb_builder *b) {
    int data = rb__tensor_add(b, &b->program->data_x);
    int x = rb__value(b, "x", RB_REAL, b->spec->C, b->spec->H, b->spec->W);
    rb_op *op = rb__emit(b, RB_OP_GATHER);
    op->in[0] = data, op->in[1] = b->order, op->out[0] = x;
    op->u.normalize.mean = b->spec->mean, op->u.normalize.stddev = b->spec->stddev;
    const rb_augment *a = &b->spec->augment;
    if (!b->training) return x;
    op->u.normalize.hflip = a->hflip, op->u.normalize.vflip = a->vflip, op->u.normalize.crop_pad = a->crop_pad;
    op->u.normalize.rotate = rb_augment_turn(a);
    return x;
}

/* The output of the last layer before `end` that carries the tag, -1 (with an error) if there is none. */
static int tagged(rb_builder *b, const int *outputs, int end, const char *tag) {
    for (int i = end - 1; i >= 0; i--)
        if (b->spec->layers[i].tag && strcmp(b->spec->layers[i].tag, tag) == 0) return outputs[i];
    rb__build_error(b, RB_MISMATCH, "no earlier layer has the tag \"%s\"", tag);
    return -1;
}

static int forward(rb_builder *b, int x) {
    int n = rb_layer_count(b->spec->layers), *outputs = rb_arena_alloc(b->arena, sizeof(int) * (size_t)(n + 1));
    if (!outputs) rb__build_error(b, RB_MEMORY, "out of memory while compiling");
    for (int i = 0; i < n && b->status == RB_OK; i++) {
        const rb_layer *layer = &b->spec->layers[i];
        b->layer = i;
        if (layer->from) x = tagged(b, outputs, i, layer->from);
        int second = layer->with ? tagged(b, outputs, i, layer->with) : -1;
        if (b->status != RB_OK) break;
        if (layer->kind == RB_LAYER_ADD) {
            const int64_t *p = b->tensors[x].dims, *q = second < 0 ? p : b->tensors[second].dims;
            if (second < 0) rb__build_error(b, RB_MISMATCH, "needs `with`: the tag of its second input");
            if (memcmp(p, q, sizeof b->tensors[x].dims))
                rb__build_error(b, RB_MISMATCH, "cannot add %dx%dx%d and %dx%dx%d", (int)p[1], (int)p[2], (int)p[3],
                                (int)q[1], (int)q[2], (int)q[3]);
        }
        if (b->status == RB_OK) x = rb_op_definition(rb_layer_op(layer->kind))->forward(b, layer, x);
        if (layer->kind == RB_LAYER_ADD && b->status == RB_OK) b->ops[b->n_ops - 1].in[1] = second;
        outputs[i] = x;
    }
    b->layer = -1;
    if (b->status != RB_OK) return x; /* which may be no tensor */
    const int64_t *d = b->tensors[x].dims;
    if (d[1] != b->spec->classes || d[2] != 1 || d[3] != 1)
        rb__build_error(b, RB_MISMATCH, "the last layer gives %dx%dx%d values, the data set has %d classes", (int)d[1],
                        (int)d[2], (int)d[3], b->spec->classes);
    return x;
}

/* The loss on logits z; with b->backward it writes dz, else predictions. The passes of an attack leave no metrics. */
static void loss(rb_builder *b, int z, rb_family family) {
    rb_program *p = b->program;
    const rb_spec *s = b->spec;
    bool attacks = b->backward && !b->weight_grads, scores = !b->backward && s->scores;
    int labels = rb__tensor_add(b, &p->data_y), metric = attacks ? -1 : rb__tensor_add(b, &p->metric[family]);
    bool soft = s->soft_labels && b->weight_grads;
    int soft_labels = soft ? rb__tensor_add(b, &p->soft) : -1;
    uint32_t flags = 0;
    int dz = b->backward ? rb__grad_target(b, z, &flags) : -1;
    int pred = b->backward ? -1 : rb__tensor_add(b, &p->pred);
    rb_op *op = rb__emit(b, b->spec->regression ? RB_OP_LOSS_MSE : RB_OP_LOSS_CE);
    op->in[0] = z, op->in[1] = labels, op->in[2] = b->order, op->in[3] = soft_labels;
    op->out[0] = metric, op->out[1] = dz, op->out[2] = pred;
    op->out[3] = scores ? rb__tensor_add(b, &p->scores) : -1;
    float temperature = attacks ? s->attack_temperature : b->weight_grads ? s->temperature : 0;
    op->u.loss.temperature = temperature > 0 ? temperature : 1;
}

/* Gradients of the ops from `first` on. */
static void backward(rb_builder *b, int first, int n_forward) {
    for (int i = n_forward - 1; i >= first && b->status == RB_OK; i--) {
        const rb_op_def *def = rb_op_definition(b->ops[i].kind);
        b->layer = b->ops[i].layer;
        if (def->backward && rb__grad_of(b, b->ops[i].out[0]) >= 0) def->backward(b, &b->ops[i]);
    }
    b->layer = -1;
}

int rb_program_states(const rb_program *p) { return p->spec.optimizer == RB_ADAM ? 2 : p->spec.momentum != 0 ? 1 : 0; }

rb_tensor rb_program_state(const rb_program *p, const rb_tensor *param, int k) {
    rb_tensor t = *param;
    t.segment = RB_SEG_STATE;
    t.offset += p->momentum_all.offset + (size_t)k * rb__align_up(p->momentum_all.bytes, p->layout.align);
    return t;
}

static void update(rb_builder *b) {
    rb_program *p = b->program;
    const rb_spec *s = b->spec;
    int states = rb_program_states(p);
    int grad = rb__tensor_add(b, &p->grad_all), schedule = rb__tensor_add(b, &p->schedule);
    int param = rb__tensor_add(b, &p->param_all), metric = rb__tensor_add(b, &p->metric[RB_FAMILY_TRAIN]);
    rb_tensor second = p->momentum_all;
    second.offset += rb__align_up(second.bytes, p->layout.align);
    snprintf(second.name, sizeof second.name, "state2[*]");
    int state = states > 0 ? rb__tensor_add(b, &p->momentum_all) : -1;
    int state2 = states > 1 ? rb__tensor_add(b, &second) : -1;
    rb_op *op = rb__emit(b, RB_OP_UPDATE);
    op->in[0] = grad, op->in[1] = schedule, op->in[2] = state, op->in[3] = state2;
    op->out[0] = param, op->out[1] = metric;
    op->u.update.kind = s->optimizer, op->u.update.momentum = s->momentum;
    op->u.update.weight_decay = s->weight_decay, op->u.update.l1 = s->l1, op->u.update.l2 = s->l2;
    op->u.update.beta1 = s->beta1, op->u.update.beta2 = s->beta2, op->u.update.eps = s->eps;
}

/* The gradient of an input: rows and channels padded as kernels write them, which the input itself, packed as in the
 * data set, is not. Flat where a linear layer reads it, whose weights lie as its rows do. */
static void declare_input_gradient(rb_builder *b, int x, rb_op_kind reader) {
    rb_tensor t = b->tensors[x];
    bool flat = reader == RB_OP_LINEAR;
    rb__tensor_form(&t, b->layout, RB_REAL, flat ? RB_FORM_PACKED : RB_FORM_ACTIVATION, b->tensors[x].dims, NULL);
    if (flat) {
        int64_t align = b->layout->channel_align, row = (t.stride[0] + align - 1) / align * align;
        t.stride[0] = row;
        t.bytes = (size_t)(t.dims[0] * row * b->layout->real_bytes);
    }
    snprintf(t.name, sizeof t.name, "d(%.*s)", (int)sizeof t.name - 4, b->tensors[x].name);
    t.segment = RB_SEG_ACT;
    t.offset = 0;
    b->grad[x] = rb__tensor_add(b, &t);
}

/* One step of an attack on input x around x0, written to `to`: forward as in an evaluation (no dropout, running
 * statistics), the gradient of the input alone, the step. */
static void perturb(rb_builder *b, rb_family family, int x, int x0, int to) {
    rb_program *p = b->program;
    int first = b->n_ops;
    b->training = b->weight_grads = false;
    b->backward = b->wants_grad[x] = true;
    int z = forward(b, x), n_forward = b->n_ops;
    if (b->status != RB_OK) return;
    declare_input_gradient(b, x, b->ops[first].kind);
    loss(b, z, family);
    backward(b, first, n_forward);
    b->wants_grad[x] = false;
    int strength = rb__tensor_add(b, &p->strength[family]);
    rb_op *op = rb__emit(b, RB_OP_ATTACK);
    op->in[0] = x, op->in[1] = rb__grad_of(b, x), op->in[2] = x0, op->in[3] = strength, op->out[0] = to;
    op->u.normalize.mean = b->spec->mean, op->u.normalize.stddev = b->spec->stddev;
}

/* What an adversary makes of the batch, with the parameters as they are. */
static int adversary(rb_builder *b, int x0) {
    int x = x0;
    char name[24];
    for (int k = 0; k < b->spec->adversary_steps && b->status == RB_OK; k++) {
        snprintf(name, sizeof name, "attack%d.", k + 1);
        b->pass = rb_arena_string(b->arena, name);
        if (!b->pass) {
            b->pass = "";
            rb__build_error(b, RB_MEMORY, "out of memory while compiling");
            break;
        }
        int to = rb__value(b, "x", RB_REAL, b->spec->C, b->spec->H, b->spec->W);
        perturb(b, RB_FAMILY_TRAIN, x, x0, to);
        x = to;
    }
    b->pass = "";
    return x;
}

static void train(rb_builder *b, rb_program *p, rb_variant_kind kind, const char *name, int rows) {
    begin(b, p, RB_FAMILY_TRAIN, rows);
    b->training = true; /* which augments the batch; an adversary then works on what comes of it */
    int x = adversary(b, gather(b)), first = b->n_ops;
    b->training = b->backward = b->weight_grads = true;
    int z = forward(b, x), n_forward = b->n_ops;
    if (b->status != RB_OK) return;
    loss(b, z, RB_FAMILY_TRAIN);
    backward(b, first, n_forward);
    if (kind == RB_VARIANT_TRAIN) { /* the first variant has declared every parameter: the flat views are known now */
        size_t state = p->bytes[RB_SEG_STATE], params = p->bytes[RB_SEG_PARAM];
        p->param_all = flat_view(p, "param[*]", RB_SEG_PARAM, 0, params);
        p->grad_all = flat_view(p, "grad[*]", RB_SEG_GRAD, 0, params);
        p->momentum_all = flat_view(p, "state[*]", RB_SEG_STATE, state, params);
        p->bytes[RB_SEG_GRAD] = params;
        p->bytes[RB_SEG_BEST] = params + state;
        p->bytes[RB_SEG_STATE] += (size_t)rb_program_states(p) * rb__align_up(params, p->layout.align);
    }
    update(b);
    finish(b, kind, name, RB_FAMILY_TRAIN);
}

static void evaluate(rb_builder *b, rb_program *p) {
    begin(b, p, RB_FAMILY_EVAL, p->spec.eval_batch ? p->spec.eval_batch : p->spec.batch);
    int z = forward(b, gather(b));
    if (b->status == RB_OK) loss(b, z, RB_FAMILY_EVAL);
    finish(b, RB_VARIANT_EVAL, "eval", RB_FAMILY_EVAL);
}

static void norms(rb_builder *b, rb_program *p) {
    begin(b, p, RB_FAMILY_EVAL, p->spec.batch);
    int param = rb__tensor_add(b, &p->param_all), metric = rb__tensor_add(b, &p->metric[RB_FAMILY_EVAL]);
    rb_op *op = rb__emit(b, RB_OP_NORMS);
    op->in[0] = param, op->out[0] = metric;
    finish(b, RB_VARIANT_NORMS, "norms", RB_FAMILY_EVAL);
}

/* BEST <- PARAM and BN statistics, or back. */
static void snapshot(rb_builder *b, rb_program *p, bool restore) {
    begin(b, p, RB_FAMILY_EVAL, p->spec.batch);
    size_t params = p->bytes[RB_SEG_PARAM], statistics = p->bytes[RB_SEG_BEST] - params;
    for (int part = 0; part < (statistics ? 2 : 1); part++) {
        rb_tensor live = part ? flat_view(p, "bn[*]", RB_SEG_STATE, 0, statistics) : p->param_all;
        rb_tensor kept =
            flat_view(p, part ? "best.bn[*]" : "best[*]", RB_SEG_BEST, part ? params : 0, part ? statistics : params);
        int from = rb__tensor_add(b, restore ? &kept : &live), to = rb__tensor_add(b, restore ? &live : &kept);
        rb_op *op = rb__emit(b, RB_OP_COPY);
        op->in[0] = from, op->out[0] = to;
    }
    if (restore)
        finish(b, RB_VARIANT_RESTORE, "restore", RB_FAMILY_EVAL);
    else
        finish(b, RB_VARIANT_SNAPSHOT, "snapshot", RB_FAMILY_EVAL);
}

static void attack(rb_builder *b, rb_program *p) {
    begin(b, p, RB_FAMILY_EVAL, p->spec.batch);
    int rows = gather(b);
    for (int k = 0; k < 2; k++) {
        int to = rb__tensor_add(b, k ? &p->input_x : &p->input_x0);
        rb_op *op = rb__emit(b, RB_OP_COPY);
        op->in[0] = rows, op->out[0] = to;
    }
    finish(b, RB_VARIANT_ATTACK_INIT, "attack-init", RB_FAMILY_EVAL);
    if (b->status != RB_OK) return;

    begin(b, p, RB_FAMILY_EVAL, p->spec.batch);
    int x = rb__tensor_add(b, &p->input_x), x0 = rb__tensor_add(b, &p->input_x0);
    perturb(b, RB_FAMILY_EVAL, x, x0, x);
    finish(b, RB_VARIANT_ATTACK, "attack", RB_FAMILY_EVAL);
    if (b->status != RB_OK) return;

    begin(b, p, RB_FAMILY_EVAL, p->spec.batch);
    int z = forward(b, rb__tensor_add(b, &p->input_x));
    if (b->status == RB_OK) loss(b, z, RB_FAMILY_EVAL);
    finish(b, RB_VARIANT_ATTACK_EVAL, "attack-eval", RB_FAMILY_EVAL);
}

/* --- the program ----------------------------------------------------------------------------------------------------
 */

static rb_status check_spec(const rb_spec *s) {
    if (!s->layers || rb_layer_count(s->layers) == 0) return rb_fail(RB_USAGE, "the model has no layers");
    if (s->batch < 1) return rb_fail(RB_USAGE, "batch must be at least 1, not %d", s->batch);
    if (s->n_train < 1 || s->n_eval < 1 || s->n_rows < 1)
        return rb_fail(RB_USAGE, "needs at least one training and one evaluation row");
    if (s->batch > s->n_train)
        return rb_fail(RB_INTERNAL, "batch %d exceeds the %lld training rows: the caller clips it", s->batch,
                       (long long)s->n_train);
    if (s->classes < 1 || s->C < 1 || s->H < 1 || s->W < 1)
        return rb_fail(RB_USAGE, "samples and classes must not be empty");
    if (s->attack && s->eval_batch && s->eval_batch != s->batch)
        return rb_fail(RB_INTERNAL, "an attacked program evaluates in training batches");
    if (s->window < 1) return rb_fail(RB_USAGE, "the window between decisions must be at least one step");
    if (s->n_rows > INT32_MAX || s->n_train > INT32_MAX) return rb_fail(RB_USAGE, "more than 2^31 rows");
    return rb_augment_check(&s->augment, s->x_dtype, s->C, s->H, s->W);
}

rb_status rb_program_compile(const rb_spec *spec, const rb_layout *layout, rb_program **out) {
    rb_status status = RB_OK;
    rb_builder *b = malloc(sizeof *b);
    rb_arena *arena = rb_arena_new();
    rb_program *p = arena ? rb_arena_alloc(arena, sizeof *p) : NULL;
    *out = NULL;
    if (!b || !p) {
        status = rb_fail(RB_MEMORY, "out of memory while compiling");
        goto cleanup;
    }
    p->arena = arena;
    RB_TRY(check_spec(spec));
    int n = rb_layer_count(spec->layers);
    rb_layer *layers = rb_arena_alloc(arena, sizeof *layers * (size_t)(n + 1));
    p->params = rb_arena_alloc(arena, sizeof *p->params * (size_t)(4 * n));
    p->buffers = rb_arena_alloc(arena, sizeof *p->buffers * (size_t)(4 * n));
    if (!layers || !p->params || !p->buffers) {
        status = rb_fail(RB_MEMORY, "out of memory while compiling");
        goto cleanup;
    }
    memcpy(layers, spec->layers, sizeof *layers * (size_t)(n + 1));
    for (int i = 0; i < n; i++) { /* the spec may be gone when the program is used */
        layers[i].tag = layers[i].tag ? rb_arena_string(arena, layers[i].tag) : NULL;
        layers[i].from = layers[i].from ? rb_arena_string(arena, layers[i].from) : NULL;
        layers[i].with = layers[i].with ? rb_arena_string(arena, layers[i].with) : NULL;
    }
    p->spec = *spec;
    p->spec.layers = layers;
    p->layout = *layout;
    reserve_data(p);

    int tail = (int)(spec->n_train % spec->batch);
    train(b, p, RB_VARIANT_TRAIN, "train", spec->batch);
    if (b->status == RB_OK && tail) train(b, p, RB_VARIANT_TRAIN_TAIL, "train-tail", tail);
    if (b->status == RB_OK) evaluate(b, p);
    if (b->status == RB_OK) norms(b, p);
    if (b->status == RB_OK) snapshot(b, p, false);
    if (b->status == RB_OK) snapshot(b, p, true);
    if (b->status == RB_OK && spec->attack) attack(b, p);
    RB_TRY(b->status);
    for (int i = 0; i < p->n_params; i++) p->n_weights += rb_tensor_count(&p->params[i].tensor);
    *out = p;
    arena = NULL;
cleanup:
    free(b);
    rb_arena_free(arena);
    return status;
}

void rb_program_free(rb_program *program) {
    if (program) rb_arena_free(program->arena);
}
