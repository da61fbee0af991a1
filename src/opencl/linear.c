/* linear.c: parts of linear layers. */
#include "opencl/opencl.h"

void rb__cl_lower_linear(rb__cl_plan *plan, rb__cl_item *it) {
    if (plan->device->gpu) {
        rb__cl_lower_gemm(plan, it);
        return;
    }
    rb__cl_plan_fail(plan, rb_fail(RB_UNSUPPORTED, "todo"));
}
