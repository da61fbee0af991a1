/* test_augment.c: augmented images: by hand, against PyTorch's rotation, their draws; the same bits on every device,
 * whatever the batch; which epoch they are drawn for; that evaluation sees images as they are.
 *
 * REGBENCH_DEVICE: of the tests that run on a device only those on this one. */
#include "noise.h"

#include <limits.h>

#include "core/text.h"
#include "regbench/portable.h"
#include "support.h"

static const rb_view plain = {.cosine = RB_VIEW_ONE};
static int turns(double degrees) { return (int)lround(degrees / 360 * RB_TURN); }

/* --- which pixel goes where ------------------------------------------------------------------------------------- */

/* The letters of an image as a view shows them, '.' for black. */
static void assert_seen(rb_view v, int H, int W, const char *image, const char *expected) {
    char seen[64] = {0};
    for (int i = 0; i < H * W; i++) {
        int source = rb_view_source(v, i / W, i % W, H, W);
        assert_in_range(source + 1, 0, H * W);
        seen[i] = source < 0 ? '.' : image[source];
    }
    assert_string_equal(seen, expected);
}

static rb_view rotated(double degrees) { return rb_view_rotated(plain, turns(degrees)); }

static void by_hand(void **state) {
    (void)state;
    rb_view v = plain;
    assert_seen(v, 2, 3, "abcdef", "abcdef");
    v.hflip = 1;
    assert_seen(v, 2, 3, "abcdef", "cbafed");
    v.vflip = 1;
    assert_seen(v, 2, 3, "abcdef", "fedcba");
    v.hflip = 0;
    assert_seen(v, 2, 3, "abcdef", "defabc");
    v = plain, v.right = 1;
    assert_seen(v, 2, 3, "abcdef", "bc.ef.");
    v = plain, v.down = -1;
    assert_seen(v, 3, 2, "abcdef", "..abcd");
    v.right = -1;
    assert_seen(v, 3, 2, "abcdef", "...a.c");
    assert_seen(rotated(90), 3, 3, "abcdefghi", "cfibehadg"); /* counter-clockwise: the right column becomes the top */
    assert_seen(rotated(-90), 3, 3, "abcdefghi", "gdahebifc");
    assert_seen(rotated(180), 3, 3, "abcdefghi", "ihgfedcba");
    assert_seen(rotated(-180), 2, 3, "abcdef", "fedcba");
    /* crop, then rotation, then flip: any other order shows something else */
    v = rotated(90), v.right = 1, v.hflip = 1;
    assert_seen(v, 3, 3, "abcdefghi", "...ifcheb");
    /* what the crop has cut off the rotation does not bring back: d stays away from the middle of the left column */
    v = rotated(180), v.down = 2, v.vflip = 1;
    assert_seen(v, 3, 3, "abcdefghi", "ihg......");
    /* a wide image turned upright loses its ends */
    assert_seen(rotated(90), 1, 3, "abc", ".b.");
    assert_true(rb_view_is_plain(plain) && rb_view_is_plain(rotated(0)));
    rb_view changed[7] = {plain, plain, plain, plain, rotated(1), rotated(180), rotated(0.01)};
    changed[0].hflip = changed[1].vflip = 1, changed[2].down = -1, changed[3].right = 1;
    for (int i = 0; i < 7; i++) assert_false(rb_view_is_plain(changed[i]));
}

/* Half a unit of rounding and what the series leaves: everywhere, also where its branches meet. */
static void sines(void **state) {
    (void)state;
    static const int special[] = {
        0,           1,           -1,           RB_TURN / 8,     RB_TURN / 8 - 1, -RB_TURN / 8,
        RB_TURN / 4, RB_TURN / 2, -RB_TURN / 2, 3 * RB_TURN / 8, -RB_TURN / 8 - 1};
    stream s = {5};
    for (int i = 0; i < 20000; i++) {
        int angle = i < 11 ? special[i] : stream_int(&s, -RB_TURN / 2, RB_TURN / 2);
        rb_view v = rb_view_rotated(plain, angle);
        double radians = 2 * M_PI * angle / RB_TURN;
        if (fabs(v.cosine - cos(radians) * RB_VIEW_ONE) > 0.55 || fabs(v.sine - sin(radians) * RB_VIEW_ONE) > 0.55)
            fail_msg("angle %d: cosine %d, sine %d", angle, v.cosine, v.sine);
    }
}

