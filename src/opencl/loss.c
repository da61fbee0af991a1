/* loss.c: parts of loss layers. */
#include "opencl/opencl.h"

void rb__cl_lower_loss(rb__cl_plan *plan, rb__cl_item *it) {
    (void)it;
    rb__cl_plan_fail(plan, rb_fail(RB_UNSUPPORTED, "todo"));
}
