/* verify.c: a case's first steps on a device against the reference in double. */
#include <math.h>
#include <stdlib.h>

#include "reference/reference.h"
#include "regbench/check.h"

static void widen(double *worst, double got, double expected) {
    double error = fabs(got - expected) / (fabs(expected) > 1e-6 ? fabs(expected) : 1e-6);
    if (!isfinite(error)) error = INFINITY;
    if (error > *worst) *worst = error;
}

/* Gradients and parameters after the last step. */
static rb_status compare_tensors(const rb_backend *backend, rb_trainer *here, rb_trainer *there, double *worst) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(here), *q = rb_trainer_program(there);
    float *a = NULL, *b = NULL;
    for (int i = 0; i < 2 * p->n_params; i++) {
        rb_tensor s = p->params[i / 2].tensor, t = q->params[i / 2].tensor;
        int64_t n = rb_tensor_count(&s), where;
        if (i % 2) s.segment = t.segment = RB_SEG_GRAD;
        a = malloc(sizeof *a * (size_t)n);
        b = malloc(sizeof *b * (size_t)n);
        if (!a || !b) {
            status = rb_fail(RB_MEMORY, "out of memory while comparing %s", s.name);
            goto cleanup;
        }
        RB_TRY(rb_tensor_get(backend, rb_trainer_store(here), p, &s, a));
        RB_TRY(rb_tensor_get(&rb_backend_reference64, rb_trainer_store(there), q, &t, b));
        double error = rb_max_relative_error(a, b, n, &where);
        if (error > *worst) *worst = error;
        free(a);
        free(b);
        a = b = NULL;
    }
cleanup:
    free(a);
    free(b);
    return status;
}

rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err) {
    rb_status status = RB_OK;
    rb_device *reference = NULL;
    rb_trainer *here = NULL, *there = NULL;
    double worst = 0.0;
    *max_rel_err = INFINITY;
    if (rows > c->batch) rows = c->batch;
    if (rows > data->n_train / 2) rows = data->n_train > 1 ? (int)(data->n_train / 2) : 1;
    /* a view of the first rows: trained in order, one batch an epoch */
    rb_dataset few = *data;
    few.n_train = few.n_test = rows;
    rb_case small = *c;
    small.n_train = small.n_valid = 0;
    small.batch = rows;
    small.in_order = true;
    RB_TRY(rb_backend_reference64.open(0, NULL, &reference));
    RB_TRY(rb_trainer_new(backend, device, &small, &few, seed, &here));
    RB_TRY(rb_trainer_new(&rb_backend_reference64, reference, &small, &few, seed, &there));
    for (int s = 0; s < steps; s++) {
        rb_trainer *both[2] = {here, there};
        rb_step_metrics m[2];
        for (int k = 0; k < 2; k++) {
            RB_TRY(rb_trainer_begin_epoch(both[k]));
            RB_TRY(rb_trainer_submit(both[k], 1));
            RB_TRY(rb_trainer_metrics(both[k], 0, 1, &m[k]));
        }
        widen(&worst, m[0].loss, m[1].loss);
        widen(&worst, m[0].param_l2, m[1].param_l2);
        widen(&worst, m[0].grad_l2, m[1].grad_l2);
    }
    RB_TRY(compare_tensors(backend, here, there, &worst));
    *max_rel_err = worst;
    if (!(worst <= RB_VERIFY_TOLERANCE))
        status =
            rb_fail(RB_VERIFY,
                    "%s on %s differs from the reference by %.3g (relative) after %d steps on %d samples; at most %g "
                    "is allowed: no number is printed",
                    c->name, backend->name, worst, steps, rows, RB_VERIFY_TOLERANCE);
cleanup:
    rb_trainer_free(here);
    rb_trainer_free(there);
    if (reference) rb_backend_reference64.close(reference);
    return status;
}
