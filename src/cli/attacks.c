/* attacks.c: attacks on the model that a run has trained, strength by strength, as rows and as a small table. */
#include "cli/attacks.h"

#include <math.h>
#include <stdlib.h>

#include "cli/child.h"
#include "core/log.h"
#include "core/text.h"
#include "regbench/attack.h"

static const double false_alarms = 0.05; /* share of the clean training images that the detector may refuse */

typedef struct siege {
    FILE *to;
    rb_trainer *t;
    const char *run_id;
    const rb_attack_sweep *sweep;
    int64_t n; /* images of the validation split */
    int32_t *labels, *clean, *pred;
    float *scores, *images, *distance; /* of the detector; NULL without one */
    bool *fooled;
    float threshold;
    double fpr;
    rb_text text;
} siege;

rb_status rb_learn_from_teacher(rb_trainer *student, uint64_t seed) {
    double accuracy;
    if (!rb_trainer_case(student)->distill) return RB_OK;
    rb_status status = rb_distill(student, seed, &rb_interrupts, &accuracy);
    if (status == RB_OK) rb_log(RB_LOG_INFO, "the teacher's validation accuracy: %.1f %%", 100 * accuracy);
    return status;
}

static rb_status allocate(siege *s, int64_t most) {
    const rb_spec *spec = &rb_trainer_program(s->t)->spec;
    size_t n = (size_t)most;
    bool squeeze = s->sweep->squeeze;
    s->labels = malloc(n * sizeof *s->labels);
    s->clean = malloc(n * sizeof *s->clean);
    s->pred = malloc(n * sizeof *s->pred);
    s->fooled = malloc(n * sizeof *s->fooled);
    if (squeeze) {
        s->scores = malloc(n * (size_t)spec->classes * sizeof *s->scores);
        s->images = malloc(n * (size_t)(spec->C * spec->H * spec->W) * sizeof *s->images);
        s->distance = malloc(n * sizeof *s->distance);
    }
    if (s->labels && s->clean && s->pred && s->fooled && (!squeeze || (s->scores && s->images && s->distance)))
        return RB_OK;
    return rb_fail(RB_MEMORY, "out of memory for the attack on %lld images", (long long)most);
}

static void release(siege *s) {
    free(s->labels);
    free(s->clean);
    free(s->pred);
    free(s->fooled);
    free(s->scores);
    free(s->images);
    free(s->distance);
    rb_text_free(&s->text);
}

/* One attack and, with a detector, its distance for each image. */
static rb_status strike(siege *s, rb_split split, const rb_attack_strength *how, rb_attack_result *result) {
    rb_attack_outputs outputs = {.pred = s->pred, .scores = s->scores, .images = s->images};
    rb_status status = RB_OK;
    RB_TRY(rb_attack(s->t, split, 0, how, &outputs, result));
    if (s->sweep->squeeze) RB_TRY(rb_squeeze_score(s->t, split, result->rows, s->images, s->scores, s->distance));
cleanup:
    return status;
}

/* What the model says of clean images; the detector's threshold from those it was trained on, its false alarms among
 * those that validate. */
static rb_status look_at_clean(siege *s) {
    static const rb_attack_strength none = {0};
    rb_attack_result result;
    rb_status status = RB_OK;
    if (s->sweep->squeeze) {
        RB_TRY(strike(s, RB_SPLIT_TRAIN, &none, &result));
        RB_TRY(rb_detector_threshold(s->distance, result.rows, false_alarms, &s->threshold));
    }
    RB_TRY(strike(s, RB_SPLIT_VALID, &none, &result));
    for (int64_t i = 0; i < s->n; i++) s->clean[i] = s->pred[i];
    if (s->sweep->squeeze) s->fpr = rb_detector_rate(s->distance, s->n, s->threshold, NULL, NULL);
cleanup:
    return status;
}

