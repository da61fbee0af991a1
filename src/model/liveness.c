/* liveness.c: gives every activation an address in ACT, so that tensors which are never alive together share memory.
 *
 * Greedy by size: the largest tensor first, each at the lowest offset that is free during its whole life. A tensor
 * lives from the op that first writes it to the op that last touches it. Also tells at which op most is alive. */
#include <stdlib.h>

#include "model/builder.h"

typedef struct life {
    int tensor, first, last;
    size_t bytes, offset;
} life;

static int larger_first(const void *a, const void *b) {
    const life *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->tensor - y->tensor; /* stable: plans are goldens */
}

static void touch(life *l, int op) {
    if (l->first < 0) l->first = op;
    l->last = op;
}

/* From the op that first writes it to the op that last touches it; first is -1 where none does. */
static void find_lives(const rb_op *ops, int n_ops, life *lives, int n_tensors) {
    for (int t = 0; t < n_tensors; t++) lives[t] = (life){.tensor = t, .first = -1, .last = -1};
    for (int i = 0; i < n_ops; i++) {
        for (int k = 0; k < RB_OP_MAX_IN; k++)
            if (ops[i].in[k] >= 0) touch(&lives[ops[i].in[k]], i);
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (ops[i].out[k] >= 0) touch(&lives[ops[i].out[k]], i);
    }
}

rb_status rb__peak_activations(const rb_variant *v, const rb_layout *layout, int *op, size_t *bytes) {
    life *lives = malloc(sizeof *lives * (size_t)(v->n_tensors ? v->n_tensors : 1));
    *op = 0, *bytes = 0;
    if (!lives) return rb_fail(RB_MEMORY, "out of memory while looking for the peak of %s", v->name);
    find_lives(v->ops, v->n_ops, lives, v->n_tensors);
    for (int i = 0; i < v->n_ops; i++) {
        size_t alive = 0;
        for (int t = 0; t < v->n_tensors; t++)
            if (v->tensors[t].segment == RB_SEG_ACT && lives[t].first >= 0 && lives[t].first <= i && i <= lives[t].last)
                alive += rb__align_up(v->tensors[t].bytes, layout->align);
        if (alive > *bytes) *op = i, *bytes = alive;
    }
    free(lives);
    return RB_OK;
}

size_t rb__pack_activations(rb_builder *b) {
    if (b->status != RB_OK) return 0;
    life *lives = rb_arena_alloc(b->arena, sizeof(life) * (size_t)b->n_tensors);
    if (!lives) {
        rb__build_error(b, RB_MEMORY, "out of memory while planning activations");
        return 0;
    }
    size_t used = 0;
    find_lives(b->ops, b->n_ops, lives, b->n_tensors);
    int n = 0;
    for (int t = 0; t < b->n_tensors; t++)
        if (b->tensors[t].segment == RB_SEG_ACT && lives[t].first >= 0) {
            lives[n] = lives[t];
            lives[n++].bytes = rb__align_up(b->tensors[t].bytes, b->layout->align);
        }
    qsort(lives, (size_t)n, sizeof *lives, larger_first);
    for (int i = 0; i < n; i++) {
        life *l = &lives[i];
        for (bool moved = true; moved;) { /* raise the offset until nothing that lives at the same time overlaps */
            moved = false;
            for (int j = 0; j < i; j++) {
                const life *o = &lives[j];
                bool together = o->first <= l->last && l->first <= o->last;
                if (together && l->offset < o->offset + o->bytes && o->offset < l->offset + l->bytes) {
                    l->offset = o->offset + o->bytes;
                    moved = true;
                }
            }
        }
        b->tensors[l->tensor].offset = l->offset;
        if (l->offset + l->bytes > used) used = l->offset + l->bytes;
    }
    return used;
}

bool rb_variant_is_part(const rb_variant *v) {
    for (int t = 0; t < v->n_tensors; t++) {
        bool written = false, read = false;
        for (int i = 0; i < v->n_ops; i++) {
            for (int k = 0; k < RB_OP_MAX_IN; k++) read |= v->ops[i].in[k] == t;
            for (int k = 0; k < RB_OP_MAX_OUT; k++) written |= v->ops[i].out[k] == t;
        }
        if (v->tensors[t].segment == RB_SEG_ACT && read != written) return true;
    }
    return false;
}
