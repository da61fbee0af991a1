/* trainer.c: one case on one device: compiled, uploaded, drawn; epochs, evaluation, metrics. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "regbench/portable.h"
#include "regbench/rng.h"
#include "regbench/train.h"
#include "train/fit.h"
#include "train/internal.h"

struct rb_trainer {
    const rb_backend *backend;
    rb_device *device;
    const rb_case *c;
    const rb_dataset *data;
    rb_program *program;
    rb_store *store;
    rb_bound *bound[RB_VARIANTS];
    rb_mt19937 generator;

    int64_t n_train, n_valid, n_test;
    int32_t *labels; /* (rows of the data set): with random ones among them where the case wants that; else NULL */
    int32_t *train_rows, *valid_rows, *test_rows; /* row numbers in DATA; valid_rows may be test_rows */
    int steps_per_epoch, full_steps;              /* of which full_steps have the whole batch */
    int position;                                 /* steps submitted in this window */
    int64_t steps_done;                           /* before this window */
    struct {
        int64_t rows;
        int first, batches;               /* of its pass */
    } part[2];                            /* of the evaluation begun last */
    int n_parts, eval_batches, eval_done; /* its parts, batches of a pass, passes so far */

    int32_t *order;  /* max(n_train, padded n_eval) */
    float *schedule; /* (window, RB_SCHED_COLUMNS) */
    void *metric;    /* (max(window, evaluation batches), RB_METRIC_COLUMNS) reals */
    rb_trainer_times times;
};

/* --- construction ---------------------------------------------------------------------------------------------------
 */

static int32_t *range(int64_t first, int64_t n) {
    int32_t *rows = malloc(sizeof *rows * (size_t)(n ? n : 1));
    for (int64_t i = 0; rows && i < n; i++) rows[i] = (int32_t)(first + i);
    return rows;
}

/* The split: a permutation from a generator of its own, seeded with the run's seed. */
static rb_status split_rows(rb_trainer *t, const rb_spec *spec, uint64_t seed) {
    const rb_case *c = t->c;
    const rb_dataset *d = t->data;
    rb_status status = RB_OK;
    int32_t *permutation = NULL;
    t->n_train = spec->n_train;
    int64_t split = rb_case_valid(c, d->n_train);
    t->n_valid = split ? split : d->n_test;
    t->n_test = d->n_test;
    t->train_rows = range(0, t->n_train);
    t->valid_rows = split ? range(0, t->n_valid) : range(d->n_train, t->n_valid);
    t->test_rows = range(d->n_train, t->n_test);
    if (!t->train_rows || !t->valid_rows || !t->test_rows) {
        status = rb_fail(RB_MEMORY, "out of memory while splitting %s", d->name);
        goto cleanup;
    }
    if (c->n_train || split) {
        rb_mt19937 own;
        permutation = malloc(sizeof *permutation * (size_t)d->n_train);
        if (!permutation) {
            status = rb_fail(RB_MEMORY, "out of memory while splitting %s", d->name);
            goto cleanup;
        }
        rb_mt19937_seed(&own, seed);
        rb_randperm(&own, permutation, d->n_train);
        memcpy(t->train_rows, permutation, sizeof *permutation * (size_t)t->n_train);
        if (split) memcpy(t->valid_rows, permutation + t->n_train, sizeof *permutation * (size_t)t->n_valid);
    }
cleanup:
    free(permutation);
    return status;
}

static const int32_t *labels_of(const rb_trainer *t) { return t->labels ? t->labels : t->data->labels; }

/* Random classes for a share of the training set's rows, those that validate among them; the test set keeps its own.
 * Word 0 of Philox at counter (row, 0, 0, RB_STREAM_LABELS) says whether, word 1 which class, all being as likely, the
 * right one too: the same on every device, whatever the split, and nothing is drawn from the run's stream. */
