/* lab_trajectory.c: document 002: the norms of parameters and gradient along training, under each regularizer. */
#include "regbench/lab.h"

static const rb_layer tiny_mlp[] = {RB_LINEAR(16), RB_RELU, RB_LINEAR(32), RB_RELU,
                                    RB_LINEAR(24), RB_RELU, RB_LINEAR(10), RB_END};

#define TINY .model = "TinyMLP", .layers = tiny_mlp, .dataset = "mnist", .epochs = 5, .lr = 0.1f, .norms = true

static const rb_case cases[] = {
    {.name = "trajectory/mlp-b256", .title = "norms of parameters and gradient, batch 256", .batch = 256, TINY},
    {.name = "trajectory/mlp-b512",
     .title = "the same with the batch of 512 that the notebook passes",
     .batch = 512,
     TINY},
    {.name = "trajectory/weight-decay",
     .title = "weight decay 0.05 is too strong: training collapses to 11 % for most seeds",
     .batch = 256,
     .weight_decay = 5e-2f,
     .expect = RB_EXPECT_ANYTHING,
     TINY},
    {.name = "trajectory/l1",
     .title = "L1 1e-4: many weights near zero",
     .batch = 256,
     .l1 = 1e-4f,
     .layer_norms = true,
     TINY},
    {0},
};

const rb_lab rb_lab_trajectory = {"trajectory", "the path of training under each regularizer", cases};
