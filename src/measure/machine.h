/* machine.h: facts about machine, system and build, for env.csv: what a reader needs to judge a number. */
#ifndef RB_MEASURE_MACHINE_H
#define RB_MEASURE_MACHINE_H

#include <stdbool.h>

#include "regbench/report.h"

typedef struct rb_fact {
    char *name, *value;
    bool stable; /* part of the id; false for what changes from hour to hour (load, free memory, job numbers) */
} rb_fact;

typedef struct rb_env {
    rb_fact *facts;
    int n;
    char id[13]; /* first 12 hex digits of the sha256 over the stable facts, in order */
} rb_env;

/* Facts that the system does not tell are left out. */
rb_status rb_env_collect(rb_env *out);
/* Another fact (a library's version, a driver's); the id follows. An empty or NULL value is left out. */
rb_status rb_env_add(rb_env *env, const char *name, const char *value, bool stable);
/* The same for those who add many: the id is that of before, out of memory leaves the fact out. */
void rb__env_note(rb_env *env, const char *name, const char *value, bool stable);
void rb_env_free(rb_env *env);
const char *rb_env_get(const rb_env *env, const char *name); /* "" where there is none */
/* Writes the facts to the session's env.csv, once per id. */
rb_status rb_env_record(const rb_env *env, rb_session *session);

#endif
