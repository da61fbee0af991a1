/* distill.c: defensive distillation: a teacher on the same device teaches the student its soft labels. */
#include <math.h>
#include <stdlib.h>

#include "regbench/attack.h"

/* softmax(z / T) of the teacher's training rows; other rows keep what the student has: their labels. */
static rb_status hand_over(rb_trainer *teacher, rb_trainer *student) {
    const rb_program *p = rb_trainer_program(student);
    int64_t n = rb_trainer_rows(teacher, RB_SPLIT_TRAIN), classes = p->spec.classes;
    const int32_t *rows = rb_trainer_split(teacher, RB_SPLIT_TRAIN);
    double loss, accuracy, temperature = p->spec.temperature > 0 ? (double)p->spec.temperature : 1.0;
    rb_status status = RB_OK;
    float *scores = malloc(sizeof *scores * (size_t)(n * classes)), *soft = malloc(p->soft.bytes);
    if (!scores || !soft) {
        status = rb_fail(RB_MEMORY, "out of memory for the soft labels of a teacher");
        goto cleanup;
    }
    RB_TRY(rb_trainer_eval(teacher, RB_SPLIT_TRAIN, 0, &loss, &accuracy, NULL));
    RB_TRY(rb_trainer_eval_scores(teacher, scores));
    RB_TRY(rb_tensor_get(rb_trainer_backend(student), rb_trainer_store(student), p, &p->soft, soft));
    for (int64_t i = 0; i < n; i++)
        rb_softmax(scores + i * classes, (int)classes, temperature, soft + (int64_t)rows[i] * classes);
    RB_TRY(rb_tensor_put(rb_trainer_backend(student), rb_trainer_store(student), p, &p->soft, soft));
cleanup:
    free(scores);
    free(soft);
    return status;
}

rb_status rb_distill(rb_trainer *student, uint64_t seed, const volatile int *stop, double *accuracy) {
    rb_case c = *rb_trainer_case(student);
    rb_run_options options = {.seed = seed, .stop = stop};
    rb_run_result result;
    rb_trainer *teacher = NULL;
    rb_status status = RB_OK;
    *accuracy = NAN;
    if (!c.distill) return rb_fail(RB_INTERNAL, "case %s learns from no teacher", c.name);
    c.distill = false;
    c.attack.kind = RB_ATTACK_NONE;
    if (!(c.temperature > 0)) c.temperature = 1;
    RB_TRY(rb_trainer_new(rb_trainer_backend(student), rb_trainer_device(student), &c, rb_trainer_data(student), seed,
                          &teacher));
    RB_TRY(rb_train(teacher, &options, &result));
    if (result.outcome == RB_INTERRUPTED || result.outcome == RB_DIVERGED) {
        status = rb_fail(result.outcome, "the teacher of %s: %s", c.name, result.reason);
        goto cleanup;
    }
    *accuracy = result.val_acc_final;
    RB_TRY(hand_over(teacher, student));
cleanup:
    rb_trainer_free(teacher);
    return status;
}