static rb_status draw_labels(rb_trainer *t, uint64_t seed) {
    const rb_dataset *d = t->data;
    int64_t rows = d->n_train + d->n_test;
    if (!(t->c->label_noise > 0)) return RB_OK;
    t->labels = malloc(sizeof *t->labels * (size_t)rows);
    if (!t->labels) return rb_fail(RB_MEMORY, "out of memory for the labels of %s", d->name);
    memcpy(t->labels, d->labels, sizeof *t->labels * (size_t)rows);
    for (int64_t i = 0; i < d->n_train; i++) {
        rb_philox4 draw = rb_philox((uint32_t)i, 0, 0, RB_STREAM_LABELS, (uint32_t)seed, (uint32_t)(seed >> 32));
        if (rb_unit(draw.v[0]) < t->c->label_noise) t->labels[i] = (int32_t)RB_MULHI(draw.v[1], (uint32_t)d->classes);
    }
    return RB_OK;
}

static rb_status compile(rb_trainer *t, const rb_spec *spec) {
    rb_status status = RB_OK;
    rb_layout layout;
    t->full_steps = (int)(spec->n_train / spec->batch);
    t->steps_per_epoch = (int)((spec->n_train + spec->batch - 1) / spec->batch);
    t->backend->layout(t->device, &layout);
    RB_TRY(rb_program_compile(spec, &layout, &t->program));
    RB_TRY(rb_backend_supports(t->backend, t->device, t->program));
cleanup:
    return status;
}

/* Until a teacher says otherwise soft labels are the labels. */
static rb_status upload_soft(rb_trainer *t) {
    const rb_program *p = t->program;
    int64_t rows = p->soft.dims[0], classes = p->spec.classes;
    float *soft = calloc((size_t)(rows * classes), sizeof *soft);
    if (!soft) return rb_fail(RB_MEMORY, "out of memory for the soft labels of %s", t->data->name);
    for (int64_t i = 0; i < rows; i++) soft[i * classes + labels_of(t)[i]] = 1.0f;
    rb_status status = rb_tensor_put(t->backend, t->store, p, &p->soft, soft);
    free(soft);
    return status;
}

rb_status rb__put_strength(rb_trainer *t, rb_family family, double step, double eps) {
    const rb_program *p = t->program;
    double unit = 1.0 / (255.0 * (double)p->spec.stddev); /* of a pixel, normalized */
    float strength[RB_STRENGTH_COLUMNS] = {
        [RB_STRENGTH_STEP] = (float)(step * unit), [RB_STRENGTH_EPS] = (float)(eps * unit)};
    return rb_tensor_put(t->backend, t->store, p, &p->strength[family], strength);
}

static rb_status upload(rb_trainer *t, uint64_t seed) {
    const rb_program *p = t->program;
    rb_status status = RB_OK;
    rb_ctrl_head head = {.seed = {(uint32_t)seed, (uint32_t)(seed >> 32)}};
    for (int f = 0; f < RB_FAMILIES; f++) head.cursor[f].wrap = 1;
    RB_TRY(rb_tensor_put(t->backend, t->store, p, &p->data_x, t->data->x));
    RB_TRY(rb_tensor_put(t->backend, t->store, p, &p->data_y,
                         t->data->targets ? (const void *)t->data->targets : labels_of(t)));
    RB_TRY(t->backend->put(t->store, RB_SEG_CTRL, p->head.offset, sizeof head, &head));
    if (p->spec.soft_labels) RB_TRY(upload_soft(t));
    if (p->spec.adversary_steps)
        RB_TRY(rb__put_strength(t, RB_FAMILY_TRAIN, (double)t->c->adversary.step, (double)t->c->adversary.eps));
cleanup:
    return status;
}

/* Parameters in drawing order, as torch.nn draws them. */
static rb_status draw(rb_trainer *t) {
    const rb_program *p = t->program;
    rb_status status = RB_OK;
    float *values = NULL;
    for (int i = 0; i < p->n_params + p->n_buffers; i++) {
        const rb_param *q = i < p->n_params ? &p->params[i] : &p->buffers[i - p->n_params];
        int64_t n = rb_tensor_count(&q->tensor);
        values = malloc(sizeof *values * (size_t)n);
        if (!values) {
            status = rb_fail(RB_MEMORY, "out of memory while drawing %s", q->tensor.name);
            goto cleanup;
        }
        double bound = q->role == RB_WEIGHT ? rb_kaiming_bound(q->fan_in)
                       : q->role == RB_BIAS ? rb_bias_bound(q->fan_in)
                                            : 0;
        bool one = q->role == RB_GAMMA || q->role == RB_RUNNING_VAR;
        if (bound > 0)
            rb_uniform(&t->generator, values, n, -bound, bound);
        else
            for (int64_t k = 0; k < n; k++) values[k] = one ? 1.0f : 0.0f;
        RB_TRY(rb_tensor_put(t->backend, t->store, p, &q->tensor, values));
        free(values);
        values = NULL;
    }
cleanup:
    free(values);
    return status;
}

