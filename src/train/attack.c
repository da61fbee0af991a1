/* attack.c: attacks a split batch by batch: take the images over, climb, evaluate.
 *
 * A batch's rows stand still while the attack goes on: the cursor has wrap 1 and its base at them. The steps of a batch
 * are enqueued at once; the host waits for it only where it reads the images back. */
#include "regbench/attack.h"

#include <math.h>
#include <stdlib.h>

#include "train/internal.h"

const char *rb_attack_name(rb_attack_kind kind) {
    static const char *const names[RB_ATTACK_KINDS] = {"none", "fgsm", "pgd"};
    return names[kind];
}

rb_attack_strength rb_attack_of(const rb_attack_sweep *sweep, int k) {
    double eps = (double)sweep->eps[k];
    if (sweep->kind == RB_ATTACK_FGSM) return (rb_attack_strength){.eps = eps, .step = eps, .steps = 1};
    return (rb_attack_strength){.eps = eps, .step = eps / 4, .steps = sweep->steps ? sweep->steps : 10};
}

typedef struct batch { /* of an attack: pixels as the model sees them */
    float *x, *x0;
    int64_t values; /* of an image */
    double unit;    /* 1 of a pixel from 0 to 1, normalized */
} batch;

/* Adds how far rows first .. first+n-1 of the split have moved, and hands out what they are. */
static void look(const rb_trainer *t, const batch *b, int64_t first, int64_t n, float *images, rb_attack_result *out) {
    const rb_spec *s = &rb_trainer_program(t)->spec;
    for (int64_t i = 0; i < n; i++) {
        const float *x = b->x + i * b->values, *x0 = b->x0 + i * b->values;
        double most = 0.0, squares = 0.0;
        for (int64_t k = 0; k < b->values; k++) {
            double change = fabs(((double)x[k] - (double)x0[k]) * b->unit);
            if (change > most || isnan(change)) most = change; /* nothing is larger than a NaN: it stays */
            squares += change * change;
        }
        out->linf += 255 * most;
        out->l2 += sqrt(squares);
        for (int64_t k = 0; images && k < b->values; k++)
            images[(first + i) * b->values + k] = x[k] * s->stddev + s->mean;
    }
}

static rb_status put_images(rb_trainer *t, const batch *b, int64_t n, const float *images) {
    const rb_program *p = rb_trainer_program(t);
    for (int64_t k = 0; k < (int64_t)p->spec.batch * b->values; k++)
        b->x[k] = k < n * b->values ? (images[k] - p->spec.mean) / p->spec.stddev : 0.0f;
    return rb_tensor_put(rb_trainer_backend(t), rb_trainer_store(t), p, &p->input_x, b->x);
}

static rb_status run_batch(rb_trainer *t, int number, int steps, const batch *b, int64_t n, const float *given) {
    const rb_backend *backend = rb_trainer_backend(t);
    int base = number * rb_trainer_program(t)->spec.batch;
    rb_status status = RB_OK;
    RB_TRY(rb__put_cursor(t, RB_FAMILY_EVAL, (rb_cursor){.base = base, .wrap = 1}));
    RB_TRY(backend->submit(rb_trainer_bound(t, RB_VARIANT_ATTACK_INIT), 1));
    if (given) RB_TRY(put_images(t, b, n, given));
    if (steps > 0) RB_TRY(backend->submit(rb_trainer_bound(t, RB_VARIANT_ATTACK), steps));
    RB_TRY(rb__put_cursor(t, RB_FAMILY_EVAL, (rb_cursor){.slot = number, .base = base, .wrap = 1}));
    RB_TRY(backend->submit(rb_trainer_bound(t, RB_VARIANT_ATTACK_EVAL), 1));
cleanup:
    return status;
}

static rb_status run_split(rb_trainer *t, rb_split split, int64_t limit, int steps, const float *given,
                           const rb_attack_outputs *outputs, rb_attack_result *result) {
    const rb_program *p = rb_trainer_program(t);
    const rb_backend *backend = rb_trainer_backend(t);
    rb_store *store = rb_trainer_store(t);
    rb_status status = RB_OK;
    int64_t rows = rb_trainer_rows(t, split), size = p->spec.batch;
    batch b = {.values = (int64_t)p->spec.C * p->spec.H * p->spec.W, .unit = (double)p->spec.stddev};
    if (!p->spec.attack)
        return rb_fail(RB_USAGE, "case %s is not one that is attacked (rb_case.attack)", rb_trainer_case(t)->name);
    if (limit > 0 && limit < rows) rows = limit;
    *result = (rb_attack_result){.rows = rows};
    b.x = malloc(sizeof(float) * (size_t)(size * b.values));
    b.x0 = malloc(sizeof(float) * (size_t)(size * b.values));
    if (!b.x || !b.x0) {
        status = rb_fail(RB_MEMORY, "out of memory for a batch of images");
        goto cleanup;
    }
    RB_TRY(rb_trainer_eval_begin(t, split, rows));
    for (int64_t first = 0; first < rows; first += size) {
        int64_t n = rows - first < size ? rows - first : size;
        RB_TRY(run_batch(t, (int)(first / size), steps, &b, n, given ? given + first * b.values : NULL));
        RB_TRY(rb_tensor_get(backend, store, p, &p->input_x, b.x));
        RB_TRY(rb_tensor_get(backend, store, p, &p->input_x0, b.x0));
        look(t, &b, first, n, outputs ? outputs->images : NULL, result);
    }
    result->linf /= (double)rows;
    result->l2 /= (double)rows;
    RB_TRY(rb__eval_sums(t, &result->loss, &result->accuracy));
    if (outputs && outputs->pred) RB_TRY(rb__eval_pred(t, outputs->pred));
    if (outputs && outputs->scores) RB_TRY(rb_trainer_eval_scores(t, outputs->scores));
cleanup:
    free(b.x);
    free(b.x0);
    return status;
}

rb_status rb_attack(rb_trainer *t, rb_split split, int64_t limit, const rb_attack_strength *how,
                    const rb_attack_outputs *outputs, rb_attack_result *result) {
    rb_status status = RB_OK;
    if (!(how->eps >= 0 && how->step >= 0 && how->steps >= 0) || isinf(how->eps) || isinf(how->step))
        return rb_fail(RB_USAGE, "an attack of %d steps of %g, eps %g: none of them may be negative or infinite",
                       how->steps, how->step, how->eps);
    if (rb_trainer_program(t)->spec.attack) RB_TRY(rb__put_strength(t, RB_FAMILY_EVAL, how->step, how->eps));
    RB_TRY(run_split(t, split, limit, how->steps, NULL, outputs, result));
cleanup:
    return status;
}

rb_status rb_attack_images(rb_trainer *t, rb_split split, int64_t n, const float *images,
                           const rb_attack_outputs *outputs, rb_attack_result *result) {
    return run_split(t, split, n, 0, images, outputs, result);
}
