/* test_model.c: the compiler: fusion, model FLOPs, and what it refuses to compile.
 */
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

/* --- fusion ----------------------------------------------------------------------------------------------------- */

/* The kinds of a variant's ops in one line; a fused activation after a plus. */
static const char *list_of(const rb_layer *layers, rb_spec spec, uint32_t fuse, rb_variant_kind kind) {
    static char text[2000];
    rb_layout layout = rb_layout_canonical();
    layout.fuse = fuse;
    spec.layers = layers;
    rb_program *p = compiled(&spec, &layout);
    const rb_variant *v = &p->variant[kind];
    text[0] = '\0';
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        size_t used = strlen(text);
        bool fused = op->act != RB_ACT_NONE && op->kind != RB_OP_ACT && op->kind != RB_OP_ACT_DX;
        snprintf(text + used, sizeof text - used, "%s%s%s%s%s", used ? " " : "", rb_op_name(op->kind), fused ? "+" : "",
                 fused ? rb_act_name(op->act) : "", op->flags & RB_OPF_ACCUMULATE ? "!" : "");
        if (op->act == RB_ACT_LEAKY_RELU) assert_true(op->slope == 0.125f);
    }
    rb_program_free(p);
    return text;
}
#define ACT    RB_FUSE_ACT
#define ACT_DX RB_FUSE_ACT_DX
#define TRAIN  RB_VARIANT_TRAIN

static void test_fuse_chain(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_CONV(4, .kernel = 3),
                                      RB_RELU,
                                      RB_MAXPOOL(2),
                                      RB_CONV(2, .kernel = 2),
                                      RB_LEAKY_RELU(0.125f),
                                      RB_AVGPOOL(2),
                                      RB_LINEAR(6),
                                      RB_SIGMOID,
                                      RB_LINEAR(3),
                                      RB_END};
    rb_spec s = spec_of(layers, 1, 12, 12, 3, 4);
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_EVAL),
                        "gather conv act max-pool conv act avg-pool linear act linear loss-ce");
    assert_string_equal(list_of(layers, s, ACT, RB_VARIANT_EVAL),
                        "gather conv+relu max-pool conv+leaky-relu avg-pool linear+sigmoid linear loss-ce");
    assert_string_equal(list_of(layers, s, ACT_DX, RB_VARIANT_EVAL), list_of(layers, s, 0, RB_VARIANT_EVAL));
    assert_string_equal(
        list_of(layers, s, 0, TRAIN),
        "gather conv act max-pool conv act avg-pool linear act linear loss-ce linear-dw linear-dx act-dx linear-dw "
        "linear-dx avg-pool-dx act-dx conv-dw conv-dx max-pool-dx act-dx conv-dw update");
    assert_string_equal(
        list_of(layers, s, ACT, TRAIN),
        "gather conv+relu max-pool conv+leaky-relu avg-pool linear+sigmoid linear loss-ce linear-dw linear-dx act-dx "
        "linear-dw linear-dx avg-pool-dx act-dx conv-dw conv-dx max-pool-dx act-dx conv-dw update");
    assert_string_equal(
        list_of(layers, s, ACT | ACT_DX, TRAIN),
        "gather conv+relu max-pool conv+leaky-relu avg-pool linear+sigmoid linear loss-ce linear-dw linear-dx+sigmoid "
        "linear-dw linear-dx avg-pool-dx+leaky-relu conv-dw conv-dx max-pool-dx+relu conv-dw update");
}

/* The saved output that a fused gradient reads is the one that the activation's own gradient would have read. */
static void test_fused_operands(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_CONV(4, .kernel = 1),
                                      RB_RELU,
                                      RB_CONV(4, .kernel = 3),
                                      RB_SIGMOID,
                                      RB_MAXPOOL(2),
                                      RB_CONV(2, .kernel = 1),
                                      RB_RELU,
                                      RB_AVGPOOL(2),
                                      RB_LINEAR(5),
                                      RB_RELU,
                                      RB_LINEAR(3),
                                      RB_END};
    rb_spec s = spec_of(layers, 1, 10, 10, 3, 4);
    rb_layout layout = rb_layout_canonical();
    layout.fuse = ACT | ACT_DX;
    rb_program *p = compiled(&s, &layout);
    const rb_variant *v = &p->variant[TRAIN];
    int checked = 0;
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        if (op->act == RB_ACT_NONE || i < v->n_ops / 2) continue; /* the second half: gradients */
        int y = op->in[op->kind == RB_OP_AVGPOOL_DX ? 1 : 2];
        assert_true(y >= 0);
        char expected[64];
        bool found = false;
        for (int j = 0; j < i; j++) found |= v->ops[j].out[0] == y && v->ops[j].act == op->act;
        assert_true(found);
        assert_memory_equal(v->tensors[op->out[0]].dims, v->tensors[y].dims, sizeof v->tensors[y].dims);
        /* it writes the gradient of what went into the activation */
        snprintf(expected, sizeof expected, "d(%d.%s)", atoi(v->tensors[y].name) - 1,
                 v->tensors[y].dims[2] > 1 ? "conv" : "linear");
        assert_string_equal(v->tensors[op->out[0]].name, expected);
        checked++;
    }
    assert_int_equal(checked, 4);
    rb_program_free(p);
}