/* Nothing overflows up to the largest image: positions in 64 bits are the same. */
static void largest(void **state) {
    (void)state;
    stream s = {6};
    for (int i = 0; i < 20000; i++) {
        int H = i % 2 ? RB_VIEW_MAX : stream_int(&s, 1, RB_VIEW_MAX), W = i % 3 ? RB_VIEW_MAX : stream_int(&s, 1, H);
        rb_view v = rb_view_rotated(plain, stream_int(&s, -RB_TURN / 2, RB_TURN / 2));
        v.down = stream_int(&s, -RB_VIEW_MAX, RB_VIEW_MAX), v.right = stream_int(&s, -RB_VIEW_MAX, RB_VIEW_MAX);
        int y = i % 5 ? stream_int(&s, 0, H - 1) : 0, x = i % 7 ? stream_int(&s, 0, W - 1) : W - 1;
        int64_t a = 2 * x - (W - 1), b = 2 * y - (H - 1);
        double row = floor((double)(a * v.sine + b * v.cosine) / RB_VIEW_ONE / 2 + H / 2.0), p = row + v.down;
        double column = floor((double)(a * v.cosine - b * v.sine) / RB_VIEW_ONE / 2 + W / 2.0), q = column + v.right;
        bool inside = row >= 0 && row < H && column >= 0 && column < W && p >= 0 && p < H && q >= 0 && q < W;
        assert_int_equal(rb_view_source(v, y, x, H, W), inside ? (int)(p * W + q) : -1);
    }
}

/* PyTorch's grid_sample (nearest) on the grid that torchvision's rotation makes, in float64; ? is halfway between two
 * pixels, where its rounding decides. */
static void rotations(void **state) {
    (void)state;
    rb_csv csv;
    int compared = 0, halfway = 0;
    assert_ok(rb_csv_read(TEST_FOLDER "/goldens/rotations.csv", &csv));
    for (int i = 0; i < csv.n_rows; i++) {
        int H = (int)golden_number(&csv, i, "height"), W = (int)golden_number(&csv, i, "width");
        int y = (int)golden_number(&csv, i, "y");
        double degrees = golden_number(&csv, i, "degrees");
        const char *at = rb_csv_get(&csv, i, "sources");
        for (int x = 0; x < W; x++, at += strcspn(at, " "), at += *at == ' ') {
            assert_true(*at != '\0');
            int source = rb_view_source(rotated(degrees), y, x, H, W), expected = *at == '.' ? -1 : atoi(at);
            if (*at == '?')
                halfway++;
            else if (source != expected)
                fail_msg("%d x %d by %g degrees: (%d, %d) shows %d, expected %d", H, W, degrees, y, x, source,
                         expected);
            else
                compared++;
        }
        assert_true(*at == '\0');
    }
    assert_true(compared > 1500 && halfway < 30);
    rb_csv_free(&csv);
}

/* --- draws ------------------------------------------------------------------------------------------------------ */

static void assert_share(int count, int n, double p) {
    double sigma = sqrt(n * p * (1 - p));
    if (fabs(count - n * p) > 4.5 * sigma) fail_msg("%d of %d, expected %g +- %g", count, n, n * p, sigma);
}

