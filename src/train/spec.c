/* spec.c: what a case compiles to, on a data set of known shape. */
#include <math.h>

#include "regbench/portable.h"
#include "regbench/train.h"

/* Rows of an evaluation step at least, where there are so many: small batches are for training's sake. */
enum { EVAL_BATCH = 128 };

static bool is_strength(float eps) { return isfinite(eps) && eps >= 0 && eps <= 255; }

/* What may be attacked, and how: images with classes that they really have. */
static rb_status check_attack(const rb_case *c, const rb_dataset *d) {
    const rb_attack_sweep *a = &c->attack;
    bool attacked = a->kind != RB_ATTACK_NONE || c->adversary.steps;
    if (attacked && (d->regression || d->x_dtype != RB_U8))
        return rb_fail(RB_USAGE, "case %s: an attack changes pixels until the class is wrong; %s has %s", c->name,
                       d->name, d->regression ? "no classes" : "no pixels");
    if (a->kind != RB_ATTACK_NONE && c->label_noise > 0)
        return rb_fail(RB_USAGE, "case %s: with random labels (label noise %g) an attack has nothing to make wrong",
                       c->name, (double)c->label_noise);
    if (a->kind < 0 || a->kind >= RB_ATTACK_KINDS || a->steps < 0 || a->n_eps < 0 || a->n_eps > RB_ATTACK_MOST_EPS ||
        (a->kind != RB_ATTACK_NONE && a->n_eps == 0))
        return rb_fail(RB_USAGE, "case %s: an attack needs 1 to %d values of eps and no negative number of steps",
                       c->name, RB_ATTACK_MOST_EPS);
    for (int i = 0; i < a->n_eps; i++)
        if (!is_strength(a->eps[i]))
            return rb_fail(RB_USAGE, "case %s: eps of an attack is from 0 to 255, not %g", c->name, (double)a->eps[i]);
    const rb_adversary *v = &c->adversary;
    if (v->steps < 0 || v->steps > RB_ADVERSARY_MOST_STEPS || !is_strength(v->eps) || !is_strength(v->step))
        return rb_fail(RB_USAGE,
                       "case %s: an adversary goes up to %d steps, of 0 to 255 and no further than 255 in all; not %d "
                       "of %g, eps %g",
                       c->name, RB_ADVERSARY_MOST_STEPS, v->steps, (double)v->step, (double)v->eps);
    if ((c->temperature != 0 || a->temperature != 0 || c->distill) && d->regression)
        return rb_fail(RB_USAGE, "case %s: a temperature is one of classes, %s has none", c->name, d->name);
    if (!isfinite(c->temperature) || !isfinite(a->temperature) || c->temperature < 0 || a->temperature < 0)
        return rb_fail(RB_USAGE, "case %s: a temperature is a number above 0", c->name);
    return RB_OK;
}

