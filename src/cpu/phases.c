/* phases.c: cuts a variant into phases and gives every activation and every piece of WORK an address.
 *
 * Row ops collect in an open ROWS phase. What they need before (turned weights) and leave behind (weight gradients of
 * linear layers, sums of partials, the loss total) becomes a UNITS phase before and after it. Batch norm needs all rows
 * before it can begin: its survey ends the open phase, its own pass is the first of the next one. An activation that
 * only one ROWS phase touches is local to a thread and a chunk of rows; the others share WORK by liveness over phases.
 * A variant whose activations come from or go to outside (tests of single ops) runs op by op on the store instead. */
#include <stdlib.h>
#include <string.h>

#include "core/pages.h"
#include "cpu/cpu.h"
#include "cpu/kernels/conv.h"
#include "cpu/tuning.h"

typedef struct planner {
    rb__plan *plan;
    const rb_store *store;
    const rb_variant *variant;
    const rb__kernels *kernels;
    bool strict;    /* one op at a time, activations in the store */
    rb__pass *rows; /* of the open ROWS phase */
    rb__work *before, *after;
    int n_rows, n_before, n_after;
    struct life *lives; /* by tensor */
    size_t used;        /* of WORK */
} planner;

typedef struct life {
    int first, last; /* phases that touch a tensor; -1 = none */
} life;

/* --- phases ---------------------------------------------------------------------------------------------------------
 */

static void emit_units(planner *p, const rb__work *works, int n) {
    if (n == 0) return;
    rb__plan *plan = p->plan;
    plan->phases[plan->n_phases++] = (rb__phase){.kind = RB__UNITS, .first = plan->n_works, .count = n};
    memcpy(plan->works + plan->n_works, works, sizeof *works * (size_t)n);
    plan->n_works += n;
}

/* Closes the open ROWS phase with what goes before and after it. */
static void flush(planner *p) {
    rb__plan *plan = p->plan;
    emit_units(p, p->before, p->n_before);
    if (p->n_rows) {
        plan->phases[plan->n_phases++] = (rb__phase){.kind = RB__ROWS, .first = plan->n_sequence, .count = p->n_rows};
        memcpy(plan->sequence + plan->n_sequence, p->rows, sizeof *p->rows * (size_t)p->n_rows);
        plan->n_sequence += p->n_rows;
    }
    for (int i = 0; i < p->n_after / 2; i++) { /* first layers first: a thread's gradients are what it then updates */
        rb__work w = p->after[i];
        p->after[i] = p->after[p->n_after - 1 - i];
        p->after[p->n_after - 1 - i] = w;
    }
    emit_units(p, p->after, p->n_after);
    p->n_rows = p->n_before = p->n_after = 0;
}

static int blocks(int64_t n) { return (int)((n + RB__FLAT_BLOCK - 1) / RB__FLAT_BLOCK); }

/* Gradients of a linear layer that reads the batch as it comes from the data set can build it again; augmented, it is
 * dearer to build than to keep. */
static const rb__item *gather_of(const planner *p, int tensor) {
    for (int i = 0; i < p->plan->n_items; i++)
        if (p->variant->ops[i].kind == RB_OP_GATHER && p->variant->ops[i].out[0] == tensor &&
            !rb_op_augments(&p->variant->ops[i]))
            return &p->plan->items[i];
    return NULL;
}

/* Sums over the batch come after the open phase: an op that changes what they read (a gradient that a residual sum
 * hands on, to which others then add) must come after them. */
static bool changes_awaited(const planner *p, const rb__item *it) {
    for (int i = 0; i < p->n_after; i++) {
        const rb__item *waits = p->after[i].item;
        if (waits->op->kind != RB_OP_LINEAR_DW) continue;
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (it->out_id[k] >= 0 && (it->out_id[k] == waits->in_id[0] || it->out_id[k] == waits->in_id[1]))
                return true;
    }
    return false;
}

