/* steps.c: every shape of the table as whole steps: what a device makes of neighbouring ops together.
 *
 * Single ops run without their neighbours, so that nothing is merged there. Here each variant is bound whole and runs
 * two steps, here and on the reference in double, each from the same state; then everything that outlives a step must
 * agree: metrics, predictions, gradients, parameters, the optimizer's state, batch norm's statistics. Padding must be
 * zero, data, labels, orders and schedules must be untouched. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/side.h"
#include "reference/reference.h"
#include "regbench/check.h"

enum { STEPS = 2 };

typedef struct steps {
    const rb_check_shape *shape;
    rb_side here, there;
    const rb_variant *here_variant, *there_variant;
    int failed;
    double worst; /* relative error */
    FILE *to;
} steps;

static void complain(steps *s, const char *what, const char *name) {
    s->failed++;
    if (s->to)
        fprintf(s->to, "FAILED %s: a whole step of variant %s: %s %s\n", s->shape->name, s->here_variant->name, name,
                what);
}

/* Tensor t here is u there. */
static void compare(steps *s, const rb_tensor *t, const rb_tensor *u) {
    int64_t n = 0, where = 0;
    char what[128];
    float *got = rb__side_canonical(&s->here, s->here_variant, t, s->here.after, &n),
          *expected = rb__side_canonical(&s->there, s->there_variant, u, s->there.after, &n);
    double error = got && expected ? 0.0 : INFINITY;
    if (got && expected && t->segment == RB_SEG_METRIC) { /* columns of very different size; what no op writes is NaN */
        for (int64_t k = 0; k < n; k++) {
            double e =
                isnan(expected[k]) && isnan(got[k]) ? 0.0 : rb_max_relative_error(got + k, expected + k, 1, &where);
            if (!(e <= error)) error = e;
        }
    } else if (got && expected) {
        error = rb_max_relative_error(got, expected, n, &where);
    }
    if (error > s->worst) s->worst = error;
    if (!(error <= (t->dtype == RB_I32 ? 0.0 : RB_VERIFY_TOLERANCE))) {
        snprintf(what, sizeof what, "in %s is off by %.3g relative to the largest, allowed are %.3g",
                 rb_segment_name(t->segment), error, RB_VERIFY_TOLERANCE);
        complain(s, what, t->name);
    }
    bool padded = t->segment == RB_SEG_PARAM || t->segment == RB_SEG_GRAD || t->segment == RB_SEG_STATE;
    if (padded && !rb__side_padding_is_zero(&s->here, t)) complain(s, "has padding that is not zero", t->name);
    free(got);
    free(expected);
}

/* The reference's numbers, as float, on both sides: the next step starts from the same state. */
static rb_status align(steps *s, const rb_tensor *t, const rb_tensor *u) {
    rb_status status = RB_OK;
    int64_t n;
    float *values = rb__side_canonical(&s->there, s->there_variant, u, s->there.after, &n);
    if (!values) return rb_fail(RB_MEMORY, "out of memory while checking steps");
    RB_TRY(rb_tensor_put(s->here.backend, s->here.store, s->here.program, t, values));
    RB_TRY(rb_tensor_put(s->there.backend, s->there.store, s->there.program, u, values));
cleanup:
    free(values);
    return status;
}

/* Parameters, their gradients (of a training step) and optimizer's state, statistics of batch norm. */
static rb_status compare_stored(steps *s, bool training) {
    rb_status status = RB_OK;
    const rb_program *p = s->here.program, *q = s->there.program;
    for (int i = 0; i < p->n_params; i++) {
        rb_tensor t = p->params[i].tensor, u = q->params[i].tensor;
        compare(s, &t, &u);
        RB_TRY(align(s, &t, &u));
        for (int k = 0; k < rb_program_states(p); k++) {
            rb_tensor a = rb_program_state(p, &t, k), b = rb_program_state(q, &u, k);
            compare(s, &a, &b);
            RB_TRY(align(s, &a, &b));
        }
        t.segment = u.segment = RB_SEG_GRAD;
        if (training) compare(s, &t, &u);
    }
    for (int i = 0; i < p->n_buffers; i++) {
        compare(s, &p->buffers[i].tensor, &q->buffers[i].tensor);
        RB_TRY(align(s, &p->buffers[i].tensor, &q->buffers[i].tensor));
    }
cleanup:
    return status;
}

