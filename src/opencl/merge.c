/* merge.c: neighbouring ops that one part does better together, found by who reads and writes what. */
#include "opencl/opencl.h"

/* Linear layers that read the batch from the data set themselves, if nobody else wants it. */
static void merge_gather(const rb__cl_plan *plan, rb__cl_item *items, rb__cl_item *gather) {
    const rb_variant *v = plan->variant;
    int x = gather->out[0];
    if (plan->device->gpu) return;
    for (int i = 0; i < v->n_ops; i++)
        for (int k = 0; k < RB_OP_MAX_IN; k++) {
            rb_op_kind kind = items[i].op->kind;
            bool able = k == 0 && (kind == RB_OP_LINEAR || kind == RB_OP_LINEAR_DW) && items[i].D == gather->D;
            if (items[i].in[k] == x && !able) return;
        }
    for (int i = 0; i < v->n_ops; i++)
        if (items[i].in[0] == x) items[i].gather = gather;
    gather->idle = true;
}

void rb__cl_merge(rb__cl_plan *plan, rb__cl_item *items) {
    for (int i = 0; i < plan->variant->n_ops; i++)
        if (items[i].op->kind == RB_OP_GATHER) merge_gather(plan, items, &items[i]);
}