static void schedule(planner *p, int i) {
    rb__item *it = &p->plan->items[i];
    const rb__kernels *k = p->kernels;
    const rb__geometry *g = &it->g;
    if (it->idle) return;
    if (it->library) {
        flush(p);
        p->plan->phases[p->plan->n_phases++] = (rb__phase){.kind = RB__LIBRARY, .first = i, .count = 1};
        return;
    }
    if (it->rows && changes_awaited(p, it)) flush(p);
    if (it->survey) {
        p->rows[p->n_rows++] = (rb__pass){i, it->survey};
        p->after[p->n_after++] =
            (rb__work){it, it->reduce, it->n_reduce, RB__GROUPS * (double)it->partial_count / it->n_reduce};
        flush(p);
    }
    if (it->rows) p->rows[p->n_rows++] = (rb__pass){i, it->rows};
    switch (it->op->kind) {
    case RB_OP_BATCHNORM:
        if (!it->survey) p->before[p->n_before++] = (rb__work){it, it->pack, it->n_pack, 100.0};
        break;
    case RB_OP_LINEAR_DX:
    case RB_OP_CONV_DX:
        p->before[p->n_before++] = (rb__work){it, it->pack, it->n_pack, 2.0 * (double)it->packed_count / it->n_pack};
        break;
    case RB_OP_CONV_DW:
        p->after[p->n_after++] =
            (rb__work){it, it->reduce, it->n_reduce, RB__GROUPS * (double)it->partial_count / 8 / it->n_reduce};
        break;
    case RB_OP_LINEAR_DW: {
        int tiles = (g->D + k->tile_rows - 1) / k->tile_rows, units = (tiles + RB__STRIP_TILES - 1) / RB__STRIP_TILES;
        double vectors = (double)g->N * g->D / units * g->ldw / k->lanes,
               loads = (double)g->N * g->D / units / k->lanes;
        it->gather = p->strict ? NULL : gather_of(p, it->op->in[0]);
        if (it->op->out[1] >= 0)
            p->after[p->n_after++] = (rb__work){it, k->linear_db, 1, (double)g->N * g->ldw / k->lanes};
        p->after[p->n_after++] = (rb__work){it, k->linear_dw, units, 0.6 * vectors + (it->gather ? 6 : 3) * loads};
        break;
    }
    case RB_OP_LOSS_CE:
    case RB_OP_LOSS_MSE:
        if (it->op->out[0] >= 0) p->after[p->n_after++] = (rb__work){it, k->loss_total, 1, 4.0 * g->N};
        break;
    case RB_OP_UPDATE:
    case RB_OP_NORMS:
        flush(p);
        emit_units(p, &(rb__work){it, k->update, it->n_sums, 1.0}, 1);
        emit_units(p, &(rb__work){it, k->update_total, 1, 1.0}, 1);
        break;
    case RB_OP_COPY:
        if (it->rows) break;
        flush(p);
        emit_units(p, &(rb__work){it, k->copy_flat, blocks(rb_tensor_count(&p->variant->tensors[it->op->out[0]])), 1.0},
                   1);
        break;
    default:
        break;
    }
    if (p->strict) flush(p);
}

/* --- addresses ------------------------------------------------------------------------------------------------------
 */

static size_t align_up(size_t n) { return (n + RB__ALIGN - 1) / RB__ALIGN * RB__ALIGN; }
static size_t take(planner *p, size_t bytes) {
    size_t at = p->used;
    p->used += align_up(bytes);
    return at;
}

/* Operands of an item as bits: inputs, then outputs. */
#define IN(k)  (1u << (k))
#define OUT(k) (1u << (RB__MAX_IN + (k)))

static unsigned touched_by_pass(const rb__item *it, rb__rows_fn *fn) {
    bool gradient = it->op->kind == RB_OP_BATCHNORM_DX;
    if (fn == it->survey) return gradient ? ~(IN(2) | OUT(0)) : IN(0);
    if (it->survey) return gradient ? ~(IN(2) | IN(3) | IN(4)) : IN(0) | IN(5) | OUT(0);
    return ~0u;
}

/* Of activations: a part of a row op touches none but batch norm's statistics. */
static unsigned touched_by_units(const planner *p, const rb__work *work) {
    const rb__item *it = work->item;
    if (work->fn == it->reduce && it->survey)
        return it->op->kind == RB_OP_BATCHNORM_DX ? IN(3) | IN(4) : OUT(1) | OUT(2);
    if (work->fn == it->pack || work->fn == it->reduce || work->fn == p->kernels->loss_total) return 0;
    return it->gather ? ~IN(0) : ~0u;
}

