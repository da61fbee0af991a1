/* gp.c: a Gaussian process with GSL's Cholesky factor, fitted by maximum likelihood, and expected improvement. */
#include "study/gp.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double matern(const double *x, const double *y, const double *scale, int axes) {
    double square = 0;
    for (int a = 0; a < axes; a++) square += (x[a] - y[a]) * (x[a] - y[a]) / (scale[a] * scale[a]);
    double r = sqrt(5 * square);
    return (1 + r + r * r / 3) * exp(-r);
}

void rb__gp_free(rb__gp *gp) {
    free(gp->x);
    gsl_matrix_free(gp->factor);
    gsl_vector_free(gp->weights);
    gsl_vector_free(gp->row);
    memset(gp, 0, sizeof *gp);
}

static rb_status allocate(rb__gp *gp, int n, int axes) {
    memset(gp, 0, sizeof *gp);
    gp->n = n;
    gp->axes = axes;
    gp->x = calloc((size_t)n, sizeof *gp->x);
    gp->factor = gsl_matrix_alloc((size_t)n, (size_t)n);
    gp->weights = gsl_vector_alloc((size_t)n);
    gp->row = gsl_vector_alloc((size_t)n);
    if (gp->x && gp->factor && gp->weights && gp->row) return RB_OK;
    return rb_fail(RB_MEMORY, "out of memory for a Gaussian process of %d trials", n);
}

/* Fills in all that depends on the scales; false where C has no Cholesky factor. */
static bool condition(rb__gp *gp, const rb_trial *trials) {
    int n = gp->n;
    double determinant = 0, square;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            gsl_matrix_set(gp->factor, (size_t)i, (size_t)j,
                           matern(gp->x[i], gp->x[j], gp->scales.scale, gp->axes) + (i == j ? gp->scales.noise : 0));
    if (gsl_linalg_cholesky_decomp1(gp->factor) != GSL_SUCCESS) return false;
    for (int i = 0; i < n; i++) {
        gsl_vector_set(gp->row, (size_t)i, trials[i].objective - gp->mean);
        determinant += 2 * log(gsl_matrix_get(gp->factor, (size_t)i, (size_t)i));
    }
    gsl_linalg_cholesky_solve(gp->factor, gp->row, gp->weights);
    gsl_blas_ddot(gp->row, gp->weights, &square);
    gp->variance = fmax(square / n, 1e-12); /* all the same: no variance, but still a scale to divide by */
    gp->log_likelihood = -0.5 * (n * log(2 * M_PI * gp->variance) + determinant + square / gp->variance);
    return true;
}

/* GSL's own handler of errors aborts: ours looks at what the calls return. */
rb_status rb__gp_new(const rb_trial *trials, int n, int axes, const rb__gp_scales *scales, rb__gp *out) {
    rb_status status = RB_OK;
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    RB_TRY(allocate(out, n, axes));
    out->scales = *scales;
    for (int i = 0; i < n; i++) {
        memcpy(out->x[i], trials[i].at, sizeof out->x[i]);
        out->mean += trials[i].objective / n;
    }
    if (!condition(out, trials)) status = rb_fail(RB_INTERNAL, "the covariance of %d trials has no Cholesky factor", n);
cleanup:
    gsl_set_error_handler(handler);
    if (status != RB_OK) rb__gp_free(out);
    return status;
}

/* --- scales ---------------------------------------------------------------------------------------------------------
 */

typedef struct fit {
    rb__gp *gp;
    const rb_trial *trials;
} fit;

static double prior(double value, double around, double width) {
    double z = (log(value) - log(around)) / width;
    return 0.5 * z * z;
}

/* What is minimized, over the logarithms of the scales and of the noise. */
static double cost(const gsl_vector *v, void *context) {
    const fit *f = context;
    rb__gp_scales *scales = &f->gp->scales;
    double sum = 0;
    for (int a = 0; a < f->gp->axes; a++) {
        scales->scale[a] = exp(gsl_vector_get(v, (size_t)a));
        sum += prior(scales->scale[a], 0.5, 1);
    }
    scales->noise = 1e-6 + exp(gsl_vector_get(v, (size_t)f->gp->axes)); /* C stays regular */
    sum += prior(scales->noise, 0.05, 2);
    return condition(f->gp, f->trials) ? sum - f->gp->log_likelihood : 1e100;
}

