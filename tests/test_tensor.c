/* test_tensor.c: how tensors lie in memory: forms, strides, extents, and the copy between canonical order and a layout.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/builder.h"
#include "support.h"

static rb_tensor form(rb_form form, rb_dtype dtype, rb_layout layout, int64_t a, int64_t b, int64_t c, int64_t d,
                      const rb_tensor *like) {
    rb_tensor t = {.name = "t"};
    rb__tensor_form(&t, &layout, dtype, form, (int64_t[4]){a, b, c, d}, like);
    return t;
}

static void assert_lies(rb_tensor t, int64_t s0, int64_t s1, int64_t s2, int64_t s3, size_t bytes) {
    int64_t expected[4] = {s0, s1, s2, s3};
    for (int d = 0; d < 4; d++)
        if (t.dims[d] != 1) assert_int_equal(t.stride[d], expected[d]);
    assert_int_equal(t.bytes, bytes);
}

static void test_forms(void **state) {
    (void)state;
    rb_layout nchw = {RB_NCHW, false, 1, 64, 4, 0}, nhwc = {RB_NHWC, true, 16, 64, 4, 0};
    rb_layout nchw8 = {RB_NCHW, true, 8, 64, 8, 0}, nhwc8 = {RB_NHWC, false, 8, 64, 4, 0};
    /* activations: only the innermost channel of NHWC is padded */
    assert_lies(form(RB_FORM_ACTIVATION, RB_REAL, nchw, 2, 3, 5, 7, NULL), 105, 35, 7, 1, 4 * 210);
    assert_lies(form(RB_FORM_ACTIVATION, RB_REAL, nchw8, 2, 3, 5, 7, NULL), 105, 35, 7, 1, 8 * 210);
    assert_lies(form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 2, 3, 5, 7, NULL), 560, 1, 112, 16, 4 * 1120);
    assert_lies(form(RB_FORM_ACTIVATION, RB_U8, nhwc, 2, 17, 5, 7, NULL), 1120, 1, 224, 32, 2240);
    assert_lies(form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 2, 16, 5, 7, NULL), 560, 1, 112, 16, 4 * 1120);
    /* what comes from the data set is never padded */
    assert_lies(form(RB_FORM_PACKED, RB_U8, nhwc, 2, 3, 5, 7, NULL), 105, 1, 21, 3, 210);
    assert_lies(form(RB_FORM_PACKED, RB_F32, nchw8, 2, 3, 5, 7, NULL), 105, 35, 7, 1, 840);
    assert_lies(form(RB_FORM_FLAT, RB_I32, nhwc, 9, 4, 1, 1, NULL), 4, 1, 1, 1, 144);
    /* weights of a convolution: (K,C,R,S) or (R,S,C,K) with K padded */
    assert_lies(form(RB_FORM_CONV, RB_REAL, nhwc8, 6, 3, 5, 5, NULL), 75, 25, 5, 1, 4 * 450);
    assert_lies(form(RB_FORM_CONV, RB_REAL, nhwc, 6, 3, 5, 4, NULL), 1, 16, 4 * 3 * 16, 3 * 16, 4 * 5 * 4 * 3 * 16);
    assert_lies(form(RB_FORM_VECTOR, RB_REAL, nhwc, 10, 1, 1, 1, NULL), 1, 16, 16, 16, 64);
    assert_lies(form(RB_FORM_VECTOR, RB_REAL, nchw, 10, 1, 1, 1, NULL), 1, 10, 10, 10, 40);
    /* weights of a linear layer follow the rows that they meet, padding included */
    rb_tensor rows = form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 7, 6, 2, 3, NULL);
    assert_lies(form(RB_FORM_LINEAR, RB_REAL, nhwc, 10, 6, 2, 3, &rows), 1, 16, 3 * 16 * 16, 16 * 16, 4 * 6 * 16 * 16);
    rows = form(RB_FORM_ACTIVATION, RB_REAL, nhwc8, 7, 6, 2, 3, NULL);
    assert_lies(form(RB_FORM_LINEAR, RB_REAL, nhwc8, 10, 6, 2, 3, &rows), 48, 1, 24, 8, 4 * 480);
    rows = form(RB_FORM_ACTIVATION, RB_REAL, nchw, 7, 6, 2, 3, NULL);
    assert_lies(form(RB_FORM_LINEAR, RB_REAL, nchw, 10, 6, 2, 3, &rows), 36, 6, 3, 1, 4 * 360);
}

static void test_contiguous(void **state) {
    (void)state;
    rb_layout nhwc = {RB_NHWC, true, 8, 64, 4, 0}, nchw = rb_layout_canonical();
    rb_tensor t = form(RB_FORM_ACTIVATION, RB_REAL, nchw, 2, 3, 5, 7, NULL);
    assert_true(rb_tensor_contiguous(&t));
    t = form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 2, 8, 5, 7, NULL); /* unpadded but in another order */
    assert_false(rb_tensor_contiguous(&t));
    t = form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 2, 8, 1, 1, NULL);
    assert_true(rb_tensor_contiguous(&t));
    t = form(RB_FORM_ACTIVATION, RB_REAL, nhwc, 2, 7, 1, 1, NULL); /* padded */
    assert_false(rb_tensor_contiguous(&t));
    t = form(RB_FORM_VECTOR, RB_REAL, nhwc, 7, 1, 1, 1, NULL);
    assert_true(rb_tensor_contiguous(&t));
}

/* The values that element i gets: distinct and exact in every type that holds them. */
static void fill(void *canonical, rb_dtype dtype, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (dtype == RB_U8)
            ((uint8_t *)canonical)[i] = (uint8_t)(1 + i % 255);
        else if (dtype == RB_I32)
            ((int32_t *)canonical)[i] = (int32_t)(i * 65537 + 1);
        else
            ((float *)canonical)[i] = (float)(i + 1) * 0.37f;
}

