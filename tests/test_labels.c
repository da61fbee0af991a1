/* test_labels.c: random labels: how many, which, the same on every device; and validation as a share of the set. */
#include "noise.h"

#include "core/text.h"
#include "regbench/backend.h"

enum { TRAIN = 500, TEST = 100, ROWS = TRAIN + TEST };
static const rb_layer net[] = {RB_LINEAR(10), RB_END};

static rb_case with_noise(float share) {
    return (rb_case){.name = "test/labels",
                     .layers = net,
                     .dataset = "noise",
                     .batch = 50,
                     .epochs = 1,
                     .lr = 0.1f,
                     .label_noise = share};
}

/* Labels as they are on the device, which must be those that reports are made from. */
static void labels_of(const char *device, const rb_case *c, uint64_t seed, int32_t labels[ROWS]) {
    noise *s = make_noise(TRAIN, TEST);
    opened o = open_device(device);
    rb_trainer *t;
    int32_t told[ROWS];
    assert_ok(rb_trainer_new(o.backend, o.device, c, &s->data, seed, &t));
    const rb_program *p = rb_trainer_program(t);
    assert_ok(rb_tensor_get(o.backend, rb_trainer_store(t), p, &p->data_y, labels));
    for (int k = 0; k < 3; k++) {
        int64_t n = rb_trainer_rows(t, (rb_split)k);
        const int32_t *rows = rb_trainer_split(t, (rb_split)k);
        rb_trainer_labels(t, (rb_split)k, n, told);
        for (int64_t i = 0; i < n; i++) assert_int_equal(told[i], labels[rows[i]]);
    }
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

static int changed(const int32_t *a, const int32_t *b, int first, int n) {
    int count = 0;
    for (int i = first; i < first + n; i++) count += a[i] != b[i];
    return count;
}

static void shares(void **state) {
    (void)state;
    int32_t clean[ROWS], tenth[ROWS], all[ROWS], again[ROWS];
    rb_case c = with_noise(0), some = with_noise(0.1f), full = with_noise(1);
    noise *s = make_noise(TRAIN, TEST);
    labels_of("reference", &c, 7, clean);
    assert_memory_equal(clean, s->labels, sizeof clean);
    free(s);
    labels_of("reference", &some, 7, tenth);
    labels_of("reference", &full, 7, all);
    /* of 500 labels 10 %, of which one in ten falls on the right class: 45 +- 6.4; of all of them 450 +- 6.7 */
    assert_in_range(changed(clean, tenth, 0, TRAIN), 45 - 26, 45 + 26);
    assert_in_range(changed(clean, all, 0, TRAIN), 450 - 27, 450 + 27);
    /* the test set is what it is */
    assert_int_equal(changed(clean, all, TRAIN, TEST), 0);
    /* every class is as likely: 50 +- 6.7 of each */
    int count[10] = {0};
    for (int i = 0; i < TRAIN; i++) {
        assert_in_range(all[i], 0, 9);
        count[all[i]]++;
    }
    for (int k = 0; k < 10; k++) assert_in_range(count[k], 50 - 27, 50 + 27);
    /* ... with a small share too: of some 45 labels hardly one class in ten would be missing */
    bool seen[10] = {false};
    int classes = 0;
    for (int i = 0; i < TRAIN; i++)
        if (tenth[i] != clean[i]) seen[tenth[i]] = true;
    for (int k = 0; k < 10; k++) classes += seen[k];
    assert_in_range(classes, 8, 10);
    /* what is random with a small share is so with a large one, and becomes the same */
    for (int i = 0; i < TRAIN; i++)
        if (tenth[i] != clean[i]) assert_int_equal(tenth[i], all[i]);
    /* same seed, same labels: on another device, with another split; another seed, others */
    labels_of("cpu", &full, 7, again);
    assert_memory_equal(all, again, sizeof all);
    full.n_train = 100, full.n_valid = 60;
    labels_of("cpu", &full, 7, again);
    assert_memory_equal(all, again, sizeof all);
    labels_of("cpu", &full, 8, again);
    assert_true(changed(all, again, 0, TRAIN) > 400);
}

static void impossible_shares(void **state) {
    (void)state;
    rb_dataset data = {.name = "noise", .n_train = 140, .n_test = 30, .C = 1, .H = 28, .W = 28, .classes = 10};
    rb_spec spec;
    static const float bad[] = {-0.1f, 1.1f, NAN};
    for (int i = 0; i < 3; i++) {
        rb_case c = with_noise(bad[i]);
        assert_int_equal(rb_case_spec(&c, &data, &spec), RB_USAGE);
        assert_non_null(strstr(rb_error_last()->text, "label noise"));
        rb_error_clear();
    }
    rb_case c = with_noise(0.5f);
    data.regression = true;
    assert_int_equal(rb_case_spec(&c, &data, &spec), RB_USAGE);
    rb_error_clear();
}

/* 20 % of 63 rows are 12.6: 13 validate, 50 train. */
static void share_that_validates(void **state) {
    (void)state;
    rb_dataset data = {.name = "noise", .n_train = 63, .n_test = 30, .C = 1, .H = 28, .W = 28, .classes = 10};
    rb_spec spec;
    rb_case c = with_noise(0);
    c.valid_share = 0.2f;
    assert_int_equal(rb_case_valid(&c, 63), 13);
    assert_ok(rb_case_spec(&c, &data, &spec));
    assert_int_equal(spec.n_train, 50);
    c.n_train = 51;
    assert_int_equal(rb_case_spec(&c, &data, &spec), RB_MISMATCH);
    rb_error_clear();
    c.n_train = 0;
    c.n_valid = 40; /* a number counts more than a share */
    assert_int_equal(rb_case_valid(&c, 63), 40);
    assert_ok(rb_case_spec(&c, &data, &spec));
    assert_int_equal(spec.n_train, 23);
    c.n_valid = 0;
    c.valid_share = 1;
    assert_int_equal(rb_case_spec(&c, &data, &spec), RB_MISMATCH);
    rb_error_clear();
}

/* What decides the work must tell runs apart, and leave the text of all others as it was. */
static void described(void **state) {
    (void)state;
    rb_text text[4] = {{0}};
    rb_case plain = with_noise(0), noise_case = with_noise(0.1f), share = plain, stop = plain;
    share.valid_share = 0.2f;
    stop.stop = (rb_stop_rule){.kind = RB_STOP_GL, .alpha = 5};
    const rb_case *list[] = {&plain, &noise_case, &share, &stop};
    static const char *const lines[] = {NULL, "label noise 0.1", "split share 0.2", "early stop GL(5)"};
    for (int i = 0; i < 4; i++) {
        assert_ok(rb_case_describe(list[i], "0123", 60, &text[i]));
        for (int k = 1; k < 4; k++) assert_int_equal(strstr(rb_text_string(&text[i]), lines[k]) != NULL, i == k);
    }
    for (int i = 0; i < 4; i++) rb_text_free(&text[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares), cmocka_unit_test(impossible_shares),
                                       cmocka_unit_test(share_that_validates), cmocka_unit_test(described)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
