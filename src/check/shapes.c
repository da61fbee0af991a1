/* shapes.c: the op shape table: odd sizes, primes, single rows, edges of tiles, every flag an op can carry.
 *
 * Tiles of the kernels are 8, 12, 14, 16, 32 or 64 wide: sizes stand just below, at and just above their multiples. */
#include "check/shapes.h"

#define LAYERS(name, ...) static const rb_layer name[] = {__VA_ARGS__, RB_END}

LAYERS(linear_small, RB_LINEAR(3));
LAYERS(linear_plain, RB_LINEAR(17), RB_LINEAR(16), RB_LINEAR(10));
LAYERS(linear_no_bias, RB_LINEAR(33, .no_bias = true), RB_RELU, RB_LINEAR(5, .no_bias = true));
LAYERS(linear_sigmoid, RB_LINEAR(31), RB_SIGMOID, RB_LINEAR(15), RB_SIGMOID, RB_LINEAR(7));
LAYERS(linear_leaky, RB_LINEAR(65), RB_LEAKY_RELU(0.01f), RB_LINEAR(13), RB_LEAKY_RELU(0.2f), RB_LINEAR(2));
LAYERS(linear_wide, RB_LINEAR(130), RB_RELU, RB_LINEAR(48), RB_RELU, RB_LINEAR(40));
LAYERS(lenet, RB_CONV(6, .kernel = 5, .pad = 2), RB_SIGMOID, RB_AVGPOOL(2), RB_CONV(16, .kernel = 5), RB_SIGMOID,
       RB_AVGPOOL(2), RB_LINEAR(20), RB_SIGMOID, RB_LINEAR(10));
