/* test_cpu.c: the cpu backend on whole small models: against the reference in double for both providers and every
 * instruction set, the same bits with any number of threads and any cut of submissions, zero padding, visible NaN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"
#include "reference/reference.h"
#include "regbench/backend.h"
#include "regbench/portable.h"
#include "regbench/rng.h"

extern const rb_backend rb_backend_cpu;

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        if ((call) != RB_OK) fail_msg("%s: %s", #call, rb_error_last() ? rb_error_last()->text : "?");                 \
    } while (0)

#define LAYERS(name, ...) static const rb_layer name[] = {__VA_ARGS__, RB_END}
LAYERS(one, RB_LINEAR(1));
LAYERS(mlp, RB_LINEAR(33), RB_SIGMOID, RB_LINEAR(17, .no_bias = true), RB_RELU, RB_LINEAR(10));
LAYERS(tall, RB_LINEAR(130), RB_LEAKY_RELU(0.1f), RB_LINEAR(3));
LAYERS(lenet, RB_CONV(6, .kernel = 5, .pad = 2), RB_SIGMOID, RB_AVGPOOL(2), RB_CONV(16, .kernel = 5), RB_SIGMOID,
       RB_AVGPOOL(2), RB_LINEAR(20), RB_SIGMOID, RB_LINEAR(10));
LAYERS(cnn, RB_CONV(16, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_CONV(32, .kernel = 3, .pad = 1), RB_RELU,
       RB_MAXPOOL(2), RB_LINEAR(10));
LAYERS(odd, RB_CONV(5, .kernel = 3, .stride = 2), RB_RELU, RB_MAXPOOL(3, .stride = 1),
       RB_CONV(19, .kernel = 2, .pad = 1), RB_SIGMOID, RB_AVGPOOL(2, .stride = 1), RB_LINEAR(7));
LAYERS(planar, RB_CONV(3, .kernel = 3), RB_LEAKY_RELU(0.1f), RB_AVGPOOL(3), RB_CONV(4, .kernel = 1), RB_LINEAR(3));
LAYERS(sparse, RB_CONV(16, .kernel = 1), RB_SIGMOID, RB_CONV(5, .kernel = 5, .pad = 3), RB_LEAKY_RELU(0.2f),
       RB_MAXPOOL(2, .stride = 3), RB_LINEAR(3));
LAYERS(fork, RB_CONV(3, .kernel = 3), {.kind = RB_LAYER_SIGMOID, .tag = "y"}, RB_AVGPOOL(2, .tag = "pool"),
       RB_AVGPOOL(2, .from = "y"), RB_ADD("pool"), RB_LINEAR(3));
LAYERS(big, RB_CONV(32, .kernel = 3, .pad = 1), RB_RELU, RB_AVGPOOL(8), RB_LINEAR(3));
LAYERS(mixed, RB_CONV(3, .kernel = 3), RB_SIGMOID, RB_AVGPOOL(3), RB_LINEAR(2000), RB_RELU, RB_LINEAR(3));
LAYERS(residual, RB_CONV(8, .kernel = 3, .pad = 1), RB_RELU_TAG("in"), RB_CONV(8, .kernel = 3, .pad = 1), RB_RELU,
       RB_CONV(8, .kernel = 3, .pad = 1), RB_ADD("in"), RB_RELU, RB_AVGPOOL(3), RB_LINEAR(5));

LAYERS(norms, RB_LINEAR(33, .no_bias = true), RB_RELU, RB_BATCHNORM, RB_LINEAR(17, .no_bias = true), RB_SIGMOID,
       RB_DROPOUT(0.3f), RB_BATCHNORM, RB_RELU, RB_LINEAR(5, .no_bias = true), RB_BATCHNORM, RB_LEAKY_RELU(0.1f),
       RB_LINEAR(4));
/* Batch norm before poolings that merge with its gradient (one leaves a rest, one has windows of 3) or may not. */
LAYERS(norm_pools, RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU, RB_MAXPOOL(2),
       RB_CONV(19, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_LEAKY_RELU(0.1f), RB_MAXPOOL(3),
       RB_CONV(5, .kernel = 2, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU, RB_MAXPOOL(2, .stride = 1),
       RB_CONV(6, .kernel = 1, .no_bias = true), RB_BATCHNORM, RB_MAXPOOL(2, .stride = 1), RB_LINEAR(3));
LAYERS(norm_residual, RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU_TAG("in"),
       RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU,
       RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_ADD("in"), RB_RELU_TAG("block"),
       RB_CONV(24, .kernel = 3, .stride = 2, .pad = 1, .no_bias = true), RB_BATCHNORM_TAG("main"),
       RB_CONV(24, .kernel = 1, .stride = 2, .no_bias = true, .from = "block"), RB_BATCHNORM, RB_ADD("main"), RB_RELU,
       RB_AVGPOOL(3), RB_LINEAR(5));

typedef struct shape {
    const rb_layer *layers;
    int C, H, W, classes, batch, n_train;
    float momentum, l2;
    bool adam;
} shape;
static const shape shapes[] = {
    {one, 1, 1, 1, 1, 1, 2, 0, 0},
    {mlp, 1, 5, 7, 10, 13, 30, 0.9f, 0},
    {mlp, 1, 28, 28, 10, 64, 64, 0, 1e-3f},
    {tall, 3, 9, 11, 3, 37, 37, 0.5f, 1e-2f},
    {lenet, 1, 28, 28, 10, 5, 8, 0, 0},
    {cnn, 1, 28, 28, 10, 18, 19, 0.9f, 0},
    {cnn, 3, 32, 32, 10, 4, 7, 0, 0},
    {odd, 2, 11, 13, 7, 5, 11, 0.9f, 0},
    {residual, 3, 6, 6, 5, 17, 17, 0, 0},
    {sparse, 2, 7, 9, 3, 9, 17, 0, 0},
    {fork, 1, 10, 9, 3, 60, 61, 0, 0},
    {big, 3, 64, 64, 3, 9, 9, 0, 0},
    {planar, 1, 12, 40, 3, 7, 9, 0, 0},
    {planar, 1, 5, 6, 3, 2, 2, 0, 0},
    {norms, 1, 5, 7, 4, 37, 60, 0.9f, 0},
    {norms, 1, 9, 9, 4, 64, 66, 0, 1e-3f, true},
    {norm_pools, 3, 15, 13, 3, 18, 20, 0.9f, 0},
    {norm_pools, 2, 14, 12, 3, 20, 20, 0, 0, true},
    {norm_residual, 3, 6, 6, 5, 17, 19, 0, 0},
    {norm_residual, 3, 12, 12, 5, 9, 11, 0.9f, 0},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* A model on a device, ready to train. */
typedef struct side {
    const rb_backend *backend;
    rb_device *device;
    rb_program *program;
    rb_store *store;
    rb_bound *train, *eval;
} side;

static void put(side *s, const rb_tensor *t, const void *values) {
    assert_ok(rb_tensor_put(s->backend, s->store, s->program, t, values));
}

static void rewind_to(side *s, int slot) {
    rb_cursor c[RB_FAMILIES] = {{.slot = slot, .wrap = 1}, {.wrap = 1}};
    assert_ok(
        s->backend->put(s->store, RB_SEG_CTRL, s->program->head.offset + offsetof(rb_ctrl_head, cursor), sizeof c, c));
}

static side side_new(const shape *m, const rb_backend *backend, int threads, const char *provider) {
    side s = {.backend = backend};
    rb_open_options options = {.threads = threads, .provider = provider};
    rb_layout layout;
    rb_spec spec = {
        .layers = m->layers, .C = m->C, .H = m->H, .W = m->W, .x_dtype = RB_U8, .mean = 0.25f, .stddev = 0.5f};
    spec.classes = m->classes, spec.batch = m->batch, spec.n_rows = m->n_train, spec.n_train = m->n_train;
    spec.n_eval = m->n_train, spec.window = 8, spec.momentum = m->momentum, spec.l2 = m->l2;
    spec.optimizer = m->adam ? RB_ADAM : RB_SGD, spec.beta1 = RB_ADAM_BETA1, spec.beta2 = RB_ADAM_BETA2;
    spec.eps = 1e-3f; /* Adam's first steps divide a gradient by its size: rounding of small ones would show */
    assert_ok(backend->open(0, &options, &s.device));
    backend->layout(s.device, &layout);
    assert_ok(rb_program_compile(&spec, &layout, &s.program));
    assert_ok(rb_backend_supports(backend, s.device, s.program));
    assert_ok(backend->store_new(s.device, s.program->bytes, &s.store));
    rb_mt19937 g;
    rb_mt19937_seed(&g, 3);
    int n = m->n_train, D = m->C * m->H * m->W;
    unsigned char *x = malloc((size_t)(n * D));
    int32_t *numbers = malloc(sizeof *numbers * (size_t)(n + m->batch));
    for (int i = 0; i < n * D; i++) x[i] = (unsigned char)rb_mt19937_u32(&g);
    for (int i = 0; i < n; i++) numbers[i] = (int32_t)(rb_mt19937_u32(&g) % (unsigned)m->classes);
    put(&s, &s.program->data_x, x);
    put(&s, &s.program->data_y, numbers);
    for (int f = 0; f < RB_FAMILIES; f++) { /* backwards; what is beyond the rows is absent */
        for (int i = 0; i < n + m->batch; i++) numbers[i] = i < n ? n - 1 - i : -1;
        put(&s, &s.program->order[f], numbers);
    }
    free(x);
    free(numbers);
    for (int i = 0; i < s.program->n_params + s.program->n_buffers; i++) {
        const rb_param *p =
            i < s.program->n_params ? &s.program->params[i] : &s.program->buffers[i - s.program->n_params];
        int64_t count = rb_tensor_count(&p->tensor);
        float *values = malloc(sizeof *values * (size_t)count);
        bool weight = p->role == RB_WEIGHT || p->role == RB_BIAS;
        double bound = weight ? 1.0 / sqrt((double)p->fan_in) : 0.5;
        double centre = p->role == RB_GAMMA || p->role == RB_RUNNING_VAR ? 1.0 : 0.0;
        rb_uniform(&g, values, count, centre - bound, centre + bound);
        put(&s, &p->tensor, values);
        free(values);
    }
    float schedule[8 * RB_SCHED_COLUMNS] = {0};
    for (int i = 0; i < 8; i++) {
        float *row = schedule + i * RB_SCHED_COLUMNS;
        row[RB_SCHED_LR] = m->adam ? 1e-3f : 0.05f;
        row[RB_SCHED_CORRECTION1] = (float)(1 - pow((double)RB_ADAM_BETA1, i + 1));
        row[RB_SCHED_CORRECTION2] = (float)(1 - pow((double)RB_ADAM_BETA2, i + 1));
    }
    put(&s, &s.program->schedule, schedule);
    rewind_to(&s, 0);
    assert_ok(backend->bind(s.store, s.program, &s.program->variant[RB_VARIANT_TRAIN], &s.train));
    assert_ok(backend->bind(s.store, s.program, &s.program->variant[RB_VARIANT_EVAL], &s.eval));
    return s;
}

static void side_free(side *s) {
    s->backend->unbind(s->train);
    s->backend->unbind(s->eval);
    s->backend->store_free(s->store);
    s->backend->close(s->device);
    rb_program_free(s->program);
}

/* Canonical values (floats or i32) of a tensor. */
static void *canonical(const side *s, const rb_tensor *t) {
    void *values = calloc((size_t)rb_tensor_count(t), 4);
    assert_ok(rb_tensor_get(s->backend, s->store, s->program, t, values));
    return values;
}

static void compare(const side *a, const rb_tensor *ta, const side *b, const rb_tensor *tb, double tolerance) {
    float *x = canonical(a, ta), *y = canonical(b, tb);
    double largest = 1e-30, worst = 0;
    for (int64_t i = 0; i < rb_tensor_count(ta); i++) {
        assert_true(isfinite(x[i]) && isfinite(y[i]));
        largest = fmax(largest, fabs((double)y[i]));
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
    }
    if (!(worst <= tolerance * largest)) fail_msg("%s is off by %g of its largest value", ta->name, worst / largest);
    free(x);
    free(y);
}

static void check_padding(const side *s, rb_tensor t) {
    unsigned char *image = malloc(t.bytes), *again = malloc(t.bytes);
    void *values = canonical(s, &t);
    assert_ok(s->backend->get(s->store, t.segment, t.offset, t.bytes, image));
    rb_tensor_pack(&t, 4, values, again); /* with padding zeroed */
    for (size_t i = 0; i < t.bytes; i += 4) {
        float f;
        memcpy(&f, image + i, 4);
        if (memcmp(image + i, again + i, 4) && f != 0) fail_msg("padding of %s is not zero", t.name);
    }
    free(values);
    free(image);
    free(again);
}

static void agrees(const shape *m, const char *provider) {
    side a = side_new(m, &rb_backend_cpu, 0, provider), b = side_new(m, &rb_backend_reference64, 0, NULL);
    for (int i = 0; i < 2; i++) {
        side *s = i ? &b : &a;
        assert_ok(s->backend->submit(s->train, 3));
        assert_ok(s->backend->submit(s->eval, 1));
        assert_ok(s->backend->wait(s->device));
    }
    for (int i = 0; i < a.program->n_params; i++) {
        rb_tensor p = a.program->params[i].tensor, q = b.program->params[i].tensor;
        compare(&a, &p, &b, &q, 2e-5);
        check_padding(&a, p);
        p.segment = q.segment = RB_SEG_GRAD;
        compare(&a, &p, &b, &q, 2e-4);
        check_padding(&a, p);
    }
    for (int i = 0; i < a.program->n_buffers; i++) {
        compare(&a, &a.program->buffers[i].tensor, &b, &b.program->buffers[i].tensor, 2e-5);
        check_padding(&a, a.program->buffers[i].tensor);
    }
    float *x = canonical(&a, &a.program->metric[RB_FAMILY_TRAIN]),
          *y = canonical(&b, &b.program->metric[RB_FAMILY_TRAIN]);
    for (int i = 0; i < 3 * RB_METRIC_COLUMNS; i++) assert_true(fabsf(x[i] - y[i]) <= 2e-5f * (fabsf(y[i]) + 1e-3f));
    free(x);
    free(y);
    int32_t *p = canonical(&a, &a.program->pred), *q = canonical(&b, &b.program->pred);
    assert_memory_equal(p, q, 4 * (size_t)m->batch);
    free(p);
    free(q);
    side_free(&a);
    side_free(&b);
}

static bool force(const char *isa) {
    rb_device *device;
    setenv("REGBENCH_ISA", isa, 1);
    if (rb_backend_cpu.open(0, NULL, &device) == RB_OK) {
        rb_backend_cpu.close(device);
        return true;
    }
    rb_error_clear();
    print_message("this machine has no %s\n", isa);
    return false;
}

static void own_kernels_agree(void **state) {
    (void)state;
    const char *isas[] = {"baseline", "avx2", "avx512"};
    for (int k = 0; k < 3; k++)
        for (int i = 0; force(isas[k]) && i < SHAPES; i++) agrees(&shapes[i], "own");
    unsetenv("REGBENCH_ISA");
}

/* Large layers go to oneDNN, the rest stays: phases of both kinds, merged ops on both sides. */
static void auto_agrees(void **state) {
    (void)state;
    static const shape large = {mixed, 1, 15, 42, 3, 37, 50, 0.9f, 0};
    agrees(&large, "auto");
    agrees(&shapes[5], "auto");
}

static void onednn_agrees(void **state) {
    (void)state;
    rb_device *device;
    if (rb_backend_cpu.open(0, &(rb_open_options){.provider = "onednn"}, &device) != RB_OK) {
        print_message("oneDNN is not in this build\n");
        rb_error_clear();
        skip();
    }
    rb_backend_cpu.close(device);
    for (int i = 0; i < SHAPES; i++) agrees(&shapes[i], "onednn");
}

/* Parameters, momentum and metrics after `steps` in submissions of `cut`, as bytes. */
static unsigned char *train(const shape *m, int threads, int steps, int cut, size_t *bytes) {
    static const rb_segment kept[] = {RB_SEG_PARAM, RB_SEG_STATE, RB_SEG_METRIC, RB_SEG_GRAD};
    side s = side_new(m, &rb_backend_cpu, threads, "own");
    for (int i = 0; i < steps; i += cut) assert_ok(s.backend->submit(s.train, cut));
    *bytes = 0;
    for (int k = 0; k < 4; k++) *bytes += s.program->bytes[kept[k]];
    unsigned char *all = malloc(*bytes), *at = all;
    for (int k = 0; k < 4; k++, at += s.program->bytes[kept[k - 1]])
        assert_ok(s.backend->get(s.store, kept[k], 0, s.program->bytes[kept[k]], at));
    side_free(&s);
    return all;
}

static void threads_change_no_bit(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        size_t n, m;
        unsigned char *one_thread = train(&shapes[i], 1, 4, 1, &n);
        for (int threads = 1; threads <= 17; threads = threads < 4 ? threads + 1 : threads + 13) {
            unsigned char *others = train(&shapes[i], threads, 4, 4, &m);
            assert_int_equal(n, m);
            assert_memory_equal(one_thread, others, n);
            free(others);
        }
        free(one_thread);
    }
}

static void profile_trains_too(void **state) {
    (void)state;
    side a = side_new(&shapes[5], &rb_backend_cpu, 1, "own"), b = side_new(&shapes[5], &rb_backend_cpu, 1, "own");
    int64_t ns[64] = {0};
    assert_ok(a.backend->profile(a.train, 2, ns));
    assert_ok(b.backend->submit(b.train, 2));
    float *x = canonical(&a, &a.program->param_all), *y = canonical(&b, &b.program->param_all);
    assert_memory_equal(x, y, a.program->param_all.bytes);
    assert_true(ns[1] > 0 && ns[a.program->variant[RB_VARIANT_TRAIN].n_ops - 1] > 0);
    free(x);
    free(y);
    side_free(&a);
    side_free(&b);
}

static void nan_is_seen(void **state) {
    (void)state;
    for (int i = 1; i < SHAPES; i++)
        for (int onednn = 0; onednn < 2; onednn++) {
            rb_device *device;
            if (onednn && rb_backend_cpu.open(0, &(rb_open_options){.provider = "onednn"}, &device) != RB_OK) {
                rb_error_clear();
                continue;
            }
            if (onednn) rb_backend_cpu.close(device);
            side s = side_new(&shapes[i], &rb_backend_cpu, 2, onednn ? "onednn" : "own");
            rb_tensor *bias = &s.program->params[1].tensor;
            float *values = canonical(&s, bias);
            values[0] = NAN;
            put(&s, bias, values);
            free(values);
            assert_ok(s.backend->submit(s.train, 1));
            float *metric = canonical(&s, &s.program->metric[RB_FAMILY_TRAIN]);
            for (int k = 0; k < RB_METRIC_COLUMNS; k++)
                if (k != RB_METRIC_CORRECT && !isnan(metric[k])) fail_msg("shape %d hides a NaN in column %d", i, k);
            free(metric);
            side_free(&s);
        }
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    rb_device *device;
    rb_device_info list[1];
    char why[256];
    int n;
    assert_int_equal(rb_backend_cpu.open(0, &(rb_open_options){.provider = "onedn"}, &device), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "did you mean \"onednn\""));
    rb_error_clear();
    assert_int_equal(rb_backend_cpu.open(0, &(rb_open_options){.threads = -1}, &device), RB_USAGE);
    rb_error_clear();
    setenv("REGBENCH_ISA", "avx51", 1);
    assert_int_equal(rb_backend_cpu.open(0, NULL, &device), RB_USAGE);
    assert_non_null(strstr(rb_error_last()->text, "avx512"));
    rb_error_clear();
    assert_int_equal(rb_backend_cpu.probe(NULL, list, &n, why), RB_USAGE);
    rb_error_clear();
    unsetenv("REGBENCH_ISA");
    assert_ok(rb_backend_cpu.probe(NULL, list, &n, why));
    assert_int_equal(n, 1);
    assert_true(list[0].threads >= 1 && list[0].name[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_kernels_agree),
        cmocka_unit_test(onednn_agrees),
        cmocka_unit_test(auto_agrees),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(profile_trains_too),
        cmocka_unit_test(nan_is_seen),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
