/* conv.c: parts of convolutions and of their gradients, cpu family: which register tiles, how many images a group
 * takes, packed weights and partial sums. */
#include "opencl/opencl.h"
#include "opencl/tuning.h"

static int divide_up(int a, int b) { return (a + b - 1) / b; }
static int round16(int n) { return divide_up(n, RB__CL_LANES) * RB__CL_LANES; }
static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

/* n cut into equal pieces of at most `limit`: the length of one. */
static int piece(int n, int limit) { return divide_up(n, divide_up(n, limit)); }

static int vectors(int columns) { return columns % (2 * RB__CL_LANES) ? 1 : 2; }

static void define_shape(rb__cl_part *part, const rb__cl_item *it) {
    const struct {
        const char *name;
        int value;
    } list[] = {{"C", it->C},     {"H", it->H},     {"W", it->W},     {"K", it->K},
                {"P", it->P},     {"Q", it->Q},     {"R", it->R},     {"STRIDE", it->stride},
                {"PAD", it->pad}, {"LDX", it->ldx}, {"LDY", it->ldy}, {"LDW", it->ldw}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) rb__cl_define(part, list[i].name, list[i].value);
}

/* Tiles of pixels of an image of `rows` x `columns`: as high as registers allow, over several rows where these are
 * short. Returns the pixels that may be read behind the image's last row. */
static int define_tile(rb__cl_part *part, int rows, int columns, int nv) {
    int q = piece(columns, RB__CL_CONV_ROWS), p = piece(rows, most(1, RB__CL_CONV_ROWS / q));
    rb__cl_define(part, "TILE_P", p);
    rb__cl_define(part, "TILE_Q", q);
    rb__cl_define(part, "NV", nv);
    return p;
}

/* Images of a group, given as arguments N and each. */
static int share_images(rb__cl_part *part, int n, int groups) {
    int each = divide_up(n, groups);
    rb__cl_int(part, n);
    rb__cl_int(part, each);
    return divide_up(n, each);
}

static double work(const rb__cl_item *it) {
    return (double)it->P * it->Q * it->R * it->R * it->C * it->ldw / RB__CL_LANES;
}

static void add_images(rb__cl_plan *plan, rb__cl_part *part, const rb__cl_item *it) {
    const rb__cl_item *gather = it->gather;
    rb__cl_define(part, "GATHER", gather != NULL);
    if (!gather) {
        rb__cl_in(plan, part, it->in[0]);
        return;
    }
    rb__cl_cursor(plan, part);
    rb__cl_define_float(part, "MEAN", gather->op->u.normalize.mean);
    rb__cl_define_float(part, "STDDEV", gather->op->u.normalize.stddev);
    rb__cl_in(plan, part, gather->in[0]);
    rb__cl_in(plan, part, gather->in[1]);
}

static void lower_forward(rb__cl_plan *plan, rb__cl_item *it) {
    int nv = vectors(it->ldw), width = (it->W + 2 * it->pad) * it->C;
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "conv.cl", "conv");
    define_shape(part, it);
    int rows = define_tile(part, it->P, it->Q, nv);
    rb__cl_define(part, "SLACK", rows * it->stride * width + RB__CL_CONV_ROWS * it->stride * it->C + RB__CL_LANES);
    rb__cl_define(part, "LDB", it->ldw);
    rb__cl_define(part, "PANEL", nv * RB__CL_LANES);
    rb__cl_define(part, "BIAS", it->in[2] >= 0);
    rb__cl_define_act(part, it->op);
    add_images(plan, part, it);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_in(plan, part, it->in[2]);
    rb__cl_out(plan, part, it->out[0]);
    part->groups = share_images(part, it->N, RB__CL_CONV_GROUPS);
    part->cost = work(it) * it->N / part->groups;
}

/* How far the taps of the pixels of dx reach over the edges of dy; see conv.cl. */
static void define_border(rb__cl_part *part, const rb__cl_item *it, int *width) {
    int left = 0, right = 0, below = 0, st = it->stride;
    for (int a = 0; a < st; a++) {
        int taps = divide_up(it->R - a, st), first = (a - it->pad % st + st) % st, start = (first + it->pad - a) / st;
        left = most(left, taps - 1 - start);
        right = most(right, start + divide_up(it->W - first, st) - it->Q);
        below = most(below, start + divide_up(it->H - first, st) - it->P);
    }
    rb__cl_define(part, "LEFT", left);
    rb__cl_define(part, "RIGHT", right);
    rb__cl_define(part, "BELOW", below);
    *width = left + it->Q + right;
}