LAYERS(cnn, RB_CONV(16, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_CONV(32, .kernel = 3, .pad = 1), RB_RELU,
       RB_MAXPOOL(2), RB_LINEAR(10));
LAYERS(conv_one, RB_CONV(5, .kernel = 1), RB_CONV(3, .kernel = 1, .no_bias = true), RB_RELU, RB_LINEAR(4));
LAYERS(conv_stride, RB_CONV(7, .kernel = 3, .stride = 2, .pad = 1), RB_RELU, RB_CONV(18, .kernel = 2, .stride = 2),
       RB_SIGMOID, RB_CONV(9, .kernel = 3, .stride = 3, .pad = 2), RB_LINEAR(6));
LAYERS(conv_five, RB_CONV(17, .kernel = 5, .pad = 4), RB_LEAKY_RELU(0.1f), RB_CONV(33, .kernel = 5, .pad = 2), RB_RELU,
       RB_LINEAR(11));
LAYERS(conv_bare, RB_CONV(8, .kernel = 3), RB_CONV(8, .kernel = 3, .pad = 2), RB_LINEAR(3));
LAYERS(pool_overlap, RB_CONV(4, .kernel = 3, .pad = 1), RB_MAXPOOL(3, .stride = 2), RB_CONV(5, .kernel = 2), RB_RELU,
       RB_AVGPOOL(3, .stride = 1), RB_LINEAR(4));
LAYERS(pool_bare, RB_MAXPOOL(2), RB_CONV(3, .kernel = 2), RB_AVGPOOL(2), RB_MAXPOOL(1), RB_LINEAR(3));
LAYERS(pool_floor, RB_CONV(19, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_AVGPOOL(4), RB_SIGMOID,
       RB_LINEAR(10));
LAYERS(pool_narrow, RB_CONV(14, .kernel = 3, .pad = 1), RB_RELU, RB_CONV(2, .kernel = 3, .pad = 1), RB_RELU,
       RB_MAXPOOL(2), RB_LINEAR(4));
LAYERS(residual, RB_CONV(16, .kernel = 3, .pad = 1), RB_RELU_TAG("in"), RB_CONV(16, .kernel = 3, .pad = 1), RB_RELU,
       RB_CONV(16, .kernel = 3, .pad = 1), RB_ADD("in"), RB_RELU_TAG("block"),
       RB_CONV(20, .kernel = 3, .stride = 2, .pad = 1, .tag = "main"),
       RB_CONV(20, .kernel = 1, .stride = 2, .from = "block"), RB_ADD("main"), RB_RELU, RB_AVGPOOL(3), RB_LINEAR(5));
LAYERS(conv_wide, RB_CONV(5, .kernel = 3, .stride = 2, .pad = 1), RB_RELU, RB_CONV(4, .kernel = 2), RB_LINEAR(3));
LAYERS(conv_deep, RB_CONV(150, .kernel = 3, .pad = 1, .no_bias = true), RB_RELU, RB_CONV(150, .kernel = 3, .pad = 1),
       RB_LINEAR(4));
LAYERS(sums, RB_LINEAR(19), RB_RELU_TAG("a"), RB_SIGMOID, RB_ADD("a"), RB_ADD("a"), RB_LINEAR(19, .tag = "b"),
       RB_LINEAR(19, .from = "a"), RB_ADD("b"), RB_LINEAR(19), RB_ADD("a"), RB_LINEAR(4));
/* Nothing linear with a bias stands right before a batch norm, nor two rows of features: such gradients are zero but
 * for rounding, and there is nothing to compare. With fewer rows than features between three of them, rounding grows
 * tenfold. */
LAYERS(norm_plain, RB_LINEAR(17, .no_bias = true), RB_BATCHNORM, RB_RELU, RB_LINEAR(16), RB_RELU, RB_BATCHNORM,
       RB_LINEAR(9), RB_LEAKY_RELU(0.1f), RB_BATCHNORM, RB_SIGMOID, RB_LINEAR(5));
LAYERS(norm_bare, RB_BATCHNORM, RB_LINEAR(3));
LAYERS(norm_conv, RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU, RB_MAXPOOL(2),
       RB_CONV(33, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_LEAKY_RELU(0.1f),
       RB_CONV(5, .kernel = 2, .no_bias = true), RB_BATCHNORM, RB_AVGPOOL(2), RB_LINEAR(7));
LAYERS(norm_residual, RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU_TAG("in"),
       RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU,
       RB_CONV(16, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_ADD("in"), RB_RELU_TAG("block"),
       RB_CONV(24, .kernel = 3, .stride = 2, .pad = 1, .no_bias = true), RB_BATCHNORM, RB_RELU,
       RB_CONV(24, .kernel = 3, .pad = 1, .no_bias = true), RB_BATCHNORM_TAG("main"),
       RB_CONV(24, .kernel = 1, .stride = 2, .no_bias = true, .from = "block"), RB_BATCHNORM, RB_ADD("main"), RB_RELU,
       RB_AVGPOOL(3), RB_LINEAR(5));
LAYERS(norm_twice, RB_LINEAR(10, .tag = "in"), RB_BATCHNORM, RB_ADD("in"), RB_LINEAR(3)); /* its gradient adds */
LAYERS(drop_plain, RB_LINEAR(30), RB_RELU, RB_DROPOUT(0.2f), RB_LINEAR(21), RB_DROPOUT(0.5f), RB_LEAKY_RELU(0.01f),
       RB_LINEAR(4));
LAYERS(drop_conv, RB_CONV(19, .kernel = 3), RB_DROPOUT(0.3f), RB_RELU, RB_CONV(6, .kernel = 2, .no_bias = true),
       RB_BATCHNORM, RB_DROPOUT(0.9f), RB_LINEAR(6));
LAYERS(drop_twice, RB_DROPOUT(0.25f), RB_LINEAR(11, .tag = "in"), RB_DROPOUT(0.4f), RB_ADD("in"), RB_LINEAR(2));
LAYERS(toy, RB_LINEAR(30), RB_LEAKY_RELU(0.01f), RB_LINEAR(50), RB_LEAKY_RELU(0.01f), RB_LINEAR(1));
LAYERS(toy_drop, RB_LINEAR(30), RB_DROPOUT(0.4f), RB_LEAKY_RELU(0.01f), RB_LINEAR(50), RB_DROPOUT(0.2f),
       RB_LEAKY_RELU(0.01f), RB_LINEAR(1));
LAYERS(soft, RB_LINEAR(23), RB_RELU, RB_LINEAR(19));
LAYERS(act_alone, RB_RELU, RB_LINEAR(6), RB_SIGMOID, RB_SIGMOID, RB_LEAKY_RELU(0.5f), RB_LINEAR(3));
LAYERS(act_drop, RB_LEAKY_RELU(0.5f), RB_DROPOUT(0.3f), RB_LINEAR(6), RB_SIGMOID, RB_LINEAR(3));
/* Few filters on one channel, a mean that leaves a rest; few channels whose gradients are added. */
LAYERS(planar_rest, RB_CONV(7, .kernel = 5, .pad = 1), RB_LEAKY_RELU(0.1f), RB_AVGPOOL(3),
       RB_CONV(5, .kernel = 3, .pad = 1), RB_RELU_TAG("in"), RB_CONV(18, .kernel = 3, .pad = 1), RB_RELU,
       RB_CONV(5, .kernel = 3, .pad = 1), RB_ADD("in"), RB_RELU, RB_LINEAR(4));
LAYERS(planar_bare, RB_CONV(4, .kernel = 3, .pad = 1), RB_AVGPOOL(2), RB_LINEAR(4));

const rb_check_shape rb_check_shapes[] = {
    {"linear, one row", linear_small, 1, 1, 1, 3, 1, 2, 1, 0, 1, 0, 0, 0, 0, 0},
    {"linear, batch 7, tail 3", linear_plain, 1, 5, 7, 10, 7, 10, 5, 0, 1, 0.9f, 0, 0, 0, 0},
    {"linear without bias", linear_no_bias, 3, 3, 3, 5, 12, 25, 13, 0.5f, 0.5f, 0, 0.1f, 0, 0, 0},
    {"linear, sigmoid", linear_sigmoid, 1, 4, 4, 7, 16, 33, 16, 0, 1, 0, 0, 1e-2f, 0, 0},
    {"linear, leaky relu", linear_leaky, 2, 3, 5, 2, 13, 14, 27, 0.5f, 0.25f, 0.5f, 0.01f, 1e-3f, 1e-2f, 0},
    {"linear, wide", linear_wide, 1, 28, 28, 40, 37, 70, 40, 0, 1, 0, 0, 0, 1e-3f, 0},
    {"LeNet", lenet, 1, 28, 28, 10, 6, 11, 7, 0, 1, 0, 0, 0, 0, 0},
    {"CNN, grey", cnn, 1, 28, 28, 10, 5, 8, 6, 0, 1, 0.9f, 0, 0, 0, 0},
    {"CNN, colour", cnn, 3, 32, 32, 10, 3, 5, 4, 0, 1, 0, 0, 0, 0, 0},
    {"convolution 1x1", conv_one, 2, 3, 5, 4, 4, 9, 3, 0, 1, 0, 0, 0, 0, 0},
    {"convolution, 1x1 image", conv_one, 17, 1, 1, 4, 3, 4, 3, 0, 1, 0, 0, 0, 0, 0},
    {"convolution with strides", conv_stride, 3, 13, 11, 6, 5, 7, 6, 0.5f, 0.5f, 0, 0, 0, 0, 0},
    {"convolution 5x5, wide padding", conv_five, 2, 6, 9, 11, 3, 4, 5, 0, 1, 0, 0, 0, 0, 0},
    {"convolution without activation", conv_bare, 1, 7, 5, 3, 2, 3, 3, 0, 1, 0, 0, 0, 0, 0},
    {"overlapping pools", pool_overlap, 3, 11, 12, 4, 3, 5, 4, 0, 1, 0, 0, 0, 0, 0},
    {"pools on the input", pool_bare, 2, 7, 9, 3, 5, 6, 5, 0, 1, 0, 0, 0, 0, 0},
    {"pools that leave a rest", pool_floor, 1, 15, 13, 10, 4, 7, 9, 0, 1, 0, 0, 0, 0, 0},
    {"pool behind a narrow convolution", pool_narrow, 1, 6, 8, 4, 5, 7, 6, 0, 1, 0, 0, 0, 0, 0},
    {"few channels", planar_rest, 1, 10, 95, 4, 3, 5, 4, 0, 1, 0, 0, 0, 0, 0},
    {"residual blocks", residual, 3, 6, 6, 5, 3, 5, 4, 0, 1, 0.9f, 0, 0, 0, 0},
    {"wide image with strides", conv_wide, 2, 5, 67, 3, 3, 4, 3, 0, 1, 0, 0, 0, 0, 0},
    {"convolution with many channels", conv_deep, 3, 4, 5, 4, 9, 14, 10, 0, 1, 0, 0, 0, 0, 0},
    {"one value added twice", sums, 1, 4, 5, 4, 9, 11, 10, 0, 1, 0, 0, 0, 0, 0},
    {"activations alone", act_alone, 1, 3, 7, 3, 9, 11, 10, 0.5f, 0.5f, 0, 0, 0, 0, 0},
    {"batch norm of features", norm_plain, 1, 4, 5, 5, 37, 97, 45, 0, 1, 0.9f, 0, 0, 0, 0},
    {"batch norm on the input", norm_bare, 19, 1, 1, 3, 5, 12, 6, 0.5f, 0.5f, 0, 0, 0, 0, 0}, /* a tail of two rows */
    {"batch norm of channels", norm_conv, 3, 13, 11, 7, 5, 8, 6, 0, 1, 0, 0, 0, 0, 0},
    {"residual blocks with batch norm", norm_residual, 3, 6, 6, 5, 3, 5, 4, 0, 1, 0, 0, 0, 0, RB_SHAPE_ADAM},
    {"batch norm added to its input", norm_twice, 1, 4, 3, 3, 6, 9, 7, 0, 1, 0, 0, 0, 0, 0},
    {"dropout", drop_plain, 1, 5, 5, 4, 9, 14, 10, 0, 1, 0, 0, 0, 0, 0},
    {"dropout of channels", drop_conv, 2, 7, 5, 6, 4, 7, 5, 0, 1, 0, 0, 0, 0, 0},
    {"dropout of the input, added to its input", drop_twice, 3, 3, 5, 2, 5, 8, 6, 0, 1, 0, 0, 0, 0, 0},
    {"regression, Adam", toy, 1, 1, 1, 1, 10, 10, 40, 0, 1, 0, 0, 0, 0, RB_SHAPE_ADAM | RB_SHAPE_REGRESSION},
    {"regression with dropout, penalties", toy_drop, 1, 1, 1, 1, 10, 10, 40, 0, 1, 0, 0.1f, 1e-3f, 1e-2f,
     RB_SHAPE_ADAM | RB_SHAPE_REGRESSION},
    {"regression of five columns", linear_plain, 3, 3, 5, 10, 7, 17, 12, 0, 1, 0.9f, 0, 0, 0, RB_SHAPE_REGRESSION},
    {"augmented images, grey", linear_plain, 1, 7, 5, 10, 9, 23, 11, 0, 1, 0, 0, 0, 0, 0,
     .augment = {.hflip = 0.5f, .vflip = 0.3f, .crop_pad = 2, .rotate = 20}},
    {"augmented images, colour", cnn, 3, 13, 15, 10, 5, 13, 6, 0, 1, 0, 0, 0, 0, 0,
     .augment = {.hflip = 0.5f, .crop_pad = 1, .rotate = 70}},
    {"augmented images, LeNet", lenet, 1, 28, 28, 10, 3, 7, 4, 0, 1, 0, 0, 0, 0, 0, .augment = {.crop_pad = 4}},
    {"soft labels", soft, 1, 4, 5, 19, 7, 17, 12, 0, 1, 0, 0, 0, 0, RB_SHAPE_SOFT},
    {"attack, linear", linear_leaky, 1, 5, 7, 2, 13, 27, 21, 0.5f, 0.5f, 0.9f, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, linear, whole vectors", linear_plain, 3, 4, 4, 10, 9, 20, 14, 0.5f, 0.25f, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, linear, one row", linear_small, 2, 1, 1, 3, 1, 2, 1, 0, 1, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, CNN, colour", cnn, 3, 9, 11, 10, 5, 8, 6, 0.5f, 0.5f, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, LeNet", lenet, 1, 16, 14, 10, 3, 5, 4, 0, 1, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, planar convolution without activation", planar_bare, 1, 7, 6, 4, 4, 7, 5, 0, 1, 0, 0, 0, 0,
     RB_SHAPE_ATTACK},
    {"attack, strides", conv_stride, 3, 13, 11, 6, 4, 7, 6, 0.5f, 0.5f, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, pools on the input", pool_bare, 2, 7, 9, 3, 5, 6, 5, 0, 1, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, activations alone, dropout", act_drop, 1, 3, 7, 3, 9, 11, 10, 0.5f, 0.5f, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {"attack, residual blocks", residual, 3, 6, 6, 5, 3, 5, 4, 0, 1, 0, 0, 0, 0, RB_SHAPE_ATTACK},
    {0},
};