rb_status rb_trainer_new(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                         uint64_t seed, rb_trainer **out) {
    rb_status status = RB_OK;
    rb_spec spec;
    double start = rb_clock_s();
    rb_trainer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return rb_fail(RB_MEMORY, "out of memory while making a trainer");
    t->backend = backend;
    t->device = device;
    t->c = c;
    t->data = data;
    rb_mt19937_seed(&t->generator, seed);
    if (!c->fresh_params) rb_dataset_draws(data, &t->generator);
    RB_TRY(rb_case_spec(c, data, &spec));
    RB_TRY(split_rows(t, &spec, seed));
    RB_TRY(draw_labels(t, seed));
    RB_TRY(compile(t, &spec));
    RB_TRY(rb__store_fit(backend, device, c, data, &t->program, &t->store));
    const rb_program *p = t->program;
    int64_t rows = p->order[RB_FAMILY_TRAIN].dims[0], padded = p->order[RB_FAMILY_EVAL].dims[0];
    int64_t slots = p->metric[RB_FAMILY_TRAIN].dims[0], slots_eval = p->metric[RB_FAMILY_EVAL].dims[0];
    t->order = malloc(sizeof *t->order * (size_t)(rows > padded ? rows : padded));
    t->schedule = calloc((size_t)p->spec.window * RB_SCHED_COLUMNS, sizeof *t->schedule);
    t->metric =
        calloc((size_t)(slots > slots_eval ? slots : slots_eval) * RB_METRIC_COLUMNS, (size_t)p->layout.real_bytes);
    if (!t->order || !t->schedule || !t->metric) {
        status = rb_fail(RB_MEMORY, "out of memory while making a trainer");
        goto cleanup;
    }
    RB_TRY(upload(t, seed));
    RB_TRY(draw(t));
    double bind_start = rb_clock_s();
    for (int k = 0; k < RB_VARIANTS; k++)
        if (p->variant[k].n_ops) RB_TRY(backend->bind(t->store, p, &p->variant[k], &t->bound[k]));
    t->times.compile = rb_clock_s() - bind_start;
    t->times.init = rb_clock_s() - start;
    *out = t;
    t = NULL;
cleanup:
    rb_trainer_free(t);
    return status;
}

void rb_trainer_free(rb_trainer *t) {
    if (!t) return;
    for (int k = 0; k < RB_VARIANTS; k++)
        if (t->bound[k]) t->backend->unbind(t->bound[k]);
    if (t->store) t->backend->store_free(t->store);
    rb_program_free(t->program);
    free(t->labels);
    free(t->train_rows);
    free(t->valid_rows);
    free(t->test_rows);
    free(t->order);
    free(t->schedule);
    free(t->metric);
    free(t);
}

const rb_program *rb_trainer_program(const rb_trainer *t) { return t->program; }
const rb_case *rb_trainer_case(const rb_trainer *t) { return t->c; }
const rb_backend *rb_trainer_backend(const rb_trainer *t) { return t->backend; }
const rb_dataset *rb_trainer_data(const rb_trainer *t) { return t->data; }
rb_device *rb_trainer_device(const rb_trainer *t) { return t->device; }
rb_store *rb_trainer_store(const rb_trainer *t) { return t->store; }
rb_mt19937 *rb_trainer_generator(rb_trainer *t) { return &t->generator; }
rb_bound *rb_trainer_bound(const rb_trainer *t, rb_variant_kind variant) { return t->bound[variant]; }
rb_trainer_times rb_trainer_setup_times(const rb_trainer *t) { return t->times; }
int rb_trainer_steps_per_epoch(const rb_trainer *t) { return t->steps_per_epoch; }
int rb_trainer_steps_per_window(const rb_trainer *t) { return t->program->spec.window; }

