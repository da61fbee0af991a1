/* support.c: specs, generated models, goldens and a running program for the tests, see support.h. */
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
#include "reference/reference.h"
#include "support.h"

uint64_t stream_next(stream *s) {
    uint64_t z = s->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
int stream_int(stream *s, int low, int high) { return low + (int)(stream_next(s) % (uint64_t)(high - low + 1)); }
double stream_unit(stream *s) { return (double)(stream_next(s) >> 11) / 9007199254740992.0; }

bool near(double a, double b, double tolerance) {
    return isfinite(a) && isfinite(b) && fabs(a - b) <= tolerance * fmax(1.0, fabs(b));
}

/* --- specs and models ------------------------------------------------------------------------------------------- */

rb_spec spec_of(const rb_layer *layers, int C, int H, int W, int classes, int batch) {
    int n_train = 3 * batch - 1;
    return (rb_spec){.layers = layers,
                     .C = C,
                     .H = H,
                     .W = W,
                     .x_dtype = RB_U8,
                     .mean = 0.5f,
                     .stddev = 0.25f,
                     .classes = classes,
                     .batch = batch,
                     .n_rows = n_train + 5,
                     .n_train = n_train,
                     .n_eval = n_train,
                     .window = 4,
                     .beta1 = 0.9f,
                     .beta2 = 0.999f,
                     .eps = 1e-8f};
}

/* A model while it is drawn. */
typedef struct pen {
    model *m;
    stream s;
    int n, tags, C, H, W;
} pen;

static rb_layer *put_layer(pen *p, rb_layer layer) {
    p->m->layers[p->n] = layer;
    size_t used = strlen(p->m->text);
    snprintf(p->m->text + used, sizeof p->m->text - used, "%s%s(%d,%d,%d,%d)", used ? " " : "",
             rb_layer_name(layer.kind), layer.units, layer.kernel, layer.stride, layer.pad);
    return &p->m->layers[p->n++];
}

static void put_act(pen *p) {
    switch (stream_int(&p->s, 0, 3)) {
    case 0:
        put_layer(p, (rb_layer)RB_RELU);
        break;
    case 1:
        put_layer(p, (rb_layer)RB_SIGMOID);
        break;
    case 2:
        put_layer(p, (rb_layer)RB_LEAKY_RELU(0.1f));
        break;
    default:
        break;
    }
}

static rb_layer *put_conv(pen *p, int units, int kernel, int stride, int pad) {
    rb_layer *l = put_layer(p, (rb_layer)RB_CONV(units, .kernel = kernel, .stride = stride, .pad = pad));
    l->no_bias = stream_int(&p->s, 0, 2) == 0;
    p->C = units;
    p->H = (p->H + 2 * pad - kernel) / stride + 1;
    p->W = (p->W + 2 * pad - kernel) / stride + 1;
    return l;
}

static char *new_tag(pen *p) {
    snprintf(p->m->tags[p->tags], sizeof p->m->tags[0], "t%d", p->tags);
    return p->m->tags[p->tags++];
}

static void put_residual(pen *p) {
    bool shortcut = stream_int(&p->s, 0, 1);
    int stride = shortcut ? stream_int(&p->s, 1, 2) : 1, C = p->C, H = p->H, W = p->W;
    rb_layer *entry = put_layer(p, (rb_layer)RB_RELU);
    const char *in = entry->tag = new_tag(p), *second = in;
    put_conv(p, shortcut ? C + 2 : C, 3, stride, 1);
    if (stream_int(&p->s, 0, 1)) put_layer(p, (rb_layer)RB_BATCHNORM);
    put_layer(p, (rb_layer)RB_RELU);
    rb_layer *last = put_conv(p, p->C, 3, 1, 1);
    if (shortcut) {
        second = last->tag = new_tag(p);
        int K = p->C;
        p->C = C, p->H = H, p->W = W;
        put_conv(p, K, 1, stride, 0)->from = in;
    }
    put_layer(p, (rb_layer)RB_ADD(second));
    put_act(p);
}

void model_draw(model *m, uint64_t seed) {
    memset(m, 0, sizeof *m);
    pen p = {.m = m, .s = {seed}};
    p.C = stream_int(&p.s, 1, 3), p.H = stream_int(&p.s, 1, 9), p.W = stream_int(&p.s, 1, 9);
    int C = p.C, H = p.H, W = p.W, classes = stream_int(&p.s, 2, 10), batch = stream_int(&p.s, 2, 9);
    for (int blocks = stream_int(&p.s, 0, 4); blocks > 0; blocks--) switch (stream_int(&p.s, 0, 5)) {
        case 0:
        case 1: {
            int side = p.H < p.W ? p.H : p.W, kernel = stream_int(&p.s, 1, side < 5 ? side : 5);
            put_conv(&p, stream_int(&p.s, 1, 17), kernel, stream_int(&p.s, 1, 2), stream_int(&p.s, 0, kernel - 1));
            put_act(&p);
            break;
        }
        case 2:
            if (p.H >= 3 && p.W >= 3) {
                int kernel = stream_int(&p.s, 2, 3), stride = stream_int(&p.s, 1, kernel);
                bool max = stream_int(&p.s, 0, 1);
                rb_layer pool = {.kind = max ? RB_LAYER_MAXPOOL : RB_LAYER_AVGPOOL, .kernel = kernel, .stride = stride};
                put_layer(&p, pool);
                p.H = (p.H - kernel) / stride + 1, p.W = (p.W - kernel) / stride + 1;
            }
            break;
        case 3:
            put_layer(&p, (rb_layer)RB_BATCHNORM);
            break;
        case 4:
            put_layer(&p, (rb_layer)RB_DROPOUT(0.25f));
            break;
        default:
            put_residual(&p);
            break;
        }
    for (int hidden = stream_int(&p.s, 0, 2); hidden > 0; hidden--) {
        put_layer(&p, (rb_layer)RB_LINEAR(stream_int(&p.s, 1, 33)));
        put_act(&p);
    }
    put_layer(&p, (rb_layer)RB_LINEAR(classes));
    m->spec = spec_of(m->layers, C, H, W, classes, batch);
    m->spec.n_train = 2 * batch + (stream_int(&p.s, 0, 1) ? stream_int(&p.s, 2, batch) % batch : 0);
    if (m->spec.n_train % batch == 1) m->spec.n_train--; /* one row is refused by batch norm */
    m->spec.n_rows = m->spec.n_train + 3;
    m->spec.optimizer = stream_int(&p.s, 0, 1) ? RB_ADAM : RB_SGD;
    m->spec.momentum = stream_int(&p.s, 0, 1) ? 0.9f : 0;
    m->spec.attack = stream_int(&p.s, 0, 1);
    m->spec.soft_labels = stream_int(&p.s, 0, 3) == 0;
    m->spec.regression = !m->spec.soft_labels && stream_int(&p.s, 0, 3) == 0;
    if (m->spec.regression) m->spec.x_dtype = RB_F32;
}

rb_layout test_layout(int index) {
    static const rb_layout layouts[TEST_LAYOUTS] = {
        {RB_NCHW, false, 1, 64, 4, 0},
        {RB_NCHW, false, 1, 64, 4, RB_FUSE_ACT},
        {RB_NCHW, true, 8, 64, 4, RB_FUSE_ACT | RB_FUSE_ACT_DX},
        {RB_NHWC, true, 16, 64, 4, RB_FUSE_ACT | RB_FUSE_ACT_DX | RB_FUSE_ACT_BN | RB_FUSE_ADD | RB_FUSE_COPY},
        {RB_NHWC, false, 8, 32, 4, RB_FUSE_ACT_DX},
        {RB_NHWC, true, 1, 16, 8, 0},
        {RB_NCHW, false, 16, 256, 8, RB_FUSE_ADD | RB_FUSE_COPY | RB_FUSE_ACT_BN},
    };
    return layouts[index];
}

rb_program *compiled(const rb_spec *spec, const rb_layout *layout) {
    rb_program *p = NULL;
    rb_error_clear();
    rb_status status = rb_program_compile(spec, layout, &p);
    if (status != RB_OK) fail_msg("does not compile: %s", rb_error_last() ? rb_error_last()->text : "no message");
    return p;
}

/* --- texts ------------------------------------------------------------------------------------------------------ */

const char *first_difference(const char *expected, const char *actual) {
    static char message[1024];
    const char *e = expected, *a = actual;
    for (int line = 1;; line++) {
        size_t m = strcspn(e, "\n"), n = strcspn(a, "\n");
        if (m != n || memcmp(e, a, m) || e[m] != a[n]) {
            snprintf(message, sizeof message, "line %d:\n  expected `%.*s`%s\n  got      `%.*s`%s", line,
                     m > 400 ? 400 : (int)m, e, e[m] ? "" : " and the end", n > 400 ? 400 : (int)n, a,
                     a[n] ? "" : " and the end");
            return message;
        }
        if (!e[m]) return NULL;
        e += m + 1, a += n + 1;
    }
}

void assert_golden(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/goldens/%s", TEST_FOLDER, name);
    const char *update = getenv("REGBENCH_UPDATE_GOLDENS");
    if (update && strcmp(update, "1") == 0) {
        FILE *f = fopen(path, "wb");
        if (!f || fputs(text, f) < 0 || fclose(f)) fail_msg("cannot write %s", path);
        print_message("wrote %s\n", path);
        return;
    }
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("no golden %s; REGBENCH_UPDATE_GOLDENS=1 writes it", path);
    rb_text golden = {0};
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece - 1, f)) > 0;) {
        piece[n] = '\0';
        rb_text_append(&golden, piece);
    }
    fclose(f);
    const char *difference = first_difference(rb_text_string(&golden), text);
    rb_text_free(&golden);
    if (difference) fail_msg("goldens/%s, %s", name, difference);
}