static void draws(void **state) {
    (void)state;
    enum { N = 40000, PAD = 3 };
    const int turn = turns(20);
    int hflips = 0, vflips = 0, both = 0, downs[2 * PAD + 1] = {0}, rights[2 * PAD + 1] = {0}, tenths[10] = {0};
    int diagonal = 0, again = 0;
    double sum = 0, cross[4] = {0};
    for (int i = 0; i < N; i++) {
        uint32_t row = (uint32_t)(i % 200), epoch = (uint32_t)(i / 200);
        rb_view v = rb_view_drawn(row, epoch, 7, 0, 0.1f, 0.3f, PAD, turn);
        rb_view w = rb_view_drawn(row, epoch + 1, 7, 0, 0.1f, 0.3f, PAD, turn);
        double angle = atan2(v.sine, v.cosine) / M_PI * 180;
        hflips += v.hflip, vflips += v.vflip, both += v.hflip && v.vflip;
        assert_in_range(v.down + PAD, 0, 2 * PAD);
        assert_in_range(v.right + PAD, 0, 2 * PAD);
        downs[v.down + PAD]++, rights[v.right + PAD]++, diagonal += v.down == v.right;
        assert_true(fabs(angle) < 20.0001);
        tenths[angle < -19.99999 ? 0 : angle > 19.99999 ? 9 : (int)((angle + 20) / 4)]++;
        sum += angle;
        cross[0] += angle * v.right, cross[1] += angle * v.down;
        cross[2] += angle * (v.hflip - (double)0.1f), cross[3] += angle * (v.vflip - (double)0.3f);
        again += memcmp(&v, &w, sizeof v) == 0;
    }
    assert_share(hflips, N, 0.1);
    assert_share(vflips, N, 0.3);
    assert_share(both, N, 0.03);
    for (int i = 0; i <= 2 * PAD; i++)
        assert_share(downs[i], N, 1.0 / (2 * PAD + 1)), assert_share(rights[i], N, 1.0 / (2 * PAD + 1));
    assert_share(diagonal, N, 1.0 / (2 * PAD + 1));
    for (int i = 0; i < 10; i++) assert_share(tenths[i], N, 0.1);
    assert_true(fabs(sum / N) < 4.5 * 20 / sqrt(3.0 * N));
    /* the angle has nothing to do with the other draws: products have the size that chance gives them */
    static const double deviation[] = {2, 2, 0.3, 0.4583};
    for (int i = 0; i < 4; i++) assert_true(fabs(cross[i] / N) < 4.5 * 20 / sqrt(3.0) * deviation[i] / sqrt(N));
    assert_int_equal(again, 0); /* another epoch, another image */
    /* a probability of 1 and of 0 mean it; of two settings that differ in one, all else is drawn the same */
    for (uint32_t row = 0; row < 2000; row++) {
        rb_view v = rb_view_drawn(row, 0, 1, 2, 1, 0, 0, 0), w = rb_view_drawn(row, 0, 1, 2, 0, 1, PAD, turn);
        rb_view u = rb_view_drawn(row, 0, 1, 2, 0, 1, PAD, 0);
        assert_true(v.hflip && !v.vflip && !v.down && !v.right && !v.sine && v.cosine == RB_VIEW_ONE);
        assert_true(!w.hflip && w.vflip && w.down == u.down && w.right == u.right);
    }
    /* row, epoch and both words of the seed count */
    rb_view v = rb_view_drawn(5, 6, 7, 8, 0.5f, 0.5f, 100, turn);
    rb_view others[] = {
        rb_view_drawn(6, 6, 7, 8, 0.5f, 0.5f, 100, turn), rb_view_drawn(5, 7, 7, 8, 0.5f, 0.5f, 100, turn),
        rb_view_drawn(5, 6, 8, 8, 0.5f, 0.5f, 100, turn), rb_view_drawn(5, 6, 7, 9, 0.5f, 0.5f, 100, turn)};
    for (int i = 0; i < 4; i++) assert_true(v.down != others[i].down || v.right != others[i].right);
}

