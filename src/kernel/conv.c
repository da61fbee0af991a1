/* conv.c: parts of convolutions and of their gradients, cpu family: which register tiles, how many images a group
 * takes, packed weights and partial sums. */
#include "kernel/kernel.h"
#include "kernel/tuning.h"

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

/* n cut into equal pieces of at most `limit`: the length of one. */
static int piece(int n, int limit) { return rb__kn_divide(n, rb__kn_divide(n, limit)); }

static int vectors(int columns) { return columns % (2 * RB__KN_LANES) ? 1 : 2; }

static void define_shape(rb__kn_part *part, const rb__kn_item *it) {
    const struct {
        const char *name;
        int value;
    } list[] = {{"C", it->C},     {"H", it->H},     {"W", it->W},     {"K", it->K},
                {"P", it->P},     {"Q", it->Q},     {"R", it->R},     {"STRIDE", it->stride},
                {"PAD", it->pad}, {"LDX", it->ldx}, {"LDY", it->ldy}, {"LDW", it->ldw}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) rb__kn_define(part, list[i].name, list[i].value);
}

/* Tiles of pixels of an image of `rows` x `columns`: as high as registers allow, over several rows where these are
 * short. Returns the rows of a tile. */
static int define_tile(rb__kn_part *part, int rows, int columns, int nv) {
    int q = piece(columns, RB__KN_CONV_ROWS), p = piece(rows, most(1, RB__KN_CONV_ROWS / q));
    rb__kn_define(part, "TILE_P", p);
    rb__kn_define(part, "TILE_Q", q);
    rb__kn_define(part, "NV", nv);
    return p;
}

static size_t weight_bytes(const rb__kn_item *it) {
    return sizeof(float) * (size_t)(it->R * it->R) * (size_t)it->C * (size_t)it->ldw;
}

/* The gradient behind the layer: dy, or what a merged pooling's gradient would read to make it. */
static void add_gradient(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it) {
    const rb__kn_item *dx = it->pool_dx;
    rb__kn_define(part, "THROUGH", !dx ? 0 : it->pool ? 1 : 2);
    if (!dx) {
        rb__kn_in(plan, part, it->in[it->op->kind == RB_OP_CONV_DW]);
        return;
    }
    rb__kn_define(part, "WINDOW", dx->R);
    rb__kn_define(part, "HIGH", dx->P);
    rb__kn_define(part, "WIDE", dx->Q);
    rb__kn_define(part, "THROUGH_ACT", rb__kn_act(dx->op->act));
    rb__kn_define_float(part, "THROUGH_SLOPE", dx->op->slope);
    rb__kn_in(plan, part, dx->in[0]);
    if (it->pool) rb__kn_in(plan, part, dx->in[1]);
    rb__kn_in(plan, part, it->pool ? it->pool->out[0] : dx->op->act == RB_ACT_NONE ? -1 : dx->in[1]);
}

/* How a part's groups share the batch, in at most `parts` parts of it: arguments N and each. Returns their number. */
static int share_images(rb__kn_part *part, int n, int parts, int block) {
    int each = rb__kn_divide(rb__kn_divide(n, parts), block) * block;
    part->rows = each;
    rb__kn_int(part, n);
    rb__kn_int(part, each);
    return part->groups = rb__kn_divide(n, each);
}

/* The same, also of the panels of columns: argument sharers, constant BLOCK. Where weights are too large to be read for
 * every image, several images of `floats` values are in scratch at a time, and few parts of the batch are made up for
 * by groups that take some of the panels. */
static int share(rb__kn_part *part, const rb__kn_item *it, int parts, int panels, size_t floats) {
    bool large = weight_bytes(it) > RB__KN_CONV_WEIGHTS;
    int block = large ? most(1, least(RB__KN_CONV_BLOCK, (int)(RB__KN_CONV_SCRATCH / (sizeof(float) * floats)))) : 1;
    int sharers = 1;
    parts = share_images(part, it->N, parts, block);
    while (large && 2 * sharers <= panels && parts * sharers < RB__KN_CONV_GROUPS / 4) sharers *= 2;
    rb__kn_define(part, "BLOCK", block);
    rb__kn_int(part, sharers);
    part->groups = parts * sharers;
    if (sharers > 1) part->rows = 0; /* several groups have the same rows */
    return parts;
}

