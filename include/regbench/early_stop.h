/* early_stop.h: when to stop training, from what each epoch's evaluation gave. Pure: no device, no file.
 *
 * Source: L. Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade, 1998. E_va is the validation
 * loss, E_tr the training loss (running mean of the epoch), t the epoch, from 1. */
#ifndef REGBENCH_EARLY_STOP_H
#define REGBENCH_EARLY_STOP_H

#include <stdbool.h>

typedef enum rb_stop_kind {
    RB_STOP_NEVER,
    RB_STOP_PATIENCE, /* keeps the epoch of the highest validation accuracy (strictly greater); stops when more than
                         `count` epochs in a row brought no higher one */
    RB_STOP_OPT,      /* E_opt: never stops, keeps the epoch of the lowest E_va; so do all that follow */
    RB_STOP_GL,       /* generalization loss GL(t) = 100 (E_va(t) / E_opt(t) - 1) > alpha, E_opt(t) = lowest so far */
    RB_STOP_PQ,       /* at the end of a strip of `strip` epochs: GL(t) / P(t) > alpha, with the strip's progress
                         P(t) = 1000 (mean of E_tr / lowest E_tr - 1) */
    RB_STOP_UP,       /* at the ends of `count` strips in a row, E_va was higher than at the end of the strip before */
} rb_stop_kind;

typedef struct rb_stop_rule {
    rb_stop_kind kind;
    float alpha;
    int count, strip;
} rb_stop_rule;

/* What a rule remembers. All zero = before the first epoch. Doubles, so that it is one tensor of a checkpoint. */
typedef struct rb_stop_state {
    double best_epoch;           /* whose parameters are to be kept; 0 = none yet */
    double best_loss, best_acc;  /* its validation loss (E_opt, but for patience) and accuracy */
    double bad;                  /* epochs without improvement (patience), strips of rising E_va (UP) */
    double strip_sum, strip_min; /* E_tr of the running strip */
    double has_strip, strip_va;  /* E_va at the end of the strip before, where there was one */
    double stopped;              /* 1 once the rule said so */
} rb_stop_state;
enum { RB_STOP_STATE = sizeof(rb_stop_state) / sizeof(double) };

/* Takes in epoch t (from 1, none left out). True where it is the best so far: what is then on the device is to be kept.
 * state->stopped says whether it was the last. A figure that is not finite is never the best. */
bool rb_stop_epoch(const rb_stop_rule *rule, rb_stop_state *state, int epoch, double train_loss, double val_loss,
                   double val_acc);
/* "patience(20)", "E_opt", "GL(5)", "PQ(0.75) strip 5", "UP(3) strip 5"; "" for RB_STOP_NEVER. */
void rb_stop_describe(const rb_stop_rule *rule, char text[48]);

#endif
