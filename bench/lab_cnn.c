/* lab_cnn.c: document 001: a convolutional network on MNIST and CIFAR-10; learning rate and momentum. */
#include "models.h"
#include "regbench/study.h"

static const rb_layer mnist[] = RB_MODEL_CNN(1, 28);
static const rb_layer cifar[] = RB_MODEL_CNN(3, 32);

/* What the cases share: document 001's split and batch. What it leaves to the student for CIFAR-10 is ours: the split,
 * ten epochs as on MNIST, momentum. */
#define MNIST                                                                                                          \
    .model = "CNN", .layers = mnist, .dataset = "mnist", .n_train = 50000, .n_valid = 10000, .batch = 1024, .epochs = 10
#define CIFAR                                                                                                          \
    .model = "CNN", .layers = cifar, .dataset = "cifar", .n_train = 40000, .n_valid = 10000, .batch = 1024, .epochs = 10

static const rb_case cases[] = {
    {.name = "cnn/mnist", .title = "learns MNIST: losses and accuracy per epoch, test at the end", .lr = 0.1f, MNIST},
    {.name = "cnn/mnist-lr0.001",
     .title = "a rate of 0.001 is too slow",
     .lr = 0.001f,
     .expect = RB_EXPECT_ANYTHING,
     MNIST},
    {.name = "cnn/mnist-momentum", .title = "momentum repairs the slow rate", .lr = 0.001f, .momentum = 0.9f, MNIST},
    {.name = "cnn/cifar", .title = "the same network underfits CIFAR-10", .lr = 0.1f, CIFAR},
    {.name = "cnn/cifar-momentum",
     .title = "momentum: better, still underfitting",
     .lr = 0.1f,
     .momentum = 0.9f,
     CIFAR},
    {0},
};

static const rb_axis grid[] = {
    {.name = "lr", .values = "0.1,0.01"}, {.name = "batch", .label = "b", .values = "256,512"}, {0}};

static const rb_study studies[] = {
    {.name = "cnn/grid",
     .title = "which rate and batch are best on MNIST: chosen by validation, then tested",
     .kind = RB_STUDY_GRID,
     .base = "cnn/mnist",
     .axes = grid},
    {.name = "cnn/cifar-grid",
     .title = "the same on CIFAR-10, with momentum: tuned is better",
     .kind = RB_STUDY_GRID,
     .base = "cnn/cifar-momentum",
     .axes = grid},
    {0},
};

const rb_lab rb_lab_cnn = {"cnn", "a convolutional network: learning rate, batch, momentum", cases, studies};
