/* test_model.c: the compiler: model FLOPs and bytes, and what it refuses to compile. Fusion is in test_fuse.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "support.h"

static int clear(void **state) {
    (void)state;
    rb_error_clear();
    return 0;
}

/* --- model FLOPs ------------------------------------------------------------------------------------------------ */

#define TRAIN RB_VARIANT_TRAIN

static double flops_of(const rb_layer *layers, rb_spec spec, rb_variant_kind kind) {
    rb_layout layout = test_layout(3); /* padding must not count */
    spec.layers = layers;
    rb_program *p = compiled(&spec, &layout);
    double flops = rb_variant_model_flops(&p->variant[kind]);
    rb_program_free(p);
    return flops;
}

static void test_model_flops(void **state) {
    (void)state;
    static const rb_layer mlp[] = {RB_LINEAR(120), RB_SIGMOID, RB_LINEAR(84), RB_SIGMOID, RB_LINEAR(10), RB_END};
    rb_spec s = spec_of(mlp, 1, 28, 28, 10, 32);
    double first = 784.0 * 120, rest = 120.0 * 84 + 84.0 * 10;
    assert_true(flops_of(mlp, s, RB_VARIANT_EVAL) == 2 * 32 * (first + rest));
    assert_true(flops_of(mlp, s, TRAIN) == 2 * 32 * (2 * first + 3 * rest));
    assert_true(flops_of(mlp, s, RB_VARIANT_TRAIN_TAIL) == 2 * 31 * (2 * first + 3 * rest));
    assert_true(flops_of(mlp, s, RB_VARIANT_NORMS) == 0);
    static const rb_layer lenet[] = {RB_CONV(6, .kernel = 5, .pad = 2),
                                     RB_SIGMOID,
                                     RB_AVGPOOL(2),
                                     RB_CONV(16, .kernel = 5, .stride = 2),
                                     RB_SIGMOID,
                                     RB_LINEAR(10),
                                     RB_END};
    double c1 = 28.0 * 28 * 6 * 25, c2 = 5.0 * 5 * 16 * 6 * 25, l = 16.0 * 25 * 10; /* (14-5)/2+1 = 5 */
    assert_true(flops_of(lenet, s, RB_VARIANT_EVAL) == 2 * 32 * (c1 + c2 + l));
    assert_true(flops_of(lenet, s, TRAIN) == 2 * 32 * (2 * c1 + 3 * (c2 + l)));
}

/* What must move at least once: the batch's rows of tables over all rows, one row of metrics and schedule. */
static void test_op_bytes(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_LINEAR(3), RB_END};
    rb_spec s = spec_of(layers, 2, 3, 1, 3, 4);
    rb_layout layout = rb_layout_canonical();
    s.soft_labels = true;
    rb_program *p = compiled(&s, &layout);
    const rb_variant *v = &p->variant[TRAIN];
    static const double expected[] = {4 * 6 + 4 * 4 + 4 * 24,         /* gather: u8, order, x */
                                      4 * (24 + 18 + 3 + 12),         /* linear */
                                      4 * (12 + 4 + 4 + 12 + 4 + 12), /* loss: z label order soft metric dz */
                                      4 * (24 + 12 + 18 + 3)};        /* linear-dw */
    assert_int_equal(v->n_ops, 5);
    for (int i = 0; i < 4; i++) assert_true(rb_op_bytes(v, &v->ops[i], 4) == expected[i]);
    double flat = (double)rb_tensor_count(&p->param_all); /* update: gradient, schedule, parameters, metric */
    assert_true(rb_op_bytes(v, &v->ops[4], 4) == 4 * (flat + 4 + flat + 4));
    assert_true(rb_op_flops(v, &v->ops[1]) == 2 * 4 * 18 && rb_op_flops(v, &v->ops[3]) == 2 * 4 * 18);
    rb_program_free(p);
}

/* --- what is refused -------------------------------------------------------------------------------------------- */