static void set_cost(rb__kn_part *part, const rb__kn_item *it) {
    part->cost = (double)it->N * it->P * it->Q * it->R * it->R * it->C * it->ldw / RB__KN_LANES / part->groups;
}

/* Behind a maximum over windows that do not overlap, whole vectors of channels: conv_sparse.cl. */
static bool is_sparse(const rb__kn_item *it) {
    return it->pool_dx && it->pool && it->C % RB__KN_LANES == 0 && it->ldx == it->C && it->stride == 1 && it->R <= 5;
}

/* conv_columns.cl: values of a run, of a line. */
static int run_of(const rb__kn_item *it) { return rb__kn_pad(it->R * it->C); }
static int line_of(const rb__kn_item *it) { return rb__kn_pad(it->Q * it->C + run_of(it)); }

/* Few channels: that file's lanes over (s,c) multiply clearly less than lanes over c. */
static bool is_columns(const rb__kn_item *it) {
    if (it->op->kind != RB_OP_CONV_DX || it->stride != 1 || is_sparse(it)) return false;
    return 4 * it->Q * run_of(it) < 3 * it->W * it->R * rb__kn_pad(it->C);
}

/* conv_planar.cl: filters of dw that are in registers with the taps of a row; bytes of a group's private arrays. */
static int planar_filters(const rb__kn_item *it) { return piece(it->K, most(1, 15 / it->R)); }
static size_t planar_stack(const rb__kn_item *it, const rb__kn_item *pool) {
    const int image = (it->H + 2 * it->pad) * (it->W + 2 * it->pad), plane = it->K * rb__kn_pad(it->Q), r = pool->R;
    const int row = it->op->kind == RB_OP_CONV ? r * plane + it->Q * it->ldy : plane * (it->P + 2);
    return sizeof(float) * ((size_t)image + (size_t)row + (size_t)((it->R * it->R + 1) * (it->K + 15) * RB__KN_LANES));
}

bool rb__kn_conv_planar(const rb__kn_item *it, const rb__kn_item *pool) {
    const int plane = it->K * rb__kn_pad(it->Q);
    return it->C == 1 && it->stride == 1 && it->R <= 7 && it->ldy == RB__KN_LANES && 4 * plane <= 3 * it->Q * it->ldy &&
           planar_stack(it, pool) <= RB__KN_STACK;
}

/* Bytes of a group's private arrays: bordered images (of x, in dx of dy), and what a pooling merged in leaves there. A
 * border of dy is at most the filter's size on each side. */
static size_t stack_of(const rb__kn_item *it) {
    const bool dx = it->op->kind == RB_OP_CONV_DX, sparse = is_sparse(it);
    if (it->planar) return planar_stack(it, it->op->kind == RB_OP_CONV ? it->pool : it->pool_dx);
    if (is_columns(it)) {
        const int lines = rb__kn_divide(run_of(it), it->C) + 1;
        return sizeof(float) * ((size_t)(lines * line_of(it)) + (size_t)it->P * (size_t)it->Q * (size_t)it->ldy);
    }
    const size_t R = (size_t)it->R, ldy = (size_t)it->ldy, border = 2 * (size_t)it->pad;
    const size_t x = ((size_t)it->H + border) * ((size_t)it->W + border) * (size_t)it->C;
    const size_t y = (size_t)it->P * (size_t)it->Q * ldy;
    size_t floats = dx && !sparse ? ((size_t)it->P + 2 * R) * ((size_t)it->Q + 2 * R) * (size_t)it->K : x;
    if (it->op->kind == RB_OP_CONV && it->pool) floats += (size_t)(it->pool->R * it->Q) * 2 * RB__KN_LANES;
    if (sparse) floats += 2 * (size_t)it->pool_dx->P * (size_t)it->pool_dx->Q * ldy;
    if (it->op->kind == RB_OP_CONV_DW && it->pool_dx && !sparse) floats += y;
    return sizeof(float) * floats;
}

