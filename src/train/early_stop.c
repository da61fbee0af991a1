/* early_stop.c: patience, E_opt and Prechelt's GL, PQ and UP, one epoch at a time. */
#include "regbench/early_stop.h"

#include <math.h>
#include <stdio.h>

/* True where it is better than all before. */
static bool improve(const rb_stop_rule *rule, rb_stop_state *s, int epoch, double val_loss, double val_acc) {
    bool by_accuracy = rule->kind == RB_STOP_PATIENCE;
    if (!isfinite(by_accuracy ? val_acc : val_loss)) return false;
    if (s->best_epoch > 0 && !(by_accuracy ? val_acc > s->best_acc : val_loss < s->best_loss)) return false;
    s->best_epoch = epoch;
    s->best_loss = val_loss;
    s->best_acc = val_acc;
    return true;
}

static double generalization_loss(const rb_stop_state *s, double val_loss) {
    return 100 * (val_loss / s->best_loss - 1);
}

/* Over a strip at its end, into the state before it: is this the moment? */
static bool at_strip_end(const rb_stop_rule *rule, rb_stop_state *s, double val_loss) {
    double progress = 1000 * (s->strip_sum / (rule->strip * s->strip_min) - 1);
    /* As a product: a strip without any progress is no division by zero, and any loss of generality is too much. */
    if (rule->kind == RB_STOP_PQ) return generalization_loss(s, val_loss) > (double)rule->alpha * progress;
    s->bad = s->has_strip > 0 && val_loss > s->strip_va ? s->bad + 1 : 0;
    s->strip_va = val_loss;
    s->has_strip = 1;
    return s->bad >= rule->count;
}

bool rb_stop_epoch(const rb_stop_rule *rule, rb_stop_state *s, int epoch, double train_loss, double val_loss,
                   double val_acc) {
    if (rule->kind == RB_STOP_NEVER || s->stopped > 0) return false;
    bool better = improve(rule, s, epoch, val_loss, val_acc), stop = false;
    if (rule->kind == RB_STOP_PATIENCE) {
        s->bad = better ? 0 : s->bad + 1;
        stop = s->bad > rule->count;
    } else if (rule->kind == RB_STOP_GL) {
        stop = generalization_loss(s, val_loss) > (double)rule->alpha;
    } else if (rule->kind == RB_STOP_PQ || rule->kind == RB_STOP_UP) {
        bool first = (epoch - 1) % rule->strip == 0;
        s->strip_min = first || train_loss < s->strip_min ? train_loss : s->strip_min;
        s->strip_sum = first ? train_loss : s->strip_sum + train_loss;
        if (epoch % rule->strip == 0) stop = at_strip_end(rule, s, val_loss);
    }
    s->stopped = stop;
    return better;
}

void rb_stop_describe(const rb_stop_rule *rule, char text[48]) {
    text[0] = '\0';
    switch (rule->kind) {
    case RB_STOP_NEVER:
        break;
    case RB_STOP_PATIENCE:
        snprintf(text, 48, "patience(%d)", rule->count);
        break;
    case RB_STOP_OPT:
        snprintf(text, 48, "E_opt");
        break;
    case RB_STOP_GL:
        snprintf(text, 48, "GL(%g)", (double)rule->alpha);
        break;
    case RB_STOP_PQ:
        snprintf(text, 48, "PQ(%g) strip %d", (double)rule->alpha, rule->strip);
        break;
    case RB_STOP_UP:
        snprintf(text, 48, "UP(%d) strip %d", rule->count, rule->strip);
        break;
    }
}