/* What a step leaves for the host: tensors of METRIC and OUT, and what it makes of its INPUT. */
static void compare_results(steps *s) {
    const rb_variant *v = s->here_variant, *w = s->there_variant;
    for (int i = 0; i < v->n_tensors; i++) {
        const rb_tensor *t = &v->tensors[i];
        if (t->segment != RB_SEG_METRIC && t->segment != RB_SEG_OUT && t->segment != RB_SEG_INPUT) continue;
        for (int k = 0; k < w->n_tensors; k++)
            if (strcmp(w->tensors[k].name, t->name) == 0) compare(s, t, &w->tensors[k]);
    }
}

/* Small learning rates: a model that knows a row by heart has a loss near 0, and gradients that are nothing but
 * rounding. */
static rb_status slow_down(rb_side *s) {
    float schedule[2 * RB_SCHED_COLUMNS] = {0.02f, 0.19f, 0.002f, 0, 0.03f, 0.271f, 0.003f, 0};
    return rb_tensor_put(s->backend, s->store, s->program, &s->program->schedule, schedule);
}

static rb_status check_variant(steps *s, rb_variant_kind kind, int *checked) {
    rb_status status = RB_OK;
    s->here_variant = &s->here.program->variant[kind];
    s->there_variant = &s->there.program->variant[kind];
    if (!s->here_variant->n_ops) return RB_OK;
    for (int k = 0; k < STEPS; k++) {
        RB_TRY(rb__side_run(&s->here, kind, -1, NULL));
        RB_TRY(rb__side_run(&s->there, kind, -1, NULL));
        (*checked)++;
        for (int segment = 0; segment < RB_SEGMENTS; segment++)
            if ((segment == RB_SEG_DATA || segment == RB_SEG_CTRL) &&
                memcmp(s->here.before[segment], s->here.after[segment], s->here.program->bytes[segment]) != 0)
                complain(s, "was written to", rb_segment_name((rb_segment)segment));
        compare_results(s);
        RB_TRY(compare_stored(s, kind == RB_VARIANT_TRAIN || kind == RB_VARIANT_TRAIN_TAIL));
    }
cleanup:
    return status;
}

rb_status rb_check_steps(const rb_backend *backend, rb_device *device, const char *only, FILE *to, int *checked,
                         int *failed, double *max_rel_err) {
    static const rb_variant_kind kinds[] = {RB_VARIANT_TRAIN,      RB_VARIANT_TRAIN_TAIL,  RB_VARIANT_EVAL,
                                            RB_VARIANT_NORMS,      RB_VARIANT_ATTACK_INIT, RB_VARIANT_ATTACK,
                                            RB_VARIANT_ATTACK_EVAL};
    rb_status status = RB_OK;
    rb_device *reference = NULL;
    steps s = {0};
    *checked = *failed = 0;
    *max_rel_err = 0.0;
    rb_device_info info;
    backend->info(device, &info);
    if (info.product_roundoff > 0)
        return rb_fail(RB_UNSUPPORTED, "whole steps are compared in fp32 only: where products round their operands, "
                                       "activations take other sides of kinks");
    RB_TRY(rb_backend_reference64.open(0, NULL, &reference));
    for (const rb_check_shape *shape = rb_check_shapes; shape->name; shape++) {
        if (only && !strstr(shape->name, only)) continue;
        s = (steps){.shape = shape, .to = to};
        s.here = (rb_side){.backend = backend, .device = device};
        s.there = (rb_side){.backend = &rb_backend_reference64, .device = reference};
        RB_TRY(rb__side_new(&s.here, shape));
        RB_TRY(rb__side_new(&s.there, shape));
        RB_TRY(slow_down(&s.here));
        RB_TRY(slow_down(&s.there));
        if (rb_backend_supports(backend, device, s.here.program) != RB_OK) {
            if (to) fprintf(to, "skipped %s: %s\n", shape->name, rb_error_last()->text);
            rb_error_clear();
        } else {
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) RB_TRY(check_variant(&s, kinds[k], checked));
            if (to) fprintf(to, "%-42s worst relative error %.2g\n", shape->name, s.worst);
        }
        *failed += s.failed;
        if (s.worst > *max_rel_err) *max_rel_err = s.worst;
        rb__side_free(&s.here);
        rb__side_free(&s.there);
        s.here = s.there = (rb_side){0};
    }
cleanup:
    rb__side_free(&s.here);
    rb__side_free(&s.there);
    if (reference) rb_backend_reference64.close(reference);
    return status;
}