bool rb__kn_conv_fits(const rb__kn_item *it) { return stack_of(it) <= RB__KN_STACK; }

static rb__kn_part *part_new(rb__kn_plan *plan, const rb__kn_item *it, const char *file, const char *body) {
    rb__kn_part *part = rb__kn_part_new(plan, it->number, file, body);
    part->base = "conv_image.cl";
    part->stack = stack_of(it);
    define_shape(part, it);
    return part;
}

/* A part that arranges the weights in panels of nv vectors; flip: for dx. Returns where they are. */
static int pack(rb__kn_plan *plan, const rb__kn_item *it, int nv, bool flip) {
    bool sparse = is_sparse(it);
    int taps = it->R * it->R, rows = flip ? it->K : it->C, columns = flip ? rb__kn_pad(it->C) : it->ldw;
    int packed = rb__kn_work_new(plan, sizeof(float) * (size_t)taps * (size_t)rows * (size_t)columns);
    rb__kn_part *part =
        sparse ? part_new(plan, it, "conv_sparse.cl", "conv_pack_sparse") : part_new(plan, it, "conv.cl", "conv_pack");
    rb__kn_define(part, "FLIP", flip);
    rb__kn_define(part, "NV", nv);
    rb__kn_define(part, "COLUMNS", columns);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_work_out(part, packed, "__global float *");
    part->groups = taps;
    part->cost = (double)rows * columns / 4;
    return packed;
}

static void lower_forward(rb__kn_plan *plan, rb__kn_item *it) {
    const rb__kn_item *pool = it->pool;
    int nv = vectors(it->ldw), panels = it->ldw / (nv * RB__KN_LANES), width = (it->W + 2 * it->pad) * it->C;
    bool max = pool && pool->op->kind == RB_OP_MAXPOOL;
    /* Rows of a narrow panel of wide weights would be far sharers in memory. */
    bool packed = panels > 1 && weight_bytes(it) > RB__KN_CONV_PACKED;
    int weights = packed ? pack(plan, it, nv, false) : -1;
    rb__kn_part *part = part_new(plan, it, "conv.cl", "conv");
    int rows = define_tile(part, pool ? 1 : it->P, it->Q, nv);
    rb__kn_define(part, "SLACK", rows * it->stride * width + RB__KN_CONV_ROWS * it->stride * it->C + RB__KN_LANES);
    rb__kn_define(part, "LDB", packed ? nv * RB__KN_LANES : it->ldw);
    rb__kn_define(part, "PANEL", nv * RB__KN_LANES * (packed ? it->R * it->R * it->C : 1));
    rb__kn_define(part, "BIAS", it->in[2] >= 0);
    rb__kn_define(part, "BAND", pool ? pool->R : rows);
    rb__kn_define(part, "POOL", !pool ? 0 : max ? 1 : 2);
    rb__kn_define(part, "KEEP", it->out[0] >= 0);
    rb__kn_define_act(part, it->op);
    rb__kn_input(plan, part, it);
    if (packed)
        rb__kn_work_in(part, weights, "__global const float *");
    else
        rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    if (it->out[0] >= 0) rb__kn_out(plan, part, it->out[0]);
    if (pool) rb__kn_out(plan, part, pool->out[0]);
    if (max) rb__kn_pool_index(plan, part, pool);
    share(part, it, RB__KN_CONV_GROUPS, panels, (size_t)(it->H + 2 * it->pad) * (size_t)width);
    set_cost(part, it);
}