/* Statistics of batch norm have no batch rows. */
static bool has_rows(const rb_op *op, int operand) {
    if (op->kind == RB_OP_BATCHNORM) return !((OUT(1) | OUT(2)) >> operand & 1);
    return op->kind != RB_OP_BATCHNORM_DX || !((IN(3) | IN(4)) >> operand & 1);
}

static void touch(planner *p, const rb__item *it, int phase, unsigned operands) {
    for (int k = 0; k < RB__MAX_IN + RB_OP_MAX_OUT; k++) {
        int id = k < RB__MAX_IN ? it->in_id[k] : it->out_id[k - RB__MAX_IN];
        if (id < 0 || !(operands >> k & 1)) continue;
        life *l = &p->lives[id];
        if (l->first < 0) l->first = phase;
        l->last = phase;
    }
}

/* Which phases touch each tensor. */
static void measure_lives(planner *p) {
    const rb__plan *plan = p->plan;
    for (int t = 0; t < p->variant->n_tensors; t++) p->lives[t] = (life){.first = -1, .last = -1};
    for (int i = 0; i < plan->n_phases; i++) {
        const rb__phase *phase = &plan->phases[i];
        for (int j = 0; j < phase->count; j++) {
            const rb__work *work = &plan->works[phase->first + j];
            const rb__pass *pass = &plan->sequence[phase->first + j];
            if (phase->kind == RB__UNITS)
                touch(p, work->item, i, touched_by_units(p, work));
            else if (phase->kind == RB__ROWS)
                touch(p, &plan->items[pass->item], i, touched_by_pass(&plan->items[pass->item], pass->fn));
            else
                touch(p, &plan->items[phase->first], i, ~0u);
        }
    }
}

static bool is_local(const planner *p, int t) {
    const life *l = &p->lives[t];
    return !p->strict && l->first >= 0 && l->first == l->last && p->plan->phases[l->first].kind == RB__ROWS;
}

/* Offsets in WORK of activations that live over several phases: largest first, lowest free place. */
static void place_shared(planner *p, size_t *offsets) {
    const rb_variant *v = p->variant;
    size_t base = p->used, top = base;
    bool *done = (bool *)(offsets + v->n_tensors);
    for (int round = 0; round < v->n_tensors; round++) {
        int t = -1;
        for (int i = 0; i < v->n_tensors; i++)
            if (v->tensors[i].segment == RB_SEG_ACT && p->lives[i].first >= 0 && !is_local(p, i) && !done[i] &&
                (t < 0 || v->tensors[i].bytes > v->tensors[t].bytes))
                t = i;
        if (t < 0) break;
        size_t at = base, bytes = align_up(v->tensors[t].bytes);
        for (bool moved = true; moved;) {
            moved = false;
            for (int o = 0; o < v->n_tensors; o++) {
                bool together = p->lives[o].first <= p->lives[t].last && p->lives[t].first <= p->lives[o].last;
                size_t end = offsets[o] + align_up(v->tensors[o].bytes);
                if (!done[o] || !together || at >= end || offsets[o] >= at + bytes) continue;
                at = end;
                moved = true;
            }
        }
        offsets[t] = at;
        done[t] = true;
        if (at + bytes > top) top = at + bytes;
    }
    p->used = top;
}

/* Bytes from one row of an activation to the next; a merged item may need fewer than the tensor says. */
static size_t row_bytes(const planner *p, int t) {
    for (int i = 0; i < p->plan->n_items; i++)
        if (p->plan->items[i].y_row_bytes && p->plan->items[i].out_id[0] == t) return p->plan->items[i].y_row_bytes;
    const rb_tensor *a = &p->variant->tensors[t];
    return (size_t)a->stride[0] * rb_dtype_bytes(a->dtype, 4);
}

