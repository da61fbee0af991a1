/* squeeze.c: feature squeezing: images with fewer colours or a little blurred, and a detector from what that changes in
 * a model's answer. An adversarial change is fine-grained: squeezing takes it away and the answer moves; a clean image
 * is the same to the model before and after. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/attack.h"

void rb_squeeze_bits(float *pixels, int64_t n, int bits) {
    float levels = (float)((1 << bits) - 1);
    for (int64_t i = 0; i < n; i++) pixels[i] = rintf(pixels[i] * levels) / levels;
}

/* The third of four in order. */
static float upper_median(float a, float b, float c, float d) {
    float low = a < b ? a : b, high = a < b ? b : a, low2 = c < d ? c : d, high2 = c < d ? d : c;
    float middle = high < high2 ? high : high2, other = low > low2 ? low : low2; /* neither largest nor smallest */
    return middle > other ? middle : other;
}

void rb_squeeze_median(const float *from, float *to, int64_t planes, int H, int W) {
    for (int64_t p = 0; p < planes; p++, from += (int64_t)H * W, to += (int64_t)H * W)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                const float *row = from + (int64_t)y * W, *above = y > 0 ? row - W : row;
                int left = x > 0 ? x - 1 : x;
                to[(int64_t)y * W + x] = upper_median(above[left], above[x], row[left], row[x]);
            }
}

/* sum over k of exp((z_k - max z)/T). */
static double exp_sum(const float *scores, int classes, double temperature, double *top) {
    double sum = 0.0;
    *top = (double)scores[0];
    for (int k = 1; k < classes; k++)
        if ((double)scores[k] > *top) *top = (double)scores[k];
    for (int k = 0; k < classes; k++) sum += exp(((double)scores[k] - *top) / temperature);
    return sum;
}

void rb_softmax(const float *scores, int classes, double temperature, float *out) {
    double top, sum = exp_sum(scores, classes, temperature, &top);
    for (int k = 0; k < classes; k++) out[k] = (float)(exp(((double)scores[k] - top) / temperature) / sum);
}

double rb_softmax_distance(const float *a, const float *b, int classes) {
    double top_a, top_b, sum_a = exp_sum(a, classes, 1, &top_a), sum_b = exp_sum(b, classes, 1, &top_b), distance = 0.0;
    for (int k = 0; k < classes; k++)
        distance += fabs(exp((double)a[k] - top_a) / sum_a - exp((double)b[k] - top_b) / sum_b);
    return distance;
}

rb_status rb_squeeze_score(rb_trainer *t, rb_split split, int64_t n, const float *images, const float *scores,
                           float *distance) {
    const rb_spec *s = &rb_trainer_program(t)->spec;
    int64_t values = (int64_t)s->C * s->H * s->W;
    rb_status status = RB_OK;
    rb_attack_result result;
    float *squeezed = malloc(sizeof *squeezed * (size_t)(n * values));
    float *answer = malloc(sizeof *answer * (size_t)(n * s->classes));
    if (!squeezed || !answer) {
        status = rb_fail(RB_MEMORY, "out of memory for %lld squeezed images", (long long)n);
        goto cleanup;
    }
    for (int64_t i = 0; i < n; i++) distance[i] = 0.0f;
    for (int squeezer = 0; squeezer < 2; squeezer++) {
        if (squeezer == 0) {
            memcpy(squeezed, images, sizeof *squeezed * (size_t)(n * values));
            rb_squeeze_bits(squeezed, n * values, RB_SQUEEZE_BITS);
        } else {
            rb_squeeze_median(images, squeezed, n * s->C, s->H, s->W);
        }
        RB_TRY(rb_attack_images(t, split, n, squeezed, &(rb_attack_outputs){.scores = answer}, &result));
        for (int64_t i = 0; i < n; i++) {
            float moved = (float)rb_softmax_distance(scores + i * s->classes, answer + i * s->classes, s->classes);
            if (moved > distance[i] || isnan(moved)) distance[i] = moved; /* nothing is larger than a NaN: it stays */
        }
    }
cleanup:
    free(squeezed);
    free(answer);
    return status;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b; /* NaN last */
    return isnan(x) || isnan(y) ? !!isnan(x) - !!isnan(y) : (x > y) - (x < y);
}

rb_status rb_detector_threshold(const float *distance, int64_t n, double share, float *threshold) {
    if (n < 1) return rb_fail(RB_USAGE, "a detector needs clean images to find its threshold from");
    float *sorted = malloc(sizeof *sorted * (size_t)n);
    if (!sorted) return rb_fail(RB_MEMORY, "out of memory for a detector's threshold");
    memcpy(sorted, distance, sizeof *sorted * (size_t)n);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    int64_t above = (int64_t)floor(share * (double)n + 1e-9); /* 0.05 * 100 is 5 */
    *threshold = sorted[above < n ? n - 1 - above : 0];
    free(sorted);
    return RB_OK;
}

double rb_detector_rate(const float *distance, int64_t n, float threshold, const bool *chosen, int64_t *chosen_n) {
    int64_t asked = 0, above = 0;
    for (int64_t i = 0; i < n; i++) {
        if (chosen && !chosen[i]) continue;
        asked++;
        above += !(distance[i] <= threshold); /* a NaN is refused */
    }
    if (chosen_n) *chosen_n = asked;
    return asked ? (double)above / (double)asked : (double)NAN;
}
