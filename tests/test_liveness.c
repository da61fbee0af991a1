/* test_liveness.c: memory of compiled programs: no two tensors in one place while both are needed, everything written
 * before it is read, gradients at their parameters' addresses; over many generated models, layouts and all variants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "model/builder.h"
#include "support.h"

static int clear(void **state) {
    (void)state;
    rb_error_clear();
    return 0;
}

enum { MODELS = 250 };
static char context[700]; /* which model and layout, for messages */
static const char *part;  /* which variant */

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) fail_msg("%s\n  in %s of %s", #condition, part, context);                                    \
    } while (0)

/* Runs a variant on a symbolic ACT: each cell remembers which tensor was written to it last. What an op reads must be
 * wholly its own tensor's; what it touches at once must not overlap. Returns the end of the highest tensor. */
static size_t walk_act(const rb_variant *v, size_t align) {
    size_t cells = v->act_bytes / align, end = 0;
    int *owner = test_malloc(sizeof *owner * (cells + 1));
    for (size_t i = 0; i <= cells; i++) owner[i] = -1;
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        int ids[RB_OP_MAX_IN + RB_OP_MAX_OUT], n = 0;
        for (int k = 0; k < RB_OP_MAX_IN + RB_OP_MAX_OUT; k++) {
            int id = k < RB_OP_MAX_IN ? op->in[k] : op->out[k - RB_OP_MAX_IN];
            bool written = k >= RB_OP_MAX_IN, read = !written || (k == RB_OP_MAX_IN && (op->flags & RB_OPF_ACCUMULATE));
            if (id < 0) continue;
            MUST(id < v->n_tensors);
            const rb_tensor *t = &v->tensors[id];
            if (t->segment != RB_SEG_ACT) continue;
            MUST(t->offset % align == 0 && t->bytes > 0);
            MUST(t->offset + t->bytes <= v->act_bytes);
            size_t last = (t->offset + t->bytes + align - 1) / align;
            if (last * align > end) end = last * align;
            for (int j = 0; j < n; j++) {
                const rb_tensor *o = &v->tensors[ids[j]];
                MUST(ids[j] == id || o->offset + o->bytes <= t->offset || t->offset + t->bytes <= o->offset);
            }
            ids[n++] = id;
            if (read)
                for (size_t c = t->offset / align; c < last; c++) MUST(owner[c] == id);
        }
        for (int k = 0; k < RB_OP_MAX_OUT; k++) {
            if (op->out[k] < 0 || v->tensors[op->out[k]].segment != RB_SEG_ACT) continue;
            const rb_tensor *t = &v->tensors[op->out[k]];
            for (size_t c = t->offset / align; c < (t->offset + t->bytes + align - 1) / align; c++)
                owner[c] = op->out[k];
        }
    }
    test_free(owner);
    return end;
}

static size_t sum_of_act(const rb_variant *v, size_t align) {
    size_t sum = 0;
    for (int t = 0; t < v->n_tensors; t++)
        if (v->tensors[t].segment == RB_SEG_ACT) sum += (v->tensors[t].bytes + align - 1) / align * align;
    return sum;
}

/* The op that `plan` names as the peak needs the bytes it says, none needs more, none before it as many. */
static void check_peak(const rb_program *p, const rb_variant *v) {
    int at;
    size_t bytes, align = (size_t)p->layout.align;
    size_t *alive = test_calloc((size_t)v->n_ops, sizeof *alive);
    for (int t = 0; t < v->n_tensors; t++) {
        int first = v->n_ops, last = -1;
        if (v->tensors[t].segment != RB_SEG_ACT) continue;
        for (int i = 0; i < v->n_ops; i++)
            for (int k = 0; k < RB_OP_MAX_IN + RB_OP_MAX_OUT; k++)
                if ((k < RB_OP_MAX_IN ? v->ops[i].in[k] : v->ops[i].out[k - RB_OP_MAX_IN]) == t) {
                    if (i < first) first = i;
                    last = i;
                }
        for (int i = first; i <= last; i++) alive[i] += (v->tensors[t].bytes + align - 1) / align * align;
    }
    MUST(rb__peak_activations(v, &p->layout, &at, &bytes) == RB_OK);
    MUST(at >= 0 && at < v->n_ops && alive[at] == bytes && bytes <= v->act_bytes);
    for (int i = 0; i < v->n_ops; i++) MUST(i < at ? alive[i] < bytes : alive[i] <= bytes);
    test_free(alive);
}

/* Other segments: within bounds; a gradient is written once, where its parameter lies, and all are before the update.
 */
