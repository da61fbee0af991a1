/* liveness.c: gives every activation an address in ACT, so that tensors which are never alive together share memory.
 *
 * Greedy by size: the largest tensor first, each at the lowest offset that is free during its whole life. A tensor
 * lives from the op that first writes it to the op that last touches it. */
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

size_t rb__pack_activations(rb_builder *b) {
    if (b->status != RB_OK) return 0;
    life *lives = rb_arena_alloc(b->arena, sizeof(life) * (size_t)b->n_tensors);
    if (!lives) {
        rb__build_error(b, RB_MEMORY, "out of memory while planning activations");
        return 0;
    }
    size_t align = (size_t)b->layout->align, used = 0;
    for (int t = 0; t < b->n_tensors; t++) lives[t] = (life){.tensor = t, .first = -1, .last = -1};
    for (int i = 0; i < b->n_ops; i++) {
        for (int k = 0; k < RB_OP_MAX_IN; k++)
            if (b->ops[i].in[k] >= 0) touch(&lives[b->ops[i].in[k]], i);
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (b->ops[i].out[k] >= 0) touch(&lives[b->ops[i].out[k]], i);
    }
    int n = 0;
    for (int t = 0; t < b->n_tensors; t++)
        if (b->tensors[t].segment == RB_SEG_ACT && lives[t].first >= 0) {
            lives[n] = lives[t];
            lives[n++].bytes = (b->tensors[t].bytes + align - 1) / align * align;
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