/* --- the same bits on every device ------------------------------------------------------------------------------ */

enum { ROWS = 30, FIRST = 7 }; /* row numbers of the order: 36, 35 .. 7 */
static const uint32_t seed[2] = {0x89ABCDEF, 0x01234567};
static const rb_layer linear[] = {RB_LINEAR(3), RB_END};
static const rb_layer conv[] = {RB_CONV(2, .kernel = 3, .pad = 1), RB_RELU, RB_LINEAR(3), RB_END};

typedef struct setup {
    const rb_layer *layers;
    int C, H, W, batch;
    rb_augment augment;
} setup;
static const setup setups[] = {
    {linear, 1, 7, 5, 30, {.hflip = 0.5f}},
    {linear, 3, 6, 9, 8, {.vflip = 0.5f, .crop_pad = 2}},
    {conv, 3, 11, 11, 7, {.rotate = 40}},
    {conv, 1, 28, 28, 12, {.hflip = 0.3f, .vflip = 0.2f, .crop_pad = 4, .rotate = 15}},
    {linear, 3, 32, 32, 1, {.hflip = 0.1f, .vflip = 0.1f, .crop_pad = 31, .rotate = 180}},
    {linear, 3, 32, 32, 29, {.hflip = 1}},
    {linear, 2, 1, 6, 4, {.hflip = 0.5f, .rotate = 10}},
    {linear, 3, 80, 90, 6, {.crop_pad = 9}},
    {linear, 1, 5, 3, 11, {.vflip = 0.5f}},
};

static unsigned char *fill_data(const opened *o, rb_store *store, const rb_program *p) {
    int64_t n = rb_tensor_count(&p->data_x);
    unsigned char *bytes = test_malloc((size_t)n);
    stream s = {9};
    for (int64_t i = 0; i < n; i++) bytes[i] = (unsigned char)stream_next(&s);
    assert_ok(rb_tensor_put(o->backend, store, p, &p->data_x, bytes));
    return bytes;
}

/* Row k of an epoch as it must be: `image` (C,H,W). */
static void expect_image(const setup *s, const rb_spec *spec, const unsigned char *data, int k, uint32_t epoch,
                         bool augmented, float *image) {
    int area = s->H * s->W, row = FIRST + ROWS - 1 - k;
    rb_view v = rb_view_drawn((uint32_t)row, epoch, seed[0], seed[1], s->augment.hflip, s->augment.vflip,
                              s->augment.crop_pad, turns((double)s->augment.rotate));
    for (int i = 0; i < s->C * area; i++) {
        int source = augmented ? rb_view_source(v, i % area / s->W, i % s->W, s->H, s->W) : i % area;
        float byte = source < 0 ? 0.0f : (float)data[row * s->C * area + i / area * area + source];
        image[i] = (byte / 255.0f - spec->mean) / spec->stddev;
    }
}

