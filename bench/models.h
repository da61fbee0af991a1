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

/* The same with batch norm after each convolution. */
#define RB_MODEL_CNN_BN(channels, side)                                                                                \
    {                                                                                                                  \
        RB_CONV(16, .in = (channels), .kernel = 3, .pad = 1), RB_BATCHNORM, RB_RELU, RB_MAXPOOL(2),                    \
            RB_CONV(32, .kernel = 3, .pad = 1), RB_BATCHNORM, RB_RELU, RB_MAXPOOL(2),                                  \
            RB_LINEAR(10, .in = 32 * ((side) / 4) * ((side) / 4)), RB_END                                              \
    }

/* ResNet with two blocks at each of 64, 128, 256 and 512 channels, for 32x32 colour images. A block: conv 3x3, batch
 * norm, ReLU, conv 3x3, batch norm, plus what came in (through a 1x1 convolution and batch norm where the shape
 * changes), ReLU. PLAIN lacks the sums. */
#define RB_RESNET_BODY(K, s)                                                                                           \
    RB_CONV(K, .kernel = 3, .pad = 1, .stride = (s), .no_bias = true), RB_BATCHNORM, RB_RELU,                          \
        RB_CONV(K, .kernel = 3, .pad = 1, .no_bias = true)
#define RB_RESNET_PLAIN(K, s)            RB_RESNET_BODY(K, s), RB_BATCHNORM, RB_RELU
#define RB_RESNET_SAME(K, input, output) RB_RESNET_BODY(K, 1), RB_BATCHNORM, RB_ADD(input), RB_RELU_TAG(output)
#define RB_RESNET_WIDER(K, input, output)                                                                              \
    RB_RESNET_BODY(K, 2), RB_BATCHNORM_TAG(output "-main"),                                                            \
        RB_CONV(K, .kernel = 1, .stride = 2, .no_bias = true, .from = input), RB_BATCHNORM, RB_ADD(output "-main"),    \
        RB_RELU_TAG(output)
#define RB_RESNET_STEM RB_CONV(64, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU_TAG("stem")
#define RB_RESNET_HEAD RB_AVGPOOL(4), RB_LINEAR(10), RB_END
#define RB_MODEL_RESNET_PLAIN                                                                                          \
    {                                                                                                                  \
        RB_RESNET_STEM, RB_RESNET_PLAIN(64, 1), RB_RESNET_PLAIN(64, 1), RB_RESNET_PLAIN(128, 2),                       \
            RB_RESNET_PLAIN(128, 1), RB_RESNET_PLAIN(256, 2), RB_RESNET_PLAIN(256, 1), RB_RESNET_PLAIN(512, 2),        \
            RB_RESNET_PLAIN(512, 1), RB_RESNET_HEAD                                                                    \
    }
#define RB_MODEL_RESNET_SKIP                                                                                           \
    {                                                                                                                  \
        RB_RESNET_STEM, RB_RESNET_SAME(64, "stem", "1a"), RB_RESNET_SAME(64, "1a", "1b"),                              \
            RB_RESNET_WIDER(128, "1b", "2a"), RB_RESNET_SAME(128, "2a", "2b"), RB_RESNET_WIDER(256, "2b", "3a"),       \
            RB_RESNET_SAME(256, "3a", "3b"), RB_RESNET_WIDER(512, "3b", "4a"), RB_RESNET_SAME(512, "4a", "4b"),        \
            RB_RESNET_HEAD                                                                                             \
    }

#endif
