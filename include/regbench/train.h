/* train.h: the training loop. Knows cases, schedules and decision points; knows no device but through backend.h.
 *
 * A trainer is a case compiled for one device, with data uploaded and parameters drawn. Between decision points (an
 * epoch, or rb_case.window_epochs of them) nothing is read back: steps and evaluations write their metrics on the
 * device, one read per window fetches them. */
#ifndef REGBENCH_TRAIN_H
#define REGBENCH_TRAIN_H

#include "regbench/backend.h"
#include "regbench/data.h"
#include "regbench/lab.h"
#include "regbench/rng.h"

typedef struct rb_trainer rb_trainer;

typedef enum rb_split { RB_SPLIT_TRAIN, RB_SPLIT_VALID, RB_SPLIT_TEST } rb_split;

typedef struct rb_step_metrics {
    double loss; /* batch mean without penalties */
    int64_t correct;
    int rows;        /* of this step's batch */
    double param_l2; /* after the step */
    double grad_l2;  /* before the update, with penalties, without weight decay */
} rb_step_metrics;

/* What a case compiles to on data of this shape: split sizes, clipped batch, window. RB_MISMATCH where it wants more
 * rows than there are, RB_USAGE for an impossible batch. */
rb_status rb_case_spec(const rb_case *c, const rb_dataset *data, rb_spec *out);
/* The program of a case on its published data set, which need not be at hand. */
rb_status rb_case_compile(const rb_case *c, const rb_layout *layout, rb_program **out);

/* Times of rb_trainer_new, seconds. */
typedef struct rb_trainer_times {
    double init, compile; /* all of it; the share of bind */
} rb_trainer_times;

/* `data` and `c` must outlive the trainer. RB_MISMATCH: shapes, more rows asked for than there are. RB_UNSUPPORTED: the
 * device cannot run an op, with the reason. RB_MEMORY: what was needed and the largest batch that would fit. */
rb_status rb_trainer_new(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                         uint64_t seed, rb_trainer **out);
void rb_trainer_free(rb_trainer *t);

const rb_program *rb_trainer_program(const rb_trainer *t);
const rb_case *rb_trainer_case(const rb_trainer *t);
const rb_backend *rb_trainer_backend(const rb_trainer *t);
const rb_dataset *rb_trainer_data(const rb_trainer *t);
rb_device *rb_trainer_device(const rb_trainer *t);
rb_store *rb_trainer_store(const rb_trainer *t);
/* The stream from which parameters were drawn and epoch orders are. */
rb_mt19937 *rb_trainer_generator(rb_trainer *t);
/* The binding of a variant, NULL where it was not compiled: for providers and scratch sizes. */
rb_bound *rb_trainer_bound(const rb_trainer *t, rb_variant_kind variant);
rb_trainer_times rb_trainer_setup_times(const rb_trainer *t);
int rb_trainer_steps_per_epoch(const rb_trainer *t);
/* Steps between two decision points: those of one epoch, or of rb_case.window_epochs. */
int rb_trainer_steps_per_window(const rb_trainer *t);
int64_t rb_trainer_rows(const rb_trainer *t, rb_split split); /* VALID falls back to TEST where a case names no split */

/* Between epochs: as if `steps` optimizer steps were behind. Parameters and generator are the caller's to restore. */
void rb_trainer_seek(rb_trainer *t, int64_t steps);
/* Draws the epoch's order and writes it, the schedule and the cursor to the device. */
rb_status rb_trainer_begin_window(rb_trainer *t);
/* Enqueues the next n steps of the window (the last of an epoch may be the smaller batch); no wait. */
rb_status rb_trainer_submit(rb_trainer *t, int n);
rb_status rb_trainer_wait(rb_trainer *t);
/* Metrics of the window's steps first .. first+n-1 (waits). */
rb_status rb_trainer_metrics(rb_trainer *t, int first, int n, rb_step_metrics *out);
/* Evaluation mode over the first `limit` rows (0 = all) of a split: mean loss, accuracy (NaN in a regression), and
 * predicted classes (length rows, may be NULL). Draws nothing. */
rb_status rb_trainer_eval(rb_trainer *t, rb_split split, int64_t limit, double *loss, double *accuracy, int32_t *pred);
/* The same in parts, for several passes without a wait between: begin writes order and cursor, `also` makes another
 * split a part of each pass (for the training set a case has room behind its validation set with rb_case.eval_train),
 * each submit enqueues one pass, result reads part 0 or 1 of pass 0, 1, .. (waits). At most rb_spec.eval_passes passes.
 */
