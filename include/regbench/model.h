/* model.h: a network as data: a list of layers that ends with RB_END.
 *
 *     static const rb_layer lenet[] = {RB_CONV(6, .kernel = 5, .pad = 2), RB_SIGMOID, RB_AVGPOOL(2), ..., RB_END};
 *
 * A layer takes the output of the layer before it, or of the layer whose `tag` it names with `from`; RB_ADD takes a
 * second input by `with`. That is all a residual network needs. A linear layer flattens what it gets, in PyTorch's
 * order (C, H, W). Parameters are drawn in list order, weight before bias: write a residual block's main path before
 * its shortcut. */
#ifndef REGBENCH_MODEL_H
#define REGBENCH_MODEL_H

#include <stdbool.h>

typedef enum rb_layer_kind {
    RB_LAYER_END = 0,
    RB_LAYER_LINEAR,  /* units = out features */
    RB_LAYER_CONV,    /* units = out channels; kernel, stride, pad; square */
    RB_LAYER_MAXPOOL, /* kernel = stride = window; floor, as in PyTorch */
    RB_LAYER_AVGPOOL,
    RB_LAYER_SIGMOID,
    RB_LAYER_RELU,
    RB_LAYER_LEAKY_RELU, /* slope */
    RB_LAYER_BATCHNORM,  /* over N (and H, W); eps 1e-5, momentum 0.1 */
    RB_LAYER_DROPOUT,    /* p = probability of a zero; inverted */
    RB_LAYER_ADD,        /* elementwise sum with the layer tagged `with` */
    RB_LAYER_KINDS
} rb_layer_kind;

typedef struct rb_layer {
    rb_layer_kind kind;
    int units;  /* features or channels out */
    int in;     /* features or channels in that the author expects, checked; 0 = whatever comes */
    int kernel; /* window side in pixels */
    int stride; /* 0 = 1 for conv, = kernel for pools */
    int pad;    /* zeros on each side */
    bool no_bias;
    float p;          /* dropout probability */
    float slope;      /* leaky ReLU */
    const char *tag;  /* name of this layer's output; also what --set TAG.units=N refers to */
    const char *from; /* input: the layer with this tag instead of the one before */
    const char *with; /* RB_ADD: the second input */
} rb_layer;

/* clang-format off */
#define RB_LINEAR(n, ...)      {.kind = RB_LAYER_LINEAR, .units = (n), __VA_ARGS__}
#define RB_CONV(n, ...)        {.kind = RB_LAYER_CONV, .units = (n), __VA_ARGS__}
#define RB_MAXPOOL(k, ...)     {.kind = RB_LAYER_MAXPOOL, .kernel = (k), __VA_ARGS__}
#define RB_AVGPOOL(k, ...)     {.kind = RB_LAYER_AVGPOOL, .kernel = (k), __VA_ARGS__}
#define RB_LEAKY_RELU(s, ...)  {.kind = RB_LAYER_LEAKY_RELU, .slope = (s), __VA_ARGS__}
#define RB_DROPOUT(prob, ...)  {.kind = RB_LAYER_DROPOUT, .p = (prob), __VA_ARGS__}
#define RB_ADD(second, ...)    {.kind = RB_LAYER_ADD, .with = (second), __VA_ARGS__}
#define RB_SIGMOID             {.kind = RB_LAYER_SIGMOID}
#define RB_RELU                {.kind = RB_LAYER_RELU}
#define RB_RELU_TAG(name)      {.kind = RB_LAYER_RELU, .tag = (name)}
#define RB_BATCHNORM           {.kind = RB_LAYER_BATCHNORM}
#define RB_BATCHNORM_TAG(name) {.kind = RB_LAYER_BATCHNORM, .tag = (name)}
#define RB_END                 {.kind = RB_LAYER_END}
/* clang-format on */

/* Name of a layer kind as dumps and messages print it ("conv", "max-pool"). */
const char *rb_layer_name(rb_layer_kind kind);
/* Number of layers before RB_END. */
int rb_layer_count(const rb_layer *layers);

#endif