/* The same with the mean over windows behind it, one channel, few filters. */
static void lower_planar(rb__kn_plan *plan, rb__kn_item *it) {
    const int line = rb__kn_pad(it->Q);
    rb__kn_part *part = part_new(plan, it, "conv_planar.cl", "conv_planar");
    rb__kn_define(part, "LINE", line);
    rb__kn_define(part, "NV", vectors(line));
    rb__kn_define(part, "SLACK", 2 * RB__KN_LANES);
    rb__kn_define(part, "WINDOW", it->pool->R);
    rb__kn_define(part, "HIGH", it->pool->P);
    rb__kn_define(part, "WIDE", it->pool->Q);
    rb__kn_define(part, "BIAS", it->in[2] >= 0);
    rb__kn_define(part, "KEEP", it->out[0] >= 0);
    rb__kn_define_act(part, it->op);
    rb__kn_input(plan, part, it);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    if (it->out[0] >= 0) rb__kn_out(plan, part, it->out[0]);
    rb__kn_out(plan, part, it->pool->out[0]);
    share_images(part, it->N, RB__KN_CONV_GROUPS, 1);
    set_cost(part, it);
}

/* How far the taps of the pixels of dx reach over the edges of dy (see conv.cl). Returns the height with borders. */
static int define_border(rb__kn_part *part, const rb__kn_item *it, int *width) {
    int left = 0, right = 0, below = 0, st = it->stride;
    for (int a = 0; a < st; a++) {
        int taps = rb__kn_divide(it->R - a, st), first = (a - it->pad % st + st) % st,
            start = (first + it->pad - a) / st;
        left = most(left, taps - 1 - start);
        right = most(right, start + rb__kn_divide(it->W - first, st) - it->Q);
        below = most(below, start + rb__kn_divide(it->H - first, st) - it->P);
    }
    rb__kn_define(part, "LEFT", left);
    rb__kn_define(part, "RIGHT", right);
    rb__kn_define(part, "BELOW", below);
    *width = left + it->Q + right;
    return left + it->P + below;
}

/* What every dx reads and writes: dy, packed filters, the activation's saved output, dx. */
static void add_dx(rb__kn_plan *plan, rb__kn_part *part, const rb__kn_item *it, int packed) {
    rb__kn_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__kn_define_act(part, it->op);
    add_gradient(plan, part, it);
    rb__kn_work_in(part, packed, "__global const float *");
    rb__kn_in(plan, part, it->op->act == RB_ACT_NONE ? -1 : it->in[2]);
    rb__kn_result(plan, part, it);
}

/* dx of few channels. */
static void lower_columns(rb__kn_plan *plan, rb__kn_item *it) {
    int run = run_of(it), nv = vectors(run);
    int packed = rb__kn_work_new(plan, sizeof(float) * (size_t)(it->R * it->K) * (size_t)run);
    rb__kn_part *pack = part_new(plan, it, "conv_columns.cl", "conv_pack_columns");
    rb__kn_define(pack, "RUN", run);
    rb__kn_in(plan, pack, it->in[1]);
    rb__kn_work_out(pack, packed, "__global float *");
    pack->groups = it->R;
    pack->cost = (double)it->K * run / 4;

    rb__kn_part *part = part_new(plan, it, "conv_columns.cl", "conv_dx_columns");
    rb__kn_define(part, "RUN", run);
    rb__kn_define(part, "NV", nv);
    rb__kn_define(part, "M", piece(it->Q, nv == 1 ? 2 * RB__KN_CONV_ROWS : RB__KN_CONV_ROWS));
    add_dx(plan, part, it, packed);
    share_images(part, it->N, RB__KN_CONV_GROUPS, 1);
    set_cost(part, it);
}

static void lower_dx(rb__kn_plan *plan, rb__kn_item *it) {
    bool sparse = is_sparse(it);
    int columns = rb__kn_pad(it->C), nv = vectors(columns), width, packed = pack(plan, it, nv, true);
    rb__kn_part *part =
        sparse ? part_new(plan, it, "conv_sparse.cl", "conv_dx_sparse") : part_new(plan, it, "conv.cl", "conv_dx");
    add_dx(plan, part, it, packed);
    if (sparse) {
        share_images(part, it->N, RB__KN_CONV_GROUPS, 1);
    } else {
        int high = define_border(part, it, &width);
        int rows = define_tile(part, rb__kn_divide(it->H, it->stride), rb__kn_divide(it->W, it->stride), nv);
        rb__kn_define(part, "SLACK", rows * width * it->K + RB__KN_CONV_ROWS * it->K + RB__KN_LANES);
        rb__kn_define(part, "LDB", nv * RB__KN_LANES);
        share(part, it, RB__KN_CONV_GROUPS, columns / (nv * RB__KN_LANES), (size_t)(high * width) * (size_t)it->K);
    }
    set_cost(part, it);
}