static void test_fuse_needs_one_reader(void **state) {
    (void)state;
    /* the convolution's output is read by the ReLU and, as a shortcut, by the sum: nothing to fuse there */
    static const rb_layer twice[] = {RB_CONV(2, .kernel = 1, .tag = "a"), RB_RELU, RB_ADD("a"), RB_LINEAR(3), RB_END};
    rb_spec s = spec_of(twice, 2, 3, 3, 3, 4);
    assert_string_equal(list_of(twice, s, ACT | ACT_DX, RB_VARIANT_EVAL), "gather conv act add linear loss-ce");
    assert_string_equal(list_of(twice, s, ACT | ACT_DX, TRAIN),
                        "gather conv act add linear loss-ce linear-dw linear-dx copy copy act-dx! conv-dw update");
    /* two activations on one value: none; the output of a fused activation may have many readers */
    static const rb_layer forked[] = {RB_CONV(2, .kernel = 1, .tag = "a"),
                                      RB_RELU_TAG("r"),
                                      {.kind = RB_LAYER_SIGMOID, .from = "a"},
                                      RB_ADD("r"),
                                      RB_LINEAR(3),
                                      RB_END};
    assert_string_equal(list_of(forked, s, ACT | ACT_DX, TRAIN),
                        "gather conv act act add linear loss-ce linear-dw linear-dx copy copy act-dx act-dx! conv-dw "
                        "update");
    /* one activation is fused, a second one after it is not */
    static const rb_layer both[] = {RB_LINEAR(4), RB_RELU, RB_SIGMOID, RB_LINEAR(3), RB_END};
    assert_string_equal(list_of(both, s, ACT, RB_VARIANT_EVAL), "gather linear+relu act linear loss-ce");
    assert_string_equal(list_of(both, s, ACT | ACT_DX, TRAIN),
                        "gather linear+relu act linear loss-ce linear-dw linear-dx+sigmoid act-dx linear-dw update");
}

static void test_fuse_residual(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_CONV(2, .kernel = 1),
                                      RB_BATCHNORM,
                                      RB_RELU_TAG("in"),
                                      RB_CONV(2, .kernel = 1),
                                      RB_BATCHNORM,
                                      RB_RELU,
                                      RB_CONV(2, .kernel = 1),
                                      RB_ADD("in"),
                                      RB_RELU,
                                      RB_LINEAR(3),
                                      RB_END};
    rb_spec s = spec_of(layers, 2, 3, 3, 3, 4);
    assert_string_equal(list_of(layers, s, ACT | ACT_DX, RB_VARIANT_EVAL),
                        "gather conv batch-norm+relu conv batch-norm+relu conv add+relu linear loss-ce");
    /* d("in") has two writers, the copy first and conv-dx accumulating: its act-dx stays an op of its own */
    assert_string_equal(list_of(layers, s, ACT | ACT_DX, TRAIN),
                        "gather conv batch-norm+relu conv batch-norm+relu conv add+relu linear loss-ce linear-dw "
                        "linear-dx+relu copy copy conv-dw conv-dx+relu batch-norm-dx conv-dw conv-dx! act-dx "
                        "batch-norm-dx conv-dw update");
}

/* A ResNet's blocks: batch norm adds the shortcut and applies the ReLU; no gradient is copied; where a ReLU follows
 * batch norm, the gradient of batch norm reads through it. */