rb_status rb_case_spec(const rb_case *c, const rb_dataset *d, rb_spec *out) {
    /* Where a case names no split, all of the training set trains and the test set validates. */
    int64_t split = rb_case_valid(c, d->n_train), n_valid = split ? split : d->n_test;
    int64_t n_train = c->n_train ? c->n_train : d->n_train - split;
    if (split >= d->n_train)
        return rb_fail(
            RB_MISMATCH,
            "case %s: %lld validation images are split off the training set, but %s has %lld training images "
            "and at least one must be left to train on",
            c->name, (long long)split, d->name, (long long)d->n_train);
    if (n_train + split > d->n_train)
        return rb_fail(RB_MISMATCH, "case %s wants %lld training and %lld validation images, but %s has %lld in all",
                       c->name, (long long)n_train, (long long)split, d->name, (long long)d->n_train);
    if (c->batch < 1) return rb_fail(RB_USAGE, "batch must be at least 1, not %d", c->batch);
    int batch = c->batch < n_train ? c->batch : (int)n_train; /* as a DataLoader does */
    int passes = c->window_epochs > 1 ? c->window_epochs : 1;
    if (passes > 1 && !c->in_order)
        return rb_fail(RB_USAGE, "case %s shuffles: each epoch has an order of its own to write, so window_epochs is 1",
                       c->name);
    if (passes > 1 && c->stop.kind != RB_STOP_NEVER)
        return rb_fail(RB_USAGE, "case %s stops early: that is decided after each epoch, so window_epochs is 1",
                       c->name);
    bool strips = c->stop.kind == RB_STOP_PQ || c->stop.kind == RB_STOP_UP;
    if (c->stop.count < 0 || (strips && c->stop.strip < 1) || (c->stop.kind == RB_STOP_UP && c->stop.count < 1) ||
        (d->regression && c->stop.kind == RB_STOP_PATIENCE))
        return rb_fail(RB_USAGE, "case %s: its rule for stopping early cannot work", c->name);
    if (!(c->label_noise >= 0 && c->label_noise <= 1) || (d->regression && c->label_noise > 0))
        return rb_fail(RB_USAGE, "case %s: label noise must be a share from 0 to 1 of labels that are classes",
                       c->name);
    rb_status status = check_attack(c, d);
    if (status != RB_OK) return status;
    int64_t n_eval = n_valid > d->n_test ? n_valid : d->n_test;
    if (n_eval < n_train) n_eval = n_train; /* any split can be evaluated */
    int eval_batch = n_valid < EVAL_BATCH ? (int)n_valid : EVAL_BATCH;
    /* attacks keep the images of a training batch, and evaluate those */
    if (eval_batch < batch || c->attack.kind != RB_ATTACK_NONE) eval_batch = batch;
    if (c->eval_train && n_eval < n_valid + eval_batch + n_train) /* both in a pass, the second from a new batch on */
        n_eval = n_valid + eval_batch + n_train;
    *out = (rb_spec){.layers = c->layers,
                     .C = d->C,
                     .H = d->H,
                     .W = d->W,
                     .x_dtype = d->x_dtype,
                     .mean = d->mean,
                     .stddev = d->stddev,
                     .regression = d->regression,
                     .classes = d->classes,
                     .batch = batch,
                     .n_rows = d->n_train + d->n_test,
                     .n_train = n_train,
                     .n_eval = n_eval,
                     .eval_batch = eval_batch,
                     .window = (int)((n_train + batch - 1) / batch) * passes,
                     .eval_passes = passes,
                     .optimizer = c->optimizer,
                     .momentum = c->momentum,
                     .weight_decay = c->weight_decay,
                     .l1 = c->l1,
                     .l2 = c->l2,
                     .augment = c->augment,
                     .beta1 = RB_ADAM_BETA1,
                     .beta2 = RB_ADAM_BETA2,
                     .eps = RB_ADAM_EPS,
                     .attack = c->attack.kind != RB_ATTACK_NONE,
                     .attack_temperature = c->attack.temperature,
                     .scores = c->attack.squeeze || c->temperature > 0,
                     .soft_labels = c->distill,
                     .temperature = c->temperature,
                     .adversary_steps = c->adversary.steps};
    return RB_OK;
}

rb_status rb_case_compile(const rb_case *c, const rb_layout *layout, rb_program **out) {
    rb_status status = RB_OK;
    rb_dataset outline;
    rb_spec spec;
    rb_program *shapes = NULL;
    rb_case whole =
        *c; /* without a split: that the model does not fit the images is said before that a split does not */
    whole.n_train = whole.n_valid = 0, whole.valid_share = 0;
    *out = NULL;
    RB_TRY(rb_dataset_outline(c->dataset, &outline));
    RB_TRY(rb_case_spec(&whole, &outline, &spec));
    RB_TRY(rb_program_compile(&spec, layout, &shapes));
    RB_TRY(rb_case_spec(c, &outline, &spec));
    RB_TRY(rb_program_compile(&spec, layout, out));
cleanup:
    rb_program_free(shapes);
    return status;
}
