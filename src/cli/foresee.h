/* foresee.h: what is impossible and can be known before anything starts: no session folder is made for it. */
#ifndef RB_CLI_FORESEE_H
#define RB_CLI_FORESEE_H

#include "cli/options.h"
#include "regbench/lab.h"

/* The data set is there, or *dataset is what stands in for it; the case compiles on it. *mflop is its work per sample.
 */
rb_status rb_foresee_case(const rb_options *o, const rb_case *c, const char **dataset, double *mflop);
/* Every device opens with --threads and --provider. Only what is wrong on the command line counts (RB_USAGE): a device
 * that fails otherwise costs its own items. */
rb_status rb_foresee_devices(const rb_options *o, const rb_words *devices);

#endif