rb_status rb__simplex(double (*f)(const gsl_vector *v, void *context), void *context, int n, double step,
                      int iterations, double *at) {
    rb_status status = RB_OK;
    gsl_multimin_function function = {.f = f, .n = (size_t)n, .params = context};
    gsl_multimin_fminimizer *m = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, (size_t)n);
    gsl_vector *steps = gsl_vector_alloc((size_t)n);
    gsl_vector_view from = gsl_vector_view_array(at, (size_t)n);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    if (!m || !steps) {
        status = rb_fail(RB_MEMORY, "out of memory for a simplex");
        goto cleanup;
    }
    gsl_vector_set_all(steps, step);
    gsl_multimin_fminimizer_set(m, &function, &from.vector, steps);
    for (int i = 0; i < iterations && gsl_multimin_fminimizer_iterate(m) == GSL_SUCCESS; i++)
        if (gsl_multimin_fminimizer_size(m) < 1e-3) break;
    gsl_vector_memcpy(&from.vector, gsl_multimin_fminimizer_x(m));
cleanup:
    gsl_set_error_handler(handler);
    gsl_multimin_fminimizer_free(m);
    gsl_vector_free(steps);
    return status;
}

rb_status rb__gp_fit(const rb_trial *trials, int n, int axes, rb__gp *out) {
    static const double lengths[] = {0.1, 0.3, 1, 3}, noises[] = {1e-4, 1e-2, 0.3};
    rb_status status = RB_OK;
    double at[RB_STUDY_AXES + 1], best[RB_STUDY_AXES + 1] = {0}, least = INFINITY;
    rb__gp_scales start = {.noise = 1};
    fit f = {.gp = out, .trials = trials};
    gsl_vector_view view = gsl_vector_view_array(at, (size_t)axes + 1);
    for (int a = 0; a < axes; a++) start.scale[a] = 1;
    RB_TRY(rb__gp_new(trials, n, axes, &start, out));
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) /* one length for all axes first */
        for (size_t j = 0; j < sizeof noises / sizeof *noises; j++) {
            for (int a = 0; a < axes; a++) at[a] = log(lengths[i]);
            at[axes] = log(noises[j]);
            double now = cost(&view.vector, &f);
            if (now >= least) continue;
            least = now;
            memcpy(best, at, sizeof best);
        }
    status = rb__simplex(cost, &f, axes + 1, 0.5, 200, best);
    memcpy(at, best, sizeof at);
    if (status == RB_OK && !(cost(&view.vector, &f) < 1e99))
        status = rb_fail(RB_INTERNAL, "no Gaussian process fits %d trials", n);
    gsl_set_error_handler(handler);
cleanup:
    if (status != RB_OK) rb__gp_free(out);
    return status;
}

/* --- use ------------------------------------------------------------------------------------------------------------
 */

void rb__gp_predict(const rb__gp *gp, const double *at, double *mean, double *deviation) {
    double explained, sum;
    for (int i = 0; i < gp->n; i++)
        gsl_vector_set(gp->row, (size_t)i, matern(at, gp->x[i], gp->scales.scale, gp->axes));
    gsl_blas_ddot(gp->row, gp->weights, &sum);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, gp->factor, gp->row);
    gsl_blas_ddot(gp->row, gp->row, &explained);
    *mean = gp->mean + sum;
    *deviation = sqrt(gp->variance * fmax(1 - explained, 0));
}

double rb__expected_improvement(double mean, double deviation, double best) {
    if (!(deviation > 0)) return fmax(mean - best, 0);
    double z = (mean - best) / deviation;
    return (mean - best) * gsl_cdf_ugaussian_P(z) + deviation * gsl_ran_ugaussian_pdf(z);
}
