/* ops.c: every op of a device, alone, against the reference in double.
 *
 * A shape's model is compiled twice: in the device's layout, with its fusions, and canonically. The reference runs
 * first, op by op, and every tensor that an op writes is remembered by name. Then the device runs its list op by op,
 * each op bound as a variant of its own: before, its outputs are filled with NaN; after, (1) the outputs agree with
 * what the reference wrote under the same name, (2) padding is zero, (3) nothing else in the store has changed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/side.h"
#include "op/op.h"
#include "reference/reference.h"
#include "regbench/check.h"

typedef struct memory { /* what the reference wrote, by tensor name */
    char name[RB_VARIANTS][512][32];
    float *values[RB_VARIANTS][512];
    int n[RB_VARIANTS];
} memory;

typedef struct tally {
    int count[RB_OP_KINDS], failed[RB_OP_KINDS];
    double worst[RB_OP_KINDS];       /* relative error */
    char providers[RB_OP_KINDS][32]; /* whose code ran it, each name once */
} tally;

typedef struct check {
    const rb_check_shape *shape;
    rb_side here, there;
    memory seen;
    tally *tally;
    const char *provider; /* of the op at hand */
    double roundoff;      /* of operands of products */
    double of_result;     /* of what they give back */
    FILE *to;
} check;

/* An output that the op only reads from and adds to, or writes one row of. */
static bool keeps_old(const rb_op *op, int k, const rb_tensor *t) {
    if (k == 0 && (op->flags & RB_OPF_ACCUMULATE)) return true;
    return op->kind == RB_OP_ATTACK ? op->out[0] == op->in[0] : op->kind == RB_OP_UPDATE && t->segment == RB_SEG_PARAM;
}

static rb_status poison_outputs(rb_side *s, const rb_variant *v, const rb_op *op) {
    rb_status status = RB_OK;
    for (int k = 0; k < RB_OP_MAX_OUT && status == RB_OK; k++) {
        if (op->out[k] < 0 || keeps_old(op, k, &v->tensors[op->out[k]])) continue;
        const rb_tensor *t = &v->tensors[op->out[k]];
        void *nan = malloc(t->bytes);
        if (!nan) return rb_fail(RB_MEMORY, "out of memory while checking ops");
        memset(nan, 0xFF, t->bytes);
        status = s->backend->put(s->store, t->segment, t->offset, t->bytes, nan);
        free(nan);
    }
    return status;
}

static void complain(check *c, const rb_variant *v, int i, const char *what) {
    c->tally->failed[v->ops[i].kind]++;
    if (c->to)
        fprintf(c->to, "FAILED %s: op %d %s of variant %s (%s): %s\n", c->shape->name, i, rb_op_name(v->ops[i].kind),
                v->name, c->provider ? c->provider : "?", what);
}

/* Which of STATE an op moves: an update its moments, batch norm in training its running statistics. */
static bool moves_state(const rb_op *op) {
    return op->kind == RB_OP_UPDATE || (op->kind == RB_OP_BATCHNORM && (op->flags & RB_OPF_TRAIN));
}

/* Everything outside of the op's outputs (and of the state that it moves) is as it was. */
static void check_canaries(check *c, const rb_variant *v, int i) {
    const rb_op *op = &v->ops[i];
    rb_side *s = &c->here;
    for (int k = 0; k < RB_OP_MAX_OUT + RB_OP_MAX_IN; k++) {
        int id = k < RB_OP_MAX_OUT ? op->out[k] : op->in[k - RB_OP_MAX_OUT];
        if (id < 0) continue;
        const rb_tensor *t = &v->tensors[id];
        if (k >= RB_OP_MAX_OUT && (t->segment != RB_SEG_STATE || !moves_state(op))) continue;
        memcpy(s->before[t->segment] + t->offset, s->after[t->segment] + t->offset, t->bytes);
    }
    for (int k = 0; k < RB_SEGMENTS; k++)
        for (size_t b = 0; b < s->program->bytes[k]; b++)
            if (s->before[k][b] != s->after[k][b]) {
                char what[128];
                snprintf(what, sizeof what, "changed byte %zu of segment %s, which is not among its outputs", b,
                         rb_segment_name((rb_segment)k));
                complain(c, v, i, what);
                return;
            }
}

