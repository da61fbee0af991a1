/* pictures.h: what `run` draws: never worth more than a warning, for the numbers are safe already. */
#ifndef RB_CLI_PICTURES_H
#define RB_CLI_PICTURES_H

#include "cli/options.h"
#include "regbench/train.h"

/* In the child, which has the device, after its row was sent: predictions and first-layer weights of a trained model,
 * and what an attack does to it, as grids in plots/ of the session; of several seeds for the first alone. `row`: what
 * is known of its runs row. */
void rb_pictures_of_run(const rb_options *o, rb_trainer *t, const char *session_dir, const rb_row *row);
/* In the parent, when all rows are written: the charts. */
void rb_pictures_of_session(const rb_options *o, const char *session_dir);

#endif
