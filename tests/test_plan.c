/* test_plan.c: dumps of whole programs against goldens/plans, byte for byte: present labs in two layouts, and the
 * models of labs to come, which the compiler carries before kernels for them exist.
 *
 * REGBENCH_UPDATE_GOLDENS=1 writes the goldens; read the difference before it is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "regbench/lab.h"
#include "support.h"

static const rb_layout gpu_like = {
    RB_NHWC, true, 16, 64, 4, RB_FUSE_ACT | RB_FUSE_ACT_DX | RB_FUSE_ACT_BN | RB_FUSE_ADD | RB_FUSE_COPY};

static void check(const char *name, const rb_spec *spec, const rb_layout *layout) {
    char file[64];
    rb_text text = {0};
    rb_program *p = compiled(spec, layout);
    assert_int_equal(rb_program_dump(p, &text), RB_OK);
    rb_program_free(p);
    snprintf(file, sizeof file, "plans/%s.txt", name);
    assert_golden(file, rb_text_string(&text));
    rb_text_free(&text);
}

/* A case of this build on the shape of its data set; u8 images scaled to 0..1. */
static void check_case(const char *name, const char *file, int side, int64_t n_train, const rb_layout *layout) {
    const rb_case *c;
    assert_int_equal(rb_case_find(name, &c), RB_OK);
    rb_spec s = {.layers = c->layers, .C = 1, .H = side, .W = side, .x_dtype = RB_U8, .mean = 0, .stddev = 1};
    s.classes = 10, s.batch = c->batch, s.n_rows = 70000, s.n_train = n_train, s.n_eval = n_train;
    s.window = (int)((n_train + c->batch - 1) / c->batch);
    s.optimizer = c->optimizer, s.momentum = c->momentum, s.l1 = c->l1, s.l2 = c->l2, s.weight_decay = c->weight_decay;
    check(file, &s, layout);
}

static void test_present_labs(void **state) {
    (void)state;
    rb_layout canonical = rb_layout_canonical();
    check_case("size/mlp", "size-mlp", 28, 60000, &canonical);
    check_case("size/lenet", "size-lenet", 28, 60000, &canonical);
    check_case("cnn/mnist", "cnn-mnist", 28, 50000, &canonical);
    check_case("size/mlp", "size-mlp.nhwc16", 28, 60000, &gpu_like);
    check_case("size/lenet", "size-lenet.nhwc16", 28, 60000, &gpu_like);
    check_case("cnn/mnist", "cnn-mnist.nhwc16", 28, 50000, &gpu_like);
}

/* --- ResNet with skips on CIFAR-10 ------------------------------------------------------------------------------ */

static rb_spec adam(const rb_layer *layers, int C, int H, int W, int classes, int batch, int64_t n_train) {
    rb_spec s = spec_of(layers, C, H, W, classes, batch);
    s.n_rows = n_train + 10000, s.n_train = n_train, s.n_eval = 10000, s.window = (int)((n_train + batch - 1) / batch);
    s.mean = 0, s.stddev = 1, s.optimizer = RB_ADAM;
    return s;
}

static void test_resnet(void **state) {
    (void)state;
    rb_layout canonical = rb_layout_canonical();
    const rb_case *c;
    assert_int_equal(rb_case_find("tricks/resnet-skip", &c), RB_OK);
    rb_spec s = adam(c->layers, 3, 32, 32, 10, 256, 50000);
    check("resnet", &s, &canonical);
    check("resnet.nhwc16", &s, &gpu_like);
    rb_program *p = compiled(&s, &canonical);
    assert_int_equal(p->n_weights, 11173962); /* as torch counts them */
    assert_int_equal(p->n_buffers, 2 * 20);
    rb_program_free(p);
}

/* --- batch norm and dropout, regression, attack, distillation ------------------------------------------------------
 */

static void test_batchnorm_dropout(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_LINEAR(16), RB_RELU,          RB_BATCHNORM,  RB_LINEAR(32),
                                      RB_RELU,       RB_DROPOUT(0.2f), RB_BATCHNORM,  RB_LINEAR(24),
                                      RB_RELU,       RB_BATCHNORM,     RB_LINEAR(10), RB_END};
    rb_layout canonical = rb_layout_canonical();
    rb_spec s = adam(layers, 1, 28, 28, 10, 256, 60000);
    s.optimizer = RB_SGD, s.momentum = 0.9f;
    check("batchnorm-dropout", &s, &canonical);
    check("batchnorm-dropout.nhwc16", &s, &gpu_like);
}

static void test_toy_regression(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_LINEAR(300),       RB_LEAKY_RELU(0.01f), RB_LINEAR(500),
                                      RB_LEAKY_RELU(0.01f), RB_LINEAR(1),         RB_END};
    rb_layout canonical = rb_layout_canonical();
    rb_spec s = adam(layers, 1, 1, 1, 1, 10, 10);
    s.n_rows = 210, s.n_eval = 200, s.window = 500, s.x_dtype = RB_F32, s.regression = true;
    check("toy-regression", &s, &canonical);
    check("toy-regression.nhwc16", &s, &gpu_like);
}

static void test_attack_and_student(void **state) {
    (void)state;
    static const rb_layer animals[] = {
        RB_LINEAR(128, .in = 3072), RB_RELU, RB_LINEAR(32), RB_RELU, RB_LINEAR(3), RB_END};
    rb_layout canonical = rb_layout_canonical();
    rb_spec s = adam(animals, 3, 32, 32, 3, 128, 2400);
    s.n_rows = 3000, s.n_eval = 600, s.mean = s.stddev = 0.5f, s.optimizer = RB_SGD, s.attack = true, s.l2 = 1e-3f;
    check("attack", &s, &canonical);
    check("attack.nhwc16", &s, &gpu_like);
    static const rb_layer student[] = {RB_LINEAR(32), RB_RELU, RB_LINEAR(3), RB_END};
    s.layers = student, s.attack = false, s.soft_labels = true, s.l2 = 0;
    check("student", &s, &canonical);
}

/* --- the comparison itself -------------------------------------------------------------------------------------- */

static void test_first_difference(void **state) {
    (void)state;
    assert_null(first_difference("", ""));
    assert_null(first_difference("a\nb\n", "a\nb\n"));
    assert_string_equal(first_difference("a\nb\n", "a\nc\n"), "line 2:\n  expected `b`\n  got      `c`");
    assert_non_null(first_difference("a\nb\n", "a\nb"));
    assert_non_null(first_difference("a\nb", "a\nb\n"));
    assert_non_null(first_difference("a\n", "a\nb\n"));
    assert_non_null(first_difference("a\nb\n", "a\n"));
    assert_non_null(first_difference("", "a"));
    assert_non_null(first_difference("ab", "a"));
    assert_string_equal(first_difference("a", ""), "line 1:\n  expected `a` and the end\n  got      `` and the end");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_difference), cmocka_unit_test(test_present_labs),
        cmocka_unit_test(test_resnet),           cmocka_unit_test(test_batchnorm_dropout),
        cmocka_unit_test(test_toy_regression),   cmocka_unit_test(test_attack_and_student),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