/* Groups and chunk of every ROWS phase; places of its local tensors in a thread's arena. */
static void place_local(planner *p, size_t *offsets) {
    const rb_variant *v = p->variant;
    for (int i = 0; i < p->plan->n_phases; i++) {
        rb__phase *phase = &p->plan->phases[i];
        if (phase->kind != RB__ROWS) continue;
        size_t per_row = 0, used = 0;
        bool images = false;
        for (int j = 0; j < phase->count; j++) {
            const rb__item *it = &p->plan->items[p->plan->sequence[phase->first + j].item];
            rb_op_kind kind = it->op->kind;
            images |= kind == RB_OP_CONV || kind == RB_OP_CONV_DX || kind == RB_OP_CONV_DW;
            images |= it->survey && it->g.H * it->g.W > 1;
        }
        for (int t = 0; t < v->n_tensors; t++)
            if (v->tensors[t].segment == RB_SEG_ACT && is_local(p, t) && p->lives[t].first == i)
                per_row += row_bytes(p, t) + 1;
        int least = images ? RB__MIN_IMAGES : RB__MIN_ROWS, groups = v->rows / least;
        phase->groups = groups < 1 ? 1 : groups > RB__GROUPS ? RB__GROUPS : groups;
        int longest = (v->rows + phase->groups - 1) / phase->groups;
        phase->chunk = per_row ? (int)(RB__CHUNK_BYTES / per_row) : longest;
        phase->chunk = phase->chunk < 1 ? 1 : phase->chunk > longest ? longest : phase->chunk;
        int chunks = (longest + phase->chunk - 1) / phase->chunk; /* of nearly equal size */
        phase->chunk = (longest + chunks - 1) / chunks;
        for (int t = 0; t < v->n_tensors; t++)
            if (v->tensors[t].segment == RB_SEG_ACT && is_local(p, t) && p->lives[t].first == i) {
                offsets[t] = used;
                used += align_up(row_bytes(p, t) * (size_t)phase->chunk + RB__ALIGN);
            }
        if (used > p->plan->scratch_offset) p->plan->scratch_offset = used;
        for (int j = 0; j < phase->count; j++) {
            const rb__pass *pass = &p->plan->sequence[phase->first + j];
            rb__item *it = &p->plan->items[pass->item];
            if (pass->fn == (it->survey ? it->survey : it->rows)) it->groups = phase->groups;
        }
    }
}

static rb__place place(const planner *p, const size_t *offsets, int id) {
    if (id < 0) return (rb__place){0};
    const rb_tensor *t = &p->variant->tensors[id];
    rb__place at = {.base = p->store->base[t->segment] + t->offset};
    if (t->segment == RB_SEG_INPUT) at.row_bytes = (size_t)t->stride[0] * rb_dtype_bytes(t->dtype, 4);
    if (t->segment == RB_SEG_ACT) at.row_bytes = row_bytes(p, id);
    if (t->segment == RB_SEG_ACT && !p->strict) {
        at.local = is_local(p, id) || p->lives[id].first < 0;
        at.offset = offsets[id];
        at.base = at.local ? NULL : p->plan->memory + offsets[id];
    }
    return at;
}

/* Everything that needs an address, in two passes: sizes, then pointers into the one allocation. */
static rb_status allocate(planner *p) {
    rb__plan *plan = p->plan;
    const rb_variant *v = p->variant;
    size_t count = (size_t)v->n_tensors, scratch = 0, apart = 0;
    size_t *offsets = calloc(count, sizeof *offsets + sizeof(bool));
    size_t(*pieces)[3] = calloc((size_t)plan->n_items + 1, sizeof *pieces);
    rb_status status = RB_OK;
    if (!offsets || !pieces) {
        status = rb_fail(RB_MEMORY, "out of memory while binding");
        goto cleanup;
    }
    place_local(p, offsets);
    place_shared(p, offsets);
    for (int i = 0; i < plan->n_items; i++) {
        rb__item *it = &plan->items[i];
        pieces[i][0] = take(p, it->library ? 0 : it->packed_count * sizeof(float));
        pieces[i][1] = take(p, it->library ? 0 : it->partial_count * (size_t)it->groups * sizeof(float));
        pieces[i][2] = take(p, 2 * sizeof(double) * (size_t)it->n_sums);
        if (it->scratch_bytes > scratch) scratch = it->scratch_bytes;
        if (it->apart_bytes > apart) apart = it->apart_bytes;
    }
    size_t apart_offset = take(p, apart);
    plan->arena_bytes = align_up(plan->scratch_offset + scratch + 4096); /* arenas do not share pages or lines */
    plan->arena_offset = take(p, plan->arena_bytes * (size_t)p->store->device->threads);
    plan->memory_bytes = p->used;
    plan->memory = rb_pages_new(plan->memory_bytes);
    if (!plan->memory) {
        status = rb_fail(RB_MEMORY, "cpu: no memory for %zu bytes of scratch", plan->memory_bytes);
        goto cleanup;
    }
    for (int i = 0; i < plan->n_items; i++) {
        rb__item *it = &plan->items[i];
        for (int k = 0; k < RB__MAX_IN + RB_OP_MAX_OUT; k++) {
            bool input = k < RB__MAX_IN;
            rb__place *at = input ? &it->in[k] : &it->out[k - RB__MAX_IN];
            *at = place(p, offsets, input ? it->in_id[k] : it->out_id[k - RB__MAX_IN]);
            if (!has_rows(it->op, k)) at->row_bytes = 0;
        }
        it->apart = it->apart_bytes ? (float *)(void *)(plan->memory + apart_offset) : NULL;
        it->packed = (float *)(void *)(plan->memory + pieces[i][0]);
        it->partials = it->partial_count ? (float *)(void *)(plan->memory + pieces[i][1]) : NULL;
        it->sums = (double *)(void *)(plan->memory + pieces[i][2]);
    }
cleanup:
    free(offsets);
    free(pieces);
    return status;
}

