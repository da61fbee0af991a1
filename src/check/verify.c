/* verify.c: a case's first steps on a device against the reference in double. */
#include <math.h>
#include <stdlib.h>

#include "reference/reference.h"
#include "regbench/check.h"

enum { STRICT_STEPS = 2 }; /* in which every gradient must agree; see rb_verify */

static double distance(double got, double expected) {
    double error = fabs(got - expected) / (fabs(expected) > 1e-6 ? fabs(expected) : 1e-6);
    return isfinite(error) ? error : INFINITY;
}

/* One batch, one epoch. */
static rb_status step(rb_trainer *t, rb_step_metrics *m) {
    rb_status status = RB_OK;
    RB_TRY(rb_trainer_begin_window(t));
    RB_TRY(rb_trainer_submit(t, 1));
    RB_TRY(rb_trainer_metrics(t, 0, 1, m));
cleanup:
    return status;
}

/* The size that an error in parameter or gradient i is relative to, at least: 0, but for what is zero in exact
 * arithmetic. Batch norm takes away what a bias right before it adds, so that its gradient consists of nothing but
 * rounding: of terms as large as those of the layer's weight. */
static double smallest_scale(const rb_program *q, int i, bool gradient, const float *weight, int64_t n) {
    const rb_param *bias = &q->params[i];
    double scale = 0.0;
    if (!gradient || bias->role != RB_BIAS || q->spec.layers[bias->layer + 1].kind != RB_LAYER_BATCHNORM) return 0.0;
    for (int64_t k = 0; k < n; k++) scale = fmax(scale, fabs((double)weight[k]));
    return scale;
}

static double worst_of(const float *a, const float *b, int64_t n, double scale) {
    int64_t where;
    double worst = 0.0;
    if (scale == 0) return rb_max_relative_error(a, b, n, &where);
    for (int64_t i = 0; i < n; i++) {
        double error = fabs((double)a[i] - (double)b[i]) / scale;
        if (!(error <= worst)) worst = isfinite(error) ? error : INFINITY;
    }
    return worst;
}

/* Parameters, gradients and BN statistics. */
static rb_status compare_tensors(const rb_backend *backend, rb_trainer *here, rb_trainer *there, double *worst) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(here), *q = rb_trainer_program(there);
    float *a = NULL, *b = NULL, *before = NULL; /* before: what the reference has of the tensor before, a weight's */
    int64_t n_before = 0;
    for (int k = 0; k < 2 * p->n_params + p->n_buffers; k++) {
        int i = k % p->n_params, buffer = k - 2 * p->n_params;
        bool gradient = k >= p->n_params && buffer < 0;
        rb_tensor s = buffer < 0 ? p->params[i].tensor : p->buffers[buffer].tensor,
                  t = buffer < 0 ? q->params[i].tensor : q->buffers[buffer].tensor;
        int64_t n = rb_tensor_count(&s);
        if (gradient) s.segment = t.segment = RB_SEG_GRAD;
        a = malloc(sizeof *a * (size_t)n);
        b = malloc(sizeof *b * (size_t)n);
        if (!a || !b) {
            status = rb_fail(RB_MEMORY, "out of memory while comparing %s", s.name);
            goto cleanup;
        }
        RB_TRY(rb_tensor_get(backend, rb_trainer_store(here), p, &s, a));
        RB_TRY(rb_tensor_get(&rb_backend_reference64, rb_trainer_store(there), q, &t, b));
        double error = worst_of(a, b, n, smallest_scale(q, i, gradient, before, n_before));
        if (error > *worst) *worst = error;
        free(a);
        free(before);
        before = b;
        n_before = n;
        a = b = NULL;
    }
cleanup:
    free(a);
    free(b);
    free(before);
    return status;
}

