/* tensor_file.h: named tensors and a few texts in one file that proves itself whole: the container of checkpoints. */
#ifndef RB_TRAIN_TENSOR_FILE_H
#define RB_TRAIN_TENSOR_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "regbench/status.h"

typedef enum rb__tensor_type { RB__F32, RB__F64 } rb__tensor_type;

/* A tensor on its way into a file. */
typedef struct rb__tensor_out {
    char name[64];
    rb__tensor_type type;
    int n_dims;
    int64_t dims[4];
    const void *values; /* contiguous */
} rb__tensor_out;

/* Replaces `path` by a file of these texts (pairs of key and value, `n_texts` pairs) and tensors. */
rb_status rb__tensor_file_write(const char *path, const char *const (*texts)[2], int n_texts,
                                const rb__tensor_out *tensors, int n_tensors);

typedef struct rb__tensor_file rb__tensor_file;
/* Reads a file and checks that it is one of ours, of this version, whole and undamaged: RB_INPUT with the reason;
 * RB_MISSING where there is none. */
rb_status rb__tensor_file_read(const char *path, rb__tensor_file **out);
void rb__tensor_file_free(rb__tensor_file *f);
const char *rb__tensor_file_text(const rb__tensor_file *f, const char *key); /* NULL where there is none */
int rb__tensor_file_count(const rb__tensor_file *f);
/* Copies a tensor's values; `want` says name, type and shape. RB_MISMATCH where it is absent or of another shape. */
rb_status rb__tensor_file_get(const rb__tensor_file *f, const rb__tensor_out *want, void *values);

#endif
