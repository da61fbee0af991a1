/* test_dropout.c: dropout's masks are the same bits on every device, whatever the batch; their rate and their scale. */
#include "noise.h"

#include "regbench/portable.h"
#include "support.h"

enum { ROWS = 120, C = 3, H = 10, W = 7, FEATURES = C * H * W }; /* words of a draw are left over: 210 = 4 x 52 + 2 */
static const int32_t first_row = 7;                              /* row numbers of the order: 126, 125 .. 7 */
static const uint32_t seed[2] = {0x89ABCDEF, 0x01234567};

/* Dropout right behind the data, and behind a layer whose epilogue may take it along: which gives ones here too. */
static const rb_layer bare[] = {RB_DROPOUT(0.3f), RB_LINEAR(2), RB_END};
static const rb_layer behind[] = {RB_LINEAR(FEATURES), RB_RELU, RB_DROPOUT(0.3f), RB_BATCHNORM, RB_LINEAR(2), RB_END};

typedef struct setup {
    const rb_layer *layers;
    int batch, step;
    rb_op_kind kind; /* DROPOUT, or DROPOUT_DX run by itself */
} setup;

static void fill(const opened *o, rb_store *store, const rb_program *p, const rb_tensor *t, float value) {
    int64_t n = rb_tensor_count(t);
    float *values = test_malloc(sizeof *values * (size_t)n);
    for (int64_t i = 0; i < n; i++) values[i] = value;
    assert_ok(rb_tensor_put(o->backend, store, p, t, values));
    test_free(values);
}

/* What comes of ones: (ROWS, FEATURES), in the rows' order, all at the same step, batch after batch. */
static void masks(const opened *o, const setup *s, float *out) {
    rb_spec spec = spec_of(s->layers, C, H, W, 2, s->batch);
    spec.x_dtype = RB_F32, spec.n_rows = first_row + ROWS, spec.n_train = ROWS, spec.n_eval = 1;
    spec.window = ROWS / s->batch;
    rb_layout layout;
    rb_store *store;
    rb_bound *bound;
    o->backend->layout(o->device, &layout);
    rb_program *p = compiled(&spec, &layout);
    assert_ok(rb_backend_supports(o->backend, o->device, p));
    assert_ok(o->backend->store_new(o->device, p->bytes, &store));
    fill(o, store, p, &p->data_x, 1);
    for (int i = 0; i < p->n_params; i++) fill(o, store, p, &p->params[i].tensor, p->params[i].role == RB_BIAS ? 1 : 0);
    int32_t order[ROWS];
    for (int i = 0; i < ROWS; i++) order[i] = first_row + ROWS - 1 - i;
    assert_ok(rb_tensor_put(o->backend, store, p, &p->order[RB_FAMILY_TRAIN], order));

    rb_variant v = p->variant[RB_VARIANT_TRAIN];
    int at = 0;
    while (at < v.n_ops && v.ops[at].kind != s->kind) at++;
    assert_true(at < v.n_ops);
    if (s->kind == RB_OP_DROPOUT)
        v.n_ops = at + 1; /* later ops may reuse its memory */
    else
        v.ops += at, v.n_ops = 1;
    const rb_op *op = &v.ops[v.n_ops - 1];
    assert_ok(o->backend->bind(store, p, &v, &bound));
    for (int row = 0; row < ROWS; row += s->batch) {
        rb_ctrl_head head = {.seed = {seed[0], seed[1]}};
        head.cursor[RB_FAMILY_TRAIN] = (rb_cursor){.base = row, .wrap = 1, .step = s->step};
        head.cursor[RB_FAMILY_EVAL].wrap = 1;
        assert_ok(o->backend->put(store, RB_SEG_CTRL, p->head.offset, sizeof head, &head));
        if (v.n_ops == 1) fill(o, store, p, &v.tensors[op->in[0]], 1);
        assert_ok(o->backend->submit(bound, 1));
        assert_ok(o->backend->wait(o->device));
        assert_int_equal(rb_tensor_count(&v.tensors[op->out[0]]), s->batch * FEATURES);
        assert_ok(rb_tensor_get(o->backend, store, p, &v.tensors[op->out[0]], out + (size_t)row * FEATURES));
    }
    o->backend->unbind(bound);
    o->backend->store_free(store);
    rb_program_free(p);
}

/* From Philox alone: counter (row, element / 4, step, layer). */
static void expect_masks(const setup *s, float *out) {
    uint32_t layer = s->layers == bare ? 0 : 2;
    for (int i = 0; i < ROWS * FEATURES; i++) {
        uint32_t row = (uint32_t)(first_row + ROWS - 1 - i / FEATURES), e = (uint32_t)(i % FEATURES);
        rb_philox4 draw = rb_philox(row, e / 4, (uint32_t)s->step, layer, seed[0], seed[1]);
        out[i] = rb_dropout_factor(draw.v[e % 4], 0.3f);
    }
}

static void compare(const opened *o) {
    static const int batches[] = {ROWS, 24, 5, 2};
    size_t bytes = sizeof(float) * ROWS * FEATURES;
    float *expected = test_malloc(bytes), *got = test_malloc(bytes), *before = test_malloc(bytes);
    memset(before, 0, bytes);
    for (int k = 0; k < 12; k++) {
        setup s = {.layers = k % 2 ? behind : bare, .batch = batches[k / 2 % 4], .step = k < 8 ? 41 : 1000 + k};
        s.kind = RB_OP_DROPOUT;
        expect_masks(&s, expected);
        for (int backwards = 0; backwards < (s.layers == behind ? 2 : 1); backwards++) {
            if (backwards) s.kind = RB_OP_DROPOUT_DX; /* draws the mask again */
            masks(o, &s, got);
            for (int i = 0; i < ROWS * FEATURES; i++)
                if (memcmp(&got[i], &expected[i], sizeof got[i]) != 0)
                    fail_msg("batch %d, step %d, op %s: %a at row %d, element %d, expected %a", s.batch, s.step,
                             rb_op_name(s.kind), (double)got[i], i / FEATURES, i % FEATURES, (double)expected[i]);
        }
        int dropped = 0;
        for (int i = 0; i < ROWS * FEATURES; i++) {
            dropped += got[i] == 0;
            assert_true(got[i] == 0 || fabs((double)got[i] * (1 - (double)0.3f) - 1) < 1e-7);
        }
        double n = (double)ROWS * FEATURES, p = (double)0.3f;
        assert_true(fabs(dropped - n * p) < 4 * sqrt(n * p * (1 - p)));
        if (k >= 8) assert_memory_not_equal(got, before, bytes); /* another step, another mask */
        memcpy(before, got, bytes);
    }
    test_free(expected);
    test_free(got);
    test_free(before);
}

static void on_device(void **state) {
    const char *selector = *state;
    (void)found_device(selector);
    opened o = open_device(selector);
    compare(&o);
    o.backend->close(o.device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"same_bits_on_reference", on_device, NULL, NULL, "reference"},
        {"same_bits_on_cpu", on_device, NULL, NULL, "cpu"},
        {"same_bits_on_opencl", on_device, NULL, NULL, "opencl"},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