/* Packs, looks at every single byte of the image (each element at its stride, zeros elsewhere), unpacks. */
static void round_trip(const rb_tensor *t, int real_bytes) {
    int64_t n = rb_tensor_count(t), elements = 0;
    size_t inside = rb_dtype_bytes(t->dtype, real_bytes), outside = rb_dtype_bytes(t->dtype, 4);
    unsigned char *canonical = test_malloc((size_t)n * outside), *back = test_malloc((size_t)n * outside);
    unsigned char *image = test_malloc(t->bytes), *expected = test_calloc(1, t->bytes);
    fill(canonical, t->dtype, n);
    for (int64_t a = 0; a < t->dims[0]; a++)
        for (int64_t b = 0; b < t->dims[1]; b++)
            for (int64_t c = 0; c < t->dims[2]; c++)
                for (int64_t d = 0; d < t->dims[3]; d++) {
                    int64_t at = a * t->stride[0] + b * t->stride[1] + c * t->stride[2] + d * t->stride[3];
                    assert_true(at >= 0 && (size_t)(at + 1) * inside <= t->bytes);
                    const unsigned char *from = canonical + (size_t)elements++ * outside;
                    unsigned char *to = expected + (size_t)at * inside;
                    for (size_t i = 0; i < inside; i++) assert_int_equal(to[i], 0); /* no two elements in one place */
                    if (inside == outside)
                        memcpy(to, from, inside);
                    else
                        *(double *)(void *)to = (double)*(const float *)(const void *)from;
                }
    memset(image, 0xee, t->bytes);
    rb_tensor_pack(t, real_bytes, canonical, image);
    assert_memory_equal(image, expected, t->bytes);
    memset(back, 0xdd, (size_t)n * outside);
    rb_tensor_unpack(t, real_bytes, image, back);
    assert_memory_equal(back, canonical, (size_t)n * outside);
    test_free(canonical);
    test_free(back);
    test_free(image);
    test_free(expected);
}

static void test_round_trips(void **state) {
    (void)state;
    static const int64_t shapes[][4] = {{1, 1, 1, 1},  {3, 1, 1, 1},  {2, 3, 5, 7}, {4, 16, 2, 2},
                                        {1, 17, 3, 1}, {5, 10, 1, 1}, {2, 8, 1, 4}};
    static const int aligns[] = {1, 8, 16};
    static const rb_dtype types[] = {RB_REAL, RB_F32, RB_I32, RB_U8};
    int done = 0;
    for (int order = 0; order < 2; order++)
        for (int out_last = 0; out_last < 2; out_last++)
            for (int a = 0; a < 3; a++)
                for (int real_bytes = 4; real_bytes <= 8; real_bytes += 4)
                    for (int k = 0; k < (int)(sizeof shapes / sizeof shapes[0]); k++) {
                        rb_layout l = {(rb_order)order, out_last, aligns[a], 64, real_bytes, 0};
                        const int64_t *s = shapes[k];
                        for (int y = 0; y < 4; y++) {
                            rb_tensor x = form(RB_FORM_ACTIVATION, types[y], l, s[0], s[1], s[2], s[3], NULL);
                            rb_tensor packed = form(RB_FORM_PACKED, types[y], l, s[0], s[1], s[2], s[3], NULL);
                            rb_tensor flat = form(RB_FORM_FLAT, types[y], l, s[0], s[1], s[2], s[3], NULL);
                            rb_tensor vector = form(RB_FORM_VECTOR, types[y], l, s[1], 1, 1, 1, NULL);
                            round_trip(&x, real_bytes);
                            round_trip(&packed, real_bytes);
                            round_trip(&flat, real_bytes);
                            round_trip(&vector, real_bytes);
                            done += 4;
                        }
                        rb_tensor conv = form(RB_FORM_CONV, RB_REAL, l, s[0], s[1], s[2], s[3], NULL);
                        rb_tensor like = form(RB_FORM_ACTIVATION, RB_REAL, l, 3, s[1], s[2], s[3], NULL);
                        rb_tensor linear = form(RB_FORM_LINEAR, RB_REAL, l, s[0], s[1], s[2], s[3], &like);
                        rb_tensor first = form(RB_FORM_PACKED, RB_REAL, l, 3, s[1], s[2], s[3], NULL);
                        rb_tensor entry = form(RB_FORM_LINEAR, RB_REAL, l, s[0], s[1], s[2], s[3], &first);
                        round_trip(&conv, real_bytes);
                        round_trip(&linear, real_bytes);
                        round_trip(&entry, real_bytes);
                        done += 3;
                    }
    assert_int_equal(done, 2 * 2 * 3 * 2 * 7 * 19);
}

/* A double that is no float loses its tail on the way to the host; NaN and infinity pass. */
static void test_double_reals(void **state) {
    (void)state;
    rb_layout l = {RB_NHWC, true, 8, 64, 8, 0};
    rb_tensor t = form(RB_FORM_ACTIVATION, RB_REAL, l, 1, 3, 1, 1, NULL);
    double image[8] = {0.1, -1e300, NAN, 7, 7, 7, 7, 7};
    float values[3];
    rb_tensor_unpack(&t, 8, image, values);
    assert_true(values[0] == 0.1f);
    assert_true(isinf(values[1]) && values[1] < 0);
    assert_true(isnan(values[2]));
    rb_tensor_pack(&t, 8, values, image);
    assert_true(image[0] == (double)0.1f && isinf(image[1]) && isnan(image[2]));
    for (int i = 3; i < 8; i++) assert_true(image[i] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_contiguous),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_double_reals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
