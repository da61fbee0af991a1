/* noise.h: data of random bytes that can only be memorized, and devices by name: what the tests of training share. */
#ifndef NOISE_H
#define NOISE_H

#include "golden_run.h"

#include "regbench/rng.h"

/* Rows of random bytes whose label can only be memorized. */
typedef struct noise {
    unsigned char x[600][784];
    int32_t labels[600];
    rb_dataset data;
} noise;

static inline noise *make_noise(int n_train, int n_test) {
    noise *s = calloc(1, sizeof *s);
    rb_mt19937 g;
    rb_mt19937_seed(&g, 11);
    assert_non_null(s);
    assert_true(n_train + n_test <= 600);
    for (int i = 0; i < n_train + n_test; i++) {
        for (int k = 0; k < 784; k++) s->x[i][k] = (unsigned char)rb_mt19937_u32(&g);
        s->labels[i] = (int32_t)(rb_mt19937_u32(&g) % 10);
    }
    s->data = (rb_dataset){.name = "noise",
                           .n_train = n_train,
                           .n_test = n_test,
                           .C = 1,
                           .H = 28,
                           .W = 28,
                           .classes = 10,
                           .x_dtype = RB_U8,
                           .stddev = 1,
                           .x = s->x,
                           .labels = s->labels};
    return s;
}

typedef struct opened {
    const rb_backend *backend;
    rb_device *device;
} opened;

static inline opened open_device(const char *selector) {
    rb_device_id id;
    opened o;
    assert_ok(rb_device_select(selector, &id));
    o.backend = id.backend;
    assert_ok(id.backend->open(id.index, NULL, &o.device));
    return o;
}

#endif
