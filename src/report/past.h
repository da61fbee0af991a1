/* past.h: what is known of the rows that a session already has: which items are done, which are damaged. */
#ifndef RB_REPORT_PAST_H
#define RB_REPORT_PAST_H

#include "regbench/report.h"

/* A row of runs, for --resume. */
typedef struct rb__past_run {
    rb_row row;
    char *key;
    uint64_t key_hash, id_hash;
    bool done; /* need not be done again */
} rb__past_run;

typedef struct rb__past {
    const char *dir; /* of the session, for messages */
    rb__past_run *runs;
    int n_runs;
    int last_number; /* highest NNNN of all run_ids */
    char (*env_ids)[65];
    int n_env_ids;
    char (*trials)[160]; /* trial_key */
    int n_trials;
    int found; /* run that the last row belonged to */
    /* while events.jsonl is read */
    char open_run[64];   /* of the line before, where that run has no row of runs yet */
    bool next_damaged;   /* a damaged line came before the next run's first */
    char (*damaged)[64]; /* run_ids */
    int n_damaged;
    const rb_kept_run *kept; /* while CSVs are built anew */
    int n_kept;
} rb__past;

/* Takes in what later questions need of a row; for new rows and old ones alike. */
rb_status rb__past_remember(rb__past *p, const rb_row *row);
/* The same for lines of events.jsonl in their order; `row` NULL: the line is none. `context` is a rb__past. */
rb_status rb__past_follow(void *context, const rb_row *row);
/* Whether a row belongs into the CSVs. Rows of a run that never got its row in runs were left by an interrupted item; a
 * run that must be done again is no trial. */
bool rb__past_whole(void *context, const rb_row *row);
/* The n-th done run like that one, from 0, in order of time; n = -1: the last. NULL where there is none. */
const rb_row *rb__past_run_of(const rb__past *p, const rb_row *like, int n);
/* How many done runs of asked[0]'s phase are like none of these n >= 1; the last of them in `last`. -1: out of memory.
 */
int rb__past_beside(const rb__past *p, const rb_row *asked, int n, const rb_row **last);
bool rb__past_has_trial(const rb__past *p, const rb_row *trial);
bool rb__past_has_env(const rb__past *p, const char *env_id);
void rb__past_free(rb__past *p);

#endif
