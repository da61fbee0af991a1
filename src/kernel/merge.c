/* merge.c: neighbouring ops that one part does better together, found by who reads and writes what. */
#include "kernel/kernel.h"

static bool may_gather(const rb__kn_plan *plan, const rb__kn_item *it, const rb__kn_item *gather) {
    rb_op_kind kind = it->op->kind;
    if (kind == RB_OP_LINEAR || kind == RB_OP_LINEAR_DW) return it->D == gather->D && !rb__kn_taken(plan, it);
    return (kind == RB_OP_CONV || kind == RB_OP_CONV_DW) && !rb__kn_taken(plan, it);
}

/* Layers that read the batch from the data set themselves, if nobody else wants it. */
static void merge_gather(const rb__kn_plan *plan, rb__kn_item *items, rb__kn_item *gather) {
    const rb_variant *v = plan->variant;
    int x = gather->out[0];
    if (rb_op_augments(gather->op)) return; /* each layer that reads it would put the images together anew */
    for (int i = 0; i < v->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++)
            if (items[i].in[k] == x && (k > 0 || !may_gather(plan, &items[i], gather))) return;
    for (int i = 0; i < v->n_ops; i++)
        if (items[i].in[0] == x) items[i].gather = gather;
    gather->idle = true;
}

void rb__kn_merge(rb__kn_plan *plan, rb__kn_item *items) {
    for (int i = 0; i < plan->variant->n_ops; i++)
        if (items[i].op->kind == RB_OP_GATHER) merge_gather(plan, items, &items[i]);
    rb__kn_merge_conv(plan, items);
}
