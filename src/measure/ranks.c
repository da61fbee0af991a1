/* ranks.c: Mann-Whitney, Hodges-Lehmann, Benjamini-Hochberg. */
#include "measure/ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static rb_status no_memory(void) { return rb_fail(RB_MEMORY, "out of memory for a rank test"); }

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* --- distributions --------------------------------------------------------------------------------------------------
 */

/* Probability of every sum that `size` of the `n` scores can have, all choices equally likely: probability[sum], sums
 * up to `top`. Score by score, the ways to choose k of those seen so far with sum s grow by those to choose k - 1 with
 * s less this score. In doubles: relative errors of 1e-14, and no overflow below 1000 scores. */
static rb_status subset_sums(const int *scores, int n, int size, int top, double *probability) {
    size_t width = (size_t)top + 1;
    double *ways = calloc((size_t)(size + 1) * width, sizeof *ways), all = 0;
    if (!ways) return no_memory();
    ways[0] = 1;
    for (int i = 0; i < n; i++)
        for (int k = i + 1 < size ? i + 1 : size; k > 0; k--) {
            const double *fewer = ways + (size_t)(k - 1) * width;
            double *here = ways + (size_t)k * width;
            for (int s = scores[i]; s <= top; s++) here[s] += fewer[s - scores[i]];
        }
    const double *chosen = ways + (size_t)size * width;
    for (int s = 0; s <= top; s++) all += chosen[s];
    for (int s = 0; s <= top; s++) probability[s] = chosen[s] / all;
    free(ways);
    return RB_OK;
}

static double upper_normal(double z) { return 0.5 * erfc(z / sqrt(2)); }

/* --- the test -------------------------------------------------------------------------------------------------------
 */

typedef struct tagged {
    double value;
    bool of_a;
} tagged;

static int by_value(const void *a, const void *b) {
    return ascending(&((const tagged *)a)->value, &((const tagged *)b)->value);
}

/* Twice the midranks, so that they are whole; ties: the sum of t^3 - t over groups of t equal values. */
static void rank_all(const tagged *sorted, int n, int *twice, double *ties) {
    *ties = 0;
    for (int i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && sorted[next].value == sorted[i].value;) next++;
        double t = next - i;
        for (int k = i; k < next; k++) twice[k] = i + 1 + next;
        *ties += t * t * t - t;
    }
}

static rb_status exact_p(const int *twice, int all, int n, int sum, double *p) {
    int top = 0;
    double below = 0, above = 0;
    for (int i = 0; i < all; i++) top += twice[i];
    double *probability = malloc(((size_t)top + 1) * sizeof *probability);
    if (!probability) return no_memory();
    rb_status status = subset_sums(twice, all, n, top, probability);
    for (int s = 0; status == RB_OK && s <= top; s++) {
        if (s <= sum) below += probability[s];
        if (s >= sum) above += probability[s];
    }
    *p = fmin(1, 2 * fmin(below, above));
    free(probability);
    return status;
}

static double normal_p(double n, double m, double sum, double ties) {
    double all = n + m, variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
    double off = fabs(sum - n * (all + 1) / 2) - 0.5;
    if (!(variance > 0)) return 1; /* all values are equal */
    return fmin(1, 2 * upper_normal(fmax(0, off) / sqrt(variance)));
}

/* A few values against many, as a new sitting against a long history: the normal distribution has too heavy a tail
 * there, so that three values would never differ from a hundred. The exact one is as cheap as that of 30 against 30. */
static bool has_exact(int all, int small) {
    const double most = (double)(RB_RANKS_EXACT / 2) * RB_RANKS_EXACT * RB_RANKS_EXACT * (RB_RANKS_EXACT + 1);
    return all <= RB_RANKS_EXACT || (double)small * all * all * (all + 1) <= most;
}

rb_status rb_mann_whitney(const double *a, int n, const double *b, int m, double *p) {
    rb_status status = RB_OK;
    int all = n + m, twice_sum = 0;
    double ties;
    tagged *sorted = malloc((size_t)all * sizeof *sorted);
    int *twice = malloc((size_t)all * sizeof *twice);
    if (!sorted || !twice) {
        status = no_memory();
        goto cleanup;
    }
    /* The smaller sample's ranks: the same p, fewer subsets. */
    bool swap = m < n;
    for (int i = 0; i < n; i++) sorted[i] = (tagged){a[i], !swap};
    for (int i = 0; i < m; i++) sorted[n + i] = (tagged){b[i], swap};
    qsort(sorted, (size_t)all, sizeof *sorted, by_value);
    rank_all(sorted, all, twice, &ties);
    for (int i = 0; i < all; i++)
        if (sorted[i].of_a) twice_sum += twice[i];
    if (has_exact(all, swap ? m : n))
        RB_TRY(exact_p(twice, all, swap ? m : n, twice_sum, p));
    else
        *p = normal_p(swap ? m : n, swap ? n : m, twice_sum / 2.0, ties);
cleanup:
    free(sorted);
    free(twice);
    return status;
}