static rb_status report(siege *s, int k) {
    rb_attack_strength how = rb_attack_of(s->sweep, k);
    rb_attack_result result;
    rb_status status = RB_OK;
    int64_t n_fooled = 0;
    double tpr = NAN;
    rb_row row;
    rb_row_begin(&row, RB_TABLE_attacks);
    RB_TRY(strike(s, RB_SPLIT_VALID, &how, &result));
    for (int64_t i = 0; i < s->n; i++) {
        s->fooled[i] = s->clean[i] == s->labels[i] && s->pred[i] != s->labels[i];
        n_fooled += s->fooled[i];
    }
    if (s->sweep->squeeze) tpr = rb_detector_rate(s->distance, s->n, s->threshold, s->fooled, NULL);
    rb_row_text(&row, RB_COL(attacks, run_id), s->run_id);
    rb_row_text(&row, RB_COL(attacks, attack), rb_attack_name(s->sweep->kind));
    rb_row_text(&row, RB_COL(attacks, split), "valid");
    rb_row_real(&row, RB_COL(attacks, eps_255), how.eps);
    rb_row_real(&row, RB_COL(attacks, step_255), how.step);
    rb_row_int(&row, RB_COL(attacks, n_steps), how.steps);
    rb_row_real(&row, RB_COL(attacks, temperature), s->sweep->temperature > 0 ? (double)s->sweep->temperature : 1.0);
    rb_row_int(&row, RB_COL(attacks, n), result.rows);
    rb_row_real(&row, RB_COL(attacks, accuracy), result.accuracy);
    rb_row_real(&row, RB_COL(attacks, loss), result.loss);
    rb_row_real(&row, RB_COL(attacks, linf_255), result.linf);
    rb_row_real(&row, RB_COL(attacks, l2), result.l2);
    rb_row_int(&row, RB_COL(attacks, n_fooled), n_fooled);
    if (s->sweep->squeeze) {
        char name[48];
        snprintf(name, sizeof name, "%d bits, median 2x2", RB_SQUEEZE_BITS);
        rb_row_text(&row, RB_COL(attacks, detector), name);
        rb_row_float(&row, RB_COL(attacks, detector_threshold), s->threshold);
        rb_row_real(&row, RB_COL(attacks, detector_tpr), tpr);
        rb_row_real(&row, RB_COL(attacks, detector_fpr), s->fpr);
    }
    RB_TRY(rb_send_row(s->to, &row));
    rb_text_printf(&s->text, "%7g %9.1f %% %9.4g %8lld", how.eps, 100 * result.accuracy, result.loss,
                   (long long)n_fooled);
    if (s->sweep->squeeze && n_fooled > 0) rb_text_printf(&s->text, " %8.1f %%", 100 * tpr);
    rb_text_printf(&s->text, "\n");
cleanup:
    rb_row_end(&row);
    return status;
}

rb_status rb_send_attacks(FILE *to, rb_trainer *t, const char *run_id) {
    const rb_case *c = rb_trainer_case(t);
    siege s = {.to = to, .t = t, .run_id = run_id, .sweep = &c->attack};
    rb_status status = RB_OK;
    if (c->attack.kind == RB_ATTACK_NONE) return RB_OK;
    s.n = rb_trainer_rows(t, RB_SPLIT_VALID);
    int64_t n_train = rb_trainer_rows(t, RB_SPLIT_TRAIN);
    RB_TRY(allocate(&s, c->attack.squeeze && n_train > s.n ? n_train : s.n));
    rb_trainer_labels(t, RB_SPLIT_VALID, s.n, s.labels);
    RB_TRY(look_at_clean(&s));
    rb_text_printf(&s.text, "%s on %lld validation images\n", rb_attack_name(c->attack.kind), (long long)s.n);
    if (c->attack.squeeze)
        rb_text_printf(&s.text, "detector: refuses %.1f %% of the clean ones (%.0f %% of the training images)\n",
                       100 * s.fpr, 100 * false_alarms);
    rb_text_printf(&s.text, "\neps/255    accuracy      loss   fooled%s\n", c->attack.squeeze ? "   refused" : "");
    for (int k = 0; k < c->attack.n_eps; k++) RB_TRY(report(&s, k));
    RB_TRY(rb_text_status(&s.text));
    RB_TRY(rb_send_text(to, rb_text_string(&s.text)));
cleanup:
    release(&s);
    return status;
}