/* --- a running program ------------------------------------------------------------------------------------------ */

static const rb_backend *const backend = &rb_backend_reference64;

static void must(rb_status status) {
    if (status != RB_OK) fail_msg("%s", rb_error_last() ? rb_error_last()->text : rb_status_word(status));
}

static void fill_orders(rig *r) {
    for (int f = 0; f < RB_FAMILIES; f++) {
        const rb_tensor *t = &r->program->order[f];
        int32_t *order = test_malloc(t->bytes);
        for (int64_t i = 0; i < t->dims[0]; i++) order[i] = i < r->program->spec.n_rows ? (int32_t)i : -1;
        must(backend->put(r->store, t->segment, t->offset, t->bytes, order));
        test_free(order);
        rig_cursor(r, (rb_family)f, 0, 0, 1, 0);
    }
}

static void fill_data(rig *r, stream *s) {
    const rb_spec *spec = &r->program->spec;
    const rb_tensor *x = &r->program->data_x, *y = &r->program->data_y;
    void *values = test_malloc(x->bytes > y->bytes ? x->bytes : y->bytes);
    for (int64_t i = 0; i < rb_tensor_count(x); i++)
        if (spec->x_dtype == RB_U8)
            ((uint8_t *)values)[i] = (uint8_t)stream_int(s, 0, 255);
        else
            ((float *)values)[i] = (float)(4 * stream_unit(s) - 2);
    must(backend->put(r->store, x->segment, x->offset, x->bytes, values));
    for (int64_t i = 0; i < rb_tensor_count(y); i++)
        if (spec->regression)
            ((float *)values)[i] = (float)(4 * stream_unit(s) - 2);
        else
            ((int32_t *)values)[i] = stream_int(s, 0, spec->classes - 1);
    must(backend->put(r->store, y->segment, y->offset, y->bytes, values));
    if (spec->soft_labels) { /* rows that sum to 1 */
        const rb_tensor *soft = &r->program->soft;
        float *shares = test_malloc(soft->bytes);
        for (int64_t i = 0; i < soft->dims[0]; i++) {
            double sum = 0, draw[64];
            for (int k = 0; k < spec->classes; k++) sum += draw[k] = 0.1 + stream_unit(s);
            for (int k = 0; k < spec->classes; k++) shares[i * spec->classes + k] = (float)(draw[k] / sum);
        }
        rig_put(r, soft, shares);
        test_free(shares);
    }
    test_free(values);
}

