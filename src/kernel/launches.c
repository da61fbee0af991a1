/* launches.c: from parts to launches: what depends on what, side by side or one after another.
 *
 * The level of a part is one more than the highest level of an earlier part that wrote what it reads, read what it
 * writes, or wrote what it writes. Parts of one level share launches. The compiler's packing of activations reuses
 * addresses, so conflicts are found by bytes, not by tensors; small networks get memory without reuse instead.
 *
 * Parts that treat every batch row by itself, in equal groups of rows, may follow each other within one level: they are
 * a *chain*, whose functions a group calls one after another on its rows. So a network's forward and backward way
 * through the activations is one launch, and the rows stay in the cache. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "kernel/tuning.h"

typedef enum relation { FREE, ROW_BY_ROW, AFTER } relation;

static relation compare_args(const rb__kn_plan *plan, const rb__kn_part *p, const rb__kn_arg *a, const rb__kn_part *q,
                             const rb__kn_arg *b) {
    if (!(a->writes && (b->writes || b->reads)) && !(b->writes && a->reads)) return FREE;
    if (a->work >= 0 || b->work >= 0) return a->work == b->work ? AFTER : FREE;
    const rb_tensor *s = &plan->variant->tensors[a->tensor], *t = &plan->variant->tensors[b->tensor];
    if (s->segment != t->segment) return FREE;
    bool rows = p->rows && p->rows == q->rows && !a->whole && !b->whole;
    if (s->segment == RB_SEG_ACT && a->tensor == b->tensor && rows) return ROW_BY_ROW;
    if (s->segment == RB_SEG_ACT && plan->own) return a->tensor == b->tensor ? AFTER : FREE;
    return s->offset < t->offset + t->bytes && t->offset < s->offset + s->bytes ? AFTER : FREE;
}

static relation compare_parts(const rb__kn_plan *plan, const rb__kn_part *later, const rb__kn_part *earlier) {
    relation most = FREE;
    if (plan->apart || later->alone || earlier->alone) return AFTER;
    for (int i = 0; i < later->n_args; i++)
        for (int j = 0; j < earlier->n_args; j++) {
            relation r = compare_args(plan, later, &later->args[i], earlier, &earlier->args[j]);
            if (r > most) most = r;
        }
    return most;
}

static void set_levels(rb__kn_plan *plan) {
    for (int i = 0; i < plan->n_parts; i++) {
        rb__kn_part *part = &plan->parts[i];
        part->level = 0;
        for (int j = 0; j < i; j++) {
            relation r = compare_parts(plan, part, &plan->parts[j]);
            int least = r == FREE ? 0 : plan->parts[j].level + (r == AFTER);
            if (part->level < least) part->level = least;
        }
    }
}

/* Parts of a level that go by the same rows; costs become those of the whole chain. */
static void make_chains(rb__kn_plan *plan) {
    for (int i = 0; i < plan->n_parts; i++) {
        rb__kn_part *part = &plan->parts[i];
        part->chain = i;
        for (int j = 0; j < i && part->rows; j++)
            if (plan->parts[j].level == part->level && plan->parts[j].rows == part->rows && !plan->apart) {
                part->chain = plan->parts[j].chain;
                plan->parts[part->chain].cost += part->cost;
                break;
            }
    }
}

static bool goes_before(const rb__kn_plan *plan, int a, int b) {
    int p = plan->parts[a].chain, q = plan->parts[b].chain;
    if (p == q) return a < b;
    return plan->parts[p].cost != plan->parts[q].cost ? plan->parts[p].cost < plan->parts[q].cost : p < q;
}

/* Launches of one level: cheap groups first, because a device's threads take the first groups in the largest portions.
 */
static void cut_level(rb__kn_plan *plan, int level, int *filled) {
    int first = *filled;
    for (int i = 0; i < plan->n_parts; i++) {
        if (plan->parts[i].level != level) continue;
        int at = (*filled)++;
        for (; at > first && goes_before(plan, i, plan->sequence[at - 1]); at--)
            plan->sequence[at] = plan->sequence[at - 1];
        plan->sequence[at] = i;
    }
    int args = 0;
    size_t stack = 0;
    for (int at = first; at < *filled; at++) {
        const rb__kn_part *part = &plan->parts[plan->sequence[at]];
        args += part->n_args + 1;
        stack += part->stack; /* compilers do not share it between the parts of a kernel */
        if (at == first || args > RB__KN_TOGETHER || stack > RB__KN_STACK_TOGETHER) {
            plan->launches[plan->n_launches++] = (rb__kn_launch){.first = at};
            args = part->n_args + 1;
            stack = part->stack;
        }
        plan->launches[plan->n_launches - 1].count++;
    }
}

bool rb__kn_goes_on(const rb__kn_plan *plan, const rb__kn_launch *launch, int k) {
    const int *at = &plan->sequence[launch->first + k];
    return k > 0 && plan->parts[at[0]].chain == plan->parts[at[-1]].chain;
}

rb_status rb__kn_make_launches(rb__kn_plan *plan) {
    int levels = 0, filled = 0;
    set_levels(plan);
    make_chains(plan);
    plan->sequence = calloc((size_t)plan->n_parts + 1, sizeof *plan->sequence);
    plan->launches = calloc((size_t)plan->n_parts + 1, sizeof *plan->launches);
    if (!plan->sequence || !plan->launches) return rb_fail(RB_MEMORY, "out of memory while binding");
    for (int i = 0; i < plan->n_parts; i++)
        if (plan->parts[i].level >= levels) levels = plan->parts[i].level + 1;
    for (int level = 0; level < levels; level++) cut_level(plan, level, &filled);
    for (int i = 0; i < plan->n_launches; i++) {
        rb__kn_launch *launch = &plan->launches[i];
        for (int k = 0; k < launch->count; k++)
            if (!rb__kn_goes_on(plan, launch, k))
                launch->groups += (size_t)plan->parts[plan->sequence[launch->first + k]].groups;
    }
    return RB_OK;
}
