/* modules.h: the vtables of backends that are modules. Before the first probe or open all other entries are NULL. */
#ifndef RB_BACKEND_MODULES_H
#define RB_BACKEND_MODULES_H

#include "regbench/backend.h"

#define RB_BACKEND(name, only_named)
#define RB_MODULE(name, to_run, to_build) extern rb_backend rb__module_##name;
#include "regbench/backends.def"
#undef RB_BACKEND
#undef RB_MODULE

#endif
