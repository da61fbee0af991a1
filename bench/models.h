/* models.h: networks that more than one lab trains. */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include "regbench/lab.h"

/* Two 3x3 convolutions with max-pooling, one linear layer; for 28x28 grey images (the first lab's) or 32x32 colour. */
#define RB_MODEL_CNN(channels, side)                                                                                   \
    {                                                                                                                  \
        RB_CONV(16, .in = (channels), .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2),                                  \
            RB_CONV(32, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2),                                                \
            RB_LINEAR(10, .in = 32 * ((side) / 4) * ((side) / 4)), RB_END                                              \
    }

#endif
