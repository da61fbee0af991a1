/* build.c: provenance of the program, from CMake. */
#include "measure/build.h"

#include "build_info.h"

const char *rb_build_version(void) { return REGBENCH_VERSION; }
const char *rb_build_commit(void) { return RB_BUILD_COMMIT; }
bool rb_build_dirty(void) { return RB_BUILD_DIRTY; }
const char *rb_build_type(void) { return RB_BUILD_TYPE; }
const char *rb_build_compiler(void) { return RB_BUILD_COMPILER; }
const char *rb_build_flags(void) { return RB_BUILD_SANITIZE ? RB_BUILD_FLAGS " sanitized" : RB_BUILD_FLAGS; }
