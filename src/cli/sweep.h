/* sweep.h: the parts of a sweep's configuration file. */
#ifndef RB_CLI_SWEEP_H
#define RB_CLI_SWEEP_H

#include <cjson/cJSON.h>

#include "cli/options.h"
#include "regbench/study.h"

struct rb_text;
/* A number as JSON has it written, a word, or a list of them as "a,b,c". RB_INPUT for anything else; `path` and `name`
 * are for the message. */
rb_status rb_sweep_text(const char *path, const cJSON *value, const char *name, struct rb_text *out);

/* Studies that a file asks for: one per case, all on the same axes. */
typedef struct rb_sweep_studies {
    rb_study *list; /* (n + 1), ends with an entry whose name is NULL; NULL where the strategy is grid */
    int n;
    rb_axis axes[RB_STUDY_AXES + 1]; /* names are the JSON's */
    char *values[RB_STUDY_AXES];     /* texts of axes */
    char (*names)[96];
} rb_sweep_studies;

/* Reads "strategy", "budget" and "axes"; `json`, an object, must outlive the studies. RB_INPUT says which key is wrong;
 * also for a parameter or a value that a case does not take. */
rb_status rb_sweep_studies_read(const rb_options *o, const char *path, const cJSON *json, rb_sweep_studies *out);
void rb_sweep_studies_free(rb_sweep_studies *studies);

#endif
