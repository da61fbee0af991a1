/* test_rng.c: mt19937 draws against PyTorch's (goldens/rng.csv), Philox against Random123's published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <csv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/portable.h"
#include "regbench/rng.h"

enum { LONGEST = 60000, COLUMNS = 8, TEXT = 96 };

/* What one (seed, draw) pair yields: one of the three arrays is filled. */
typedef struct drawn {
    float f[LONGEST];
    double d[2];
    int64_t i[LONGEST];
    int32_t order[LONGEST];
    int64_t count;
} drawn;

typedef void draw_fn(rb_mt19937 *g, drawn *out);

static void integers(drawn *out, int64_t n) {
    for (int64_t k = 0; k < n; k++) out->i[k] = out->order[k];
    out->count = n;
}

static void draw_rand(rb_mt19937 *g, drawn *out) { rb_rand(g, out->f, out->count = 8); }
static void draw_randn8(rb_mt19937 *g, drawn *out) { rb_randn(g, out->f, out->count = 8); }
static void draw_randn20(rb_mt19937 *g, drawn *out) { rb_randn(g, out->f, out->count = 20); }

static void draw_randperm12(rb_mt19937 *g, drawn *out) {
    rb_randperm(g, out->order, 12);
    integers(out, 12);
}

static void draw_randperm60000(rb_mt19937 *g, drawn *out) {
    rb_randperm(g, out->order, 60000);
    integers(out, 60000);
}

static void draw_int64(rb_mt19937 *g, drawn *out) {
    for (out->count = 0; out->count < 3; out->count++) out->i[out->count] = rb_mt19937_int64(g);
}

/* A layer's weight, then its bias, into f. */
static void layer(rb_mt19937 *g, drawn *out, int64_t outputs, int64_t fan_in) {
    double weight = rb_kaiming_bound(fan_in), bias = rb_bias_bound(fan_in);
    rb_uniform(g, out->f, outputs * fan_in, -weight, weight);
    rb_uniform(g, out->f + outputs * fan_in, outputs, -bias, bias);
    out->count = outputs * (fan_in + 1);
}

static void bias_only(drawn *out, int64_t outputs) {
    memmove(out->f, out->f + out->count - outputs, (size_t)outputs * sizeof *out->f);
    out->count = outputs;
}

static void draw_linear(rb_mt19937 *g, drawn *out) { layer(g, out, 2, 3); }
static void draw_conv(rb_mt19937 *g, drawn *out) { layer(g, out, 2, 2 * 3 * 3); }

static void draw_linear_bias(rb_mt19937 *g, drawn *out) {
    layer(g, out, 2, 3);
    bias_only(out, 2);
}

static void draw_conv_bias(rb_mt19937 *g, drawn *out) {
    layer(g, out, 2, 2 * 3 * 3);
    bias_only(out, 2);
}

static void sums(rb_mt19937 *g, drawn *out) {
    layer(g, out, 20, 20);
    out->d[0] = out->d[1] = 0;
    for (int64_t k = 0; k < out->count; k++) {
        out->d[0] += fabs((double)out->f[k]);
        out->d[1] += (double)out->f[k] * out->f[k];
    }
    out->count = 1;
}

static void draw_l1(rb_mt19937 *g, drawn *out) { sums(g, out); }

static void draw_l2(rb_mt19937 *g, drawn *out) {
    sums(g, out);
    out->d[0] = out->d[1];
}

static void draw_epoch1(rb_mt19937 *g, drawn *out) {
    rb_epoch_order(g, out->order, 60000);
    integers(out, 60000);
}

static void draw_epoch2(rb_mt19937 *g, drawn *out) {
    rb_epoch_order(g, out->order, 60000);
    draw_epoch1(g, out);
}

enum { EXACT, ULP4, CLOSE, INTEGER }; /* CLOSE: sums that PyTorch took in float, 1e-6 relative */