/* --- training -------------------------------------------------------------------------------------------------------
 */

rb_status rb__put_cursor(rb_trainer *t, rb_family family, rb_cursor cursor) {
    size_t at = t->program->head.offset + offsetof(rb_ctrl_head, cursor) + (size_t)family * sizeof cursor;
    return t->backend->put(t->store, RB_SEG_CTRL, at, sizeof cursor, &cursor);
}

void rb_trainer_seek(rb_trainer *t, int64_t steps) {
    t->steps_done = steps;
    t->position = 0;
}

rb_status rb_trainer_begin_window(rb_trainer *t) {
    const rb_program *p = t->program;
    rb_status status = RB_OK;
    if (t->c->in_order)
        memcpy(t->order, t->train_rows, sizeof *t->order * (size_t)t->n_train);
    else {
        rb_epoch_order(&t->generator, t->order, t->n_train);
        for (int64_t i = 0; i < t->n_train; i++) t->order[i] = t->train_rows[t->order[i]];
    }
    t->steps_done += t->position;
    t->position = 0;
    for (int s = 0; s < p->spec.window; s++) {
        double step = (double)(t->steps_done + s + 1);
        float *row = t->schedule + (size_t)s * RB_SCHED_COLUMNS;
        row[RB_SCHED_LR] = t->c->lr;
        if (p->spec.optimizer != RB_ADAM) continue;
        row[RB_SCHED_CORRECTION1] = (float)(1.0 - pow((double)p->spec.beta1, step));
        row[RB_SCHED_CORRECTION2] = (float)(1.0 - pow((double)p->spec.beta2, step));
    }
    RB_TRY(rb_tensor_put(t->backend, t->store, p, &p->order[RB_FAMILY_TRAIN], t->order));
    RB_TRY(rb_tensor_put(t->backend, t->store, p, &p->schedule, t->schedule));
    RB_TRY(rb__put_cursor(t, RB_FAMILY_TRAIN, (rb_cursor){.wrap = t->steps_per_epoch, .step = (int32_t)t->steps_done}));
cleanup:
    return status;
}

rb_status rb_trainer_submit(rb_trainer *t, int n) {
    rb_status status = RB_OK;
    if (n > t->program->spec.window - t->position)
        return rb_fail(RB_INTERNAL, "%d steps asked for, %d are left in this window", n,
                       t->program->spec.window - t->position);
    bool even = t->full_steps == t->steps_per_epoch; /* every step has the whole batch: epochs need no telling apart */
    while (n > 0) {
        int at = t->position % t->steps_per_epoch, left = even ? n : t->full_steps - at, now = left < n ? left : n;
        if (now == 0) now = 1;
        RB_TRY(t->backend->submit(t->bound[left ? RB_VARIANT_TRAIN : RB_VARIANT_TRAIN_TAIL], now));
        t->position += now;
        n -= now;
    }
cleanup:
    return status;
}

rb_status rb_trainer_wait(rb_trainer *t) { return t->backend->wait(t->device); }

/* Rows first .. first+n-1 of a family's METRIC into t->metric. */
static rb_status read_metric(rb_trainer *t, rb_family family, int first, int n) {
    const rb_tensor *m = &t->program->metric[family];
    size_t row = RB_METRIC_COLUMNS * (size_t)t->program->layout.real_bytes;
    return t->backend->get(t->store, m->segment, m->offset + (size_t)first * row, (size_t)n * row, t->metric);
}

static double metric_at(const rb_trainer *t, int row, int column) {
    size_t at = (size_t)row * RB_METRIC_COLUMNS + (size_t)column;
    return t->program->layout.real_bytes == 8 ? ((const double *)t->metric)[at]
                                              : (double)((const float *)t->metric)[at];
}

