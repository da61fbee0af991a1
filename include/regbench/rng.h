/* rng.h: the random streams of a run: mt19937 bit for bit as PyTorch's CPU generator.
 *
 * Source: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998; the conversions are those of
 * ATen's CPUGeneratorImpl and distribution templates. Counter-based Philox is in portable.h. */
#ifndef REGBENCH_RNG_H
#define REGBENCH_RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rb_mt19937 {
    uint32_t state[624];
    int next;        /* index of the next word, 624 = refill first */
    bool has_normal; /* a cached second normal of the scalar path (double precision, as ATen keeps it) */
    double normal;
} rb_mt19937;

void rb_mt19937_seed(rb_mt19937 *g, uint64_t seed); /* torch.manual_seed */
uint32_t rb_mt19937_u32(rb_mt19937 *g);
uint64_t rb_mt19937_u64(rb_mt19937 *g);             /* two words, the first one high */
int64_t rb_mt19937_int64(rb_mt19937 *g);            /* torch.empty((), dtype=int64).random_() */
void rb_rand(rb_mt19937 *g, float *out, int64_t n); /* torch.rand(n) */
void rb_uniform(rb_mt19937 *g, float *out, int64_t n, double low, double high); /* Tensor.uniform_(low, high) */
void rb_randn(rb_mt19937 *g, float *out, int64_t n);                            /* torch.randn(n) */
void rb_randperm(rb_mt19937 *g, int32_t *out, int64_t n);                       /* torch.randperm(n), n < 2^31 */

/* Order of one epoch as iterating a DataLoader(shuffle=True) draws it from the global stream `g`: one int64 (base
 * seed), one int64 (sampler seed), randperm of a generator seeded with the latter. */
void rb_epoch_order(rb_mt19937 *g, int32_t *out, int64_t n);

/* Bounds of a layer's fresh parameters, drawn with rb_uniform(-bound, bound), weight before bias:
 * kaiming_uniform(a=sqrt 5) for weights and 1/sqrt(fan_in) for biases, nearly the same number but not the same last
 * bit. fan_in: Linear D, Conv C*R*S. */
double rb_kaiming_bound(int64_t fan_in);
double rb_bias_bound(int64_t fan_in);

#endif