static struct kind {
    const char *name;
    draw_fn *draw;
    int compare, rows; /* rows: expected per seed */
    int seen;
} kinds[] = {
    {"rand(8)", draw_rand, EXACT, 8, 0},
    {"randn(8)", draw_randn8, EXACT, 8, 0},
    {"randn(20)", draw_randn20, ULP4, 20, 0}, /* PyTorch's vector log, sin and cos are approximations */
    {"randperm(12)", draw_randperm12, INTEGER, 12, 0},
    {"randperm(60000)[:8]", draw_randperm60000, INTEGER, 8, 0},
    {"int64 random_() x3", draw_int64, INTEGER, 3, 0},
    {"Linear(3,2).weight", draw_linear, EXACT, 6, 0},
    {"Linear(3,2).bias", draw_linear_bias, EXACT, 2, 0},
    {"Conv2d(2,2,3).weight[:8]", draw_conv, EXACT, 8, 0},
    {"Conv2d(2,2,3).bias", draw_conv_bias, EXACT, 2, 0},
    {"Linear(20,20) sum|w| over weight and bias", draw_l1, CLOSE, 1, 0},
    {"Linear(20,20) sum w^2 over weight and bias", draw_l2, CLOSE, 1, 0},
    {"epoch 1 order of n=60000 [:8] with no parameters drawn", draw_epoch1, INTEGER, 8, 0},
    {"epoch 2 order of n=60000 [:8]", draw_epoch2, INTEGER, 8, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0], SEEDS = 2 };

/* Names of draws hold commas, unquoted: a row is seed, any number of pieces of the name, index, value. */
typedef struct reader {
    char field[COLUMNS][TEXT];
    int column, line, bad;
    drawn *now; /* the draw of the latest row: rows of one draw stand together */
    char current[(COLUMNS + 1) * TEXT];
} reader;

static void on_field(void *text, size_t length, void *context) {
    reader *r = context;
    if (r->column < COLUMNS && length < TEXT) {
        memcpy(r->field[r->column], text, length);
        r->field[r->column][length] = '\0';
    } else
        r->bad++;
    r->column++;
}

static int32_t ordered(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? INT32_MIN - bits : bits;
}

static int differs(const struct kind *k, const drawn *got, int64_t index, const char *value) {
    if (k->compare == INTEGER) return got->i[index] != strtoll(value, NULL, 10);
    if (k->compare == CLOSE) return !(fabs(got->d[index] / strtod(value, NULL) - 1) <= 1e-6);
    float want = strtof(value, NULL);
    if (k->compare == EXACT) return !(got->f[index] == want);
    return llabs((long long)ordered(got->f[index]) - ordered(want)) > 4;
}

static void on_row(int end, void *context) {
    reader *r = context;
    int columns = r->column;
    (void)end;
    r->column = 0;
    if (++r->line == 1) return; /* names of the columns */
    char name[COLUMNS * TEXT] = "", key[sizeof name + TEXT];
    for (int c = 1; c < columns - 2 && c < COLUMNS; c++) {
        if (c > 1) strcat(name, ",");
        strcat(name, r->field[c]);
    }
    struct kind *k = kinds;
    while (k < kinds + KINDS && strcmp(k->name, name) != 0) k++;
    if (columns < 4 || columns > COLUMNS || k == kinds + KINDS) {
        print_error("line %d: no such draw: %s\n", r->line, name);
        r->bad++;
        return;
    }
    const char *index_text = r->field[columns - 2], *value = r->field[columns - 1];
    snprintf(key, sizeof key, "%s,%s", r->field[0], name);
    if (strcmp(key, r->current) != 0) {
        rb_mt19937 g;
        rb_mt19937_seed(&g, strtoull(r->field[0], NULL, 10));
        k->draw(&g, r->now);
        strcpy(r->current, key);
    }
    int64_t index = strtoll(index_text, NULL, 10);
    if (index < 0 || index >= r->now->count || differs(k, r->now, index, value)) {
        print_error("line %d: %s[%" PRId64 "] is not %s\n", r->line, key, index, value);
        r->bad++;
    }
    k->seen++;
}