static void assert_refused(const rb_layer *layers, rb_spec spec, rb_status status, const char *text) {
    rb_layout layout = rb_layout_canonical();
    rb_program *p = NULL;
    rb_error_clear();
    spec.layers = layers;
    assert_int_equal(rb_program_compile(&spec, &layout, &p), status);
    assert_null(p);
    assert_non_null(rb_error_last());
    assert_int_equal(rb_error_last()->status, status);
    assert_string_equal(rb_error_last()->text, text);
    rb_error_clear();
}

#define MODEL(...) ((const rb_layer[]){__VA_ARGS__, RB_END})

static void test_shapes_that_do_not_fit(void **state) {
    (void)state;
    rb_spec s = spec_of(NULL, 1, 6, 4, 3, 2);
    assert_refused(MODEL(RB_CONV(4, .kernel = 5)), s, RB_MISMATCH,
                   "layer 0 (conv): a 5x5 kernel with padding 0 does not fit on an input of 1x6x4");
    assert_refused(MODEL(RB_CONV(4, .kernel = 3), RB_AVGPOOL(3)), s, RB_MISMATCH,
                   "layer 1 (avg-pool): a 3x3 window does not fit on an input of 4x4x2");
    assert_refused(MODEL(RB_CONV(4, .kernel = 3, .in = 3)), s, RB_MISMATCH,
                   "layer 0 (conv): is made for 3 input channels, but its input is 1x6x4");
    assert_refused(MODEL(RB_RELU, RB_LINEAR(3, .in = 28)), s, RB_MISMATCH,
                   "layer 1 (linear): is made for 28 input features, but its input is 1x6x4 = 24");
    assert_refused(MODEL(RB_LINEAR(4)), s, RB_MISMATCH,
                   "the last layer gives 4x1x1 values, the data set has 3 classes");
    assert_refused(MODEL(RB_CONV(3, .kernel = 3)), s, RB_MISMATCH,
                   "the last layer gives 3x4x2 values, the data set has 3 classes");
    assert_refused(MODEL(RB_CONV(3, .kernel = 1, .tag = "a"), RB_CONV(4, .kernel = 1), RB_ADD("a")), s, RB_MISMATCH,
                   "layer 2 (add): cannot add 4x6x4 and 3x6x4");
    assert_refused(MODEL(RB_RELU_TAG("a"), RB_ADD("b")), s, RB_MISMATCH,
                   "layer 1 (add): no earlier layer has the tag \"b\"");
    assert_refused(MODEL(RB_LINEAR(3, .from = "later"), RB_RELU_TAG("later")), s, RB_MISMATCH,
                   "layer 0 (linear): no earlier layer has the tag \"later\"");
    assert_refused(MODEL(RB_RELU, {.kind = RB_LAYER_ADD}), s, RB_MISMATCH,
                   "layer 1 (add): needs `with`: the tag of its second input");
}

