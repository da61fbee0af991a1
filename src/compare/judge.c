/* judge.c: verdicts. The rule, in the order of the questions:
 *
 *     no values in an arm, or arms that must not be ranked    no verdict
 *     a gate with fewer than 7 values in an arm               unclear
 *     q <= level and |ratio| at least the threshold           faster or slower
 *     the ratio's whole interval inside the threshold         same
 *     anything else                                           unclear, with how many values would tell
 *
 * The estimate, not the end of its interval, meets the threshold: with 10 values per arm at 2 % noise the interval is
 * almost as wide as the threshold, and a slowdown of 5 % would be missed every other time. */
#include "compare/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/statistics.h"

const char *rb_verdict_word(rb_verdict verdict) {
    static const char *const words[] = {"", "faster", "slower", "same", "unclear"};
    return words[verdict];
}

/* "4.1 % slower": a ratio of speeds in words. */
static const char *in_words(double ratio, char *out, size_t size) {
    double percent = fabs(ratio - 1) * 100;
    if (percent < 0.05)
        snprintf(out, size, "equal");
    else
        snprintf(out, size, "%.*f %% %s", percent < 9.95 ? 1 : 0, percent, ratio < 1 ? "slower" : "faster");
    return out;
}

/* The interval shrinks with the root of the values; what is left to show decides how narrow it must be. */
static int values_wanted(const rb_contrast *c) {
    double effect = fabs(log(c->ratio.estimate)), t = log1p(c->threshold);
    double half = log(c->ratio.high / c->ratio.low) / 2;
    double narrow = effect >= t ? effect / 2 : fmax(t - effect, t / 3);
    int fewer = c->n_a < c->n_b ? c->n_a : c->n_b;
    double wanted = c->ratio.bounded ? ceil(fewer * (half / narrow) * (half / narrow)) : 10;
    return (int)fmin(100, fmax(wanted, fmax(10, fewer + 3)));
}

/* Scatter of an arm as a standard deviation would tell it, from the median deviation. */
static double scatter(const double *x, int n) { return 1.4826 * rb_mad(x, n) / rb_median(x, n); }

/* Samples of these sizes pass the test, if no value of one lies among the other's: p = 2 / binomial(n + m, n). */
static bool can_pass(int n, int m) {
    return exp(lgamma(n + 1.0) + lgamma(m + 1.0) - lgamma(n + m + 1.0)) * 2 <= RB_COMPARE_LEVEL;
}

static void unclear(rb_contrast *c) {
    char estimate[64], low[64], high[64];
    double effect = fabs(log(c->ratio.estimate)), t = log1p(c->threshold);
    double noise = fmax(scatter(c->a, c->n_a), scatter(c->b, c->n_b));
    int n = 0, size = (int)sizeof c->reason;
    in_words(c->ratio.estimate, estimate, sizeof estimate);
    in_words(c->ratio.low, low, sizeof low);
    in_words(c->ratio.high, high, sizeof high);
    c->verdict = RB_UNCLEAR;
    c->wanted = values_wanted(c);
    if (!c->ratio.bounded || !can_pass(c->n_a, c->n_b))
        n = snprintf(c->reason, (size_t)size, "too few values: %d and %d", c->n_a, c->n_b);
    else if (effect >= t)
        n = snprintf(c->reason, (size_t)size, "%s, but that may be chance (q = %.2g)", estimate, c->q);
    else
        n = snprintf(c->reason, (size_t)size, "anything from %s to %s, the threshold is %.1f %%", low, high,
                     100 * c->threshold);
    if (noise > c->threshold && n < size)
        snprintf(c->reason + n, (size_t)(size - n), "; noisy: the values of an arm scatter by %.0f %%", 100 * noise);
}

static void decide(rb_contrast *c, bool gate) {
    double effect = log(c->ratio.estimate), t = log1p(c->threshold);
    bool real = c->q <= RB_COMPARE_LEVEL;
    if (gate && (c->n_a < RB_GATE_VALUES || c->n_b < RB_GATE_VALUES)) {
        c->verdict = RB_UNCLEAR;
        c->wanted = RB_GATE_VALUES;
        snprintf(c->reason, sizeof c->reason, "%d and %d values: a gate wants %d per arm", c->n_a, c->n_b,
                 RB_GATE_VALUES);
    } else if (real && fabs(effect) >= t)
        c->verdict = effect < 0 ? RB_SLOWER : RB_FASTER;
    else if (c->ratio.bounded && log(c->ratio.low) >= -t && log(c->ratio.high) <= t) {
        c->verdict = RB_SAME;
        if (real) snprintf(c->reason, sizeof c->reason, "a difference, but below %.1f %%", 100 * c->threshold);
    } else
        unclear(c);
}

rb_status rb_judge(rb_contrast *family, int n, bool gate) {
    rb_status status = RB_OK;
    double *p = calloc((size_t)n + 1, sizeof *p), *q = calloc((size_t)n + 1, sizeof *q);
    if (!p || !q) {
        status = rb_fail(RB_MEMORY, "out of memory for %d comparisons", n);
        goto cleanup;
    }
    for (int i = 0; i < n; i++) {
        rb_contrast *c = &family[i];
        c->p = c->q = p[i] = c->median_a = c->median_b = NAN;
        c->ratio = (rb_ratio){NAN, NAN, NAN, false};
        if (c->n_a > 0) c->median_a = rb_median(c->a, c->n_a);
        if (c->n_b > 0) c->median_b = rb_median(c->b, c->n_b);
        if (c->n_a == 0 || c->n_b == 0) continue;
        RB_TRY(rb_ratio_of(c->a, c->n_a, c->b, c->n_b, RB_COMPARE_CONFIDENCE, &c->ratio));
        if (c->only_ratio) continue;
        RB_TRY(rb_mann_whitney(c->a, c->n_a, c->b, c->n_b, &c->p));
        p[i] = c->p;
    }
    RB_TRY(rb_benjamini_hochberg(p, n, q));
    for (int i = 0; i < n; i++) {
        family[i].q = q[i];
        if (isfinite(q[i])) decide(&family[i], gate);
    }
cleanup:
    free(p);
    free(q);
    return status;
}