static void test_fuse_batchnorm(void **state) {
    (void)state;
    static const rb_layer same[] = {RB_CONV(2, .kernel = 1),
                                    RB_BATCHNORM,
                                    RB_RELU_TAG("in"),
                                    RB_CONV(2, .kernel = 1),
                                    RB_BATCHNORM,
                                    RB_LEAKY_RELU(0.125f),
                                    RB_CONV(2, .kernel = 1),
                                    RB_BATCHNORM,
                                    RB_ADD("in"),
                                    RB_RELU,
                                    RB_MAXPOOL(2),
                                    RB_LINEAR(3),
                                    RB_END};
    rb_spec s = spec_of(same, 2, 3, 3, 3, 4);
    assert_string_equal(list_of(same, s, RB_FUSE_ADD, RB_VARIANT_EVAL),
                        "gather conv batch-norm act conv batch-norm act conv batch-norm act max-pool linear loss-ce");
    assert_string_equal(list_of(same, s, RB_FUSE_ADD | ACT, RB_VARIANT_EVAL),
                        "gather conv batch-norm+relu conv batch-norm+leaky-relu conv batch-norm+relu max-pool linear "
                        "loss-ce");
    assert_string_equal(
        list_of(same, s, RB_FUSE_COPY, TRAIN),
        "gather conv batch-norm act conv batch-norm act conv batch-norm add act max-pool linear loss-ce linear-dw "
        "linear-dx max-pool-dx act-dx batch-norm-dx conv-dw conv-dx act-dx batch-norm-dx conv-dw conv-dx! act-dx "
        "batch-norm-dx conv-dw update");
    /* the masked gradient of the sum has two readers, batch norm and the shortcut: only the others are read through */
    assert_string_equal(
        list_of(same, s, RB_FUSE_COPY | RB_FUSE_ADD | RB_FUSE_ACT_BN | ACT | ACT_DX, TRAIN),
        "gather conv batch-norm+relu conv batch-norm+leaky-relu conv batch-norm+relu max-pool linear loss-ce linear-dw "
        "linear-dx max-pool-dx+relu batch-norm-dx conv-dw conv-dx batch-norm-dx+leaky-relu conv-dw conv-dx! "
        "batch-norm-dx+relu conv-dw update");
    /* what is added must be there before batch norm runs */
    static const rb_layer late[] = {RB_LINEAR(6, .tag = "in"),
                                    RB_BATCHNORM_TAG("n"),
                                    RB_LINEAR(6, .from = "in"),
                                    RB_ADD("n"),
                                    RB_LINEAR(3),
                                    RB_END};
    assert_string_equal(list_of(late, s, RB_FUSE_ADD, RB_VARIANT_EVAL),
                        "gather linear batch-norm linear add linear loss-ce");
    /* of two batch norms the later one adds: the other's output must be there */
    static const rb_layer wider[] = {RB_CONV(2, .kernel = 1, .tag = "in"),
                                     RB_CONV(3, .kernel = 1),
                                     RB_BATCHNORM_TAG("main"),
                                     RB_CONV(3, .kernel = 1, .from = "in"),
                                     RB_BATCHNORM,
                                     RB_ADD("main"),
                                     RB_RELU,
                                     RB_LINEAR(3),
                                     RB_END};
    rb_layout layout = rb_layout_canonical();
    layout.fuse = RB_FUSE_ADD | ACT | RB_FUSE_COPY;
    s.layers = wider;
    rb_program *p = compiled(&s, &layout);
    const rb_variant *v = &p->variant[TRAIN];
    int norms = 0;
    for (int i = 0; i < v->n_ops; i++)
        if (v->ops[i].kind == RB_OP_BATCHNORM) {
            const rb_op *op = &v->ops[i];
            assert_int_equal(op->in[5] >= 0, norms == 1);
            assert_int_equal(op->act, norms == 1 ? RB_ACT_RELU : RB_ACT_NONE);
            if (norms++) assert_string_equal(v->tensors[op->in[5]].name, "2.batch-norm");
            if (norms == 2) assert_string_equal(v->tensors[op->out[0]].name, "6.relu");
        } else
            assert_true(v->ops[i].kind != RB_OP_ADD && v->ops[i].kind != RB_OP_COPY);
    assert_int_equal(norms, 2);
    rb_program_free(p);
}

/* What the gradient of batch norm reads through: the saved output of the activation after it, and that one's dy. */
static void test_fused_batchnorm_operands(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_CONV(4, .kernel = 1), RB_BATCHNORM, RB_RELU,
                                      RB_CONV(2, .kernel = 1), RB_LINEAR(3), RB_END};
    rb_spec s = spec_of(layers, 2, 3, 3, 3, 4);
    rb_layout layout = rb_layout_canonical();
    layout.fuse = RB_FUSE_ACT_BN | ACT;
    rb_program *p = compiled(&s, &layout);
    const rb_variant *v = &p->variant[TRAIN];
    int found = 0;
    for (int i = 0; i < v->n_ops; i++) {
        const rb_op *op = &v->ops[i];
        if (op->kind != RB_OP_BATCHNORM_DX) continue;
        assert_int_equal(op->act, RB_ACT_RELU);
        assert_string_equal(v->tensors[op->in[0]].name, "0.conv");
        assert_string_equal(v->tensors[op->in[1]].name, "d(2.relu)");
        assert_string_equal(v->tensors[op->in[5]].name, "2.relu");
        assert_string_equal(v->tensors[op->out[0]].name, "d(0.conv)");
        found++;
    }
    assert_int_equal(found, 1);
    rb_program_free(p);
}

