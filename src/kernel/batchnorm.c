/* batchnorm.c: parts of batch normalization: statistics of blocks, their merging, and what is written with them. */
#include "kernel/kernel.h"
#include "kernel/tuning.h"

static int up(int n, int by) { return (n + by - 1) / by; }

/* How pixels are cut: blocks leave partial sums each. */
typedef struct cut {
    int pixels, M; /* of an image; of the batch */
    int block, blocks;
    int columns, spread; /* gpu family: channels side by side, groups for all of them */
    int ld, ldw, ldr;    /* ldr: 0 without a residual */
    bool merged;         /* the part that writes puts the blocks together itself */
} cut;

static cut cut_pixels(const rb__kn_plan *plan, const rb__kn_item *it) {
    const bool gpu = plan->device->gpu;
    const int batch = rb_variant_batch(plan->program, plan->variant);
    cut c = {.pixels = it->H * it->W, .columns = 1, .spread = 1, .ld = it->ldy};
    if (it->op->kind == RB_OP_BATCHNORM && it->in[5] >= 0) c.ldr = (int)plan->variant->tensors[it->in[5]].stride[3];
    c.M = it->N * c.pixels;
    c.ldw = up(it->C, RB__KN_LANES) * RB__KN_LANES;
    if (gpu) {
        /* whole groups: behind a barrier PoCL 3.1 takes a condition on an item's channel for the same in all items */
        while (2 * c.columns <= plan->device->local && c.ldw % (2 * c.columns) == 0) c.columns *= 2;
        c.spread = c.ldw / c.columns;
        int layers = plan->device->local / c.columns;
        int most = RB__KN_NORM_GROUPS > c.spread ? RB__KN_NORM_GROUPS / c.spread : 1;
        c.block = up(up(batch * c.pixels, most), layers * RB__KN_NORM_CHUNK) * layers * RB__KN_NORM_CHUNK;
    } else {
        c.block = rb__kn_batch_rows(plan, c.pixels) * c.pixels;
    }
    c.blocks = up(c.M, c.block);
    c.merged = !gpu && c.blocks * c.blocks * (c.ldw / RB__KN_LANES) <= RB__KN_NORM_MERGED;
    return c;
}

static void define_shape(rb__kn_part *part, const rb__kn_item *it, const cut *c) {
    rb__kn_define(part, "C", it->C);
    rb__kn_define(part, "LDX", it->ldx);
    rb__kn_define(part, "LD", c->ld);
    rb__kn_define(part, "LDW", c->ldw);
    rb__kn_define(part, "BLOCK_ROWS", c->block);
    rb__kn_define(part, "CHUNK", RB__KN_NORM_CHUNK);
    rb__kn_define(part, "COLUMNS", c->columns);
    rb__kn_define(part, "SCALAR", it->ldx != c->ld || c->ldr % c->ld != 0);
    rb__kn_define_float(part, "EPS", it->op->u.bn.eps);
    rb__kn_define_float(part, "MOMENTUM", it->op->u.bn.momentum);
}

/* A part that puts blocks together: gpu family: a group has fewer channels side by side, down to
 * RB__KN_NORM_COLUMNS, as long as an item has several blocks, whose sums it waits for one after another. */
static rb__kn_part *new_merge(rb__kn_plan *plan, const rb__kn_item *it, const cut *c, const char *body) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "batchnorm.cl", body);
    cut narrow = *c;
    while (narrow.columns > RB__KN_NORM_COLUMNS && c->blocks > plan->device->local / narrow.columns)
        narrow.columns /= 2;
    define_shape(part, it, &narrow);
    part->groups = plan->device->gpu ? c->ldw / narrow.columns : 1;
    part->local_floats = plan->device->gpu ? 3 * plan->device->local : 0;
    part->cost = c->blocks;
    return part;
}

/* A part over all pixels that leaves a pair per channel and block. */
static rb__kn_part *new_sums(rb__kn_plan *plan, const rb__kn_item *it, const cut *c, const char *body) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "batchnorm.cl", body);
    define_shape(part, it, c);
    part->groups = c->blocks * c->spread;
    part->rows = plan->device->gpu ? 0 : c->block / c->pixels;
    /* PoCL 3.1, two such parts in one kernel (a block's and its shortcut's): wrong sums. Each by itself is right. */
    part->alone = plan->device->gpu;
    part->local_floats = plan->device->gpu ? 3 * plan->device->local : 0;
    part->cost = (double)c->block * c->ld / RB__KN_LANES;
    return part;
}