static void lower_dx(rb__cl_plan *plan, rb__cl_item *it) {
    int columns = round16(it->C), nv = vectors(columns), width, taps = it->R * it->R;
    int packed = rb__cl_work_new(plan, sizeof(float) * (size_t)taps * (size_t)it->K * (size_t)columns);
    rb__cl_part *pack = rb__cl_part_new(plan, it->number, "conv.cl", "conv_pack");
    define_shape(pack, it);
    rb__cl_define(pack, "FLIP", 1);
    rb__cl_define(pack, "NV", nv);
    rb__cl_define(pack, "COLUMNS", columns);
    rb__cl_in(plan, pack, it->in[1]);
    rb__cl_work_out(pack, packed, "__global float *");
    pack->groups = taps;
    pack->cost = (double)it->K * columns / 4;

    rb__cl_part *part = rb__cl_part_new(plan, it->number, "conv.cl", "conv_dx");
    define_shape(part, it);
    define_border(part, it, &width);
    int rows = define_tile(part, divide_up(it->H, it->stride), divide_up(it->W, it->stride), nv);
    rb__cl_define(part, "SLACK", rows * width * it->K + RB__CL_CONV_ROWS * it->K + RB__CL_LANES);
    rb__cl_define(part, "LDB", nv * RB__CL_LANES);
    rb__cl_define(part, "ADD", (it->op->flags & RB_OPF_ACCUMULATE) != 0);
    rb__cl_define_act(part, it->op);
    rb__cl_in(plan, part, it->in[0]);
    rb__cl_work_in(part, packed, "__global const float *");
    rb__cl_in(plan, part, it->op->act == RB_ACT_NONE ? -1 : it->in[2]);
    rb__cl_inout(plan, part, it->out[0]);
    part->groups = share_images(part, it->N, RB__CL_CONV_GROUPS);
    part->cost = work(it) * it->N / part->groups;
}

static void lower_dw(rb__cl_plan *plan, rb__cl_item *it) {
    int places = it->R * it->R * it->C, run = it->R * it->C;
    bool whole = places <= RB__CL_CONV_PLACES;
    int nv = whole ? 1 : vectors(it->ldw), panels = it->ldw / (nv * RB__CL_LANES);
    size_t bytes = sizeof(float) * (size_t)(places + 1) * (size_t)it->ldw;
    /* Groups: parts of the batch, each with sums of its own; where these are large, also parts of their columns. */
    int parts = most(1, least(RB__CL_CONV_GROUPS / 2, (int)(RB__CL_CONV_PARTIALS / bytes)));
    int apart = parts < RB__CL_CONV_GROUPS / 4 ? panels : 1, each = divide_up(it->N, parts);
    parts = divide_up(it->N, each);
    int partials = rb__cl_work_new(plan, bytes * (size_t)parts);
    rb__cl_part *part = rb__cl_part_new(plan, it->number, "conv.cl", "conv_dw");
    define_shape(part, it);
    rb__cl_define(part, "WHOLE", whole);
    rb__cl_define(part, "M", whole ? places : piece(run, nv == 1 ? RB__CL_CONV_PLACES : RB__CL_CONV_ROWS));
    rb__cl_define(part, "NV", nv);
    rb__cl_define(part, "APART", apart);
    rb__cl_define(part, "SLACK", 2 * RB__CL_LANES + RB__CL_CONV_PLACES);
    add_images(plan, part, it);
    rb__cl_in(plan, part, it->in[1]);
    rb__cl_work_out(part, partials, "__global float *");
    part->groups = share_images(part, it->N, parts) * apart;
    part->cost = work(it) * it->N / part->groups;

    rb__cl_part *sum = rb__cl_part_new(plan, it->number, "conv.cl", "conv_sum");
    rb__cl_define(sum, "NV", 1);
    rb__cl_define(sum, "WEIGHTS", places * it->ldw);
    rb__cl_define(sum, "LDW", it->ldw);
    rb__cl_define(sum, "BIAS", it->out[1] >= 0);
    rb__cl_work_in(sum, partials, "__global const float *");
    rb__cl_out(plan, sum, it->out[0]);
    rb__cl_out(plan, sum, it->out[1]);
    rb__cl_int(sum, parts);
    rb__cl_flat(plan, sum, (int64_t)(places + 1) * it->ldw);
}

void rb__cl_lower_conv(rb__cl_plan *plan, rb__cl_item *it) {
    if (plan->device->gpu)
        rb__cl_plan_fail(plan, rb_fail(RB_UNSUPPORTED, "todo"));
    else if (it->op->kind == RB_OP_CONV)
        lower_forward(plan, it);
    else if (it->op->kind == RB_OP_CONV_DX)
        lower_dx(plan, it);
    else
        lower_dw(plan, it);
}
