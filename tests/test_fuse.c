/* test_fuse.c: the compiler's fusion: what becomes one op, which operands it has, and what must stay apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static int clear(void **state) {
    (void)state;
    rb_error_clear();
    return 0;
}

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
