/* reference.h: the two precisions of the reference backend; only the float one can be selected by name. */
#ifndef RB_REFERENCE_REFERENCE_H
#define RB_REFERENCE_REFERENCE_H

#include "regbench/backend.h"

extern const rb_backend rb_backend_reference, rb_backend_reference64;

#endif
