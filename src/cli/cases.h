/* cases.h: names and globs on the command line become cases, studies and runs of studies. */
#ifndef RB_CLI_CASES_H
#define RB_CLI_CASES_H

#include "cli/options.h"
#include "regbench/lab.h"
#include "regbench/study.h"

/* All cases and studies that the names and globs on the command line stand for, in the labs' order for globs; each
 * once. */
typedef struct rb_case_list {
    int n;
    const rb_case **at;     /* of a study or a run of it: its base case, of a LIST the first */
    const rb_study **study; /* NULL = a case as it is; NULL altogether: all are */
    int *run;               /* this run of the study, -1 = all of them */
} rb_case_list;
/* `all_if_none`: no name stands for every case. RB_USAGE for a name or a glob that matches nothing, and for the name of
 * a study or one of its runs where the verb is neither run nor list: a study's base case is what can be timed, planned
 * and checked. */
rb_status rb_cases_match(const rb_options *o, bool all_if_none, rb_case_list *out);
void rb_cases_free(rb_case_list *list);
/* The verb takes exactly one case. */
rb_status rb_cases_one(const rb_options *o, const rb_case **out);

#endif
