/* build.h: what this program was built from and how; known when it was compiled. */
#ifndef RB_MEASURE_BUILD_H
#define RB_MEASURE_BUILD_H

#include <stdbool.h>

const char *rb_build_version(void);  /* "0.1.0" */
const char *rb_build_commit(void);   /* 12 hex digits, "unknown" where it was built outside of git */
bool rb_build_dirty(void);           /* the source differed from the commit */
const char *rb_build_type(void);     /* "Release", "Debug", ... */
const char *rb_build_compiler(void); /* "GNU 12.2.0" */
const char *rb_build_flags(void);    /* of C; with "sanitized" where sanitizers are in */

#endif