static bool last_writer(const rb_variant *v, int i, int tensor) {
    for (int j = i + 1; j < v->n_ops; j++)
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (v->ops[j].out[k] == tensor) return false;
    return true;
}

static bool is_product(const rb_op *op) {
    return (op->kind >= RB_OP_LINEAR && op->kind <= RB_OP_LINEAR_DW) ||
           (op->kind >= RB_OP_CONV && op->kind <= RB_OP_CONV_DW);
}

/* One of a tensor's writers, which may go on with what another left. */
static bool has_product(const rb_variant *v, const rb_tensor *t) {
    for (int i = 0; i < v->n_ops; i++)
        for (int k = 0; is_product(&v->ops[i]) && k < RB_OP_MAX_OUT; k++)
            if (v->ops[i].out[k] >= 0 && &v->tensors[v->ops[i].out[k]] == t) return true;
    return false;
}

static void note_provider(check *c, rb_op_kind kind) {
    char *list = c->tally->providers[kind];
    size_t length = strlen(list), size = sizeof c->tally->providers[kind];
    if (!strstr(list, c->provider)) snprintf(list + length, size - length, "%s%s", length ? " " : "", c->provider);
}

/* What the reference made takes the place of the op's outputs, for those that read them. */
static rb_status correct(check *c, rb_variant_kind kind, int i) {
    rb_status status = RB_OK;
    const rb_variant *v = &c->here.program->variant[kind];
    for (int k = 0; k < RB_OP_MAX_OUT && status == RB_OK; k++) {
        const rb_tensor *t = v->ops[i].out[k] < 0 ? NULL : &v->tensors[v->ops[i].out[k]];
        if (!t || t->dtype != RB_REAL || (t->segment != RB_SEG_ACT && t->segment != RB_SEG_GRAD)) continue;
        for (int n = 0; n < c->seen.n[kind]; n++)
            if (strcmp(c->seen.name[kind][n], t->name) == 0 && !strchr(t->name, '*') &&
                last_writer(v, i, v->ops[i].out[k]))
                status = rb_tensor_put(c->here.backend, c->here.store, c->here.program, t, c->seen.values[kind][n]);
    }
    return status;
}

static void check_output(check *c, rb_variant_kind kind, int i, const rb_tensor *t) {
    const rb_variant *v = &c->here.program->variant[kind];
    const rb_op *op = &v->ops[i];
    int64_t n = 0, where;
    char what[256];
    if (t->dtype == RB_REAL && t->segment != RB_SEG_METRIC && !rb__side_padding_is_zero(&c->here, t)) {
        snprintf(what, sizeof what, "padding of %s is not zero", t->name);
        complain(c, v, i, what);
    }
    float *got = rb__side_canonical(&c->here, v, t, c->here.after, &n), *expected = NULL, row[RB_METRIC_COLUMNS];
    for (int k = 0; k < c->seen.n[kind]; k++)
        if (strcmp(c->seen.name[kind][k], t->name) == 0) expected = c->seen.values[kind][k];
    if (!got || !expected) {
        snprintf(what, sizeof what, "the reference wrote no tensor named %s", t->name);
        complain(c, v, i, what);
        free(got);
        return;
    }
    if (strchr(t->name, '*')) { /* flat views differ in padding: parameters are compared one by one, see check_params */
        const rb_tensor *from = &v->tensors[op->in[0]];
        if (op->kind == RB_OP_COPY && memcmp(c->here.before[from->segment] + from->offset,
                                             c->here.after[t->segment] + t->offset, t->bytes) != 0) {
            snprintf(what, sizeof what, "%s is not a copy of %s", t->name, from->name);
            complain(c, v, i, what);
        }
        free(got);
        return;
    }
    int loss = op->kind == RB_OP_LOSS_CE || op->kind == RB_OP_LOSS_MSE;
    if (t->segment == RB_SEG_METRIC) { /* NaN where this op does not write: compare its own columns only */
        expected = memcpy(row, expected, sizeof row);
        for (int k = 0; k < RB_METRIC_COLUMNS; k++) {
            bool mine = loss                      ? k <= RB_METRIC_CORRECT
                        : op->kind == RB_OP_NORMS ? k == RB_METRIC_PARAM_SQ
                                                  : k >= RB_METRIC_PARAM_SQ;
            if (!mine)
                got[k] = expected[k] = 0;
            else if (isfinite(expected[k]) && expected[k] != 0)
                got[k] /= expected[k], expected[k] = 1;
        }
    }
    double outputs = (double)rb_tensor_count(t) > 0 ? (double)rb_tensor_count(t) : 1;
    double length =
        t->segment == RB_SEG_METRIC ? (double)c->here.program->n_weights : rb_op_flops(v, op) / (2 * outputs);
    double tolerance = 1.2e-7 * (32 + 4 * sqrt(length)), error = rb_max_relative_error(got, expected, n, &where);
    if (has_product(v, t)) tolerance += 8 * c->roundoff + 2 * c->of_result;
    if (t->dtype == RB_I32 || t->dtype == RB_U8) tolerance = 0;
    /* x/255 rounded to float is the same from double; then so must be which pixel it was */
    if (op->kind == RB_OP_GATHER && op->u.normalize.mean == 0 && op->u.normalize.stddev == 1) tolerance = 0;
    if (error > c->tally->worst[op->kind]) c->tally->worst[op->kind] = error;
    if (!(error <= tolerance)) {
        snprintf(what, sizeof what,
                 "%s[%lld] is %.9g, expected %.9g (error %.3g relative to the largest, allowed %.3g)", t->name,
                 (long long)where, (double)got[where], (double)expected[where], error, tolerance);
        complain(c, v, i, what);
    }
    free(got);
}

