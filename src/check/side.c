/* side.c: a compiled shape on a device: filling its store, running one op, reading everything back. */
#include "check/side.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/portable.h"
#include "regbench/rng.h"

void rb__side_free(rb_side *s) {
    if (s->store) s->backend->store_free(s->store);
    rb_program_free(s->program);
    for (int k = 0; k < RB_SEGMENTS; k++) {
        free(s->before[k]);
        free(s->after[k]);
    }
}

static rb_status put_tensor(rb_side *s, const rb_tensor *t, const void *canonical) {
    return rb_tensor_put(s->backend, s->store, s->program, t, canonical);
}

/* Rows and their labels or targets. */
static rb_status fill_data(rb_side *s, const rb_check_shape *shape, rb_mt19937 *g) {
    rb_status status = RB_OK;
    const rb_program *p = s->program;
    int64_t nx = rb_tensor_count(&p->data_x), ny = rb_tensor_count(&p->data_y), n = nx > ny ? nx : ny;
    void *values = malloc((size_t)n * sizeof(float));
    if (!values) return rb_fail(RB_MEMORY, "out of memory while checking ops");
    if (shape->flags & RB_SHAPE_REGRESSION)
        rb_uniform(g, values, nx, -2, 2);
    else
        for (int64_t i = 0; i < nx; i++) ((unsigned char *)values)[i] = (unsigned char)rb_mt19937_u32(g);
    RB_TRY(put_tensor(s, &p->data_x, values));
    if (shape->flags & RB_SHAPE_REGRESSION)
        rb_uniform(g, values, ny, -2, 2);
    else
        for (int64_t i = 0; i < ny; i++)
            ((int32_t *)values)[i] = (int32_t)(rb_mt19937_u32(g) % (uint32_t)shape->classes);
    RB_TRY(put_tensor(s, &p->data_y, values));
    if (!(shape->flags & RB_SHAPE_SOFT)) goto cleanup;
    free(values);
    values = malloc((size_t)rb_tensor_count(&p->soft) * sizeof(float));
    if (!values) return rb_fail(RB_MEMORY, "out of memory while checking ops");
    for (int64_t row = 0, K = shape->classes; row < p->soft.dims[0]; row++) { /* rows that sum to 1 */
        float *q = (float *)values + row * K, sum = 0.0f;
        rb_uniform(g, q, K, 0, 1);
        for (int64_t k = 0; k < K; k++) sum += q[k];
        for (int64_t k = 0; k < K; k++) q[k] /= sum;
    }
    RB_TRY(put_tensor(s, &p->soft, values));
cleanup:
    free(values);
    return status;
}

/* Parameters, BN statistics, and an optimizer's state that is not zero, laid out as PARAM. */
static rb_status fill_params(rb_side *s, rb_mt19937 *g) {
    rb_status status = RB_OK;
    const rb_program *p = s->program;
    float *values = NULL;
    for (int i = 0; i < p->n_params + p->n_buffers; i++) {
        const rb_param *q = i < p->n_params ? &p->params[i] : &p->buffers[i - p->n_params];
        bool weight = q->role == RB_WEIGHT || q->role == RB_BIAS;
        double bound = weight ? 1.5 / sqrt(q->fan_in) : 0.5;
        double centre = q->role == RB_GAMMA || q->role == RB_RUNNING_VAR ? 1.0 : 0.0;
        int64_t n = rb_tensor_count(&q->tensor);
        values = malloc(sizeof *values * (size_t)n);
        if (!values) {
            status = rb_fail(RB_MEMORY, "out of memory while checking ops");
            goto cleanup;
        }
        rb_uniform(g, values, n, centre - bound, centre + bound);
        if (weight && n > 2) values[1] = 0.0f; /* sign(0) = 0 */
        RB_TRY(put_tensor(s, &q->tensor, values));
        for (int k = 0; k < (i < p->n_params ? rb_program_states(p) : 0); k++) {
            rb_tensor t = rb_program_state(p, &q->tensor, k);
            for (int64_t j = 0; k && j < n; j++) values[j] *= values[j]; /* Adam's mean square */
            RB_TRY(put_tensor(s, &t, values));
        }
        free(values);
        values = NULL;
    }
cleanup:
    free(values);
    return status;
}