/* Every batch of three epochs, the tail too, in windows of one epoch and of all three. */
static void compare_variant(const opened *o, const setup *s, const rb_program *p, rb_store *store, rb_variant_kind kind,
                            const unsigned char *data) {
    rb_variant v = p->variant[kind];
    if (!v.n_ops) return;
    assert_int_equal(v.ops[0].kind, RB_OP_GATHER);
    assert_int_equal(rb_op_augments(&v.ops[0]), kind != RB_VARIANT_EVAL);
    v.n_ops = 1;
    rb_bound *bound;
    const rb_tensor *x = &v.tensors[v.ops[0].out[0]];
    int D = s->C * s->H * s->W, steps = (ROWS + s->batch - 1) / s->batch, full = ROWS / s->batch;
    float *got = test_malloc(sizeof *got * (size_t)(s->batch * D)),
          *expected = test_malloc(sizeof *expected * (size_t)D);
    assert_ok(o->backend->bind(store, p, &v, &bound));
    for (int epoch = 0; epoch < 3; epoch++)
        for (int window = 1; window <= 3; window += 2)
            for (int at = kind == RB_VARIANT_TRAIN_TAIL ? full : 0; at < (kind == RB_VARIANT_TRAIN ? full : steps);
                 at++) {
                rb_ctrl_head head = {.seed = {seed[0], seed[1]}};
                int step = epoch * steps + at, begin = epoch / window * window * steps;
                head.cursor[RB_FAMILY_TRAIN] = head.cursor[RB_FAMILY_EVAL] =
                    (rb_cursor){.slot = step - begin, .wrap = steps, .step = begin};
                assert_ok(o->backend->put(store, RB_SEG_CTRL, p->head.offset, sizeof head, &head));
                assert_ok(o->backend->submit(bound, 1));
                assert_ok(o->backend->wait(o->device));
                assert_ok(rb_tensor_get(o->backend, store, p, x, got));
                for (int k = 0; k < v.rows && at * s->batch + k < ROWS; k++) {
                    expect_image(s, &p->spec, data, at * s->batch + k, (uint32_t)epoch, kind != RB_VARIANT_EVAL,
                                 expected);
                    if (memcmp(expected, got + (size_t)k * (size_t)D, sizeof *got * (size_t)D))
                        fail_msg("%d x %d x %d, batch %d, variant %s, window of %d: row %d of epoch %d differs", s->C,
                                 s->H, s->W, s->batch, v.name, window, at * s->batch + k, epoch);
                }
            }
    o->backend->unbind(bound);
    test_free(got);
    test_free(expected);
}

static void on_device(void **state) {
    const char *selector = *state;
    bool gpu = strcmp(selector, "opencl, gpu family") == 0;
    rb_device_id id = found_device(gpu ? "opencl" : selector);
    opened o = {.backend = id.backend};
    rb_open_options options = {.quirks = gpu ? "family=gpu,max_wg=64,local_mem=32768" : NULL};
    assert_ok(id.backend->open(id.index, &options, &o.device));
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
        const setup *s = &setups[i];
        rb_spec spec = spec_of(s->layers, s->C, s->H, s->W, 3, s->batch);
        spec.n_rows = FIRST + ROWS, spec.n_train = spec.n_eval = ROWS, spec.augment = s->augment;
        spec.window = 3 * ((ROWS + s->batch - 1) / s->batch);
        rb_layout layout;
        rb_store *store;
        int32_t order[2 * ROWS];
        o.backend->layout(o.device, &layout);
        rb_program *p = compiled(&spec, &layout);
        assert_ok(o.backend->store_new(o.device, p->bytes, &store));
        unsigned char *data = fill_data(&o, store, p);
        for (int k = 0; k < 2 * ROWS; k++) order[k] = k < ROWS ? FIRST + ROWS - 1 - k : -1;
        for (int f = 0; f < RB_FAMILIES; f++) assert_ok(rb_tensor_put(o.backend, store, p, &p->order[f], order));
        compare_variant(&o, s, p, store, RB_VARIANT_TRAIN, data);
        compare_variant(&o, s, p, store, RB_VARIANT_TRAIN_TAIL, data);
        compare_variant(&o, s, p, store, RB_VARIANT_EVAL, data);
        test_free(data);
        o.backend->store_free(store);
        rb_program_free(p);
    }
    o.backend->close(o.device);
}

/* --- which epoch a trainer is in -------------------------------------------------------------------------------- */

