/* attack.h: attacks on a trained model, and two of its defences: distillation, and a detector by feature squeezing.
 * (Adversarial training is a case's `adversary`: a training step like any other.)
 *
 * Strengths are of pixels from 0 to 255, images of pixels from 0 to 1: (rows, C, H, W), in the order of the split.
 * An attack climbs the loss of the labels by the gradient of the input alone; dropout is off, batch norm uses its
 * running statistics. It begins at the clean image, without a random start: the same on every device. With eps = 0 its
 * result is that of rb_trainer_eval. */
#ifndef REGBENCH_ATTACK_H
#define REGBENCH_ATTACK_H

#include "regbench/train.h"

typedef struct rb_attack_strength {
    double eps, step; /* how far a pixel may go in all, and in one step */
    int steps;
} rb_attack_strength;

/* What comes back for every image; each may be NULL. */
typedef struct rb_attack_outputs {
    int32_t *pred; /* (rows) */
    float *scores; /* (rows, classes): values of the last layer; only where rb_spec.scores */
    float *images; /* (rows, C, H, W): what the model saw */
} rb_attack_outputs;

typedef struct rb_attack_result {
    double loss, accuracy;
    double linf, l2; /* of the change, mean over the images: largest pixel, of 0 to 255; Euclidean, of pixels 0 to 1 */
    int64_t rows;
} rb_attack_result;

const char *rb_attack_name(rb_attack_kind kind);
/* The k-th attack of a sweep. */
rb_attack_strength rb_attack_of(const rb_attack_sweep *sweep, int k);

/* Attacks the first `limit` rows (0 = all) of a split. RB_USAGE: the case is not one that is attacked, a strength is
 * negative. */
rb_status rb_attack(rb_trainer *t, rb_split split, int64_t limit, const rb_attack_strength *how,
                    const rb_attack_outputs *outputs, rb_attack_result *result);
/* Evaluates other images with the labels of the split's first n rows. */
rb_status rb_attack_images(rb_trainer *t, rb_split split, int64_t n, const float *images,
                           const rb_attack_outputs *outputs, rb_attack_result *result);

/* Trains a teacher, which is the student's case on the labels themselves, from the same parameters, and hands the
 * student its soft labels softmax(z / temperature) of the training rows. *accuracy: the teacher's, on the validation
 * split. The status is RB_INTERRUPTED or RB_DIVERGED where that became of the teacher. Source: Papernot et al.:
 * Distillation as a defense to adversarial perturbations against deep neural networks, 2016. */
rb_status rb_distill(rb_trainer *student, uint64_t seed, const volatile int *stop, double *accuracy);

/* --- feature squeezing: Xu, Evans, Qi: Feature squeezing: detecting adversarial examples in deep neural networks, 2018
 */
enum { RB_SQUEEZE_BITS = 5 };
/* (channels, H, W) in place. Pixels to the nearest of 2^bits levels. */
void rb_squeeze_bits(float *pixels, int64_t n, int bits);
/* The larger of the two middle values of a pixel, its left, its upper and its upper left neighbour; a border repeats:
 * scipy's median_filter of size 2, which the authors use. */
void rb_squeeze_median(const float *from, float *to, int64_t planes, int H, int W);
/* sum over the classes of |softmax(a) - softmax(b)|. */
double rb_softmax_distance(const float *a, const float *b, int classes);
void rb_softmax(const float *scores, int classes, double temperature, float *out);
/* How much squeezing changes what the model says of each image: (n), the largest distance over both squeezers.
 * `scores` (n, classes) are the model's of `images` themselves. */
rb_status rb_squeeze_score(rb_trainer *t, rb_split split, int64_t n, const float *images, const float *scores,
                           float *distance);
/* The smallest of these values above which at most that share of them lies. */
rb_status rb_detector_threshold(const float *distance, int64_t n, double share, float *threshold);
/* Share of the values above the threshold, of those with chosen[i] (NULL: all); NaN of none. *chosen_n: how many. */
double rb_detector_rate(const float *distance, int64_t n, float threshold, const bool *chosen, int64_t *chosen_n);

#endif