rb_status rb__side_new(rb_side *s, const rb_check_shape *shape) {
    rb_status status = RB_OK;
    int64_t n_rows = shape->n_train + shape->n_eval;
    rb_spec spec = {.layers = shape->layers,
                    .C = shape->C,
                    .H = shape->H,
                    .W = shape->W,
                    .x_dtype = shape->flags & RB_SHAPE_REGRESSION ? RB_F32 : RB_U8,
                    .mean = shape->mean,
                    .stddev = shape->stddev,
                    .regression = shape->flags & RB_SHAPE_REGRESSION,
                    .soft_labels = shape->flags & RB_SHAPE_SOFT,
                    .temperature = shape->flags & RB_SHAPE_SOFT ? 3.0f : 0,
                    .attack = shape->flags & RB_SHAPE_ATTACK,
                    .attack_temperature = shape->flags & RB_SHAPE_ATTACK ? 0.5f : 0,
                    .adversary_steps = shape->flags & RB_SHAPE_ATTACK ? 2 : 0,
                    .scores = shape->flags & RB_SHAPE_ATTACK,
                    .classes = shape->classes,
                    .batch = shape->batch,
                    .n_rows = n_rows,
                    .n_train = shape->n_train,
                    .n_eval = shape->n_eval,
                    .window = 2,
                    .optimizer = shape->flags & RB_SHAPE_ADAM ? RB_ADAM : RB_SGD,
                    .momentum = shape->momentum,
                    .weight_decay = shape->weight_decay,
                    .l1 = shape->l1,
                    .l2 = shape->l2,
                    .augment = shape->augment,
                    .beta1 = RB_ADAM_BETA1,
                    .beta2 = RB_ADAM_BETA2,
                    .eps = RB_ADAM_EPS};
    rb_mt19937 g;
    rb_layout layout;
    int32_t *order = NULL;
    s->backend->layout(s->device, &layout);
    RB_TRY(rb_program_compile(&spec, &layout, &s->program));
    rb_program *p = s->program;
    RB_TRY(s->backend->store_new(s->device, p->bytes, &s->store));
    for (int k = 0; k < RB_SEGMENTS; k++) {
        s->before[k] = malloc(p->bytes[k] + 1);
        s->after[k] = malloc(p->bytes[k] + 1);
        if (!s->before[k] || !s->after[k]) {
            status = rb_fail(RB_MEMORY, "out of memory while checking ops");
            goto cleanup;
        }
        memset(s->before[k], k == RB_SEG_ACT || k == RB_SEG_METRIC || k == RB_SEG_OUT ? 0xFF : 0, p->bytes[k]);
        RB_TRY(s->backend->put(s->store, (rb_segment)k, 0, p->bytes[k], s->before[k]));
    }
    rb_mt19937_seed(&g, 7);
    RB_TRY(fill_data(s, shape, &g));
    RB_TRY(fill_params(s, &g));
    for (int f = 0; f < RB_FAMILIES; f++) {
        int64_t n = p->order[f].dims[0], base = f == RB_FAMILY_TRAIN ? 0 : shape->n_train;
        order = malloc(sizeof *order * (size_t)n);
        if (!order) {
            status = rb_fail(RB_MEMORY, "out of memory while checking ops");
            goto cleanup;
        }
        int64_t rows = f == RB_FAMILY_TRAIN ? shape->n_train : shape->n_eval;
        for (int64_t i = 0; i < n; i++) order[i] = i < rows ? (int32_t)(base + rows - 1 - i) : -1;
        RB_TRY(put_tensor(s, &p->order[f], order));
        free(order);
        order = NULL;
    }
    float schedule[2 * RB_SCHED_COLUMNS] = {0.25f, 0.19f, 0.002f, 0, 0.5f, 0.271f, 0.003f, 0};
    RB_TRY(put_tensor(s, &p->schedule, schedule));
    float strength[RB_STRENGTH_COLUMNS] = {[RB_STRENGTH_STEP] = 0.25f, [RB_STRENGTH_EPS] = 0.375f};
    for (int f = 0; f < RB_FAMILIES; f++)
        if (p->strength[f].bytes) RB_TRY(put_tensor(s, &p->strength[f], strength));
cleanup:
    free(order);
    return status;
}

static rb_status read_all(rb_side *s, unsigned char *image[RB_SEGMENTS]) {
    rb_status status = RB_OK;
    for (int k = 0; k < RB_SEGMENTS && status == RB_OK; k++)
        status = s->backend->get(s->store, (rb_segment)k, 0, s->program->bytes[k], image[k]);
    return status;
}