static void fill_params(rig *r, stream *s) {
    const rb_program *p = r->program;
    for (int i = 0; i < p->n_params + p->n_buffers; i++) {
        const rb_param *q = i < p->n_params ? &p->params[i] : &p->buffers[i - p->n_params];
        int64_t n = rb_tensor_count(&q->tensor);
        double bound = q->role == RB_WEIGHT ? 1.5 / sqrt((double)q->fan_in) : 0.5;
        double centre = q->role == RB_GAMMA || q->role == RB_RUNNING_VAR ? 1.0 : 0.0;
        double *values = test_malloc(sizeof *values * (size_t)n);
        for (int64_t k = 0; k < n; k++) values[k] = centre + bound * (2 * stream_unit(s) - 1);
        rig_put(r, &q->tensor, values);
        test_free(values);
    }
}

void rig_open(rig *r, const rb_spec *spec, uint64_t seed) { rig_open_fused(r, spec, seed, 0); }

void rig_open_fused(rig *r, const rb_spec *spec, uint64_t seed, uint32_t fuse) {
    stream s = {seed};
    rb_layout layout;
    memset(r, 0, sizeof *r);
    must(backend->open(0, NULL, &r->device));
    backend->layout(r->device, &layout);
    layout.fuse = fuse;
    r->program = compiled(spec, &layout);
    must(backend->store_new(r->device, r->program->bytes, &r->store));
    fill_orders(r);
    fill_data(r, &s);
    fill_params(r, &s);
}

