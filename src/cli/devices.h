/* devices.h: which devices there are; asked in a child, because a driver may crash, hang or start threads. */
#ifndef RB_CLI_DEVICES_H
#define RB_CLI_DEVICES_H

#include "cli/options.h"
#include "measure/machine.h"

/* Rows of table devices for -d, or for every device that takes part unnamed. The caller frees rows by
 * rb_device_rows_free. */
rb_status rb_device_rows(const rb_options *o, rb_row **rows, int *n);
void rb_device_rows_free(rb_row *rows, int n);
/* Their selectors, each once. RB_NO_DEVICE where there is none. */
rb_status rb_devices_chosen(const rb_options *o, rb_words *selectors);
/* Adds what their drivers said of themselves then: "opencl:0.driver" and the like; and the noise that
 * `doctor --aa` measured on them, aa_noise_pct. */
rb_status rb_devices_facts(rb_env *env);

#endif