/* At the last step of the family's pass (so that bases and slots are not zero). */
rb_status rb__side_run(rb_side *s, rb_variant_kind kind, int i, const char **provider) {
    rb_status status = RB_OK;
    const rb_variant *v = &s->program->variant[kind];
    rb_variant one = *v;
    rb_bound *bound = NULL;
    int64_t n = s->program->order[v->family].dims[0];
    int steps = (int)((n + s->program->spec.batch - 1) / s->program->spec.batch);
    bool full = v->rows == s->program->spec.batch && v->family == RB_FAMILY_TRAIN;
    int slot = full ? (int)(n / s->program->spec.batch) - 1 : steps - 1;
    rb_cursor cursor = {.slot = slot < 2 ? slot : 1, .wrap = steps, .step = 5};
    if (slot >= 2) cursor.base = (slot - 1) * s->program->spec.batch;
    if (v->family == RB_FAMILY_EVAL) cursor = (rb_cursor){.slot = slot, .wrap = steps};
    size_t at = s->program->head.offset + offsetof(rb_ctrl_head, cursor) + (size_t)v->family * sizeof cursor;
    RB_TRY(s->backend->put(s->store, RB_SEG_CTRL, at, sizeof cursor, &cursor));
    if (i >= 0) {
        one.ops = &v->ops[i];
        one.n_ops = 1;
    }
    RB_TRY(read_all(s, s->before));
    RB_TRY(s->backend->bind(s->store, s->program, &one, &bound));
    if (i >= 0) *provider = s->backend->provider(bound, 0);
    RB_TRY(s->backend->submit(bound, 1));
    RB_TRY(s->backend->wait(s->device));
    RB_TRY(read_all(s, s->after));
    rb_cursor moved;
    memcpy(&moved, s->after[RB_SEG_CTRL] + at, sizeof moved);
    if (moved.slot != cursor.slot + 1) status = rb_fail(RB_VERIFY, "the cursor was not advanced by one");
    memcpy(s->after[RB_SEG_CTRL] + at, &cursor, sizeof cursor); /* the one change that is allowed */
cleanup:
    if (bound) s->backend->unbind(bound);
    return status;
}

/* Canonical values of a tensor, from a host image; integers as floats; METRIC: the row of this step alone. */
float *rb__side_canonical(const rb_side *s, const rb_variant *v, const rb_tensor *t,
                          unsigned char *const image[RB_SEGMENTS], int64_t *n) {
    int real_bytes = s->program->layout.real_bytes;
    *n = rb_tensor_count(t);
    float *values = malloc(sizeof *values * (size_t)*n);
    unsigned char *raw = malloc((size_t)*n * 4);
    if (values && raw) {
        rb_tensor_unpack(t, real_bytes, image[t->segment] + t->offset, raw);
        for (int64_t k = 0; k < *n; k++) {
            if (t->dtype == RB_U8)
                values[k] = raw[k];
            else if (t->dtype == RB_I32)
                values[k] = (float)((int32_t *)(void *)raw)[k];
            else
                values[k] = ((float *)(void *)raw)[k];
        }
        const rb_cursor *cursor = &((const rb_ctrl_head *)(const void *)image[RB_SEG_CTRL])->cursor[v->family];
        if (t->segment == RB_SEG_METRIC) { /* columns that other ops write are not this op's: zero them */
            memmove(values, values + (int64_t)cursor->slot * RB_METRIC_COLUMNS, sizeof *values * RB_METRIC_COLUMNS);
            *n = RB_METRIC_COLUMNS;
        } else if (t->segment == RB_SEG_OUT) {
            int64_t columns = t->dims[1];
            *n = v->rows * columns;
            memmove(values, values + (cursor->base + (int64_t)(cursor->slot % cursor->wrap) * v->rows) * columns,
                    sizeof *values * (size_t)*n);
        }
    }
    free(raw);
    return values;
}

/* Each real number in a padded tensor that belongs to no canonical element must be zero. */
bool rb__side_padding_is_zero(const rb_side *s, const rb_tensor *t) {
    size_t size = rb_dtype_bytes(t->dtype, s->program->layout.real_bytes), n = t->bytes / size;
    unsigned char *inside = calloc(1, n);
    const unsigned char *data = s->after[t->segment] + t->offset;
    bool ok = inside != NULL;
    const int64_t *d = t->dims, *st = t->stride;
    for (int64_t a = 0; ok && a < d[0]; a++)
        for (int64_t b = 0; b < d[1]; b++)
            for (int64_t e = 0; e < d[2]; e++)
                for (int64_t f = 0; f < d[3]; f++) inside[a * st[0] + b * st[1] + e * st[2] + f * st[3]] = 1;
    for (size_t i = 0; ok && i < n; i++)
        for (size_t b = 0; ok && !inside[i] && b < size; b++)
            if (data[i * size + b]) ok = b == size - 1 && data[i * size + b] == 0x80; /* -0.0 is zero */
    free(inside);
    return ok;
}
