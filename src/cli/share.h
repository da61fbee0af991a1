/* share.h: --share: ten lines about a result, fit to be pasted into an issue. */
#ifndef RB_CLI_SHARE_H
#define RB_CLI_SHARE_H

#include "cli/recorder.h"

/* Ten lines for every item that ended well, on stdout: device, driver, system, build, case, what came out, the share of
 * the device's own peak, how it was verified, and a checksum over the nine lines before. Measures the peaks for it. */
rb_status rb_share_print(const rb_recorder *r);

#endif
