/* toy.c: document 003's regression: ten points of y = 2x with noise, and forty points of the line to test on.
 *
 * x = rand(10,1), then the noise normal(10,1), both from the run's stream before its parameters; y = 2x + 2 noise.
 * Test: x = linspace(0,1,40), y = 2x. Rows as drawn: the document sorts a copy that it does not keep. */
#include <math.h>
#include <stdlib.h>

#include "core/sha256.h"
#include "data/data.h"

enum { TRAIN = 10, TEST = 40, ROWS = TRAIN + TEST };

static void draw(rb_mt19937 *g, float x[TRAIN], float noise[TRAIN]) {
    rb_rand(g, x, TRAIN);
    rb_randn(g, noise, TRAIN);
}

void rb__toy_draws(rb_mt19937 *g) {
    float x[TRAIN], noise[TRAIN];
    draw(g, x, noise);
}

rb_status rb__toy_make(uint64_t seed, rb_dataset *data) {
    rb_status status = RB_OK;
    rb_mt19937 g;
    float noise[TRAIN];
    RB_TRY(rb__store_alloc(data, 2 * ROWS * sizeof(float)));
    float *x = data->store->base, *y = x + ROWS;
    rb_mt19937_seed(&g, seed);
    draw(&g, x, noise);
    for (int i = 0; i < TRAIN; i++) y[i] = 2 * x[i] + 2 * noise[i];
    const float step = 1.0f / (TEST - 1);
    for (int i = 0; i < TEST; i++) { /* from both ends, as PyTorch counts */
        x[TRAIN + i] = i < TEST / 2 ? step * (float)i : 1.0f - step * (float)(TEST - 1 - i);
        y[TRAIN + i] = 2 * x[TRAIN + i];
    }
    data->x = x;
    data->targets = y;
    snprintf(data->source, sizeof data->source, "made from seed %llu", (unsigned long long)seed);
    RB_TRY(rb_sha256(x, data->store->bytes, data->sha256));
cleanup:
    return status;
}