/* Copies in the training list with and without RB_FUSE_COPY; loss and gradients must be the same bits. */
static void check_copies(const rb_spec *spec, uint64_t seed, const char *text, int copies[2]) {
    rig r[2];
    double loss[2];
    unsigned char *grad[2];
    for (int k = 0; k < 2; k++) {
        rig_open_fused(&r[k], spec, seed, k ? RB_FUSE_COPY : 0);
        const rb_variant *v = &r[k].program->variant[TRAIN];
        for (int i = 0; i < v->n_ops; i++) copies[k] += v->ops[i].kind == RB_OP_COPY;
        loss[k] = rig_loss(&r[k], TRAIN);
        grad[k] = test_malloc(r[k].program->grad_all.bytes);
        rig_get(&r[k], &r[k].program->grad_all, grad[k]);
    }
    if (!(loss[0] == loss[1]) || memcmp(grad[0], grad[1], r[0].program->grad_all.bytes) != 0)
        fail_msg("model %s: other gradients without copies", text);
    for (int k = 0; k < 2; k++) {
        test_free(grad[k]);
        rig_close(&r[k]);
    }
}

static void test_copies_are_not_missed(void **state) {
    (void)state;
    int copies[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        static model m; /* layers point into it */
        model_draw(&m, seed);
        check_copies(&m.spec, seed, m.text, copies);
    }
    assert_true(copies[0] > 100);
    assert_int_equal(copies[1], 0);
    /* and those that must stay: source and target differ while both are needed */
    static const rb_layer twice[] = {
        RB_LINEAR(6, .tag = "a"), RB_SIGMOID, RB_ADD("a"), RB_ADD("a"), RB_LINEAR(3), RB_END};
    static const rb_layer first[] = {RB_LINEAR(6, .tag = "in"), RB_LINEAR(6, .tag = "main"),
                                     RB_ADD("main", .from = "in"), RB_LINEAR(3), RB_END};
    static const rb_layer second[] = {RB_LINEAR(6, .tag = "in"), RB_LINEAR(6), RB_ADD("in"), RB_LINEAR(3), RB_END};
    static const rb_layer *const models[] = {twice, first, second};
    for (int i = 0; i < 3; i++) {
        rb_spec s = spec_of(models[i], 1, 2, 3, 3, 4);
        int kept[2] = {0, 0};
        check_copies(&s, 5, "with copies that stay", kept);
        assert_true(kept[1] > 0 && kept[1] < kept[0]);
    }
}

static void test_dropout_and_norm_lists(void **state) {
    (void)state;
    static const rb_layer layers[] = {RB_LINEAR(4), RB_RELU, RB_DROPOUT(0.5f), RB_BATCHNORM, RB_LINEAR(3), RB_END};
    rb_spec s = spec_of(layers, 1, 2, 2, 3, 4);
    s.attack = true;
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_EVAL), "gather linear act batch-norm linear loss-ce");
    assert_string_equal(list_of(layers, s, 0, TRAIN),
                        "gather linear act dropout batch-norm linear loss-ce linear-dw linear-dx batch-norm-dx "
                        "dropout-dx act-dx linear-dw update");
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_ATTACK),
                        "linear act batch-norm linear loss-ce linear-dx batch-norm-dx act-dx linear-dx attack");
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_ATTACK_INIT), "gather copy copy");
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_SNAPSHOT), "copy copy");
    assert_string_equal(list_of(layers, s, 0, RB_VARIANT_NORMS), "norms");
}

/* --- model FLOPs ------------------------------------------------------------------------------------------------ */

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
        cmocka_unit_test_setup_teardown(test_fuse_chain, clear, clear),
        cmocka_unit_test_setup_teardown(test_fused_operands, clear, clear),
        cmocka_unit_test_setup_teardown(test_fuse_needs_one_reader, clear, clear),
        cmocka_unit_test_setup_teardown(test_fuse_residual, clear, clear),
        cmocka_unit_test_setup_teardown(test_fuse_batchnorm, clear, clear),
        cmocka_unit_test_setup_teardown(test_fused_batchnorm_operands, clear, clear),
        cmocka_unit_test_setup_teardown(test_copies_are_not_missed, clear, clear),
        cmocka_unit_test_setup_teardown(test_dropout_and_norm_lists, clear, clear),
        cmocka_unit_test_setup_teardown(test_model_flops, clear, clear),
        cmocka_unit_test_setup_teardown(test_op_bytes, clear, clear),
        cmocka_unit_test_setup_teardown(test_shapes_that_do_not_fit, clear, clear),
        cmocka_unit_test_setup_teardown(test_impossible_values, clear, clear),
        cmocka_unit_test_setup_teardown(test_too_large, clear, clear),
        cmocka_unit_test_setup_teardown(test_long_rows, clear, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
