/* verify.c: a case's first steps on a device against the reference in double. */
#include <math.h>
#include <stdlib.h>

#include "reference/reference.h"
#include "regbench/check.h"

static double distance(double got, double expected) {
    double error = fabs(got - expected) / (fabs(expected) > 1e-6 ? fabs(expected) : 1e-6);
    return isfinite(error) ? error : INFINITY;
}

/* Products one behind the other, at most. */
static int products(const rb_program *p) {
    const rb_variant *v = &p->variant[RB_VARIANT_TRAIN];
    int n = 0;
    for (int i = 0; i < v->n_ops; i++) n += v->ops[i].kind == RB_OP_LINEAR || v->ops[i].kind == RB_OP_CONV;
    return n;
}

double rb_verify_tolerance(const rb_device_info *device, const rb_program *program) {
    return RB_VERIFY_TOLERANCE + (2 * device->product_roundoff + device->result_roundoff) * products(program);
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

typedef struct side {
    const rb_backend *backend;
    rb_trainer *trainer;
} side;

static rb_status get(const side *s, const rb_tensor *t, float *values) {
    return rb_tensor_get(s->backend, rb_trainer_store(s->trainer), rb_trainer_program(s->trainer), t, values);
}

static rb_status put(const side *s, const rb_tensor *t, const float *values) {
    return rb_tensor_put(s->backend, rb_trainer_store(s->trainer), rb_trainer_program(s->trainer), t, values);
}

/* Tensor t of one side to u of the other; both have it as float then. */
static rb_status copy(const side *from, const rb_tensor *t, const side *to, const rb_tensor *u) {
    rb_status status = RB_OK;
    float *values = malloc(sizeof *values * (size_t)rb_tensor_count(t));
    if (!values) return rb_fail(RB_MEMORY, "out of memory while comparing %s", t->name);
    RB_TRY(get(from, t, values));
    RB_TRY(put(from, t, values));
    RB_TRY(put(to, u, values));
cleanup:
    free(values);
    return status;
}

/* The size that an error in gradient i is relative to, at least: 0, but for what is zero in exact arithmetic. Batch
 * norm takes away what a bias right before it adds, so that its gradient consists of nothing but rounding: of terms as
 * large as those of the layer's weight. */
static rb_status smallest_scale(const side *there, int i, double *scale) {
    rb_status status = RB_OK;
    const rb_program *q = rb_trainer_program(there->trainer);
    const rb_param *bias = &q->params[i];
    float *weight = NULL;
    *scale = 0.0;
    if (bias->role != RB_BIAS || q->spec.layers[bias->layer + 1].kind != RB_LAYER_BATCHNORM) return RB_OK;
    rb_tensor t = q->params[i - 1].tensor;
    int64_t n = rb_tensor_count(&t);
    t.segment = RB_SEG_GRAD;
    weight = malloc(sizeof *weight * (size_t)n);
    if (!weight) return rb_fail(RB_MEMORY, "out of memory while comparing %s", t.name);
    RB_TRY(get(there, &t, weight));
    for (int64_t k = 0; k < n; k++) *scale = fmax(*scale, fabs((double)weight[k]));
cleanup:
    free(weight);
    return status;
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

/* The same of two vectors as a whole. */
static double apart(const float *a, const float *b, int64_t n, double scale) {
    double difference = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    double error = sqrt(difference) / fmax(fmax(sqrt(size), scale * sqrt((double)n)), 1e-30);
    return isfinite(error) ? error : INFINITY;
}

/* Two trainers of one case, and what the reference needs to repeat an update. */
typedef struct pair {
    side here, there; /* there: the reference */
    rb_variant last;  /* the update alone: the last op of the reference's step */
    rb_bound *update;
    char *param, *state;         /* the reference's, before the step */
    size_t state_at, state_size; /* bytes of STATE that are the optimizer's */
    rb_device_info info;         /* of the device here */
} pair;

/* *worst becomes the relative error of tensor s here against t of the reference, if that is larger. */
static rb_status compare(const pair *v, const rb_tensor *s, const rb_tensor *t, double scale, double *worst) {
    rb_status status = RB_OK;
    int64_t n = rb_tensor_count(s);
    float *a = malloc(sizeof *a * (size_t)n), *b = malloc(sizeof *b * (size_t)n);
    if (!a || !b) {
        status = rb_fail(RB_MEMORY, "out of memory while comparing %s", s->name);
        goto cleanup;
    }
    RB_TRY(get(&v->here, s, a));
    RB_TRY(get(&v->there, t, b));
    bool whole = v->info.product_roundoff > 0 && s->segment == RB_SEG_GRAD;
    double error = whole ? apart(a, b, n, scale) : worst_of(a, b, n, scale);
    if (error > *worst) *worst = error;
cleanup:
    free(a);
    free(b);
    return status;
}

/* Between the reference's store and the buffers of what a step changes and its update starts from. */
static rb_status keep(const pair *v, bool back) {
    rb_status status = RB_OK;
    rb_store *store = rb_trainer_store(v->there.trainer);
    size_t bytes = rb_trainer_program(v->there.trainer)->bytes[RB_SEG_PARAM];
    const rb_backend *r = &rb_backend_reference64;
    if (back) {
        RB_TRY(r->put(store, RB_SEG_PARAM, 0, bytes, v->param));
        RB_TRY(r->put(store, RB_SEG_STATE, v->state_at, v->state_size, v->state));
    } else {
        RB_TRY(r->get(store, RB_SEG_PARAM, 0, bytes, v->param));
        RB_TRY(r->get(store, RB_SEG_STATE, v->state_at, v->state_size, v->state));
    }
cleanup:
    return status;
}

/* Those of the step that was just taken. */
static rb_status compare_gradients(const pair *v, double *worst) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(v->here.trainer), *q = rb_trainer_program(v->there.trainer);
    for (int i = 0; i < p->n_params; i++) {
        rb_tensor s = p->params[i].tensor, t = q->params[i].tensor;
        double scale;
        s.segment = t.segment = RB_SEG_GRAD;
        RB_TRY(smallest_scale(&v->there, i, &scale));
        RB_TRY(compare(v, &s, &t, scale, worst));
    }
cleanup:
    return status;
}

/* BN statistics, parameters and optimizer's state. The reference repeats its update number `step` from the gradients
 * found here before. An update may be far more sensitive than what it starts from: Adam's first one is the rate times
 * the gradient's sign, which rounding decides where a gradient is nearly zero. */
static rb_status compare_state(const pair *v, int step, double *worst) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(v->here.trainer), *q = rb_trainer_program(v->there.trainer);
    for (int i = 0; i < p->n_buffers; i++) RB_TRY(compare(v, &p->buffers[i].tensor, &q->buffers[i].tensor, 0, worst));
    RB_TRY(keep(v, true));
    for (int i = 0; i < p->n_params; i++) {
        rb_tensor s = p->params[i].tensor, t = q->params[i].tensor;
        s.segment = t.segment = RB_SEG_GRAD;
        RB_TRY(copy(&v->here, &s, &v->there, &t));
    }
    rb_trainer_seek(v->there.trainer, step);
    RB_TRY(rb_trainer_begin_window(v->there.trainer));
    RB_TRY(rb_backend_reference64.submit(v->update, 1));
    rb_trainer_seek(v->there.trainer, step + 1);
    for (int i = 0; i < p->n_params; i++) {
        RB_TRY(compare(v, &p->params[i].tensor, &q->params[i].tensor, 0, worst));
        for (int k = 0; k < rb_program_states(p); k++) {
            rb_tensor s = rb_program_state(p, &p->params[i].tensor, k),
                      t = rb_program_state(q, &q->params[i].tensor, k);
            RB_TRY(compare(v, &s, &t, 0, worst));
        }
    }
cleanup:
    return status;
}