/* Losses of 6 epochs at a rate of nothing, so that they tell of the images alone. */
static void losses(const char *device, int batch, int window_epochs, const rb_augment *augment, double loss[6]) {
    noise *s = make_noise(70, 30);
    opened o = open_device(device);
    rb_trainer *t;
    static const rb_layer net[] = {RB_LINEAR(10), RB_END};
    rb_case c = {
        .name = "test/augment", .layers = net, .dataset = "noise", .in_order = true, .batch = batch, .epochs = 6};
    c.window_epochs = window_epochs, c.lr = 1e-30f, c.augment = *augment;
    assert_ok(rb_trainer_new(o.backend, o.device, &c, &s->data, 3, &t));
    int steps = rb_trainer_steps_per_epoch(t), window = rb_trainer_steps_per_window(t);
    rb_step_metrics m[200];
    for (int at = 0; at < 6 * steps; at += window) {
        assert_ok(rb_trainer_begin_window(t));
        assert_ok(rb_trainer_submit(t, window));
        assert_ok(rb_trainer_metrics(t, 0, window, m + at));
    }
    for (int e = 0; e < 6; e++) {
        loss[e] = 0;
        for (int k = 0; k < steps; k++) loss[e] += m[e * steps + k].loss * m[e * steps + k].rows;
    }
    rb_trainer_free(t);
    o.backend->close(o.device);
    free(s);
}

static void epochs(void **state) {
    const char *device = *state;
    (void)found_device(device);
    static const rb_augment flips = {.hflip = 0.1f, .vflip = 0.1f}, none = {0};
    static const int batches[] = {70, 16, 9}, windows[] = {1, 2, 3, 6};
    double first[6], loss[6];
    losses(device, 70, 1, &none, loss);
    for (int e = 1; e < 6; e++) assert_true(loss[e] == loss[0]);
    losses(device, 70, 1, &flips, first);
    for (int e = 0; e < 6; e++)
        for (int k = 0; k < e; k++) assert_true(fabs(first[e] - first[k]) > 1e-4);
    for (int i = 0; i < 12; i++) {
        losses(device, batches[i % 3], windows[i / 3], &flips, loss);
        for (int e = 0; e < 6; e++) assert_true(fabs(loss[e] - first[e]) < 2e-5 * first[e]);
    }
}

/* --- what people read ------------------------------------------------------------------------------------------- */

static int times(const char *text, const char *part) {
    int n = 0;
    for (; (text = strstr(text, part)); text++) n++;
    return n;
}

static void dumped(void **state) {
    (void)state;
    rb_layout layout = rb_layout_canonical();
    rb_spec s = spec_of(linear, 3, 8, 8, 3, 4);
    s.attack = true;
    rb_text text = {0};
    for (int i = 0; i < 2; i++) {
        if (i) s.augment = (rb_augment){.hflip = 0.1f, .crop_pad = 4, .rotate = 15};
        rb_program *p = compiled(&s, &layout);
        rb_text_clear(&text);
        assert_ok(rb_program_dump(p, &text));
        assert_int_equal(times(rb_text_string(&text), " gather "), 4); /* train, tail, eval, attack-init */
        assert_int_equal(times(rb_text_string(&text), "flip"), 2 * 2 * i);
        assert_int_equal(times(rb_text_string(&text), " hflip 0.1 vflip 0 crop-pad 4 rotate 15\n"), 2 * i);
        rb_program_free(p);
    }
    rb_text_free(&text);
}

/* Degrees become the nearest whole part of a turn, once for all devices. */
static void angles(void **state) {
    (void)state;
    static const float degrees[] = {0.1f, 7.3f, 15, 33.3f, 77.7f, 123.4f, 179.9f, 180};
    rb_layout layout = rb_layout_canonical();
    rb_spec s = spec_of(linear, 3, 8, 8, 3, 4);
    for (size_t i = 0; i < sizeof degrees / sizeof *degrees; i++) {
        s.augment.rotate = degrees[i];
        rb_program *p = compiled(&s, &layout);
        assert_int_equal(p->variant[RB_VARIANT_TRAIN].ops[0].u.normalize.rotate, turns((double)degrees[i]));
        rb_program_free(p);
    }
}

