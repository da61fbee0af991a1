/* effects.h: what a regularizer changes: runs of recorded sessions, each arm paired with its base over seeds. */
#ifndef RB_REPORT_EFFECTS_H
#define RB_REPORT_EFFECTS_H

#include "regbench/report.h"

/* What is compared, from the epoch whose parameters a run ends with: the last one, or the one that early stopping put
 * back. */
typedef enum rb_figure {
    RB_FIGURE_VAL_ACC,
    RB_FIGURE_VAL_ACC_BEST, /* of all epochs */
    RB_FIGURE_GAP,          /* training minus validation accuracy; training in evaluation mode where that is recorded */
    RB_FIGURE_VAL_LOSS,
    RB_FIGURE_PARAM_L2,
    RB_FIGURE_NEAR_ZERO, /* share of |w| < 0.001, where norms per layer are recorded */
    RB_FIGURE_EPOCH_S,   /* training time per epoch, of arms that ran alike: no verdict, they did not take turns */
    RB_FIGURES
} rb_figure;

typedef struct rb_effect_run {
    char case_name[64], overrides[640];
    char core[640];   /* overrides but for regularizers and the number of training images */
    bool regularized; /* by an override */
    char how[512];    /* threads, code path, settings and build: seconds of other ones are other seconds */
    char machine[128], device_key[32], dataset[80], precision[16], reg[192], optimizer[16], status[32];
    int64_t seed, n_train, batch, epochs; /* epochs: 0 where a rule ended the run */
    double lr, momentum;
    double figure[RB_FIGURES]; /* NaN: not recorded */
    double running_gap;        /* with the running mean of training accuracy: where the other run has no better one */
} rb_effect_run;

typedef struct rb_effect_runs {
    rb_effect_run *at;
    int n;
    int *slots; /* (n_slots) numbers of runs, from 1, by the hash of what they did; 0 = free */
    int n_slots;
} rb_effect_runs;

/* Adds the runs of a session, given by its folder or its runs.csv; a run of the same case, overrides, device, data,
 * precision and seed that was read before gives way, unless only that one is ok. RB_MISSING, RB_INPUT. */
rb_status rb_effects_read(const char *path, rb_effect_runs *runs);
void rb_effects_free(rb_effect_runs *runs);

/* Rows of the table `effects`, to be ended and freed by the caller. `base`: the case that all others are compared with,
 * NULL = what each case names (rb_case.base), and for regularizers set by overrides the same case without them.
 * RB_USAGE where there is nothing to compare. */
rb_status rb_effects_rows(const rb_effect_runs *runs, const char *base, rb_row **rows, int *n);

#endif