/* The reference's parameters, optimizer state and BN statistics on both sides: the next step starts from the same. */
static rb_status align(const pair *v) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(v->here.trainer), *q = rb_trainer_program(v->there.trainer);
    for (int i = 0; i < p->n_params; i++) {
        RB_TRY(copy(&v->there, &q->params[i].tensor, &v->here, &p->params[i].tensor));
        for (int k = 0; k < rb_program_states(p); k++) {
            rb_tensor s = rb_program_state(p, &p->params[i].tensor, k),
                      t = rb_program_state(q, &q->params[i].tensor, k);
            RB_TRY(copy(&v->there, &t, &v->here, &s));
        }
    }
    for (int i = 0; i < p->n_buffers; i++)
        RB_TRY(copy(&v->there, &q->buffers[i].tensor, &v->here, &p->buffers[i].tensor));
cleanup:
    return status;
}

static rb_status pair_open(pair *v, const rb_backend *backend, rb_device *device, rb_device *reference,
                           const rb_case *c, const rb_dataset *data, uint64_t seed) {
    rb_status status = RB_OK;
    backend->info(device, &v->info);
    v->here.backend = backend;
    v->there.backend = &rb_backend_reference64;
    RB_TRY(rb_trainer_new(backend, device, c, data, seed, &v->here.trainer));
    RB_TRY(rb_trainer_new(&rb_backend_reference64, reference, c, data, seed, &v->there.trainer));
    const rb_program *q = rb_trainer_program(v->there.trainer);
    v->last = q->variant[RB_VARIANT_TRAIN];
    v->last.ops += v->last.n_ops - 1;
    v->last.n_ops = 1;
    if (v->last.ops->kind != RB_OP_UPDATE)
        return rb_fail(RB_INTERNAL, "a step of %s does not end with its update", c->name);
    RB_TRY(rb_backend_reference64.bind(rb_trainer_store(v->there.trainer), q, &v->last, &v->update));
    v->state_at = rb_program_states(q) ? q->momentum_all.offset : q->bytes[RB_SEG_STATE];
    v->state_size = q->bytes[RB_SEG_STATE] - v->state_at;
    v->param = malloc(q->bytes[RB_SEG_PARAM]);
    v->state = malloc(v->state_size + 1);
    if (!v->param || !v->state) status = rb_fail(RB_MEMORY, "out of memory while comparing parameters");
cleanup:
    return status;
}