static void refused_with(rb_spec s, rb_augment a, const char *what) {
    rb_layout layout = rb_layout_canonical();
    rb_program *p;
    s.augment = a;
    assert_int_equal(rb_program_compile(&s, &layout, &p), RB_USAGE);
    assert_string_equal(rb_error_last()->text, what);
    rb_error_clear();
}

static void impossible(void **state) {
    (void)state;
    rb_spec s = spec_of(linear, 3, 8, 6, 3, 4), f = s, one = spec_of(linear, 9, 1, 1, 3, 4);
    rb_spec huge = spec_of(linear, 1, 1, RB_VIEW_MAX + 1, 3, 4);
    f.x_dtype = RB_F32;
    rb_layout layout = rb_layout_canonical();
    refused_with(s, (rb_augment){.hflip = -0.1f}, "augmentation: hflip is a probability, from 0 to 1, not -0.1");
    refused_with(s, (rb_augment){.hflip = 1.1f}, "augmentation: hflip is a probability, from 0 to 1, not 1.1");
    refused_with(s, (rb_augment){.vflip = NAN}, "augmentation: vflip is a probability, from 0 to 1, not nan");
    refused_with(s, (rb_augment){.rotate = 180.5f},
                 "augmentation: rotate is an angle from 0 to 180 degrees, not 180.5");
    refused_with(s, (rb_augment){.rotate = -1}, "augmentation: rotate is an angle from 0 to 180 degrees, not -1");
    refused_with(s, (rb_augment){.crop_pad = -1}, "augmentation: crop-pad is a number of pixels from 0 on, not -1");
    refused_with(s, (rb_augment){.crop_pad = 6},
                 "augmentation: crop-pad 6 can leave nothing of images of 8 x 6: it must be under 6");
    refused_with(s, (rb_augment){.crop_pad = INT_MAX},
                 "augmentation: crop-pad 2147483647 can leave nothing of images of 8 x 6: it must be under 6");
    refused_with(f, (rb_augment){.hflip = 1},
                 "augmentation is for images of bytes: these samples are 3 x 8 x 6 real numbers");
    refused_with(one, (rb_augment){.rotate = 1},
                 "augmentation is for images of bytes: these samples are 9 x 1 x 1 bytes");
    refused_with(huge, (rb_augment){.vflip = 1}, "augmentation takes images of up to 512 pixels a side, not 1 x 513");
    s.augment = (rb_augment){.hflip = 1, .vflip = 1, .crop_pad = 5, .rotate = 180}; /* all that is allowed */
    rb_program_free(compiled(&s, &layout));
    rb_program_free(compiled(&f, &layout)); /* no augmentation, no complaint */
    rb_program_free(compiled(&one, &layout));
    rb_program_free(compiled(&huge, &layout));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(sines),
        cmocka_unit_test(largest),
        cmocka_unit_test(rotations),
        cmocka_unit_test(draws),
        {"same_bits_on_reference", on_device, NULL, NULL, "reference"},
        {"same_bits_on_cpu", on_device, NULL, NULL, "cpu"},
        {"same_bits_on_opencl", on_device, NULL, NULL, "opencl"},
        {"same_bits_on_opencl_gpu_family", on_device, NULL, NULL, "opencl, gpu family"},
        {"epochs_on_reference", epochs, NULL, NULL, "reference"},
        {"epochs_on_cpu", epochs, NULL, NULL, "cpu"},
        {"epochs_on_opencl", epochs, NULL, NULL, "opencl"},
        cmocka_unit_test(dumped),
        cmocka_unit_test(angles),
        cmocka_unit_test(impossible),
    };
    struct CMUnitTest chosen[sizeof tests / sizeof *tests];
    const char *device = getenv("REGBENCH_DEVICE");
    size_t n = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        const char *of = tests[i].initial_state;
        if (!device || !of || strncmp(of, device, strlen(device)) == 0) chosen[n++] = tests[i];
    }
    return _cmocka_run_group_tests("augmentation", chosen, n, NULL, NULL);
}