rb_status rb_trainer_eval_begin(rb_trainer *t, rb_split split, int64_t limit);
rb_status rb_trainer_eval_also(rb_trainer *t, rb_split split);
rb_status rb_trainer_eval_submit(rb_trainer *t);
rb_status rb_trainer_eval_result(rb_trainer *t, int pass, int part, double *loss, double *accuracy);
/* Regression: the outputs of the last pass, (rows, columns). */
rb_status rb_trainer_eval_outputs(rb_trainer *t, float *values);
/* Where spec.scores asks for them: values of the last layer (rows, classes) of the last pass. */
rb_status rb_trainer_eval_scores(rb_trainer *t, float *scores);
/* Row numbers of a split in the data set: rb_trainer_rows of them, training rows first, then test rows. */
const int32_t *rb_trainer_split(const rb_trainer *t, rb_split split);
/* Labels of a split's first n rows, random ones as the case has them, for reports. */
void rb_trainer_labels(const rb_trainer *t, rb_split split, int64_t n, int32_t *labels);
rb_status rb_trainer_param_l2(rb_trainer *t, double *out);
/* Copies parameters and running statistics to BEST, and back; on the device, no wait. */
rb_status rb_trainer_keep_best(rb_trainer *t);
rb_status rb_trainer_restore_best(rb_trainer *t);
/* Canonical values of parameter i (rb_program.params). */
rb_status rb_trainer_get_param(rb_trainer *t, int i, float *values);

/* Norms of one parameter tensor. */
typedef struct rb_tensor_norms {
    double l1, l2, max_abs;
    double near_zero; /* share of |w| < 1e-3, 0 to 1 */
    double grad_l2;   /* of the last step's gradient, without penalties and weight decay; 0 before the first step */
} rb_tensor_norms;
/* Of every parameter (rb_program.n_params of them), on the host from one read of PARAM and one of GRAD. */
rb_status rb_trainer_norms(rb_trainer *t, rb_tensor_norms *out);

/* A whole run. Hooks may be NULL; a hook that returns non-zero stops the run cleanly (RB_INTERRUPTED). */
typedef struct rb_epoch_result {
    int epoch;    /* 1-based; with max_steps the epoch in which the run stopped */
    int64_t step; /* optimizer steps so far */
    /* Cumulative. Epochs decided at once share the window's time; how much of it was evaluation is told from its last
     * epoch, whose training and evaluation are timed each alone. */
    double train_s, eval_s;
    double lr, train_loss, train_acc, val_loss, val_acc, param_l2; /* accuracies of a regression: NaN */
    double train_eval_loss, train_eval_acc; /* of the training set in evaluation mode, with rb_case.eval_train */
    double val_acc_best;                    /* of all epochs so far, NaN where none was evaluated */
    int best_epoch;
    bool has_train, has_val, has_train_eval;
    rb_stop_state stop; /* of the case's rule, this epoch included */
    bool current;       /* the device is where this epoch ended: the last of those decided at once */
    bool partial;       /* ended before its last step: interrupted, or --max-steps */
} rb_epoch_result;
bool rb_epoch_finite(const rb_epoch_result *e); /* losses and parameters are */

typedef struct rb_run_options {
    uint64_t seed;
    int64_t max_steps; /* 0 = whole run; else one evaluation after the last step, on the first 2,000 rows */
    bool no_eval;
    bool trajectory; /* call on_step */
    const rb_epoch_result
        *from; /* NULL, or the epoch after which `t` was restored (checkpoint.h): go on with the next */
    void *context;
    int (*on_step)(void *context, int64_t step, const rb_step_metrics *m); /* step 0: after initialization, loss NaN */
    int (*on_epoch)(void *context, const rb_epoch_result *e);
    /* Regression: outputs (rows, columns) on the validation split, at every decision point. */
    int (*on_outputs)(void *context, int epoch, const float *values, int64_t rows, int columns);
    /* A few times a second, where a chunk of steps ends; costs one read of their metrics. */
    int (*on_progress)(void *context, int epoch, int step, int steps, double loss, double accuracy,
                       double samples_per_s);
    const volatile int *stop; /* set by a signal handler */
} rb_run_options;

typedef struct rb_run_result {
    rb_status outcome; /* RB_OK, RB_DIVERGED, RB_UNEXPECTED, RB_INTERRUPTED */
    bool foreseen;     /* the outcome is what the case expects (or it expects nothing): not an error */
    char reason[256];
    int epochs_run; /* whole ones */
    int64_t steps;
    double train_s, eval_s, samples_per_s;        /* samples/s over train_s */
    double val_acc_final, val_acc_best, test_acc; /* NaN where not applicable */
    int best_epoch;
    rb_stop_state stop; /* of the case's rule; all zero where it has none */
    bool restored;      /* the trainer has the parameters of epoch stop.best_epoch again */
} rb_run_result;

/* Trains `t` as its case says. Status is about the machinery; what became of the run is in result->outcome. */
rb_status rb_train(rb_trainer *t, const rb_run_options *options, rb_run_result *result);

#endif