static void pair_close(pair *v) {
    if (v->update) rb_backend_reference64.unbind(v->update);
    rb_trainer_free(v->here.trainer);
    rb_trainer_free(v->there.trainer);
    free(v->param);
    free(v->state);
}

rb_status rb_verify(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                    uint64_t seed, int steps, int rows, double *max_rel_err) {
    rb_status status = RB_OK;
    rb_device *reference = NULL;
    pair v = {0};
    double worst = 0.0;
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
    RB_TRY(pair_open(&v, backend, device, reference, &small, &few, seed));
    const double tolerance = rb_verify_tolerance(&v.info, rb_trainer_program(v.here.trainer));
    const double of_gradients = v.info.product_roundoff > 0 ? sqrt(tolerance) : tolerance;
    for (int s = 0, ties = 0; s < steps + ties; s++) {
        rb_step_metrics mine, exact;
        RB_TRY(keep(&v, false));
        RB_TRY(step(v.here.trainer, &mine));
        RB_TRY(step(v.there.trainer, &exact));
        double error = fmax(distance(mine.loss, exact.loss), distance(mine.param_l2, exact.param_l2));
        double gradient = distance(mine.grad_l2, exact.grad_l2);
        RB_TRY(compare_gradients(&v, &gradient));
        RB_TRY(compare_state(&v, s, &error));
        bool tie = error <= tolerance && !(gradient <= of_gradients);
        if (tie && 10 * ties < steps)
            ties++;
        else
            error = fmax(error, gradient * tolerance / of_gradients);
        if (!(error <= worst)) worst = error;
        RB_TRY(align(&v));
    }
    *max_rel_err = worst;
    if (!(worst <= tolerance))
        status =
            rb_fail(RB_VERIFY,
                    "%s on %s differs from the reference by %.3g (relative) within %d steps on %d samples; at most "
                    "%g is allowed: no number is printed",
                    c->name, backend->name, worst, steps, rows, tolerance);
cleanup:
    pair_close(&v);
    if (reference) rb_backend_reference64.close(reference);
    return status;
}
