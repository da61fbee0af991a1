/* norms.c: norms of each parameter tensor, for layers.csv: computed on the host at a decision point. */
#include <math.h>
#include <stdlib.h>

#include "regbench/train.h"

static const double nearly_zero = 1e-3;

/* Canonical values of one tensor out of a whole segment's bytes. */
static rb_status values_of(const rb_program *p, const rb_tensor *t, const char *segment, float **values) {
    *values = malloc((size_t)rb_tensor_count(t) * sizeof **values);
    if (!*values) return rb_fail(RB_MEMORY, "out of memory for the values of %s", t->name);
    rb_tensor_unpack(t, p->layout.real_bytes, segment + t->offset, *values);
    return RB_OK;
}

static rb_status norms_of(const rb_program *p, const rb_tensor *t, const char *param, const char *grad,
                          rb_tensor_norms *out) {
    rb_status status = RB_OK;
    int64_t n = rb_tensor_count(t), small = 0;
    double sum = 0, squares = 0, largest = 0, grad_squares = 0;
    float *w = NULL, *g = NULL;
    RB_TRY(values_of(p, t, param, &w));
    RB_TRY(values_of(p, t, grad, &g));
    for (int64_t i = 0; i < n; i++) {
        double a = fabs((double)w[i]);
        sum += a;
        squares += a * a;
        if (a > largest || isnan(a)) largest = a; /* nothing is larger than a NaN: it stays */
        small += a < nearly_zero;
        grad_squares += (double)g[i] * (double)g[i];
    }
    *out = (rb_tensor_norms){.l1 = sum,
                             .l2 = sqrt(squares),
                             .max_abs = largest,
                             .near_zero = (double)small / (double)n,
                             .grad_l2 = sqrt(grad_squares)};
cleanup:
    free(w);
    free(g);
    return status;
}

rb_status rb_trainer_norms(rb_trainer *t, rb_tensor_norms *out) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(t);
    size_t bytes = p->bytes[RB_SEG_PARAM]; /* GRAD has the same addresses */
    char *param = malloc(bytes), *grad = malloc(bytes);
    if (!param || !grad) {
        status = rb_fail(RB_MEMORY, "out of memory for %zu bytes of parameters", bytes);
        goto cleanup;
    }
    RB_TRY(rb_trainer_backend(t)->get(rb_trainer_store(t), RB_SEG_PARAM, 0, bytes, param));
    RB_TRY(rb_trainer_backend(t)->get(rb_trainer_store(t), RB_SEG_GRAD, 0, bytes, grad));
    for (int i = 0; i < p->n_params; i++) RB_TRY(norms_of(p, &p->params[i].tensor, param, grad, &out[i]));
cleanup:
    free(param);
    free(grad);
    return status;
}
