/* lab_trajectory.c: document 002: the norms of parameters and gradient along training, under each regularizer. */
#include "regbench/lab.h"

static const rb_layer tiny_mlp[] = {RB_LINEAR(16), RB_RELU, RB_LINEAR(32), RB_RELU,
                                    RB_LINEAR(24), RB_RELU, RB_LINEAR(10), RB_END};

/* Document 002 normalizes what goes into layers 2 to 4, after the activation, and drops after the second one. */
static const rb_layer tiny_mlp_bn[] = {RB_LINEAR(16), RB_RELU, RB_BATCHNORM, RB_LINEAR(32), RB_RELU, RB_BATCHNORM,
                                       RB_LINEAR(24), RB_RELU, RB_BATCHNORM, RB_LINEAR(10), RB_END};
static const rb_layer tiny_mlp_bn_drop[] = {RB_LINEAR(16), RB_RELU,          RB_BATCHNORM,  RB_LINEAR(32),
                                            RB_RELU,       RB_DROPOUT(0.2f), RB_BATCHNORM,  RB_LINEAR(24),
                                            RB_RELU,       RB_BATCHNORM,     RB_LINEAR(10), RB_END};

#define TRAJECTORY .dataset = "mnist", .epochs = 5, .lr = 0.1f, .norms = true
#define TINY       .model = "TinyMLP", .layers = tiny_mlp, TRAJECTORY

/* Document 002's homework: there on the test set; here on a split of the training set that overfits. */
#define STOP                                                                                                           \
    .model = "TinyMLP", .layers = tiny_mlp, .dataset = "mnist", .n_train = 2000, .n_valid = 10000, .batch = 256,       \
    .epochs = 200, .lr = 0.1f

static const rb_case cases[] = {
    {.name = "trajectory/mlp-b256", .title = "norms of parameters and gradient, batch 256", .batch = 256, TINY},
    {.name = "trajectory/mlp-b512",
     .title = "the same with the batch of 512 that the notebook passes",
     .batch = 512,
     TINY},
    {.name = "trajectory/weight-decay",
     .title = "weight decay 0.05 is too strong: training collapses to 11 % for most seeds",
     .base = "trajectory/mlp-b256",
     .batch = 256,
     .weight_decay = 5e-2f,
     .expect = RB_EXPECT_ANYTHING,
     TINY},
    {.name = "trajectory/l1",
     .title = "L1 1e-4: many weights near zero",
     .base = "trajectory/mlp-b256",
     .batch = 256,
     .l1 = 1e-4f,
     .layer_norms = true,
     TINY},
    {.name = "trajectory/batchnorm",
     .title = "batch norm: learns faster",
     .base = "trajectory/mlp-b256",
     .model = "TinyMLP-BN",
     .layers = tiny_mlp_bn,
     .batch = 256,
     TRAJECTORY},
    {.name = "trajectory/batchnorm-dropout",
     .title = "batch norm and dropout 0.2: the gap between training and validation shrinks",
     .base = "trajectory/batchnorm",
     .model = "TinyMLP-BN-Drop",
     .layers = tiny_mlp_bn_drop,
     .batch = 256,
     TRAJECTORY},
    {.name = "trajectory/early-stop",
     .title = "E_opt: all epochs, and the parameters of the lowest validation loss",
     .stop = {.kind = RB_STOP_OPT},
     STOP},
    {.name = "trajectory/early-stop-gl",
     .title = "GL(5): stops when validation loss is 5 % above its lowest",
     .base = "trajectory/early-stop",
     .stop = {.kind = RB_STOP_GL, .alpha = 5},
     STOP},
    {.name = "trajectory/early-stop-pq",
     .title = "PQ(0.75): the same in proportion to the progress of training, per strip of 5 epochs",
     .base = "trajectory/early-stop",
     .stop = {.kind = RB_STOP_PQ, .alpha = 0.75f, .strip = 5},
     STOP},
    {.name = "trajectory/early-stop-up",
     .title = "UP(3): stops when validation loss rose in 3 strips of 5 epochs in a row",
     .base = "trajectory/early-stop",
     .stop = {.kind = RB_STOP_UP, .count = 3, .strip = 5},
     STOP},
    {0},
};

const rb_lab rb_lab_trajectory = {"trajectory", "the path of training under each regularizer", cases};