static void test_impossible_values(void **state) {
    (void)state;
    rb_spec s = spec_of(NULL, 1, 6, 4, 3, 2), z;
    assert_refused(MODEL(RB_CONV(4, .kernel = 0)), s, RB_USAGE,
                   "layer 0 (conv): needs units, kernel and stride of at least 1 and 0 <= pad < kernel; got units 4, "
                   "kernel 0, stride 0, pad 0");
    assert_refused(MODEL(RB_CONV(4, .kernel = 3, .pad = 3)), s, RB_USAGE,
                   "layer 0 (conv): needs units, kernel and stride of at least 1 and 0 <= pad < kernel; got units 4, "
                   "kernel 3, stride 0, pad 3");
    assert_refused(MODEL(RB_LINEAR(0)), s, RB_USAGE, "layer 0 (linear): needs at least 1 unit, not 0");
    assert_refused(MODEL(RB_DROPOUT(1)), s, RB_USAGE,
                   "layer 0 (dropout): needs a probability of at least 0 and under 1, not 1");
    assert_refused(MODEL(RB_DROPOUT(NAN)), s, RB_USAGE,
                   "layer 0 (dropout): needs a probability of at least 0 and under 1, not nan");
    assert_refused(MODEL(RB_LEAKY_RELU(1)), s, RB_USAGE, "layer 0 (leaky-relu): needs a slope between 0 and 1, not 1");
    assert_refused(
        MODEL(RB_MAXPOOL(16)), s, RB_USAGE,
        "layer 0 (max-pool): needs a window of 1 to 15 and a stride of at least 1; got window 16, stride 16");
    const char *one_row = "layer 1 (batch-norm): a training batch of one row has no variance; choose a batch size that "
                          "does not leave one row (training rows modulo batch)";
    z = spec_of(NULL, 1, 6, 4, 3, 4);
    z.n_train = 9;
    assert_refused(MODEL(RB_LINEAR(3), RB_BATCHNORM), z, RB_MISMATCH, one_row);
    assert_refused(MODEL(RB_LINEAR(3), RB_BATCHNORM), spec_of(NULL, 1, 6, 4, 3, 1), RB_MISMATCH, one_row);
    z = s, z.batch = 0;
    assert_refused(MODEL(RB_LINEAR(3)), z, RB_USAGE, "batch must be at least 1, not 0");
    z = s, z.n_eval = 0;
    assert_refused(MODEL(RB_LINEAR(3)), z, RB_USAGE, "needs at least one training and one evaluation row");
    z = s, z.window = 0;
    assert_refused(MODEL(RB_LINEAR(3)), z, RB_USAGE, "the window between decisions must be at least one step");
    z = s, z.classes = 0;
    assert_refused(MODEL(RB_LINEAR(3)), z, RB_USAGE, "samples and classes must not be empty");
    assert_refused((const rb_layer[]){RB_END}, s, RB_USAGE, "the model has no layers");
    /* one row is enough where each channel has more than one pixel, as in PyTorch */
    rb_layout layout = rb_layout_canonical();
    rb_spec pixels = spec_of(MODEL(RB_BATCHNORM, RB_LINEAR(3)), 1, 6, 4, 3, 1);
    rb_program_free(compiled(&pixels, &layout));
}

static void test_too_large(void **state) {
    (void)state;
    rb_layer layers[1501];
    for (int i = 0; i < 1500; i++) layers[i] = (rb_layer)RB_RELU;
    layers[1500] = (rb_layer)RB_END;
    assert_refused(layers, spec_of(NULL, 3, 1, 1, 3, 2), RB_MISMATCH,
                   "layer 1023 (relu): the model needs more than 1024 ops; make it smaller");
    layers[600] = (rb_layer)RB_END; /* forward fits, the gradients do not */
    assert_refused(layers, spec_of(NULL, 3, 1, 1, 3, 2), RB_MISMATCH,
                   "layer 177 (relu): the model needs more than 1024 ops; make it smaller");
    layers[500] = (rb_layer)RB_END;
    rb_spec s = spec_of(layers, 3, 1, 1, 3, 2);
    rb_layout layout = rb_layout_canonical();
    s.attack = true;
    rb_program_free(compiled(&s, &layout));
}

/* A row of 4096 pixels is the longest; padding must not let the output grow past it. */
static void test_long_rows(void **state) {
    (void)state;
    static const rb_layer wide[] = {RB_CONV(1, .kernel = 5, .pad = 4), RB_LINEAR(2), RB_END};
    assert_refused(wide, spec_of(NULL, 1, 1, 4093, 2, 1), RB_MISMATCH,
                   "layer 0 (conv): rows of 4093 pixels in and 4097 out: at most 4096 are supported");
    assert_refused(wide, spec_of(NULL, 1, 1, 5000, 2, 1), RB_MISMATCH,
                   "layer 0 (conv): rows of 5000 pixels in and 5004 out: at most 4096 are supported");
    rb_spec s = spec_of(wide, 1, 1, 4092, 2, 1);
    rig r;
    rig_open(&r, &s, 1);
    assert_true(rig_loss(&r, RB_VARIANT_TRAIN) > 0);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model_flops, clear, clear),
        cmocka_unit_test_setup_teardown(test_op_bytes, clear, clear),
        cmocka_unit_test_setup_teardown(test_shapes_that_do_not_fit, clear, clear),
        cmocka_unit_test_setup_teardown(test_impossible_values, clear, clear),
        cmocka_unit_test_setup_teardown(test_too_large, clear, clear),
        cmocka_unit_test_setup_teardown(test_long_rows, clear, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