static void walk_store(const rb_program *p, const rb_variant *v, bool trains) {
    int written = 0;
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        for (int k = 0; k < RB_OP_MAX_IN + RB_OP_MAX_OUT; k++) {
            int id = k < RB_OP_MAX_IN ? op->in[k] : op->out[k - RB_OP_MAX_IN];
            if (id < 0) continue;
            const rb_tensor *t = &v->tensors[id];
            MUST(t->offset + t->bytes <= p->bytes[t->segment]);
            MUST(t->offset % (size_t)p->layout.align == 0);
            if (k < RB_OP_MAX_IN || t->segment != RB_SEG_GRAD) continue;
            MUST(trains && !(op->flags & RB_OPF_ACCUMULATE && k == RB_OP_MAX_IN));
            int found = 0;
            for (int q = 0; q < p->n_params; q++) {
                const rb_tensor *w = &p->params[q].tensor;
                if (w->offset != t->offset) continue;
                found++;
                MUST(w->bytes == t->bytes && w->segment == RB_SEG_PARAM && p->params[q].layer == op->layer);
                MUST(memcmp(w->dims, t->dims, sizeof w->dims) == 0 &&
                     memcmp(w->stride, t->stride, sizeof w->stride) == 0);
            }
            MUST(found == 1);
            for (int j = 0; j < i; j++)
                for (int o = 0; o < RB_OP_MAX_OUT; o++) MUST(v->ops[j].out[o] != id);
            written++;
        }
        MUST(op->kind != RB_OP_UPDATE || (i == v->n_ops - 1 && written == p->n_params));
    }
    MUST(written == (trains ? p->n_params : 0));
}

static void check_program(const rb_program *p) {
    const rb_spec *s = &p->spec;
    size_t align = (size_t)p->layout.align, largest = 0;
    for (int k = 0; k < RB_VARIANTS; k++) {
        const rb_variant *v = &p->variant[k];
        if (!v->n_ops) continue;
        part = v->name;
        MUST(walk_act(v, align) == v->act_bytes);
        MUST(v->act_bytes <= sum_of_act(v, align));
        check_peak(p, v);
        walk_store(p, v, k == RB_VARIANT_TRAIN || k == RB_VARIANT_TRAIN_TAIL);
        if (v->act_bytes > largest) largest = v->act_bytes;
        MUST(v->rows == (k == RB_VARIANT_TRAIN_TAIL ? (int)(s->n_train % s->batch) : s->batch));
        MUST(v->family == (k == RB_VARIANT_TRAIN || k == RB_VARIANT_TRAIN_TAIL ? RB_FAMILY_TRAIN : RB_FAMILY_EVAL));
    }
    part = "the store";
    MUST(p->bytes[RB_SEG_ACT] == largest);
    MUST((p->variant[RB_VARIANT_TRAIN_TAIL].n_ops > 0) == (s->n_train % s->batch != 0));
    for (int k = RB_VARIANT_ATTACK_INIT; k <= RB_VARIANT_ATTACK_EVAL; k++) MUST((p->variant[k].n_ops > 0) == s->attack);
    /* parameters follow each other in drawing order; what is known of the state fits */
    size_t end = 0;
    int64_t weights = 0;
    for (int i = 0; i < p->n_params; i++) {
        MUST(p->params[i].tensor.offset == end);
        end += (p->params[i].tensor.bytes + align - 1) / align * align;
        weights += rb_tensor_count(&p->params[i].tensor);
        MUST(i == 0 || p->params[i].layer >= p->params[i - 1].layer);
    }
    MUST(end == p->bytes[RB_SEG_PARAM] && end == p->bytes[RB_SEG_GRAD] && end == p->param_all.bytes);
    MUST(weights == p->n_weights);
    int copies = s->optimizer == RB_ADAM ? 2 : s->momentum != 0;
    size_t statistics = p->bytes[RB_SEG_STATE] - (size_t)copies * end;
    MUST(p->bytes[RB_SEG_BEST] == end + statistics && (copies == 0 || p->momentum_all.offset == statistics));
    MUST((statistics > 0) == (p->n_buffers > 0));
}

static void test_memory(void **state) {
    (void)state;
    int tails = 0, attacks = 0, reused = 0, residual = 0;
    for (int i = 0; i < MODELS; i++)
        for (int l = 0; l < TEST_LAYOUTS; l++) {
            model m;
            model_draw(&m, (uint64_t)i);
            rb_layout layout = test_layout(l);
            rb_program *p = compiled(&m.spec, &layout);
            snprintf(context, sizeof context, "model %d, layout %d: %s", i, l, m.text);
            check_program(p);
            const rb_variant *train = &p->variant[RB_VARIANT_TRAIN];
            tails += p->variant[RB_VARIANT_TRAIN_TAIL].n_ops > 0;
            attacks += m.spec.attack;
            reused += train->act_bytes < sum_of_act(train, (size_t)layout.align);
            residual += m.tags[0][0] != 0;
            rb_program_free(p);
        }
    /* the generator reaches what this is about */
    assert_true(tails > MODELS && attacks > MODELS && reused > 4 * MODELS && residual > MODELS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_memory, clear, clear)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
