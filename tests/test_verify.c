/* test_verify.c: what the check before a number lets pass, and what it does not: a device that errs as it is told. */
#include "golden_run.h"
#include "regbench/check.h"

static const rb_layer net[] = {RB_LINEAR(16), RB_BATCHNORM, RB_RELU, RB_LINEAR(10), RB_END};
static const rb_case net_case = {
    .name = "test/verify", .layers = net, .dataset = "sample", .batch = 8, .epochs = 1, .lr = 0.01f, .in_order = true};

/* What errs: one value of a segment, in steps first .. last. RB_SEG_GRAD: with the parameter that follows from it, as
 * where a kink was taken on the other side; a parameter alone is an error of the update. */
static struct error {
    rb_segment segment;
    float by;
    int first, last;
} error;
static int step;
static const rb_backend *right;
static rb_store *store;
static rb_bound *training;

static rb_status err_bind(rb_store *s, const rb_program *p, const rb_variant *v, rb_bound **out) {
    rb_status status = right->bind(s, p, v, out);
    if (v == &p->variant[RB_VARIANT_TRAIN]) store = s, training = *out;
    return status;
}

static void add(rb_segment segment, float by) {
    float value;
    assert_ok(right->get(store, segment, 0, sizeof value, &value));
    value += by;
    assert_ok(right->put(store, segment, 0, sizeof value, &value));
}

static rb_status err_submit(rb_bound *bound, int n) {
    rb_status status = right->submit(bound, n);
    if (status != RB_OK || bound != training || ++step < error.first || step > error.last) return status;
    add(error.segment, error.by);
    if (error.segment == RB_SEG_GRAD) add(RB_SEG_PARAM, -net_case.lr * error.by);
    return RB_OK;
}

static rb_status verified(const struct error *e, int steps, double *worst) {
    rb_backend wrong;
    rb_device_id id;
    rb_device *device;
    rb_dataset *data;
    rb_data_options options = {0};
    assert_ok(rb_dataset_load("sample", &options, &data));
    assert_ok(rb_device_select("cpu", &id));
    right = id.backend;
    wrong = *right;
    wrong.bind = err_bind;
    wrong.submit = err_submit;
    error = *e;
    step = 0;
    assert_ok(right->open(0, NULL, &device));
    rb_status status = rb_verify(&wrong, device, &net_case, data, 2021, steps, 8, worst);
    rb_error_clear();
    right->close(device);
    rb_dataset_free(data);
    return status;
}

static void what_is_right_passes(void **state) {
    double worst;
    (void)state;
    assert_ok(verified(&(struct error){RB_SEG_GRAD, 0, 1, 99}, 2, &worst));
    assert_true(worst > 0 && worst < 1e-5);
    assert_int_equal(step, 2);
}

/* Either side of a kink is right, but not in every step. */
static void a_gradient_may_differ_once(void **state) {
    double worst;
    (void)state;
    assert_ok(verified(&(struct error){RB_SEG_GRAD, 0.01f, 1, 1}, 2, &worst));
    assert_true(worst < 1e-5);
    assert_int_equal(step, 3);
    assert_int_equal(verified(&(struct error){RB_SEG_GRAD, 0.01f, 2, 3}, 2, &worst), RB_VERIFY);
    assert_true(worst > 1e-3);
    assert_int_equal(verified(&(struct error){RB_SEG_GRAD, 0.01f, 1, 99}, 2, &worst), RB_VERIFY);
    assert_ok(verified(&(struct error){RB_SEG_GRAD, 0.01f, 11, 12}, 20, &worst));
    assert_int_equal(verified(&(struct error){RB_SEG_GRAD, 0.01f, 11, 13}, 20, &worst), RB_VERIFY);
}

/* What no kink excuses. */
static void all_else_may_not(void **state) {
    static const rb_segment segments[] = {RB_SEG_PARAM, RB_SEG_STATE, RB_SEG_METRIC};
    double worst;
    (void)state;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++)
        for (int at = 1; at <= 2; at++)
            assert_int_equal(verified(&(struct error){segments[i], 0.01f, at, at}, 2, &worst), RB_VERIFY);
    assert_int_equal(verified(&(struct error){RB_SEG_GRAD, NAN, 1, 1}, 2, &worst), RB_VERIFY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes),
        cmocka_unit_test(a_gradient_may_differ_once),
        cmocka_unit_test(all_else_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
