/* lab_size.c: document 000: does a larger network learn better? LeNet, an MLP and a deeper MLP on Fashion-MNIST. */
#include "regbench/lab.h"

static const rb_layer lenet[] = {RB_CONV(6, .kernel = 5, .pad = 2),
                                 RB_SIGMOID,
                                 RB_AVGPOOL(2),
                                 RB_CONV(16, .kernel = 5),
                                 RB_SIGMOID,
                                 RB_AVGPOOL(2),
                                 RB_LINEAR(120),
                                 RB_SIGMOID,
                                 RB_LINEAR(84),
                                 RB_SIGMOID,
                                 RB_LINEAR(10),
                                 RB_END};
static const rb_layer mlp[] = {
    RB_LINEAR(120, .tag = "hidden1"), RB_SIGMOID, RB_LINEAR(84, .tag = "hidden2"), RB_SIGMOID, RB_LINEAR(10), RB_END};
static const rb_layer deep_mlp[] = {RB_LINEAR(120), RB_SIGMOID,    RB_LINEAR(120), RB_SIGMOID,    RB_LINEAR(120),
                                    RB_SIGMOID,     RB_LINEAR(84), RB_SIGMOID,     RB_LINEAR(10), RB_END};

static const rb_case cases[] = {
    {.name = "size/lenet",
     .title = "sigmoid LeNet at rate 1 does not learn: it stays at 10 %",
     .model = "LeNet",
     .layers = lenet,
     .dataset = "fashion",
     .batch = 512,
     .epochs = 5,
     .lr = 1.0f,
     .expect = RB_EXPECT_FAILS_TO_LEARN},
    {.name = "size/mlp",
     .title = "a small MLP learns",
     .model = "MLP",
     .layers = mlp,
     .dataset = "fashion",
     .batch = 512,
     .epochs = 10,
     .lr = 1.0f},
    {.name = "size/deep-mlp",
     .title = "two more layers: a plateau near ln 10, then the loss drops",
     .model = "DeepMLP",
     .layers = deep_mlp,
     .dataset = "fashion",
     .batch = 512,
     .epochs = 20,
     .lr = 1.0f,
     .expect = RB_EXPECT_ANYTHING},
    {0},
};

const rb_lab rb_lab_size = {"size", "does a larger network learn better?", cases};
