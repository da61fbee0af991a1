/* test_cuda_bf16.c: precision bf16 to the last bit, without a GPU: each product of a library alone, over the stand-ins,
 * against own kernels in fp32 on operands that are rounded here.
 *
 * A tolerance of bf16 would not tell rounding from cutting off. Sums are added up in another order there, so linear
 * layers agree within fp32's rounding; what cuDNN rounds once more agrees exactly, but for few values that lie at a tie
 * within fp32. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/side.h"
#include "golden_run.h"

#if defined(REGBENCH_HAVE_CUDA) && defined(TEST_HOST_CUBLAS) && defined(TEST_HOST_CUDNN)

/* To the nearest of the floats whose lower half is zero, ties to the even one: by arithmetic, not by bits. */
static float nearest(float x) {
    int exponent;
    if (x == 0 || !isfinite(x)) return x;
    frexpf(x, &exponent); /* x = 0.1bbb bbbb r.. 2^exponent */
    if (exponent < -125) exponent = -125;
    const double unit = ldexp(1, exponent - 8);
    return (float)(nearbyint(x / unit) * unit);
}

static void round_tensor(unsigned char *image, const rb_tensor *t) {
    float *x = (float *)(void *)(image + t->offset);
    for (size_t i = 0; i < t->bytes / sizeof *x; i++) x[i] = nearest(x[i]);
}

typedef struct two {
    rb_side narrow, wide; /* bf16 by the libraries; fp32 by own kernels */
    rb_variant_kind kind;
    int products[RB_OP_KINDS], added;
    long values, off; /* of cuDNN's: all; those that are not the same bits */
} two;

static const float *floats(unsigned char *const image[RB_SEGMENTS], const rb_tensor *t) {
    return (const float *)(const void *)(image[t->segment] + t->offset);
}

/* Op i in fp32 from what the other side read, operands rounded or not; what `blank` says is zero (-1: nothing). */
static void run_wide(two *s, int i, bool rounded, int blank) {
    const rb_variant *v = &s->narrow.program->variant[s->kind];
    const char *provider;
    for (int k = 0; k < RB_SEGMENTS; k++) {
        const size_t bytes = s->narrow.program->bytes[k];
        unsigned char *image = malloc(bytes + 1);
        assert_non_null(image);
        memcpy(image, s->narrow.before[k], bytes);
        for (int j = 0; j < 2 && rounded; j++) {
            const rb_tensor *t = &v->tensors[v->ops[i].in[j]];
            if (t->segment == (rb_segment)k) round_tensor(image, t);
        }
        if (blank >= 0 && v->tensors[blank].segment == (rb_segment)k)
            memset(image + v->tensors[blank].offset, 0, v->tensors[blank].bytes);
        assert_ok(s->wide.backend->put(s->wide.store, (rb_segment)k, 0, bytes, image));
        free(image);
    }
    assert_ok(rb__side_run(&s->wide, s->kind, i, &provider));
    assert_string_equal(provider, "own");
}

static void compare_sums(const two *s, const rb_tensor *t, const char *what) {
    const float *got = floats(s->narrow.after, t), *expected = floats(s->wide.after, t);
    double largest = 0, error = 0;
    for (size_t i = 0; i < t->bytes / sizeof *got; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        error = fmax(error, fabs((double)got[i] - (double)expected[i]));
    }
    if (!(error <= 3e-6 * largest)) fail_msg("%s of %s: off by %g of %g", what, t->name, error, largest);
}

/* y = bf16(x * w) + b; dx = (dx +) bf16(dx') act'(saved); dw = bf16(dw'). */
static void compare_convolution(two *s, int i, const rb_tensor *t) {
    const rb_variant *v = &s->narrow.program->variant[s->kind];
    const rb_op *op = &v->ops[i];
    const bool forward = op->kind == RB_OP_CONV, add = op->flags & RB_OPF_ACCUMULATE, dx = op->kind == RB_OP_CONV_DX;
    run_wide(s, i, true, forward ? op->in[2] : add ? op->out[0] : -1);
    const float *got = floats(s->narrow.after, t), *sums = floats(s->wide.after, t), *old = floats(s->narrow.before, t);
    const float *bias = forward && op->in[2] >= 0 ? floats(s->narrow.before, &v->tensors[op->in[2]]) : NULL;
    const float *saved = dx && op->act == RB_ACT_RELU ? floats(s->narrow.before, &v->tensors[op->in[2]]) : NULL;
    const long pixel = (long)t->stride[3];
    for (long k = 0; k < (long)(t->bytes / sizeof *got); k++) {
        float expected = nearest(sums[k]);
        if (bias && k % pixel < t->dims[1]) expected += bias[k % pixel];
        if (add && (!saved || saved[k] > 0)) expected += old[k];
        s->values++;
        s->off += expected != got[k];
        if (fabsf(expected - got[k]) > 0x1p-7f * fabsf(sums[k]) + 1e-6f)
            fail_msg("%s[%ld]: %g, expected %g", t->name, k, (double)got[k], (double)expected);
    }
    s->added += add;
}

