/* linear.c: parts of linear layers. */
#include "opencl/opencl.h"

void rb__cl_lower_linear(rb__cl_plan *plan, rb__cl_item *it) {
    (void)it;
    rb__cl_plan_fail(plan, rb_fail(RB_UNSUPPORTED, "todo"));
}