/* --- the ratio ------------------------------------------------------------------------------------------------------
 */

static double *sorted_logs(const double *x, int n) {
    double *logs = malloc((size_t)n * sizeof *logs);
    for (int i = 0; logs && i < n; i++) logs[i] = log(x[i]);
    if (logs) qsort(logs, (size_t)n, sizeof *logs, ascending);
    return logs;
}

/* How many of the differences b_j - a_i are at most x; both sorted. */
static int64_t count_up_to(const double *a, int n, const double *b, int m, double x) {
    int64_t count = 0;
    int j = 0;
    for (int i = 0; i < n; i++) { /* a larger a lets more of b in */
        while (j < m && b[j] - a[i] <= x) j++;
        count += j;
    }
    return count;
}

/* The k-th smallest difference, k from 1: bisection down to neighbouring doubles, so that no list of n m differences is
 * made and sorted. */
static double kth_difference(const double *a, int n, const double *b, int m, int64_t k) {
    double low = b[0] - a[n - 1], high = b[m - 1] - a[0];
    if (count_up_to(a, n, b, m, low) >= k) return low;
    for (;;) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) return high;
        if (count_up_to(a, n, b, m, middle) >= k)
            high = middle;
        else
            low = middle;
    }
}

/* Largest k with P(U < k) <= tail under the null distribution without ties; 0 where there is none. */
static rb_status interval_order(int n, int m, double tail, int64_t *k) {
    rb_status status = RB_OK;
    int all = n + m, small = n < m ? n : m, ranks[RB_RANKS_EXACT];
    double *probability = NULL, sum = 0;
    *k = 0;
    if (all > RB_RANKS_EXACT) { /* P(U < k) by the normal distribution at k - 1/2 */
        double deviation = sqrt((double)n * m * (all + 1) / 12), z = 0, step = 4;
        while (step > 1e-9) { /* upper_normal falls: the smallest z with upper_normal(z) <= tail */
            while (upper_normal(z + step) > tail) z += step;
            step /= 2;
        }
        *k = (int64_t)floor((double)n * m / 2 - z * deviation + 0.5);
        if (*k < 0) *k = 0;
        return RB_OK;
    }
    for (int i = 0; i < all; i++) ranks[i] = i; /* from 0, so that the least sum of the small sample ... */
    int least = small * (small - 1) / 2, top = all * (all - 1) / 2;
    probability = malloc(((size_t)top + 1) * sizeof *probability);
    if (!probability) return no_memory();
    RB_TRY(subset_sums(ranks, all, small, top, probability));
    while (*k < (int64_t)n * m) { /* ... is U = 0 */
        sum += probability[least + *k];
        if (sum > tail * (1 + 1e-12)) break;
        ++*k;
    }
cleanup:
    free(probability);
    return status;
}

rb_status rb_ratio_of(const double *a, int n, const double *b, int m, double confidence, rb_ratio *out) {
    rb_status status = RB_OK;
    int64_t k, all = (int64_t)n * m;
    double *x = sorted_logs(a, n), *y = sorted_logs(b, m);
    if (!x || !y) {
        status = no_memory();
        goto cleanup;
    }
    RB_TRY(interval_order(n, m, (1 - confidence) / 2, &k));
    out->bounded = k > 0;
    if (k == 0) k = 1;
    double lower = kth_difference(x, n, y, m, (all + 1) / 2), upper = kth_difference(x, n, y, m, all / 2 + 1);
    out->estimate = exp((lower + upper) / 2);
    out->low = exp(kth_difference(x, n, y, m, k));
    out->high = exp(kth_difference(x, n, y, m, all + 1 - k));
cleanup:
    free(x);
    free(y);
    return status;
}

/* --- families -------------------------------------------------------------------------------------------------------
 */

typedef struct ordered {
    double p;
    int at;
} ordered;

static int by_p(const void *a, const void *b) { return ascending(&((const ordered *)a)->p, &((const ordered *)b)->p); }

rb_status rb_benjamini_hochberg(const double *p, int n, double *q) {
    int tests = 0;
    double least = 1;
    ordered *order = malloc(((size_t)n + 1) * sizeof *order);
    if (!order) return no_memory();
    for (int i = 0; i < n; i++) {
        q[i] = NAN;
        if (isfinite(p[i])) order[tests++] = (ordered){p[i], i};
    }
    qsort(order, (size_t)tests, sizeof *order, by_p);
    for (int rank = tests; rank > 0; rank--) {
        least = fmin(least, order[rank - 1].p * tests / rank);
        q[order[rank - 1].at] = least;
    }
    free(order);
    return RB_OK;
}