/* Every part of the batch has sums of its own, which another part adds. */
static void lower_dw(rb__kn_plan *plan, rb__kn_item *it) {
    int places = it->R * it->R * it->C, run = it->R * it->C;
    bool sparse = is_sparse(it), whole = places <= RB__KN_CONV_PLACES;
    int nv = whole ? 1 : vectors(it->ldw);
    size_t bytes = weight_bytes(it) + sizeof(float) * (size_t)it->ldw;
    size_t image = (size_t)(it->H + 2 * it->pad) * (size_t)(it->W + 2 * it->pad) * (size_t)it->C;
    const char *body = sparse ? "conv_dw_sparse" : it->planar ? "conv_dw_planar" : "conv_dw";
    rb__kn_part *part = part_new(plan, it, sparse ? "conv_sparse.cl" : it->planar ? "conv_planar.cl" : "conv.cl", body);
    int parts = most(1, least(RB__KN_CONV_GROUPS / 2, (int)(RB__KN_CONV_PARTIALS / bytes)));
    int partials = rb__kn_work_new(plan, bytes * (size_t)parts);
    rb__kn_define(part, "WHOLE", whole);
    if (it->planar)
        rb__kn_define(part, "M", planar_filters(it));
    else
        rb__kn_define(part, "M", whole ? places : piece(run, nv == 1 ? RB__KN_CONV_PLACES : RB__KN_CONV_ROWS));
    rb__kn_define(part, "LINE", rb__kn_pad(it->Q));
    rb__kn_define(part, "NV", nv);
    rb__kn_define(part, "SLACK", 2 * RB__KN_LANES + RB__KN_CONV_PLACES);
    rb__kn_input(plan, part, it);
    add_gradient(plan, part, it);
    rb__kn_work_out(part, partials, "__global float *");
    parts = sparse || it->planar ? share_images(part, it->N, parts, 1)
                                 : share(part, it, parts, it->ldw / (nv * RB__KN_LANES), image);
    set_cost(part, it);

    rb__kn_part *sum =
        sparse ? part_new(plan, it, "conv_sparse.cl", "conv_sum_sparse") : part_new(plan, it, "conv.cl", "conv_sum");
    rb__kn_define(sum, "NV", 1);
    rb__kn_define(sum, "BIAS", it->out[1] >= 0);
    rb__kn_work_in(sum, partials, "__global const float *");
    rb__kn_out(plan, sum, it->out[0]);
    rb__kn_out(plan, sum, it->out[1]);
    rb__kn_int(sum, parts);
    if (sparse) {
        sum->groups = it->R * it->R + 1;
        sum->cost = (double)it->K * it->C / RB__KN_LANES * parts;
    } else {
        rb__kn_flat(plan, sum, (int64_t)(places + 1) * it->ldw);
        sum->cost *= parts;
    }
}

void rb__kn_lower_conv(rb__kn_plan *plan, rb__kn_item *it) {
    if (rb__kn_taken(plan, it))
        plan->device->runtime->lower(plan, it);
    else if (plan->device->gpu || !rb__kn_conv_fits(it)) /* slower in the cpu family, but right */
        rb__kn_lower_gemm(plan, it);
    else if (it->op->kind == RB_OP_CONV && it->planar)
        lower_planar(plan, it);
    else if (it->op->kind == RB_OP_CONV)
        lower_forward(plan, it);
    else if (is_columns(it))
        lower_columns(plan, it);
    else if (it->op->kind == RB_OP_CONV_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