/* A tensor of PARAM or STATE as op i left it; the reference has left it as `u`. */
static void check_stored(check *c, rb_variant_kind kind, int i, const rb_tensor *t, const rb_tensor *u) {
    const rb_variant *v = &c->here.program->variant[kind];
    int64_t n = 0, where;
    char what[256];
    float *got = rb__side_canonical(&c->here, v, t, c->here.after, &n),
          *expected = rb__side_canonical(&c->there, v, u, c->there.after, &n);
    double error = got && expected ? rb_max_relative_error(got, expected, n, &where) : INFINITY;
    if (!(error <= 1e-5)) {
        snprintf(what, sizeof what, "%s in %s is off by %.3g", t->name, rb_segment_name(t->segment), error);
        complain(c, v, i, what);
    }
    if (!rb__side_padding_is_zero(&c->here, t)) {
        snprintf(what, sizeof what, "padding of %s in %s is not zero", t->name, rb_segment_name(t->segment));
        complain(c, v, i, what);
    }
    free(got);
    free(expected);
}

/* After an update: parameters and the optimizer's state, tensor by tensor. */
static void check_params(check *c, rb_variant_kind kind, int i) {
    const rb_program *p = c->here.program, *q = c->there.program;
    for (int k = 0; k < p->n_params; k++) {
        check_stored(c, kind, i, &p->params[k].tensor, &q->params[k].tensor);
        for (int state = 0; state < rb_program_states(p); state++) {
            rb_tensor t = rb_program_state(p, &p->params[k].tensor, state),
                      u = rb_program_state(q, &q->params[k].tensor, state);
            check_stored(c, kind, i, &t, &u);
        }
    }
}

/* After batch norm, in either mode: the running statistics of its layer. */
static void check_statistics(check *c, rb_variant_kind kind, int i) {
    const rb_program *p = c->here.program, *q = c->there.program;
    for (int k = 0; k < p->n_buffers; k++)
        if (p->buffers[k].layer == p->variant[kind].ops[i].layer)
            check_stored(c, kind, i, &p->buffers[k].tensor, &q->buffers[k].tensor);
}

static rb_status run_reference(check *c, rb_variant_kind kind) {
    rb_status status = RB_OK;
    rb_side *s = &c->there;
    const rb_variant *v = &s->program->variant[kind];
    const char *provider;
    for (int i = 0; i < v->n_ops; i++) {
        RB_TRY(rb__side_run(s, kind, i, &provider));
        for (int k = 0; k < RB_OP_MAX_OUT; k++) {
            if (v->ops[i].out[k] < 0) continue;
            const rb_tensor *t = &v->tensors[v->ops[i].out[k]];
            int64_t n;
            int slot = 0;
            while (slot < c->seen.n[kind] && strcmp(c->seen.name[kind][slot], t->name)) slot++;
            if (slot == 512) return rb_fail(RB_INTERNAL, "a check model writes more than 512 tensors");
            if (slot == c->seen.n[kind]) c->seen.n[kind]++;
            memcpy(c->seen.name[kind][slot], t->name, sizeof t->name);
            free(c->seen.values[kind][slot]); /* a gradient with several writers: the finished one counts */
            c->seen.values[kind][slot] = rb__side_canonical(s, v, t, s->after, &n);
        }
    }
cleanup:
    return status;
}

