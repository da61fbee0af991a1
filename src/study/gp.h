/* gp.h: regression by a Gaussian process on the unit cube, and the improvement it expects. Only with GSL.
 *
 * y = m + f(x) + noise, with m the mean of y and f of covariance s2 * k(r), k Matern 5/2:
 *     k(r) = (1 + a + a^2/3) exp(-a), a = sqrt(5) r, r^2 = sum over axes of ((x - x')/scale)^2;
 * noise has the variance s2 * noise. s2 is what maximizes the likelihood, (y-m)' C^-1 (y-m) / n with C = k + noise.
 * C. Rasmussen and C. Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4 and 5. */
#ifndef RB_STUDY_GP_H
#define RB_STUDY_GP_H

#include <gsl/gsl_matrix.h>

#include "regbench/study.h"

/* What is not seen in y: one length per axis, and the share of noise. */
typedef struct rb__gp_scales {
    double scale[RB_STUDY_AXES], noise;
} rb__gp_scales;

typedef struct rb__gp {
    int n, axes;
    rb__gp_scales scales;
    double mean, variance;      /* m, s2 */
    double log_likelihood;      /* of y, at this s2 */
    double (*x)[RB_STUDY_AXES]; /* (n) */
    gsl_matrix *factor;         /* C = L L', (n,n) */
    gsl_vector *weights, *row;  /* C^-1 (y-m); scratch of predictions */
} rb__gp;

/* x: (n, axes) in rows of RB_STUDY_AXES. RB_MEMORY; RB_INTERNAL where C has no Cholesky factor. */
rb_status rb__gp_new(const rb_trial *trials, int n, int axes, const rb__gp_scales *scales, rb__gp *out);
/* Scales that make the trials likeliest, under wide priors (log-normal, around 0.5 and 0.05) that keep a length which
 * few trials say nothing of from running away. */
rb_status rb__gp_fit(const rb_trial *trials, int n, int axes, rb__gp *out);
/* Of f at a place: mean and standard deviation. */
void rb__gp_predict(const rb__gp *gp, const double *at, double *mean, double *deviation);
void rb__gp_free(rb__gp *gp);

/* E max(f - best, 0) of a normal f. D. Jones, M. Schonlau, W. Welch, "Efficient global optimization of expensive
 * black-box functions", J. Global Optimization 13, 1998. */
double rb__expected_improvement(double mean, double deviation, double best);

/* Minimizes f over n values from `at` on, by Nelder and Mead's simplex with first steps of `step`; `at` becomes where
 * it is smallest. */
rb_status rb__simplex(double (*f)(const gsl_vector *v, void *context), void *context, int n, double step,
                      int iterations, double *at);

#endif
