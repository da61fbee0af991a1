/* shapes.h: the small models on which every device runs every op. */
#ifndef RB_CHECK_SHAPES_H
#define RB_CHECK_SHAPES_H

#include "regbench/program.h"

enum {
    RB_SHAPE_ADAM = 1u << 0,
    RB_SHAPE_REGRESSION = 1u << 1, /* f32 inputs and targets, mean squared error */
    RB_SHAPE_SOFT = 1u << 2,       /* trains on soft labels, at a temperature */
    RB_SHAPE_ATTACK = 1u << 3,     /* is attacked, and trained on what two steps of an attack make of a batch */
};

typedef struct rb_check_shape {
    const char *name;
    const rb_layer *layers;
    int C, H, W, classes;
    int batch, n_train, n_eval; /* n_train % batch gives the tail */
    float mean, stddev;         /* of u8 data */
    float momentum, weight_decay, l1, l2;
    uint32_t flags; /* RB_SHAPE_* */
    rb_augment augment;
} rb_check_shape;

/* Ends with an entry whose name is NULL. */
extern const rb_check_shape rb_check_shapes[];

#endif