/* A tensor of the reference, rounded to float, to both sides. */
static rb_status align_tensor(const rb_backend *backend, rb_trainer *here, const rb_tensor *s, rb_trainer *there,
                              const rb_tensor *t) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(here), *q = rb_trainer_program(there);
    float *values = malloc(sizeof *values * (size_t)rb_tensor_count(s));
    if (!values) return rb_fail(RB_MEMORY, "out of memory while comparing %s", s->name);
    RB_TRY(rb_tensor_get(&rb_backend_reference64, rb_trainer_store(there), q, t, values));
    RB_TRY(rb_tensor_put(&rb_backend_reference64, rb_trainer_store(there), q, t, values));
    RB_TRY(rb_tensor_put(backend, rb_trainer_store(here), p, s, values));
cleanup:
    free(values);
    return status;
}

/* Parameters, optimizer state and BN statistics: the next step starts from the same state. */
static rb_status align(const rb_backend *backend, rb_trainer *here, rb_trainer *there) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(here), *q = rb_trainer_program(there);
    for (int i = 0; i < p->n_params; i++) {
        RB_TRY(align_tensor(backend, here, &p->params[i].tensor, there, &q->params[i].tensor));
        for (int k = 0; k < rb_program_states(p); k++) {
            rb_tensor s = rb_program_state(p, &p->params[i].tensor, k),
                      t = rb_program_state(q, &q->params[i].tensor, k);
            RB_TRY(align_tensor(backend, here, &s, there, &t));
        }
    }
    for (int i = 0; i < p->n_buffers; i++)
        RB_TRY(align_tensor(backend, here, &p->buffers[i].tensor, there, &q->buffers[i].tensor));
cleanup:
    return status;
}

rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err) {
    rb_status status = RB_OK;
    rb_device *reference = NULL;
    rb_trainer *here = NULL, *there = NULL;
    double worst = 0.0;
    int ties = 0;
    *max_rel_err = INFINITY;
    if (rows > c->batch) rows = c->batch;
    if (rows > data->n_train / 2) rows = data->n_train > 1 ? (int)(data->n_train / 2) : 1;
    /* a view of the first rows: trained in order, one batch an epoch */
    rb_dataset few = *data;
    few.n_train = few.n_test = rows;
    rb_case small = *c;
    small.n_train = small.n_valid = 0, small.valid_share = 0;
    small.batch = rows;
    small.in_order = true;
    small.window_epochs = 1;
    small.attack.kind = RB_ATTACK_NONE; /* nobody looks at it */
    /* An adversary that goes nowhere: the sign of a gradient that is nothing but rounding is another in float, and a
     * whole step apart. Its step by itself is checked with the ops. */
    small.adversary.eps = small.adversary.step = 0;
    RB_TRY(rb_backend_reference64.open(0, NULL, &reference));
    RB_TRY(rb_trainer_new(backend, device, &small, &few, seed, &here));
    RB_TRY(rb_trainer_new(&rb_backend_reference64, reference, &small, &few, seed, &there));
    for (int s = 0; s < steps; s++) {
        rb_step_metrics mine, exact;
        RB_TRY(step(here, &mine));
        RB_TRY(step(there, &exact));
        double loss = distance(mine.loss, exact.loss), rest = distance(mine.param_l2, exact.param_l2);
        double grad = distance(mine.grad_l2, exact.grad_l2);
        if (grad > rest) rest = grad;
        RB_TRY(compare_tensors(backend, here, there, &rest));
        bool tie = s >= STRICT_STEPS && loss <= RB_VERIFY_TOLERANCE && !(rest <= RB_VERIFY_TOLERANCE);
        if (tie && 10 * ++ties <= steps) rest = 0.0;
        if (loss > worst) worst = loss;
        if (rest > worst) worst = rest;
        RB_TRY(align(backend, here, there));
    }
    *max_rel_err = worst;
    if (!(worst <= RB_VERIFY_TOLERANCE))
        status =
            rb_fail(RB_VERIFY,
                    "%s on %s differs from the reference by %.3g (relative) within %d steps on %d samples; at most "
                    "%g is allowed: no number is printed",
                    c->name, backend->name, worst, steps, rows, RB_VERIFY_TOLERANCE);
cleanup:
    rb_trainer_free(here);
    rb_trainer_free(there);
    if (reference) rb_backend_reference64.close(reference);
    return status;
}