static void test_goldens(void **state) {
    (void)state;
    FILE *f = fopen(TEST_FOLDER "/goldens/rng.csv", "rb");
    assert_non_null(f);
    reader r = {.now = malloc(sizeof(drawn))};
    assert_non_null(r.now);
    struct csv_parser parser;
    assert_int_equal(csv_init(&parser, CSV_STRICT), 0);
    char buffer[4096];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        assert_int_equal(csv_parse(&parser, buffer, n, on_field, on_row, &r), n);
    assert_int_equal(csv_fini(&parser, on_field, on_row, &r), 0);
    csv_free(&parser);
    fclose(f);
    free(r.now);
    assert_int_equal(r.bad, 0);
    for (int k = 0; k < KINDS; k++)
        if (kinds[k].seen != SEEDS * kinds[k].rows)
            fail_msg("%s: %d rows, not %d", kinds[k].name, kinds[k].seen, SEEDS * kinds[k].rows);
}

/* The comparison itself: one unit in the last place is seen, and so is NaN. */
static void test_comparison_can_fail(void **state) {
    (void)state;
    static drawn got;
    const struct kind exact = {.compare = EXACT}, ulp = {.compare = ULP4}, close = {.compare = CLOSE};
    got.f[0] = nextafterf(0.5f, 1.0f);
    assert_true(differs(&exact, &got, 0, "0.5"));
    assert_false(differs(&ulp, &got, 0, "0.5"));
    got.f[0] = 0.5f + 5 * 0x1p-24f;
    assert_true(differs(&ulp, &got, 0, "0.5"));
    got.d[0] = got.f[0] = NAN;
    assert_true(differs(&exact, &got, 0, "0.5"));
    assert_true(differs(&ulp, &got, 0, "0.5"));
    assert_true(differs(&close, &got, 0, "0.5"));
}

/* Seeding again forgets the cached normal; the high word of a seed is ignored, as ATen does. */
static void test_seed(void **state) {
    (void)state;
    rb_mt19937 g;
    float a[3], b[3];
    rb_mt19937_seed(&g, 7);
    rb_randn(&g, a, 3);
    assert_true(g.has_normal);
    rb_mt19937_seed(&g, 7 + (UINT64_C(5) << 32));
    assert_false(g.has_normal);
    rb_randn(&g, b, 3);
    assert_memory_equal(a, b, sizeof a);
}

/* The reference implementation's 10000th word at its default seed, as the C++ standard quotes it (past many refills).
 */
static void test_word_10000(void **state) {
    (void)state;
    rb_mt19937 g;
    uint32_t word = 0;
    rb_mt19937_seed(&g, 5489);
    for (int i = 0; i < 10000; i++) word = rb_mt19937_u32(&g);
    assert_int_equal(word, UINT32_C(4123659995));
}

/* Sizes 0 and 1 are legal, and draw no word for a permutation. */
static void test_small(void **state) {
    (void)state;
    rb_mt19937 g, untouched;
    int32_t order[1] = {-1};
    rb_mt19937_seed(&g, 1);
    untouched = g;
    rb_randperm(&g, order, 0);
    assert_int_equal(order[0], -1);
    rb_randperm(&g, order, 1);
    assert_int_equal(order[0], 0);
    rb_rand(&g, NULL, 0);
    rb_randn(&g, NULL, 0);
    assert_int_equal(g.next, untouched.next);
    assert_true(rb_bias_bound(0) == 0);
}

/* philox4x32-10 of Random123's kat_vectors. */
static void test_philox(void **state) {
    (void)state;
    static const uint32_t kat[][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    for (int k = 0; k < 3; k++) {
        const uint32_t *c = kat[k];
        rb_philox4 x = rb_philox(c[0], c[1], c[2], c[3], c[4], c[5]);
        for (int w = 0; w < 4; w++) assert_int_equal(x.v[w], c[6 + w]);
    }
    assert_true(rb_unit(0) == 0.0f);
    assert_true(rb_unit(UINT32_MAX) == 1.0f - 0x1p-24f);
    assert_true(rb_unit(0x80000000u) == 0.5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens), cmocka_unit_test(test_comparison_can_fail),
        cmocka_unit_test(test_seed),    cmocka_unit_test(test_word_10000),
        cmocka_unit_test(test_small),   cmocka_unit_test(test_philox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
