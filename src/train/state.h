/* state.h: what training has changed on a device, tensor by tensor, under PyTorch's names and shapes. */
#ifndef RB_TRAIN_STATE_H
#define RB_TRAIN_STATE_H

#include "regbench/backend.h"
#include "train/tensor_file.h"

typedef struct rb__state_tensor {
    rb_tensor tensor;    /* where it is in the store */
    rb__tensor_out file; /* what it is called in a file; `values` is owned */
} rb__state_tensor;

typedef struct rb__state {
    int n;
    rb__state_tensor *at;
} rb__state;

/* Lists the tensors of a program's state, with room for their values: parameters, running statistics, what the
 * optimizer keeps, and with `best` the copy of the best epoch. */
rb_status rb__state_new(const rb_program *program, bool best, rb__state *out);
void rb__state_free(rb__state *s);
rb_status rb__state_get(const rb__state *s, const rb_backend *backend, rb_store *store, const rb_program *program);
rb_status rb__state_put(const rb__state *s, const rb_backend *backend, rb_store *store, const rb_program *program);

#endif
