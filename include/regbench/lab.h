/* lab.h: experiments as data. A lab is one file bench/lab_<topic>.c without code; CMake finds it.
 *
 *     const rb_lab rb_lab_size = {"size", "does a larger network learn better?", cases};
 */
#ifndef REGBENCH_LAB_H
#define REGBENCH_LAB_H

#include "regbench/early_stop.h"
#include "regbench/model.h"
#include "regbench/program.h"

typedef enum rb_expect { RB_EXPECT_LEARNS, RB_EXPECT_FAILS_TO_LEARN, RB_EXPECT_DIVERGES, RB_EXPECT_ANYTHING } rb_expect;

typedef enum rb_attack_kind { RB_ATTACK_NONE, RB_ATTACK_FGSM, RB_ATTACK_PGD, RB_ATTACK_KINDS } rb_attack_kind;

/* What becomes of a trained model: its images of the validation split are attacked, once per eps. All strengths are of
 * pixels from 0 to 255. FGSM goes one step of eps; PGD `steps` steps of eps/4, projected to the ball and to the pixels'
 * range after each; both begin at the clean image. */
enum { RB_ATTACK_MOST_EPS = 8 };
typedef struct rb_attack_sweep {
    rb_attack_kind kind;
    int n_eps;
    float eps[RB_ATTACK_MOST_EPS];
    int steps;         /* PGD; 0 = 10 */
    float temperature; /* the gradient is that of softmax(z / temperature); 0 = 1 */
    bool squeeze;      /* ask a detector by feature squeezing which images it would refuse */
} rb_attack_sweep;

/* What a model is trained on instead of its images: what so many steps from them, up the loss of the parameters as they
 * are, make of each batch. One step of eps: Goodfellow et al. (2015); several: Madry et al. (2018). */
enum { RB_ADVERSARY_MOST_STEPS = 16 }; /* each is a pass through the model in the list of ops */
typedef struct rb_adversary {
    int steps; /* 0 = none */
    float eps, step;
} rb_adversary;

typedef struct rb_case {
    const char *name;  /* "size/mlp" */
    const char *title; /* what it must show, one line */
    const char
        *base; /* the case without this one's regularizer, which `regbench effects` compares it with; NULL = none */
    const char *model; /* "MLP", as tables print it */
    const rb_layer *layers;
    const char *dataset;  /* "fashion", "mnist", "cifar", ... */
    int n_train, n_valid; /* split of the training set; both 0: train on all of it, validate on the test set */
    float valid_share;    /* instead of n_valid: this share of the training set, however large that is */
    float label_noise;    /* share of the training set's labels, validation included, that random classes replace */
    bool in_order;        /* no shuffling, nothing drawn per epoch */
    int batch, epochs;
    int window_epochs; /* decide over so many epochs at once, evaluating each: for epochs of a step or two; 0 = one */
    bool fresh_params; /* made data: draw parameters from the seed anew, not after what the data drew from it */
    rb_optimizer_kind optimizer;
    float lr, momentum, weight_decay; /* decay adds weight_decay * w to the gradient, before momentum */
    rb_augment augment;               /* of training images */
    float l1, l2;                     /* loss += l1 * sum|w| + l2 * sum w^2, over all parameters */
    rb_stop_rule stop; /* when to end before `epochs`; but for RB_STOP_NEVER the best epoch's parameters are put back */
    float temperature; /* of the training loss: softmax(z / temperature); 0 = 1 */
    bool distill;      /* on soft labels: what a teacher, the same network trained like this on the labels, says at that
                          temperature */
    rb_adversary adversary;
    rb_attack_sweep attack;
    const char *precision; /* of products: NULL = "fp32"; a run's own choice, not a lab's */
    bool eval_train;       /* evaluate the training set after each epoch too: the document plots that */
    bool norms;            /* record steps.csv without being asked: the norms per step are the case's story */
    bool layer_norms;      /* record layers.csv without being asked: the norms per layer are */
    rb_expect expect;      /* failing as foreseen is the story, not an error */
} rb_case;

typedef struct rb_lab {
    const char *name;
    const char *title;
    const rb_case *cases;           /* ends with an entry whose name is NULL */
    const struct rb_study *studies; /* the same, study.h; NULL = none */
} rb_lab;

/* All labs of this build, NULL-terminated, in alphabetical order of their files. */
const rb_lab *const *rb_labs(void);
/* RB_USAGE with the nearest name where there is none. */
rb_status rb_case_find(const char *name, const rb_case **out);

/* Rows of a training set of n_train that the case splits off for validation; 0: it validates on the test set. */
int64_t rb_case_valid(const rb_case *c, int64_t n_train);

/* A case that can be changed by overrides. */
typedef struct rb_case_edit {
    rb_case c; /* c.layers points to `layers` */
    rb_layer layers[256];
    char dataset[32];    /* c.dataset once it was set */
    char name[96];       /* c.name once it was: a run of a study has a name of its own */
    char overrides[512]; /* "batch=256 lr=0.5", empty when nothing was changed: goes into the row */
} rb_case_edit;
rb_status rb_case_edit_begin(rb_case_edit *edit, const rb_case *c);
/* Names: epochs batch lr momentum l1 l2 weight-decay dropout hflip vflip crop-pad rotate optimizer train-size ..;
 * patience, stop-alpha (GL, PQ), stop-strip (PQ, UP), stop-count (UP) of the case's rule for stopping early; and
 * TAG.units, TAG.p, TAG.slope ...
 * RB_USAGE names the value, what is allowed, and the nearest known name. */
rb_status rb_case_edit_set(rb_case_edit *edit, const char *name, const char *value);
/* After the last edit: RB_USAGE where one of them would change nothing beside the others, momentum with Adam. The order
 * of the edits is no matter. */
rb_status rb_case_edit_check(const rb_case_edit *edit);
void rb_case_edit_copy(const rb_case_edit *from, rb_case_edit *to); /* an edit points into itself */
rb_status rb_case_edit_rename(rb_case_edit *edit, const char *name);

/* What decides the work, as stable text, equal on every backend; its sha256 (first 12 hex digits) is workload_hash. */
struct rb_text;
rb_status rb_case_describe(const rb_case *c, const char *dataset_sha256, int64_t n_train, struct rb_text *text);

#endif
