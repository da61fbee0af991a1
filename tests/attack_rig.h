/* attack_rig.h: what the tests of attacks and of defences share: small models of random images, trained on a device.
 *
 * With REGBENCH_QUICK=1 (mutations, sanitizers) not on OpenCL. */
#ifndef ATTACK_RIG_H
#define ATTACK_RIG_H

#include "noise.h"

#include "regbench/attack.h"
#include "regbench/backend.h"

static const char *const devices[] = {"reference", "cpu", "opencl"};

enum { DEVICES = 3, TRAIN = 90, TEST = 70, VALUES = 28 * 28 };

static const rb_layer mlp[] = {RB_LINEAR(40), RB_RELU, RB_LINEAR(10), RB_END};

/* A tail in training (90 = 2 * 40 + 10) and in the split that is attacked (70 = 40 + 30). */
static inline rb_case attacked(const rb_layer *layers) {
    return (rb_case){.name = "test/attacked",
                     .layers = layers,
                     .dataset = "noise",
                     .batch = 40,
                     .epochs = 4,
                     .lr = 0.05f,
                     .momentum = 0.9f,
                     .expect = RB_EXPECT_ANYTHING,
                     .attack = {.kind = RB_ATTACK_FGSM, .n_eps = 1, .squeeze = true}};
}

typedef struct rig {
    noise *s;
    opened o;
    rb_trainer *t;
} rig;

/* False, which it says, where there is no such device. */
static inline bool open_rig(rig *r, const char *device, const rb_case *c, bool train) {
    rb_device_id id;
    rb_run_result result;
    *r = (rig){0};
    if (getenv("REGBENCH_QUICK") && strcmp(device, "opencl") == 0) return false;
    if (rb_device_select(device, &id) != RB_OK) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        return false;
    }
    r->s = make_noise(TRAIN, TEST);
    r->s->data.mean = r->s->data.stddev = 0.5f;
    r->o = open_device(device);
    assert_ok(rb_trainer_new(r->o.backend, r->o.device, c, &r->s->data, 3, &r->t));
    if (train) assert_ok(rb_train(r->t, &(rb_run_options){.seed = 3}, &result));
    return true;
}

static inline void close_rig(rig *r) {
    rb_trainer_free(r->t);
    if (r->o.backend) r->o.backend->close(r->o.device);
    free(r->s);
}

static inline rb_attack_result attack(rig *r, double eps, double step, int steps, const rb_attack_outputs *out) {
    rb_attack_result result;
    assert_ok(rb_attack(r->t, RB_SPLIT_TEST, 0, &(rb_attack_strength){.eps = eps, .step = step, .steps = steps}, out,
                        &result));
    assert_int_equal(result.rows, TEST);
    return result;
}

#endif
