/* rng.c: mt19937 and ATen's conversions of its words to floats, normals and permutations.
 *
 * The order in which words are taken is part of the contract (a seed names a run), so every loop below takes them as
 * PyTorch 2.11's CPU kernels do, even where another order would be simpler. tests/goldens/rng.csv holds the proof. */
#include "regbench/rng.h"

#include <math.h>

enum { WORDS = 624, SHIFT = 397, BLOCK = 16, HALF = 8 };

static const double TWO_PI = 6.283185307179586476925286766559;

void rb_mt19937_seed(rb_mt19937 *g, uint64_t seed) {
    g->state[0] = (uint32_t)seed; /* ATen keeps the low word only */
    for (uint32_t i = 1; i < WORDS; i++) g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
    g->next = WORDS;
    g->has_normal = false;
    g->normal = 0;
}

static uint32_t twist(uint32_t high, uint32_t low) {
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (y >> 1) ^ (low & 1u ? 0x9908b0dfu : 0u);
}

static void refill(rb_mt19937 *g) {
    uint32_t *s = g->state;
    for (int i = 0; i < WORDS - SHIFT; i++) s[i] = s[i + SHIFT] ^ twist(s[i], s[i + 1]);
    for (int i = WORDS - SHIFT; i < WORDS - 1; i++) s[i] = s[i + SHIFT - WORDS] ^ twist(s[i], s[i + 1]);
    s[WORDS - 1] = s[SHIFT - 1] ^ twist(s[WORDS - 1], s[0]);
    g->next = 0;
}

uint32_t rb_mt19937_u32(rb_mt19937 *g) {
    if (g->next >= WORDS) refill(g);
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint64_t rb_mt19937_u64(rb_mt19937 *g) {
    uint64_t high = rb_mt19937_u32(g);
    return high << 32 | rb_mt19937_u32(g);
}

int64_t rb_mt19937_int64(rb_mt19937 *g) { return (int64_t)(rb_mt19937_u64(g) & INT64_MAX); }

/* [0,1) from the low 24 bits: what a float holds exactly. */
static float unit(rb_mt19937 *g) { return (float)(rb_mt19937_u32(g) & 0xffffffu) * (1.0f / 16777216.0f); }

/* [0,1) from the low 53 bits of two words. */
static double unit53(rb_mt19937 *g) {
    return (double)(rb_mt19937_u64(g) & ((UINT64_C(1) << 53) - 1)) * (1.0 / 9007199254740992.0);
}

void rb_rand(rb_mt19937 *g, float *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = unit(g);
}

void rb_uniform(rb_mt19937 *g, float *out, int64_t n, double low, double high) {
    float from = (float)low, span = (float)high - from;
    for (int64_t i = 0; i < n; i++) out[i] = fmaf(unit(g), span, from); /* one rounding: PyTorch is built with FMA */
}

/* Box-Muller in double, the scalar path of short tensors: cosine first, sine kept for the next call. */
static double normal(rb_mt19937 *g) {
    if (g->has_normal) {
        g->has_normal = false;
        return g->normal;
    }
    double u1 = unit53(g), u2 = unit53(g);
    double radius = sqrt(-2.0 * log1p(-u2)), theta = TWO_PI * u1;
    g->has_normal = true;
    g->normal = radius * sin(theta);
    return radius * cos(theta);
}

/* Box-Muller on 8 + 8 uniforms in place. The angle is rounded to float as ATen rounds it (near a zero of the cosine
 * that is what the result consists of); log, sin and cos are evaluated in double, because ATen's approximations of them
 * depend on the instruction set, and the truly rounded value is within a few ulp of all. */
static void normal_block(float *x) {
    for (int j = 0; j < HALF; j++) {
        float u1 = 1.0f - x[j], theta = (float)TWO_PI * x[j + HALF];
        double radius = sqrt(-2.0 * log(u1));
        x[j] = (float)(radius * cos(theta));
        x[j + HALF] = (float)(radius * sin(theta));
    }
}

void rb_randn(rb_mt19937 *g, float *out, int64_t n) {
    if (n < BLOCK) {
        for (int64_t i = 0; i < n; i++) out[i] = (float)normal(g);
        return;
    }
    rb_rand(g, out, n);
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK) normal_block(out + i);
    if (n % BLOCK) { /* the last 16 are drawn anew, over values that were ready */
        rb_rand(g, out + n - BLOCK, BLOCK);
        normal_block(out + n - BLOCK);
    }
}

void rb_randperm(rb_mt19937 *g, int32_t *out, int64_t n) {
    if (n >= UINT32_MAX / 20) { /* one word would be visibly uneven: ATen takes two, and the inside-out shuffle */
        for (int64_t i = 0; i < n; i++) {
            int64_t z = (int64_t)(rb_mt19937_u64(g) % (uint64_t)(i + 1));
            out[i] = (int32_t)i;
            out[i] = out[z];
            out[z] = (int32_t)i;
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)i;
    for (int64_t i = 0; i < n - 1; i++) {
        int64_t z = i + rb_mt19937_u32(g) % (n - i);
        int32_t kept = out[i];
        out[i] = out[z];
        out[z] = kept;
    }
}

void rb_epoch_order(rb_mt19937 *g, int32_t *out, int64_t n) {
    rb_mt19937 sampler;
    (void)rb_mt19937_int64(g); /* the workers' base seed, unused by a training-only loop but drawn */
    rb_mt19937_seed(&sampler, (uint64_t)rb_mt19937_int64(g));
    rb_randperm(&sampler, out, n);
}

double rb_kaiming_bound(int64_t fan_in) {
    double a = sqrt(5.0), gain = sqrt(2.0 / (1.0 + a * a)); /* step by step as torch.nn.init does: same last bit */
    return sqrt(3.0) * (gain / sqrt((double)fan_in));
}

double rb_bias_bound(int64_t fan_in) { return fan_in > 0 ? 1.0 / sqrt((double)fan_in) : 0.0; }