static void lower_forward(rb__kn_plan *plan, rb__kn_item *it) {
    const bool train = it->op->flags & RB_OPF_TRAIN;
    cut c = cut_pixels(plan, it);
    int partials = -1;
    if (train) {
        partials = rb__kn_work_new(plan, 2 * sizeof(float) * (size_t)c.blocks * (size_t)c.ldw);
        rb__kn_part *stats = new_sums(plan, it, &c, "bn_stats");
        rb__kn_in(plan, stats, it->in[0]);
        rb__kn_work_out(stats, partials, "__global float *");
        rb__kn_int(stats, c.M);
    }
    if (train && !c.merged) {
        rb__kn_part *merge = new_merge(plan, it, &c, "bn_merge");
        rb__kn_work_in(merge, partials, "__global const float *");
        rb__kn_inout(plan, merge, it->in[3]);
        rb__kn_inout(plan, merge, it->in[4]);
        rb__kn_out(plan, merge, it->out[1]);
        rb__kn_out(plan, merge, it->out[2]);
        rb__kn_int(merge, c.M);
    }
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "batchnorm.cl", "bn_apply");
    define_shape(part, it, &c);
    rb__kn_define(part, "LDR", c.ldr);
    rb__kn_define(part, "MERGED", train && c.merged);
    rb__kn_define(part, "EVAL", !train);
    rb__kn_define_act(part, it->op);
    rb__kn_in(plan, part, it->in[0]);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_in(plan, part, it->in[5]);
    rb__kn_out(plan, part, it->out[0]);
    if (train && c.merged) {
        rb__kn_work_in(part, partials, "__global const float *");
        rb__kn_inout(plan, part, it->in[3]);
        rb__kn_inout(plan, part, it->in[4]);
        rb__kn_out(plan, part, it->out[1]);
        rb__kn_whole(part);
        rb__kn_out(plan, part, it->out[2]);
        rb__kn_whole(part);
        rb__kn_int(part, c.M);
    } else {
        rb__kn_in(plan, part, train ? it->out[1] : it->in[3]);
        rb__kn_whole(part);
        rb__kn_in(plan, part, train ? it->out[2] : it->in[4]);
        rb__kn_whole(part);
    }
    rb__kn_int(part, c.M * c.ld);
    rb__kn_flat_rows(plan, part, it->N, c.pixels, c.ld);
}

static void lower_gradient(rb__kn_plan *plan, rb__kn_item *it) {
    const bool act = it->op->act != RB_ACT_NONE, dx = it->out[0] >= 0;
    cut c = cut_pixels(plan, it);
    const int partials = rb__kn_work_new(plan, 2 * sizeof(float) * (size_t)c.blocks * (size_t)c.ldw);
    rb__kn_part *sums = new_sums(plan, it, &c, "bn_sums");
    rb__kn_define_act(sums, it->op);
    rb__kn_in(plan, sums, it->in[0]);
    rb__kn_in(plan, sums, it->in[1]);
    rb__kn_in(plan, sums, it->in[3]);
    rb__kn_whole(sums);
    rb__kn_in(plan, sums, act ? it->in[5] : -1);
    rb__kn_work_out(sums, partials, "__global float *");
    rb__kn_int(sums, c.M);
    if (!c.merged || !dx) {
        rb__kn_part *merge = new_merge(plan, it, &c, "bn_merge_sums");
        rb__kn_work_in(merge, partials, "__global const float *");
        rb__kn_in(plan, merge, it->in[4]);
        rb__kn_out(plan, merge, it->out[1]);
        rb__kn_out(plan, merge, it->out[2]);
        rb__kn_int(merge, c.blocks);
    }
    if (!dx) return;
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "batchnorm.cl", "bn_dx");
    define_shape(part, it, &c);
    rb__kn_define(part, "MERGED", c.merged);
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define_act(part, it->op);
    rb__kn_in(plan, part, it->in[0]);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    rb__kn_in(plan, part, it->in[3]);
    rb__kn_whole(part);
    rb__kn_in(plan, part, it->in[4]);
    rb__kn_whole(part);
    rb__kn_in(plan, part, act ? it->in[5] : -1);
    rb__kn_inout(plan, part, it->out[0]);
    if (c.merged) {
        rb__kn_work_in(part, partials, "__global const float *");
        rb__kn_out(plan, part, it->out[1]);
        rb__kn_out(plan, part, it->out[2]);
        rb__kn_int(part, c.blocks);
    } else {
        rb__kn_in(plan, part, it->out[1]);
        rb__kn_in(plan, part, it->out[2]);
    }
    rb__kn_int(part, c.M);
    rb__kn_int(part, c.M * c.ld);
    rb__kn_flat_rows(plan, part, it->N, c.pixels, c.ld);
}

void rb__kn_lower_batchnorm(rb__kn_plan *plan, rb__kn_item *it) {
    if (it->op->kind == RB_OP_BATCHNORM)
        lower_forward(plan, it);
    else
        lower_gradient(plan, it);
}