rb_status rb_trainer_metrics(rb_trainer *t, int first, int n, rb_step_metrics *out) {
    rb_status status = RB_OK;
    int tail = (int)(t->n_train % t->program->spec.batch);
    if (first < 0 || n < 0 || first + n > t->position)
        return rb_fail(RB_INTERNAL, "metrics of steps %d to %d asked for, %d were submitted", first, first + n,
                       t->position);
    RB_TRY(read_metric(t, RB_FAMILY_TRAIN, first, n));
    for (int i = 0; i < n; i++) {
        int rows = (first + i) % t->steps_per_epoch < t->full_steps ? t->program->spec.batch : tail;
        out[i] = (rb_step_metrics){.loss = metric_at(t, i, RB_METRIC_LOSS_SUM) / rows,
                                   .correct = (int64_t)metric_at(t, i, RB_METRIC_CORRECT),
                                   .rows = rows,
                                   .param_l2 = sqrt(metric_at(t, i, RB_METRIC_PARAM_SQ)),
                                   .grad_l2 = sqrt(metric_at(t, i, RB_METRIC_GRAD_SQ))};
    }
cleanup:
    return status;
}

/* --- looking --------------------------------------------------------------------------------------------------------
 */

static const int32_t *split_table(const rb_trainer *t, rb_split split, int64_t *n) {
    *n = split == RB_SPLIT_TRAIN ? t->n_train : split == RB_SPLIT_VALID ? t->n_valid : t->n_test;
    return split == RB_SPLIT_TRAIN ? t->train_rows : split == RB_SPLIT_VALID ? t->valid_rows : t->test_rows;
}

int64_t rb_trainer_rows(const rb_trainer *t, rb_split split) {
    int64_t n;
    split_table(t, split, &n);
    return n;
}

const int32_t *rb_trainer_split(const rb_trainer *t, rb_split split) {
    int64_t n;
    return split_table(t, split, &n);
}

void rb_trainer_labels(const rb_trainer *t, rb_split split, int64_t n, int32_t *labels) {
    int64_t all;
    const int32_t *rows = split_table(t, split, &all);
    for (int64_t i = 0; i < n && i < all; i++) labels[i] = labels_of(t)[rows[i]];
}

/* One more part of each pass, from the batch on that follows the part before. */
static rb_status add_part(rb_trainer *t, rb_split split, int64_t limit) {
    const rb_program *p = t->program;
    const rb_tensor *order = &p->order[RB_FAMILY_EVAL];
    rb_status status = RB_OK;
    int64_t n, batch = p->variant[RB_VARIANT_EVAL].rows, before = t->eval_batches * batch;
    const int32_t *rows = split_table(t, split, &n);
    if (limit > 0 && limit < n) n = limit;
    int64_t batches = (n + batch - 1) / batch;
    if (t->n_parts == 2 || before + batches * batch > order->dims[0])
        return rb_fail(RB_INTERNAL, "an evaluation pass of more rows than there is room for");
    memcpy(t->order, rows, sizeof *rows * (size_t)n);
    for (int64_t i = n; i < batches * batch; i++) t->order[i] = -1;
    RB_TRY(t->backend->put(t->store, RB_SEG_CTRL, order->offset + (size_t)before * sizeof *t->order,
                           (size_t)(batches * batch) * sizeof *t->order, t->order));
    RB_TRY(rb__put_cursor(t, RB_FAMILY_EVAL, (rb_cursor){.wrap = t->eval_batches + (int32_t)batches}));
    t->part[t->n_parts].rows = n;
    t->part[t->n_parts].first = t->eval_batches;
    t->part[t->n_parts++].batches = (int)batches;
    t->eval_batches += (int)batches;
cleanup:
    return status;
}

rb_status rb_trainer_eval_begin(rb_trainer *t, rb_split split, int64_t limit) {
    t->n_parts = t->eval_batches = t->eval_done = 0;
    return add_part(t, split, limit);
}

rb_status rb_trainer_eval_also(rb_trainer *t, rb_split split) { return add_part(t, split, 0); }

rb_status rb_trainer_eval_submit(rb_trainer *t) {
    if (t->eval_done >= t->program->spec.eval_passes)
        return rb_fail(RB_INTERNAL, "more than %d evaluation passes in one window", t->program->spec.eval_passes);
    t->eval_done++;
    return t->backend->submit(t->bound[RB_VARIANT_EVAL], t->eval_batches);
}