/* --- the plan -------------------------------------------------------------------------------------------------------
 */

void rb__plan_free(rb__plan *plan) {
    if (!plan) return;
#ifdef REGBENCH_HAVE_ONEDNN
    for (int i = 0; i < plan->n_items; i++) rb__onednn_release(&plan->items[i]);
#endif
    rb_pages_free(plan->memory, plan->memory_bytes);
    free(plan->items);
    free(plan->works);
    free(plan->sequence);
    free(plan->phases);
    free(plan);
}

rb_status rb__plan_new(rb_store *store, const rb_program *program, const rb_variant *v, rb__plan **out) {
    rb_status status = RB_OK;
    size_t n = (size_t)v->n_ops + 1;
    rb__plan *plan = calloc(1, sizeof *plan);
    planner p = {.plan = plan, .store = store, .variant = v, .kernels = store->device->kernels};
    *out = NULL;
    if (plan) {
        plan->items = calloc(n, sizeof *plan->items);
        plan->works = calloc(3 * n, sizeof *plan->works);
        plan->sequence = calloc(2 * n, sizeof *plan->sequence);
        plan->phases = calloc(7 * n, sizeof *plan->phases);
    }
    p.rows = calloc(2 * n, sizeof *p.rows);
    p.before = calloc(n, sizeof *p.before);
    p.after = calloc(2 * n, sizeof *p.after);
    p.lives = calloc((size_t)v->n_tensors + 1, sizeof *p.lives);
    if (!plan || !plan->items || !plan->works || !plan->sequence || !plan->phases || !p.rows || !p.before || !p.after ||
        !p.lives) {
        status = rb_fail(RB_MEMORY, "out of memory while binding");
        goto cleanup;
    }
    p.strict = rb_variant_is_part(v);
    double flops = rb_variant_model_flops(v);
    bool alone = !store->device->threads_given && flops > 0 &&
                 (flops < RB__ALONE_FLOPS || flops < RB__ALONE_FLOPS_PER_WEIGHT * (double)program->n_weights);
    plan->threads = alone ? 1 : store->device->threads;
    plan->library_threads = store->device->threads;
    plan->n_items = v->n_ops;
    for (int i = 0; i < v->n_ops; i++) rb__item_prepare(&plan->items[i], p.kernels, program, v, &v->ops[i]);
#ifdef REGBENCH_HAVE_ONEDNN
    for (int i = 0; i < v->n_ops; i++)
        if (rb__onednn_wanted(store->device, &plan->items[i]))
            RB_TRY(rb__onednn_prepare(&plan->items[i], store->device->threads));
#endif
    if (!p.strict) rb__merge(plan, v, p.kernels);
    for (int i = 0; i < v->n_ops; i++) schedule(&p, i);
    flush(&p);
    measure_lives(&p);
    RB_TRY(allocate(&p));
    *out = plan;
    plan = NULL;
cleanup:
    free(p.rows);
    free(p.before);
    free(p.after);
    free(p.lives);
    rb__plan_free(plan);
    return status;
}
