/* merge.c: neighbouring ops that one part does better together, found by who reads and writes what. */
#include "opencl/opencl.h"

void rb__cl_merge(rb__cl_plan *plan, rb__cl_item *items) { (void)plan, (void)items; }