/* Rows first .. first+n-1 of METRIC, one a batch, over so many rows of the data set. */
static rb_status sum_batches(rb_trainer *t, int first, int n, int64_t rows, double *loss, double *accuracy) {
    rb_status status = RB_OK;
    double sum = 0.0, correct = 0.0;
    RB_TRY(read_metric(t, RB_FAMILY_EVAL, first, n));
    for (int i = 0; i < n; i++) {
        sum += metric_at(t, i, RB_METRIC_LOSS_SUM);
        correct += metric_at(t, i, RB_METRIC_CORRECT);
    }
    *loss = sum / (double)rows;
    *accuracy = t->program->spec.regression ? (double)NAN : correct / (double)rows;
cleanup:
    return status;
}

rb_status rb_trainer_eval_result(rb_trainer *t, int pass, int part, double *loss, double *accuracy) {
    if (pass < 0 || pass >= t->eval_done || part < 0 || part >= t->n_parts)
        return rb_fail(RB_INTERNAL, "part %d of evaluation pass %d asked for, there are %d of %d", part, pass,
                       t->n_parts, t->eval_done);
    return sum_batches(t, pass * t->eval_batches + t->part[part].first, t->part[part].batches, t->part[part].rows, loss,
                       accuracy);
}

rb_status rb__eval_sums(rb_trainer *t, double *loss, double *accuracy) {
    return sum_batches(t, 0, t->eval_batches, t->part[0].rows, loss, accuracy);
}

/* The rows of the evaluation begun last out of a tensor of OUT. */
static rb_status get_rows(rb_trainer *t, const rb_tensor *from, void *to) {
    return t->backend->get(t->store, from->segment, from->offset, (size_t)(t->part[0].rows * from->dims[1]) * 4, to);
}

rb_status rb_trainer_eval(rb_trainer *t, rb_split split, int64_t limit, double *loss, double *accuracy, int32_t *pred) {
    rb_status status = RB_OK;
    RB_TRY(rb_trainer_eval_begin(t, split, limit));
    RB_TRY(rb_trainer_eval_submit(t));
    RB_TRY(rb_trainer_eval_result(t, 0, 0, loss, accuracy));
    if (pred) RB_TRY(rb__eval_pred(t, pred));
cleanup:
    return status;
}

rb_status rb__eval_pred(rb_trainer *t, int32_t *pred) { return get_rows(t, &t->program->pred, pred); }

rb_status rb_trainer_eval_scores(rb_trainer *t, float *scores) {
    if (!t->program->spec.scores) return rb_fail(RB_INTERNAL, "scores asked for where none are kept");
    return get_rows(t, &t->program->scores, scores);
}

rb_status rb_trainer_eval_outputs(rb_trainer *t, float *values) {
    if (!t->program->spec.regression) return rb_fail(RB_INTERNAL, "outputs asked for where there are classes");
    return get_rows(t, &t->program->pred, values);
}

rb_status rb_trainer_param_l2(rb_trainer *t, double *out) {
    rb_status status = RB_OK;
    RB_TRY(rb__put_cursor(t, RB_FAMILY_EVAL, (rb_cursor){.wrap = 1}));
    RB_TRY(t->backend->submit(t->bound[RB_VARIANT_NORMS], 1));
    RB_TRY(read_metric(t, RB_FAMILY_EVAL, 0, 1));
    *out = sqrt(metric_at(t, 0, RB_METRIC_PARAM_SQ));
cleanup:
    return status;
}

rb_status rb_trainer_keep_best(rb_trainer *t) { return t->backend->submit(t->bound[RB_VARIANT_SNAPSHOT], 1); }
rb_status rb_trainer_restore_best(rb_trainer *t) { return t->backend->submit(t->bound[RB_VARIANT_RESTORE], 1); }

rb_status rb_trainer_get_param(rb_trainer *t, int i, float *values) {
    return rb_tensor_get(t->backend, t->store, t->program, &t->program->params[i].tensor, values);
}
