/* checkpoint.h: where a run stands at the end of an epoch, as one file from which it goes on with the same bits.
 *
 * The file holds every trained parameter, BatchNorm's running statistics, the optimizer's state, the best epoch's copy
 * where one is in use, and the generator, by PyTorch's names and shapes in canonical order: what one device wrote
 * another resumes. It is a safetensors file (src/train/tensor_file.c), versioned and checksummed, and replaced as a
 * whole: whoever is killed while writing leaves the one before. */
#ifndef REGBENCH_CHECKPOINT_H
#define REGBENCH_CHECKPOINT_H

#include "regbench/train.h"

typedef struct rb_checkpoint_head {
    char case_name[64];  /* of the trainer */
    char overrides[512]; /* as in rb_case_edit */
    char run_id[64];     /* of the run that wrote it */
    char lineage[2048];  /* the runs before, on which that one went on: "RUN_ID:EPOCH:STEP ..", oldest first */
    uint64_t seed;
    rb_epoch_result at; /* the epoch after which it was written: epoch, step, times, validation, best epoch */
    bool best;          /* BEST holds the best epoch's parameters */
} rb_checkpoint_head;

/* At the end of an epoch. Everything of `head` but the case's name is the caller's. RB_DISK, RB_OUTPUT: the file that
 * was there before still is. */
rb_status rb_checkpoint_write(rb_trainer *t, const rb_checkpoint_head *head, const char *path);

typedef struct rb_checkpoint rb_checkpoint;
/* RB_MISSING; RB_INPUT: no checkpoint, of another version, truncated, damaged. */
rb_status rb_checkpoint_open(const char *path, rb_checkpoint **out);
void rb_checkpoint_close(rb_checkpoint *c);
const rb_checkpoint_head *rb_checkpoint_head_of(const rb_checkpoint *c);
/* The case with the overrides that it was trained with. */
rb_status rb_checkpoint_case(const rb_checkpoint *c, rb_case_edit *edit);
/* Appends "RUN_ID:EPOCH:STEP" of the run that wrote it to its lineage: the lineage of a run that goes on from it. */
void rb_checkpoint_lineage(const rb_checkpoint *c, char out[2048]);
/* Puts a fresh trainer where the run stood; rb_run_options.from = &head->at makes rb_train go on there. RB_MISMATCH: of
 * another case, seed, data set or model; the trainer is untouched then. */
rb_status rb_checkpoint_restore(const rb_checkpoint *c, rb_trainer *t, uint64_t seed);

#endif
