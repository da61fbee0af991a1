/* disturb.h: what about this machine would disturb a measurement, told from the facts of env.csv. */
#ifndef RB_MEASURE_DISTURB_H
#define RB_MEASURE_DISTURB_H

#include "measure/machine.h"

/* found: what is the case; advice: what to do about it, "" where nothing is wrong. Facts that the system does not tell
 * are left out. */
typedef void rb_disturb_tell(void *context, const char *check, const char *found, const char *advice);
void rb_disturbances(const rb_env *env, rb_disturb_tell *tell, void *context);

#endif
