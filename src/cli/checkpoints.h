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
/* Restores `t` from the item's own checkpoint `own` (NULL: not asked for), else from `from` (NULL: none) and sets *at,
 * and *used to the file. An own checkpoint that is unusable is told and left alone; a bad `from` is an error. *used is
 * NULL where the run begins at its beginning. */
rb_status rb_checkpoint_resume(rb_trainer *t, uint64_t seed, const char *own, const char *from, rb_epoch_result *at,
                               const char **used);

#endif
