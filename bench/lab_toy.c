/* lab_toy.c: document 003: ten noisy points of a line, fitted by a network far too large, without and with dropout. */
#include "regbench/lab.h"

static const rb_layer net[] = {RB_LINEAR(300),       RB_LEAKY_RELU(0.01f), RB_LINEAR(500),
                               RB_LEAKY_RELU(0.01f), RB_LINEAR(1),         RB_END};
static const rb_layer net_drop[] = {RB_LINEAR(300),   RB_DROPOUT(0.4f),     RB_LEAKY_RELU(0.01f), RB_LINEAR(500),
                                    RB_DROPOUT(0.2f), RB_LEAKY_RELU(0.01f), RB_LINEAR(1),         RB_END};

/* Every epoch is one step on all ten points; 500 of them are decided at once. */
#define TOY                                                                                                            \
    .dataset = "toy", .in_order = true, .batch = 10, .epochs = 10000, .window_epochs = 500, .optimizer = RB_ADAM,      \
    .lr = 1e-4f, .norms = true

static const rb_case cases[] = {
    {.name = "toy/regression",
     .title = "fits the noise: training loss falls, test loss rises",
     .model = "ToyNet",
     .layers = net,
     TOY},
    {.name = "toy/regression-dropout",
     .title = "dropout on the same points: a smoother fit",
     .base = "toy/regression",
     .model = "ToyNet-Drop",
     .layers = net_drop,
     .fresh_params = true,
     TOY},
    {0},
};

const rb_lab rb_lab_toy = {"toy", "does dropout keep a large network from fitting noise?", cases};
