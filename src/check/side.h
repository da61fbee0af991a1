/* side.h: one of the two sides of an op check: a compiled shape on a device, with its whole store readable. */
#ifndef RB_CHECK_SIDE_H
#define RB_CHECK_SIDE_H

#include "check/shapes.h"
#include "regbench/backend.h"

typedef struct rb_side {
    const rb_backend *backend;
    rb_device *device;
    rb_program *program;
    rb_store *store;
    unsigned char *before[RB_SEGMENTS], *after[RB_SEGMENTS]; /* host images of the whole store */
} rb_side;

/* Compiles the shape for s->device, allocates, fills: rows of random bytes, labels, parameters, momentum, orders with
 * absent rows at their end; activations, metrics and predictions start as NaN. */
rb_status rb__side_new(rb_side *s, const rb_check_shape *shape);
void rb__side_free(rb_side *s);

/* Runs op i of a variant alone, or (i < 0; provider may be NULL) all of them as one step, at the last step of its
 * family's pass (so that bases and slots are not zero), with the store's images before and after. The cursor must
 * advance by one; `after` shows it as it was. */
rb_status rb__side_run(rb_side *s, rb_variant_kind kind, int i, const char **provider);

/* Canonical values of a tensor in an image, integers as floats; of METRIC and predictions only this step's. The caller
 * frees them; NULL when out of memory. */
float *rb__side_canonical(const rb_side *s, const rb_variant *v, const rb_tensor *t,
                          unsigned char *const image[RB_SEGMENTS], int64_t *n);

/* Every number of a padded tensor that belongs to no canonical element is zero, after the last op. */
bool rb__side_padding_is_zero(const rb_side *s, const rb_tensor *t);

#endif