void rig_close(rig *r) {
    backend->store_free(r->store);
    rb_program_free(r->program);
    backend->close(r->device);
    memset(r, 0, sizeof *r);
}

void rig_get(rig *r, const rb_tensor *t, void *values) {
    must(backend->get(r->store, t->segment, t->offset, t->bytes, values));
}
void rig_put(rig *r, const rb_tensor *t, const void *values) {
    must(backend->put(r->store, t->segment, t->offset, t->bytes, values));
}
double rig_peek(rig *r, const rb_tensor *t, int64_t index) {
    double value;
    must(backend->get(r->store, t->segment, t->offset + 8 * (size_t)index, 8, &value));
    return value;
}
void rig_poke(rig *r, const rb_tensor *t, int64_t index, double value) {
    must(backend->put(r->store, t->segment, t->offset + 8 * (size_t)index, 8, &value));
}

void rig_cursor(rig *r, rb_family family, int slot, int base, int wrap, int step) {
    rb_cursor c = {slot, base, wrap, step};
    size_t at = r->program->head.offset + offsetof(rb_ctrl_head, cursor) + sizeof c * (size_t)family;
    must(backend->put(r->store, RB_SEG_CTRL, at, sizeof c, &c));
}

void rig_run(rig *r, const rb_variant *v, int n) {
    rb_bound *bound = NULL;
    assert_true(v->n_ops > 0);
    for (int i = 0; i < v->n_ops; i++) {
        const char *why = backend->supports(r->device, r->program, v, &v->ops[i]);
        if (why) fail_msg("%s: %s", rb_op_name(v->ops[i].kind), why);
    }
    must(backend->bind(r->store, r->program, v, &bound));
    must(backend->submit(bound, n));
    must(backend->wait(r->device));
    backend->unbind(bound);
}

double rig_loss(rig *r, rb_variant_kind kind) {
    const rb_variant *v = &r->program->variant[kind];
    rig_cursor(r, v->family, 0, 0, 1, 0);
    rig_run(r, v, 1);
    return rig_metric(r, v->family, 0, RB_METRIC_LOSS_SUM);
}

double rig_metric(rig *r, rb_family family, int slot, int column) {
    return rig_peek(r, &r->program->metric[family], (int64_t)slot * RB_METRIC_COLUMNS + column);
}