static rb_status check_variant(check *c, rb_variant_kind kind) {
    rb_status status = RB_OK;
    const rb_variant *v = &c->here.program->variant[kind];
    if (!v->n_ops) return RB_OK;
    RB_TRY(run_reference(c, kind));
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        RB_TRY(poison_outputs(&c->here, v, op));
        RB_TRY(rb__side_run(&c->here, kind, i, &c->provider));
        note_provider(c, op->kind);
        c->tally->count[op->kind]++;
        check_canaries(c, v, i);
        for (int k = 0; k < RB_OP_MAX_OUT; k++)
            if (op->out[k] >= 0 && (last_writer(v, i, op->out[k]) || v->tensors[op->out[k]].segment == RB_SEG_METRIC))
                check_output(c, kind, i, &v->tensors[op->out[k]]);
        if (op->kind == RB_OP_UPDATE) check_params(c, kind, i);
        if (op->kind == RB_OP_BATCHNORM) check_statistics(c, kind, i);
        if (c->roundoff > 0) RB_TRY(correct(c, kind, i));
    }
cleanup:
    return status;
}

static rb_status check_shape(check *c) {
    rb_status status = RB_OK;
    rb_device_info info;
    c->here.backend->info(c->here.device, &info);
    c->roundoff = info.product_roundoff;
    c->of_result = info.result_roundoff;
    RB_TRY(rb__side_new(&c->here, c->shape));
    RB_TRY(rb__side_new(&c->there, c->shape));
    if (rb_backend_supports(c->here.backend, c->here.device, c->here.program) != RB_OK) {
        if (c->to) fprintf(c->to, "skipped %s: %s\n", c->shape->name, rb_error_last()->text);
        rb_error_clear();
        goto cleanup;
    }
    static const rb_variant_kind kinds[] = {RB_VARIANT_TRAIN,       RB_VARIANT_TRAIN_TAIL, RB_VARIANT_EVAL,
                                            RB_VARIANT_SNAPSHOT,    RB_VARIANT_RESTORE,    RB_VARIANT_NORMS,
                                            RB_VARIANT_ATTACK_INIT, RB_VARIANT_ATTACK,     RB_VARIANT_ATTACK_EVAL};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) RB_TRY(check_variant(c, kinds[k]));
cleanup:
    rb__side_free(&c->here);
    rb__side_free(&c->there);
    for (int k = 0; k < RB_VARIANTS; k++)
        for (int i = 0; i < c->seen.n[k]; i++) free(c->seen.values[k][i]);
    return status;
}

rb_status rb_check_ops(const rb_backend *backend, rb_device *device, const char *only, FILE *to, int *checked,
                       int *failed) {
    rb_status status = RB_OK;
    rb_device *reference = NULL;
    tally total = {0};
    check *c = malloc(sizeof *c);
    *checked = *failed = 0;
    if (!c) return rb_fail(RB_MEMORY, "out of memory while checking ops");
    RB_TRY(rb_backend_reference64.open(0, NULL, &reference));
    for (const rb_check_shape *shape = rb_check_shapes; shape->name; shape++) {
        if (only && !strstr(shape->name, only)) continue;
        memset(c, 0, sizeof *c);
        c->shape = shape;
        c->here = (rb_side){.backend = backend, .device = device};
        c->there = (rb_side){.backend = &rb_backend_reference64, .device = reference};
        c->tally = &total;
        c->to = to;
        RB_TRY(check_shape(c));
    }
    if (to) fprintf(to, "%-14s %-14s %8s %8s  %s\n", "op", "provider", "checked", "failed", "worst relative error");
    for (int k = 0; k < RB_OP_KINDS; k++) {
        *checked += total.count[k];
        *failed += total.failed[k];
        if (to && total.count[k])
            fprintf(to, "%-14s %-14s %8d %8d  %.2g\n", rb_op_name((rb_op_kind)k), total.providers[k], total.count[k],
                    total.failed[k], total.worst[k]);
    }
cleanup:
    if (reference) rb_backend_reference64.close(reference);
    free(c);
    return status;
}
