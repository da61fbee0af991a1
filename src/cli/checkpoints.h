/* checkpoints.h: the checkpoints of a session: one file per item in its folder `checkpoints`, replaced as it goes on.
 */
#ifndef RB_CLI_CHECKPOINTS_H
#define RB_CLI_CHECKPOINTS_H

#include "core/text.h"
#include "regbench/checkpoint.h"
#include "regbench/report.h"

/* SESSION/checkpoints/size-mlp.cpu.2021.safetensors; with overrides, eight digits of their hash before the end. `row`
 * is a runs row of which the case, device, seed and overrides are known: a later process finds the same name. */
rb_status rb_checkpoint_name(const char *session_dir, const rb_row *row, rb_text *out);
/* The folder in which it lies, if need be. RB_DISK, RB_OUTPUT. */
rb_status rb_checkpoint_folder(const char *session_dir);
/* The runs that the checkpoints of a session continue, each up to where the next went on: rows to keep, although those
 * runs were killed. Files that are no checkpoints are passed over. *out is freed by the caller. */
rb_status rb_checkpoints_kept(const char *session_dir, rb_kept_run **out, int *n);
/* Removes what processes left that were killed while they wrote a checkpoint. The session must be open: no other
 * process is writing to it. */
void rb_checkpoints_sweep(const char *session_dir);
/* Restores `t` from the item's own checkpoint `own` (NULL: not asked for), else from `from` (NULL: none) and sets *at,
 * the lineage of what follows, and *used to the file. An own checkpoint that is unusable is told and left alone; a bad
 * `from` is an error. *used is NULL where the run begins at its beginning. */
rb_status rb_checkpoint_resume(rb_trainer *t, uint64_t seed, const char *own, const char *from, rb_epoch_result *at,
                               char lineage[2048], const char **used);

#endif