static void check_product(two *s, int i) {
    const rb_variant *v = &s->narrow.program->variant[s->kind];
    const rb_op *op = &v->ops[i];
    const bool dw = op->kind == RB_OP_LINEAR_DW || op->kind == RB_OP_CONV_DW;
    s->products[op->kind]++;
    if (op->kind >= RB_OP_LINEAR && op->kind <= RB_OP_LINEAR_DW) {
        run_wide(s, i, true, -1);
        compare_sums(s, &v->tensors[op->out[0]], "the product");
    } else if (op->kind != RB_OP_CONV || op->act == RB_ACT_NONE) {
        compare_convolution(s, i, &v->tensors[op->out[0]]);
    }
    if (!dw || op->out[1] < 0) return;
    run_wide(s, i, false, -1); /* db is of dy as it is */
    compare_sums(s, &v->tensors[op->out[1]], "the bias' gradient");
}

static bool is_product(rb_op_kind kind) {
    return (kind >= RB_OP_LINEAR && kind <= RB_OP_LINEAR_DW) || (kind >= RB_OP_CONV && kind <= RB_OP_CONV_DW);
}

/* Every third parameter lies halfway between two values of bf16. */
static void plant_ties(rb_side *s) {
    const size_t bytes = s->program->bytes[RB_SEG_PARAM];
    uint32_t *words = malloc(bytes + 1);
    assert_non_null(words);
    assert_ok(s->backend->get(s->store, RB_SEG_PARAM, 0, bytes, words));
    for (size_t i = 0; i < bytes / sizeof *words; i += 3)
        if (words[i]) words[i] = (words[i] & 0xFFFF0000u) | 0x8000u; /* padding is zero */
    assert_ok(s->backend->put(s->store, RB_SEG_PARAM, 0, bytes, words));
    free(words);
}

static void check_shape(two *s, const rb_check_shape *shape) {
    assert_ok(rb__side_new(&s->narrow, shape));
    plant_ties(&s->narrow);
    assert_ok(rb__side_new(&s->wide, shape));
    for (s->kind = RB_VARIANT_TRAIN; s->kind <= RB_VARIANT_TRAIN_TAIL; s->kind++) {
        const rb_variant *v = &s->narrow.program->variant[s->kind];
        for (int i = 0; i < v->n_ops; i++) {
            const char *provider;
            assert_ok(rb__side_run(&s->narrow, s->kind, i, &provider));
            if (is_product(v->ops[i].kind) && strcmp(provider, "own") != 0) check_product(s, i);
        }
    }
    rb__side_free(&s->narrow);
    rb__side_free(&s->wide);
    s->narrow = (rb_side){.backend = s->narrow.backend, .device = s->narrow.device};
    s->wide = (rb_side){.backend = s->wide.backend, .device = s->wide.device};
}

static void operands_are_rounded_and_nothing_else(void **state) {
    (void)state;
    static const char *const shapes[] = {"linear, batch 7", "linear, leaky relu", "convolution without activation",
                                         "CNN, colour", "residual blocks"};
    rb_device_id id;
    two s = {0};
    assert_ok(rb_device_select("cuda", &id));
    s.narrow.backend = s.wide.backend = id.backend;
    assert_ok(id.backend->open(id.index, &(rb_open_options){.precision = "bf16"}, &s.narrow.device));
    assert_ok(id.backend->open(id.index, &(rb_open_options){.provider = "own"}, &s.wide.device));
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        const rb_check_shape *shape = rb_check_shapes;
        while (shape->name && strncmp(shape->name, shapes[k], strlen(shapes[k])) != 0) shape++;
        assert_non_null(shape->name);
        check_shape(&s, shape);
    }
    for (rb_op_kind kind = 0; kind < RB_OP_KINDS; kind++)
        if (is_product(kind)) assert_true(s.products[kind] > 1);
    assert_true(s.added > 0);
    print_message("%ld of %ld values at ties\n", s.off, s.values);
    assert_true(s.values > 10000 && 200 * s.off < s.values);
    id.backend->close(s.narrow.device);
    id.backend->close(s.wide.device);
}

int main(void) {
    setenv("REGBENCH_CUDA_LIBRARY", TEST_HOST_DRIVER, 1);
    setenv("REGBENCH_NVRTC_LIBRARY", TEST_HOST_NVRTC, 1);
    setenv("REGBENCH_CUBLAS_LIBRARY", TEST_HOST_CUBLAS, 1);
    setenv("REGBENCH_CUDNN_LIBRARY", TEST_HOST_CUDNN, 1);
    if (getenv("TEST_CACHE")) setenv("XDG_CACHE_HOME", getenv("TEST_CACHE"), 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(operands_are_rounded_and_nothing_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void no_backend(void **state) {
    (void)state;
    print_message("this build has no backend cuda, or not the headers of cuBLAS and cuDNN\n");
    skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_backend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
