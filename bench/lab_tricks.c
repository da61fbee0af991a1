/* lab_tricks.c: document 004: what makes a convolutional network on CIFAR-10 train: rate, momentum, batch norm, skips.
 */
#include "models.h"

static const rb_layer cnn[] = RB_MODEL_CNN(3, 32);
static const rb_layer cnn_bn[] = RB_MODEL_CNN_BN(3, 32);
static const rb_layer resnet_plain[] = RB_MODEL_RESNET_PLAIN;
static const rb_layer resnet_skip[] = RB_MODEL_RESNET_SKIP;

/* Document 004 plots the loss of every step of each of its runs, and tests after the last. */
#define TRICK  .dataset = "cifar", .norms = true
#define RATE   .model = "CNN", .layers = cnn, .batch = 1024, TRICK
#define NORM   .model = "CNN-BN", .layers = cnn_bn, .batch = 256, .epochs = 50, .momentum = 0.9f, TRICK
#define RESNET .batch = 256, .epochs = 30, .optimizer = RB_ADAM, .lr = 0.01f, TRICK

static const rb_case cases[] = {
    {.name = "tricks/lr0.001",
     .title = "a rate of 0.001 is too slow",
     .epochs = 10,
     .lr = 0.001f,
     .expect = RB_EXPECT_ANYTHING,
     RATE},
    {.name = "tricks/lr0.9",
     .title = "a rate of 0.9 does not learn",
     .epochs = 5,
     .lr = 0.9f,
     .expect = RB_EXPECT_FAILS_TO_LEARN,
     RATE},
    {.name = "tricks/lr0.001-momentum",
     .title = "momentum repairs the slow rate",
     .epochs = 10,
     .lr = 0.001f,
     .momentum = 0.9f,
     RATE},
    {.name = "tricks/cnn",
     .title = "without batch norm: what the next two are compared with",
     .model = "CNN",
     .layers = cnn,
     .batch = 256,
     .epochs = 50,
     .lr = 0.01f,
     .momentum = 0.9f,
     TRICK},
    {.name = "tricks/cnn-batchnorm",
     .title = "batch norm is better at the same rate",
     .base = "tricks/cnn",
     .lr = 0.01f,
     NORM},
    {.name = "tricks/cnn-batchnorm-lr0.05", .title = "and bears a larger one", .lr = 0.05f, NORM},
    {.name = "tricks/resnet-plain",
     .title = "ResNet without its skips",
     .model = "ResNet-plain",
     .layers = resnet_plain,
     RESNET},
    {.name = "tricks/resnet-skip", .title = "with them: better", .model = "ResNet", .layers = resnet_skip, RESNET},
    {0},
};

const rb_lab rb_lab_tricks = {"tricks", "what makes a convolutional network train", cases};
